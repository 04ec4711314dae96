"""Chunks in which nothing is out of the ordinary, which is nearly all of them.

Every row has a place, one meter's value, an id that nobody sent before. What is asked
of such rows is asked of whole columns at once, and they are encoded block by block
while the server takes in the block before: the two processors work side by side.
Whatever is strange about a single row ends the attempt, nothing is kept of it, and the
chunk goes the way of :mod:`.prepare`, which says what is wrong with which row.
"""

from itertools import chain, repeat
from operator import sub
from struct import error as StructError

from . import copybin, schema
from .copybin import NOTHING_OPTIONAL, fact_head, identity_row
from .jsonform import (
    are_plain,
    encode,
    is_in_order,
    members_of,
    said_by,
    said_in,
)
from .routing import EPOCH, to_microseconds

#: Rows encoded in one go: enough to be quick, few enough for the server not to wait.
BLOCK = 1000

#: What stands between a value and the properties, by the length of these: no amount,
#: length and version.
_BEFORE = [NOTHING_OPTIONAL] + [
    copybin.NULL + copybin.length(size + 1) + b"\x01" for size in range(1, 4096)
]


class Unfit(Exception):
    """A row is out of the ordinary: the chunk takes the other way."""


class Quick:
    """A chunk that is fit, see the module. Nothing is looked at before it is sent but
    what the server must be asked first: routes, and the month.

    :param list rows: EventRow with naive UTC times
    :param list routes: parallel to the rows
    :param columns_of: from :func:`.keys.column_function`
    :raise Unfit: take the other way

    times: microseconds of the rows, complete once they were sent
    months: first and last month of the rows' times
    """

    def __init__(self, rows, routes, columns_of):
        self.ids, _, _, self.moments, self.values, *others = zip(*rows, strict=True)
        amounts, currencies, _, properties, self.numbers = others
        self.count = count = len(rows)
        self.routes = routes
        self.columns_of = columns_of
        self.properties = properties if any(properties) else None
        if not (
            all(self.ids)
            and amounts.count(None) == currencies.count(None) == count
            and None not in self.moments
        ):
            raise Unfit
        first, last = min(self.moments), max(self.moments)
        self.months = tuple(sorted({schema.month_of(first), schema.month_of(last)}))
        self.low, self.high = to_microseconds(first), to_microseconds(last)
        self.needs_value = self._lead(set(routes))
        self.times = []
        self._made = []

    def _lead(self, routes):
        """Lead each route to the one segment that all its rows are in.

        :return: whether an event without a value cannot be counted
        """
        low, high, needs_value = self.low, self.high, False
        for route in routes:
            if not route.low <= low < route.high and route.move(low):
                raise Unfit
            segment = route.segment
            if high >= route.high or segment.is_strict:
                raise Unfit
            if segment.slot is None:
                segment.slot_of(None)
            needs_value = needs_value or segment.needs_value
        return needs_value

    # -- what is sent ------------------------------------------------------------------

    def identities(self):
        """Encoded rows of the registry, block by block.

        :raise ValueError, ArithmeticError, Unfit: see :meth:`facts`
        """
        for block in self._blocks():
            yield b"".join(
                [
                    identity_row(3, 16, unique, 8, content, 8, moment)
                    for unique, content, moment in zip(
                        block.uniques, block.contents, block.times, strict=True
                    )
                ]
            )

    def facts(self, ordinals):
        """Encoded rows of the months, block by block, each in the order of the keys.

        :param ordinals: sequence of the ids of the rows
        :raise ValueError, ArithmeticError: an id or a value that cannot be stored
        :raise Unfit: a row is out of the ordinary
        """
        for block in self._blocks():
            part = block.part
            heads = [
                fact_head(
                    10, 16, key, 8, moment, 8, content, 8, ordinal, 4,
                    route.segment.slot.number, 4, number, len(raw_id),
                ) + raw_id
                for key, moment, content, ordinal, route, number, raw_id in zip(
                    block.keys, block.times, block.contents, ordinals[part],
                    self.routes[part], self.numbers[part], block.raw_ids, strict=True,
                )
            ]  # fmt: skip
            if block.documents is None:
                facts = [
                    head + field + NOTHING_OPTIONAL
                    for head, field in zip(heads, block.fields, strict=True)
                ]
            else:
                facts = [
                    head + field + _BEFORE[len(document)] + document
                    for head, field, document in zip(
                        heads, block.fields, block.documents, strict=True
                    )
                ]
            facts.sort()
            yield b"".join(facts)

    def _blocks(self):
        """Blocks, each made once.

        :return: iterator of _Block
        """
        for number, low in enumerate(range(0, self.count, BLOCK)):
            if number == len(self._made):
                self._made.append(self._make(slice(low, low + BLOCK)))
            yield self._made[number]

    def _make(self, part):
        block = _Block(part)
        block.times = [
            (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
            for delta in map(sub, self.moments[part], repeat(EPOCH))
        ]
        self.times += block.times
        try:
            block.raw_ids, block.uniques, block.keys = self.columns_of(
                self.ids[part], block.times
            )
        except StructError:  # of a time
            raise Unfit from None
        texts, block.fields = self._numbers(part)
        if self.properties is None:
            block.contents = self._hash_plain(part, block.times, texts)
        else:
            block.documents = self._documents(self.properties[part])
            block.contents = self._hash_all(part, block.times, texts, block.documents)
        return block

    def _hash_plain(self, part, times, texts):
        """Payload hashes of events that say nothing beside their value."""
        contents = []
        add = contents.append
        for route, moment, text in zip(self.routes[part], times, texts, strict=True):
            hasher = route.hasher.copy()
            hasher.update(f"{moment}|{text}||".encode())
            add(hasher.digest())
        return contents

    def _hash_all(self, part, times, texts, documents):
        """Payload hashes of events with properties."""
        contents = []
        add = contents.append
        for route, document, properties, moment, text in zip(
            self.routes[part], documents, self.properties[part], times, texts,
            strict=True,
        ):  # fmt: skip
            if route.members:
                said = said_by(members_of(properties or {}), route.members).encode()
            else:
                said = said_in(document)
            hasher = route.opening.copy()
            hasher.update(said + f"|{moment}|{text}||".encode())
            add(hasher.digest())
        return contents

    def _documents(self, properties):
        """Properties as JSON, b"" for none.

        :raise Unfit: they are no texts, or too long for a quick way
        """
        try:
            documents = [encode(each) if each else b"" for each in properties]
        except TypeError:
            raise Unfit from None
        together, filled = b"".join(documents), list(filter(None, properties))
        if not (
            are_plain(together, sum(map(len, filled)), len(filled))
            and all(map(is_in_order, set(map(tuple, filled))))
            and b"\\u0000" not in together
            and len(max(documents, key=len)) < len(_BEFORE)
        ):
            raise Unfit
        return documents

    def _numbers(self, part):
        """Canonical texts and encoded fields of the values."""
        texts, fields = zip(*map(copybin.number, self.values[part]), strict=True)
        if self.needs_value and "" in texts:
            raise Unfit
        return texts, fields

    # -- rollups -----------------------------------------------------------------------

    def gather(self):
        """Rows by segment and local day; see :func:`.prepare.gather`."""
        by_route = {}
        for index, route in enumerate(self.routes):
            indexes = by_route.get(route)
            if indexes is None:
                by_route[route] = [index]
            else:
                indexes.append(index)
        gathered, times = [], self.times
        for route, indexes in by_route.items():
            segment = route.segment
            days = segment.days
            if not days.low <= self.low < days.high:
                days.lead(self.low)
            if self.high < days.high:
                gathered.append((segment, days.day, indexes))
                continue
            by_day = {}
            for index in indexes:
                if not days.low <= times[index] < days.high:
                    days.lead(times[index])
                by_day.setdefault(days.day, []).append(index)
            gathered += [(segment, day, found) for day, found in by_day.items()]
        return gathered


class _Block:
    """Rows of a block: where they stand, and their columns."""

    __slots__ = (
        "contents",
        "documents",
        "fields",
        "keys",
        "part",
        "raw_ids",
        "times",
        "uniques",
    )

    def __init__(self, part):
        self.part = part
        self.documents = None


class Feed:
    """A file that COPY reads: what a generator makes is sent as soon as it is made.

    error: what the generator raised, which psycopg2 tells as an error of the server
    """

    def __init__(self, blocks):
        self._blocks = chain((copybin.HEADER,), blocks, (copybin.TRAILER,))
        self.error = None

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, _size=-1):
        try:
            return next(self._blocks, b"")
        except Exception as error:
            self.error = error
            raise
