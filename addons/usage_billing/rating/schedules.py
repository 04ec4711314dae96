# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""When a charge counts: phases, trial, once only, in instalments.

A charge with dates is how ramps and phases are written: one charge for the first
three months, another from the fourth on.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from .errors import RatingError
from .periods import add_months
from .rounding import ZERO, allocate, divide, exact_arithmetic


@dataclass(frozen=True, slots=True)
class Phase:
    """Local dates between which a charge counts; the end is excluded.

    first_date, end_date: None for no bound
    """

    first_date: date | None = None
    end_date: date | None = None

    @classmethod
    def of(cls, start, *, after_months=0, months=0, trial_days=0, on=None, until=None):
        """Phase of a subscription that starts on a date.

        :param date start: first day of the subscription
        :param int after_months: months of the subscription before the charge counts
        :param int months: months it counts, 0 for ever
        :param int trial_days: days of the subscription that are free
        :param date on, until: calendar dates that bound it besides, end excluded
        """
        first = add_months(start, after_months, start.day) if after_months else None
        end = add_months(start, after_months + months, start.day) if months else None
        if trial_days:
            first = max(first or start, start + timedelta(days=trial_days))
        return cls(
            max(filter(None, (first, on)), default=None),
            min(filter(None, (end, until)), default=None),
        )

    @property
    def is_open(self):
        return self.first_date is None and self.end_date is None

    def within(self, first_date, end_date):
        """The part of [first_date, end_date) inside the phase; None if none is."""
        first = max(filter(None, (first_date, self.first_date)))
        end = min(filter(None, (end_date, self.end_date)))
        return (first, end) if first < end else None


def instalments(total, count, decimals, first=None):
    """Amounts of a price paid in parts, to the cent, by largest remainder.

    :param Decimal total: currency units, rounded to the currency
    :param int count: number of payments, the first one included
    :param Decimal first: amount of the first payment (a deposit), None for equal ones
    :rtype: tuple[Decimal, ...]
    :raise RatingError: not_positive, maximum_below_minimum

    >>> instalments(Decimal("100.00"), 3, 2)
    (Decimal('33.34'), Decimal('33.33'), Decimal('33.33'))
    """
    if count < 1:
        raise RatingError("not_positive", name="instalments", value=count)
    with exact_arithmetic():
        if first is None:
            return allocate(total, [divide(total, count)] * count, decimals)
        if first > total:
            raise RatingError("maximum_below_minimum", maximum=total, minimum=first)
        rest = total - first
        if count == 1:
            if rest:
                raise RatingError("not_positive", name="instalments", value=ZERO)
            return (first,)
        others = count - 1
        return (first, *allocate(rest, [divide(rest, others)] * others, decimals))


@lru_cache(maxsize=64)
def public_holidays(country):
    """Public holidays of a country, of whole days.

    :param str country: ISO 3166 code
    :return: something that says of a local date whether it is one (``in``)
    :raise RatingError: no_holidays, the country is not known

    >>> from datetime import date
    >>> date(2026, 7, 14) in public_holidays("FR")
    True
    """
    import holidays  # a tenth of a second that few price lists need

    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        raise RatingError("no_holidays", country=country) from None


def hours_match(moment, hour_from, hour_to, day_type, country=""):
    """Whether a local time is in a price's hours of the day and days of the week.

    :param datetime moment: local
    :param int hour_from, hour_to: 0 to 24; 22 to 6 runs over midnight; equal is all day
    :param str day_type: all, workday (Monday to Friday), weekend, openday (a workday
        that is no public holiday), offday (any other day) or holiday
    :param str country: whose public holidays, ISO 3166 code

    >>> from datetime import datetime
    >>> hours_match(datetime(2026, 3, 2, 23), 22, 6, "workday")
    True
    """
    if day_type == "workday" and moment.weekday() > 4:
        return False
    if day_type == "weekend" and moment.weekday() < 5:
        return False
    if day_type in ("openday", "offday", "holiday"):
        is_free = moment.date() in public_holidays(country)
        if day_type != "holiday":
            is_free = is_free or moment.weekday() > 4
        if is_free is (day_type == "openday"):
            return False
    if hour_from % 24 == hour_to % 24:
        return True
    if hour_from < hour_to:
        return hour_from <= moment.hour < hour_to
    return moment.hour >= hour_from or moment.hour < hour_to
