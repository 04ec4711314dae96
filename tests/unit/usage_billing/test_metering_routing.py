"""Which subscription, period and day an event belongs to."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from metering.instants import OPEN_END, LocalDays, to_microseconds
from metering.meters import MeterSpec
from metering.places import PeriodSpan, SubjectSpan
from metering.routing import Router


def us(*parts):
    return to_microseconds(datetime(*parts))


class Catalogue:
    """Meters, subjects and monthly periods of UTC, kept in memory."""

    def __init__(self, meters=(), subjects=(), last_month=12):
        self._meters = meters or [MeterSpec(1, "cpu", "sum")]
        self._subjects = subjects or [SubjectSpan("a", None, 7, -OPEN_END, OPEN_END)]
        self.last_month = last_month
        self.asked = []

    def meters(self):
        return self._meters

    def subjects(self, names):
        return [span for span in self._subjects if span.subject in names]

    def periods(self, subscription_ids, until):
        self.asked.append(until)
        return [
            PeriodSpan(
                100 * subscription_id + month,
                subscription_id,
                us(2026, month, 1),
                us(2026, month + 1, 1) if month < 12 else us(2027, 1, 1),
                "Europe/Paris",
                "EUR",
            )
            for subscription_id in subscription_ids
            for month in range(1, self.last_month + 1)
        ]


def route(catalogue, key=("cpu", "a", ()), until=(2026, 12, 31), latest=OPEN_END):
    router = Router(catalogue, company_id=1, source_id=5)
    router.latest = latest
    return build(router, key, until)


def build(router, key, until):
    """The route of (type, subject, dimension items)."""
    etype, subject, items = key
    number = router.dimension_numbers.setdefault(items, len(router.dimension_numbers))
    numbered = (etype, subject, number)
    router.load([numbered], us(*until))
    router.dimensions([numbered])
    return router.build(numbered, lambda text: 1)


def test_period_start_is_included_and_end_excluded():
    way = route(Catalogue())
    assert way.move(us(2026, 3, 1)) is None
    assert way.segment.period_id == 703
    assert way.move(us(2026, 3, 31, 23, 59, 59, 999_999)) is None
    assert way.segment.period_id == 703
    assert way.move(us(2026, 4, 1)) is None
    assert way.segment.period_id == 704


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (("disk", "a", ()), "unknown_meter"),
        (("cpu", "b", ()), "unknown_subject"),
        (("", "a", ()), "missing_field"),
        (("cpu", "", ()), "missing_field"),
        (("cpu", "a", (("x", "\x00"),)), "invalid_value"),
        (("cpu", "a\ud800", ()), "invalid_value"),
    ],
)
def test_what_cannot_be_matched_says_why(key, reason):
    assert route(Catalogue(), key).move(us(2026, 3, 1)) == reason


def test_before_after_and_between():
    spans = [
        SubjectSpan("a", None, 7, us(2026, 2, 1), us(2026, 3, 1)),
        SubjectSpan("a", None, 8, us(2026, 4, 1), OPEN_END),
    ]
    way = route(Catalogue(subjects=spans, last_month=6), until=(2026, 5, 1))
    assert way.move(us(2026, 1, 31)) == "before_start"
    assert way.move(us(2026, 3, 15)) == "before_start"
    assert way.move(us(2026, 7, 2)) == "after_end"
    assert way.move(us(2026, 2, 28)) is None
    assert way.segment.subscription_id == 7
    assert way.move(us(2026, 4, 1)) is None
    assert way.segment.subscription_id == 8
    closed = route(Catalogue(subjects=spans[:1]))
    assert closed.move(us(2026, 3, 1)) == "after_end"


def test_before_and_after_the_subscription_whose_subject_has_no_dates():
    way = route(Catalogue(last_month=6), until=(2026, 5, 1))
    assert way.move(us(2025, 12, 31, 23, 59, 59, 999_999)) == "before_start"
    assert way.move(us(2026, 1, 1)) is None
    assert way.move(us(2026, 7, 1)) == "after_end"
    nothing = route(Catalogue(last_month=0))
    assert nothing.move(us(2026, 3, 1)) == "no_period"


def test_a_mapping_of_the_source_wins_over_one_of_all_sources():
    spans = [
        SubjectSpan("a", None, 7, -OPEN_END, OPEN_END),
        SubjectSpan("a", 5, 8, us(2026, 3, 10), us(2026, 3, 20)),
        SubjectSpan("a", 6, 9, -OPEN_END, OPEN_END),
    ]
    way = route(Catalogue(subjects=spans))
    seen = []
    for day in (9, 10, 19, 20):
        assert way.move(us(2026, 3, day)) is None
        seen.append(way.segment.subscription_id)
    assert seen == [7, 8, 8, 7]


def test_each_currency_of_a_period_has_a_slot_of_its_own():
    way = route(Catalogue())
    way.move(us(2026, 3, 1))
    segment, router = way.segment, way.router
    plain = segment.slot_of(None)
    assert segment.slot is plain is segment.slot_of(None)
    assert segment.slot_of("USD").key == (1, 5, 7, 703, 1, "u", "USD", "cpu", "a")
    assert [slot.key[6] for slot in router.unnumbered] == [None, "USD"]


def test_future_events_are_held():
    way = route(Catalogue(), latest=us(2026, 3, 15))
    assert way.move(us(2026, 3, 15)) is None
    assert way.high == us(2026, 3, 15) + 1
    assert way.move(us(2026, 3, 15) + 1) == "future"


def test_periods_are_asked_for_again_only_when_later_ones_are_needed():
    catalogue = Catalogue(last_month=3)
    router = Router(catalogue, company_id=1, source_id=5)
    build(router, ("cpu", "a", ()), (2026, 2, 1))
    router.load([], us(2026, 3, 20))
    assert len(catalogue.asked) == 1
    assert router.routes
    catalogue.last_month = 4
    router.load([], us(2026, 4, 20))
    assert len(catalogue.asked) == 2
    assert not router.routes, "routes without the new period are made again"


def test_a_subscription_that_is_over_costs_the_others_nothing():
    subjects = [
        SubjectSpan(name, None, number, -OPEN_END, OPEN_END)
        for number, name in ((7, "a"), (8, "gone"), (9, "to come"))
    ]
    catalogue = Catalogue(subjects=subjects)
    last = {7: 12, 8: 3, 9: 0}

    def periods(subscription_ids, until):
        return [
            period
            for period in Catalogue.periods(catalogue, subscription_ids, until)
            if period.id % 100 <= last[period.subscription_id]
        ]

    catalogue.periods = periods
    router = Router(catalogue, company_id=1, source_id=5)
    for _number, name in ((7, "a"), (8, "gone"), (9, "to come")):
        build(router, ("cpu", name, ()), (2026, 4, 1))
    catalogue.asked.clear()
    for day in range(2, 6):
        router.load([], us(2026, 4, day))
        assert len(router.routes) == 3
    last[9] = 5
    router.load([], us(2026, 4, 6))
    assert not router.routes
    assert (
        build(router, ("cpu", "to come", ()), (2026, 4, 6)).move(us(2026, 4, 6)) is None
    )
    assert build(router, ("cpu", "gone", ()), (2026, 4, 6)).move(us(2026, 4, 6))


@pytest.mark.parametrize(
    "tz",
    [
        "UTC",
        "Europe/Paris",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Asia/Kathmandu",
    ],
)
def test_days_are_local_and_leave_no_hole(tz):
    days, zone = LocalDays(tz), ZoneInfo(tz)
    moment, end = us(2026, 3, 27), us(2026, 4, 3)
    while moment < end:
        piece = days.piece(moment)
        assert piece.low <= moment < piece.high
        for instant in (piece.low, piece.high - 1):
            when = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
            local = when.astimezone(zone).date()
            assert date(2000, 1, 1) + timedelta(days=piece.day) == local
        moment = piece.high


def test_days_of_the_clock_changes_have_23_and_25_hours():
    days = LocalDays("Europe/Paris")
    spring = days.piece(us(2026, 3, 29, 12))
    autumn = days.piece(us(2026, 10, 25, 12))
    assert (spring.high - spring.low) // 3_600_000_000 == 23
    assert (autumn.high - autumn.low) // 3_600_000_000 == 25


def test_filters_look_at_dimensions_then_at_properties():
    meter = MeterSpec(1, "cpu", "sum", filters=(("region", "fr"), ("tier", "gold")))
    assert meter.split_filters({"region": "de"}) is None
    assert meter.split_filters({"region": "fr"}) == (("tier", "gold"),)
    assert meter.split_filters({"region": "fr", "tier": "gold"}) == ()


@pytest.mark.parametrize(
    ("rounding", "decimals", "quantity", "expected"),
    [
        (None, 0, "123.456", "123.456"),
        ("up", 0, "123.456", "124"),
        ("up", -2, "123.456", "200"),
        ("down", -2, "123.456", "100"),
        ("half_up", 1, "0.25", "0.3"),
        ("half_up", 1, "-0.25", "-0.3"),
    ],
)
def test_quantities_are_rounded_as_the_meter_says(
    rounding, decimals, quantity, expected
):
    meter = MeterSpec(1, "cpu", "sum", rounding=rounding, decimals=decimals)
    assert meter.round(Decimal(quantity)) == Decimal(expected)


def test_ways_are_kept_for_whole_months_and_for_events_that_may_pass():
    router = Router(Catalogue(), company_id=1, source_id=5)
    ways = router.ways_of(us(2026, 3, 3), us(2026, 3, 31, 23))
    assert router.ways_of(us(2026, 3, 1), us(2026, 3, 31, 23, 59, 59, 999_999)) is ways
    assert router.ways_of(us(2026, 2, 27), us(2026, 3, 31)) is ways
    router.set_out(us(2026, 3, 20), us(2026, 3, 5))
    for span in (
        (us(2026, 3, 5) - 1, us(2026, 3, 20)),
        (us(2026, 3, 5), us(2026, 3, 20) + 1),
    ):
        assert router.ways_of(*span) is None
    assert router.ways_of(us(2026, 3, 5), us(2026, 3, 20)) is ways
    router.set_out(OPEN_END)
    assert router.ways_of(us(2026, 6, 1), us(2026, 6, 1)) is not ways


def test_turns_of_a_subject_are_all_instants_that_end_or_begin_something():
    spans = [
        SubjectSpan("a", None, 7, us(2026, 2, 10), us(2026, 3, 5)),
        SubjectSpan("a", None, 8, us(2026, 3, 9), OPEN_END),
    ]
    places = route(Catalogue(subjects=spans, last_month=5)).places
    ends = [us(2026, 2, 10), us(2026, 3, 1), us(2026, 3, 5), us(2026, 3, 9)]
    ends += [us(2026, 4, 1), us(2026, 5, 1), us(2026, 6, 1)]
    assert places.turns(-OPEN_END, OPEN_END) == tuple(ends)
    for low, end in enumerate(ends):
        for high, other in enumerate(ends):
            assert places.turns(end, other) == tuple(ends[low + 1 : high])
            assert places.turns(end - 1, other + 1) == tuple(ends[low : high + 1])
