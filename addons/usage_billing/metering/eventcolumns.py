"""Ordinary events as columns. Pure; no SQL.

Requests bring their events this way: a thousand of them are read, matched and encoded
column by column, and nobody makes a row of each, unless one of them turns out to be
out of the ordinary.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, repeat
from operator import sub

import numpy as np

from .blocks import Numbers, numbers, numbers_in, picked
from .instants import EPOCH, from_microseconds
from .jsonform import are_plain, encode, is_in_order, said_in
from .values import EventRow

_DAY = 86_400_000_000
_FIRST_DAY = EPOCH.toordinal()
#: Where digits stand in "2026-10-01T12:30:00", and what stands elsewhere.
_DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_MARKS = {4: b"-", 7: b"-", 10: b"T", 13: b":", 16: b":"}
_is_usual_time = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII
).fullmatch
_NOTHING = {}


class Unfit(ValueError):
    """A row is out of the ordinary: the chunk takes the other way."""


class Unlearnt(Unfit):
    """A row leads where nobody led before."""


@dataclass(slots=True)
class EventColumns(Sequence):
    """A sequence of EventRow without amounts and currencies, as columns.

    ids, types, subjects: texts
    times: array of microseconds since 2000-01-01 UTC
    values: Decimal, None, or bytes of a JSON number
    numbers: the same, encoded
    mappings, properties: dimensions and properties, None where no row has any
    documents, said: of the properties, see :func:`documents_of`; None like these
    lines: row numbers
    """

    ids: Sequence[str]
    types: Sequence[str]
    subjects: Sequence[str]
    times: np.ndarray
    values: Sequence
    numbers: Numbers
    mappings: Sequence[dict] | None
    properties: Sequence[dict] | None
    documents: Sequence[bytes] | None
    said: Sequence[str] | None
    lines: Sequence[int]

    @classmethod
    def of_rows(cls, rows):
        """Columns of rows with naive UTC times.

        :param list rows: of EventRow
        :raise Unfit, ValueError, ArithmeticError: one of them is out of the ordinary
        """
        (
            ids, types, subjects, moments, values, amounts, currencies, mappings,
            properties, lines,
        ) = zip(*rows, strict=True)  # fmt: skip
        count = len(rows)
        if not (
            all(ids)
            and amounts.count(None) == currencies.count(None) == count
            and all(moments)
        ):
            raise Unfit
        times = _since_epoch(moments)
        if not any(properties):
            properties = None
        return cls(
            ids,
            types,
            subjects,
            times,
            values,
            numbers(values),
            mappings if any(mappings) else None,
            properties,
            *documents_of(properties),
            lines,
        )

    @classmethod
    def of_texts(
        cls, ids, types, subjects, times, values, mappings, properties, are_bare=False
    ):
        """Columns of events as JSON says them, row numbers counted from 1.

        :param list times: texts, in UTC with a Z behind
        :param list values: bytes of JSON numbers; None for none
        :param are_bare: there is no colon and no backslash in the properties
        :raise Unfit, ValueError, ArithmeticError: one of them is out of the ordinary
        """
        return cls(
            ids,
            types,
            subjects,
            times_of(times),
            values,
            _numbers_of(values),
            mappings,
            properties,
            *documents_of(properties, are_bare),
            range(1, len(ids) + 1),
        )

    @classmethod
    def join(cls, parts):
        """One behind the other; row numbers stay.

        :param list parts: of EventColumns
        """
        if len(parts) == 1:
            return parts[0]
        columns = {}
        for name in ("ids", "types", "subjects", "values", "lines"):
            columns[name] = list(chain.from_iterable(getattr(p, name) for p in parts))
        for name, nothing in (
            ("mappings", _NOTHING),
            ("properties", _NOTHING),
            ("documents", b""),
            ("said", ""),
        ):
            found = [getattr(part, name) for part in parts]
            columns[name] = None
            if any(found):
                columns[name] = []
                for part, column in zip(parts, found, strict=True):
                    columns[name] += column or repeat(nothing, len(part))
        return cls(
            times=np.concatenate([part.times for part in parts]),
            numbers=Numbers.join([part.numbers for part in parts]),
            **columns,
        )

    def part(self, low, high):
        """The rows from one position to before another, as columns."""
        if low == 0 and high >= len(self):
            return self
        cut = slice(low, high)
        return EventColumns(
            self.ids[cut],
            self.types[cut],
            self.subjects[cut],
            self.times[cut],
            self.values[cut],
            self.numbers.part(cut),
            self.mappings and self.mappings[cut],
            self.properties and self.properties[cut],
            self.documents and self.documents[cut],
            self.said and self.said[cut],
            self.lines[cut],
        )

    def pick(self, places):
        """Some of the rows, as columns.

        :param places: array of positions
        """
        names = [name for name in self.__slots__ if name != "numbers"]
        columns = picked([getattr(self, name) for name in names], places)
        return EventColumns(
            numbers=self.numbers.pick(places), **dict(zip(names, columns, strict=True))
        )

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return list(self.part(*place.indices(len(self))[:2]))[:: place.step]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        [row] = self.part(place, place + 1)
        return row

    def __iter__(self):
        return map(
            _row,
            self.ids,
            self.types,
            self.subjects,
            self.times.tolist(),
            self.values,
            self.mappings or repeat(_NOTHING),
            self.properties or repeat(_NOTHING),
            self.lines,
        )


class Parts:
    """Columns of several requests, one behind the other, in blocks of their own: to
    join them all would copy every column, and to encode them would cut it again.

    :param list parts: of EventColumns
    :param int small: fewer rows than that are joined with those of the next one
    :param cut: function number of rows -> iterator of (low, high)

    blocks: list of (position of the first row, position after the last, EventColumns)
    """

    def __init__(self, parts, small, cut):
        self.blocks, waiting, first = [], [], 0
        for number, part in enumerate(parts, 1):
            waiting.append(part)
            count = sum(map(len, waiting))
            if count < small and number < len(parts):
                continue
            columns = EventColumns.join(waiting)
            for low, high in cut(count):
                block = first + low, first + high, columns.part(low, high)
                self.blocks.append(block)
            waiting, first = [], first + count

    def __len__(self):
        return self.blocks[-1][1]

    def __iter__(self):
        return chain.from_iterable(part for _low, _high, part in self.blocks)


def _row(event_id, kind, subject, time, value, dimensions, properties, line):
    if value is not None and value.__class__ is not Decimal:
        value = Decimal(str(value, "ascii"))
    moment = from_microseconds(time)
    return EventRow(
        event_id, kind, subject, moment, value, None, None, dimensions, properties, line
    )


def times_in(rows):
    """Microseconds since 2000-01-01 of rows with naive UTC times: array."""
    if isinstance(rows, EventColumns):
        return rows.times
    return _since_epoch([row[3] for row in rows])


def _since_epoch(moments):
    """Microseconds since 2000-01-01 of naive datetimes: array."""
    found = [
        (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
        for delta in map(sub, moments, repeat(EPOCH))
    ]
    return np.array(found, np.int64)


def _numbers_of(values):
    """Numbers of bytes of JSON; None for none."""
    with suppress(TypeError):  # some events have none
        if found := numbers_in(str(b"|".join(values), "ascii") + "|"):
            return found
    return numbers([value and Decimal(str(value, "ascii")) for value in values])


def times_of(texts):
    """Microseconds since 2000-01-01 of texts such as "2026-10-01T12:30:00.5Z".

    :raise ValueError: one of them is written in another way, or no time
    :raise IndexError: one is very short
    """
    size = len(texts[0])
    if set(map(len, texts)) != {size} or not 20 <= size <= 27 or size == 21:
        return _since_epoch(map(_moment, texts))
    marks = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    marks = marks.reshape(len(texts), size)
    others = dict(_MARKS)
    others[size - 1] = b"Z"
    if size > 20:
        others[19] = b"."
    if any((marks[:, place] != ord(mark)).any() for place, mark in others.items()):
        raise ValueError("not as usual")
    digits = marks[:, _DIGITS + list(range(20, size - 1))].astype(np.int64) - 48
    if digits.min() < 0 or digits.max() > 9:
        raise ValueError("not a time")
    month_day = digits[:, :8] @ _TENS[8:]
    hours = digits[:, 8:10] @ _TENS[14:]
    minutes = digits[:, 10:12] @ _TENS[14:]
    seconds = digits[:, 12:14] @ _TENS[14:]
    if hours.max() > 23 or minutes.max() > 59 or seconds.max() > 59:
        raise ValueError("no time of a day")
    found, of = np.unique(month_day, return_inverse=True)
    days = np.array([_day(number) for number in found.tolist()], np.int64)[of]
    micros = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000
    if size > 20:
        micros += digits[:, 14:] @ _TENS[10 : 10 + size - 21]
    return days * _DAY + micros


_TENS = 10 ** np.arange(15, -1, -1, dtype=np.int64)


def _day(number):
    """Days since 2000-01-01 of a date such as 20261001."""
    return date(number // 10_000, number // 100 % 100, number % 100).toordinal() - (
        _FIRST_DAY
    )


def _moment(text):
    """Naive datetime of a time in UTC."""
    if not _is_usual_time(text):
        raise ValueError(text)
    return datetime.fromisoformat(text[:-1])


def documents_of(mappings, are_bare=False):
    """Properties as JSON, and what they say (see :func:`.jsonform.said_in`).

    :param mappings: sequence of dicts of texts, None for none
    :param are_bare: no text in them has a colon or a backslash
    :return: (list of bytes, list of texts), both empty for a row without properties;
        (None, None) without mappings
    :raise Unfit: they are no texts, or strange ones
    """
    if mappings is None:
        return None, None
    filled = list(filter(None, mappings))
    try:
        together = encode(filled)
    except TypeError:
        raise Unfit from None
    if not (
        are_plain(together, sum(map(len, filled)), len(filled), are_bare)
        and is_in_order(frozenset(chain.from_iterable(filled)))
        and (are_bare or b"\\u0000" not in together)
    ):
        raise Unfit
    # no text of JSON has a line feed of its own
    documents = together[1:-1].replace(b"},{", b"}\n{").split(b"\n")
    said = said_in(together[1:-1]).decode().split("},{")
    if len(documents) != len(filled):
        raise Unfit  # a text looks like the mark between two
    if len(filled) < len(mappings):
        documents, said = iter(documents), iter(said)
        documents = [next(documents) if mapping else b"" for mapping in mappings]
        said = [next(said) if mapping else "" for mapping in mappings]
    return documents, said
