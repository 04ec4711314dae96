"""Months of the store: made ahead, archived, brought back; what is late or early."""

import gzip
import tempfile
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..metering import archive, schema
from ..metering.connection import exact_cursor
from ..metering.finding import Search
from ..metering_bridge import Store
from .test_usage_store import SEPTEMBER, StoreCase, event

#: older than any other test's events: months leave oldest first
OLD = datetime(1999, 3, 10, 12)
MONTH = 199903


class MonthCase(StoreCase):
    """Events of a month that is older than any other, and a folder for its archive."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(cls._remove_folder)
        cls.env["ir.config_parameter"].set_param(
            "usage_billing.archive_folder", str(cls.folder)
        )
        cls.old = cls._create_store_subscription("old-1", date_start="1999-01-01")
        cls.months = cls.env["usage.store.month"]
        # All here, because this transaction does not list what another one makes, and
        # another one would wait for it.
        schema.create_leaves(cls.env.cr, [MONTH, 202608, 202609, 202610])

    @classmethod
    def _remove_folder(cls):
        for path in sorted(cls.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        cls.folder.rmdir()

    def _send_old(self, *numbers, **kw):
        return self._send(
            [
                event(
                    number,
                    str(number),
                    OLD + timedelta(hours=number),
                    subject="old-1",
                    properties={"who": "somebody"},
                    **kw,
                )
                for number in numbers
            ]
        )

    def setUp(self):
        super().setUp()
        # another transaction would wait for this one
        self.patch(Store, "_partition_cursor", self._same_transaction)

    @staticmethod
    @contextmanager
    def _same_transaction(store):
        yield exact_cursor(store.env.cr)

    def _bill(self):
        """As a billing run does it: what is counted now is what was billed."""
        prints = self.store.fingerprints(self.old.period_ids)
        for period in self.old.period_ids.sudo():
            period.write(
                {"state": "billed", "billed_fingerprint": prints.get(period.id, "")}
            )
        self.env.flush_all()

    def _content(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT e::text FROM usage_store_event e"
            " WHERE subject = 'old-1' ORDER BY id"
        )
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestUsageStoreMonth(MonthCase):
    # ------------------------------------------------------------------
    # archive
    # ------------------------------------------------------------------
    def test_month_leaves_and_comes_back_as_it_was(self):
        meter = self._create_meter("cpu")
        self._send_old(1, 2, 3)
        self._bill()
        before = self._content()
        self.assertEqual(len(before), 3)
        manifest = self.months._archive(MONTH)
        self.assertEqual((manifest["events"], manifest["value_sum"]), (3, "6"))
        self.assertEqual(self._content(), [])
        period = self._period("1999-03-01", self.old)
        self.assertEqual(self._quantities(period, meter), {("1999-03-01",): Decimal(6)})
        listed = self.months.browse(MONTH)
        self.assertEqual((listed.name, listed.state), ("1999-03", "archived"))
        self.assertTrue((Path(listed.path) / archive.MANIFEST).exists())
        self.months._restore(MONTH)
        self.assertEqual(self._content(), before)
        self.assertEqual(self.store.verify(self.old.period_ids), [])
        # a second time, over what the first one left
        self.months._archive(MONTH)
        self.months._restore(MONTH)
        self.assertEqual(self._content(), before)

    def test_archived_events_stay_known_and_late_ones_wait(self):
        self._create_meter("cpu")
        self._send_old(1, 2)
        self._bill()
        self.months._archive(MONTH)
        batch = self._send_old(1, 2, 7)
        self.assertEqual(self._counts(batch), (0, 2, 1, 0))
        self.assertEqual(batch.quarantine_ids.reason_code, "archived")
        self.months._restore(MONTH)
        self.assertEqual(self._counts(self._send_old(7, 8)), (2, 0, 0, 0))

    def test_an_archived_event_is_not_said_to_have_never_come(self):
        self._create_meter("cpu")
        self._send_old(1, 2)
        self._bill()
        wizard = self.env["usage.event.find"].create({"event_id": "e1"})
        self.assertNotIn("1999-03", wizard.result_html)
        self.months._archive(MONTH)
        wizard.invalidate_recordset()
        self.assertEqual(wizard._find(), [])
        self.assertIn("1999-03", wizard.result_html)
        self.assertNotIn("has not arrived", wizard.result_html)
        ((source, time, found),) = self.store.find_archived(self.source, "e1")
        self.assertEqual((source, time), (self.source, OLD + timedelta(hours=1)))
        self.assertEqual((found.event_id, found.value), ("e1", Decimal(1)))
        self.assertEqual((found.subject, found.is_live), ("old-1", True))
        self.assertEqual(found.properties, {"who": "somebody"})
        self.assertEqual(self.store.find_archived(self.source, "e99"), [])
        wizard.event_id = "e99"
        self.assertIn("has not arrived", wizard.result_html)

    def test_a_list_of_events_knows_the_months_it_lacks(self):
        self._create_meter("cpu")
        self._send_old(1, 2)
        self._bill()
        search = Search(
            self.env.company.id, OLD - timedelta(days=40), OLD + timedelta(days=40)
        )
        self.assertEqual(self._left_out(search), [])
        self.months._archive(MONTH)
        self.assertEqual(self._left_out(search), [MONTH])
        self.assertEqual(self._left_out(search._replace(type="cpu")), [MONTH])
        for other in (
            {"type": "another"},
            {"end": OLD - timedelta(days=20)},
            {"start": OLD + timedelta(days=22)},
            {"period_ids": []},
            {"company_id": -1},
        ):
            self.assertEqual(self._left_out(search._replace(**other)), [], other)

    def _left_out(self, search):
        return archive.left_out(exact_cursor(self.env.cr), search)

    def test_month_of_an_open_period_stays(self):
        self._create_meter("cpu")
        self._send_old(1)
        with self.assertRaisesRegex(UserError, "not billed yet"):
            self.months._archive(MONTH)
        self.assertEqual(len(self._content()), 1)

    def test_months_leave_in_order(self):
        self._create_meter("cpu")
        self._send_old(1)
        with self.assertRaisesRegex(UserError, "older month"):
            self.months._archive(199904)

    def test_damaged_archive_is_refused(self):
        self._create_meter("cpu")
        self._send_old(1, 2)
        self._bill()
        self.months._archive(MONTH)
        file = self.folder / "1999-03" / archive.FILE
        whole = file.read_bytes()
        for bad in (whole[:-9], gzip.compress(gzip.decompress(whole)[:-5]), b""):
            file.write_bytes(bad)
            with self.assertRaisesRegex(UserError, "not what was written"):
                self.months._restore(MONTH)
        file.write_bytes(whole)
        self.months._restore(MONTH)
        self.assertEqual(len(self._content()), 2)

    def test_month_on_its_way_to_clickhouse_stays(self):
        self._create_meter("cpu")
        batch = self._send_old(1, 2)
        self._bill()
        self.env.company.sudo().usage_store_engine = "clickhouse"
        shipment = self.env["usage.shipment"].create(
            {
                "company_id": self.env.company.id,
                "batch_id": batch.id,
                "first_row": 0,
                "last_row": 2,
                "row_count": 2,
                "state": "sending",
                "attempt_count": 1,
                "has_wide": False,
                "is_pruned": False,
            }
        )
        with self.assertRaisesRegex(UserError, "have not arrived"):
            self.months._archive(MONTH)
        shipment.write({"state": "done", "last_row": 1})
        with self.assertRaisesRegex(UserError, "have not arrived"):
            self.months._archive(MONTH)
        self.assertEqual(len(self._content()), 2)

    def test_archived_events_are_not_lost_from_the_sums(self):
        meter = self._create_meter("cpu")
        batch = self._send_old(1, 2, 3)
        self._bill()
        self.months._archive(MONTH)
        period = self._period("1999-03-01", self.old)
        verification = self.env["usage.verification"].create(
            {
                "company_id": self.env.company.id,
                "started_at": datetime(2026, 9, 1),
                "period_ids": period.ids,
            }
        )
        with self.assertRaisesRegex(UserError, "1999-03 back"):
            self.store.rebuild(period)
        with self.assertRaisesRegex(UserError, "1999-03 back"):
            verification._repair()
        with self.assertRaisesRegex(UserError, "archived month"):
            self.store.supersede(batch)
        self.months._restore(MONTH)
        self.store.rebuild(period)
        self.assertEqual(self._quantities(period, meter), {("1999-03-01",): Decimal(6)})

    def test_only_administrators_move_months(self):
        user = self.env["res.users"].create(
            {
                "name": "Auditor",
                "login": "months-auditor",
                "group_ids": [
                    Command.link(
                        self.env.ref("usage_billing.group_usage_billing_auditor").id
                    )
                ],
            }
        )
        months = self.months.with_user(user)
        self.assertGreaterEqual(months.search_count([]), 0)
        with self.assertRaises(UserError):
            months.browse(MONTH).action_archive()

    def test_retention_of_every_company_decides(self):
        self._create_meter("cpu")
        self._send_old(1)
        self.assertNotIn(MONTH, self.months._due_months())
        self.env.company.usage_retention_months = 24
        self.assertNotIn(MONTH, self.months._due_months(), "a period is open")
        self._bill()
        self.assertIn(MONTH, self.months._due_months())
        self.env.company.usage_retention_months = 12 * 60
        self.assertNotIn(MONTH, self.months._due_months())

    # ------------------------------------------------------------------
    # care
    # ------------------------------------------------------------------
    def test_the_daily_job_does_not_lock_itself_out(self):
        """What it looks at to decide is free again when a month is to leave."""
        seen = []

        def due(months):
            seen.append(months.env.cr)
            return [MONTH]

        def archive_month(months, _month):
            seen.append(months.env.cr)
            self.assertTrue(seen[0].closed)

        model = type(self.months)
        with (
            patch.object(model, "_due_months", due),
            patch.object(model, "_archive", archive_month),
            patch.object(model, "_make_ahead"),
        ):
            self.months._cron_care()
        self.assertEqual(len(set(map(id, [*seen, self.env.cr]))), 3)

    def test_tables_of_the_coming_months_are_made(self):
        self.months._make_ahead(self.env.cr)
        now = datetime.now()
        month = now.year * 100 + now.month
        wanted = [month, schema.month_after(month)]
        cursor = self.env.cr
        self.assertEqual(schema.missing_leaves(cursor, wanted), [])

    def test_details_are_erased_and_amounts_stay(self):
        meter = self._create_meter("cpu")
        self._send_old(1, 2)
        self._send([event(50, properties={"who": "somebody else"})])
        self.env.company.usage_property_months = 12
        self.months._forget_properties()
        self.assertIn("somebody", self._content()[0][0], "its period is open")
        self._bill()
        self.months._forget_properties()
        self.assertNotIn("somebody", self._content()[0][0])
        period = self._period("1999-03-01", self.old)
        self.assertEqual(self._quantities(period, meter), {("1999-03-01",): Decimal(3)})
        self.assertEqual(self.store.verify(period), [])
        recent = self.env["usage.event"].search([("event_id", "=", "e50")])
        self.assertIn("somebody else", recent.properties)

    # ------------------------------------------------------------------
    # events outside of their time
    # ------------------------------------------------------------------
    def test_rules_of_the_source_decide_about_times(self):
        self._create_meter("cpu")
        arrival = SEPTEMBER + timedelta(days=1)
        rows = [
            event(1, at=arrival + timedelta(hours=2)),
            event(2, at=arrival - timedelta(days=40)),
            event(3, at=arrival - timedelta(days=29)),
            event(4, at=datetime(2025, 12, 30)),
        ]
        hold = self._create_source(
            "hold", future_tolerance_min=60, late_tolerance_days=30
        )
        batch = self._send(rows, hold, received_at=arrival)
        self.assertEqual(self._counts(batch), (1, 0, 3, 0))
        self.assertEqual(
            sorted(batch.quarantine_ids.mapped("reason_code")),
            ["future", "late", "late"],
        )
        self.assertEqual(set(batch.quarantine_ids.mapped("state")), {"open"})
        ignore = self._create_source(
            "ignore",
            future_tolerance_min=60,
            late_tolerance_days=30,
            late_policy="ignore",
        )
        batch = self.env["usage.batch"].create(
            {"name": "x", "source_id": ignore.id, "received_at": arrival}
        )
        result = batch._append(rows, report=True)
        self.assertEqual(
            [(row.row_number, row.status, row.code) for row in result.outcomes],
            [
                (1, "quarantined", "future"),
                (2, "ignored", "late"),
                (4, "ignored", "late"),
            ],
        )
        self.assertEqual(
            sorted(batch.quarantine_ids.mapped("state")),
            ["ignored", "ignored", "open"],
        )
        early = self._create_source(
            "early",
            future_tolerance_min=60,
            late_tolerance_days=30,
            future_policy="ignore",
        )
        batch = self._send(rows, early, received_at=arrival)
        self.assertEqual(
            {(row.reason_code, row.state) for row in batch.quarantine_ids},
            {("future", "ignored"), ("late", "open")},
        )

    def test_events_around_a_mapping_follow_the_rule(self):
        subject = self.env["usage.subject"].search([("subject", "=", "acct-1")])
        subject.valid_from = "2026-09-01 00:00:00"
        subject.valid_to = "2026-09-20 00:00:00"
        self._check_rules_around(timedelta(days=30), timedelta(days=30))

    def test_events_around_a_subscription_follow_the_rule(self):
        """Its own dates count where the subject has none, as most have."""
        subject = self.env["usage.subject"].search([("subject", "=", "acct-1")])
        self.assertFalse(subject.valid_from or subject.valid_to)
        self.subscription.date_end = "2026-10-01"
        self._check_rules_around(timedelta(days=300), timedelta(days=30))

    def _check_rules_around(self, before_by, after_by):
        self._create_meter("cpu")
        rows = [
            event(1),
            event(2, at=SEPTEMBER - before_by),
            event(3, at=SEPTEMBER + after_by),
        ]
        states = {"hold": "open", "ignore": "ignored"}
        for before, after in product(states, repeat=2):
            with self.subTest(before=before, after=after):
                source = self._create_source(
                    f"{before}-{after}",
                    before_start_policy=before,
                    after_end_policy=after,
                )
                batch = self._send(rows, source)
                found = {row.event_id: row.state for row in batch.quarantine_ids}
                self.assertEqual(found, {"e2": states[before], "e3": states[after]})
                # kept either way, with the reason
                self.assertEqual(
                    sorted(batch.quarantine_ids.mapped("reason_code")),
                    ["after_end", "before_start"],
                )
