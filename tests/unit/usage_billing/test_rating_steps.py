# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The steps around the price: their order, and what each one refuses."""

from decimal import Decimal

import pytest

from rating import (
    Billed,
    Charge,
    Conversion,
    Currency,
    RatingError,
    Share,
    Tier,
    explain,
    rate,
)
from rating.explain import residual
from rating.pricers import Flat, Graduated, Package, PerUnit, Stairstep, StairstepTier
from rating.steps import ORDER
from rating.values import BilledPart, PricingUnit

EUR = Currency("EUR")


def amounts(line):
    return {c.key: str(c.amount) for c in line.components}


def test_the_order_of_the_steps():
    assert [step.__name__ for step in ORDER] == [
        "convert",
        "include",
        "price",
        "convert_pricing_unit",
        "discount",
        "cap",
        "floor",
    ]


def test_conversion_comes_before_included_units():
    # 7,400 calls are 8 started thousands, 2 of them included: 6 x 10
    charge = Charge(
        "c", PerUnit("10"), convert=Conversion("1000", "up"), included_units="2"
    )
    line = rate(charge, "7400", EUR)
    assert (str(line.quantity), str(line.amount)) == ("6", "60.00")


@pytest.mark.parametrize(
    ("rounding", "decimals", "billed"),
    [(None, 0, "1.4"), ("up", 0, "2"), ("down", 0, "1"), ("half_up", 1, "1.4")],
)
def test_conversion_rounds_as_it_says(rounding, decimals, billed):
    conversion = Conversion("1000", rounding, decimals)
    line = rate(Charge("c", PerUnit("1"), convert=conversion), "1400", EUR)
    assert line.quantity == Decimal(billed)


def test_included_units_absorb_usage_but_not_a_correction():
    charge = Charge("c", PerUnit("1"), included_units="10")
    assert [str(rate(charge, q, EUR).amount) for q in ("5", "10", "12", "-3")] == [
        "0.00",
        "0.00",
        "2.00",
        "-3.00",
    ]


def test_discount_then_maximum_then_minimum():
    charge = Charge(
        "c",
        PerUnit("10"),
        discount_percent="50",
        maximum_amount="100",
        minimum_amount="20",
    )
    assert amounts(rate(charge, "27", EUR)) == {
        "usage": "270.00",
        "discount": "-135.00",
        "maximum": "-35.00",
    }
    assert amounts(rate(charge, "3", EUR)) == {
        "usage": "30.00",
        "discount": "-15.00",
        "minimum": "5.00",
    }


def test_the_minimum_waits_for_the_period_to_close():
    charge = Charge("c", PerUnit("1"), minimum_amount="100")
    assert str(rate(charge, "5", EUR, closes=False).amount) == "5.00"
    assert str(rate(charge, "5", EUR).amount) == "100.00"


def test_a_cut_period_cuts_the_minimum_and_not_the_maximum():
    charge = Charge("c", PerUnit("1"), minimum_amount="280", maximum_amount="280")
    half = Share(14, 28)
    assert str(rate(charge, "0", EUR, share=half).amount) == "140.00"
    assert str(rate(charge, "500", EUR, share=half).amount) == "280.00"


def test_what_is_prorated_is_a_setting():
    charge = Charge(
        "c",
        PerUnit("1"),
        included_units="10",
        maximum_amount="100",
        prorate=frozenset({"included", "maximum"}),
    )
    half = Share(1, 2)
    assert str(rate(charge, "8", EUR, share=half).amount) == "3.00"
    assert str(rate(charge, "800", EUR, share=half).amount) == "50.00"


def test_prices_in_tokens_become_euros_before_the_discount():
    charge = Charge(
        "c",
        PerUnit("2"),
        pricing_unit=PricingUnit("TOKEN", "0.5"),
        discount_percent="10",
    )
    line = rate(charge, "100", EUR)
    assert amounts(line) == {"usage": "100.00", "discount": "-10.00"}
    assert line.components[0].unit_price == 1


def test_a_step_that_cannot_apply_is_refused_not_ignored():
    price = Stairstep((StairstepTier((("gb", None),), "1"),))
    with pytest.raises(RatingError) as caught:
        Charge("c", price, convert=Conversion("10"))
    assert caught.value.code == "step_not_applicable"


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("percent_out_of_range", {"discount_percent": "100.01"}),
        ("negative_parameter", {"discount_percent": "-1"}),
        ("negative_parameter", {"included_units": "-1"}),
        ("maximum_below_minimum", {"maximum_amount": "1", "minimum_amount": "2"}),
        ("not_a_number", {"maximum_amount": "much"}),
        ("not_a_number", {"minimum_amount": "NaN"}),
    ],
)
def test_wrong_steps_cannot_be_built(code, steps):
    with pytest.raises(RatingError) as caught:
        Charge("c", PerUnit("1"), **steps)
    assert caught.value.code == code


def test_a_delta_bills_the_difference_component_by_component():
    tiers = Graduated((Tier("10", "1"), Tier(None, "2", "3")))
    charge = Charge("c", tiers)
    first = rate(charge, "12", EUR)
    back = rate(charge, "9", EUR, billed=Billed.of(first))
    assert amounts(back) == {
        "tier-1": "-1.00",
        "tier-2": "-4.00",
        "tier-2-flat": "-3.00",
    }
    again = rate(charge, "12", EUR, billed=Billed.of(first, back))
    assert again.amount == 8
    assert rate(charge, "12", EUR, billed=Billed.of(first, back, again)).amount == 0


def test_an_amount_of_unknown_parts_can_be_subtracted():
    charge = Charge("c", PerUnit("1"))
    billed = Billed((BilledPart("earlier", "35"),))
    line = rate(charge, "100", EUR, billed=billed)
    assert (line.amount, line.billed_amount) == (65, 35)


def test_one_key_billed_twice_is_refused():
    with pytest.raises(RatingError) as caught:
        Billed((BilledPart("a", "1"), BilledPart("a", "2")))
    assert caught.value.code == "duplicate_component"


def test_the_evidence_is_plain_data_and_says_what_happened():
    import json

    charge = Charge(
        "c", Package("10", "15"), convert=Conversion("2"), included_units="5"
    )
    evidence = json.loads(json.dumps(rate(charge, "37", EUR).evidence()))
    assert evidence["steps"] == [
        {
            "step": "convert",
            "metered": "37",
            "divide_by": "2",
            "rounding": None,
            "quantity": "18.5",
        },
        {"step": "included", "included": "5", "before": "18.5", "quantity": "13.5"},
        {"step": "price", "model": "package", "exact": "30"},
    ]
    assert (evidence["exact"], evidence["amount"]) == ("30", "30.00")


def test_the_visible_equation_closes_to_zero():
    charge = Charge("c", PerUnit("0.3333"), discount_percent="7", maximum_amount="9")
    first = rate(charge, "11", EUR)
    for line in (first, rate(charge, "55", EUR, billed=Billed.of(first))):
        assert residual(explain(line)) == (0, 0)


def test_a_fee_explained_has_no_meter():
    assert "metered" in [
        row.code for row in explain(rate(Charge("c", PerUnit("1")), "1", EUR))
    ]
    flat = rate(Charge("c", Flat("1")), None, EUR)
    assert str(flat.amount) == "1.00"


def test_a_currency_has_a_sensible_number_of_decimals():
    with pytest.raises(RatingError) as caught:
        Currency("XXX", 7)
    assert caught.value.code == "currency_decimals"
