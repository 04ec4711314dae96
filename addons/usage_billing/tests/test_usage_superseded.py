"""Held rows whose event came again, corrected, wait no longer."""

from datetime import datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from ..metering import RejectedRow
from ..models import usage_quarantine_superseded
from .test_usage_store import StoreCase, event, uuid7


@tagged("post_install", "-at_install")
class TestUsageSuperseded(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("cpu")

    def _states(self, batch):
        self.env["usage.quarantine"]._close_superseded()
        return batch.quarantine_ids.sorted("row_number").mapped("state")

    def test_a_row_whose_event_was_accepted_later_is_closed(self):
        first = self._send(
            [
                event(1, value=None),
                event(2, subject="nobody"),
                RejectedRow(3, "invalid_value", "value: 1,5", '{"id": "e3"}', "e3"),
                event(4, value=None),
            ]
        )
        rows = first.quarantine_ids.sorted("row_number")
        ids = rows.mapped("event_id")
        self.assertEqual(self._states(first), ["open"] * 4)
        again = self._send([event(9, event_id=ids[n]) for n in (0, 1, 2)])
        self.assertEqual(again.accepted_count, 3)
        self.assertEqual(self._states(first), ["superseded"] * 3 + ["open"])
        self.assertEqual(rows[:3].superseding_batch_id, again)
        self.assertTrue(all(rows[:3].mapped("resolved_at")))
        self.assertFalse(rows[:3].replay_batch_id)
        self.assertEqual(first.open_quarantine_count, 1)
        self.assertIn(again.name, rows[0].story_html)
        self.assertNotIn("until somebody settles it", rows[0].story_html)

    def test_one_of_the_same_file_that_stands_further_down_is_later(self):
        batch = self._send(
            [
                event(1, value=None, event_id="twice"),
                event(2, event_id="twice"),
            ]
        )
        self.assertEqual(batch.accepted_count, 1)
        self.assertEqual(self._states(batch), ["superseded"])

    def test_conflicts_and_what_came_after_the_event_stay(self):
        self._send([event(1), event(2)])
        first, second = "e1", "e2"
        later = self._send(
            [
                event(1, 7, event_id=first),
                RejectedRow(2, "invalid_value", "value: x", '{"value": "x"}', second),
            ]
        )
        self.assertEqual(
            later.quarantine_ids.sorted("row_number").mapped("reason_code"),
            ["conflict", "invalid_value"],
        )
        self._send([event(5)])  # the source goes on
        self.assertEqual(self._states(later), ["open", "open"])

    def test_another_source_or_company_supersedes_nothing(self):
        first = self._send([event(1, value=None, event_id="shared")])
        other = self._create_source("elsewhere")
        self._send([event(1, event_id="shared")], other)
        self._send([event(2)])
        self.assertEqual(self._states(first), ["open"])

    def test_a_replay_is_as_old_as_its_row(self):
        """The earlier row was replayed; the later one may be the right one."""
        first = self._send([event(1, 5, type="disk", event_id="twice")])
        later = self._send([event(1, 6, type="disk", event_id="twice")])
        self._create_meter("disk")
        first.quarantine_ids.action_replay()
        self.assertEqual(first.quarantine_ids.state, "replayed")
        self.assertEqual(self._states(later), ["open"])

    def test_rows_are_found_for_every_kind_of_source(self):
        for number, mode in enumerate(("composed", "uuid7")):
            source = self._create_source(
                f"keyed{number}", identity_mode="time_keyed", id_format=mode,
                id_tolerance_min=60, future_tolerance_min=-1,
            )  # fmt: skip
            moment = datetime(2026, 10, 5, 12)
            event_id = "id"
            if mode == "uuid7":
                seconds = (moment - datetime(1970, 1, 1)).total_seconds()
                event_id = str(uuid7(int(seconds) * 1000))
            bad = event(1, value=None, at=moment, event_id=event_id)
            first = self._send([bad], source)
            self.assertEqual(first.quarantined_count, 1)
            again = self._send([event(1, at=moment, event_id=event_id)], source)
            self.assertEqual(again.accepted_count, 1, mode)
            self.assertEqual(self._states(first), ["superseded"], mode)

    def test_a_cloudevent_is_found_by_its_source_and_id(self):
        raw = '{"specversion": "1.0", "source": "/gw", "id": "7", "data": {}}'
        first = self._send([RejectedRow(1, "invalid_value", "value: x", raw, "7")])
        self._send([event(1, event_id="7")])
        self.assertEqual(self._states(first), ["open"])
        self._send([event(1, event_id="/gw 7")])
        self.assertEqual(self._states(first), ["superseded"])

    def test_slices_go_on_where_the_last_one_ended(self):
        first = self._send([event(n, value=None) for n in range(1, 8)])
        ids = first.quarantine_ids.sorted("row_number").mapped("event_id")
        self._send([event(9, event_id=name) for name in ids])
        self.patch(usage_quarantine_superseded, "SLICE", 3)
        Quarantine = self.env["usage.quarantine"]
        last, done = 0, []
        while last is not None:
            last, closed = Quarantine._close_superseded(last)
            done.append(closed)
        self.assertEqual(sum(done), 7)
        self.assertEqual(done, [3, 3, 1])

    def test_rows_that_no_key_can_be_made_of_stop_nobody(self):
        source = self._create_source(
            "keyed", identity_mode="time_keyed", id_format="composed"
        )
        raw = '{"specversion": "1.0", "source": ["%"], "id": "7"}'
        batch = self._send(
            [
                event(1, at=datetime(1969, 12, 31)),
                event(2, at=datetime(1900, 1, 1)),
                RejectedRow(3, "unreadable", "source", raw, "7"),
                event(4, value=None),
            ],
            source,
        )
        self.assertEqual(len(batch.quarantine_ids), 4)
        self._send([event(9, event_id="e4")], source)
        self.assertEqual(self._states(batch), ["open"] * 3 + ["superseded"])

    def test_a_run_without_time_left_is_gone_on_with(self):
        first = self._send([event(n, value=None) for n in range(6)])
        self._send([event(10 + n, event_id=f"e{n}") for n in range(6)])
        rows = first.quarantine_ids.sorted()
        cron, model = self.registry["ir.cron"], self.env["usage.quarantine"]
        found = []
        with (
            patch.object(usage_quarantine_superseded, "SLICE", 2),
            patch.object(cron, "_commit_progress", lambda *_given, **_kw: 0),
        ):
            for _run in range(4):
                model._cron_close_superseded()
                found.append(rows.mapped("state").count("superseded"))
        self.assertEqual(found, [2, 4, 6, 6])
        place = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param(usage_quarantine_superseded.PLACE)
        )
        self.assertEqual(place, "0")

    def test_what_waits_and_was_never_sent_again_costs_no_look_at_events(self):
        self._send([event(1, value=None)])
        self.env.flush_all()
        with self.assertQueryCount(1):
            self.env["usage.quarantine"]._close_superseded()

    def test_quantity_is_that_of_the_corrected_event(self):
        self._send([event(1, value=None, event_id="x")])
        self._send([event(1, 4, event_id="x")])
        self.env["usage.quarantine"]._close_superseded()
        [row] = self.store.aggregate(self.subscription.period_ids, self.meter)
        self.assertEqual((row.quantity, row.count), (Decimal(4), 1))
