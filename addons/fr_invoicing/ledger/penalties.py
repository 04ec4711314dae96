# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Late-payment interest between businesses and the fixed indemnity.

Sources:

- Code de commerce L441-10 II: interest runs from the day after the due date, without
  reminder, on the sum due including TVA. Without agreement the rate is that of the
  European Central Bank's last refinancing operation plus 10 points: the one in force on
  1 January for the first half of the year, on 1 July for the second. An agreed rate is
  at least three times the legal interest rate.
- D441-5: 40 EUR of indemnity for recovery costs, once per invoice.
- Code de la commande publique R2192-31 to R2192-36: for public buyers the same ECB rate
  plus 8 points, of the half-year in which the interest began to run, and 40 EUR.
- Consumers owe neither of them (interest at the legal rate after a formal notice only,
  Code civil 1231-6).

Interest of a day = sum unpaid that day x yearly rate / days of that year (365 or 366).
The sum is exact until the end and is rounded once, half up.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

ECB = "ecb"
LEGAL = "legal"
FIXED = "rate"
PUBLIC = "public"

ECB_POINTS = Decimal(10)
PUBLIC_POINTS = Decimal(8)
LEGAL_TIMES = 3
INDEMNITY = Decimal(40)

_EXACT = Context(prec=60)
_DAY = timedelta(days=1)


class MissingRate(ValueError):
    """No rate is known for a half-year, nor for one before it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Rates of a half-year, in percent per year.

    start: 1 January or 1 July
    ecb: refinancing rate of the European Central Bank in force that day
    legal: legal interest rate of debts between businesses
    """

    start: date
    ecb: Decimal
    legal: Decimal

    def __post_init__(self):
        if (self.start.month, self.start.day) not in ((1, 1), (7, 1)):
            raise ValueError(self.start)


@dataclass(frozen=True, slots=True)
class Payment:
    """A sum that reduced the debt, on the day it was received (credit notes too)."""

    day: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Slice:
    """Days with the same sum unpaid, the same rate and the same length of year.

    start, end: first and last late day, both counted
    rate: percent per year
    provisional: the rate of that half-year is not known yet, the one before stands in
    """

    start: date
    end: date
    base: Decimal
    rate: Decimal
    year_days: int
    provisional: bool = False

    @property
    def days(self):
        """Number of late days."""
        return (self.end - self.start).days + 1

    @property
    def interest(self):
        """Exact interest of the slice (60 digits)."""
        with localcontext(_EXACT):
            return self.base * self.rate * self.days / 100 / self.year_days


@dataclass(frozen=True, slots=True)
class Interest:
    """Result: the slices and their sum, rounded once."""

    slices: tuple
    amount: Decimal

    @property
    def days(self):
        """Number of days with something unpaid."""
        return sum(piece.days for piece in self.slices)

    @property
    def is_provisional(self):
        """Say whether a rate of it is still to be confirmed."""
        return any(piece.provisional for piece in self.slices)


def half_year(day):
    """Give the first day of the half-year of a day."""
    return date(day.year, 1 if day.month < 7 else 7, 1)


def year_days(year):
    """Give 365 or 366."""
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def rate_of(rates, start):
    """Find the rates of a half-year.

    :param rates: iterable of Rate
    :param date start: first day of the half-year
    :return: (Rate, provisional): the one of the half-year, else the last one before it
    :raise MissingRate: nothing is known so far back
    """
    known = [rate for rate in rates if rate.start <= start]
    if not known:
        raise MissingRate(start)
    rate = max(known, key=lambda found: found.start)
    return rate, rate.start != start


def percent(rates, day, policy, fixed=None, first_day=None):
    """Give the yearly rate of a day.

    :param str policy: ECB, LEGAL, FIXED or PUBLIC
    :param fixed: percent per year, with FIXED
    :param first_day: first late day, which decides the rate of a public buyer
    :return: (percent per year, provisional)
    """
    if policy == FIXED:
        return Decimal(fixed), False
    reference = first_day if policy == PUBLIC and first_day else day
    rate, provisional = rate_of(rates, half_year(reference))
    if policy == LEGAL:
        return rate.legal * LEGAL_TIMES, provisional
    points = PUBLIC_POINTS if policy == PUBLIC else ECB_POINTS
    return rate.ecb + points, provisional


def lawful_minimum(rates, day):
    """Give the least rate two businesses may agree on: three times the legal one."""
    rate, _provisional = rate_of(rates, half_year(day))
    return rate.legal * LEGAL_TIMES


def round_half_up(amount, decimals=2):
    """Round away from zero at half a unit."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def interest(due, amount, payments, until, rates, policy=ECB, fixed=None, decimals=2):
    """Compute the interest of one due sum.

        due        p1             p2    until
        |----------|--------------|-----|      p1 and p2 are late days too:
         base       base - a1      - a2        a payment of the day ends with it

    :param date due: last day to pay in time; interest runs from the next day
    :param Decimal amount: sum due that day, including TVA
    :param payments: iterable of Payment; those until the due day reduce the base at
        once, a negative one (bounced debit) brings the debt back
    :param date until: last day counted
    :param rates: iterable of Rate
    :rtype: Interest
    :raise MissingRate: a half-year has no rate and none is known before it
    """
    rates = tuple(rates)
    first_day = due + _DAY
    events = {}
    base = amount
    for payment in payments:
        if payment.day <= due:
            base -= payment.amount
        elif payment.day < until:
            events[payment.day] = events.get(payment.day, Decimal(0)) + payment.amount
    slices = []
    start = first_day
    while start <= until:
        end = min([until, _end_of_half_year(start)] + [d for d in events if d >= start])
        if base > 0:
            rate, provisional = percent(rates, start, policy, fixed, first_day)
            slices.append(
                Slice(start, end, base, rate, year_days(start.year), provisional)
            )
        base -= events.pop(end, Decimal(0))
        start = end + _DAY
    with localcontext(_EXACT):
        total = sum((piece.interest for piece in slices), Decimal(0))
    return Interest(tuple(slices), round_half_up(total, decimals))


def _end_of_half_year(day):
    return date(day.year, 6, 30) if day.month < 7 else date(day.year, 12, 31)


def indemnity(due, amount, payments, until):
    """Give the fixed indemnity of an invoice: 40 EUR when any part was late.

    It is due in whole even when only a part was paid late (D441-5), once.
    """
    left = amount - sum(
        (payment.amount for payment in payments if payment.day <= due), Decimal(0)
    )
    return INDEMNITY if left > 0 and until > due else Decimal(0)
