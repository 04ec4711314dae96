from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from splitting.release import after_credit, difference, released
from splitting.reversal import Stored, assign_credits, mirror, reversed_ratio

DECIMALS = st.integers(min_value=0, max_value=3)
AMOUNT = st.decimals(min_value=-1000, max_value=1000, places=3)
RATIOS = st.lists(st.fractions(min_value=0, max_value=1), max_size=5)


def _take_back(stored, ratios, decimals):
    """Credit up to each ratio in turn; return what is left of base and amounts."""
    base, amounts = stored.base, dict(stored.amounts)
    for ratio in ratios:
        taken = mirror(stored, ratio, decimals)
        base += taken.base
        amounts = {key: amounts[key] + taken.amounts[key] for key in amounts}
        stored = Stored(
            stored.base,
            stored.amounts,
            stored.base - base,
            {key: stored.amounts[key] - amounts[key] for key in amounts},
        )
    return base, amounts


@given(DECIMALS, AMOUNT, st.dictionaries(st.integers(), AMOUNT, max_size=4), RATIOS)
def test_credit_of_the_whole_in_any_parts_is_exactly_zero(
    decimals, base, amounts, ratios
):
    unit = Decimal(1).scaleb(-decimals)
    stored = Stored(
        base.quantize(unit), {key: a.quantize(unit) for key, a in amounts.items()}
    )
    base, left = _take_back(stored, [*sorted(ratios), Fraction(1)], decimals)
    assert base == 0
    assert not any(left.values())


@given(DECIMALS, AMOUNT, st.fractions(min_value=0, max_value=1))
def test_the_same_credit_twice_takes_back_once(decimals, amount, ratio):
    amount = amount.quantize(Decimal(1).scaleb(-decimals))
    once = _take_back(Stored(amount, {0: amount}), [ratio], decimals)
    assert _take_back(Stored(amount, {0: amount}), [ratio, ratio], decimals) == once


@given(DECIMALS, st.lists(AMOUNT, min_size=1, max_size=5), RATIOS)
def test_a_share_of_several_rules_is_mirrored_as_one(decimals, amounts, ratios):
    unit = Decimal(1).scaleb(-decimals)
    amounts = {("rule", n): a.quantize(unit) for n, a in enumerate(amounts)}
    whole = sum(amounts.values())
    for ratio in [*ratios, Fraction(1)]:
        parts = mirror(
            Stored(whole, amounts), ratio, decimals, owner=lambda key: key[0]
        )
        alone = mirror(Stored(whole, {"rule": whole}), ratio, decimals)
        assert sum(parts.amounts.values()) == alone.amounts["rule"]
    assert all(parts.amounts[key] == -amount for key, amount in amounts.items())


def test_ratio_stays_between_nothing_and_the_whole():
    assert reversed_ratio(Decimal(150), Decimal(100)) == 1
    assert reversed_ratio(Decimal(-1), Decimal(100)) == 0
    assert reversed_ratio(Decimal(1), Decimal(0)) == 0


def test_credit_line_takes_back_the_line_it_describes():
    originals = [("a", "cpu", Decimal(100)), ("b", "disk", Decimal(50))]
    assert assign_credits(originals, [("c", "disk", Decimal(20))]) == [("c", "b", 20)]


def test_credit_line_prefers_the_line_of_the_same_amount():
    originals = [("a", "cpu", Decimal(100)), ("b", "cpu", Decimal(50))]
    assert assign_credits(originals, [("c", "cpu", Decimal(50))]) == [("c", "b", 50)]


def test_lump_sum_is_spread_over_what_remains():
    originals = [("a", "cpu", Decimal(100)), ("b", "disk", Decimal(50))]
    credits = [("c", "disk", Decimal(50)), ("d", "gesture", Decimal(10))]
    assert assign_credits(originals, credits) == [("c", "b", 50), ("d", "a", 10)]


def test_lump_sum_never_takes_more_than_the_invoice():
    originals = [("a", "cpu", Decimal(100)), ("b", "disk", Decimal(50))]
    pairs = assign_credits(originals, [("c", "gesture", Decimal(400))])
    assert pairs == [("c", "a", 100), ("c", "b", 50)]


@given(
    st.lists(AMOUNT, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 7), AMOUNT), max_size=6),
)
def test_no_line_is_credited_beyond_itself(nets, credits):
    originals = [(key, key, net) for key, net in enumerate(nets)]
    pairs = assign_credits(
        originals, [(n, key, amount) for n, (key, amount) in enumerate(credits)]
    )
    for key, _description, net in originals:
        taken = sum(amount for _credit, own, amount in pairs if own == key)
        assert abs(taken) <= abs(net)
        assert not taken or (taken > 0) == (net > 0)


@given(DECIMALS, st.lists(st.integers(-50, 120), max_size=6))
def test_release_depends_on_what_was_paid_not_on_the_order(decimals, payments):
    base, amounts, due = Decimal(1000), {"P": Decimal(333)}, Decimal(1200)
    collected, before = Decimal(0), {}
    total = Decimal(0)
    for payment in payments:
        collected += payment
        _base, now = released(base, amounts, due, collected, decimals)
        total += difference(now, before)["P"]
        before = now
    assert total == released(base, amounts, due, sum(payments), decimals)[1]["P"] or (
        not payments
    )


def test_credited_and_paid_back_invoice_releases_nothing():
    base, amounts = after_credit(Decimal(100), {"P": Decimal(20)}, Fraction(1), 2)
    assert released(base, amounts, Decimal(0), Decimal(0), 2) == (0, {"P": 0})
