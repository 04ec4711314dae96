from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitting import channel, clauses, clearing, guarantee, payout, totals
from splitting.errors import SplitError

EARNED = st.lists(st.decimals(-1000, 1000, places=2), max_size=8)
POSITIVE = st.lists(st.decimals(0, 1000, places=2), max_size=8)


@given(EARNED, st.decimals(0, 100, places=2))
def test_what_is_not_paid_is_carried(earned, minimum):
    periods = payout.payouts(earned, minimum)
    left = periods[-1].carried if periods else 0
    assert sum(period.paid for period in periods) + left == sum(earned)
    assert all(period.paid >= 0 for period in periods)


@given(POSITIVE, st.decimals(0, 1000, places=2))
def test_an_advance_is_recouped_before_anything_is_paid(earned, advance):
    periods = guarantee.advanced(earned, advance)
    paid = sum((period.payable for period in periods), Decimal(0))
    assert paid == max(sum(earned) - advance, 0)


@given(POSITIVE, st.decimals(0, 1000, places=2))
def test_top_ups_are_taken_from_later_excess_only(earned, amount):
    periods = guarantee.guaranteed(earned, amount, "excess")
    for period in periods:
        assert period.payable >= amount
        assert period.unrecouped >= 0
    paid = sum(p.payable for p in periods)
    left = periods[-1].unrecouped if periods else 0
    assert paid == sum(earned) + left


def test_lifetime_guarantee_pays_the_larger_of_promise_and_earnings():
    earned = [Decimal(50), Decimal(300)]
    periods = guarantee.guaranteed_for_life(earned, [Decimal(100), Decimal(100)])
    # max(100, 50) = 100; max(200, 350) - 100 = 250
    assert [period.payable for period in periods] == [100, 250]


def test_cap_comes_after_the_guarantee():
    [period] = guarantee.guaranteed([Decimal(900)], Decimal(100), cap=Decimal(500))
    assert period.payable == 500


@pytest.mark.parametrize(
    ("balance", "mandate", "iban", "reason"),
    [
        ("-1", False, False, "negative"),
        ("5", False, False, "no_mandate"),
        ("5", True, False, "no_iban"),
        ("5", True, True, "below_minimum"),
        ("50", True, True, None),
    ],
)
def test_batch_gives_the_first_reason(balance, mandate, iban, reason):
    assert payout.refusal(Decimal(balance), mandate, iban, Decimal(50)) == reason


def test_version_ends_on_its_last_day():
    class Version:
        date_from, date_to = date(2026, 1, 1), date(2026, 3, 15)

    assert clauses.version_in_force([Version], date(2026, 3, 15)) is Version
    assert clauses.version_in_force([Version], date(2026, 3, 16)) is None


def test_attribution_ends_before_the_day_of_the_last_month():
    start = date(2026, 1, 31)
    assert clauses.is_attributed(date(2026, 2, 27), start, 1)
    assert not clauses.is_attributed(date(2026, 2, 28), start, 1)
    assert clauses.is_attributed(date(2030, 1, 1))


def test_bilateral_netting_pays_the_difference_of_a_pair():
    sales = [
        clearing.Sale("A", Decimal(10), {"A": Decimal(4), "B": Decimal(6)}),
        clearing.Sale("B", Decimal(8), {"A": Decimal(5), "B": Decimal(3)}),
    ]
    assert clearing.pairs(sales) == {("A", "B"): 1}
    assert sum(clearing.positions(sales)[2].values()) == 0


def test_a_sale_that_does_not_add_up_is_refused():
    with pytest.raises(SplitError):
        clearing.Sale("A", Decimal(10), {"A": Decimal(4)})


def test_conversion_reports_the_cent_instead_of_pushing_it():
    parts, gap = totals.converted(
        {"A": Decimal("0.05"), "B": Decimal("0.05")}, Decimal("0.5"), 2
    )
    # 0.025 -> 0.03 twice; the whole 0.10 x 0.5 = 0.05
    assert (parts, gap) == (
        {"A": Decimal("0.03"), "B": Decimal("0.03")},
        Decimal("-0.01"),
    )


def test_levels_keep_the_whole_retail_price():
    kept, retail = channel.margins(
        [("OP", Decimal("0.333")), ("D", Decimal("0.5"))], Decimal(7), 2
    )
    assert kept == {"OP": Decimal("2.33"), "D": Decimal("1.17")}
    assert retail == Decimal("3.50")


def test_a_node_without_downstream_right_sees_its_own_only():
    tree = {"D": None, "R": "D"}
    customers = {"C1": "D", "C2": "R"}
    assert channel.visible(tree, customers, "D", downstream=False) == ["C1"]
    assert channel.visible(tree, customers, "D") == ["C1", "C2"]
