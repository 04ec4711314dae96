"""A company in ClickHouse: its months leave PostgreSQL, and every answer stays."""

from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..metering_engine import driver_of

# a module, because a class that is imported would be played here a second time
from . import test_usage_store_month
from .test_usage_store_clickhouse import ClickhouseCase
from .test_usage_store_month import MONTH, OLD

LOGGER = "odoo.addons.usage_billing.models.usage_store_month"


@tagged("post_install", "-at_install")
class TestUsageStorePruned(
    ClickhouseCase, test_usage_store_month.MonthCase, TransactionCase
):
    ship_every = 10**9

    def setUp(self):
        super().setUp()
        self.sum = self._create_meter("cpu")
        self.peak = self._create_meter("cpu", aggregation="percentile", percentile="50")
        self.march = self._period("1999-03-01", self.old)
        self.batch = self._send_old(1, 2, 4)
        self._ship_all()
        self._bill()

    def _answers(self):
        """What people ask, of quantities that rollups have and of those they do not."""
        return (
            [
                (row.meter_id, row.quantity, row.count)
                for row in self.store.aggregate(self.march)
            ],
            [
                (row.start, row.quantity)
                for row in self.store.usage(
                    self.old, self.sum, OLD, OLD + timedelta(days=1), "hour"
                )
            ],
            [
                (event.event_id, event.value)
                for event in self.store.explain(self.march, self.sum)
            ],
            [event.event_id for event in self.store.stream(self.march, self.peak)],
            self.store.verify(self.march),
        )

    def _shipment(self):
        return self.env["usage.shipment"].search([("batch_id", "=", self.batch.id)])

    def test_every_answer_is_the_same_without_the_rows_in_postgresql(self):
        before = self._answers()
        self.assertEqual(before[0][0][1:], (Decimal(7), 3))
        self.assertEqual([quantity for _start, quantity in before[1]], [1, 2, 4])
        self.months._archive(MONTH)
        self.assertEqual(self._content(), [])
        self.env.invalidate_all()
        self.assertEqual(self._answers(), before)
        self.assertTrue(self._shipment().is_pruned)
        self.assertEqual(self._counts(self._send_old(1, 2, 4)), (0, 3, 0, 0))
        self.months._restore(MONTH)
        self.assertEqual(len(self._content()), 3)
        self.env.invalidate_all()
        self.assertEqual(self._answers(), before)
        self.assertFalse(self._shipment().is_pruned)

    def test_a_subject_is_answered_alone_after_its_month_left(self):
        self.env["usage.subject"].create(
            {"subject": "old-2", "subscription_id": self.old.id}
        )
        self._send([test_usage_store_month.event(8, "8", OLD, subject="old-2")])
        self._ship_all()
        span = OLD, OLD + timedelta(days=1)
        answers = []
        for leave in (lambda: None, lambda: self.months._archive(MONTH)):
            self._bill()
            leave()
            self.env.invalidate_all()
            answers.append(
                (
                    self.store.subjects(self.old, self.sum, *span),
                    *(
                        row.quantity
                        for subject in ("old-1", "old-2", "nobody")
                        for row in self.store.usage(
                            self.old, self.sum, *span, "day", subject=subject
                        )
                    ),
                )
            )
        self.assertEqual(self._content(), [])
        self.assertEqual(answers[0], ({self.old.id: {"old-1", "old-2"}}, 7, 8))
        self.assertEqual(answers[1], answers[0])

    def test_a_month_that_clickhouse_lost_stays(self):
        self._mutate("ALTER TABLE usage_event DELETE WHERE event_id = 'e2'")
        with self.assertRaisesRegex(UserError, "does not hold all"):
            self.months._archive(MONTH)
        self.assertEqual(len(self._content()), 3)

    def test_a_month_that_changed_in_clickhouse_stays(self):
        self._mutate(
            "ALTER TABLE usage_event UPDATE value = value + 1 WHERE event_id = 'e2'"
        )
        with self.assertRaisesRegex(UserError, "does not hold all"):
            self.months._archive(MONTH)

    def test_a_month_stays_while_clickhouse_is_away(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("usage_billing.clickhouse_url", "clickhouse://127.0.0.1:9")
        with self.assertRaisesRegex(UserError, "ClickHouse does not answer"):
            self.months._archive(MONTH)
        self.assertEqual(len(self._content()), 3)

    def test_the_company_cannot_move_without_its_archived_months(self):
        company = self.env.company
        self.months._archive(MONTH)
        company.action_usage_store_move()
        with (
            patch.object(type(company), "_usage_store_commit", lambda self: None),
            patch.object(self.env.cr, "rollback"),
        ):
            company._usage_store_continue()
        self.assertEqual(company.usage_store_engine, "clickhouse")
        self.assertIn("archived months back", company.usage_store_problem)
        company.action_usage_store_stay()
        company.sudo().usage_store_engine = "postgres"
        with self.assertRaisesRegex(UserError, "1999-03, to begin with"):
            company.action_usage_store_move()

    def test_details_are_erased_in_clickhouse_too(self):
        self._send_old(8)
        self._ship_all()
        self.env["usage.period"].flush_model()
        driver = driver_of(self.env)
        known = (
            "SELECT countIf(has(prop_values, 'somebody')), sum(value) FROM usage_event"
        )
        self.assertEqual(driver.query(known), [(4, Decimal(15))])
        self.env.company.usage_property_months = 12
        self.months._forget_properties()
        self._wait_for_mutations()
        self.assertEqual(driver.query(known), [(0, Decimal(15))])
        self.assertFalse(self._shipment().checksum)
        self._bill()  # what came late
        # by number only, after that
        self.months._archive(MONTH)
        with mute_logger(LOGGER):
            parameters = self.env["ir.config_parameter"]
            parameters.set_param(
                "usage_billing.clickhouse_url", "clickhouse://127.0.0.1:9"
            )
            self.months._forget_properties()  # tomorrow again

    def test_details_of_open_periods_stay_in_clickhouse(self):
        self._send(
            [
                test_usage_store_month.event(
                    50, at=datetime(2026, 9, 3), properties={"who": "somebody"}
                )
            ]
        )
        self._ship_all()
        self.env.company.usage_property_months = 1
        self.months._forget_properties()
        self._wait_for_mutations()
        known = "SELECT countIf(has(prop_values, 'somebody')) FROM usage_event"
        self.assertEqual(driver_of(self.env).query(known), [(1,)])
