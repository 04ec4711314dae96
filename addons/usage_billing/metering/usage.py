"""Usage by bucket of time: what reports, graphs and the reading API ask for.

Additive quantities come from the rollups wherever a whole period or whole local days
are asked for, so that the current usage of a customer costs the same however many
events there are. Only what is left at the edges, and what does not add up from parts,
is read from the events.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from . import exact, levels
from .facts import Window, whole
from .instants import from_microseconds, to_microseconds
from .meters import EXACT, divide, figure_of
from .places import PeriodSpan
from .texts import canonical
from .values import DayAggregate, UsageRow

BUCKETS = ("hour", "day", "month", "total")
ZERO = Decimal(0)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Part:
    """Figures that add up; total, low and high are None for meters that count."""

    count: int = 0
    total: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None

    def add(self, other):
        self.count += other.count
        if other.total is not None:
            self.total = EXACT.add(self.total or ZERO, other.total)
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)

    def figure(self, aggregation):
        """The aggregated figure."""
        return figure_of(self, aggregation)


class Clock:
    """Buckets of a span that starts at an instant, in its zone.

    An hour is an hour of the clock that passed: when clocks go back, the hour that
    comes twice is two buckets. All instants are naive UTC.
    """

    def __init__(self, start, tz, bucket):
        self.bucket = bucket
        self.zone = ZoneInfo(tz)
        self.start = start

    def local(self, moment):
        return moment.replace(tzinfo=UTC).astimezone(self.zone)

    def midnight(self, day):
        """First instant of a local day."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def begin(self, moment):
        """Beginning of the bucket that holds an instant."""
        if self.bucket == "total":
            return self.start
        local = self.local(moment)
        if self.bucket == "hour":
            return moment - timedelta(
                minutes=local.minute,
                seconds=local.second,
                microseconds=local.microsecond,
            )
        day = local.date()
        return self.midnight(day.replace(day=1) if self.bucket == "month" else day)

    def next(self, begin):
        """Beginning of the bucket after one; None after the only one."""
        if self.bucket == "total":
            return None
        if self.bucket == "hour":
            return self.begin(begin + timedelta(minutes=60))
        day = self.local(begin).date() + (
            _DAY if self.bucket == "day" else timedelta(days=32)
        )
        return self.midnight(day if self.bucket == "day" else day.replace(day=1))

    def sql(self):
        """Expression of the bucket's beginning for facts ``f``; the same rule."""
        if self.bucket == "total":
            return "NULL::timestamp"
        return (
            f"date_trunc('{self.bucket}', f.time AT TIME ZONE 'UTC', f.zone)"
            " AT TIME ZONE 'UTC'"
        )


def usage(source, spans, meter, bucket, group_by=()):
    """See :meth:`.store.EventStore.usage`.

    :param list[UsageSpan] spans: naive UTC
    :rtype: list[UsageRow]
    """
    if bucket not in BUCKETS:
        raise ValueError(bucket)
    spans = [span for span in spans if span.start < span.end]
    clocks = [Clock(span.start, span.tz, bucket) for span in spans]
    windows = _windows(source.cursor, spans)
    return [
        UsageRow(
            subscription_id=spans[number].subscription_id,
            start=start,
            dimensions=dims,
            quantity=meter.convert(figure),
            count=count,
        )
        for number, start, dims, count, figure in _answer(
            source, clocks, windows, meter, group_by
        )
    ]


def daily(source, periods, meter):
    """Quantities of billing periods by local day, for any meter.

    :rtype: list[DayAggregate]
    """
    windows = whole(periods)
    clocks = [Clock(window.start, window.period.tz, "day") for window in windows]
    return [
        DayAggregate(
            period_id=periods[number].id,
            meter_id=meter.id,
            day=clocks[number].local(max(start, windows[number].start)).date(),
            dimensions=dims,
            quantity=meter.convert(figure),
            count=count,
        )
        for number, start, dims, count, figure in _answer(
            source, clocks, windows, meter, meter.dimension_keys
        )
    ]


def _answer(source, clocks, windows, meter, group_by):
    """Figures by question, bucket and group, in this order.

    :param list[Clock] clocks: one for each question
    :param list[Window] windows: numbered by question
    :return: list of (number, beginning of the bucket, dimensions, count, figure)
    """
    if not windows:
        return []
    group = tuple(sorted(set(group_by)))
    if meter.aggregation == "weighted_sum":
        found = _weighted(source, clocks, windows, meter, group)
    elif meter.is_additive:
        found = _additive(source, clocks, windows, meter, group)
    else:
        found = _exact(source, clocks, windows, meter, group)
    return [
        (number, start, *found[number, start, key])
        for number, start, key in sorted(found)
    ]


def _windows(cursor, spans):
    """The spans cut by billing period, numbered by span.

    :rtype: list[Window]
    """
    cursor.execute(
        "SELECT s.number, p.id, p.subscription_id, p.start_at, p.end_at, p.tz"
        "  FROM unnest(%s::int[], %s::timestamp[], %s::timestamp[])"
        "       WITH ORDINALITY AS s(subscription_id, start_at, end_at, number)"
        "  JOIN usage_period p ON p.subscription_id = s.subscription_id"
        "   AND p.start_at < s.end_at AND p.end_at > s.start_at"
        " ORDER BY s.number, p.start_at",
        [
            [span.subscription_id for span in spans],
            [span.start for span in spans],
            [span.end for span in spans],
        ],
    )
    windows = []
    for number, period_id, subscription_id, start, end, tz in cursor.fetchall():
        span = spans[number - 1]
        period = PeriodSpan(
            period_id,
            subscription_id,
            to_microseconds(start),
            to_microseconds(end),
            tz,
            "",
        )
        windows.append(
            Window(number - 1, period, max(start, span.start), min(end, span.end))
        )
    return windows


def _query(source, clocks, windows, meter, group, names):
    """Figures of facts by span, bucket and group.

    :return: iterable of (number, beginning of the bucket, group, count, *figures)
    """
    for number, start, dims, count, _first, _last, _known_at, *figures in source.group(
        windows, meter, group, names, clocks=clocks
    ):
        yield (number, start, dims, count, *figures)


def _exact(source, clocks, windows, meter, group):
    rows = _query(
        source, clocks, windows, meter, group, [exact.FIGURES[meter.aggregation]]
    )
    return {
        (number, start, canonical(dims)): (dims, count, figure)
        for number, start, dims, count, figure in rows
    }


# -- additive ------------------------------------------------------------------------


def _additive(source, clocks, windows, meter, group):
    """Parts from rollups where these fit, from events where they do not."""
    parts = {}

    def add(number, start, dims, part):
        key = (number, start, canonical(dims))
        have = parts.setdefault(key, (dims, Part()))
        have[1].add(part)

    left = windows
    if (
        set(group) <= set(meter.dimension_keys)
        and clocks[0].bucket != "hour"
        and meter.subject is None
    ):
        left = _from_rollups(source.cursor, clocks, windows, meter, group, add)
    if left:
        names = ("sum", "min", "max") if meter.needs_value else ()
        for number, start, dims, *rest in _query(
            source, clocks, left, meter, group, names
        ):
            add(number, start, dims, Part(*rest))
    return {
        key: (dims, part.count, part.figure(meter.aggregation))
        for key, (dims, part) in parts.items()
        if part.count
    }


def _from_rollups(cursor, clocks, windows, meter, group, add):
    """Add what rollups answer.

    :param add: function (number, beginning of the bucket, dimensions, Part)
    :return: windows that must be read from the events
    """
    extents = _extents(cursor, windows, meter)
    wholes, days, left = [], [], []
    for window in windows:
        if window.period.id not in extents:
            continue  # no event of the meter in the period
        first, last = extents[window.period.id]
        clock = clocks[window.number]
        covered = window.start <= first and last < window.end
        if covered and clock.begin(first) == clock.begin(last):
            wholes.append((window, clock.begin(first)))
        elif clock.zone.key != window.period.tz:
            left.append(window)
        elif covered:
            days.append((window, first, last + _DAY))
        else:
            left += _cut_days(window, clock, days)
    rows = _rollups(
        cursor, [(window.period.id, None, None) for window, _start in wholes], meter
    )
    for index, dims, _day, part in rows:
        window, start = wholes[index]
        add(window.number, start, _keep(dims, group), part)
    stretches = [
        (window.period.id, clocks[window.number].local(low).date(), _last(window, high))
        for window, low, high in days
    ]
    for index, dims, day, part in _rollups(cursor, stretches, meter):
        window = days[index][0]
        clock = clocks[window.number]
        # an instant of the day inside the period, which may begin within it
        moment = max(clock.midnight(day), window.start)
        add(window.number, clock.begin(moment), _keep(dims, group), part)
    return left


def _cut_days(window, clock, days):
    """Put the whole local days of a window into ``days``; give back the edges."""
    first_day = clock.local(window.start).date()
    low = clock.midnight(first_day)
    if low < window.start and window.start > from_microseconds(window.period.start):
        low = clock.midnight(first_day + _DAY)
    low = max(low, window.start)
    high = window.end
    if high < from_microseconds(window.period.end):
        high = clock.midnight(clock.local(high).date())
    if low >= high:
        return [window]
    days.append((window, low, high))
    edges = ((window.start, low), (high, window.end))
    return [
        Window(window.number, window.period, start, end)
        for start, end in edges
        if start < end
    ]


def _last(window, high):
    """First local day after a stretch that ends at an instant."""
    last = high - timedelta(microseconds=1)
    zone = ZoneInfo(window.period.tz)
    return last.replace(tzinfo=UTC).astimezone(zone).date() + _DAY


def _keep(dims, group):
    return {key: dims[key] for key in group if key in dims}


def _extents(cursor, windows, meter):
    """First and last event of the meter by period, of periods that have any."""
    cursor.execute(
        "SELECT period_id, min(first_time), max(last_time) FROM usage_store_rollup"
        " WHERE period_id = ANY(%s) AND meter_id = %s AND bucket = '-infinity'"
        " AND event_count > 0 GROUP BY period_id",
        [list({window.period.id for window in windows}), meter.id],
    )
    return {period_id: extent for period_id, *extent in cursor.fetchall()}


def _rollups(cursor, stretches, meter):
    """Rollup rows of stretches (period, first day, day after), None for the whole.

    :return: iterable of (index of the stretch, dimensions, day, Part)
    """
    if not stretches:
        return
    cursor.execute(
        "SELECT s.number - 1, d.dims, nullif(r.bucket, '-infinity'), r.event_count,"
        "       r.value_sum, r.value_min, r.value_max"
        "  FROM unnest(%s::int[], %s::date[], %s::date[])"
        "       WITH ORDINALITY AS s(period_id, low, high, number)"
        "  JOIN usage_store_rollup r ON r.period_id = s.period_id"
        "   AND r.meter_id = %s"
        "   AND r.bucket >= coalesce(s.low, '-infinity')"
        "   AND r.bucket < coalesce(s.high, '0001-01-01'::date)"
        "  JOIN usage_store_dimset d ON d.id = r.dimset_id"
        " WHERE r.event_count > 0",
        [*map(list, zip(*stretches, strict=True)), meter.id],
    )
    for number, dims, day, *figures in cursor.fetchall():
        yield number, dims, day, Part(*figures)


# -- levels --------------------------------------------------------------------------


def _weighted(source, clocks, windows, meter, group):
    """Average level in each bucket, from the level each stretch begins with."""
    if clocks[0].bucket == "hour":
        meter = replace(meter, weighting="time")  # an hour has no days to weigh by
    pieces = [
        Window(index, window.period, window.start, window.end)
        for index, window in enumerate(windows)
    ]
    piece_clocks = [clocks[window.number] for window in windows]
    rows = _query(source, piece_clocks, pieces, meter, group, ["sum", "moment"])
    changes, dims_of = {}, {}
    for index, start, dims, count, total, moment in rows:
        key = canonical(dims)
        dims_of[index, key] = dims
        changes[index, key, start] = (count, levels.Changes(total, moment))
    opened = levels.openings(source, pieces, meter, group)
    for index, by_group in opened.items():
        for key, (_level, _known, dims) in by_group.items():
            dims_of[index, key] = dims
    sums = {}
    for (index, key), dims in sorted(dims_of.items()):
        level = opened[index].get(key, (ZERO,))[0]
        window, clock = windows[index], piece_clocks[index]
        for start, low, high in _buckets(clock, window):
            count, change = changes.get((index, key, start), (0, levels.Changes()))
            begin = levels.axis(meter, low, window.period.tz)
            end = levels.axis(meter, high, window.period.tz)
            have = sums.setdefault((window.number, start, key), [dims, 0, ZERO, 0])
            have[1] += count
            have[2] = EXACT.add(have[2], change.area(level, begin, end))
            have[3] += end - begin
            level = EXACT.add(level, change.total)
    return {
        key: (dims, count, divide(area, Decimal(length)) if length else area)
        for key, (dims, count, area, length) in sums.items()
        if count or area
    }


def _buckets(clock, window):
    """(beginning of the bucket, from, to) of each bucket a window touches."""
    start = clock.begin(window.start)
    while True:
        after = clock.next(start)
        high = window.end if after is None else min(after, window.end)
        yield start, max(start, window.start), high
        if after is None or after >= window.end:
            return
        start = after
