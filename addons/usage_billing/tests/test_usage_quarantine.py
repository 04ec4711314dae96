"""What cannot be matched is held with its reason, and has a way out."""

from datetime import datetime, timedelta
from decimal import Decimal

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..metering import EventRow, RejectedRow
from .test_usage_store import SEPTEMBER, StoreCase, event


@tagged("post_install", "-at_install")
class TestUsageQuarantine(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("cpu")
        cls.manager = new_test_user(
            cls.env,
            login="quarantine-manager",
            groups="usage_billing.group_usage_billing_manager",
        )

    def _reasons(self, batch):
        return batch.quarantine_ids.sorted("row_number").mapped("reason_code")

    def test_each_row_that_cannot_be_billed_says_why(self):
        self.source.future_tolerance_min = 60
        self.subscription.write({"date_end": "2026-10-11"})
        rows = [
            event(1, subject="nobody"),
            event(2, type="disk"),
            event(3, at=datetime(2019, 1, 1)),
            event(4, at=datetime(2026, 10, 20)),
            event(5, at=datetime(2026, 11, 20, 13, 0, 1)),
            event(6, value=None),
            event(7, "NaN"),
            event(8, "1E400"),
            event(9, at=None),
            event(10, event_id=""),
            event(11, event_id="a\x00b"),
            event(12, subject=""),
            event(13, dimensions={"x": "\x00"}),
            event(14, at=datetime(9999, 12, 31)),
            event(15, at=datetime(1, 1, 1)),
            RejectedRow(16, "unknown_unit", "GiBB", "a;b;c"),
            RejectedRow(17, "made_up", "", ""),
            event(18),
        ]
        batch = self._send(rows, received_at="2026-11-20 12:00:00")
        self.assertEqual(
            self._reasons(batch),
            [
                "unknown_subject",
                "unknown_meter",
                "before_start",
                "after_end",
                "future",
                "missing_field",
                "invalid_value",
                "invalid_value",
                "missing_field",
                "missing_field",
                "invalid_value",
                "missing_field",
                "invalid_value",
                "future",
                "before_start",
                "unknown_unit",
                "unreadable",
            ],
        )
        self.assertEqual(batch.accepted_count, 1)
        details = {row.row_number: row.detail for row in batch.quarantine_ids}
        self.assertEqual(details[11], "event_id: \\u0000")
        self.assertEqual(details[13], "dimensions.x: \\u0000")
        self.assertEqual(
            batch.quarantine_ids.filtered(lambda q: q.row_number == 16).raw, "a;b;c"
        )

    def test_whatever_is_allowed_a_year_ahead_is_the_end(self):
        """Periods would be made up to there, for each wrong year that is sent."""
        self.subscription.date_end = False
        now = datetime.now().replace(microsecond=0)
        for number, tolerance in enumerate((-1, 600_000, 2**31 - 1)):
            self.source.future_tolerance_min = tolerance
            batch = self._send(
                [
                    event(10 * number + 1, at=now + timedelta(days=365)),
                    event(10 * number + 2, at=now + timedelta(days=367)),
                    event(10 * number + 3, at=datetime(9999, 12, 31)),
                ],
                received_at=now,
            )
            self.assertEqual(self._reasons(batch), ["future"] * 2, tolerance)
            self.assertEqual(batch.accepted_count, 1)
        last = max(self.subscription.period_ids.mapped("end_at"))
        self.assertLess(last, now + timedelta(days=366 + 31))
        self.assertIn("366 days", self.source._fields["future_tolerance_min"].help)

    def test_before_and_after_the_mapping_of_a_subject(self):
        subject = self.env["usage.subject"].search([("subject", "=", "acct-1")])
        subject.write(
            {"valid_from": "2026-09-10 00:00:00", "valid_to": "2026-09-20 00:00:00"}
        )
        batch = self._send(
            [
                event(1, at=datetime(2026, 9, 9, 23, 59, 59)),
                event(2, at=datetime(2026, 9, 10)),
                event(3, at=datetime(2026, 9, 20)),
            ]
        )
        self.assertEqual(self._reasons(batch), ["before_start", "after_end"])

    def test_replay_after_the_reason_is_gone(self):
        batch = self._send(
            [event(1, "2", subject="acct-9"), event(2, "3", subject="acct-8"), event(3)]
        )
        self.assertEqual(batch.quarantined_count, 2)
        subscription = self._create_store_subscription("acct-9")
        held = batch.quarantine_ids.with_user(self.manager)

        notice = held.action_replay()

        self.assertEqual(notice["params"]["message"], "1 of 2 rows became usage.")
        self.assertEqual(
            {row.subject: row.state for row in held},
            {"acct-9": "replayed", "acct-8": "open"},
        )
        self.assertEqual(
            self._quantities(self._period("2026-09-01", subscription), self.meter),
            {("2026-09-01",): Decimal(2)},
        )
        replay = held.replay_batch_id
        self.assertTrue(replay.is_replay)
        self.assertEqual(self._counts(replay), (1, 0, 1, 0))
        found = self.env["usage.event"].search([("batch_id", "=", replay.id)])
        self.assertEqual((found.event_id, found.row_number), ("e1", 1))
        # history stays: the first batch still says what happened at arrival
        self.assertEqual(self._counts(batch), (1, 0, 2, 0))
        self.assertEqual(batch.open_quarantine_count, 1)
        self.assertRollupsEqualEvents()

    def test_replayed_event_sent_again_is_a_duplicate(self):
        rows = [event(1, subject="acct-9")]
        batch = self._send(rows)
        self._create_store_subscription("acct-9")
        batch.quarantine_ids.action_replay()
        self.assertEqual(self._counts(self._send(rows)), (0, 1, 0, 0))
        batch.quarantine_ids.action_replay()
        self.assertEqual(
            len(self.env["usage.event"].search([("subject", "=", "acct-9")])), 1
        )

    def test_replay_keeps_every_part_of_the_event(self):
        row = EventRow(
            "é-1",
            "cpu",
            "acct-9",
            SEPTEMBER + timedelta(microseconds=123_456),
            Decimal("0.10000000000000000000000000000000000001"),
            Decimal("12.50"),
            "EUR",
            {"region": "fr", "b": "ü"},
            {"note": 'say "hi"; ok'},
            7,
        )
        batch = self._send([row])
        self.assertEqual(batch.quarantine_ids.amount_at_stake, Decimal("12.50"))
        self._create_store_subscription("acct-9")
        batch.quarantine_ids.action_replay()
        (found,) = self.store.explain(
            self.env["usage.event"].search([("event_id", "=", "é-1")]).period_id,
            self.meter,
        )
        self.assertEqual(
            EventRow(
                found.event_id,
                found.type,
                found.subject,
                found.time,
                found.value,
                found.amount,
                found.currency,
                found.dimensions,
                found.properties,
                found.row_number,
            ),
            row,
        )

    def test_row_sent_again_while_it_waits_is_held_once(self):
        rows = [event(1, subject="nobody"), event(2, subject="nobody")]
        first = self._send([*rows, rows[0]])
        self.assertEqual(self._counts(first), (0, 1, 2, 0))
        again = self._send(rows)
        self.assertEqual(self._counts(again), (0, 2, 0, 0))
        self.assertFalse(again.quarantine_ids)
        changed = self._send([event(1, "7", subject="nobody")])
        self.assertEqual(self._counts(changed), (0, 0, 1, 0))

    def test_stored_event_stays_a_duplicate_when_its_meter_is_archived(self):
        self._send([event(1)])
        self.meter.active = False
        self.assertEqual(self._counts(self._send([event(1)])), (0, 1, 0, 0))
        conflict = self._send([event(1, "2")])
        self.assertEqual(self._reasons(conflict), ["conflict"])

    def test_ignore_asks_for_the_reason_and_keeps_it(self):
        batch = self._send([event(1, subject="nobody"), event(2, subject="nobody")])
        held = batch.quarantine_ids.with_user(self.manager)
        action = held.action_ignore()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.manager)
            .with_context(action["context"])
            .create({"reason": "test account"})
        )
        wizard.action_confirm()
        self.assertEqual(set(held.mapped("state")), {"ignored"})
        self.assertEqual(set(held.mapped("resolution_reason")), {"test account"})
        self.assertEqual(held.resolved_by_id, self.manager)
        # ignored rows do not come back with the next copy of the file
        again = self._send([event(1, subject="nobody")])
        self.assertEqual(self._counts(again), (0, 1, 0, 0))

    def test_nobody_deletes_and_a_user_does_not_decide(self):
        batch = self._send([event(1, subject="nobody")])
        with self.assertRaises(UserError):
            batch.quarantine_ids.unlink()
        for role in ("user", "auditor"):
            user = new_test_user(
                self.env,
                login=f"quarantine-{role}",
                groups=f"usage_billing.group_usage_billing_{role}",
            )
            held = batch.quarantine_ids.with_user(user)
            self.assertEqual(held.reason_code, "unknown_subject")
            with self.assertRaises(AccessError):
                held.action_replay()
            with self.assertRaises(AccessError):
                held.action_ignore()

    def test_quarantine_of_another_company_is_out_of_sight(self):
        batch = self._send([event(1, subject="nobody"), event(2)])
        other = self.env["res.company"].create({"name": "Second company"})
        stranger = new_test_user(
            self.env,
            login="quarantine-stranger",
            groups="usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        for records in (
            batch,
            batch.quarantine_ids,
            self.source,
            self.meter,
            self.env["usage.subject"].search([("subject", "=", "acct-1")]),
            self.env["usage.event"].search([("batch_id", "=", batch.id)]),
        ):
            seen = records.with_user(stranger)
            with self.subTest(model=records._name):
                self.assertTrue(records)
                self.assertFalse(seen.search([("id", "in", records.ids)]))
                with self.assertRaises(AccessError):
                    seen.read(["display_name"])
