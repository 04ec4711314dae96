# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Which days a report covers and when it is due.

    real normal, monthly     |--1-10--|--11-20--|--21-end--|   sales and purchases
                                  due 20    due last   due 10 of the next month
                             |----------- month -----------|   payments, due 10 next
    real normal, quarterly   |----------- month -----------|   due 10 next
    simplified               |----------- month -----------|   due last day next
    franchise                |-------- two months ---------|   due last day next

Days are local French days, both ends of a period included.
"""

import csv
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from .errors import EreportingError

DATA = Path(__file__).with_name("data")

MONTHLY = "monthly"
QUARTERLY = "quarterly"
SIMPLIFIED = "simplified"
FRANCHISE = "franchise"
REGIMES = (MONTHLY, QUARTERLY, SIMPLIFIED, FRANCHISE)

# what a period is about: sales (declared as seller), purchases (as buyer), payments
SALE = "sale"
PURCHASE = "purchase"
PAYMENT = "payment"
KINDS = (SALE, PURCHASE, PAYMENT)

GREY, GREEN, ORANGE, RED = "grey", "green", "orange", "red"
# states of a period that ask for no action
SETTLED = frozenset({"sent", "accepted", "nothing"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of deadlines, in force between two dates (both included)."""

    regime: str
    kind: str
    span: str
    part: int
    due_months: int
    due_day: int
    valid_from: date
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Period:
    """Days start to end (both included), reported on deadline at the latest."""

    start: date
    end: date
    deadline: date
    source: str = ""

    def __post_init__(self):
        if not self.start <= self.end < self.deadline:
            raise EreportingError("period_dates", start=self.start, end=self.end)

    def __contains__(self, day):
        return self.start <= day <= self.end


@cache
def rules():
    """Give the table of deadlines.

    :rtype: tuple[Rule]
    """
    with (DATA / "deadline.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(
            Rule(
                regime=row["regime"],
                kind=row["kind"],
                span=row["span"],
                part=int(row["part"]),
                due_months=int(row["due_months"]),
                due_day=int(row["due_day"]),
                valid_from=date.fromisoformat(row["valid_from"]),
                valid_to=(
                    date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
                ),
                source=row["source"],
            )
            for row in csv.DictReader(stream)
        )


@cache
def obligations():
    """Give the first day of the obligation by size of company.

    :rtype: dict[str, date]
    """
    with (DATA / "obligation.csv").open(encoding="utf-8", newline="") as stream:
        return {
            row["size"]: date.fromisoformat(row["valid_from"])
            for row in csv.DictReader(stream)
        }


def period_at(regime, kind, day):
    """Give the period that holds a day.

    >>> period_at("monthly", "sale", date(2026, 11, 15))
    ... # doctest: +ELLIPSIS
    Period(start=datetime.date(2026, 11, 11), end=datetime.date(2026, 11, 20), ...
    >>> period_at("franchise", "payment", date(2026, 12, 5)).deadline
    datetime.date(2027, 1, 31)

    :param str regime: one of REGIMES
    :param str kind: one of KINDS
    :rtype: Period
    :raise EreportingError: the table has no rule for this regime on this day
    """
    wanted = "payment" if kind == PAYMENT else "transaction"
    for rule in rules():
        if (
            rule.regime == regime
            and rule.kind == wanted
            and rule.part == _part(rule.span, day)
            and rule.valid_from <= day
            and (not rule.valid_to or day <= rule.valid_to)
        ):
            start, end = _bounds(rule.span, day)
            return Period(start, end, _due(end, rule), rule.source)
    raise EreportingError("no_deadline", regime=regime, kind=kind, date=day)


def periods(regime, kind, first, last):
    """Give the periods from a first day up to the one that holds the last.

    The first is cut at the first day: a company that begins, or changes its regime,
    in the middle of a period reports from there.

    :rtype: list[Period]
    """
    found = []
    day = first
    while day <= last:
        period = period_at(regime, kind, day)
        found.append(Period(day, period.end, period.deadline, period.source))
        day = period.end + timedelta(days=1)
    return found


def light(state, today, end, deadline, warning_days=3):
    """Give the traffic light of a period.

    Grey: its days are not over. Green: sent, or nothing to send. Orange: to rectify, or
    to send and time left. Red: refused, late, or due within `warning_days`.

    >>> light("to_send", date(2026, 11, 21), date(2026, 11, 20), date(2026, 11, 30))
    'orange'
    """
    if state in SETTLED:
        return GREEN
    if state == "rejected":
        return RED
    if state == "rectify":
        return ORANGE  # it was reported in time; a correction has no day of its own
    if today <= end:
        return GREY
    return RED if (deadline - today).days < warning_days else ORANGE


def _part(span, day):
    """Number the part of the month a day falls in, from 1."""
    return min((day.day - 1) // 10, 2) + 1 if span == "decade" else 1


def _bounds(span, day):
    if span == "decade":
        part = _part(span, day)
        start = day.replace(day=10 * part - 9)
        return start, _last_of_month(day) if part == 3 else day.replace(day=10 * part)
    if span == "month":
        return day.replace(day=1), _last_of_month(day)
    # two months: January and February, March and April, ...
    first = day.replace(day=1, month=day.month - 1 + day.month % 2)
    return first, _last_of_month(first.replace(month=first.month + 1))


def _due(end, rule):
    month = end.replace(day=1)
    for _step in range(rule.due_months):
        month = _last_of_month(month) + timedelta(days=1)
    return min(_last_of_month(month), month + timedelta(days=rule.due_day - 1))


def _last_of_month(day):
    return day.replace(day=monthrange(day.year, day.month)[1])
