from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitting.errors import SplitError
from splitting.values import Cap, Deduction, Line, Rule, Scale, Terms, Tier
from splitting.waterfall import next_period, over_lines, split

DECIMALS = st.integers(min_value=0, max_value=3)
NAMES = st.sampled_from(["A", "B", "C"])
PERCENT = st.decimals(min_value=0, max_value=100, places=4)
AMOUNT = st.decimals(min_value=-10000, max_value=10000, places=3)
ON = st.sampled_from(["base", "remaining", "share:A"])


@st.composite
def rules(draw):
    """A few rules of the kinds that need no scale, in a few steps."""
    made = []
    for key in range(draw(st.integers(min_value=1, max_value=5))):
        kind = draw(st.sampled_from(["percent", "weight", "per_unit", "fixed"]))
        on = draw(ON)
        made.append(
            Rule(
                key=key,
                partner=draw(NAMES),
                kind=kind,
                value=draw(PERCENT.filter(bool)),
                priority=draw(st.sampled_from([10, 20, 30])),
                on=on,
                deduct=on.startswith("share:") and draw(st.booleans()),
            )
        )
    return tuple(made)


@st.composite
def sources(draw):
    """Lines with a net amount and a quantity."""
    amounts = draw(st.lists(st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=5))
    return [
        Line(key=key, net=net, quantity=quantity)
        for key, (net, quantity) in enumerate(amounts)
    ]


@given(rules(), sources(), DECIMALS, st.sampled_from(["net", "gross", "margin"]))
def test_shares_and_residual_are_the_base(rules, lines, decimals, base):
    result = split(Terms(decimals, rules, base=base), lines)
    assert sum(result.by_partner().values()) + result.residual == result.base


@given(rules(), sources(), DECIMALS)
def test_shares_and_residual_are_the_base_line_by_line(rules, lines, decimals):
    rules = tuple(rule for rule in rules if rule.kind != "fixed")
    result = split(Terms(decimals, rules, granularity="line"), lines)
    assert sum(result.by_partner().values()) + result.residual == result.base


@given(rules(), sources(), DECIMALS)
def test_splitting_twice_gives_the_same(rules, lines, decimals):
    terms = Terms(decimals, rules)
    assert split(terms, lines) == split(terms, lines)


@given(rules(), sources(), DECIMALS)
def test_order_of_lines_does_not_matter_for_a_settlement(rules, lines, decimals):
    terms = Terms(decimals, rules)
    assert split(terms, lines).by_partner() == split(terms, lines[::-1]).by_partner()


@given(rules(), sources(), DECIMALS)
def test_shares_brought_to_their_lines_keep_their_sum(rules, lines, decimals):
    terms = Terms(decimals, rules)
    result = split(terms, lines)
    detailed = over_lines(result.shares, lines, terms)
    for share in result.shares:
        own = [part.amount for part in detailed if part.rule == share.rule]
        assert sum(own) == share.amount


def test_fixed_amount_is_prorated_by_days():
    rule = Rule(0, "SUP", "fixed", Decimal(500), prorate=Fraction(15, 30))
    result = split(Terms(2, (rule,)), [Line("a", Decimal(2000))])
    assert result.by_partner() == {"SUP": Decimal("250.00")}
    assert result.residual == Decimal("1750.00")


def test_fixed_amount_limited_to_what_is_left_reports_the_shortfall():
    terms = Terms(
        2,
        (
            Rule(0, "PSP", "percent", Decimal(20), priority=10),
            Rule(1, "C", "fixed", Decimal(300), priority=20, limited_to_available=True),
        ),
    )
    result = split(terms, [Line("a", Decimal(250))])
    # 250 - 50 = 200 is left of the 300 promised
    assert result.by_partner() == {"PSP": Decimal("50.00"), "C": Decimal("200.00")}
    assert result.shortfall == {"C": Decimal("100.00")}
    assert result.residual == 0


def test_carving_out_leaves_the_operator_alone():
    terms = Terms(
        2,
        (
            Rule(0, "RES", "percent", Decimal(20), priority=10),
            Rule(1, "SUB", "percent", Decimal(60), 20, "share:RES", True),
        ),
    )
    result = split(terms, [Line("a", Decimal(1000))])
    assert result.by_partner() == {"RES": Decimal("80.00"), "SUB": Decimal("120.00")}
    assert result.residual == Decimal("800.00")


def test_a_share_on_top_of_another_is_paid_by_the_operator():
    terms = Terms(
        2,
        (
            Rule(0, "RES", "percent", Decimal(20), priority=10),
            Rule(1, "SUB", "percent", Decimal(10), 20, "share:RES"),
        ),
    )
    result = split(terms, [Line("a", Decimal(1000))])
    assert result.by_partner() == {"RES": Decimal("200.00"), "SUB": Decimal("20.00")}
    assert result.residual == Decimal("780.00")


def test_deductions_come_before_the_split():
    terms = Terms(
        2,
        (Rule(0, "P", "percent", Decimal(50)),),
        deductions=(
            Deduction("percent_of_gross", Decimal("1.5")),
            Deduction("per_transaction", Decimal("0.25")),
        ),
    )
    result = split(terms, [Line("a", Decimal(100), vat=Decimal(20))])
    # 100 - 1.80 - 0.25 = 97.95; half of it 48.975: a tie, the partner comes first
    assert result.base == Decimal("97.95")
    assert result.by_partner() == {"P": Decimal("48.98")}


def test_graduated_scale_exactly_on_its_bound():
    scale = Scale((Tier("10000", "10"), Tier(None, "15")))
    rule = Rule(0, "R", "tiered_percent", scale=scale)
    result = split(Terms(2, (rule,)), [Line("a", Decimal(10000))])
    assert result.by_partner() == {"R": Decimal("1000.00")}


@pytest.mark.parametrize(
    ("bound", "expected"), [("upper_inclusive", "1000"), ("upper_exclusive", "1500")]
)
def test_volume_scale_exactly_on_its_bound(bound, expected):
    scale = Scale((Tier("10000", "10"), Tier(None, "15")), mode="volume", bound=bound)
    rule = Rule(0, "R", "tiered_percent", scale=scale)
    result = split(Terms(2, (rule,)), [Line("a", Decimal(10000))])
    assert result.by_partner() == {"R": Decimal(expected)}


def test_yearly_scale_pays_what_the_year_is_due_less_what_was_settled():
    scale = Scale((Tier("1000", "10"), Tier(None, "20")), mode="volume", reset="year")
    terms = Terms(2, (Rule(0, "R", "tiered_percent", scale=scale),))
    first = split(terms, [Line("a", Decimal(800))])
    second = split(terms, [Line("b", Decimal(700))], next_period(first.history))
    # 800 at 10 % = 80; 1 500 at 20 % = 300, less 80
    assert first.by_partner() == {"R": Decimal("80.00")}
    assert second.by_partner() == {"R": Decimal("220.00")}


def test_lifetime_cap_goes_on_over_the_years():
    rule = Rule(0, "R", "percent", Decimal(50), cap=Cap(Decimal(60), "lifetime"))
    terms = Terms(2, (rule,))
    first = split(terms, [Line("a", Decimal(100))])
    later = next_period(first.history, same_year=False)
    second = split(terms, [Line("b", Decimal(100))], later)
    assert second.by_partner() == {"R": Decimal("10.00")}


def test_match_takes_only_lines_with_the_wanted_value():
    rule = Rule(0, "R", "percent", Decimal(50), match=(("product", ("movie",)),))
    lines = [
        Line("a", Decimal(10), attributes=(("product", "movie"),)),
        Line("b", Decimal(10), attributes=(("product", "music"),)),
        Line("c", Decimal(10)),
    ]
    result = split(Terms(2, (rule,)), lines)
    assert result.by_partner() == {"R": Decimal("5.00")}


def test_a_settlement_without_lines_shares_nothing():
    result = split(Terms(2, (Rule(0, "R", "percent", Decimal(50)),)), [])
    assert (result.base, result.residual) == (0, 0)


@pytest.mark.parametrize(
    ("code", "build"),
    [
        ("amount_not_exact", lambda: Line("a", 0.1)),
        ("tiers_missing", lambda: Scale((Tier("10", "1"),))),
        (
            "tier_bounds",
            lambda: Scale((Tier("9", "1"), Tier("9", "1"), Tier(None, "1"))),
        ),
        ("kind_unknown", lambda: Rule(0, "P", "lottery")),
        ("value_negative", lambda: Rule(0, "P", "percent", Decimal(-1))),
        ("on_unknown", lambda: Rule(0, "P", "percent", on="moon")),
        ("carve_without_share", lambda: Rule(0, "P", "percent", deduct=True)),
        ("prorate_wrong", lambda: Rule(0, "P", "fixed", prorate=Fraction(3, 2))),
        ("cap_unknown", lambda: Cap(Decimal(1), "week")),
        ("cap_not_positive", lambda: Cap(Decimal(-1))),
        ("base_unknown", lambda: Terms(2, (), base="profit")),
        ("granularity_unknown", lambda: Terms(2, (), granularity="day")),
        ("decimals_out_of_range", lambda: Terms(9, ())),
        ("rule_key_twice", lambda: Terms(2, (Rule(0, "P", "fixed"),) * 2)),
        (
            "fixed_needs_settlement",
            lambda: Terms(2, (Rule(0, "P", "fixed"),), granularity="line"),
        ),
        ("weights_all_zero", lambda: Terms(2, (Rule(0, "P", "weight"),))),
        ("deduction_unknown", lambda: Deduction("mood", Decimal(1))),
        ("tier_mode_unknown", lambda: Scale((Tier(None, "1"),), mode="spiral")),
    ],
)
def test_wrong_values_cannot_be_built(code, build):
    with pytest.raises(SplitError) as caught:
        build()
    assert caught.value.code == code
