"""Archived events are corrected: the parts of their months come back by themselves."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..metering import archive, monthfile, parts

# a module, because a class that is imported would be played here a second time
from . import test_usage_store_month
from .test_usage_store import event, uuid7
from .test_usage_store_clickhouse import ClickhouseCase
from .test_usage_store_month import MONTH, OLD

APRIL = datetime(1999, 4, 10, 12)


class PartsCase(test_usage_store_month.MonthCase):
    """Two customers' usage of an archived month."""

    def _prepare(self):
        self.patch(monthfile, "MEMBER", 300)  # several members, of a row or two
        self.meters = {
            name: self._create_meter("cpu", aggregation=name, **kw)
            for name, kw in (
                ("sum", {}),
                ("max", {}),
                ("percentile", {"percentile": "50"}),
            )
        }
        self.march = self._period("1999-03-01", self.old)
        self.batch = self._send_old(1, 2, 4, 8, 16)
        self._leave()

    def _leave(self, *months):
        self._bill()
        for month in (MONTH, *months):
            self.months._archive(month)
        self.env.invalidate_all()
        self.assertEqual(self._content(), [])

    def _correction(self, source=None):
        return self.env["usage.batch"].create(
            {"name": "Correction", "source_id": (source or self.source).id}
        )

    def _void(self, *names, source=None):
        found = [one if isinstance(one, tuple) else (one, None) for one in names]
        result = self.store.void(self._correction(source), found, "Mistake")
        return [(one.event_id, one.status) for one in result.outcomes]

    def _figures(self, period=None):
        period = period or self.march
        return {
            name: next(iter(self._quantities(period, meter).values()), None)
            for name, meter in self.meters.items()
        }


@tagged("post_install", "-at_install")
class TestUsageStoreParts(PartsCase, TransactionCase):
    def setUp(self):
        super().setUp()
        self._prepare()

    def test_an_archived_event_is_voided_without_a_word_about_its_month(self):
        self.assertEqual(self._void("e16", "nobody"), [
            ("e16", "voided"), ("nobody", "unknown"),
        ])  # fmt: skip
        self.assertEqual(
            self._figures(),
            {"sum": Decimal(15), "max": Decimal(8), "percentile": Decimal(2)},
        )
        self.assertEqual(self.store.verify(self.march), [])
        self.assertEqual(self.months.browse(MONTH).state, "partial")
        self.assertEqual(self._void("e16"), [("e16", "already")])

    def test_an_archived_event_is_amended(self):
        row = event(16, "3", OLD + timedelta(hours=16), subject="old-1")
        result = self.store.amend(self._correction(), [row], "Misread")
        self.assertEqual([one.status for one in result.outcomes], ["amended"])
        self.assertEqual(
            self._figures(),
            {"sum": Decimal(18), "max": Decimal(8), "percentile": Decimal(3)},
        )
        # and again, and then it is void: what counts in its place is found as well
        self.store.amend(self._correction(), [row._replace(value=Decimal(5))], "Again")
        self.assertEqual(self._figures()["sum"], Decimal(20))
        self.assertEqual(self._void("e16"), [("e16", "voided")])
        self.assertEqual(self._figures()["sum"], Decimal(15))
        self.assertEqual(self.store.verify(self.march), [])

    def test_only_the_period_comes_back(self):
        other = self._create_store_subscription("old-2", date_start="1999-01-01")
        self.months._restore(MONTH)
        self._send([event(99, "7", OLD, subject="old-2")])
        self._bill()
        other.period_ids.sudo().state = "billed"
        prints = self.store.fingerprints(other.period_ids)
        for period in other.period_ids.sudo():
            period.billed_fingerprint = prints.get(period.id, "")
        self._leave()
        self._void("e1")
        rows = self.env["usage.event"].search([("time", "<", "2000-01-01")])
        self.assertEqual(set(rows.mapped("subject")), {"old-1"})
        self.assertEqual(
            archive.periods(self.env.cr, [self.march.id, *other.period_ids.ids]).keys(),
            set(self._period("1999-03-01", other).ids),
        )

    def test_a_part_leaves_again_once_it_is_billed(self):
        self._void("e16")
        self.assertNotIn(MONTH, self.months._due_months())
        with self.assertRaisesRegex(UserError, "next billing run reads it again"):
            self.months._archive(MONTH)
        before = self._content()
        self._bill()
        self.assertIn(MONTH, self.months._due_months())
        old_path = self.months.browse(MONTH).path
        manifest = self.months._archive(MONTH)
        self.assertEqual(manifest["events"], 6)  # with the void
        self.env.invalidate_all()
        month = self.months.browse(MONTH)
        self.assertEqual((month.state, self._content()), ("archived", []))
        self.assertNotEqual(month.path, old_path)
        self.assertEqual(
            self._quantities(self.march, self.meters["sum"]),
            {("1999-03-01",): Decimal(15)},
        )
        self.assertEqual(self._void("e16", "e8"), [
            ("e16", "already"), ("e8", "voided"),
        ])  # fmt: skip
        self.months._restore(MONTH)
        self.assertEqual(len(self._content()), len(before) + 1)
        self.assertEqual(self.store.verify(self.march), [])
        self.assertEqual(self._figures()["sum"], Decimal(7))

    def test_the_whole_month_comes_back_over_a_part(self):
        self._void("e16")
        self.months._restore(MONTH)
        self.assertEqual(self.months.browse(MONTH).state, "stored")
        self.assertEqual(len(self._content()), 6)
        self.assertEqual(self.store.verify(self.march), [])

    def test_ids_that_carry_their_time_are_found_in_the_archive(self):
        self.months._restore(MONTH)
        source = self._create_source(
            "seven", identity_mode="time_keyed", id_format="uuid7"
        )
        at = OLD + timedelta(hours=3)
        name = str(uuid7(int((at - datetime(1970, 1, 1)).total_seconds() * 1000)))
        self._send([event(3, "3", at, event_id=name, subject="old-1")], source)
        unknown = str(uuid7(int((at - datetime(1970, 1, 1)).total_seconds() * 1000)))
        self._leave()
        ((_source, time, found),) = self.store.find_archived(source, name)
        self.assertEqual((time, found.event_id, found.time), (at, name, at))
        self.assertEqual(self.store.find_archived(source, unknown), [])
        self.assertEqual(
            self._void(name, unknown, source=source),
            [(name, "voided"), (unknown, "unknown")],
        )
        self.assertEqual(self._figures()["sum"], Decimal(31))

    def test_what_is_counted_from_events_is_not_counted_without_them(self):
        sums, middle = self.meters["sum"], self.meters["percentile"]
        self.assertEqual(
            self._quantities(self.march, sums), {("1999-03-01",): Decimal(31)}
        )
        day = timedelta(days=1)
        days = self.store.usage(self.old, sums, OLD - day, OLD + day, "day")
        self.assertEqual(sum(row.quantity for row in days), 31)
        for read in (
            lambda: self.store.aggregate(self.march, middle),
            lambda: self.store.quantities(self.march),
            lambda: self.store.usage(self.old, sums, OLD, OLD + day, "hour"),
            lambda: self.store.aggregate(self.march, sums, as_of=datetime(2100, 1, 1)),
        ):
            with self.assertRaisesRegex(UserError, "1999-03 are in the archive"):
                read()
        # where no such event ever came, nothing is missing
        other = self._create_meter("disk", aggregation="percentile", percentile="50")
        self.assertFalse(self.store.aggregate(self.march, other))
        april = APRIL.replace(day=1)
        self.assertFalse(self.store.usage(self.old, sums, april, APRIL, "hour"))
        self._void("e16")
        self.assertEqual(self._figures()["percentile"], Decimal(2))

    def test_too_large_a_month_is_said(self):
        self.patch(parts, "MOST", 3)
        result = self.store.void(self._correction(), [("e1", None)], "Mistake")
        self.assertEqual(
            [(one.status, one.code) for one in result.outcomes],
            [("refused", "archived")],
        )
        wizard = self.env["usage.event.find"].create({"event_id": "e1"})
        with self.assertRaisesRegex(UserError, "too large"):
            wizard.action_bring_back()

    def test_a_damaged_archive_changes_nothing(self):
        file = self.folder / "1999-03" / archive.FILE
        whole = file.read_bytes()
        for bad in (whole[:-9], b"", whole + whole):
            file.write_bytes(bad)
            with mute_logger("odoo.addons.usage_billing.metering.corrections"):
                result = self.store.void(self._correction(), [("e16", None)], "Mistake")
            self.assertEqual(
                [(one.status, one.code) for one in result.outcomes],
                [("refused", "archived")],
            )
            self.assertEqual(self._content(), [])
        file.write_bytes(whole)
        self.assertEqual(self._void("e16"), [("e16", "voided")])

    def test_an_archive_of_before_has_no_list_of_members(self):
        manifest = self.folder / "1999-03" / archive.MANIFEST
        known = json.loads(manifest.read_text())
        self.assertGreater(len(known.pop("members")), 1)
        manifest.write_text(json.dumps(known))
        self.assertEqual(self._void("e16"), [("e16", "voided")])

    def test_the_order_shows_the_difference_before_it_moves_anything(self):
        correction = self.env["usage.correction"].create(
            {
                "kind": "void",
                "reason": "Mistake",
                "orders": [{"source_id": self.source.id, "void": [["e16", None]]}],
            }
        )
        correction.action_check()
        moved = {
            line.meter_id: (line.quantity_before, line.quantity_after)
            for line in correction.line_ids
        }
        self.assertEqual(
            moved,
            {
                self.meters["sum"]: (Decimal(31), Decimal(15)),
                self.meters["max"]: (Decimal(16), Decimal(8)),
                self.meters["percentile"]: (Decimal(4), Decimal(2)),
            },
        )
        self.assertEqual(self._figures()["sum"], Decimal(31))
        correction.action_apply()
        self.assertEqual((correction.voided_count, correction.problem_count), (1, 0))
        self.assertEqual(self._figures()["sum"], Decimal(15))

    def test_an_event_is_looked_at_with_everything_it_tells(self):
        wizard = self.env["usage.event.find"].create({"event_id": "e4"})
        self.assertTrue(wizard.is_archived)
        self.assertIn("1999-03", wizard.result_html)
        action = wizard.action_bring_back()
        self.assertEqual(action["res_model"], "usage.event")
        found = self.env["usage.event"].browse(action["res_id"])
        self.assertEqual((found.event_id, found.value), ("e4", Decimal(4)))
        self.assertIn("old-1", found.story_html)
        self.assertFalse(wizard.is_archived)
        # nothing of it changed: it may leave at once
        self.assertIn(MONTH, self.months._due_months())

    def test_the_events_behind_a_line_are_there_whatever_left(self):
        page = self.env["usage.explorer"]._prepare_events(
            self.march, self.meters["sum"]
        )
        self.assertEqual(len(page["events"]), 5)

    def test_levels_bring_the_later_months_too(self):
        self.months._restore(MONTH)
        self._create_meter("seats", aggregation="weighted_sum", carries_over=True)
        self._send(
            [
                event(51, "5", OLD, type="seats", subject="old-1"),
                event(52, "1", APRIL, type="seats", subject="old-1"),
            ]
        )
        self._leave(199904)
        self._void("e51")
        april = self._period("1999-04-01", self.old)
        self.assertFalse(archive.periods(self.env.cr, (self.march | april).ids))

    def test_an_amendment_may_lead_to_another_archived_month(self):
        self.months._restore(MONTH)
        self._send([event(60, "6", APRIL, subject="old-1")])
        self._leave(199904)
        row = event(16, "16", APRIL, subject="old-1")
        self.store.amend(self._correction(), [row], "Other month")
        april = self._period("1999-04-01", self.old)
        self.assertEqual(self._figures()["sum"], Decimal(15))
        self.assertEqual(self._figures(april)["sum"], Decimal(22))
        self.assertEqual(self._figures(april)["percentile"], Decimal(6))
        self.assertEqual(self.store.verify(self.march | april), [])

    def test_an_amendment_may_lead_to_a_month_whose_archive_is_damaged(self):
        self.months._restore(MONTH)
        self._send([event(60, "6", APRIL, subject="old-1")])
        self._leave(199904)
        file = self.folder / "1999-04" / archive.FILE
        whole = file.read_bytes()
        file.write_bytes(whole[:-9])
        row = event(16, "16", APRIL, subject="old-1")
        with mute_logger("odoo.addons.usage_billing.metering.corrections"):
            result = self.store.amend(self._correction(), [row], "Other month")
        self.assertEqual([one.status for one in result.outcomes], ["amended"])
        april = self._period("1999-04-01", self.old)
        self.assertEqual(
            self._quantities(april, self.meters["sum"]), {("1999-04-01",): Decimal(22)}
        )
        with self.assertRaisesRegex(UserError, "1999-04 are in the archive"):
            self._quantities(april, self.meters["percentile"])
        with self.assertRaisesRegex(UserError, "not what was written"):
            self.months._restore(199904)
        file.write_bytes(whole)
        self.months._restore(199904)
        self.assertEqual(self._figures(april)["percentile"], Decimal(6))
        self.assertEqual(self.store.verify(self.march | april), [])

    def test_a_backfill_of_an_archived_span(self):
        lines = [
            json.dumps(
                {
                    "id": f"e{number}", "type": "cpu", "subject": "old-1",
                    "time": f"{OLD + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}",
                    "value": str(value), "properties": {"who": "somebody"},
                }
            )
            for number, value in ((1, 1), (2, 20), (4, 4), (8, 8))
        ]  # fmt: skip
        answer = self.env["usage.correction"].backfill_events(
            self.source.code,
            "1999-03-01T00:00:00Z",
            "1999-04-01T00:00:00Z",
            [json.loads(line) for line in lines],
            "Recount",
        )
        self.assertEqual(
            [answer[name] for name in ("voided", "amended", "added")], [1, 1, 0]
        )
        self.assertEqual(self._figures()["sum"], Decimal(33))


@tagged("post_install", "-at_install")
class TestUsageStorePartsClickhouse(ClickhouseCase, PartsCase, TransactionCase):
    """A company in ClickHouse, whose months were pruned from PostgreSQL."""

    ship_every = 10**9

    def setUp(self):
        super().setUp()
        self._prepare()

    def _leave(self, *months):
        self._ship_all()
        return super()._leave(*months)

    def test_an_archived_event_is_voided(self):
        self.assertEqual(self._void("e16"), [("e16", "voided")])
        expected = {"sum": Decimal(15), "max": Decimal(8), "percentile": Decimal(2)}
        self.assertEqual(self._figures(), expected)
        self._ship_all()
        self.assertEqual(self._figures(), expected)
        self.assertEqual(self.store.verify(self.march), [])
        self._bill()
        self.months._archive(MONTH)
        self.env.invalidate_all()
        self.assertEqual((self._figures(), self._content()), (expected, []))

    def test_a_corrected_part_stays_while_the_correction_is_on_its_way(self):
        self._void("e16")
        self._bill()
        with self.assertRaisesRegex(UserError, "have not arrived"):
            self.months._archive(MONTH)

    def test_pruned_events_need_no_clickhouse_to_be_brought_back(self):
        with patch.object(type(self.store), "_postgres", side_effect=AssertionError):
            self.assertEqual(self._void("e1"), [("e1", "voided")])
