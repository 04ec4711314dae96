# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Billing periods: from local dates to half-open UTC instants, built once.

A period is what a person reads ("1 to 31 March, Paris time") and the instants
that follow from it. It is stored when made and never worked out again, so a
later change of time zone moves only the periods after it::

    Paris      |----- March -----|----- April -----|
    New York                     |------ May ------|
                                 ^ starts where April ended, no hole, no overlap

Dates: first_date is the first local day, end_date the day after the last one;
start and end are the UTC instants of their local midnights.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import RatingError
from .values import WHOLE, Share

MONTHS = {"month": 1, "quarter": 3, "year": 12}
DAYS = {"day": 1, "week": 7}
INTERVALS = (*DAYS, *MONTHS)
PRORATIONS = ("days", "fixed30", "seconds")


def zone_info(zone):
    """The named zone of the IANA database.

    :raise RatingError: unknown_time_zone
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RatingError("unknown_time_zone", zone=zone) from error


def midnight(day, zone):
    """UTC instant at which a local date begins.

    Where clocks skip midnight it is the instant of the change; where midnight
    comes twice it is the first one.
    """
    local = datetime(day.year, day.month, day.day, tzinfo=zone_info(zone))
    return local.astimezone(UTC)


def local_date(instant, zone):
    """Local calendar date of an aware instant."""
    if instant.tzinfo is None:
        raise RatingError("time_without_zone", at=instant)
    return instant.astimezone(zone_info(zone)).date()


@dataclass(frozen=True, slots=True)
class Period:
    """One billing period, or the part of one that a subscription was active.

    first_date, end_date: local dates, end excluded
    zone: IANA name that gave the instants
    start, end: aware UTC instants, end excluded
    """

    first_date: date
    end_date: date
    zone: str
    start: datetime
    end: datetime

    def __post_init__(self):
        for instant in (self.start, self.end):
            if instant.tzinfo is None:
                raise RatingError("time_without_zone", at=instant)
        if self.end_date <= self.first_date:
            raise RatingError(
                "period_dates_backwards", start=self.first_date, end=self.end_date
            )
        if self.end <= self.start:
            raise RatingError("period_backwards", start=self.start, end=self.end)

    @classmethod
    def of_dates(cls, first_date, end_date, zone, start=None):
        """Period of local dates; `start` is the end of the period before it,
        where that is known, so that a change of zone leaves no hole."""
        start = start or midnight(first_date, zone)
        return cls(first_date, end_date, zone, start, midnight(end_date, zone))

    def __str__(self):
        return f"{self.first_date}/{self.end_date} {self.zone}"

    def __contains__(self, instant):
        return self.start <= instant < self.end

    @property
    def last_date(self):
        """Last local day, for people to read."""
        return self.end_date - timedelta(days=1)

    @property
    def days(self):
        """Local calendar days, whatever the clocks did."""
        return (self.end_date - self.first_date).days

    @property
    def days30(self):
        """Days of the period when every month counts 30, the clamped ones too."""
        first, end = self.first_date, self.end_date
        months = (end.year - first.year) * 12 + end.month - first.month
        if months and add_months(first, months, first.day) == end:
            return 30 * months
        return days30(first, end)

    def share(self, first_date=None, end_date=None, method="days"):
        """Part of this period that [first_date, end_date) covers.

        :param date first_date: first active local day, None from the start
        :param date end_date: day after the last active one, None to the end
        :param str method: days of the whole period, fixed30 (every month counts
            30 days) or seconds
        :rtype: Share
        :raise RatingError: proration_method
        """
        first = max(first_date or self.first_date, self.first_date)
        end = min(end_date or self.end_date, self.end_date)
        if first >= end:
            return Share(0, 1)
        if (first, end) == (self.first_date, self.end_date):
            return WHOLE
        if method == "days":
            return Share((end - first).days, self.days)
        if method == "fixed30":
            return Share(days30(first, end), self.days30)
        if method == "seconds":
            begin = self.start if first == self.first_date else None
            begin = begin or midnight(first, self.zone)
            finish = self.end if end == self.end_date else midnight(end, self.zone)
            active, whole = finish - begin, self.end - self.start
            return Share(int(active.total_seconds()), int(whole.total_seconds()))
        raise RatingError("proration_method", method=method)


def days30(first_date, end_date):
    """Days between two dates when every month counts as 30 days.

    Days inside one month are counted as they are, so the parts of a period
    always add up to it.
    """
    months = (end_date.year - first_date.year) * 12
    months += end_date.month - first_date.month
    return months * 30 + end_date.day - first_date.day


def calendar_days(start, end, zone):
    """Local calendar dates touched from start to end, both ends counted."""
    return (local_date(end, zone) - local_date(start, zone)).days + 1


def add_months(day, months, anchor_day):
    """The anchor day so many months on, clamped to the length of the month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(anchor_day, last))


@dataclass(frozen=True, slots=True)
class Schedule:
    """The dates on which periods begin: anchor plus n intervals.

    anchor: a date on which a period begins; days 29 to 31 clamp to short
        months and return
    interval: day, week, month, quarter or year
    every: so many intervals in a period
    """

    anchor: date
    interval: str = "month"
    every: int = 1

    def __post_init__(self):
        if self.interval not in INTERVALS:
            raise RatingError("unknown_interval", interval=self.interval)
        if self.every < 1:
            raise RatingError("not_positive", name="every", value=self.every)

    @classmethod
    def calendar(cls, interval, week_start=0):
        """Periods that begin with the calendar's own (Monday is week day 0)."""
        # 1 January 2001 was a Monday
        return cls(date(2001, 1, 1 + week_start), interval)

    def boundary(self, n):
        """Date on which period n begins; period 0 begins on the anchor."""
        if self.interval in DAYS:
            return self.anchor + timedelta(days=DAYS[self.interval] * self.every * n)
        months = MONTHS[self.interval] * self.every * n
        return add_months(self.anchor, months, self.anchor.day)

    def index(self, day):
        """Number of the period that holds a local date."""
        if self.interval in DAYS:
            length = DAYS[self.interval] * self.every
            return (day - self.anchor).days // length
        months = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month
        n = months // (MONTHS[self.interval] * self.every)
        # within the month of a boundary, the day decides
        return n - 1 if day < self.boundary(n) else n

    def dates(self, day):
        """First date and end date (excluded) of the period that holds a day."""
        n = self.index(day)
        return self.boundary(n), self.boundary(n + 1)

    def period(self, day, zone):
        """The whole period that holds a local date."""
        return Period.of_dates(*self.dates(day), zone)


def periods(schedule, zone, first_date, end_date):
    """Periods that tile [first_date, end_date), the first and last ones cut.

    :rtype: list[Period]
    """
    found = []
    day, start = first_date, None
    while day < end_date:
        end = min(schedule.dates(day)[1], end_date)
        found.append(Period.of_dates(day, end, zone, start))
        day, start = end, found[-1].end
    return found


def next_period(period, schedule, zone=None):
    """The period after a stored one, in a new zone where there is one.

    It begins at the very instant the stored one ended. Where a move to the
    east puts its end before that instant, it runs to the boundary after.
    """
    zone = zone or period.zone
    end_date = schedule.dates(period.end_date)[1]
    while midnight(end_date, zone) <= period.end:
        end_date = schedule.dates(end_date)[1]
    return Period.of_dates(period.end_date, end_date, zone, start=period.end)
