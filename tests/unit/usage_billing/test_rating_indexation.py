"""Indexation clauses."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating import RatingError
from rating.indexation import index

D = Decimal
NUMBERS = st.decimals("0.01", "9999", places=2)


@pytest.mark.parametrize(
    ("value", "cap", "floor", "percent", "bound"),
    [
        ("102", None, None, "2", ""),
        ("108", "5", None, "5", "cap"),
        ("97", None, "0", "0", "floor"),
        ("97", "5", "-2", "-2", "floor"),
        ("105", "5", "0", "5", ""),
    ],
)
def test_cap_and_floor(value, cap, floor, percent, bound):
    found = index(D(100), D(value), cap and D(cap), floor and D(floor))
    assert (found.percent, found.bound) == (D(percent), bound)


def test_prices_are_rounded_half_up_once():
    found = index(D("104.25"), D("106.90"))
    # 106.90 / 104.25 = 1.025420 (6 decimals); 49 x 1.025420 = 50.24558
    assert found.coefficient == D("1.025420")
    assert found.price(D(49), 2) == D("50.25")
    assert found.price(D("0.0125"), 6) == D("0.012818")


@given(base=NUMBERS, value=NUMBERS, cap=NUMBERS)
def test_never_above_the_cap_never_below_the_floor(base, value, cap):
    found = index(base, value, cap, D(0))
    assert D(0) <= found.percent <= cap
    assert found.price(D(10), 4) >= 10


@pytest.mark.parametrize("args", [(D(0), D(1)), (D(1), D(0)), (D(1), D(1), D(1), D(2))])
def test_nonsense_is_refused(args):
    with pytest.raises(RatingError):
        index(*args)
