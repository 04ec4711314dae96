# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The engine and an independent rater agree on random prices and usage.

``RELEVE_EXAMPLES`` sets how many of each model are tried (default 150; thousands in the
long version).
"""

import ast
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rating_reference as reference
from rating import Charge, Conversion, Currency, Share, Tier, Usage, UsagePart, rate
from rating.pricers import BlockTier, Commitment, PercentTier, StairstepTier, build
from rating.values import PricingUnit

EXAMPLES = int(os.environ.get("RELEVE_EXAMPLES", "150"))
PACKAGE = Path(reference.__file__).parent

quantities = st.decimals(0, 5000, places=6)
prices = st.decimals(0, 50, places=10)
money = st.decimals(0, 500, places=2)
percents = st.decimals(0, 100, places=4)
maybe = st.none() | money


@st.composite
def rising(draw):
    """Upper bounds of tiers, the last one open."""
    steps = draw(st.lists(st.decimals("0.5", 900, places=2), max_size=5))
    found, bound = [], Decimal(0)
    for step in steps:
        bound += step
        found.append(bound)
    return [*found, None]


@st.composite
def tiers(draw, name="unit_price", values=prices):
    return [
        {
            "up_to": bound,
            name: draw(values),
            "flat_fee": draw(st.just(Decimal(0)) | money),
            "tier_cap": draw(st.none() | st.none() | money),
        }
        for bound in draw(rising())
    ]


@st.composite
def blocks(draw):
    count = draw(st.integers(1, 4))
    return [
        {
            "block_size": draw(st.decimals("0.5", 100, places=1)),
            "max_blocks": None if n == count - 1 else draw(st.integers(1, 20)),
            "block_price": draw(prices),
        }
        for n in range(count)
    ]


PARAMETERS = {
    "per_unit": st.fixed_dictionaries({"unit_price": prices}),
    "cost_plus": st.fixed_dictionaries({"multiplier": prices}),
    "flat": st.fixed_dictionaries({"unit_price": money}),
    "package": st.fixed_dictionaries(
        {
            "package_size": st.decimals("0.1", 500, places=1),
            "package_price": prices,
            "package_rounding": st.sampled_from(["up", "down"]),
        }
    ),
    "graduated": st.fixed_dictionaries({"tiers": tiers()}),
    "volume": st.fixed_dictionaries({"tiers": tiers()}),
    "graduated_percentage": st.fixed_dictionaries(
        {"tiers": tiers("rate_percent", percents)}
    ),
    "graduated_blocks": st.fixed_dictionaries({"tiers": blocks()}),
    "volume_blocks": st.fixed_dictionaries({"tiers": blocks()}),
    "stairstep": st.fixed_dictionaries({"tiers": tiers()}),
    "percentage": st.fixed_dictionaries(
        {
            "rate_percent": percents,
            "fixed_fee_per_event": money,
            "min_per_event": maybe,
            "included_events": st.none() | st.integers(0, 5),
            "included_amount": maybe,
        }
    ),
    "event_priced": st.just({}),
    "commitment": st.fixed_dictionaries({"unit_price": money}),
}
COUNTED = set(PARAMETERS) - {
    "flat",
    "percentage",
    "event_priced",
    "commitment",
    "stairstep",
}


@st.composite
def cases(draw, model):
    """Price and usage as plain dicts, share of the period, whether it is over."""
    price = {"model": model, **draw(PARAMETERS[model])}
    price["discount_percent"] = draw(st.just(Decimal(0)) | percents)
    price["maximum_amount"] = draw(maybe)
    low = draw(maybe)
    if low is not None and price["maximum_amount"] is not None:
        low = min(low, price["maximum_amount"])
    price["minimum_amount"] = low
    price["unit_worth"] = draw(st.none() | prices)
    if model in COUNTED:
        price["included_units"] = draw(st.just(Decimal(0)) | quantities)
        price["divide_by"] = draw(st.none() | st.decimals("0.5", 1000, places=1))
        price["rounding"] = draw(st.sampled_from([None, "up", "down", "half_up"]))
        price["decimals"] = draw(st.integers(0, 3))
    usage = {"quantity": draw(quantities)}
    if model == "percentage":
        usage["values"] = draw(st.lists(st.decimals(0, 900, places=3), max_size=12))
    if model == "event_priced":
        usage["amounts"] = draw(st.lists(st.decimals(-50, 900, places=8), max_size=9))
    if model == "commitment":
        usage["spent"] = draw(money)
    whole = draw(st.integers(1, 366))
    return price, usage, (draw(st.integers(0, whole)), whole), draw(st.booleans())


def core_price(price):
    """The same price as a value of the engine."""
    model = price["model"]
    if model in ("graduated", "volume"):
        return build(model, tiers=tuple(Tier(**tier) for tier in price["tiers"]))
    if model == "graduated_percentage":
        return build(model, tiers=tuple(PercentTier(**tier) for tier in price["tiers"]))
    if model in ("graduated_blocks", "volume_blocks"):
        return build(model, tiers=tuple(BlockTier(**tier) for tier in price["tiers"]))
    if model == "stairstep":
        steps = [
            StairstepTier((("gb", tier["up_to"]),), tier["flat_fee"])
            for tier in price["tiers"]
        ]
        return build(model, tiers=steps)
    if model == "flat":
        return build(model, amount=price["unit_price"])
    if model == "commitment":
        return Commitment(price["unit_price"])
    if model == "package":
        return build(
            model,
            package_size=price["package_size"],
            package_price=price["package_price"],
            rounding=price["package_rounding"],
        )
    names = set(price) - {
        "model",
        "discount_percent",
        "maximum_amount",
        "minimum_amount",
        "unit_worth",
        "included_units",
        "divide_by",
        "rounding",
        "decimals",
    }
    return build(model, **{name: price[name] for name in names})


def core_line(price, usage, share, closes, decimals):
    convert = None
    if price.get("divide_by") is not None:
        convert = Conversion(price["divide_by"], price["rounding"], price["decimals"])
    worth = price["unit_worth"]
    charge = Charge(
        "c",
        core_price(price),
        convert=convert,
        included_units=price.get("included_units", 0),
        pricing_unit=None if worth is None else PricingUnit("X", worth),
        discount_percent=price["discount_percent"],
        maximum_amount=price["maximum_amount"],
        minimum_amount=price["minimum_amount"],
    )
    value = Usage(
        quantity=usage["quantity"],
        values=usage.get("values"),
        parts=tuple(UsagePart("", 0, a) for a in usage.get("amounts", ())),
        spent=usage.get("spent"),
        quantities=(("gb", usage["quantity"]),)
        if price["model"] == "stairstep"
        else (),
    )
    currency = Currency("XXX", decimals)
    return rate(charge, value, currency, share=Share(*share), closes=closes)


@pytest.mark.parametrize("model", sorted(PARAMETERS))
def test_both_raters_agree(model):
    """To the last digit before rounding, and to the cent after it.

    The engine keeps 24 decimals of a quotient without end, the reference all of them:
    they may differ by what one such digit, multiplied by price and quantity, can move.
    """

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases(model), st.integers(0, 3))
    def agree(case, decimals):
        price, usage, share, closes = case
        line = core_line(price, usage, share, closes, decimals)
        expected = reference.cost(price, usage, share, closes)
        difference = abs(reference.number(line.exact) - expected)
        assert difference < reference.number("1e-15"), (line.exact, float(expected))
        if line.amount != reference.rounded(expected, decimals):
            # a tie that only the last kept digit of a quotient decides
            unit = reference.number(10) ** -decimals
            rest = (expected / unit) % 1
            assert abs(rest - reference.number("0.5")) < reference.number("1e-9")

    agree()


def test_the_reference_shares_no_code_with_the_engine():
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                assert node.module in ("decimal", "fractions"), node.module
            elif isinstance(node, ast.Import):
                raise AssertionError([name.name for name in node.names])


def test_the_reference_knows_the_plain_cases():
    """Worked out by hand."""
    tiers_ = [{"up_to": "10", "unit_price": "2", "flat_fee": "5"}, {"unit_price": "1"}]
    assert (
        reference.cost({"model": "graduated", "tiers": tiers_}, {"quantity": 15}) == 30
    )
    assert reference.cost({"model": "volume", "tiers": tiers_}, {"quantity": 15}) == 15
    assert reference.rounded(reference.number("-0.005"), 2) == Decimal("-0.01")
    package = {"model": "package", "package_size": 10, "package_price": 3}
    assert reference.cost(package, {"quantity": "10.000001"}) == 6
