"""What a chunk of ordinary events adds to the rollups: columns of sums.

The rows are put together as whole columns. Their numbers are short and not negative
(see :class:`.blocks.Numbers`), so sums of them are integers, exact to the last digit.
"""

from dataclasses import dataclass, fields
from itertools import chain

import numpy as np

from .blocks import SCALE, SUM, TENS, filled, number_fields, sized
from .copybin import NULL
from .instants import SLOT


@dataclass(slots=True)
class Sums:
    """Sums of rows by key and local day.

    keys: list of (subscription, period, meter, dimension set, whether values count)
    numbers: positions in it
    days: local days since 2000-01-01; counts: of rows
    totals, lows, highs: of the values, in units of 10 to the power of -SCALE; of no
        meaning where no value is needed
    scales: digits after the point that the values had at most
    firsts, lasts: microseconds since 2000-01-01
    """

    keys: list
    numbers: np.ndarray
    days: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    scales: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray

    def __len__(self):
        return len(self.numbers)

    def figures(self):
        """Totals, lows and highs as lists of texts that Decimal and PostgreSQL read;
        None where no value is needed.
        """
        needs = [self.keys[number][4] for number in self.numbers.tolist()]
        tens, scales = TENS[SCALE - self.scales], self.scales.tolist()
        return [
            [
                f"{unit}e-{scale}" if need else None
                for unit, scale, need in zip(units, scales, needs, strict=True)
            ]
            for units in (
                (column // tens).tolist()
                for column in (self.totals, self.lows, self.highs)
            )
        ]

    def encode(self, watermark):
        """Rows of COPY: period, meter, dimension set, day, subscription and figures; in
        the order of the keys, those with values first.

        :param int watermark: of all of them
        :return: (bytes, whether no key has two days)
        """
        wanted = map(self.keys.__getitem__, self.numbers.tolist())
        keys = np.fromiter(chain.from_iterable(wanted), np.int64, len(self) * _WIDTH)
        keys = keys.reshape(-1, _WIDTH)
        order = np.lexsort((keys[:, 3], keys[:, 2], keys[:, 1]))
        ordered = keys[order, 1:4]
        is_once = bool((ordered[1:] != ordered[:-1]).any(axis=1).all())
        has_values = keys[order, 4] > 0
        rows = [
            self._encode(keys, order[has_values == chosen], watermark, chosen)
            for chosen in (True, False)
        ]
        return b"".join(rows), is_once

    def _encode(self, keys, chosen, watermark, with_values):
        """Rows of :meth:`encode` at some positions, with or without values."""
        dtype, row = _ROWS[with_values]
        rows = np.empty(len(chosen), dtype)
        rows[...] = row
        for place, name in enumerate(_NUMBERS):
            rows[name] = keys[chosen, place]
        for name, column in (
            ("day", self.days),
            ("count", self.counts),
            ("first", self.firsts),
            ("last", self.lasts),
        ):
            rows[name] = column[chosen]
        rows["watermark"] = watermark
        if with_values:
            for name, column in (
                ("total", self.totals),
                ("low", self.lows),
                ("high", self.highs),
            ):
                rows[name] = number_fields(column[chosen], self.scales[chosen], SUM)
        return rows.tobytes()

    def merged(self):
        """The same sums, each key and day once."""
        first = int(self.days.min())
        span = int(self.days.max()) - first + 1
        groups = self.numbers * span + (self.days - first)
        order = np.argsort(groups, kind="stable")
        groups = groups[order]
        starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
        found = groups[starts]

        def each(column, function):
            return function.reduceat(column[order], starts)

        return Sums(
            self.keys,
            found // span,
            found % span + first,
            each(self.counts, np.add),
            each(self.totals, np.add),
            each(self.lows, np.minimum),
            each(self.highs, np.maximum),
            each(self.scales, np.maximum),
            each(self.firsts, np.minimum),
            each(self.lasts, np.maximum),
        )


_NUMBERS = "subscription", "period", "meter", "dimset"
#: What a key holds: these, and whether values count.
_WIDTH = len(_NUMBERS) + 1


def _row_type(value):
    """Type of a row of COPY, with values of a type."""
    numbers = [
        *[(name, ">i4") for name in ("period", "meter", "dimset", "day")],
        *[("subscription", ">i4"), ("count", ">i8")],
    ]
    values = [(name, value) for name in ("total", "low", "high")]
    times = [(name, ">i8") for name in ("first", "last", "watermark")]
    return filled(
        [
            ("fields", ">i2"),
            *chain.from_iterable(map(sized, numbers)),
            *values,
            *chain.from_iterable(map(sized, times)),
        ],
        12,
        **({} if value is SUM else dict.fromkeys(("total", "low", "high"), NULL)),
    )


#: By whether they have values.
_ROWS = {True: _row_type(SUM), False: _row_type("V4")}
_COLUMNS = [field.name for field in fields(Sums) if field.name != "keys"]


def of_rows(keys, numbers, days, units, scales, times):
    """Sums of rows, an entry of each array for every row and sum.

    :rtype: Sums
    """
    counts = np.ones(len(numbers), np.int64)
    return Sums(
        keys, numbers, days, counts, units, units, units, scales, times, times
    ).merged()


def together(parts):
    """Sums of several chunks with the same list of keys.

    :param list parts: of Sums, not empty
    :rtype: Sums
    """
    if len(parts) == 1:
        return parts[0]
    columns = [
        np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS
    ]
    return Sums(parts[0].keys, *columns).merged()


def days_of(zone, times):
    """Local days of instants.

    :param LocalDays zone: whose days
    :param times: array of microseconds
    """
    piece = zone.piece(int(times.min()))
    if times.max() < piece.high:
        return np.full(len(times), piece.day)
    slots, of = np.unique(times // SLOT, return_inverse=True)
    days = [zone.piece(slot * SLOT).day for slot in slots.tolist()]
    return np.array(days)[of]
