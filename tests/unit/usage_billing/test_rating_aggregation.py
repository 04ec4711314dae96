# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""From readings to a quantity; the order of the readings never matters."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating import RatingError
from rating.aggregation import AGGREGATIONS, Reading, aggregate

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)


def at(hours, value=None, **more):
    return Reading(START + timedelta(hours=hours), value, **more)


@pytest.mark.parametrize(
    ("aggregation", "values", "quantity"),
    [
        ("sum", ("1.5", "2", "-0.5"), "3"),
        ("sum", (), "0"),
        ("count", ("7", "7"), "2"),
        ("max", ("3", "9", "4"), "9"),
        ("max", ("-3", "-9"), "-3"),
        ("max", (), "0"),
        ("min", ("3", "9", "4"), "3"),
        ("average", ("1", "2"), "1.5"),
        ("average", (), "0"),
        ("latest", ("10", "3"), "3"),
        ("latest", ("10", "-3"), "0"),
        ("latest", (), "0"),
    ],
)
def test_values_in_time_order(aggregation, values, quantity):
    readings = [at(hour, value) for hour, value in enumerate(values)]
    assert aggregate(aggregation, readings) == Decimal(quantity)


def test_the_same_item_in_two_groups_counts_twice():
    readings = [
        at(1, item="vm-1", group=("eu",)),
        at(2, item="vm-1", group=("us",)),
        at(3, item="vm-1", group=("us",)),
    ]
    assert aggregate("unique_count", readings) == 2


def test_a_level_weighs_its_time():
    # 10 from the start, 6 more for 27 of 31 days
    readings = [Reading(START + timedelta(days=4), "6")]
    got = aggregate("weighted_sum", readings, start=START, end=END, opening=Decimal(10))
    assert round(got, 6) == Decimal("15.225806")  # 10 + 6 x 27 / 31


def test_a_reading_outside_the_period_is_refused():
    with pytest.raises(RatingError) as caught:
        aggregate("weighted_sum", [Reading(END, "1")], start=START, end=END)
    assert caught.value.code == "reading_outside_period"


@pytest.mark.parametrize(
    ("count", "percent", "quantity"),
    [(100, "95", 95), (20, "95", 19), (1, "95", 1), (0, "95", 0), (10, "100", 10)],
)
def test_percentile_by_nearest_rank(count, percent, quantity):
    readings = [at(n, n) for n in range(1, count + 1)]
    assert aggregate("percentile", readings, percent=percent) == quantity


def test_a_percentile_above_a_hundred_is_refused():
    with pytest.raises(RatingError) as caught:
        aggregate("percentile", [], percent="101")
    assert caught.value.code == "percentile_out_of_range"


def test_an_unknown_aggregation_is_refused():
    with pytest.raises(RatingError) as caught:
        aggregate("median", [])
    assert caught.value.code == "unknown_aggregation"


READINGS = st.lists(
    st.builds(
        Reading,
        st.datetimes(
            datetime(2026, 3, 1), datetime(2026, 3, 31), timezones=st.just(UTC)
        ),
        st.decimals(-1000, 1000, places=4),
        st.sampled_from("abc"),
        st.sampled_from([("x",), ("y",)]),
        st.uuids().map(str),
    ),
    max_size=12,
)
PARAMETERS = {
    "weighted_sum": {"start": START, "end": END},
    "percentile": {"percent": "90"},
}


@given(st.sampled_from(sorted(AGGREGATIONS)), READINGS, st.randoms())
def test_order_does_not_matter(aggregation, readings, chance):
    parameters = PARAMETERS.get(aggregation, {})
    straight = aggregate(aggregation, readings, **parameters)
    chance.shuffle(readings)
    assert aggregate(aggregation, readings, **parameters) == straight
