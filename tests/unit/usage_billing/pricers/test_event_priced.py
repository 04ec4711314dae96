# Part of Relevé. See LICENSE file for full copyright and licensing details.
import random

import pytest

from rating import Charge, Currency, Usage, UsagePart, rate
from rating.pricers import EventPriced


def test_tiny_amounts_are_added_before_rounding(check):
    parts = tuple(UsagePart("", "1", "0.004") for _ in range(1000))
    check(EventPriced(), Usage(parts=parts), {"usage": ("1000", "4.00")})


def test_dimension_sets_are_parts_of_one_rounded_whole(check):
    parts = (
        UsagePart("region=eu", "3", "0.335"),
        UsagePart("region=us", "5", "0.335"),
        UsagePart("region=ap", "7", "0.335"),
    )
    # 1.005 rounds to 1.01: two cents to give, the earlier keys get them
    check(
        EventPriced(),
        Usage(parts=parts),
        {
            "usage:region=ap": ("7", "0.34"),
            "usage:region=eu": ("3", "0.34"),
            "usage:region=us": ("5", "0.33"),
        },
    )


def test_a_credit_of_the_provider_passes_through(check):
    parts = (UsagePart("a", "1", "10.005"), UsagePart("b", "1", "-20"))
    check(
        EventPriced(),
        Usage(parts=parts),
        {"usage:a": ("1", "10"), "usage:b": ("1", "-20")},
    )


@pytest.mark.parametrize("seed", range(5))
def test_order_does_not_matter(seed):
    parts = [UsagePart(f"k{n % 7}", "1", f"0.{n:05}") for n in range(200)]
    charge, eur = Charge("c", EventPriced()), Currency("EUR")
    straight = rate(charge, Usage(parts=tuple(parts)), eur)
    random.Random(seed).shuffle(parts)
    assert rate(charge, Usage(parts=tuple(parts)), eur) == straight


def test_nothing_happened_nothing_due(check):
    check(EventPriced(), None, {"usage": (None, "0")})


def test_a_quantity_without_amounts_is_refused(refuses):
    charge = Charge("c", EventPriced())
    refuses("event_amount_missing", rate, charge, "5", Currency("EUR"))
