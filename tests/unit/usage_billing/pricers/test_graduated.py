# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, Tier, rate
from rating.pricers import Graduated

FLAT_THEN_UNITS = Graduated(
    (
        Tier("5", "0", "100"),
        Tier("10", "0", "50"),
        Tier("15", "5"),
        Tier(None, "1"),
    )
)


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("0", {"tier-1": ("0", "0"), "tier-1-flat": ("1", "100")}),
        ("5", {"tier-1": ("5", "0"), "tier-1-flat": ("1", "100")}),
        (
            "5.0001",
            {
                "tier-1": ("5", "0"),
                "tier-1-flat": ("1", "100"),
                "tier-2": ("0.0001", "0"),
                "tier-2-flat": ("1", "50"),
            },
        ),
        (
            "22",
            {
                "tier-1": ("5", "0"),
                "tier-1-flat": ("1", "100"),
                "tier-2": ("5", "0"),
                "tier-2-flat": ("1", "50"),
                "tier-3": ("5", "25"),
                "tier-4": ("7", "7"),
            },
        ),
    ],
)
def test_tiers_fill_in_order_and_a_bound_belongs_to_its_tier(check, quantity, parts):
    check(FLAT_THEN_UNITS, quantity, parts)


def test_cents_of_the_tiers_add_up_to_the_line(check):
    # 3 x 0.335 = 1.005 and 3 x 0.115 = 0.345: line 1.35, parts 1.01 + 0.34,
    # because both remainders are half a cent and the earlier tier wins
    price = Graduated((Tier("3", "0.335"), Tier(None, "0.115")))
    line = check(price, "6", {"tier-1": ("3", "1.01"), "tier-2": ("3", "0.34")})
    assert str(line.exact) == "1.350"


def test_a_cap_limits_one_tier(check):
    price = Graduated((Tier("10", "1", tier_cap="3"), Tier(None, "2")))
    check(price, "12", {"tier-1": ("10", "3"), "tier-2": ("2", "4")})


@pytest.mark.parametrize(
    ("code", "tiers"),
    [
        ("tiers_missing", ()),
        ("tier_last_not_open", (Tier("5", "1"),)),
        ("tier_open_not_last", (Tier(None, "1"), Tier(None, "2"))),
        ("tier_bounds_not_rising", (Tier("5", "1"), Tier("5", "2"), Tier(None, "3"))),
    ],
)
def test_tiers_with_a_hole_are_refused(refuses, code, tiers):
    refuses(code, Graduated, tiers)


def test_a_tier_that_ends_at_zero_is_refused(refuses):
    refuses("not_positive", Tier, "0", "1")


def test_negative_usage_is_refused(refuses):
    charge = Charge("c", FLAT_THEN_UNITS)
    refuses("negative_quantity", rate, charge, "-1", Currency("EUR"))


def test_no_usage_no_fee_where_the_charge_says_so(check):
    line = check(FLAT_THEN_UNITS, "0", {}, zero_usage_due=False)
    assert line.amount == 0
