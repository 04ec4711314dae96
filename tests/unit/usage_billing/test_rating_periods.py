# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Periods tile the line of time: no hole, no overlap, whatever clocks do."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating import Period, RatingError, Share
from rating.periods import (
    INTERVALS,
    Schedule,
    calendar_days,
    days30,
    midnight,
    next_period,
    periods,
)

PARIS = "Europe/Paris"
ZONES = st.sampled_from(
    [
        "UTC",
        PARIS,
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",  # half-hour summer time
        "Pacific/Apia",  # skipped 30 December 2011
        "America/Sao_Paulo",  # clocks changed at midnight
        "Africa/Cairo",
        "Pacific/Kiritimati",
    ]
)
DATES = st.dates(date(2005, 1, 1), date(2035, 12, 31))
SCHEDULES = st.builds(Schedule, DATES, st.sampled_from(INTERVALS), st.integers(1, 3))


def starts(schedule, count):
    return [str(schedule.boundary(n)) for n in range(count)]


@pytest.mark.parametrize(
    ("anchor", "interval", "expected"),
    [
        (
            date(2024, 1, 31),
            "month",
            ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"],
        ),
        (
            date(2023, 1, 30),
            "month",
            ["2023-01-30", "2023-02-28", "2023-03-30", "2023-04-30"],
        ),
        (
            date(2023, 11, 30),
            "quarter",
            ["2023-11-30", "2024-02-29", "2024-05-30", "2024-08-30"],
        ),
        (
            date(2024, 2, 29),
            "year",
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"],
        ),
        (
            date(2026, 3, 25),
            "week",
            ["2026-03-25", "2026-04-01", "2026-04-08", "2026-04-15"],
        ),
        (
            date(2026, 12, 31),
            "day",
            ["2026-12-31", "2027-01-01", "2027-01-02", "2027-01-03"],
        ),
    ],
)
def test_an_anchor_day_is_clamped_and_comes_back(anchor, interval, expected):
    assert starts(Schedule(anchor, interval), 4) == expected


def test_calendar_periods_begin_with_the_calendar():
    assert Schedule.calendar("quarter").dates(date(2026, 5, 20)) == (
        date(2026, 4, 1),
        date(2026, 7, 1),
    )
    monday, next_monday = Schedule.calendar("week").dates(date(2026, 11, 22))
    assert (monday.weekday(), str(monday)) == (0, "2026-11-16")
    assert next_monday - monday == timedelta(days=7)


def test_march_in_paris_starts_in_winter_and_ends_in_summer_time():
    march = Schedule.calendar("month").period(date(2026, 3, 10), PARIS)
    assert march.start == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert march.end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert (march.days, str(march.last_date)) == (31, "2026-03-31")
    assert datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC) in march
    assert march.end not in march


def test_a_day_whose_midnight_is_skipped_begins_at_the_change():
    # Sao Paulo, 2018-11-04: 00:00 became 01:00
    start = midnight(date(2018, 11, 4), "America/Sao_Paulo")
    assert start == datetime(2018, 11, 4, 3, tzinfo=UTC)


@given(SCHEDULES, DATES)
def test_a_day_is_in_the_period_that_holds_it(schedule, day):
    first, end = schedule.dates(day)
    assert first <= day < end


@given(SCHEDULES, st.integers(-40, 40))
def test_boundaries_rise_and_their_days_are_found_again(schedule, n):
    assert schedule.boundary(n) < schedule.boundary(n + 1)
    assert schedule.index(schedule.boundary(n)) == n
    assert schedule.index(schedule.boundary(n + 1) - timedelta(days=1)) == n


@given(SCHEDULES, ZONES, DATES, st.integers(1, 200))
def test_periods_tile_a_span_without_hole_or_overlap(schedule, zone, first, length):
    end = first + timedelta(days=length)
    found = periods(schedule, zone, first, end)
    assert (found[0].first_date, found[-1].end_date) == (first, end)
    assert found[0].start == midnight(first, zone)
    assert found[-1].end == midnight(end, zone)
    for one, other in zip(found, found[1:], strict=False):
        assert one.end == other.start
        assert one.end_date == other.first_date
    assert sum(period.days for period in found) == length


@given(SCHEDULES, ZONES, ZONES, DATES)
def test_a_change_of_zone_leaves_no_hole(schedule, zone, new_zone, day):
    stored = schedule.period(day, zone)
    following = next_period(stored, schedule, new_zone)
    assert following.start == stored.end
    assert following.end > following.start
    assert following.zone == new_zone
    assert next_period(following, schedule).start == following.end


@given(SCHEDULES, ZONES, DATES, st.integers(0, 400), st.integers(0, 400))
def test_shares_of_two_halves_make_the_whole(schedule, zone, day, cut, ignored):
    period = schedule.period(day, zone)
    middle = period.first_date + timedelta(days=cut % (period.days + 1))
    left, right = period.share(None, middle), period.share(middle, None)
    parts = [s for s in (left, right) if s.part]
    assert sum(s.part * (period.days // s.whole) for s in parts) == period.days


@pytest.mark.parametrize(
    ("method", "share"),
    [("days", Share(17, 31)), ("fixed30", Share(16, 30)), ("seconds", None)],
)
def test_proration_of_a_month_joined_on_the_fifteenth(method, share):
    march = Schedule.calendar("month").period(date(2026, 3, 1), PARIS)
    got = march.share(date(2026, 3, 15), method=method)
    if share is None:
        # one hour of the last Sunday is missing in both
        hour = 3600
        share = Share(17 * 24 * hour - hour, 31 * 24 * hour - hour)
    assert got == share


def test_days_outside_the_period_have_no_share():
    march = Schedule.calendar("month").period(date(2026, 3, 1), PARIS)
    assert march.share(date(2026, 4, 1), date(2026, 4, 5)).part == 0
    assert march.share(date(2026, 2, 1), date(2026, 5, 1)) == Share(1, 1)


def test_an_unknown_proration_is_refused():
    march = Schedule.calendar("month").period(date(2026, 3, 1), PARIS)
    with pytest.raises(RatingError) as caught:
        march.share(date(2026, 3, 15), method="by feeling")
    assert caught.value.code == "proration_method"


def test_thirty_day_months():
    assert days30(date(2023, 5, 23), date(2023, 6, 15)) == 22
    assert days30(date(2023, 2, 23), date(2023, 3, 15)) == 22
    assert days30(date(2026, 1, 1), date(2027, 1, 1)) == 360


@given(DATES, st.integers(0, 500), st.integers(0, 500))
def test_thirty_day_months_add_up(first, one, other):
    middle, end = first + timedelta(days=one), first + timedelta(days=one + other)
    assert days30(first, middle) + days30(middle, end) == days30(first, end)
    assert days30(first, middle) >= 0


def test_both_ends_count_as_local_days():
    start = datetime(2023, 2, 28, 23, 10, tzinfo=UTC)
    end = datetime(2023, 3, 31, 21, 59, 59, tzinfo=UTC)
    assert calendar_days(start, end, PARIS) == 31


@pytest.mark.parametrize(
    ("code", "build"),
    [
        ("unknown_time_zone", lambda: midnight(date(2026, 1, 1), "Europe/Atlantis")),
        ("unknown_interval", lambda: Schedule(date(2026, 1, 1), "fortnight")),
        ("not_positive", lambda: Schedule(date(2026, 1, 1), "month", 0)),
        (
            "period_dates_backwards",
            lambda: Period.of_dates(date(2026, 2, 1), date(2026, 2, 1), PARIS),
        ),
        ("share_out_of_range", lambda: Share(1, 0)),
        (
            "time_without_zone",
            lambda: calendar_days(datetime(2026, 1, 1), datetime(2026, 1, 2), PARIS),
        ),
    ],
)
def test_impossible_periods_are_refused(code, build):
    with pytest.raises(RatingError) as caught:
        build()
    assert caught.value.code == code
