from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitting.allocate import as_decimal, half_up, largest_remainder, spread
from splitting.errors import SplitError

DECIMALS = st.integers(min_value=0, max_value=4)
PARTS = st.lists(st.fractions(min_value=-9999, max_value=9999), min_size=1, max_size=8)


def _closed(parts, decimals):
    """Add the rest that brings the parts to a whole number of minor units."""
    total = half_up(sum(parts), decimals)
    return [*parts, Fraction(total) - sum(parts)], total


@given(PARTS, DECIMALS)
def test_parts_add_up_to_the_whole(parts, decimals):
    parts, total = _closed(parts, decimals)
    assert sum(largest_remainder(parts, decimals)) == total


@given(PARTS, DECIMALS)
def test_no_part_moves_by_a_whole_minor_unit(parts, decimals):
    parts, _total = _closed(parts, decimals)
    unit = Fraction(1, 10**decimals)
    for part, amount in zip(parts, largest_remainder(parts, decimals), strict=True):
        assert abs(Fraction(amount) - part) < unit


@given(PARTS, DECIMALS)
def test_negative_whole_is_the_mirror(parts, decimals):
    parts, _total = _closed(parts, decimals)
    mirrored = largest_remainder([-part for part in parts], decimals)
    assert mirrored == [-amount for amount in largest_remainder(parts, decimals)]


def test_equal_remainders_go_to_the_earlier_part():
    third = Fraction(100, 3)
    assert largest_remainder([third, third, third, 0], 2) == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
        Decimal("0.00"),
    ]


def test_largest_remainder_wins_over_an_earlier_part():
    parts = [Fraction(12, 1000), Fraction(18, 1000)]
    assert largest_remainder(parts, 2) == [Decimal("0.01"), Decimal("0.02")]


def test_parts_off_the_minor_unit_are_refused():
    with pytest.raises(SplitError, match="parts_off_grid"):
        largest_remainder([Fraction(1, 3)], 2)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("0.0049", 2, "0.00"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("1.0005", 3, "1.001"),
    ],
)
def test_half_is_rounded_away_from_zero(value, decimals, expected):
    assert str(half_up(Decimal(value), decimals)) == expected


def test_spread_refuses_weights_that_are_all_zero():
    with pytest.raises(SplitError, match="weights_all_zero"):
        spread(Decimal(10), [0, 0], 2)


@given(
    st.decimals(
        allow_nan=False,
        allow_infinity=False,
        places=6,
        min_value=-(10**9),
        max_value=10**9,
    )
)
def test_a_decimal_is_written_down_unchanged(value):
    assert as_decimal(Fraction(value)) == value
