# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What holds for every price, usage and currency, not only for examples."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rating import (
    Billed,
    Charge,
    Conversion,
    Currency,
    Tier,
    Usage,
    UsagePart,
    explain,
    present,
    rate,
)
from rating.explain import residual
from rating.pricers import (
    BlockTier,
    CostPlus,
    EventPriced,
    Graduated,
    GraduatedBlocks,
    Package,
    Percentage,
    PerUnit,
    Volume,
)
from rating.rounding import allocate, apportion, exact_arithmetic, round_money

CURRENCIES = st.sampled_from(
    [Currency("JPY", 0), Currency("EUR", 2), Currency("TND", 3)]
)
PRICES = st.decimals(0, 1000, places=10)
FEES = st.decimals(0, 500, places=3)
QUANTITIES = st.decimals(0, 10**9, places=9)
EXACTS = st.lists(st.decimals(-(10**6), 10**6, places=7), min_size=1, max_size=12)
POSITIVE = st.decimals(Decimal("0.001"), 10**6, places=3)


@st.composite
def tiers(draw):
    bounds = sorted(set(draw(st.lists(POSITIVE, max_size=4))))
    return tuple(
        Tier(bound, draw(PRICES), draw(FEES), draw(st.none() | FEES))
        for bound in (*bounds, None)
    )


@st.composite
def blocks(draw):
    limited = draw(
        st.lists(st.tuples(POSITIVE, st.integers(1, 50), PRICES), max_size=3)
    )
    found = [BlockTier(size, Decimal(most), price) for size, most, price in limited]
    return (*found, BlockTier(draw(POSITIVE), None, draw(PRICES)))


#: models whose price never falls when usage grows
MONOTONE = st.one_of(
    st.builds(PerUnit, PRICES),
    st.builds(CostPlus, PRICES),
    st.builds(Package, POSITIVE, PRICES, st.sampled_from(["up", "down"])),
    st.builds(Graduated, tiers()),
    st.builds(GraduatedBlocks, blocks()),
)
PRICED = st.one_of(MONOTONE, st.builds(Volume, tiers()))


@st.composite
def charges(draw, prices=PRICED):
    low = draw(st.none() | FEES)
    high = draw(st.none() | st.decimals(500, 10**6, places=2))
    convert = st.builds(
        Conversion,
        POSITIVE,
        st.sampled_from([None, "up", "down", "half_up"]),
        st.integers(0, 4),
    )
    return Charge(
        "c1",
        draw(prices),
        convert=draw(st.none() | convert),
        included_units=draw(st.just(Decimal(0)) | POSITIVE),
        discount_percent=draw(st.decimals(0, 100, places=4)),
        minimum_amount=low,
        maximum_amount=high,
    )


@given(charges(), QUANTITIES, CURRENCIES, st.booleans())
def test_parts_add_up_and_the_line_is_rounded_once(charge, quantity, currency, closes):
    line = rate(charge, quantity, currency, closes=closes)
    assert sum(c.amount for c in line.components) == line.amount
    assert line.amount == round_money(line.exact, currency.decimals)
    with exact_arithmetic():
        assert sum(c.exact for c in line.components) == line.exact
    assert residual(explain(line)) == (0, 0)
    unit = Decimal(1).scaleb(-currency.decimals)
    for component in line.components:
        with exact_arithmetic():
            assert abs(component.amount - component.exact) < unit


@given(charges(MONOTONE), QUANTITIES, QUANTITIES, CURRENCIES)
def test_more_usage_never_costs_less(charge, one, other, currency):
    less, more = sorted((one, other))
    assert rate(charge, less, currency).amount <= rate(charge, more, currency).amount


@given(charges(), st.lists(QUANTITIES, min_size=1, max_size=5), CURRENCIES)
def test_rating_again_and_again_bills_what_the_last_rating_costs(
    charge, quantities, currency
):
    lines = []
    for quantity in quantities:
        lines.append(rate(charge, quantity, currency, billed=Billed.of(*lines)))
    alone = rate(charge, quantities[-1], currency)
    assert sum(line.amount for line in lines) == alone.amount
    merged = {p.key: p for p in Billed.of(*lines).parts if p.amount or p.exact}
    for component in alone.components:
        if component.amount or component.exact:
            part = merged.pop(component.key)
            assert (part.amount, part.exact) == (component.amount, component.exact)
    assert not merged


@given(charges(), QUANTITIES, CURRENCIES)
def test_rating_twice_equals_once(charge, quantity, currency):
    line = rate(charge, quantity, currency)
    again = rate(charge, quantity, currency, billed=Billed.of(line))
    assert (again.amount, again.components) == (0, ())


@given(charges(), QUANTITIES, CURRENCIES)
def test_a_credit_of_all_usage_undoes_it(charge, quantity, currency):
    before = rate(charge, 0, currency)
    usage = rate(charge, quantity, currency, billed=Billed.of(before))
    credit = rate(charge, 0, currency, billed=Billed.of(before, usage))
    assert credit.amount == -usage.amount
    undone = {c.key: (c.amount, c.exact) for c in usage.components}
    with exact_arithmetic():
        mirror = {c.key: (-c.amount, -c.exact) for c in credit.components}
    assert mirror == undone


@given(st.lists(st.decimals(0, 10**5, places=4), max_size=12), CURRENCIES, st.randoms())
def test_order_of_event_amounts_does_not_matter(amounts, currency, chance):
    parts = [UsagePart(f"k{i % 3}", 1, a) for i, a in enumerate(amounts)]
    charge = Charge("c1", EventPriced())
    line = rate(charge, Usage(parts=tuple(parts)), currency)
    chance.shuffle(parts)
    assert rate(charge, Usage(parts=tuple(parts)), currency) == line
    assert sum(c.amount for c in line.components) == line.amount


@given(
    st.lists(st.decimals(0, 1000, places=2), max_size=10),
    st.none() | st.integers(0, 5),
    st.none() | st.decimals(0, 2000, places=2),
)
def test_an_allowance_never_makes_percentages_dearer(values, events, amount):
    usage, eur = Usage(values=tuple(values)), Currency("EUR")
    full = Charge("c", Percentage("2", "0.3"))
    eased = Charge(
        "c", Percentage("2", "0.3", included_events=events, included_amount=amount)
    )
    assert rate(eased, usage, eur).amount <= rate(full, usage, eur).amount


@given(EXACTS, st.integers(0, 3))
def test_a_whole_is_cut_without_loss_and_a_credit_is_its_mirror(exacts, decimals):
    total = round_money(sum(exacts), decimals)
    parts = allocate(total, exacts, decimals)
    assert sum(parts) == total
    unit = Decimal(1).scaleb(-decimals)
    assert all(abs(p - e) < unit for p, e in zip(parts, exacts, strict=True))
    mirror = allocate(-total, [-exact for exact in exacts], decimals)
    assert mirror == tuple(-part for part in parts)


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.decimals(0, 10**4, places=4), min_size=1, max_size=10).filter(any),
    st.integers(0, 3),
)
def test_a_total_is_spread_over_weights_without_loss(cents, weights, decimals):
    total = Decimal(cents).scaleb(-decimals)
    parts = apportion(total, weights, decimals)
    assert sum(parts) == total
    assert all(not part for part, w in zip(parts, weights, strict=True) if not w)


@given(st.decimals(-(10**9), 10**9, places=9), st.integers(0, 3))
def test_rounding_is_symmetric_and_close(amount, decimals):
    rounded = round_money(amount, decimals)
    assert rounded == -round_money(-amount, decimals)
    assert abs(rounded - amount) * 2 <= Decimal(1).scaleb(-decimals)


@settings(max_examples=300)
@given(
    st.decimals(-(10**9), 10**9, places=9),
    st.decimals(0, 10**4, places=12),
    CURRENCIES,
)
def test_what_stands_on_the_invoice_gives_the_rated_amount(quantity, price, currency):
    line = rate(Charge("c", PerUnit(price)), quantity, currency)
    (part,) = line.components
    shown = present(part.quantity, part.unit_price, part.amount, currency.decimals)
    product = shown.quantity * shown.price
    assert round_money(product, currency.decimals) == part.amount
    assert shown.quantity == round(shown.quantity, 4)
    assert shown.price == round(shown.price, 6)
    assert shown.price >= 0
    if shown.exact:
        assert shown.quantity * shown.scale == quantity
        assert shown.price == price * shown.scale


@given(charges(), QUANTITIES, QUANTITIES, CURRENCIES)
def test_every_component_can_be_shown(charge, before, after, currency):
    first = rate(charge, before, currency)
    delta = rate(charge, after, currency, billed=Billed.of(first))
    for part in (*first.components, *delta.components):
        shown = present(part.quantity, part.unit_price, part.amount, currency.decimals)
        product = shown.quantity * shown.price
        assert round_money(product, currency.decimals) == part.amount
        assert shown.price >= 0
