"""Billing what archived events are part of."""

import tempfile
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from odoo.tests import tagged

from ..metering import schema
from ..metering.connection import exact_cursor
from ..metering_bridge import Store
from .common import UsageCase


@tagged("post_install", "-at_install")
class TestBillingRunArchived(UsageCase):
    """A period of two months, the first of which left when it was billed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        cls.env["ir.config_parameter"].set_param(
            "usage_billing.archive_folder", str(Path(folder.name))
        )
        cls.months = cls.env["usage.store.month"]
        # another transaction would wait for this one
        schema.create_leaves(cls.env.cr, [199903, 199904])
        cls.classPatch(Store, "_partition_cursor", cls._same_transaction)
        cls.calls = cls._create_meter("api")

    @staticmethod
    @contextmanager
    def _same_transaction(store):
        yield exact_cursor(store.env.cr)

    def _create_old_plan(self, meter):
        charge = {
            "name": "Traffic",
            "model": "per_unit",
            "meter_id": meter.id,
            "unit_price": "1",
        }
        return self._create_plan([charge], valid_from="1999-01-01")

    def _prepare(self, meter):
        """A subscription billed for 15 March to 15 April, March is archived."""
        subscription = self._create_subscription(
            self._create_old_plan(meter),
            date_start="1999-03-15",
            date_end="1999-05-15",
            calendar_aligned=False,
            anchor_day=15,
        )
        for value, day in ((9, datetime(1999, 3, 20)), (4, datetime(1999, 4, 5))):
            self._add_usage(subscription, meter.event_type, value, at=day)
        self._bill("1999-05-31")
        self.months._archive(199903)
        return subscription

    def _late(self, subscription, meter, value):
        self._add_usage(subscription, meter.event_type, value, at=datetime(1999, 4, 6))

    def test_sums_are_billed_without_the_archive(self):
        subscription = self._prepare(self.calls)
        self._late(subscription, self.calls, 5)
        run = self._bill("1999-05-31")
        self.assertFalse(run.held_line_ids)
        self.assertEqual(run.rated_line_ids.mapped("amount"), [Decimal(5)])

    def test_what_needs_archived_events_is_held_in_words(self):
        middle = self._create_meter("level", aggregation="percentile", percentile="100")
        subscription = self._prepare(middle)
        other = self._create_subscription(
            self._create_old_plan(self.calls),
            date_start="1999-04-01",
            date_end="1999-05-01",
        )
        self._add_usage(other, "api", 7, at=datetime(1999, 4, 3))
        self._late(subscription, middle, 11)

        run = self._create_run("1999-05-31")
        run.action_compute()
        held = run.held_line_ids
        self.assertEqual(held.subscription_id, subscription)
        self.assertIn("Events of 1999-03 are in the archive", held.reason)
        self.assertIn("Months of Events", held.reason)
        self.assertEqual(run.rated_line_ids.subscription_id, other)

        # brought back, it is billed for the difference, and once
        self.months._restore(199903)
        held.action_retry()
        self.assertFalse(run.held_line_ids)
        rated = run.rated_line_ids.filtered(
            lambda line: line.subscription_id == subscription
        )
        self.assertEqual(sum(rated.mapped("amount")), Decimal(2))
        run.action_approve()
        run.action_post()
        again = self._create_run("1999-05-31")
        again.action_compute()
        self.assertFalse(again.rated_line_ids)
