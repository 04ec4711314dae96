# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, rate
from rating.pricers import BlockTier, GraduatedBlocks, VolumeBlocks

TIERS = (BlockTier("100", "10", "1"), BlockTier("1000", "100", "0.5"))


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("0", {"tier-1": ("0", "0")}),
        ("1", {"tier-1": ("1", "1")}),
        ("199", {"tier-1": ("2", "2")}),
        ("1000", {"tier-1": ("10", "10")}),
        ("1001", {"tier-1": ("10", "10"), "tier-2": ("1", "0.5")}),
    ],
)
def test_a_started_block_counts_whole_in_its_tier(check, quantity, parts):
    check(GraduatedBlocks(TIERS), quantity, parts)


def test_usage_above_the_last_limit_is_not_given_away(refuses):
    charge = Charge("c", GraduatedBlocks(TIERS))
    refuses("beyond_last_tier", rate, charge, "101001", Currency("EUR"))


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("1000", {"tier-1": ("10", "10")}),
        ("1001", {"tier-2": ("2", "1")}),
        ("101001", {"tier-2": ("102", "51")}),  # the last tier prices the rest
    ],
)
def test_the_tier_that_holds_the_units_prices_all_blocks(check, quantity, parts):
    check(VolumeBlocks(TIERS), quantity, parts)


def test_an_unlimited_tier_must_be_the_last(refuses):
    tiers = (BlockTier("1", None, "1"), BlockTier("1", "5", "1"))
    refuses("tier_open_not_last", VolumeBlocks, tiers)
