"""Events in, quantities out: identity, matching, sums, evidence."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from unittest.mock import patch
from uuid import UUID, uuid4

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..metering import EventRow, RejectedRow, reading
from .common import UsageFactory

SEPTEMBER = datetime(2026, 9, 15, 12)
FIRST = datetime(2026, 9, 1, 6)


class StoreCase(UsageFactory, TransactionCase):
    """One customer in Paris with a calendar-month subscription, one source."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.store = cls.env["usage.batch"]._store()
        cls.plan = cls.env["usage.plan"].create({"name": "Store", "code": "store"})
        cls.subscription = cls._create_store_subscription("acct-1")
        cls.source = cls._create_source("feed")

    @classmethod
    def _create_source(cls, code, **kw):
        return cls.env["usage.source"].create(
            {"name": code, "code": code, "future_tolerance_min": -1, **kw}
        )

    @classmethod
    def _create_store_subscription(cls, subject, **kw):
        subscription = cls.env["usage.subscription"].create(
            {
                "partner_id": cls._create_customer().id,
                "plan_id": cls.plan.id,
                "date_start": "2026-01-01",
                "tz": "Europe/Paris",
                **kw,
            }
        )
        subscription.state = "active"
        subscription._ensure_periods()
        cls.env["usage.subject"].create(
            {"subject": subject, "subscription_id": subscription.id}
        )
        return subscription

    def _send(self, rows, source=None, **kw):
        """Append rows as one batch; checks that every row is accounted for."""
        batch = self.env["usage.batch"].create(
            {"name": "Delivery", "source_id": (source or self.source).id, **kw}
        )
        result = batch._append(rows)
        self.assertEqual(
            result.rows, result.accepted + result.duplicate + result.quarantined_count
        )
        self.assertEqual(batch.state, "done")
        self.assertEqual(batch.rows_read, result.rows)
        return batch

    def _counts(self, batch):
        return (
            batch.accepted_count,
            batch.duplicate_count,
            batch.quarantined_count,
            batch.ignored_count,
        )

    def _period(self, day, subscription=None):
        return (subscription or self.subscription).period_ids.filtered(
            lambda period: str(period.local_start) == day
        )

    def _quantities(self, periods, meter, **kw):
        """{(first local day, *dimension values): quantity}"""
        names = {period.id: str(period.local_start) for period in periods}
        return {
            (names[row.period_id], *row.dimensions.values()): row.quantity
            for row in self.store.aggregate(periods, meter, **kw)
        }

    def assertRollupsEqualEvents(self):
        self.assertEqual(self.store.verify(self.env["usage.period"].search([])), [])


def event(number, value="1", at=SEPTEMBER, **kw):
    return EventRow(
        **{
            "event_id": f"e{number}",
            "type": "cpu",
            "subject": "acct-1",
            "time": at,
            "value": None if value is None else Decimal(value),
            "row_number": number,
            **kw,
        }
    )


def uuid7(milliseconds):
    """A UUID of version 7 that carries this time (RFC 9562, section 5.7)."""
    number = uuid4().int & ~(0xFFFF_FFFF_FFFF_F << 76) | milliseconds << 80 | 7 << 76
    return UUID(int=number)


@tagged("post_install", "-at_install")
class TestUsageStore(StoreCase):
    # ------------------------------------------------------------------
    # identity
    # ------------------------------------------------------------------
    def test_second_delivery_of_the_same_events_adds_nothing(self):
        meter = self._create_meter("cpu")
        rows = [event(number, "1.5") for number in range(1, 11)]
        self.assertEqual(self._counts(self._send(rows)), (10, 0, 0, 0))
        self.assertEqual(self._counts(self._send(rows)), (0, 10, 0, 0))
        mixed = [*rows[:3], event(11, "1.5"), *rows[7:]]
        self.assertEqual(self._counts(self._send(mixed)), (1, 6, 0, 0))
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal("16.5")},
        )
        self.assertRollupsEqualEvents()

    def test_two_large_deliveries_sent_again_in_one_transaction(self):
        self._create_meter("cpu")
        first = [event(number) for number in range(700)]
        second = [event(number) for number in range(700, 1500)]
        self._send([*first, *second])
        for rows in (first, second):
            again = self._send(rows)
            self.assertEqual(self._counts(again), (0, len(rows), 0, 0))
        self.assertRollupsEqualEvents()

    def test_repetition_inside_one_delivery_counts_once(self):
        meter = self._create_meter("cpu")
        rows = [event(1), event(2), event(1), event(1, "1.00"), event(2, "9")]
        batch = self._send(rows)
        self.assertEqual(self._counts(batch), (2, 2, 1, 0))
        self.assertEqual(batch.quarantine_ids.reason_code, "conflict")
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(2)},
        )

    def test_same_id_with_other_content_is_a_conflict_and_the_first_stays(self):
        self._create_meter("cpu")
        self._create_meter("disk")
        self._create_store_subscription("acct-2")
        self._send([event(1, "5")])
        changes = {
            "type": "disk",
            "subject": "acct-2",
            "currency": "EUR",
            "value": Decimal("6"),
            "time": SEPTEMBER + timedelta(microseconds=1),
            "dimensions": {"region": "fr"},
            "properties": {"note": "x"},
            "amount": Decimal(1),
        }
        for name, value in changes.items():
            with self.subTest(changed=name):
                batch = self._send([event(1, "5")._replace(**{name: value})])
                self.assertEqual(self._counts(batch), (0, 0, 1, 0))
                self.assertEqual(batch.quarantine_ids.reason_code, "conflict")
        found = self.env["usage.event"].search([("source_id", "=", self.source.id)])
        self.assertEqual(found.value, Decimal(5))

    def test_content_is_the_same_however_it_is_split(self):
        """Dimensions are what meters keep apart, which may change any day."""
        self._create_meter("cpu")
        members = {"b": "2", "a": 'x: ""', "a!": "é", "c": "4"}
        empty = {"nothing": ""}
        splits = [
            (members, {}),
            ({}, members),
            ({"a": members["a"]}, {"c": "4", "b": "2", "a!": "é"}),
            ({"c": "4", "b": "2"}, {"a!": "é", "a": members["a"], "gone": None}),
            (members | empty, {}),
            ({}, members | empty),
        ]
        for mode in ("strict", "time_keyed"):
            for kw in ({}, {"amount": Decimal("1.50"), "currency": "EUR"}):
                source = self._create_source(
                    f"split-{mode}-{len(kw)}", identity_mode=mode
                )
                rows = [
                    event(1, dimensions=dimensions, properties=properties, **kw)
                    for dimensions, properties in splits
                ]
                with self.subTest(mode=mode, kw=kw):
                    counts = [self._counts(self._send([row], source)) for row in rows]
                    self.assertEqual(counts, [(1, 0, 0, 0)] + [(0, 1, 0, 0)] * 5)
                    again = self._send(rows, source)
                    self.assertEqual(self._counts(again), (0, 6, 0, 0))
                    other = rows[2]._replace(properties={"c": "5", "b": "2"})
                    batch = self._send([other], source)
                    self.assertEqual(batch.quarantine_ids.reason_code, "conflict")

    def test_other_time_of_another_month_is_the_same_event(self):
        """Strict identity reaches across the tables of the months."""
        self._create_meter("cpu")
        self._send([event(1)])
        batch = self._send([event(1, at=datetime(2026, 10, 2))])
        self.assertEqual(batch.quarantine_ids.reason_code, "conflict")

    def test_report_tells_what_became_of_each_row(self):
        self._create_meter("cpu")
        for mode in ("strict", "time_keyed"):
            with self.subTest(mode=mode):
                source = self._create_source(mode, identity_mode=mode)
                self._send([event(1), event(9, subject="nobody")], source)
                batch = self.env["usage.batch"].create(
                    {"name": "Report", "source_id": source.id}
                )
                rows = [
                    event(9, subject="nobody"),
                    event(1, "2"),
                    event(2),
                    event(1, row_number=4),
                    RejectedRow(5, "invalid_value", "value: x", "raw"),
                    event(2, row_number=6),
                ]
                result = batch._append(rows, report=True)
                self.assertEqual(
                    [tuple(outcome) for outcome in result.outcomes],
                    [
                        (1, "conflict", "conflict", ""),
                        (4, "duplicate", "", ""),
                        (5, "quarantined", "invalid_value", "value: x"),
                        (6, "duplicate", "", ""),
                        (9, "duplicate", "unknown_subject", ""),
                    ],
                )
                plain = self._send([event(1)], source)
                self.assertEqual(plain.duplicate_count, 1)

    def test_sources_and_companies_have_ids_of_their_own(self):
        self._create_meter("cpu")
        self._send([event(1)])
        other = self._send([event(1)], source=self._create_source("other"))
        self.assertEqual(self._counts(other), (1, 0, 0, 0))

    def test_ids_that_carry_their_time_need_no_registry(self):
        meter = self._create_meter("cpu")
        source = self._create_source("keyed", identity_mode="time_keyed")
        rows = [event(number) for number in range(1, 6)]
        self.assertEqual(self._counts(self._send(rows, source)), (5, 0, 0, 0))
        self.assertEqual(self._counts(self._send(rows, source)), (0, 5, 0, 0))
        mixed = [event(1), event(2, "7"), event(6), event(6), event(6, "2")]
        self.assertEqual(self._counts(self._send(mixed, source)), (1, 2, 2, 0))
        # the same id at another time is another event here, by declaration
        moved = [event(1, at=SEPTEMBER + timedelta(hours=1))]
        self.assertEqual(self._counts(self._send(moved, source)), (1, 0, 0, 0))
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(7)},
        )
        self.assertRollupsEqualEvents()

    def test_ids_with_their_time_inside_are_known_at_any_time(self):
        self._create_meter("cpu")
        source = self._create_source(
            "v7", identity_mode="time_keyed", id_format="uuid7"
        )
        milliseconds = int(SEPTEMBER.replace(tzinfo=UTC).timestamp() * 1000)
        ids = [str(uuid7(milliseconds + number)) for number in range(3)]
        rows = [
            event(number, event_id=event_id) for number, event_id in enumerate(ids, 1)
        ]
        self.assertEqual(self._counts(self._send(rows, source)), (3, 0, 0, 0))
        moved = rows[0]._replace(time=SEPTEMBER + timedelta(minutes=5))
        far = rows[1]._replace(
            event_id=str(uuid7(milliseconds)), time=SEPTEMBER + timedelta(days=2)
        )
        batch = self._send([moved, far, event(9), rows[2]], source)
        self.assertEqual(self._counts(batch), (0, 1, 3, 0))
        self.assertEqual(
            sorted(batch.quarantine_ids.mapped("reason_code")),
            ["conflict", "id_time", "id_time"],
        )

    def test_how_rows_are_cut_into_chunks_changes_nothing(self):
        from ..metering.postgres import PostgresStore

        meter = self._create_meter("cpu", dimension_keys="region")
        rows = [
            event(
                number,
                str(number),
                at=SEPTEMBER + timedelta(hours=5 * (number * 37 % 101)),
                dimensions={"region": ("fr", "de")[number % 2]},
                subject="acct-1" if number % 5 else "nobody",
            )
            for number in range(1, 102)
        ]
        rows += rows[10:20]
        results = set()
        append = PostgresStore.append
        for size in (1, 7, 1000):
            subscription = self._create_store_subscription(f"chunk-{size}")
            source = self._create_source(f"chunk-{size}")
            self.patch(
                PostgresStore,
                "append",
                lambda store, batch, rows, size=size, **kw: append(
                    store, batch, rows, size, **kw
                ),
            )
            batch = self._send(
                [
                    row._replace(subject=f"chunk-{size}")
                    if row.subject == "acct-1"
                    else row
                    for row in rows
                ],
                source,
            )
            figures = self._quantities(subscription.period_ids, meter)
            results.add((self._counts(batch), tuple(sorted(figures.items()))))
        self.assertEqual(len(results), 1)
        self.assertRollupsEqualEvents()

    # ------------------------------------------------------------------
    # periods and days
    # ------------------------------------------------------------------
    def test_event_time_decides_the_period_in_the_customers_zone(self):
        meter = self._create_meter("cpu")
        self._send(
            [
                event(1, "1", datetime(2026, 8, 31, 21, 59, 59, 999_999)),
                event(2, "2", datetime(2026, 8, 31, 22)),  # 1 September in Paris
                event(3, "4", datetime(2026, 9, 30, 21, 59, 59, 999_999)),
                event(4, "8", datetime(2026, 9, 30, 22)),
            ]
        )
        self.assertEqual(
            self._quantities(self.subscription.period_ids, meter),
            {
                ("2026-08-01",): Decimal(1),
                ("2026-09-01",): Decimal(6),
                ("2026-10-01",): Decimal(8),
            },
        )
        self.assertRollupsEqualEvents()

    def test_aware_times_are_instants(self):
        meter = self._create_meter("cpu")
        paris = timezone(timedelta(hours=2))
        rows = [
            event(1, "1", datetime(2026, 9, 1, 0, 0, tzinfo=paris)),
            event(2, "2", datetime(2026, 8, 31, 22, 0, tzinfo=UTC)),
            event(3, "4", datetime(2026, 8, 31, 22, 0)),
        ]
        batch = self._send(rows)
        self.assertEqual(self._counts(batch), (3, 0, 0, 0))
        self.assertEqual(
            self._quantities(self.subscription.period_ids, meter),
            {("2026-09-01",): Decimal(7)},
        )
        # the same instant written in another zone is the same event
        again = self._send([event(1, "1", datetime(2026, 8, 31, 22, tzinfo=UTC))])
        self.assertEqual(self._counts(again), (0, 1, 0, 0))

    def test_days_add_up_to_the_period_across_a_clock_change(self):
        meter = self._create_meter("cpu", dimension_keys="region")
        start = datetime(2026, 10, 24, 20)
        self._send(
            [
                event(
                    number,
                    f"0.{number:03d}",
                    start + timedelta(minutes=20 * number),
                    dimensions={"region": ("fr", "de", "")[number % 3]},
                )
                for number in range(1, 200)
            ]
        )
        october = self._period("2026-10-01")
        days = self.store.daily(october, meter)
        self.assertEqual(
            {str(row.day) for row in days},
            {"2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"},
        )
        # 25 October has 25 hours in Paris: three events an hour
        self.assertEqual(
            sum(row.count for row in days if str(row.day) == "2026-10-25"), 75
        )
        by_region = {}
        for row in days:
            region = row.dimensions.get("region")
            by_region[region] = by_region.get(region, 0) + row.quantity
        self.assertEqual(
            by_region,
            {
                row.dimensions.get("region"): row.quantity
                for row in self.store.aggregate(october, meter)
            },
        )
        self.assertRollupsEqualEvents()

    def test_periods_are_made_when_an_event_needs_them(self):
        meter = self._create_meter("cpu")
        last = max(self.subscription.period_ids.mapped("end_at"))
        later = last + timedelta(days=40)
        self._send([event(1), event(2, "3", later)])
        period = self.env["usage.period"].search(
            [
                ("subscription_id", "=", self.subscription.id),
                ("start_at", "<=", later),
                ("end_at", ">", later),
            ]
        )
        self.assertEqual(list(self._quantities(period, meter).values()), [Decimal(3)])

    def test_late_event_of_an_existing_period_updates_it(self):
        meter = self._create_meter("cpu")
        september = self._period("2026-09-01")
        self._send([event(1, "10")], received_at="2026-10-01 00:00:00")
        september.sudo().state = "billed"
        self._send([event(2, "5")], received_at="2026-10-20 00:00:00")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(15)}
        )
        (row,) = self.store.aggregate(september, meter)
        self.assertEqual(row.watermark, datetime(2026, 10, 20))
        self.assertEqual(
            self._quantities(september, meter, as_of=datetime(2026, 10, 10)),
            {("2026-09-01",): Decimal(10)},
        )

    # ------------------------------------------------------------------
    # meters
    # ------------------------------------------------------------------
    def test_aggregations(self):
        meters = {
            name: self._create_meter("cpu", aggregation=name)
            for name in ("sum", "count", "max", "min")
        }
        self._send([event(1, "-3"), event(2, "7.25"), event(3, "0.5")])
        self._send([event(4, "2")])
        september = self._period("2026-09-01")
        self.assertEqual(
            {
                name: self._quantities(september, meter)["2026-09-01",]
                for name, meter in meters.items()
            },
            {
                "sum": Decimal("6.75"),
                "count": Decimal(4),
                "max": Decimal("7.25"),
                "min": Decimal(-3),
            },
        )
        self.assertRollupsEqualEvents()

    def test_dimensions_are_kept_apart_or_added_up(self):
        apart = self._create_meter("cpu", dimension_keys="region, tier")
        together = self._create_meter("cpu")
        highest = self._create_meter("cpu", aggregation="max", dimension_keys="region")
        dims = [
            {"region": "fr", "tier": "gold", "host": "a"},
            {"tier": "gold", "host": "b", "region": "fr"},
            {"region": "fr"},
            {},
        ]
        self._send(
            [
                event(number, str(number), dimensions=dimensions)
                for number, dimensions in enumerate(dims, 1)
            ]
        )
        september = self._period("2026-09-01")
        rows = self.store.aggregate(september, apart)
        self.assertEqual(
            {tuple(sorted(row.dimensions.items())): row.quantity for row in rows},
            {
                (("region", "fr"), ("tier", "gold")): Decimal(3),
                (("region", "fr"),): Decimal(3),
                (): Decimal(4),
            },
        )
        self.assertEqual(
            self._quantities(september, together), {("2026-09-01",): Decimal(10)}
        )
        (row,) = self.store.aggregate(september, apart, dimensions=False)
        self.assertEqual((row.quantity, row.count), (Decimal(10), 4))
        (row,) = self.store.aggregate(september, highest, dimensions=False)
        self.assertEqual(row.quantity, Decimal(4))

    def test_filters_on_dimensions_and_properties(self):
        conditions = [("region", "fr"), ("plan", "gold")]
        meter = self._create_meter(
            "cpu",
            filter_ids=[
                Command.create({"key": key, "value": value})
                for key, value in conditions
            ],
        )
        gold = {"plan": "gold"}
        self._send(
            [
                event(1, "1", dimensions={"region": "fr"}, properties=gold),
                event(2, "2", dimensions={"region": "de"}, properties=gold),
                event(3, "4", dimensions={"region": "fr", "plan": "gold"}),
                event(4, "8", properties={"region": "fr", "plan": "gold"}),
                event(5, "16", properties={"region": "fr"}),
                event(6, "32"),
            ]
        )
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(13)},
        )
        self.assertRollupsEqualEvents()

    def test_value_of_a_property_or_the_amount(self):
        prop = self._create_meter(
            "cpu", value_source="property", value_property="seconds"
        )
        passed_on = self._create_meter("cpu", value_source="amount")
        count = self._create_meter("cpu", aggregation="count")
        batch = self._send(
            [
                event(1, None, amount=Decimal("0.10"), properties={"seconds": "1.50"}),
                event(2, None, amount=Decimal("0.25"), properties={"seconds": "2"}),
                event(3, None, amount=Decimal(1)),
                event(4, None, properties={"seconds": "2"}),
                event(5, None, amount=Decimal(1), properties={"seconds": "two"}),
                event(
                    6,
                    None,
                    amount=Decimal(1),
                    currency="USD",
                    properties={"seconds": "2"},
                ),
                # Python reads these, the database does not
                event(7, None, amount=Decimal(1), properties={"seconds": "1_000"}),
                event(8, None, amount=Decimal(1), properties={"seconds": "\uff11"}),
            ]
        )
        self.assertEqual(
            batch.quarantine_ids.sorted("row_number").mapped("reason_code"),
            ["missing_field", "missing_field", "invalid_value", "currency"]
            + ["invalid_value"] * 2,
        )
        september = self._period("2026-09-01")
        self.assertEqual(
            self._quantities(september, prop), {("2026-09-01",): Decimal("3.5")}
        )
        (row,) = self.store.amounts(september, passed_on | prop)
        self.assertEqual(row.quantity, Decimal("0.35"))
        self.assertEqual(
            self._quantities(september, count), {("2026-09-01",): Decimal(2)}
        )
        self.assertRollupsEqualEvents()

    def test_38_digits_go_in_and_come_out(self):
        meter = self._create_meter("cpu")
        texts = [
            "12345678901234567890.123456789012345678",
            "0.00000000000000000000000000000000000001",
            "99999999999999999999999999999999999999",
            "-0.1",
            "1E+20",
        ]
        self._send([event(number, text) for number, text in enumerate(texts, 1)])
        found = self.env["usage.event"].search([("source_id", "=", self.source.id)])
        self.assertEqual(
            sorted(found.mapped("value")), sorted(Decimal(text) for text in texts)
        )
        (row,) = self.store.aggregate(self._period("2026-09-01"), meter)
        # fractions, because Decimal itself would round the sum to 28 digits
        self.assertEqual(
            Fraction(row.quantity), sum(Fraction(Decimal(text)) for text in texts)
        )
        self.assertRollupsEqualEvents()

    def test_a_new_meter_counts_what_is_stored(self):
        self._create_meter("cpu", aggregation="count")
        self._send(
            [event(number, "2", dimensions={"az": "1"}) for number in range(1, 5)]
        )
        september = self._period("2026-09-01")
        meter = self._create_meter("cpu", dimension_keys="az")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01", "1"): Decimal(8)}
        )
        meter.write({"aggregation": "max", "dimension_keys": False})
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(2)}
        )
        self._send([event(9, "3")])
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(3)}
        )
        self.assertRollupsEqualEvents()

    def test_a_new_meter_counts_what_is_billed_by_others(self):
        self._create_meter("cpu", aggregation="count")
        self._send([event(number, "2") for number in range(1, 5)])
        september = self._period("2026-09-01")
        september.state = "billed"
        meter = self._create_meter("cpu")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(8)}
        )
        self.assertRollupsEqualEvents()

    def test_meter_rounds_its_quantity(self):
        meter = self._create_meter("cpu", rounding_mode="up", rounding_decimals=-2)
        self._send([event(1, "123.456")])
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(200)},
        )

    def test_meter_says_in_words_what_it_does(self):
        meter = self._create_meter(
            "cpu",
            dimension_keys="region",
            filter_ids=[Command.create({"key": "tier", "value": "gold"})],
        )
        self.assertEqual(
            meter.description_text,
            "Adds up the values of the events of type “cpu”. Only those with tier = "
            "gold. Counted apart by region.",
        )

    def test_used_meters_and_sources_are_not_deleted(self):
        meter = self._create_meter("cpu")
        self._send([event(1)])
        with self.assertRaises(UserError):
            meter.unlink()
        with self.assertRaises(UserError):
            self.source.unlink()
        with self.assertRaises(UserError):
            self.source.identity_mode = "time_keyed"
        with self.assertRaises(UserError):
            self.env["usage.subject"].search([("subject", "=", "acct-1")]).unlink()

    # ------------------------------------------------------------------
    # evidence
    # ------------------------------------------------------------------
    def test_explain_pages_through_all_events_in_order(self):
        meter = self._create_meter("cpu", dimension_keys="region")
        self._create_meter("disk")
        rows = [
            event(
                number,
                str(number),
                SEPTEMBER + timedelta(minutes=number // 3),
                dimensions={
                    "region": ("fr", "de")[number % 2],
                    "host": str(number % 4),
                },
            )
            for number in range(1, 31)
        ]
        self._send([*reversed(rows), event(99, type="disk")])
        september = self._period("2026-09-01")
        seen, after = [], None
        while page := self.store.explain(
            september, meter, {"region": "de"}, limit=4, after=after
        ):
            self.assertLessEqual(len(page), 4)
            seen += page
            after = page[-1].cursor
        self.assertEqual(
            {found.event_id for found in seen}, {f"e{n}" for n in range(1, 31, 2)}
        )
        self.assertEqual(len(seen), 15)
        self.assertEqual([e.time for e in seen], sorted(e.time for e in seen))
        totals = {
            row.dimensions["region"]: row.quantity
            for row in self.store.aggregate(september, meter)
        }
        self.assertEqual(sum(found.value for found in seen), totals["de"])
        self.assertEqual(len(self.store.explain(september, meter)), 30)

    def test_pages_hold_every_event_however_uneven_the_line_is(self):
        meter = self._create_meter("cpu")
        times = [FIRST + timedelta(milliseconds=n) for n in range(40)]  # a burst
        times += [FIRST + timedelta(days=20, hours=n) for n in range(9)]
        times += [FIRST + timedelta(days=29, microseconds=n // 2) for n in range(9)]
        self._send(event(n, "1", at) for n, at in enumerate(times, 1))
        september = self._period("2026-09-01")
        for limit in (1, 7, 58, 100):
            seen, after = [], None
            while page := self.store.explain(september, meter, None, limit, after):
                seen += page
                after = page[-1].cursor
            self.assertEqual([row.time for row in seen], times)
        # a page begins where it is asked to, in the gap too
        day = FIRST + timedelta(days=10)
        (row,) = self.store.explain(september, meter, limit=1, after=(day, 0))
        self.assertEqual(row.time, times[40])

    def test_verify_sees_a_changed_rollup_and_rebuild_repairs_it(self):
        meter = self._create_meter("cpu")
        self._send([event(1), event(2)])
        september = self._period("2026-09-01")
        self.env.cr.execute(
            "UPDATE usage_store_sum SET value_sum = value_sum + 1"
            " WHERE meter_id = %s AND bucket = '-infinity'",
            [meter.id],
        )
        (difference,) = self.store.verify(september)
        self.assertEqual(
            (difference.meter_id, difference.day, difference.rollup[1]),
            (meter.id, None, Decimal(3)),
        )
        self.env.cr.execute(
            "UPDATE usage_store_sum SET day = NULL WHERE meter_id = %s",
            [meter.id],
        )
        self.assertEqual(len(self.store.verify(september)), 2)
        self.store.rebuild(september)
        self.assertRollupsEqualEvents()

    def test_newer_version_of_a_scope_replaces_the_older(self):
        meter = self._create_meter("cpu")
        source = self._create_source("focus", delivery_mode="overwrite")
        september = self._period("2026-09-01")
        first = self._send(
            [event(f"v1-{n}", "10", row_number=n) for n in (1, 2)]
            + [event("v1-3", subject="nobody", row_number=3)],
            source,
            scope="2026-09",
            version="1",
        )
        self._send([event(50, "1")])
        second = self._send(
            [event(f"v2-{n}", "7", row_number=n) for n in (1, 2, 3)],
            source,
            scope="2026-09",
            version="2",
        )
        self.assertEqual(second._supersede(), first)
        self.assertEqual((first.state, second.state), ("superseded", "done"))
        self.assertEqual(first.superseded_by_id, second)
        self.assertEqual(first.quarantine_ids.state, "ignored")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(22)}
        )
        found = self.env["usage.event"].search([("batch_id", "=", first.id)])
        self.assertEqual(found.mapped("is_live"), [False, False])
        self.assertRollupsEqualEvents()

    def test_erased_source_can_be_delivered_again(self):
        meter = self._create_meter("cpu")
        rows = [event(number) for number in range(1, 4)]
        rehearsal = self._create_source("rehearsal")
        self._send(rows)
        self._send([*rows, event(9, subject="nobody")], rehearsal)
        rehearsal._erase()
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(3)},
        )
        self.assertRollupsEqualEvents()
        self.assertEqual(self._counts(self._send(rows, rehearsal)), (3, 0, 0, 0))
        self.assertEqual(self._counts(self._send(rows)), (0, 3, 0, 0))

    def test_events_of_another_company_are_out_of_reach(self):
        self._create_meter("cpu")
        other = self.env["res.company"].create({"name": "Second company"})
        source = self.env["usage.source"].create(
            {"name": "feed", "code": "feed", "company_id": other.id}
        )
        batch = self.env["usage.batch"].create(
            {"name": "x", "source_id": source.id, "company_id": other.id}
        )
        result = batch._append([event(1)])
        self.assertEqual(result.quarantined, {"unknown_meter": 1})
        self.assertEqual(batch.quarantine_ids.company_id, other)

    def test_database_of_the_former_layout_is_taken_over(self):
        """One wide table by month of time becomes facts and routes."""
        meter = self._create_meter("cpu")
        rows = [
            event(1, "1.50", properties={"note": "x"}),
            event(2, "1", amount=Decimal("2.5"), currency="EUR"),
            event(3, "3", datetime(2026, 10, 2), dimensions={"region": "fr"}),
        ]
        self._send(rows)
        columns = (
            "id, time, NULL::timestamp AS event_time, received_at, payload_hash, key,"
            " company_id, source_id, batch_id, subscription_id, period_id, dimset_id,"
            " row_number, kind, type, subject, event_id, value, amount, currency,"
            " properties"
        )
        cr = self.env.cr
        self.env.flush_all()
        cr.execute("SELECT e::text FROM usage_store_event e ORDER BY id")
        before = cr.fetchall()
        self.assertEqual(len(before), 3)
        cr.execute(
            f"CREATE TABLE old AS SELECT {columns} FROM usage_store_event;"
            "DROP VIEW usage_event; DROP VIEW usage_store_event;"
            "DROP TABLE usage_store_fact, usage_store_route CASCADE;"
            "CREATE TABLE usage_store_event (LIKE old) PARTITION BY RANGE (time);"
            "CREATE TABLE usage_store_event_202609 PARTITION OF usage_store_event"
            " FOR VALUES FROM ('2026-09-01') TO ('2026-10-01');"
            "CREATE TABLE usage_store_event_202610 PARTITION OF usage_store_event"
            " FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');"
            "INSERT INTO usage_store_event SELECT * FROM old; DROP TABLE old"
        )
        self.env["usage.event"]._create_store()
        cr.execute("SELECT e::text FROM usage_store_event e ORDER BY id")
        after = cr.fetchall()
        self.assertEqual(
            [row[0].split(",")[:5] for row in before],
            [row[0].split(",")[:5] for row in after],
        )
        self.assertEqual(self._counts(self._send(rows)), (0, 3, 0, 0))
        self.assertEqual(
            self._quantities(self.subscription.period_ids, meter),
            {("2026-09-01",): Decimal("2.5"), ("2026-10-01",): Decimal(3)},
        )
        self.assertRollupsEqualEvents()

    # ------------------------------------------------------------------
    # the ORM's side
    # ------------------------------------------------------------------
    def test_a_subject_has_one_subscription_at_a_time(self):
        second = self._create_store_subscription("acct-2")
        subject = self.env["usage.subject"].search([("subject", "=", "acct-1")])
        subject.valid_to = "2026-09-10 00:00:00"
        vals = {"subject": "acct-1", "subscription_id": second.id}
        after = self.env["usage.subject"].create(
            {**vals, "valid_from": "2026-09-10 00:00:00"}
        )
        self.assertTrue(after)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(Exception) as caught,
            self.env.cr.savepoint(),
        ):
            self.env["usage.subject"].create(
                {
                    **vals,
                    "valid_from": "2026-09-01 00:00:00",
                    "valid_to": "2026-09-10 00:00:01",
                }
            )
        self.assertEqual(type(caught.exception).__name__, "ExclusionViolation")
        meter = self._create_meter("cpu")
        self._send(
            [event(1, "1", datetime(2026, 9, 9)), event(2, "2", datetime(2026, 9, 10))]
        )
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(1)},
        )
        self.assertEqual(
            self._quantities(self._period("2026-09-01", second), meter),
            {("2026-09-01",): Decimal(2)},
        )

    def test_rows_that_do_not_add_up_are_refused(self):
        batch = self._send([])
        with mute_logger("odoo.sql_db"), self.assertRaises(Exception) as caught:
            batch.rows_read = 3
            batch.flush_recordset()
        self.assertEqual(type(caught.exception).__name__, "CheckViolation")

    def test_rows_ignored_by_rule_are_counted(self):
        self._create_meter("cpu")
        batch = self._send([event(1), RejectedRow(2, "invalid_value", "x", "raw;row")])
        batch._add_ignored(3)
        self.assertEqual(self._counts(batch), (1, 0, 1, 3))
        self.assertEqual(batch.rows_read, 5)


@tagged("post_install", "-at_install")
class TestPagesInPostgres(StoreCase):
    """What only the store in PostgreSQL does."""

    def test_a_page_reads_a_stretch_of_a_long_line(self):
        meter = self._create_meter("cpu")
        self._send(event(n, "1", FIRST + timedelta(minutes=n)) for n in range(1, 2001))
        september = self._period("2026-09-01")
        after = (FIRST + timedelta(minutes=1500), 0)
        with patch.object(reading, "events", wraps=reading.events) as asked:
            page = self.store.explain(september, meter, limit=20, after=after)
        self.assertEqual(len(page), 20)
        (stretch,) = [call.args[1] for call in asked.call_args_list]
        self.assertEqual(stretch.start, after[0])
        self.assertLess(stretch.end - stretch.start, timedelta(hours=2))

    def test_events_lie_in_the_table_of_the_month_they_happened_in(self):
        """Whatever the period: its months are local, those of tables UTC."""
        self._create_meter("cpu")
        times = {
            "usage_store_fact_202609": datetime(2026, 9, 30, 23, 59, 59),
            "usage_store_fact_202610": datetime(2026, 10, 1),
            "usage_store_fact_202602": datetime(2026, 2, 28, 12),  # made on demand
        }
        self._send(event(n, at=at) for n, at in enumerate(times.values(), 1))
        self.env.cr.execute(
            "SELECT f.tableoid::regclass::text, f.time FROM usage_store_fact f"
            " JOIN usage_store_route r ON r.id = f.route_id WHERE r.source_id = %s",
            [self.source.id],
        )
        self.assertEqual(dict(self.env.cr.fetchall()), times)

    def test_sums_of_days_and_periods_read_no_single_event(self):
        meter = self._create_meter("cpu", dimension_keys="region")
        self._send(
            event(n, f"0.{n}", FIRST + timedelta(hours=n), dimensions={"region": "fr"})
            for n in range(1, 60)
        )
        september = self._period("2026-09-01")

        def answers():
            return (
                self.store.aggregate(september, meter),
                self.store.aggregate(september, meter, dimensions=["region"]),
                self.store.quantities(september, meter),
                self.store.daily(september, meter),
                *(
                    self.store.usage(
                        self.subscription,
                        meter,
                        september.start_at,
                        september.end_at,
                        bucket,
                    )
                    for bucket in ("day", "month", "total")
                ),
            )

        before = answers()
        self.env.cr.execute("DELETE FROM usage_store_fact")
        self.assertEqual(answers(), before)
        self.assertTrue(all(before))
