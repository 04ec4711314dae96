# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, Share, rate
from rating.pricers import Flat

EUR = Currency("EUR")


def test_a_whole_period_costs_the_whole_fee(check):
    check(Flat("49.90"), None, {"flat": ("1", "49.90")})


def test_several_of_it(check):
    check(Flat("9.99", "3"), None, {"flat": ("3", "29.97")})


@pytest.mark.parametrize(
    ("amount", "share", "due"),
    [
        ("50", Share(24, 31), "38.71"),  # 38.7096...
        ("1", Share(4, 7), "0.57"),
        ("910", Share(32, 91), "320.00"),
        ("0.01", Share(1, 2), "0.01"),  # half a cent rounds up
        ("50", Share(0, 31), "0.00"),
    ],
)
def test_a_cut_period_costs_its_share(amount, share, due):
    line = rate(Charge("c", Flat(amount)), None, EUR, share=share)
    assert str(line.amount) == due


def test_a_fee_that_is_not_prorated_stays_whole():
    charge = Charge("c", Flat("50"), prorate=frozenset())
    assert str(rate(charge, None, EUR, share=Share(1, 31)).amount) == "50.00"


def test_the_fee_is_due_without_usage_even_so():
    charge = Charge("c", Flat("50"), zero_usage_due=False)
    assert rate(charge, None, EUR).amount == 50
