"""Late-payment interest: figures worked out by hand, and what must always hold."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import penalties
from ledger.penalties import ECB, FIXED, LEGAL, PUBLIC, Payment, Rate

RATES = (
    Rate(date(2023, 7, 1), Decimal("4.00"), Decimal("4.22")),
    Rate(date(2024, 1, 1), Decimal("4.50"), Decimal("5.07")),
    Rate(date(2024, 7, 1), Decimal("4.25"), Decimal("4.92")),
    Rate(date(2025, 1, 1), Decimal("3.15"), Decimal("3.71")),
    Rate(date(2025, 7, 1), Decimal("2.15"), Decimal("2.76")),
)


def amount(*arguments, **options):
    return penalties.interest(*arguments, rates=RATES, **options).amount


def test_one_half_year():
    # 1,200.00 from 1 to 30 September 2025: 30 days at 12.15 % of 365 days
    # 1200 x 0.1215 x 30 / 365 = 11.98356...
    assert amount(date(2025, 8, 31), Decimal(1200), [], date(2025, 9, 30)) == Decimal(
        "11.98"
    )


def test_the_rate_changes_with_the_half_year():
    # 10,000.00 from 21 to 30 June 2025 at 13.15 %: 36.027397...
    # and from 1 to 10 July at 12.15 %: 33.287671...; 69.315068 in all
    result = penalties.interest(
        date(2025, 6, 20), Decimal(10000), [], date(2025, 7, 10), RATES
    )
    assert [(piece.days, piece.rate) for piece in result.slices] == [
        (10, Decimal("13.15")),
        (10, Decimal("12.15")),
    ]
    assert result.amount == Decimal("69.32")


def test_a_leap_year_has_366_days():
    # 36,600.00 for 10 days: 10 % would be 100.00; 14.50 % gives 145.00
    assert amount(date(2024, 2, 20), Decimal(36600), [], date(2024, 3, 1)) == Decimal(
        "145.00"
    )


def test_over_new_year_each_day_has_its_own_year():
    result = penalties.interest(
        date(2024, 12, 30), Decimal(1000), [], date(2025, 1, 1), RATES
    )
    assert [piece.year_days for piece in result.slices] == [366, 365]


def test_a_partial_payment_lowers_the_base_from_the_next_day():
    # 1,000.00 for 1-10 September, then 400.00 for 11-20: (1000 + 400) x 10 x 0.1215/365
    result = penalties.interest(
        date(2025, 8, 31),
        Decimal(1000),
        [Payment(date(2025, 9, 10), Decimal(600))],
        date(2025, 9, 20),
        RATES,
    )
    assert [(piece.base, piece.days) for piece in result.slices] == [
        (1000, 10),
        (400, 10),
    ]
    assert result.amount == Decimal("4.66")  # 4.660273


def test_a_bounced_debit_brings_the_debt_back():
    payments = [
        Payment(date(2025, 9, 5), Decimal(1000)),
        Payment(date(2025, 9, 15), Decimal(-1000)),
    ]
    result = penalties.interest(
        date(2025, 8, 31), Decimal(1000), payments, date(2025, 9, 20), RATES
    )
    assert [(p.start.day, p.end.day) for p in result.slices] == [(1, 5), (16, 20)]


def test_paid_in_time_owes_nothing():
    paid = [Payment(date(2025, 8, 31), Decimal(1000))]
    assert amount(date(2025, 8, 31), Decimal(1000), paid, date(2025, 12, 31)) == 0
    assert not penalties.indemnity(
        date(2025, 8, 31), Decimal(1000), paid, date(2025, 12, 31)
    )


def test_one_cent_late_owes_the_whole_indemnity():
    paid = [Payment(date(2025, 8, 31), Decimal("999.99"))]
    assert penalties.indemnity(
        date(2025, 8, 31), Decimal(1000), paid, date(2025, 9, 1)
    ) == Decimal(40)
    assert not penalties.indemnity(
        date(2025, 8, 31), Decimal(1000), paid, date(2025, 8, 31)
    )


@pytest.mark.parametrize(
    ("policy", "fixed", "expected"),
    [
        (ECB, None, "12.15"),
        (LEGAL, None, "8.28"),
        (FIXED, Decimal("9.5"), "9.5"),
        (PUBLIC, None, "10.15"),
    ],
)
def test_the_rate_of_each_policy(policy, fixed, expected):
    rate, provisional = penalties.percent(RATES, date(2025, 9, 1), policy, fixed)
    assert rate == Decimal(expected)
    assert not provisional


def test_a_public_buyer_keeps_the_rate_of_the_first_late_day():
    result = penalties.interest(
        date(2025, 6, 20), Decimal(1000), [], date(2025, 7, 10), RATES, PUBLIC
    )
    assert {piece.rate for piece in result.slices} == {Decimal("11.15")}


def test_an_unknown_half_year_takes_the_last_known_rate_and_says_so():
    result = penalties.interest(
        date(2026, 8, 31), Decimal(1000), [], date(2026, 9, 30), RATES
    )
    assert result.is_provisional
    assert result.slices[0].rate == Decimal("12.15")
    with pytest.raises(penalties.MissingRate):
        amount(date(2019, 8, 31), Decimal(1000), [], date(2019, 9, 30))


def test_the_lawful_minimum_is_three_times_the_legal_rate():
    assert penalties.lawful_minimum(RATES, date(2025, 8, 1)) == Decimal("8.28")


def test_half_a_cent_rounds_up():
    # 730.00 for one day at 0.25 %: 0.005
    assert amount(
        date(2025, 8, 31),
        Decimal(730),
        [],
        date(2025, 9, 1),
        policy=FIXED,
        fixed="0.25",
    ) == Decimal("0.01")


DAYS = st.integers(0, 700)
CENTS = st.integers(1, 10**9).map(lambda cents: Decimal(cents) / 100)


@st.composite
def debts(draw):
    due = date(2023, 12, 1) + timedelta(days=draw(st.integers(0, 300)))
    total = draw(CENTS)
    parts = draw(st.lists(st.tuples(DAYS, st.integers(0, 100)), max_size=5))
    left, payments = total, []
    for days, share in parts:
        part = penalties.round_half_up(left * share / 100)
        left -= part
        payments.append(Payment(due + timedelta(days=days - 50), part))
    return due, total, payments, due + timedelta(days=draw(DAYS))


@given(debts())
def test_the_slices_equal_a_count_day_by_day(debt):
    due, total, payments, until = debt
    by_day = Decimal(0)
    day = due + timedelta(days=1)
    while day <= until:
        base = total - sum(p.amount for p in payments if p.day < day and p.day > due)
        base -= sum(p.amount for p in payments if p.day <= due)
        rate, _provisional = penalties.percent(RATES, day, ECB)
        length = 366 if day.year == 2024 else 365
        by_day += max(base, Decimal(0)) * rate / 100 / length
        day += timedelta(days=1)
    found = penalties.interest(due, total, payments, until, RATES)
    assert abs(sum(p.interest for p in found.slices) - by_day) < Decimal("1e-9")
    assert found.amount == penalties.round_half_up(
        sum((p.interest for p in found.slices), Decimal(0))
    )


@given(debts(), st.integers(1, 400))
def test_interest_only_grows_and_cutting_the_time_loses_nothing(debt, more):
    due, total, payments, until = debt
    short = penalties.interest(due, total, payments, until, RATES)
    long = penalties.interest(due, total, payments, until + timedelta(days=more), RATES)
    assert long.amount >= short.amount >= 0
    assert long.days >= short.days
