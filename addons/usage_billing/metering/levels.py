"""Levels that last: seats, stored gigabytes, running machines.

Events change a level; the quantity is the level's average over a time::

    level   5 |        ______            area = 5 x (end - t1) - 2 x (end - t2)
            3 |       |      |______     quantity = area / (end - start)
            0 |_______|
             start    t1     t2    end

With a carried level, what was reached before the period goes on in it. Each change
weighs from its own instant ("time"), or from its own local day ("day": the day a unit
is added counts, the day it is removed does not), to the end. Sums of v and of v x t are
all that is needed of the events, in any order; they are exact.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from .facts import Window
from .instants import EPOCH, from_microseconds, to_microseconds
from .meters import EXACT, divide
from .texts import canonical

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a level in some stretch of time, added up.

    total: sum of the changes; moment: sum of change x instant, on the meter's axis
    """

    total: Decimal = ZERO
    moment: Decimal = ZERO

    def plus(self, other):
        return Changes(
            EXACT.add(self.total, other.total), EXACT.add(self.moment, other.moment)
        )

    def area(self, opening, start, end):
        """Level x length from start to end, the changes being inside."""
        area = EXACT.multiply(opening, Decimal(end - start))
        area = EXACT.add(area, EXACT.multiply(self.total, Decimal(end)))
        return EXACT.subtract(area, self.moment)


def axis(meter, moment, tz):
    """Where an instant (naive UTC) stands: local days or microseconds since 2000."""
    if meter.weighting != "day":
        return to_microseconds(moment)
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(tz)).date()
    return (local - EPOCH.date()).days


def quantity(meter, period, opening, changes):
    """Average level of a billing period, see ``of_whole`` of the meter."""
    start = axis(meter, from_microseconds(period.start), period.tz)
    end = axis(meter, from_microseconds(period.end), period.tz)
    length = end - start
    if meter.of_whole:
        length = period.full_days if meter.weighting == "day" else period.full_time
    return divide(changes.area(opening, start, end), Decimal(max(length, 1)))


def openings(source, windows, meter, group, as_of=None):
    """Level at the start of each window, by what is kept apart.

    :param list[Window] windows: each with a number of its own
    :return: {number: {canonical text of the group: (level, newest arrival, group)}}
    """
    found = {window.number: {} for window in windows}
    before = [
        Window(
            window.number,
            window.period,
            from_microseconds(window.period.start),
            window.start,
        )
        for window in windows
        if to_microseconds(window.start) > window.period.start
    ]
    if meter.carries_over:
        is_kept = set(group) <= set(meter.dimension_keys) and meter.subject is None
        if as_of is None and is_kept:
            _add(found, _levels_of_rollups(source.cursor, windows, meter, group))
        else:
            before += _windows_before(source.cursor, windows)
    if before:
        rows = source.group(before, meter, group, ["sum"], as_of)
        _add(found, [(row[0], row[2], row[7], row[6]) for row in rows])
    return found


def _add(found, rows):
    for number, grp, level, known_at in rows:
        key = canonical(grp)
        old, old_known, _grp = found[number].get(key, (ZERO, datetime.min, grp))
        found[number][key] = (EXACT.add(old, level), max(old_known, known_at), grp)


def _levels_of_rollups(cursor, windows, meter, group):
    """What all earlier periods of the subscriptions changed, from their rollups."""
    cursor.execute(
        "SELECT w.number,"
        "       (SELECT coalesce(jsonb_object_agg(k, d.dims -> k), '{}')"
        "          FROM unnest(%s::text[]) k WHERE d.dims ? k) AS grp,"
        "       sum(r.value_sum), max(r.watermark)"
        "  FROM unnest(%s::int[], %s::int[], %s::timestamp[])"
        "       AS w(number, subscription_id, start_at)"
        "  JOIN usage_period p ON p.subscription_id = w.subscription_id"
        "   AND p.start_at < w.start_at"
        "  JOIN usage_store_rollup r ON r.period_id = p.id AND r.meter_id = %s"
        "   AND r.bucket = '-infinity'"
        "  JOIN usage_store_dimset d ON d.id = r.dimset_id"
        " WHERE r.value_sum IS NOT NULL"
        " GROUP BY 1, 2",
        [sorted(group), *_starts(windows), meter.id],
    )
    return cursor.fetchall()


def _windows_before(cursor, windows):
    """Windows over all earlier periods of the subscriptions."""
    by_number = {window.number: window for window in windows}
    cursor.execute(
        "SELECT w.number, p.id, p.start_at, p.end_at"
        "  FROM unnest(%s::int[], %s::int[], %s::timestamp[])"
        "       AS w(number, subscription_id, start_at)"
        "  JOIN usage_period p ON p.subscription_id = w.subscription_id"
        "   AND p.start_at < w.start_at",
        _starts(windows),
    )
    return [
        Window(
            number,
            replace(by_number[number].period, id=period_id),
            start,
            end,
        )
        for number, period_id, start, end in cursor.fetchall()
    ]


def _starts(windows):
    """Numbers, subscriptions and beginnings of the windows' periods."""
    return [
        [window.number for window in windows],
        [window.period.subscription_id for window in windows],
        [from_microseconds(window.period.start) for window in windows],
    ]
