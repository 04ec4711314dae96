# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, Tier, Usage, rate
from rating.pricers import Volume

CLIFF = Volume(
    (Tier("5", "0", "100"), Tier("10", "0", "150"), Tier("15", "10"), Tier(None, "5"))
)


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("0", {"tier-1": ("0", "0"), "tier-1-flat": ("1", "100")}),
        ("5", {"tier-1": ("5", "0"), "tier-1-flat": ("1", "100")}),
        ("10", {"tier-2": ("10", "0"), "tier-2-flat": ("1", "150")}),
        ("15", {"tier-3": ("15", "150")}),
        ("16", {"tier-4": ("16", "80")}),  # the cliff: less than 15 units
    ],
)
def test_the_tier_reached_prices_everything(check, quantity, parts):
    check(CLIFF, quantity, parts)


def test_another_quantity_may_choose_the_tier(check):
    # 198.6 prorated units, but 300 full ones decide: 198.6 x 0.5 + 50
    price = Volume((Tier("200", "1"), Tier(None, "0.5", "50")))
    usage = Usage(quantity="198.6", tier_quantity="300")
    check(price, usage, {"tier-2": ("198.6", "99.30"), "tier-2-flat": ("1", "50")})


def test_passing_the_cliff_gives_the_old_tier_back():
    charge, eur = Charge("c", CLIFF), Currency("EUR")
    from rating import Billed

    before = rate(charge, "15", eur)
    delta = rate(charge, "16", eur, billed=Billed.of(before))
    assert {c.key: str(c.amount) for c in delta.components} == {
        "tier-4": "80.00",
        "tier-3": "-150.00",
    }
    assert str(delta.amount) == "-70.00"
