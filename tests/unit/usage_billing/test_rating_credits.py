# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Coupons, wallets, grants, commitments and thresholds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating import Currency, RatingError, Share
from rating.commitments import (
    WindowCommitment,
    plan_commitment,
    true_up,
    windowed_commitment,
)
from rating.coupons import Coupon, apply_coupons, spread
from rating.grants import Grant, burn_down
from rating.progressive import interim_invoices
from rating.wallets import Wallet, draw

EUR = Currency("EUR")
JAN = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = st.decimals(0, 10**4, places=2)


def euros(*amounts):
    return tuple(map(Decimal, amounts))


def on(day, hour=0):
    return JAN + timedelta(days=day - 1, hours=hour)


# -- coupons -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("coupons", "order", "discounts"),
    [
        ((Coupon(percent="20"),), "given", ("20",)),
        ((Coupon(amount="50"), Coupon(percent="10")), "given", ("50", "5")),
        ((Coupon(amount="50"), Coupon(percent="10")), "percent_first", ("10", "50")),
        ((Coupon(amount="80"), Coupon(amount="50")), "given", ("80", "20")),
        ((Coupon(percent="33.333"),), "given", ("33.33",)),
    ],
)
def test_coupons_take_from_what_is_left(coupons, order, discounts):
    assert apply_coupons(Decimal(100), coupons, EUR, order) == euros(*discounts)


@given(
    AMOUNTS,
    st.lists(
        st.one_of(
            st.builds(Coupon, percent=st.decimals(0, 100, places=2)),
            st.builds(Coupon, amount=AMOUNTS),
        ),
        max_size=5,
    ),
    st.sampled_from(["given", "percent_first"]),
)
def test_coupons_never_take_more_than_there_is(base, coupons, order):
    discounts = apply_coupons(base, coupons, EUR, order)
    assert 0 <= sum(discounts) <= base
    assert all(discount >= 0 for discount in discounts)


@pytest.mark.parametrize("named", [{}, {"percent": "1", "amount": "1"}])
def test_a_coupon_is_one_or_the_other(named):
    with pytest.raises(RatingError) as caught:
        Coupon(**named)
    assert caught.value.code == "coupon_needs_percent_or_amount"


def test_an_unknown_order_is_refused():
    with pytest.raises(RatingError) as caught:
        apply_coupons(Decimal(1), (), EUR, "random")
    assert caught.value.code == "coupon_order"


def test_a_spread_discount_leaves_its_rest_on_the_last_line():
    # 10 over three equal lines: 3.33, 3.33 and the rest
    got = spread(Decimal(10), euros("30", "30", "30"), EUR)
    assert got == euros("3.33", "3.33", "3.34")


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=8).filter(any))
def test_a_spread_discount_is_spread_whole(discount, lines):
    assert sum(spread(discount, lines, EUR)) == discount


# -- wallets -----------------------------------------------------------------


def test_the_small_priority_pays_first_and_only_what_it_may():
    wallets = [
        Wallet("late", "100", 50),
        Wallet("calls", "5", 1, frozenset({"call"})),
    ]
    taken, due = draw(wallets, [("fee", Decimal(20)), ("call", Decimal(8))])
    assert (taken, due) == ({"calls": 5, "late": 23}, 0)


@given(
    st.lists(
        st.builds(
            Wallet,
            st.uuids().map(str),
            AMOUNTS,
            st.integers(0, 3),
            st.none() | st.frozensets(st.sampled_from("ab")),
        ),
        max_size=5,
    ),
    st.lists(st.tuples(st.sampled_from("abc"), AMOUNTS), max_size=5),
)
def test_what_wallets_pay_is_what_is_no_longer_due(wallets, lines):
    taken, due = draw(wallets, lines)
    assert sum(taken.values()) + due == sum(amount for _kind, amount in lines)
    assert all(0 <= taken[wallet.key] <= wallet.balance for wallet in wallets)


# -- grants ------------------------------------------------------------------


def test_priority_then_soonest_end_then_list_order():
    grants = [
        Grant("open", "10", JAN, 1),
        Grant("ends late", "10", JAN, 1, expires_at=on(31)),
        Grant("ends soon", "10", JAN, 1, expires_at=on(20)),
        Grant("first", "10", JAN, 0),
    ]
    balances, overage = burn_down(grants, [(on(2), Decimal(25))], on(3))
    assert balances == {"open": 10, "ends late": 5, "ends soon": 0, "first": 0}
    assert overage == 0


def test_what_is_left_is_lost_when_a_grant_ends_or_is_voided():
    grants = [
        Grant("ended", "10", JAN, expires_at=on(5)),
        Grant("voided", "10", JAN, expires_at=on(31), voided_at=on(4)),
    ]
    balances, overage = burn_down(grants, [(on(6), Decimal(3))], on(7))
    assert (balances, overage) == ({"ended": 0, "voided": 0}, 3)


def test_the_next_grant_pays_the_overage_first():
    grants = [Grant("later", "100", on(10))]
    balances, overage = burn_down(grants, [(on(5), Decimal(30))], on(11))
    assert (balances, overage) == ({"later": 70}, 0)


def test_a_renewal_fills_up_again_and_no_more():
    daily = Grant("daily", "100", JAN, recurs="day", anchor=JAN)
    usage = [(on(1, 12), Decimal(30)), (on(3, 12), Decimal(20))]
    assert burn_down([daily], usage, on(2))[0] == {"daily": 100}
    assert burn_down([daily], usage, on(3, 13))[0] == {"daily": 80}


def test_a_monthly_renewal_on_the_31st_comes_early_in_february():
    grant = Grant("m", "10", on(31), recurs="month", anchor=on(31))
    renewals = list(grant.renewals(datetime(2026, 4, 1, tzinfo=UTC)))
    assert [f"{at:%m-%d}" for at in renewals] == ["02-28", "03-31"]


@pytest.mark.parametrize(
    ("low", "high", "left"), [("0", "0", 0), ("0", "40", 40), ("80", "90", 80)]
)
def test_a_reset_rolls_over_between_its_bounds(low, high, left):
    grant = Grant("g", "100", JAN, rollover_min=low, rollover_max=high)
    balances, _o = burn_down([grant], [(on(2), Decimal(50))], on(9), [(on(5), False)])
    assert balances == {"g": left}


@pytest.mark.parametrize(("preserve", "overage"), [(True, 30), (False, 0)])
def test_a_reset_drops_the_overage_unless_told(preserve, overage):
    got = burn_down([], [(on(2), Decimal(30))], on(9), [(on(5), preserve)])
    assert got == ({}, overage)


@given(
    st.lists(
        st.builds(
            Grant,
            st.uuids().map(str),
            st.integers(0, 100),
            st.integers(1, 15).map(on),
            st.integers(0, 2),
        ),
        max_size=5,
    ),
    st.lists(st.tuples(st.integers(1, 28).map(on), st.integers(0, 80)), max_size=6),
)
def test_units_are_neither_made_nor_lost(grants, usage):
    usage = [(at, Decimal(quantity)) for at, quantity in usage]
    balances, overage = burn_down(grants, usage, on(31))
    given_units = sum(grant.amount for grant in grants)
    used = sum(quantity for _at, quantity in usage)
    assert given_units - sum(balances.values()) == used - overage


# -- commitments -------------------------------------------------------------


def lines(found):
    return {line.label: str(line.amount) for line in found}


def test_a_true_up_brings_usage_to_the_prorated_minimum():
    found = true_up(Decimal(100), Decimal(70), EUR, Share(25, 28))
    assert lines(found) == {"usage": "70.00", "true_up": "19.29"}


def test_a_true_up_may_look_at_the_rounded_usage():
    yen = Currency("JPY", 0)
    found = true_up(Decimal(10000), Decimal("8500.5"), yen, round_used_first=True)
    assert lines(found) == {"usage": "8501", "true_up": "1499"}


def test_nothing_is_missing_above_the_minimum():
    found = true_up(Decimal(100), Decimal(170), EUR)
    assert lines(found) == {"usage": "170.00", "true_up": "0.00"}


def test_a_plan_commitment_counts_fee_and_usage():
    found = plan_commitment(Decimal(10000), Decimal(100), Decimal(30), EUR, Share(6, 7))
    assert lines(found) == {
        "base_fee": "85.71",
        "usage": "30.00",
        "commitment": "8455.72",
    }


@pytest.mark.parametrize(
    ("cost", "up", "due"),
    [("4", True, "10.00"), ("4", False, "4.00"), ("14", True, "18.00")],
)
def test_a_window_below_and_above_its_commitment(cost, up, due):
    promise = WindowCommitment("10", "2", up)
    (line,) = windowed_commitment(promise, euros(cost), EUR)
    assert str(line.amount) == due


# -- thresholds --------------------------------------------------------------


def test_an_interim_invoice_bills_what_is_not_billed_yet():
    costs = [("a", Decimal(60)), ("b", Decimal(50)), ("c", Decimal("195.005"))]
    found = interim_invoices(costs, euros("300", "100", "200"), EUR)
    assert [(i.after, str(i.amount)) for i in found] == [
        ("b", "110.00"),
        ("c", "195.01"),
    ]
