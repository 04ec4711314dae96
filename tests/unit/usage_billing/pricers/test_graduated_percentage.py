# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating.pricers import GraduatedPercentage, PercentTier

PRICE = GraduatedPercentage(
    (
        PercentTier("10", "1", "200"),
        PercentTier("20", "2", "300"),
        PercentTier(None, "3"),
    )
)


@pytest.mark.parametrize(
    ("base", "parts"),
    [
        ("0", {"tier-1": ("0", "0"), "tier-1-flat": ("1", "200")}),
        (
            "25",
            {
                "tier-1": ("10", "0.10"),
                "tier-1-flat": ("1", "200"),
                "tier-2": ("10", "0.20"),
                "tier-2-flat": ("1", "300"),
                "tier-3": ("5", "0.15"),
            },
        ),
    ],
)
def test_each_slice_of_the_amount_at_its_rate(check, base, parts):
    check(PRICE, base, parts)


def test_tiers_must_end_open(refuses):
    refuses("tier_last_not_open", GraduatedPercentage, (PercentTier("10", "1"),))
