# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, Usage, rate
from rating.pricers import Stairstep, StairstepTier

STEPS = Stairstep(
    (
        StairstepTier((("users", "10"), ("gb", "100")), "1"),
        StairstepTier((("users", "50"), ("gb", "500")), "10"),
        StairstepTier((("users", None), ("gb", "750")), "100"),
    )
)


@pytest.mark.parametrize(
    ("users", "gb", "tier", "amount"),
    [
        ("0", "0", 1, "1"),
        ("10", "100", 1, "1"),
        ("11", "5", 2, "10"),
        ("5", "501", 3, "100"),
        ("99999", "1", 3, "100"),
    ],
)
def test_the_lowest_step_that_holds_everything(check, users, gb, tier, amount):
    usage = Usage(quantities=(("users", users), ("gb", gb)))
    check(STEPS, usage, {f"tier-{tier}": ("1", amount)})


def test_above_the_last_step_is_refused(refuses):
    usage = Usage(quantities=(("gb", "751"),))
    refuses("beyond_last_tier", rate, Charge("c", STEPS), usage, Currency("EUR"))


def test_above_a_last_step_that_holds_nothing(refuses):
    none = Stairstep((StairstepTier((("users", None), ("gb", "0")), "1"),))
    usage = Usage(quantities=(("users", "900"), ("gb", "0.5")))
    refuses("beyond_last_tier", rate, Charge("c", none), usage, Currency("EUR"))


@pytest.mark.parametrize(
    ("cpu", "ram", "tier", "amount"),
    [
        ("2", "33", 1, "10"),
        ("3", "32", 2, "20"),
        ("3", "33", 4, "50"),
        ("40", "8", 3, "30"),
    ],
)
def test_limits_of_two_quantities_may_cross(check, cpu, ram, tier, amount):
    crossing = Stairstep(
        (
            StairstepTier((("cpu", "2"), ("ram", "64")), "10"),
            StairstepTier((("cpu", "8"), ("ram", "32")), "20"),
            StairstepTier((("cpu", None), ("ram", "8")), "30"),
            StairstepTier((("cpu", None), ("ram", None)), "50"),
        )
    )
    usage = Usage(quantities=(("cpu", cpu), ("ram", ram)))
    check(crossing, usage, {f"tier-{tier}": ("1", amount)})


def test_a_quantity_no_step_names_is_refused(refuses):
    usage = Usage(quantities=(("cars", "1"),))
    refuses("quantity_not_priced", rate, Charge("c", STEPS), usage, Currency("EUR"))


def test_a_lower_step_after_a_higher_one_is_refused(refuses):
    falling = (StairstepTier((("gb", "5"),), "1"), StairstepTier((("gb", "4"),), "2"))
    refuses("tier_bounds_not_rising", Stairstep, falling)


def test_a_step_that_two_lower_limits_cover_is_refused(refuses):
    covered = (
        StairstepTier((("cpu", "8"), ("ram", None)), "1"),
        StairstepTier((("cpu", "9"), ("ram", "4")), "2"),
        StairstepTier((("cpu", "8"), ("ram", "64")), "3"),
    )
    refuses("tier_bounds_not_rising", Stairstep, covered)
