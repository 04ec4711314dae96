"""Every way to make a quantity, in SQL, against the pure rule."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged

from ..metering import EventRow
from ..metering.meters import divide
from ..rating import rounding
from ..rating.aggregation import Reading, aggregate
from .test_usage_store import SEPTEMBER, StoreCase, event

AGGREGATIONS = (
    "sum", "count", "max", "min", "average", "latest", "unique_count", "weighted_sum",
    "percentile",
)  # fmt: skip


def aware(moment):
    return moment.replace(tzinfo=UTC)


@tagged("post_install", "-at_install")
class TestUsageAggregation(StoreCase):
    def _meter(self, aggregation, **kw):
        """A meter of the type; levels begin at zero unless the test says otherwise."""
        if aggregation == "unique_count":
            kw.setdefault("unique_property", "item")
        kw.setdefault("carries_over", False)
        return self._create_meter("cpu", aggregation=aggregation, **kw)

    def _random_rows(self, seed, count=60):
        """Events of September and October, some at one instant, some negative."""
        rng = random.Random(seed)
        rows = []
        for number in range(count):
            moment = datetime(2026, 9, 1) + timedelta(
                hours=rng.randrange(24 * 60), microseconds=rng.choice((0, 0, 999_999))
            )
            rows.append(
                event(
                    number,
                    f"{rng.randrange(-5000, 9000) / 1000:.3f}",
                    at=moment,
                    dimensions={"region": rng.choice(("fr", "de"))},
                    properties={
                        "item": f"vm{rng.randrange(8)}",
                        "zone": rng.choice("ab"),
                    },
                )
            )
        rng.shuffle(rows)
        return rows

    def _expected(self, aggregation, period, rows):
        """By the pure core, of the events of one period."""
        parameters = {}
        if aggregation == "percentile":
            parameters["percent"] = Decimal("90")
        if aggregation == "weighted_sum":
            parameters["start"] = aware(period.start_at)
            parameters["end"] = aware(period.end_at)
        return aggregate(
            aggregation,
            [
                Reading(
                    aware(row.time),
                    row.value,
                    row.properties["item"],
                    (row.properties["zone"],) if aggregation == "unique_count" else (),
                    tie=row.event_id,
                )
                for row in rows
                if period.start_at <= row.time < period.end_at
            ],
            **parameters,
        )

    # ------------------------------------------------------------------
    # the pure rule and SQL
    # ------------------------------------------------------------------
    def test_every_aggregation_equals_the_pure_one_on_random_events(self):
        meters = {
            name: self._meter(
                name,
                **({"unique_within": "zone"} if name == "unique_count" else {}),
                **({"percentile": "90"} if name == "percentile" else {}),
            )
            for name in AGGREGATIONS
        }
        periods = self._period("2026-09-01") | self._period("2026-10-01")
        for seed in range(3):
            subscription = self._create_store_subscription(f"acct-{seed}-x")
            rows = [
                EventRow(*row)._replace(
                    subject=f"acct-{seed}-x", event_id=f"{seed}-{row.event_id}"
                )
                for row in self._random_rows(seed)
            ]
            self._send(rows)
            self.subscription._ensure_periods(datetime(2026, 11, 1))
            periods = self._period("2026-09-01", subscription) | self._period(
                "2026-10-01", subscription
            )
            for name, meter in meters.items():
                for as_of in (None, datetime(2100, 1, 1)):
                    with self.subTest(seed=seed, aggregation=name, as_of=as_of):
                        got = {
                            row.period_id: row.quantity
                            for row in self.store.aggregate(periods, meter, as_of=as_of)
                        }
                        self.assertEqual(
                            got,
                            {
                                period.id: self._expected(name, period, rows)
                                for period in periods
                            },
                        )
        self.assertRollupsEqualEvents()

    def test_dimensions_kept_apart_and_put_together(self):
        rows = self._random_rows(7)
        september = self._period("2026-09-01")
        for name in AGGREGATIONS:
            meter = self._meter(
                name,
                dimension_keys="region",
                **({"unique_within": "zone"} if name == "unique_count" else {}),
                **({"percentile": "90"} if name == "percentile" else {}),
            )
            if name == "sum":
                self._send(rows)
            with self.subTest(aggregation=name):
                apart = {
                    row.dimensions["region"]: row.quantity
                    for row in self.store.aggregate(september, meter)
                }
                self.assertEqual(
                    apart,
                    {
                        region: self._expected(
                            name,
                            september,
                            [r for r in rows if r.dimensions["region"] == region],
                        )
                        for region in ("de", "fr")
                    },
                )
                (together,) = self.store.aggregate(september, meter, dimensions=False)
                self.assertEqual(
                    together.quantity, self._expected(name, september, rows)
                )
                self.assertEqual(
                    together.count, sum(r.time < september.end_at for r in rows)
                )

    def test_filters_decide_which_events_are_looked_at(self):
        rows = self._random_rows(8)
        meter = self._meter(
            "latest",
            filter_ids=[
                (0, 0, {"key": "region", "value": "fr"}),
                (0, 0, {"key": "zone", "value": "b"}),
            ],
        )
        self._send(rows)
        september = self._period("2026-09-01")
        wanted = [
            row
            for row in rows
            if row.dimensions["region"] == "fr" and row.properties["zone"] == "b"
        ]
        self.assertEqual(
            self._quantities(september, meter),
            {("2026-09-01",): self._expected("latest", september, wanted)},
        )

    def test_quotients_are_those_of_the_rating_core(self):
        rng = random.Random(1)
        for _number in range(300):
            dividend = Decimal(rng.randrange(-(10**20), 10**20)).scaleb(-9)
            divisor = Decimal(rng.randrange(1, 10**9))
            self.assertEqual(
                divide(dividend, divisor), rounding.divide(dividend, divisor)
            )

    # ------------------------------------------------------------------
    # each rule by hand
    # ------------------------------------------------------------------
    def test_percentile_is_the_nearest_rank(self):
        meter = self._meter("percentile", percentile="95")
        seventh = self._meter("percentile", percentile="7")
        self._send(
            [
                event(
                    number,
                    str(number),
                    at=datetime(2026, 9, 2) + timedelta(minutes=number),
                )
                for number in range(1, 101)
            ]
        )
        september = self._period("2026-09-01")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(95)}
        )
        # 0.07 x 100 is 7.000000000000001 in binary: the eighth would be wrong
        self.assertEqual(
            self._quantities(september, seventh), {("2026-09-01",): Decimal(7)}
        )

    def test_level_goes_on_into_the_next_periods(self):
        # 6 from 5 August, 00:00 UTC (02:00 in Paris); nothing happens in September
        meter = self._meter("weighted_sum", carries_over=True)
        alone = self._meter("weighted_sum")
        by_day = self._meter("weighted_sum", carries_over=True, weighting="day")
        self._send([event(1, "6", at=datetime(2026, 8, 5))])
        periods = self._period("2026-08-01") | self._period("2026-09-01")
        # August lasts 31 x 24 h from 31 July 22:00; 26 days and 22 h are left
        august = divide(Decimal(6 * (26 * 24 + 22)), Decimal(31 * 24))
        self.assertEqual(
            self._quantities(periods, meter),
            {("2026-08-01",): august, ("2026-09-01",): Decimal(6)},
        )
        self.assertEqual(self._quantities(periods, alone), {("2026-08-01",): august})
        # by the day: the 5th counts whole, 27 of 31 days
        self.assertEqual(
            self._quantities(periods, by_day),
            {
                ("2026-08-01",): divide(Decimal(6 * 27), Decimal(31)),
                ("2026-09-01",): Decimal(6),
            },
        )
        (row,) = self.store.aggregate(periods[1], meter)
        self.assertEqual((row.count, row.first), (0, None))
        # what was known before the event arrived
        self.assertFalse(
            self.store.aggregate(periods, meter, as_of=datetime(2020, 1, 1))
        )
        self.assertEqual(
            self._quantities(periods, meter, as_of=datetime(2100, 1, 1)),
            {("2026-08-01",): august, ("2026-09-01",): Decimal(6)},
        )

    def test_late_change_of_a_level_is_noticed_in_later_periods(self):
        meter = self._meter("weighted_sum", carries_over=True)
        september = self._period("2026-09-01")
        self._send([event(1, "6", at=datetime(2026, 8, 5))])
        before = self.store.fingerprints(september)
        self._send([event(2, "1", at=datetime(2026, 8, 6))])
        self.assertNotEqual(self.store.fingerprints(september), before)
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(7)}
        )

    def test_cut_period_is_measured_against_the_whole_or_the_part(self):
        # from 16 September: 15 of 30 days; 4 from the first day, 2 more for 5 days
        whole = self._meter("weighted_sum", weighting="day")
        part = self._meter("weighted_sum", weighting="day", level_base="part")
        by_time = self._meter("weighted_sum")
        late = self._create_store_subscription("acct-cut", date_start="2026-09-16")
        self._send(
            [
                event(1, "4", at=datetime(2026, 9, 16, 5), subject="acct-cut"),
                event(2, "2", at=datetime(2026, 9, 26, 5), subject="acct-cut"),
            ]
        )
        (period,) = self._period("2026-09-16", late)
        expected = {
            whole: divide(Decimal(4 * 15 + 2 * 5), Decimal(30)),
            part: divide(Decimal(4 * 15 + 2 * 5), Decimal(15)),
            # 05:00 UTC is 07:00 in Paris: 14 days and 17 h, 4 days and 17 h
            by_time: divide(
                Decimal(4 * (14 * 24 + 17) + 2 * (4 * 24 + 17)), Decimal(30 * 24)
            ),
        }
        for meter, quantity in expected.items():
            self.assertEqual(
                self._quantities(period, meter), {("2026-09-16",): quantity}
            )

    def test_unit_is_converted_once_and_then_rounded(self):
        meter = self._meter(
            "sum",
            unit_divisor="1073741824",
            rounding_mode="up",
            rounding_decimals=2,
        )
        self._send([event(1, "1073741825"), event(2, "1073741823")])
        self._send([event(3, "1")])
        september = self._period("2026-09-01")
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal("2.01")}
        )

    def test_event_without_the_item_is_held(self):
        meter = self._meter("unique_count", unique_property="user")
        batch = self._send([event(1, None, properties={"user": "a"}), event(2, None)])
        self.assertEqual(batch.quarantine_ids.reason_code, "missing_field")
        self.assertEqual(batch.quarantine_ids.detail, "user")
        self.assertEqual(
            self._quantities(self._period("2026-09-01"), meter),
            {("2026-09-01",): Decimal(1)},
        )

    def test_new_meter_leaves_out_what_it_cannot_read(self):
        self._create_meter("cpu", aggregation="count")
        self._send(
            [
                event(1, None, properties={"mbps": "12"}),
                event(2, None, properties={"mbps": "fast"}),
                event(3, None),
            ]
        )
        september = self._period("2026-09-01")
        for name in ("sum", "average", "latest", "percentile"):
            meter = self._meter(name, value_source="property", value_property="mbps")
            self.assertEqual(
                self._quantities(september, meter),
                {("2026-09-01",): Decimal(12)},
                name,
            )
        self.assertRollupsEqualEvents()

    def test_daily_quantities_of_what_does_not_add_up(self):
        meter = self._meter("latest")
        self._send(
            [
                event(1, "3", at=datetime(2026, 9, 1, 21, 59)),
                event(2, "5", at=datetime(2026, 9, 1, 22)),  # the 2nd in Paris
                event(3, "4", at=datetime(2026, 9, 2, 12)),
            ]
        )
        self.assertEqual(
            [
                (str(row.day), row.quantity, row.count)
                for row in self.store.daily(self._period("2026-09-01"), meter)
            ],
            [("2026-09-01", Decimal(3), 1), ("2026-09-02", Decimal(4), 2)],
        )

    # ------------------------------------------------------------------
    # the form
    # ------------------------------------------------------------------
    def test_parameters_that_make_no_sense_are_refused(self):
        for kw in (
            {"aggregation": "percentile", "percentile": "0"},
            {"aggregation": "percentile", "percentile": "100.1"},
            {"aggregation": "percentile", "percentile": False},
            {"aggregation": "unique_count"},
            {"unit_divisor": "0"},
        ):
            with self.subTest(kw=kw), self.assertRaises(ValidationError):
                self._create_meter("cpu", **kw)

    def test_trial_says_what_the_last_events_give_and_how(self):
        meter = self._create_meter(
            "cpu",
            unit_label="GB",
            unit_divisor="1000",
            rounding_mode="up",
            rounding_decimals=1,
        )
        self._send(
            [
                event(number, str(number * 100), at=SEPTEMBER + timedelta(days=number))
                for number in range(1, 6)
            ]
        )
        trial = meter._prepare_trial()
        self.assertEqual(trial["headline"], "The last 5 matching events give 1.5 GB.")
        self.assertEqual(
            trial["groups"][0]["steps"],
            [
                ("Sum", "1,500"),
                ("Divided by 1,000", "1.5 GB"),
                ("Rounded up to 1 decimals", "1.5 GB"),
            ],
        )
        self.assertEqual(
            [(row["value"], row["figure"]) for row in trial["rows"]],
            [("500", "1,500"), ("400", "1,000"), ("300", "600"), ("200", "300"),
             ("100", "100")],
        )  # fmt: skip
        self.assertIn("1.5 GB", meter.trial_html)

    def test_trial_of_each_aggregation_equals_what_is_billed(self):
        rows = self._random_rows(9, count=40)
        meters = [self._meter(name) for name in AGGREGATIONS]
        self._send([row for row in rows if row.time < datetime(2026, 9, 25)])
        september = self._period("2026-09-01")
        for meter in meters:
            if meter.aggregation == "weighted_sum":
                continue  # averaged over another stretch of time: see its help
            spec = meter._get_spec()
            events = self.store.sample(meter, 200)
            self.assertEqual(
                spec.quantity(meter._get_trial_figure(spec, events)),
                self._quantities(september, meter)["2026-09-01",],
                meter.aggregation,
            )

    def test_trial_looks_at_the_last_matching_events_only(self):
        meter = self._create_meter(
            "cpu", filter_ids=[(0, 0, {"key": "zone", "value": "a"})]
        )
        self._create_meter("cpu", aggregation="count")
        rows = self._random_rows(10, count=90)
        other = self._create_store_subscription("acct-t")
        self._send(rows)
        self._send(
            [event(999, "1", subject="acct-t", properties={"zone": "a", "item": "i"})]
        )
        wanted = [row for row in rows if row.properties["zone"] == "a"]
        wanted.sort(key=lambda row: (row.time, row.event_id))
        mine = self.store.sample(meter, 7, self.subscription)
        self.assertEqual(
            [row.event_id for row in mine], [row.event_id for row in wanted[-7:]]
        )
        self.assertEqual(
            [row.event_id for row in self.store.sample(meter, 7, other)], ["e999"]
        )

    def test_trial_answers_before_the_meter_is_saved(self):
        self._create_meter("cpu")
        self._send([event(1, "3"), event(2, "5")])
        form = Form(self.env["usage.meter"])
        form.name, form.code, form.event_type = "New", "new", "cpu"
        form.aggregation = "percentile"
        form.percentile = "50"
        self.assertIn("The last 2 matching events give 3.", form.trial_html)
        form.percentile = "0"
        self.assertIn("Give a percentile above 0", form.trial_html)
        form.percentile = "100"
        form.trial_count = 1
        self.assertIn("The last 1 matching events give 5.", form.trial_html)

    def test_changing_the_aggregation_counts_again(self):
        meter = self._meter("sum")
        self._send([event(1, "3"), event(2, "5")])
        september = self._period("2026-09-01")
        meter.aggregation = "average"
        self.assertEqual(
            self._quantities(september, meter), {("2026-09-01",): Decimal(4)}
        )
        meter.write({"aggregation": "unique_count", "unique_property": "user"})
        self.assertFalse(self._quantities(september, meter))
        self.assertRollupsEqualEvents()


@tagged("post_install", "-at_install")
class TestUsageByBucket(StoreCase):
    def _usage(self, meter, start, end, bucket, group_by=(), subscription=None):
        return [
            (row.start, *row.dimensions.values(), row.quantity, row.count)
            for row in self.store.usage(
                subscription or self.subscription, meter, start, end, bucket, group_by
            )
        ]

    def test_hours_and_days_across_both_clock_changes(self):
        meter = self._create_meter("cpu")
        self._send(
            [
                # clocks go forward on 29 March 2026, 01:00 UTC: 02:00 does not exist
                event(1, "1", at=datetime(2026, 3, 29, 0, 30)),
                event(2, "2", at=datetime(2026, 3, 29, 1, 30)),
                # clocks go back on 25 October 2026, 01:00 UTC: 02:00 comes twice
                event(3, "4", at=datetime(2026, 10, 25, 0, 30)),
                event(4, "8", at=datetime(2026, 10, 25, 1, 30)),
                event(5, "16", at=datetime(2026, 10, 25, 22, 59)),
                event(6, "32", at=datetime(2026, 10, 25, 23)),
            ]
        )
        self.assertEqual(
            self._usage(meter, datetime(2026, 3, 1), datetime(2026, 11, 1), "hour"),
            [
                (datetime(2026, 3, 29, 0), Decimal(1), 1),
                (datetime(2026, 3, 29, 1), Decimal(2), 1),
                (datetime(2026, 10, 25, 0), Decimal(4), 1),
                (datetime(2026, 10, 25, 1), Decimal(8), 1),
                (datetime(2026, 10, 25, 22), Decimal(16), 1),
                (datetime(2026, 10, 25, 23), Decimal(32), 1),
            ],
        )
        self.assertEqual(
            self._usage(meter, datetime(2026, 3, 1), datetime(2026, 11, 1), "day"),
            [
                (datetime(2026, 3, 28, 23), Decimal(3), 2),
                (datetime(2026, 10, 24, 22), Decimal(28), 3),
                (datetime(2026, 10, 25, 23), Decimal(32), 1),
            ],
        )
        self.assertEqual(
            self._usage(meter, datetime(2026, 3, 1), datetime(2026, 11, 1), "month"),
            [
                (datetime(2026, 2, 28, 23), Decimal(3), 2),
                (datetime(2026, 9, 30, 22), Decimal(60), 4),
            ],
        )

    def test_buckets_of_every_kind_add_up_and_equal_the_events(self):
        """Rollups answer what they can; cut anywhere, the sum stays the same."""
        meter = self._create_meter("cpu", dimension_keys="region")
        rng = random.Random(3)
        start = datetime(2026, 8, 20)
        rows = [
            event(
                number,
                f"{rng.randrange(1, 9000) / 1000:.3f}",
                at=start + timedelta(minutes=rng.randrange(60 * 24 * 50)),
                dimensions={"region": rng.choice(("fr", "de"))},
                properties={"vm": rng.choice("abc")},
            )
            for number in range(200)
        ]
        self._send(rows)
        for tz in ("Europe/Paris", "America/New_York", "Asia/Kathmandu"):
            self.subscription.tz = tz
            for _number in range(6):
                low = start + timedelta(minutes=rng.randrange(60 * 24 * 25))
                high = low + timedelta(minutes=rng.randrange(1, 60 * 24 * 40))
                inside = [row for row in rows if low <= row.time < high]
                for group in ((), ("region",), ("vm",), ("region", "vm")):
                    expected = {}
                    for row in inside:
                        names = row.dimensions | row.properties
                        key = tuple(names[name] for name in sorted(group))
                        expected[key] = expected.get(key, 0) + row.value
                    for bucket in ("hour", "day", "month", "total"):
                        got = {}
                        for row in self.store.usage(
                            self.subscription, meter, low, high, bucket, group
                        ):
                            key = tuple(row.dimensions[name] for name in sorted(group))
                            got[key] = got.get(key, 0) + row.quantity
                        self.assertEqual(got, expected, (tz, low, high, group, bucket))

    def test_subscriptions_are_answered_each_in_its_zone(self):
        meter = self._create_meter("cpu")
        other = self._create_store_subscription("acct-2", tz="America/New_York")
        moment = datetime(2026, 9, 10, 3)
        self._send(
            [event(1, "1", at=moment), event(2, "2", at=moment, subject="acct-2")]
        )
        self.assertEqual(
            self._usage(
                meter,
                datetime(2026, 9, 1, 5),
                datetime(2026, 9, 20),
                "day",
                subscription=self.subscription | other,
            ),
            [
                (datetime(2026, 9, 9, 22), Decimal(1), 1),
                (datetime(2026, 9, 9, 4), Decimal(2), 1),
            ],
        )

    def test_level_by_hour_is_there_while_nothing_happens(self):
        meter = self._create_meter("cpu", aggregation="weighted_sum")
        self._send(
            [
                event(1, "2", at=datetime(2026, 8, 30)),
                event(2, "4", at=datetime(2026, 9, 10, 10, 15)),
                event(3, "-6", at=datetime(2026, 9, 10, 12)),
            ]
        )
        self.assertEqual(
            self._usage(
                meter, datetime(2026, 9, 10, 9), datetime(2026, 9, 10, 14), "hour"
            ),
            [
                (datetime(2026, 9, 10, 9), Decimal(2), 0),
                (datetime(2026, 9, 10, 10), Decimal(5), 1),
                (datetime(2026, 9, 10, 11), Decimal(6), 0),
                (datetime(2026, 9, 10, 12), Decimal(0), 1),
            ],
        )
        # August: 2 for two days less two hours (Paris) of 31 days
        (august, september) = self._usage(
            meter, datetime(2026, 7, 31, 22), datetime(2026, 9, 30, 22), "month"
        )
        self.assertEqual(august[1], divide(Decimal(2 * 46), Decimal(31 * 24)))
        self.assertEqual(
            september[1],
            self._quantities(self._period("2026-09-01"), meter)["2026-09-01",],
        )

    def test_stream_gives_all_events_in_an_order_of_their_own(self):
        meter = self._create_meter("cpu", dimension_keys="region")
        moment = datetime(2026, 9, 10, 3)
        rows = [
            event(number, str(number), at=moment, dimensions={"region": "fr"})
            for number in (3, 1, 2)
        ]
        self._send([*rows, event(4, "4", dimensions={"region": "de"})])
        self._send([event(0, "0", at=moment, dimensions={"region": "fr"})])
        september = self._period("2026-09-01")
        self.assertEqual(
            [found.event_id for found in self.store.stream(september, meter)],
            ["e0", "e1", "e2", "e3", "e4"],
        )
        self.assertEqual(
            [
                found.value
                for found in self.store.stream(september, meter, {"region": "de"})
            ],
            [Decimal(4)],
        )
        self.assertEqual(
            [
                found.event_id
                for found in self.store._postgres().stream(
                    *[one for (one,) in self.store._specs(september, meter)], size=2
                )
            ],
            ["e0", "e1", "e2", "e3", "e4"],
        )
