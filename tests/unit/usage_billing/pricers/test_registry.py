# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Price models by name, for callers that hold data."""

from decimal import Decimal

import pytest

from rating import Charge, RatingError, Tier
from rating.pricers import PRICERS, Percentage, Stairstep, StairstepTier, build
from rating.pricers._blocks import check_block_tiers

READS = {
    "quantity",
    "quantities",
    "values",
    "parts",
    "changes",
    "windows",
    "spent",
    "nothing",
}


def test_a_model_is_built_by_its_name():
    price = build("graduated", tiers=[Tier(None, "2")])
    assert price.tiers[0].unit_price == Decimal(2)


@pytest.mark.parametrize("model", sorted(PRICERS))
def test_every_model_says_what_it_reads(model):
    assert PRICERS[model].model == model
    assert PRICERS[model].reads in READS


def test_an_open_step_cannot_be_followed_by_a_closed_one(refuses):
    steps = (StairstepTier((("gb", None),), "1"), StairstepTier((("gb", "4"),), "2"))
    refuses("tier_bounds_not_rising", Stairstep, steps)


def test_what_nobody_knows_is_refused(refuses):
    refuses("unknown_model", build, "barter")
    refuses("unknown_parameter", build, "per_unit", unit_price="1", colour="red")
    refuses("unknown_model", Charge, "c", "not a price")
    refuses("tiers_missing", Stairstep, ())
    refuses("tiers_missing", check_block_tiers, ())
    refuses("negative_parameter", Percentage, "1", included_events=-1)


def test_a_refusal_can_be_read_in_a_log():
    error = RatingError("beyond_last_tier", quantity=5, limit=4)
    assert str(error) == "beyond_last_tier(quantity=5, limit=4)"
