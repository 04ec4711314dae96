"""Rows of COPY in binary format, a block of them at once.

What every row has, and in one length, stands in a numpy array that is filled column by
column. Only what differs in length is put behind it row by row.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from . import copybin
from .copybin import NOTHING_OPTIONAL

#: The longest number that is taken apart with all the others: up to eight digits before
#: the point and four after it, and the point.
_LONGEST = 13
SCALE = 4
TENS = 10 ** np.arange(SCALE + 1)
_GROUP = 10_000
_TOO_LARGE = 10**12
_PLAIN = b"0123456789.|"
_POINT, _BAR = b".|"


def _number_type(groups):
    """Type of a number of so many groups of digits; the server drops the zeros at
    either end.
    """
    return np.dtype(
        [
            ("size", ">i4"),
            ("groups", ">i2"),
            ("weight", ">i2"),
            ("sign", ">u2"),
            ("scale", ">u2"),
            ("digits", ">u2", groups),
        ]
    )


_NUMBER = _number_type(3)
#: Sums of such numbers: whatever fits into 64 bits.
SUM = _number_type(5)


def sized(field):
    """A field of a row of COPY, (name, type), behind its size."""
    return (f"{field[0]}_size", ">i4"), field


def filled(columns, count, **constants):
    """A type, and a row of it that knows its number of fields and their sizes.

    :param list columns: of the type
    :param int count: fields of the row
    """
    dtype = np.dtype(columns)
    row = np.zeros((), dtype)
    row["fields"] = count
    for name in dtype.names:
        if f"{name}_size" in dtype.names:
            row[f"{name}_size"] = dtype[name].itemsize
    for name, value in constants.items():
        row[name] = value
    return dtype, row


#: Where the part of facts that is of one length ends: before their ids, before amounts
#: and properties, before properties, or not at all.
_ID, _OPTIONAL, _PROPERTIES, _END = range(4)


@lru_cache(256)
def _fact_type(id_size, until):
    """Type of facts up to where they differ in length.

    :return: (dtype, a row of it with what is the same in all)
    """
    columns = [
        ("fields", ">i2"),
        *sized(("key", "V16")),
        *sized(("time", ">i8")),
        *sized(("payload_hash", "V8")),
        *sized(("id", ">i8")),
        *sized(("route_id", ">i4")),
        *sized(("row_number", ">i4")),
        ("event_id_size", ">i4"),
    ]
    if until == _ID:
        return filled(columns, 10)
    columns += [("event_id", f"V{id_size}"), ("value", _NUMBER)]
    if until == _OPTIONAL:
        return filled(columns, 10, event_id_size=id_size)
    if until == _END:
        columns += [("amount", "V4"), ("properties_size", ">i4")]
        nothing = {"amount": copybin.NULL, "properties_size": -1}
        return filled(columns, 10, event_id_size=id_size, **nothing)
    columns += [("amount", "V4"), ("properties_size", ">i4"), ("version", "V1")]
    always = {"amount": copybin.NULL, "version": b"\x01"}
    return filled(columns, 10, event_id_size=id_size, **always)


_IDENTITY, _IDENTITY_ROW = filled(
    [
        ("fields", ">i2"),
        *sized(("identity", "V16")),
        *sized(("payload_hash", "V8")),
        *sized(("time", ">i8")),
    ],
    3,
)


def picked(columns, places):
    """What stands in columns at some places.

    :param columns: iterable of arrays and other sequences, and None where there is none
    :param places: array of positions
    :return: list of arrays, lists and None
    """
    which = places.tolist()
    return [
        column[places]
        if isinstance(column, np.ndarray)
        else column and [column[place] for place in which]
        for column in columns
    ]


class Numbers(NamedTuple):
    """Numbers of events.

    texts: canonical, see :func:`.copybin.number`
    fields: encoded: an array when all are short, otherwise a list of bytes
    units, scales: arrays of the numbers in units of 10 to the power of -SCALE, and of
        the digits after their points as given; None when one is not short
    """

    texts: Sequence[str]
    fields: Sequence
    units: np.ndarray | None = None
    scales: np.ndarray | None = None

    def part(self, cut):
        """Those of a slice."""
        return Numbers(*[None if column is None else column[cut] for column in self])

    def pick(self, places):
        """Those at some places, an array."""
        return Numbers(*picked(self, places))

    @classmethod
    def join(cls, parts):
        """One behind the other.

        :param list parts: of Numbers
        """
        texts = list(chain.from_iterable(part.texts for part in parts))
        if any(part.units is None for part in parts):
            return cls(texts, list(chain.from_iterable(map(cls.listed, parts))))
        _texts, fields, *columns = zip(*parts, strict=True)
        # As bytes: numpy turns the fields of a type to the order of this machine.
        fields = [each.view(f"V{_NUMBER.itemsize}") for each in fields]
        columns = map(np.concatenate, (fields, *columns))
        return cls(texts, next(columns).view(_NUMBER), *columns)

    def listed(self):
        """The fields as a list of bytes."""
        fields = self.fields
        if isinstance(fields, np.ndarray):
            return fields.view(f"V{fields.itemsize}").tolist()
        return fields


def numbers(values):
    """Decimals, some of them None perhaps, as columns.

    :rtype: Numbers
    :raise ValueError, ArithmeticError: one of them cannot be stored
    """
    short = numbers_in("%s|" * len(values) % tuple(values))
    return short or Numbers(*zip(*map(copybin.number, values), strict=True))


def numbers_in(together):
    """Numbers that are written already.

    :param str together: their texts, each with a bar behind it
    :return: Numbers, None when one is not short
    """
    short = _short_numbers(together.encode(), together.count("|"))
    if short is None:
        return None
    texts = together.split("|")
    texts.pop()
    if "0|" in together:
        texts = [
            text.rstrip("0").rstrip(".") if text[-1] == "0" and "." in text else text
            for text in texts
        ]
    units, scales = short
    return Numbers(texts, number_fields(units, scales, _NUMBER), units, scales)


def _short_numbers(together, count):
    """Short numbers that are not negative.

    :param bytes together: their texts, each with a bar behind it
    :return: arrays of units and scales, see :class:`Numbers`; None when one of them is
        something else
    """
    if together.translate(None, _PLAIN):
        return None
    marks = np.frombuffer(together, np.uint8)
    bars = np.flatnonzero(marks == _BAR)
    sizes = np.diff(bars, prepend=-1) - 1
    if sizes.max() > _LONGEST or not sizes.min():
        return None
    points = np.flatnonzero(marks == _POINT)
    if len(points) == count and (points[1:] > bars[:-1]).all():
        scales = bars - points - 1
    else:
        scales = np.zeros(count, np.int64)
        of = np.searchsorted(bars, points)
        scales[of] = bars[of] - points - 1
    if scales.max() > SCALE:
        return None
    units = np.fromstring(together.replace(b".", b""), np.int64, sep="|")
    units *= TENS[SCALE - scales]
    if units.max() >= _TOO_LARGE:
        return None
    return units, scales


def number_fields(units, scales, dtype):
    """Encoded fields of numbers that are not negative.

    :param units, scales: see :class:`Numbers`
    :param dtype: type with room for all their digits
    """
    fields = np.empty(len(units), dtype)
    digits = fields["digits"]
    place = digits.shape[1]
    fields["size"] = dtype.itemsize - 4
    fields["groups"] = place
    fields["weight"] = place - 2
    fields["sign"] = 0
    fields["scale"] = scales
    while place:
        place -= 1
        rest = units // _GROUP  # far quicker than divmod
        digits[:, place] = units - rest * _GROUP
        units = rest
    return fields


def identity_rows(uniques, contents, times):
    """Rows of the registry, in its order: two appends that meet must not wait for each
    other in a circle.

    :param bytes uniques: 16 for each event; contents: 8 for each
    :param times: array of microseconds
    """
    rows = np.empty(len(times), _IDENTITY)
    rows[...] = _IDENTITY_ROW
    rows["identity"] = np.frombuffer(uniques, "V16")
    rows["payload_hash"] = np.frombuffer(contents, "V8")
    rows["time"] = times
    order = order_of(uniques)
    return (rows if order is None else rows[order]).tobytes()


class Block:
    """Columns of rows of a month.

    low, high: where the rows stand in their chunk
    keys: 16 bytes for each event; contents: 8 bytes of payload hash for each; uniques:
        16 bytes for each, what a registry tells them apart by; bytes or an array
    times: array of microseconds
    slots: array of numbers of the routes; lines: row numbers, a sequence
    raw_ids: bytes of the ids of the events, an array when all are of one length
    values: fields of :class:`Numbers`
    documents: properties as JSON, list of bytes, b"" where there are none; None when no
        event has any
    """

    __slots__ = (
        "contents",
        "documents",
        "high",
        "keys",
        "lines",
        "low",
        "raw_ids",
        "slots",
        "times",
        "uniques",
        "values",
    )

    def encode(self, ordinals, facts):
        """Rows of COPY, see :meth:`Facts.encode`."""
        return facts.encode(self, ordinals)

    def pick(self, low, chosen):
        """Some of the rows, as a block of its own.

        :param int low: where they stand in their chunk
        :param chosen: array of their positions in this block
        """
        block = Block()
        block.low, block.high = low, low + len(chosen)
        pick_hashes(self, block, chosen)
        names = "times", "slots", "lines", "raw_ids", "values", "documents"
        columns = picked([getattr(self, name) for name in names], chosen)
        for name, column in zip(names, columns, strict=True):
            setattr(block, name, column)
        return block


def pick_hashes(block, other, chosen):
    """Take keys, payload hashes and what makes unique of some rows.

    :param other: block that gets them
    :param chosen: array of positions in the first one
    """
    for name, size in (("keys", 16), ("contents", 8), ("uniques", 16)):
        column = np.frombuffer(getattr(block, name), f"V{size}")
        setattr(other, name, column[chosen].view(np.uint8))


class Facts:
    """Encodes blocks of one size after the other in the same arrays.

    :param int size: rows of a block at most
    """

    def __init__(self, size):
        self.size = size
        self._arrays = {}

    def _array(self, id_size, until, count):
        """Rows that know what is the same in all, see :func:`_fact_type`."""
        array = self._arrays.get((id_size, until))
        if array is None:
            if len(self._arrays) > 2:
                self._arrays.clear()
            dtype, row = _fact_type(id_size, until)
            array = self._arrays[id_size, until] = np.empty(self.size, dtype)
            array[...] = row
        return array[:count]

    def encode(self, block, ordinals):
        """Rows of a block, in the order of their keys.

        :param ordinals: ids of the rows, integers
        """
        count, raw_ids, values = len(block.times), block.raw_ids, block.values
        is_short = isinstance(values, np.ndarray)
        documents, until = block.documents, _ID
        if isinstance(raw_ids, np.ndarray) and is_short:
            until = _END if documents is None else _OPTIONAL
            if documents and all(documents):
                until = _PROPERTIES
        rows = self._array(raw_ids.itemsize if until else 0, until, count)
        rows["key"] = np.frombuffer(block.keys, "V16")
        rows["time"] = block.times
        rows["payload_hash"] = np.frombuffer(block.contents, "V8")
        if not isinstance(ordinals, np.ndarray):
            ordinals = np.fromiter(ordinals, np.int64, count)
        rows["id"] = ordinals
        rows["route_id"] = block.slots
        rows["row_number"] = np.fromiter(block.lines, np.int32, count)
        order = order_of(block.keys)
        columns = []
        if until:
            rows["event_id"] = raw_ids
            rows["value"] = values
            if until == _END:
                return (rows if order is None else rows[order]).tobytes()
            if until == _PROPERTIES:
                sizes = np.fromiter(map(len, documents), np.int32, count)
                rows["properties_size"] = sizes + 1
        else:
            if isinstance(raw_ids, np.ndarray):
                raw_ids = raw_ids.tolist()
            rows["event_id_size"] = np.fromiter(map(len, raw_ids), np.int32, count)
            if is_short:
                values = values.view(f"V{values.itemsize}").tolist()
            columns = [raw_ids, values]
        columns.append(documents if until == _PROPERTIES else _tails(documents, count))
        heads = rows.view(f"V{rows.itemsize}").tolist()
        whole = zip(heads, *columns, strict=True)
        if order is not None:
            whole = list(whole)
            whole = map(whole.__getitem__, order.tolist())
        return b"".join(chain.from_iterable(whole))


def _tails(documents, count):
    """Amount and properties of rows, bytes of each."""
    if documents is None:
        return [NOTHING_OPTIONAL] * count
    return [
        copybin.NULL + copybin.length(len(each) + 1) + b"\x01" + each
        if each
        else NOTHING_OPTIONAL
        for each in documents
    ]


def order_of(keys):
    """Positions in the order of the keys, None when they are in order."""
    halves = np.frombuffer(keys, ">u8")
    first = halves[::2]
    if (first[1:] > first[:-1]).all():
        return None
    first = first.astype(np.uint64)
    order = np.argsort(first, kind="stable")
    in_order = first[order]
    if (in_order[1:] > in_order[:-1]).all():
        return order
    return np.lexsort((halves[1::2], first))
