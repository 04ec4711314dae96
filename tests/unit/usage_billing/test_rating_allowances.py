# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Free units that last longer or serve several charges; phases; instalments."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating import Charge, Currency, RatingError, Tier, Usage, rate
from rating.adjustments import deduct, over_lines
from rating.aggregation import merge
from rating.allowances import Allowance, share_out
from rating.commitments import WindowCommitment
from rating.documents import credit, totals
from rating.periods import Period
from rating.pricers import Commitment, CommittedWindow, Graduated, PerUnit, Windowed
from rating.schedules import Phase, hours_match, instalments
from rating.values import Share, Stream

D = Decimal
EUR = Currency("EUR", 2)
MARCH = Period.of_dates(date(2026, 3, 1), date(2026, 4, 1), "UTC")
amounts = st.decimals(0, 10_000, places=2)


def test_unused_units_go_on_up_to_the_limit():
    allowance = Allowance(D(100), D(20), D(50))
    assert allowance.available == 120
    assert allowance.left(D(90)) == 30
    assert allowance.left(D(10)) == 50
    assert allowance.left(D(500)) == 0
    assert Allowance(D(100)).left(D(0)) == 0


def test_a_bundle_serves_its_charges_in_order():
    assert share_out(D(100), [D(80), D(50), D(10)]) == (80, 20, 0)
    assert share_out(D(100), [D(-5), D(50)]) == (0, 50)


@given(st.decimals(0, 1000, places=3), st.lists(st.decimals(0, 500, places=3)))
def test_a_bundle_never_gives_more_than_it_has(available, wanted):
    taken = share_out(available, wanted)
    assert sum(taken, D(0)) == min(available, sum(wanted, D(0)))
    assert all(part <= want for part, want in zip(taken, wanted, strict=True))


def test_an_allowance_from_outside_takes_the_place_of_the_charges_own():
    charge = Charge("c", PerUnit("1"), included_units="10")
    assert rate(charge, "50", EUR).amount == 40
    assert rate(charge, "50", EUR, allowance=D(30)).amount == 20
    assert rate(charge, "50", EUR, allowance=D(0)).amount == 50


@given(amounts, st.integers(1, 24))
def test_instalments_add_up_to_the_price(total, count):
    parts = instalments(total, count, 2)
    assert sum(parts) == total
    assert max(parts) - min(parts) <= D("0.01")


def test_a_first_payment_is_as_agreed():
    assert instalments(D(100), 3, 2, D(50)) == (50, 25, 25)
    with pytest.raises(RatingError):
        instalments(D(100), 3, 2, D(101))
    with pytest.raises(RatingError):
        instalments(D(100), 0, 2)


def test_phases_follow_one_another():
    start = date(2026, 1, 31)
    ramp = Phase.of(start, months=3)
    rest = Phase.of(start, after_months=3)
    assert ramp.end_date == rest.first_date == date(2026, 4, 30)
    assert ramp.within(date(2026, 4, 1), date(2026, 5, 1)) == (
        date(2026, 4, 1),
        date(2026, 4, 30),
    )
    assert rest.within(date(2026, 3, 1), date(2026, 4, 1)) is None


def test_a_trial_moves_the_first_day():
    phase = Phase.of(date(2026, 3, 1), trial_days=14)
    assert phase.first_date == date(2026, 3, 15)
    assert Phase.of(date(2026, 3, 1)).is_open


@pytest.mark.parametrize(
    ("moment", "hours", "fits"),
    [
        (datetime(2026, 3, 2, 8), (6, 22, "all"), True),
        (datetime(2026, 3, 2, 22), (6, 22, "all"), False),
        (datetime(2026, 3, 2, 23), (22, 6, "all"), True),
        (datetime(2026, 3, 2, 5), (22, 6, "workday"), True),
        (datetime(2026, 3, 7, 5), (22, 6, "workday"), False),
        (datetime(2026, 3, 7, 12), (0, 24, "weekend"), True),
        # Easter Monday, 14 July, an ordinary Tuesday, a Saturday
        (datetime(2026, 4, 6, 12), (0, 0, "openday", "FR"), False),
        (datetime(2026, 4, 6, 12), (0, 0, "offday", "FR"), True),
        (datetime(2026, 7, 14, 12), (0, 0, "holiday", "FR"), True),
        (datetime(2026, 7, 14, 12), (0, 0, "holiday", "DE"), False),
        (datetime(2026, 7, 14, 12), (0, 0, "workday", "FR"), True),
        (datetime(2026, 7, 21, 12), (0, 0, "openday", "FR"), True),
        (datetime(2026, 7, 21, 12), (0, 0, "offday", "FR"), False),
        (datetime(2026, 7, 25, 12), (0, 0, "offday", "FR"), True),
        (datetime(2026, 7, 25, 12), (0, 0, "holiday", "FR"), False),
    ],
)
def test_hours_of_the_day(moment, hours, fits):
    assert hours_match(moment, *hours) is fits


def test_holidays_of_an_unknown_country_are_refused():
    with pytest.raises(RatingError, match="no_holidays"):
        hours_match(datetime(2026, 7, 14), 0, 0, "holiday", "XX")


def test_windows_are_priced_alone_and_rounded_together():
    tiers = (Tier("10", "0.1"), Tier(None, "0.055"))
    charge = Charge("c", Windowed(Graduated(tiers)))
    line = rate(charge, Usage(windows=("9", "15", "11")), EUR)
    assert line.exact == D("0.9") + D("1.275") + D("1.055")
    assert line.amount == D("3.23")
    assert [part.quantity for part in line.components] == [29, 6]


def test_a_window_below_its_commitment_owes_it():
    promise = WindowCommitment("10", "2")
    charge = Charge("c", CommittedWindow(PerUnit("2"), promise))
    assert rate(charge, "2", EUR).amount == 10
    assert rate(charge, "7", EUR).amount == 18
    assert rate(charge, "5", EUR).amount == 10


def test_a_commitment_asks_for_what_is_missing():
    charge = Charge("c", Commitment("100"))
    assert rate(charge, Usage(spent="30"), EUR).amount == 70
    assert rate(charge, Usage(spent="130"), EUR).amount == 0
    assert rate(charge, Usage(spent="30"), EUR, share=Share(1, 2)).amount == 20


def test_a_million_values_are_read_once():
    from rating.pricers import Percentage

    charge = Charge("c", Percentage("1", fixed_fee_per_event="0.1"))
    stream = Stream((D(10) for _number in range(1000)), 1000)
    assert rate(charge, Usage(values=stream), EUR).amount == 200


@given(st.lists(amounts, min_size=1, max_size=8), st.integers(0, 100))
def test_a_deduction_is_shared_to_the_cent(lines, percent):
    total = sum(lines, D(0))
    taken = (total * percent / 100).quantize(D("0.01"))
    found = over_lines("coupon-1", "coupon", taken, lines, EUR)
    assert sum(found.parts) == (taken if any(lines) else 0)
    assert all(0 <= p <= line for p, line in zip(found.parts, lines, strict=True))


def test_what_a_coupon_took_before_is_subtracted():
    line = rate(Charge("c", PerUnit("1")), "100", EUR)
    coupon = over_lines("coupon-1", "coupon", D(10), [D(100)], EUR)
    first = deduct(line, [(coupon, coupon.parts[0], coupon.exact(0))])
    assert (first.amount, first.cumulative_amount) == (90, 90)
    again = deduct(
        line, [(coupon, coupon.parts[0], coupon.exact(0))], {"coupon-1": D(10)}
    )
    assert again.cumulative_amount == 90
    assert again.amount == 100
    gone = deduct(line, [], {"coupon-1": D(10)})
    assert gone.amount == 110


def test_only_what_adds_up_is_added_up():
    assert merge("sum", D(1), D(2)) == 3
    assert merge("max", D(1), D(2)) == 2
    assert merge("min", D(1), D(2)) == 1
    with pytest.raises(RatingError):
        merge("percentile", D(1), D(2))


def test_totals_of_a_quote():
    found = totals([(D("100.00"), D(20)), (D("50.00"), D("5.5"))], D("15.00"), EUR)
    assert [line.tax for line in found.lines] == [D("18.00"), D("2.48")]
    assert (found.subtotal, found.discount, found.total) == (
        D("150.00"),
        D("15.00"),
        D("155.48"),
    )
    assert credit(D("160"), Share(29, 30), D(25), EUR) == (
        D("154.67"),
        D("38.67"),
        D("193.34"),
    )
