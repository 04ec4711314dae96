"""Void and amend: quantities follow, nothing that was received changes."""

import base64
from datetime import datetime, timedelta
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import UsageCase
from .test_usage_store import SEPTEMBER, StoreCase, event

EVERY = (
    "sum",
    "count",
    "max",
    "min",
    "average",
    "latest",
    "percentile",
    "weighted_sum",
)


class CorrectionCase(StoreCase):
    def _batch(self, source=None, received_at=None):
        vals = {"name": "Correction", "source_id": (source or self.source).id}
        if received_at:
            vals["received_at"] = received_at
        return self.env["usage.batch"].create(vals)

    def _void(self, *events, **kw):
        found = [(one, None) if isinstance(one, str) else one for one in events]
        return self.store.void(self._batch(**kw), found, "Sent by mistake")

    def _amend(self, *rows, times=None, **kw):
        return self.store.amend(self._batch(**kw), list(rows), "Wrong value", times)

    def _statuses(self, result):
        return [(found.event_id, found.status) for found in result.outcomes]

    def _rows(self, **kw):
        domain = [(name, "=", value) for name, value in kw.items()]
        return self.env["usage.event"].search(domain, order="id")


@tagged("post_install", "-at_install")
class TestUsageCorrections(CorrectionCase):
    # ------------------------------------------------------------------
    # void
    # ------------------------------------------------------------------
    def test_voided_event_counts_nowhere_and_stays_stored(self):
        meters = {name: self._create_meter("cpu", aggregation=name) for name in EVERY}
        self._send([event(1, "3"), event(2, "9"), event(3, "5")])
        september = self._period("2026-09-01")
        result = self._void("e2")
        self.assertEqual(self._statuses(result), [("e2", "voided")])
        self.assertEqual(result.period_ids, september.ids)
        expected = {
            "sum": 8, "count": 2, "max": 5, "min": 3, "average": 4, "latest": 5,
            "percentile": 5,
        }  # fmt: skip
        for name, quantity in expected.items():
            with self.subTest(aggregation=name):
                self.assertEqual(
                    self._quantities(september, meters[name]),
                    {("2026-09-01",): Decimal(quantity)},
                )
                self.assertEqual(
                    self._quantities(
                        september, meters[name], as_of=datetime(2100, 1, 1)
                    ),
                    {("2026-09-01",): Decimal(quantity)},
                )
        self.assertRollupsEqualEvents()
        rows = self._rows(event_id="e2")
        self.assertEqual(rows.mapped("kind"), ["u", "v"])
        self.assertEqual(rows.mapped("is_live"), [False, False])
        self.assertEqual(rows.mapped("value"), [Decimal(9), Decimal(9)])
        self.assertEqual(rows[0].corrected_by_id, rows[1].batch_id)
        self.assertEqual(rows[1].batch_id.reason, "Sent by mistake")
        for read in (self.store.explain, self.store.stream):
            self.assertEqual(
                [found.event_id for found in read(september, meters["sum"])],
                ["e1", "e3"],
            )

    def test_a_voided_event_sent_again_is_a_duplicate(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        self._void("e2")
        batch = self._send([event(2, "9")])
        self.assertEqual(self._counts(batch), (0, 1, 0, 0))
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(3)},
        )

    def test_all_events_voided_leave_nothing(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        september = self._period("2026-09-01")
        before = self.store.fingerprints(september)
        self._void("e1", "e2")
        self.assertFalse(self.store.aggregate(september, meter))
        self.assertFalse(self.store.daily(september, meter))
        self.assertNotEqual(self.store.fingerprints(september), before)
        self.assertRollupsEqualEvents()
        self._send([event(3, "4")])
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(4)}
        )
        self.assertRollupsEqualEvents()

    def test_void_again_and_unknown_are_told(self):
        self._create_meter("cpu")
        self._send([event(1, "3")])
        self.assertEqual(
            self._statuses(self._void("e1", "nobody", "e1")),
            [("e1", "voided"), ("nobody", "unknown"), ("e1", "already")],
        )
        self.assertEqual(self._statuses(self._void("e1")), [("e1", "already")])
        other = self._create_source("other")
        self.assertEqual(
            self._statuses(self._void("e1", source=other)), [("e1", "unknown")]
        )

    def test_void_by_row_of_the_list(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        rows = self._rows(event_id="e2")
        batch = self._batch()
        result = self.store.void(batch, rows.ids, "Twice")
        self.assertEqual(self._statuses(result), [("e2", "voided")])
        self.assertEqual((batch.rows_read, batch.accepted_count), (1, 1))
        again = self.store.void(self._batch(), rows.ids, "Twice")
        self.assertEqual(self._statuses(again), [("e2", "already")])
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(3)},
        )

    # ------------------------------------------------------------------
    # amend
    # ------------------------------------------------------------------
    def test_amended_event_counts_as_it_should_have_been(self):
        meter = self._create_meter("cpu", dimension_keys="region")
        self._send(
            [
                event(1, "3", dimensions={"region": "fr"}),
                event(2, "9", dimensions={"region": "fr"}),
            ]
        )
        result = self._amend(
            event(
                2,
                "4",
                at=datetime(2026, 10, 2, 12),
                dimensions={"region": "de"},
            )
        )
        self.assertEqual(self._statuses(result), [("e2", "amended")])
        periods = self._period("2026-09-01") | self._period("2026-10-01")
        self.assertEqual(sorted(result.period_ids), sorted(periods.ids))
        self.assertEqual(
            self._quantities(periods, meter),
            {("2026-09-01", "fr"): Decimal(3), ("2026-10-01", "de"): Decimal(4)},
        )
        self.assertRollupsEqualEvents()
        rows = self._rows(event_id="e2")
        self.assertEqual(rows.mapped("kind"), ["u", "a"])
        self.assertEqual(rows.mapped("is_live"), [False, True])

    def test_amendments_of_amendments(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        september = self._period("2026-09-01")
        for value in ("4", "5", "6"):
            result = self._amend(event(2, value))
            self.assertEqual(self._statuses(result), [("e2", "amended")])
            self.assertEqual(
                self._quantities(september, meter),
                {("2026-09-01",): 3 + Decimal(value)},
            )
        self._void("e2")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(3)}
        )
        self.assertEqual(
            self._statuses(self._amend(event(2, "7"))), [("e2", "already")]
        )
        self.assertEqual(
            self._rows(event_id="e2").mapped("kind"), ["u", "a", "a", "a", "v"]
        )
        self.assertRollupsEqualEvents()

    def test_amendment_that_fits_nowhere_leaves_the_event(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9"), event(3, "1")])
        held = self.env["usage.quarantine"].search_count([])
        result = self._amend(
            event(1, "4", subject="nobody"), event(2, "5"), event(3, None)
        )
        self.assertEqual(
            [(o.event_id, o.status, o.code) for o in result.outcomes],
            [
                ("e1", "refused", "unknown_subject"),
                ("e2", "amended", ""),
                ("e3", "refused", "missing_field"),
            ],
        )
        self.assertEqual(self.env["usage.quarantine"].search_count([]), held)
        september = self._period("2026-09-01")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(9)}
        )
        # and may be corrected properly afterwards
        self._amend(event(1, "1"))
        self._void("e3")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(6)}
        )
        self.assertRollupsEqualEvents()

    def test_ids_that_carry_their_time(self):
        source = self._create_source("keyed", identity_mode="time_keyed")
        meter = self._create_meter("cpu")
        moment = SEPTEMBER + timedelta(microseconds=123)
        self._send(
            [event(1, "3", at=moment), event(1, "9", at=SEPTEMBER + timedelta(days=1))],
            source,
        )
        self.assertEqual(
            self._statuses(self._void("e1", source=source)), [("e1", "unknown")]
        )
        self._amend(
            event(1, "4", at=SEPTEMBER + timedelta(days=2)),
            times=[moment],
            source=source,
        )
        self._void(("e1", SEPTEMBER + timedelta(days=1)), source=source)
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(4)},
        )
        self.assertRollupsEqualEvents()

    # ------------------------------------------------------------------
    # what was known when
    # ------------------------------------------------------------------
    def test_as_of_tells_what_was_known_before_each_correction(self):
        meters = [
            self._create_meter("cpu", aggregation=name)
            for name in ("sum", "latest", "percentile")
        ]
        start = datetime(2026, 10, 1, 8)
        self._send([event(1, "3"), event(2, "9")], received_at=start)
        self._amend(event(2, "4"), received_at=start + timedelta(hours=1))
        self._void("e2", received_at=start + timedelta(hours=2))
        september = self._period("2026-09-01")
        for hours, expected in ((0, (12, 9, 9)), (1, (7, 4, 4)), (2, (3, 3, 3))):
            for meter, quantity in zip(meters, expected, strict=True):
                with self.subTest(hours=hours, aggregation=meter.aggregation):
                    self.assertEqual(
                        self._quantities(
                            september, meter, as_of=start + timedelta(hours=hours)
                        ),
                        {("2026-09-01",): Decimal(quantity)},
                    )
        for meter in meters:
            (row,) = self.store.aggregate(september, meter)
            self.assertEqual(row.watermark, start + timedelta(hours=2))

    def test_newer_version_of_a_delivery_takes_its_corrections_along(self):
        meter = self._create_meter("cpu")
        source = self._create_source("cloud", delivery_mode="overwrite")
        first = self._send(
            [event(1, "3"), event(2, "9")], source, scope="sept", version="1"
        )
        self._amend(event(2, "5"), source=source)
        september = self._period("2026-09-01")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(8)}
        )
        second = self._send([event(11, "1")], source, scope="sept", version="2")
        second._supersede()
        self.assertEqual(first.state, "superseded")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(1)}
        )
        self.assertEqual(
            self._statuses(self._void("e2", source=source)), [("e2", "replaced")]
        )
        self.assertRollupsEqualEvents()

    def test_erased_source_takes_its_corrections_along(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        self._amend(event(1, "5"))
        self._void("e2")
        self.source._erase()
        self.assertFalse(self.store.aggregate(self._period("2026-09-01"), meter))
        self._send([event(1, "3"), event(2, "9")])
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(12)},
        )
        self.assertRollupsEqualEvents()

    def test_usage_by_bucket_follows(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9", at=SEPTEMBER + timedelta(days=1))])
        self._amend(event(1, "4"))
        self._void("e2")
        for bucket in ("hour", "day", "month", "total"):
            self.assertEqual(
                [
                    row.quantity
                    for row in self.store.usage(
                        self.subscription,
                        meter,
                        datetime(2026, 9, 1),
                        datetime(2026, 10, 1),
                        bucket,
                    )
                ],
                [Decimal(4)],
                bucket,
            )


@tagged("post_install", "-at_install")
class TestUsageCorrectionOrders(UsageCase):
    """From the order to the next invoice, under real prices."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api")
        cls.plan = cls._create_metered_plan(cls.meter, "0.50", key="api", name="API")
        cls.subscription = cls._create_subscription(cls.plan, tz="Europe/Paris")
        cls._add_usage(cls.subscription, "api", 100, 40, 7)
        cls.events = cls.env["usage.event"].search(
            [("subscription_id", "=", cls.subscription.id)], order="id"
        )
        cls.Correction = cls.env["usage.correction"]

    def _moves(self):
        return self._bill(subscription_ids=[(6, 0, self.subscription.ids)]).move_ids

    def _quantity(self):
        period = self.events.period_id
        (row,) = self.env["usage.batch"]._store().aggregate(period, self.meter)
        return row.quantity

    def test_checked_void_shows_the_difference_and_moves_nothing(self):
        action = self.events[1].action_void()
        correction = self.Correction.browse(action["res_id"])
        self.assertEqual(correction.state, "checked")
        line = correction.line_ids
        self.assertEqual(line.subscription_id, self.subscription)
        self.assertEqual(
            (line.quantity_before, line.quantity_after, line.amount_before),
            (Decimal(147), Decimal(107), Decimal("73.50")),
        )
        self.assertEqual(line.amount_difference, Decimal("-20.00"))
        self.assertEqual(self._quantity(), Decimal(147))
        self.assertFalse(correction.batch_ids)
        with self.assertRaisesRegex(UserError, "Say why"):
            correction.action_apply()
        correction.reason = "Sent twice"
        correction.action_apply()
        self.assertEqual(self._quantity(), Decimal(107))
        self.assertEqual(correction.voided_count, 1)
        self.assertEqual(correction.applied_by_id, self.env.user)
        self.assertEqual(correction.batch_ids.reason, "Sent twice")
        with self.assertRaisesRegex(UserError, "applied already"):
            correction.action_apply()
        with self.assertRaisesRegex(UserError, "stays"):
            correction.unlink()

    def test_void_after_the_invoice_is_credited_by_the_next_run(self):
        (invoice,) = self._moves()
        self.assertEqual(invoice.amount_untaxed, 73.5)
        self.assertFalse(self._moves())
        self.Correction.void_events("test", [self.events[0].event_id], "Not theirs")
        (credit,) = self._moves()
        self.assertEqual(
            (credit.move_type, credit.amount_untaxed), ("out_refund", 50.0)
        )
        self.assertFalse(self._moves())
        self.assertEqual(invoice.amount_untaxed, 73.5)

    def test_amend_on_the_form_and_bill_the_difference(self):
        self._moves()
        correction = self.Correction.browse(self.events[2].action_amend()["res_id"])
        with Form(correction) as form:
            form.amended_value = "10"
            form.reason = "Meter was read wrongly"
        correction.action_check()
        self.assertEqual(correction.line_ids.amount_difference, Decimal("1.50"))
        correction.action_apply()
        self.assertEqual(self._quantity(), Decimal(150))
        (invoice,) = self._moves()
        self.assertEqual(invoice.amount_untaxed, 1.5)
        amended = self.env["usage.event"].search(
            [("batch_id", "=", correction.batch_ids.id)]
        )
        self.assertEqual(amended.time, self.events[2].time)

    def test_orders_of_other_systems(self):
        ids = self.events.mapped("event_id")
        answer = self.Correction.void_events("test", [ids[0], "?"], "Why", dry_run=True)
        self.assertEqual((answer["state"], answer["voided"]), ("checked", 1))
        self.assertEqual(answer["differences"][0]["quantity_after"], "47")
        self.assertEqual(answer["left_out"], ["?: the source never sent it."])
        answer = self.Correction.amend_events(
            "test",
            [
                {
                    "id": ids[1],
                    "type": "api",
                    "subject": self.events[1].subject,
                    "time": "2026-09-15T12:00:00Z",
                    "value": "50",
                }
            ],
            "Why",
        )
        self.assertEqual((answer["state"], answer["amended"]), ("applied", 1))
        self.assertEqual(self._quantity(), Decimal(157))
        for entry in ({"id": ids[0]}, [ids[0], None]):  # as the API has it, and a pair
            answer = self.Correction.void_events("test", [entry], "Why", dry_run=True)
            self.assertEqual(answer["voided"], 1, entry)
        for entry in ({"id": 7}, {"id": "e", "reason": "x"}, ["e", 5], ["e"], None, 3):
            with self.assertRaisesRegex(UserError, "names no event to void"):
                self.Correction.void_events("test", [entry], "Why")
        with self.assertRaisesRegex(UserError, "no source with the code"):
            self.Correction.void_events("nowhere", ids, "Why")
        with self.assertRaisesRegex(UserError, "cannot be read"):
            self.Correction.amend_events("test", [{"id": ids[1]}, {"x": 1}], "Why")

    def test_backfill_compares_then_applies(self):
        ids = self.events.mapped("event_id")
        subject = self.events[0].subject
        lines = [
            "id;type;subject;time;value;dimensions.region",
            f"{ids[0]};api;{subject};2026-09-15T12:00:00Z;100;",  # as it is
            f"{ids[1]};api;{subject};2026-09-15T12:00:00Z;41;",  # differs
            f"new-1;api;{subject};2026-09-16T12:00:00Z;5;fr",  # missing
            f"new-2;api;{subject};2026-10-16T12:00:00Z;5;",  # outside
            "new-3;api;nobody;2026-09-16T12:00:00Z;5;",  # unknown
            f"new-4;api;{subject};2026-09-16T12:00:00Z;many;",  # unreadable
        ]
        correction = self.Correction.create(
            {
                "reason": "Probe was down",
                "source_id": self.events.source_id.id,
                "start_at": "2026-09-01",
                "end_at": "2026-10-01",
                "data": base64.b64encode("\n".join(lines).encode()),
                "file_name": "september.csv",
            }
        )
        correction.action_check()
        self.assertEqual(
            (
                correction.voided_count,
                correction.amended_count,
                correction.added_count,
                correction.problem_count,
            ),
            (1, 1, 1, 3),
        )
        self.assertEqual(
            sorted(correction.problems.splitlines()),
            [
                "new-2: its time is outside the span that is filled.",
                "new-3: Unknown subject (nobody).",
                "new-4: value: many is not a decimal number",
            ],
        )
        self.assertEqual(correction.line_ids.quantity_after, Decimal(146))
        self.assertEqual(correction.line_ids.amount_difference, Decimal("-0.50"))
        self.assertEqual(self._quantity(), Decimal(147))
        held = self.env["usage.quarantine"].search_count([])
        correction.action_apply()
        self.assertEqual(self._quantity(), Decimal(146))
        self.assertEqual(self.env["usage.quarantine"].search_count([]), held)
        store = self.env["usage.batch"]._store()
        self.assertEqual(store.verify(self.subscription.period_ids), [])
        again = correction.copy({"data": correction.data, "file_name": "x.csv"})
        again.action_check()
        self.assertEqual((again.voided_count, again.amended_count), (0, 0))
        self.assertFalse(again.line_ids)
        again.mode = "add"
        self.assertEqual(again.state, "draft")

    def test_what_is_left_out_is_told_in_the_language_of_who_asks(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        correction = self.Correction.with_context(lang="fr_FR").create(
            {
                "reason": "Sonde en panne",
                "source_id": self.events.source_id.id,
                "start_at": "2026-09-01",
                "end_at": "2026-10-01",
                "data": base64.b64encode(b"id,value\nnew-4,beaucoup"),
                "file_name": "septembre.csv",
            }
        )
        correction.action_check()
        self.assertEqual(
            correction.problems.replace("\xa0", " "), "new-4 : Champ manquant (type)."
        )
        correction.write({"file_name": "x.json", "data": base64.b64encode(b"[")})
        correction.action_check()
        self.assertEqual(
            correction.problems.replace("\xa0", " "),
            "1 : ligne 1, colonne 2 : la fin manque",
        )
        with self.assertRaisesRegex(UserError, "L'événement 1 .* Champ manquant .type"):
            self.Correction.with_context(lang="fr_FR").amend_events(
                self.events.source_id.code, [{"id": "x"}], "Pourquoi"
            )

    def test_correcting_is_for_billing_managers(self):
        user = self.users["user"]
        with self.assertRaises(AccessError):
            self.events[0].with_user(user).action_void()
        with self.assertRaises(AccessError):
            self.Correction.with_user(user).void_events("test", ["x"], "Why")
        correction = self.Correction.with_user(self.users["manager"])
        answer = correction.void_events("test", [self.events[0].event_id], "Why")
        self.assertEqual(answer["voided"], 1)


@tagged("post_install", "-at_install")
class TestUsageClosing(CorrectionCase):
    def test_close_writes_down_totals_and_late_says_what_moved(self):
        total = self._create_meter("cpu", dimension_keys="region")
        last = self._create_meter("cpu", aggregation="latest")
        self._send(
            [
                event(1, "3", dimensions={"region": "fr"}),
                event(2, "9", dimensions={"region": "de"}),
            ],
            received_at=datetime(2026, 10, 1, 8),
        )
        september = self._period("2026-09-01")
        october = self._period("2026-10-01")
        self.assertFalse(self.store.closings(september))
        closings = self.store.close(september | october)
        (closing,) = [one for one in closings if one.period_id == september.id]
        self.assertEqual(closing.watermark, datetime(2026, 10, 1, 8))
        self.assertEqual(
            {(t.meter_id, t.dimensions.get("region"), t.quantity, t.count)
             for t in closing.totals},
            {(total.id, "fr", Decimal(3), 1), (total.id, "de", Decimal(9), 1),
             (last.id, None, Decimal(9), 2)},
        )  # fmt: skip
        # read again it is the same, and the watermark leads to the same totals
        (kept,) = self.store.closings(september)
        self.assertEqual(kept.watermark, closing.watermark)
        self.assertCountEqual(kept.totals, closing.totals)
        self.assertFalse(self.store.late(september | october))
        # late, corrected, and in a period that was empty
        self._send(
            [
                event(3, "1", dimensions={"region": "fr"}),
                event(4, "5", at=datetime(2026, 10, 3), dimensions={"region": "fr"}),
            ],
            received_at=datetime(2026, 10, 5),
        )
        self._void("e2", received_at=datetime(2026, 10, 6))
        moved = {
            (row.period_id, row.meter_id, row.dimensions.get("region")): row.quantity
            for row in self.store.late(september | october)
        }
        self.assertEqual(
            moved,
            {
                (september.id, total.id, "fr"): Decimal(1),
                (september.id, total.id, "de"): Decimal(-9),
                (september.id, last.id, None): Decimal(-8),
                (october.id, total.id, "fr"): Decimal(5),
                (october.id, last.id, None): Decimal(5),
            },
        )
        since = self.store.late(september, since=datetime(2026, 10, 5, 12))
        self.assertEqual(
            {(row.meter_id, row.quantity) for row in since},
            # the latest value is that of event 3, but one event less is behind it
            {(total.id, Decimal(-9)), (last.id, Decimal(0))},
        )
        self.store.close(september)
        self.assertFalse(self.store.late(september))

    def test_verification_counts_differences_and_repairs(self):
        meter = self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "9")])
        self._void("e2")
        Verification = self.env["usage.verification"]
        company = self.env.company
        said = []
        well = Verification._run(company, say=said.append)
        self.assertEqual((well.difference_count, said), (0, []))
        self.assertGreaterEqual(well.period_count, 1)
        self.env.cr.execute(
            "UPDATE usage_store_sum SET value_sum = 4, day_sum = 4 WHERE meter_id = %s",
            [meter.id],
        )
        with mute_logger("odoo.addons.usage_billing.models.usage_verification"):
            bad = Verification._run(company, say=said.append)
        self.assertEqual(bad.difference_count, 2)  # the period and its day
        self.assertEqual(bad.details.splitlines(), said)
        self.assertIn("rollup 1 4 3 3, events 1 3 3 3", said[0])
        bad.action_repair()
        self.assertTrue(bad.is_repaired)
        self.assertEqual(Verification._run(company).difference_count, 0)
        self.assertEqual(Verification._run(company, since="2100-01-01").period_count, 0)

    def test_archived_meter_is_no_difference(self):
        old = self._create_meter("cpu")
        self._create_meter("cpu", aggregation="count")
        self._send([event(1, "3")])
        old.active = False
        self._send([event(2, "9")])
        self.assertRollupsEqualEvents()
