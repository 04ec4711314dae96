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


def test_a_quantity_no_step_names_is_refused(refuses):
    usage = Usage(quantities=(("cars", "1"),))
    refuses("quantity_not_priced", rate, Charge("c", STEPS), usage, Currency("EUR"))


def test_a_lower_step_after_a_higher_one_is_refused(refuses):
    falling = (StairstepTier((("gb", "5"),), "1"), StairstepTier((("gb", "4"),), "2"))
    refuses("tier_bounds_not_rising", Stairstep, falling)
