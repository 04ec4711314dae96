"""Which exception wins, and what it makes of a charge."""

from datetime import date
from decimal import Decimal
from itertools import permutations

import pytest

from rating import Charge, Currency, RatingError, Tier, rate
from rating.overrides import Override, apply, winner
from rating.pricers import Flat, Graduated, PerUnit

EUR = Currency("EUR", 2)
API = Charge("api", PerUnit("0.01"))
FEE = Charge("fee", Flat("100"))
TIERS = Charge("gb", Graduated((Tier("100", "1"), Tier(None, "0.5"))))


def override(
    number, who="customer", what="charge", since="2026-01-01", keys=None, **terms
):
    return Override(
        number, who, what, date.fromisoformat(since), terms or {"price": "5"}, keys
    )


#: from the weakest to the strongest: each one beats all those before it
LADDER = [
    override(1, "everybody", "product"),
    override(2, "group", "anything"),
    override(3, "group", "plan"),
    override(4, "group", "plan", since="2026-02-01"),
    override(5, "group", "product", since="2025-01-01"),
    override(6, "group", "charge", since="2024-01-01"),
    override(7, "customer", "anything", since="2023-01-01"),
    override(8, "customer", "plan"),
    override(9, "customer", "plan"),
    override(10, "customer", "product"),
    override(11, "customer", "charge"),
    override(12, "customer", "charge", since="2026-06-01"),
]


def test_the_nearest_to_customer_and_charge_wins():
    for count in range(1, len(LADDER) + 1):
        some = LADDER[:count]
        assert winner("api", some).id == count
        assert winner("api", reversed(some)).id == count


def test_the_order_they_are_given_in_does_not_matter():
    for some in permutations(LADDER[:5]):
        assert winner("api", some).id == 5


def test_exceptions_about_other_charges_do_nothing():
    found = apply({"api": API, "fee": FEE}, [override(1, keys=frozenset({"fee"}))])
    assert found["api"] is API
    assert found["fee"].price == Flat("5")


def test_only_the_winner_counts():
    discount = override(1, "customer", "charge", discount_percent="10")
    price = override(2, "group", "charge", price="0.001")
    line = rate(apply({"api": API}, [price, discount])["api"], Decimal(1000), EUR)
    assert line.amount == Decimal("9.00")  # 1000 x 0.01 less 10 %


def test_own_tiers_and_steps():
    own = override(1, tiers=(Tier("10", "2"), Tier(None, "0.1")), minimum_amount="30")
    line = rate(apply({"gb": TIERS}, [own])["gb"], Decimal(20), EUR)
    assert line.amount == Decimal("30.00")  # 10 x 2 + 10 x 0.1 = 21, at least 30


@pytest.mark.parametrize(
    ("charge", "terms"), [(TIERS, {"price": "1"}), (API, {"tiers": (Tier(None, "1"),)})]
)
def test_a_term_the_price_model_has_not_is_refused(charge, terms):
    with pytest.raises(RatingError) as caught:
        apply({charge.key: charge}, [override(1, **terms)])
    assert caught.value.code == "override_not_applicable"


def test_a_bad_figure_is_refused_as_on_the_charge_itself():
    with pytest.raises(RatingError):
        apply({"api": API}, [override(1, price="-1")])
    with pytest.raises(RatingError):
        apply({"api": API}, [override(1, discount_percent="101")])


def test_nothing_in_force_changes_nothing():
    assert apply({"api": API}, ()) == {"api": API}
