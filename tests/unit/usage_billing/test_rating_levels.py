# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Levels that last count by local day, and thirds of a period add up."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rating import Charge, Currency, Period, Tier, Usage, rate
from rating.levels import level_changes, prorated_quantity
from rating.pricers import GraduatedLevel

SEPTEMBER = Period.of_dates(date(2026, 9, 1), date(2026, 10, 1), "Europe/Paris")
EUR = Currency("EUR")


def at(day, hour=12):
    return datetime(2026, 9, day, hour, tzinfo=UTC)


def test_an_added_unit_counts_its_day_and_a_removed_one_does_not():
    changes = level_changes(SEPTEMBER, 10, [(at(16), 3), (at(21), -3)])
    # 10 all month, 3 for 15 of 30 days, 3 fewer for the last 10
    assert prorated_quantity(changes) == Decimal("10.5")


def test_the_local_day_counts_not_the_utc_one():
    # 23:00 UTC on the 15th is the 16th in Paris
    changes = level_changes(SEPTEMBER, 0, [(at(15, 23), 2)])
    assert prorated_quantity(changes) == 1


def test_a_cut_period_counts_days_of_the_uncut_one():
    part = Period.of_dates(date(2026, 9, 16), date(2026, 10, 1), "Europe/Paris")
    assert prorated_quantity(level_changes(part, 10, [], full_days=30)) == 5


def test_three_thirds_make_one():
    readings = [(at(day), 1) for day in (21, 21, 21)]
    assert prorated_quantity(level_changes(SEPTEMBER, 0, readings)) == 1


@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(1, 30), st.integers(-20, 40)), max_size=8),
)
def test_one_tier_costs_the_average_level(opening, moves):
    readings = [(at(day), change) for day, change in moves]
    changes = level_changes(SEPTEMBER, opening, readings)
    charge = Charge("c", GraduatedLevel((Tier(None, "3"),)))
    line = rate(charge, Usage(changes=changes), EUR)
    final = opening + sum(change for _day, change in moves)
    average = prorated_quantity(changes) if final >= 0 else 0
    assert abs(line.exact - 3 * average) < Decimal("1e-20")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_what_came_and_went_on_one_day_leaves_only_fees(added):
    tiers = GraduatedLevel((Tier("10", "2", "7"), Tier(None, "1", "5")))
    readings = [(at(10), n) for n in added] + [(at(10, 13), -n) for n in added]
    usage = Usage(changes=level_changes(SEPTEMBER, 0, readings))
    line = rate(Charge("c", tiers), usage, EUR)
    assert line.amount == 7 + (5 if sum(added) > 10 else 0)
