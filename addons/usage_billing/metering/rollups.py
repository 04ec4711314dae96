"""Rollups: made from events in SQL, read, and added to by an append.

The SQL here, and the additions of an append with :mod:`.sums`, are two ways to the same
figures; ``verify`` compares them.
"""

from datetime import timedelta
from decimal import Decimal, localcontext
from io import BytesIO
from itertools import compress
from struct import Struct

from . import copybin
from .instants import EPOCH, to_microseconds
from .meters import EXACT, figure_of
from .planned import ADD_STAGED, COPY_STAGED, STAGE
from .prepare import shows, values_of
from .sums import together

#: Up to so many sums go into the statement that adds them; a table beside it has its
#: price, too.
FEW = 1_000
_head = Struct(">hiiiiiiiiiiiq").pack
#: Sums of parts stay below this: they fit into 64 bits.
_FITS = 1 << 62
#: Types of the columns of sums, and places of those that may miss a value.
_KINDS = (
    *("int", "int", "int", "int", "date", "bigint"),
    *("numeric", "numeric", "numeric", "bigint", "bigint"),
)
_FIGURES = [place for place, kind in enumerate(_KINDS) if kind == "numeric"]


class Rollup:
    """A rollup row as read: arguments as in ``planned.COLUMNS``, then dimensions."""

    __slots__ = (
        "bucket",
        "count",
        "dims",
        "first",
        "high",
        "last",
        "low",
        "meter_id",
        "period_id",
        "subscription_id",
        "total",
        "watermark",
    )

    def __init__(self, subscription_id, period_id, meter_id, _dimset, bucket, *figures):
        self.subscription_id = subscription_id
        self.period_id = period_id
        self.meter_id = meter_id
        self.bucket = bucket
        self.count, self.total, self.low, self.high, *figures = figures
        self.first, self.last, self.watermark, self.dims = figures

    def quantity(self, meter):
        """The meter's quantity, before its rounding."""
        return figure_of(self, meter.aggregation)

    def add(self, other):
        """Add another dimension set's row."""
        self.count += other.count
        if self.total is not None:
            with localcontext(EXACT):
                self.total += other.total
            self.low = min(self.low, other.low)
            self.high = max(self.high, other.high)
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.watermark = max(self.watermark, other.watermark)


def merge_dimensions(rows):
    """Add rows of all dimension sets together, by period and meter."""
    merged = {}
    for row in rows:
        row.dims = {}
        have = merged.setdefault((row.period_id, row.meter_id), row)
        if have is not row:
            have.add(row)
    return list(merged.values())


class Additions:
    """What an append adds to the rollups, kept in memory until it is written.

    sums: by (period, meter, dimension set, local day as days since 2000-01-01):
        [subscription, count, sum, minimum, maximum, first, last]; the three in the
        middle are None for meters that only count, times are in microseconds
    parts: list of :class:`.sums.Sums` beside these, of one list of keys
    """

    def __init__(self):
        self.sums = {}
        self.parts = []
        self._most = 0

    def __len__(self):
        return len(self.sums) + sum(map(len, self.parts))

    def add(self, segment, day, rows, times):
        """Add events of one segment and local day, in the context EXACT.

        :param list rows: events
        :param list[int] times: one for each event
        """
        for meter, dimset_id, filters in segment.meters:
            counted, when = rows, times
            if filters:
                shown = [shows(row, filters) for row in rows]
                counted = list(compress(rows, shown))
                when = list(compress(times, shown))
                if not counted:
                    continue
            values = values_of(meter, counted) if meter.needs_value else None
            key = (segment.period_id, meter.id, dimset_id, day)
            self._add(key, [segment.subscription_id, *_sums(values, when)])

    def add_all(self, gathered, rows, times):
        """Add events one by one.

        :param gathered: (segment, local day, indexes of rows), see :mod:`.prepare`
        :param times: parallel to the rows
        """
        with localcontext(EXACT):
            for segment, day, indexes in gathered:
                self.add(
                    segment,
                    day,
                    [rows[index] for index in indexes],
                    [times[index] for index in indexes],
                )

    def take(self, part):
        """Add sums of a chunk.

        :param Sums part: each key and day once
        """
        most = int(part.totals.max())
        if self.parts and (
            part.keys is not self.parts[0].keys or self._most + most > _FITS
        ):
            self._fold()
        self.parts.append(part)
        self._most += most

    def pack(self):
        """Put together what belongs together."""
        if len(self.parts) > 1:
            self.parts = [together(self.parts)]

    def of_one_day(self):
        """What this adds, in the order of the keys.

        :return: list of [subscription, period, meter, dimension set, local day, count,
            sum, minimum, maximum, first, last]; None when a key has several days
        """
        rows = []
        for *key, day in sorted(self.sums):
            if rows and rows[-1][1:4] == key:
                return None
            subscription_id, *figures = self.sums[*key, day]
            rows.append([subscription_id, *key, day, *figures])
        return rows

    # no model, so no write() above: pylint: disable-next=method-required-super
    def write(self, cursor, received_at):
        """Add everything to the table, in key order, and forget it.

        The order keeps two appends that meet from waiting for each other in a circle.
        """
        if not self:
            return
        if self.sums:
            self._fold()
        self.pack()
        if len(self) <= FEW:
            cursor.execute(self._few(cursor, received_at))
        else:
            rows, is_once = self._encode(to_microseconds(received_at))
            cursor.execute(STAGE)
            data = BytesIO(copybin.HEADER + rows + copybin.TRAILER)
            cursor.copy_expert(COPY_STAGED, data)
            cursor.execute(ADD_STAGED, [is_once])
        self._clear()

    def _clear(self):
        self.sums.clear()
        self.parts.clear()
        self._most = 0

    def _add(self, key, new):
        """Add to the sums of a key, in the context EXACT."""
        have = self.sums.setdefault(key, new)
        if have is not new:
            _add(have, new)

    def _fold(self):
        """Move the parts to the sums."""
        parts, self.parts, self._most = self.parts, [], 0
        with localcontext(EXACT):
            for part in parts:
                for subscription, period, meter, dimset, day, *figures in zip(
                    *_columns_of(part), strict=True
                ):
                    count, *values, first, last = figures
                    values = [text and Decimal(text) for text in values]
                    self._add(
                        (period, meter, dimset, day),
                        [subscription, count, *values, first, last],
                    )

    def _columns(self):
        """Subscriptions, periods, meters, dimension sets, days, counts, totals, lows,
        highs, firsts and lasts, each a sequence; numbers are texts or None.
        """
        if self.parts:
            return _columns_of(self.parts[0])
        subscriptions, counts, *figures = zip(*self.sums.values(), strict=True)
        totals, lows, highs, firsts, lasts = figures
        periods, meters, dimsets, days = zip(*self.sums, strict=True)
        texts = list(map(_text, totals))
        lows, highs = (
            [
                # of one event, all three are one number
                text if number is total else _text(number)
                for number, total, text in zip(column, totals, texts, strict=True)
            ]
            for column in (lows, highs)
        )
        return (
            subscriptions, periods, meters, dimsets, days, counts, texts, lows, highs,
            firsts, lasts,
        )  # fmt: skip

    def _few(self, cursor, received_at):
        """Text of a call of ``usage_store_add`` with the sums in it, a column an array:
        what requests bring must pay neither for a table nor for a plan.
        """
        columns, begin = list(self._columns()), EPOCH.date()
        days = {
            day: (begin + timedelta(days=day)).isoformat() for day in set(columns[4])
        }
        columns[4] = list(map(days.__getitem__, columns[4]))
        for place in _FIGURES:
            columns[place] = [
                "NULL" if text is None else text for text in columns[place]
            ]
        arrays = [
            f"'{{{','.join(map(str, column))}}}'::{kind}[]"
            for kind, column in zip(_KINDS, columns, strict=True)
        ]
        is_once = len(days) == 1 or (
            len(set(zip(*columns[1:4], strict=True))) == len(columns[1])
        )
        rest = cursor.mogrify("%s::timestamp, %s", [received_at, is_once])
        return f"SELECT usage_store_add({', '.join(arrays)}, {rest.decode()})"

    def _encode(self, watermark):
        """
        :param int watermark: of all rows, in microseconds
        :return: (rows of ``COPY_STAGED``, whether no key has two days)
        """
        if self.parts:
            return self.parts[0].encode(watermark)
        watermark = copybin.int8(watermark)
        rows = b"".join(
            [
                _head(
                    12, 4, key[0], 4, key[1], 4, key[2], 4, key[3], 4, sums[0], 8,
                    sums[1],
                )
                + _encode_values(*sums[2:5])
                + copybin.int8(sums[5])
                + copybin.int8(sums[6])
                + watermark
                for key, sums in sorted(self.sums.items())
            ]
        )  # fmt: skip
        return rows, len({key[:3] for key in self.sums}) == len(self.sums)


def _columns_of(part):
    """See :meth:`Additions._columns`."""
    keys = map(part.keys.__getitem__, part.numbers.tolist())
    subscriptions, periods, meters, dimsets, _needs = zip(*keys, strict=True)
    return (
        subscriptions, periods, meters, dimsets, part.days.tolist(),
        part.counts.tolist(), *part.figures(), part.firsts.tolist(),
        part.lasts.tolist(),
    )  # fmt: skip


def _text(number):
    """A Decimal or None as a text or None."""
    return None if number is None else str(number)


def _sums(values, times):
    """(count, sum, minimum, maximum, first, last) of events, at least one."""
    if len(times) == 1:
        (first,) = times
        value = values[0] if values else None
        return 1, value, value, value, first, first
    first, last = min(times), max(times)
    if values is None:
        return len(times), None, None, None, first, last
    return len(times), sum(values), min(values), max(values), first, last


def _add(have, new):
    """Add sums to sums, in the context EXACT."""
    have[1] += new[1]
    if new[2] is not None:
        have[2] += new[2]
        have[3] = min(have[3], new[3])
        have[4] = max(have[4], new[4])
    have[5] = min(have[5], new[5])
    have[6] = max(have[6], new[6])


def _encode_values(total, low, high):
    """Sum, minimum and maximum as fields; the same number is encoded once."""
    encoded = copybin.number(total)[1]
    if low is total and high is total:
        return encoded * 3
    return encoded + copybin.number(low)[1] + copybin.number(high)[1]
