"""Chunks in which nothing is out of the ordinary, which is nearly all of them.

Every row has a place, one meter's value, an id that nobody sent before. What is asked
of such rows is asked of whole columns at once, and they are encoded block by block
while the server takes in the block before: the two processors work side by side.
Whatever is strange about a single row ends the attempt, nothing is kept of it, and the
chunk goes the way of :mod:`.prepare`, which says what is wrong with which row.
"""

from itertools import chain, repeat
from operator import sub

import numpy as np

from . import copybin
from .blocks import Block, Facts, identity_rows, numbers
from .columns import digests
from .copybin import NOTHING_OPTIONAL
from .jsonform import (
    are_plain,
    encode,
    is_in_order,
    members_of,
    said_by,
    said_in,
)
from .routing import EPOCH, OPEN_END
from .ways import Several, Way

#: Rows encoded in one go: enough to be quick, few enough for the server not to wait.
BLOCK = 2000

EVER = -OPEN_END, OPEN_END

#: What stands between a value and the properties, by the length of these: no amount,
#: length and version.
_BEFORE = [NOTHING_OPTIONAL] + [
    copybin.NULL + copybin.length(size + 1) + b"\x01" for size in range(1, 4096)
]


class Unfit(Exception):
    """A row is out of the ordinary: the chunk takes the other way."""


class Quick:
    """A chunk that is fit, see the module.

    :param list rows: EventRow with naive UTC times, all of which must be fit. Without
        ``routes`` and ``found`` anything: it ends before the first block with something
        else, or with a route that is unknown or has no number, and nothing is looked at
        before
    :param Router router: knows the routes
    :param columns_of: from :func:`.columns.column_function`
    :param list routes: parallel to the rows
    :param span: microseconds, half-open, that the rows' times are to be in
    :param found: (Ways, positions of the rows' ways in it, -1 for those unknown), right
        for all of their times

    count: rows sent so far
    """

    def __init__(self, rows, router, columns_of, routes=None, span=EVER, found=None):
        self.rows = rows
        self.router = router
        self.columns_of = columns_of
        self.count = 0
        self._facts = Facts(min(BLOCK, len(rows)))
        self._routes = routes
        self._found = found
        self._numbers = {}
        self._span = span
        self._sent = []
        self._kept = None

    @property
    def times(self):
        """Microseconds of the rows sent so far."""
        return np.concatenate([times for _ways, _at, times in self._sent]).tolist()

    # -- what is sent ------------------------------------------------------------------

    def identities(self):
        """Encoded rows of the registry, block by block; the facts are the same blocks'.

        :raise ValueError, ArithmeticError, Unfit: see :meth:`facts`
        """
        held, self._kept = self._kept, []
        for block in self._blocks() if held is None else held:
            self._kept.append(block)
            yield identity_rows(block.uniques, block.contents, block.times)

    def led(self, position):
        """Row that is held and its route.

        :return: (EventRow, Route)
        """
        row = self.rows[position]
        for block, (ways, at, _times) in zip(self._kept, self._sent, strict=True):
            if position < block.high:
                way = ways.all[at[position - block.low]]
                return row, way.segment.route
        raise IndexError(position)

    def facts(self, ordinals):
        """Encoded rows of the months, block by block, each in the order of the keys.

        :param ordinals: sequence of the ids of the rows
        :raise ValueError, ArithmeticError: an id or a value that cannot be stored
        :raise Unfit: a row is out of the ordinary
        """
        for block in self._blocks() if self._kept is None else self._kept:
            yield self._facts.encode(block, ordinals[block.low : block.high])

    def hold(self):
        """Make all blocks before one is sent.

        :return: list of Block
        :raise ValueError, ArithmeticError, Unfit: see :meth:`facts`
        """
        self._kept = list(self._blocks())
        return self._kept

    def leave_out(self, left):
        """Send only some of the rows of the blocks that are held.

        :param left: array of the positions of these rows
        """
        kept, sent = [], []
        for block, (ways, at, times) in zip(self._kept, self._sent, strict=True):
            low, high = np.searchsorted(left, (block.low, block.high))
            chosen = left[low:high] - block.low
            if len(chosen):
                kept.append(block.pick(int(low), chosen))
                sent.append((ways, at[chosen], times[chosen]))
        self._kept, self._sent = kept, sent
        self.rows = list(map(self.rows.__getitem__, left.tolist()))
        self.count = len(left)

    def _blocks(self):
        """:return: iterator of Block"""
        for low, high in cut(len(self.rows)):
            try:
                block = self._make(low, high)
            except (Unfit, ValueError, ArithmeticError, TypeError):
                if self._routes is None:
                    return
                raise
            self.count = block.high
            yield block

    def _make(self, low, high):
        """
        :rtype: Block
        :raise Unfit, ValueError, ArithmeticError: a row is out of the ordinary
        """
        rows = self.rows[low:high]
        ids, types, subjects, moments, values, amounts, currencies, *others = zip(
            *rows, strict=True
        )
        mappings, properties, lines = others
        count = len(rows)
        if not (
            all(ids)
            and amounts.count(None) == currencies.count(None) == count
            and all(moments)
        ):
            raise Unfit
        times = [
            (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
            for delta in map(sub, moments, repeat(EPOCH))
        ]
        if self._routes is not None:
            ways, at = self._lead(self._routes[low:high], times)
        elif self._found is not None:
            ways, at = self._found[0], self._found[1][low:high]
            if at.min() < 0:
                raise Unfit
        else:
            ways, at = self._find(types, subjects, mappings, times)
        block = Block()
        block.low, block.high = low, high
        block.times = np.fromiter(times, np.int64, count)
        block.lines = lines
        block.slots = ways.numbers[at]
        block.raw_ids, block.uniques, block.keys = self.columns_of(ids, block.times)
        texts, block.values = numbers(values)
        if "" in texts and any(
            ways.all[position].segment.needs_value for position in set(at.tolist())
        ):
            raise Unfit
        block.tails = None
        if any(properties):
            documents = _documents(properties)
            block.tails = [_BEFORE[len(each)] + each for each in documents]
            led = map(ways.all.__getitem__, at.tolist())
            said = _say(led, documents, properties)
        else:
            said = map(ways.said.__getitem__, at.tolist())
        said = (
            "%s%d|%s||\n"
            * count
            % tuple(chain.from_iterable(zip(said, times, texts, strict=True)))
        )
        block.contents = digests(said.encode().split(b"\n")[:-1], 8)
        self._sent.append((ways, at, block.times))
        return block

    # -- where the rows go ---------------------------------------------------------

    def _find(self, types, subjects, mappings, times):
        """Ways of rows. They are kept in the router until a period ends.

        :return: (Several, positions in it)
        :raise Unfit: a row has none, or it is unknown
        """
        numbers = self._numbers_of(mappings)
        low, high = min(times), max(times)
        if not self._span[0] <= low <= high < self._span[1]:
            raise Unfit
        ways = self.router.ways_of(low, high)
        at = ways.find(types, subjects, numbers)
        unknown = np.flatnonzero(at < 0).tolist()
        if unknown:
            self._learn(
                ways, {(types[i], subjects[i], numbers[i]) for i in unknown}, low, high
            )
            at = ways.find(types, subjects, numbers)
            if at.min() < 0:
                raise Unfit
        return ways, at

    def _learn(self, ways, keys, low, high):
        """Make ways of routes that are known and numbered.

        :raise Unfit: one is not, or a period turns between these times
        """
        routes, keys = [], list(keys)
        for key in keys:
            route = self.router.routes.get(key)
            if route is None or not route.spans(low, high):
                raise Unfit
            routes.append(route)
        ways.add(
            keys,
            [way_of(route.segment) for route in routes],
            max(route.low for route in routes),
            min(route.high for route in routes),
        )

    def _numbers_of(self, mappings):
        """Numbers of dimension items.

        Feeds hand out the same few mappings over and over, and the rows keep them: each
        is looked into once.
        """
        known, numbers = self._numbers, self.router.dimension_numbers
        found = list(map(known.get, map(id, mappings)))
        if None in found:
            for mapping in mappings:
                if id(mapping) not in known:
                    items = tuple(mapping.items())
                    known[id(mapping)] = numbers.setdefault(items, len(numbers))
            found = list(map(known.__getitem__, map(id, mappings)))
        return found

    def _lead(self, routes, times):
        """Ways of rows by their routes.

        :return: (Several, positions in it)
        :raise Unfit: a row has none
        """
        low, high, ways, at = min(times), max(times), [], {}
        for route in set(routes):
            if not route.spans(low, high):
                break
            at[route] = len(ways)
            ways.append(way_of(route.segment))
        else:
            at = map(at.__getitem__, routes)
            return Several(ways), np.fromiter(at, np.int64, len(routes))
        ways = []  # one by one, at the turn of a period
        for route, moment in zip(routes, times, strict=True):
            if not route.low <= moment < route.high and route.move(moment):
                raise Unfit
            ways.append(way_of(route.segment))
        return Several(ways), np.arange(len(ways))

    # -- rollups -----------------------------------------------------------------------

    def gather(self):
        """Rows by segment and local day; see :func:`.prepare.gather`."""
        by_segment = {}
        first = 0
        for ways, at, _times in self._sent:
            for segment, indexes in _by_segment(ways, at, first):
                by_segment.setdefault(segment, []).extend(indexes)
            first += len(at)
        gathered, times = [], self.times
        low, high = min(times), max(times)
        for segment, indexes in by_segment.items():
            days = segment.days
            if not days.low <= low < days.high:
                days.lead(low)
            if high < days.high:
                gathered.append((segment, days.day, indexes))
                continue
            by_day = {}
            for index in indexes:
                if not days.low <= times[index] < days.high:
                    days.lead(times[index])
                by_day.setdefault(days.day, []).append(index)
            gathered += [(segment, day, found) for day, found in by_day.items()]
        return gathered


def _by_segment(ways, at, first):
    """Rows of a block by their segments.

    :param int first: index of the first one
    :return: iterator of (segment, list of indexes)
    """
    order = np.argsort(at, kind="stable")
    at, indexes = at[order], (order + first).tolist()
    ends = [*(np.flatnonzero(at[1:] != at[:-1]) + 1).tolist(), len(indexes)]
    low = 0
    for high, position in zip(
        ends, at[[end - 1 for end in ends]].tolist(), strict=True
    ):
        yield ways.all[position].segment, indexes[low:high]
        low = high


def way_of(segment):
    """Way of rows of a segment.

    :rtype: Way
    :raise Unfit: it has no number yet, or its rows must be looked at one by one
    """
    if segment.way is not None:
        return segment.way
    if segment.is_strict:
        raise Unfit
    slot = segment.slot or segment.slot_of(None)
    if slot.number is None:
        raise Unfit
    route = segment.route
    segment.way = Way(slot.number, route.head + route.kind.said, segment)
    return segment.way


def cut(count):
    """Cut rows into blocks. Of many, small ones stand at the start, for the server to
    begin soon, and at the end, for it to be done soon after the last one.

    :return: iterator of (low, high)
    """
    low, smallest = 0, BLOCK if count <= 2 * BLOCK else max(1, BLOCK // 4)
    size = smallest
    while low < count:
        left = count - low
        size = min(size, max(left // 2, smallest), left)
        yield low, low + size
        low, size = low + size, min(2 * size, BLOCK)


def _say(ways, documents, mappings):
    """What hashed texts begin with: what dimensions and properties say together."""
    said = []
    for way, document, properties in zip(ways, documents, mappings, strict=True):
        route = way.segment.route
        members = route.kind.members
        if members:
            text = said_by(members_of(properties or {}), members)
        else:
            text = said_in(document).decode()
        said.append(f"{route.head}{text}|")
    return said


def _documents(mappings):
    """Properties as JSON, b"" for none.

    :raise Unfit: they are no texts, or too long for a quick way
    """
    try:
        documents = [encode(each) if each else b"" for each in mappings]
    except TypeError:
        raise Unfit from None
    together, filled = b"".join(documents), list(filter(None, mappings))
    if not (
        are_plain(together, sum(map(len, filled)), len(filled))
        and all(map(is_in_order, set(map(tuple, filled))))
        and b"\\u0000" not in together
        and len(max(documents, key=len)) < len(_BEFORE)
    ):
        raise Unfit
    return documents


class Feed:
    """A file that COPY reads: what a generator makes is sent as soon as it is made.

    :param meanwhile: function to be called once all is made, while the server still
        works on what was sent

    error: what the generator raised, which psycopg2 tells as an error of the server
    """

    def __init__(self, blocks, meanwhile=None):
        self._blocks = chain((copybin.HEADER,), blocks, self._end(meanwhile))
        self.error = None

    def _end(self, meanwhile):
        if meanwhile:
            meanwhile()
        yield copybin.TRAILER

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, _size=-1):
        try:
            return next(self._blocks, b"")
        except Exception as error:
            self.error = error
            raise
