"""Chunks in which nothing is out of the ordinary, which is nearly all of them.

Every row has a place, one meter's value, an id that nobody sent before. What is asked
of such rows is asked of whole columns at once, and they are encoded block by block
while the server takes in the block before: the two processors work side by side.
A row about which anything is strange ends the attempt: what stands in blocks before it
may be kept, and the rest goes the way of :mod:`.prepare`, which says what is wrong with
which row. Where all rows must be fit, nothing is kept.
"""

from functools import partial
from itertools import chain, repeat, starmap

import numpy as np

from . import copybin
from .blocks import Block, Facts, identity_rows
from .columns import payload_hashes
from .compiled import CompiledBlock, written
from .eventcolumns import EventColumns, Unfit, Unlearnt
from .instants import OPEN_END
from .jsonform import members_of, said_by
from .paving import pave, unpaved, way_of
from .sums import days_of, of_rows
from .ways import NO_SUM, UNSURE, Several

#: Rows encoded in one go: enough to be quick, few enough for the server not to wait.
BLOCK = 2000

EVER = -OPEN_END, OPEN_END

#: Bytes of properties that need no look of their own.
LONGEST = 4096


class Quick:
    """A chunk that is fit, see the module.

    :param rows: list of EventRow with naive UTC times, all of which must be fit; or
        Parts, to be followed by :meth:`find`. Without ``routes`` and ``found`` a list
        of anything: it ends before the first block with something else, or with a route
        that is unknown or has no number, and nothing is looked at before
    :param Router router: knows the routes
    :param columns_of: from :func:`.columns.column_function`
    :param list routes: parallel to the rows
    :param span: microseconds, half-open, that the rows' times are to be in
    :param found: (Ways, positions of the rows' ways in it, -1 for those unknown), right
        for all of their times
    :param keys_of: from :func:`.compiled.key_function`
    :param Leader leader: gives numbers where :meth:`find` needs them

    count: rows sent so far
    """

    def __init__(
        self,
        rows,
        router,
        columns_of,
        routes=None,
        span=EVER,
        found=None,
        keys_of=None,
        leader=None,
    ):
        self.rows = rows
        self.router = router
        self.columns_of = columns_of
        self.keys_of = keys_of
        self.leader = leader
        self.count = 0
        self._facts = Facts(min(BLOCK, len(rows)))
        self._routes = routes
        self._found = found
        self._ahead = None
        self._numbers = {}
        self._span = span
        self._may_end = routes is None
        self._sent = []
        self._kept = None

    def find(self):
        """Find all ways of Parts before anything is sent; all of it must be fit then.

        :raise Unfit: a row has none
        """
        self._ahead = [(*block, self._find(block[2])) for block in self.rows.blocks]
        self._may_end = False

    def unknown(self):
        """What the ways of Parts are found by that are unknown.

        :return: list of (type, subject, number of the dimension items)
        :raise Unfit: a row has none
        """
        keys = []
        for _low, _high, part in self.rows.blocks:
            _ways, _span, at = self._look(part)
            keys += self._keys(part, np.flatnonzero(at < 0).tolist())
        return keys

    @property
    def times(self):
        """Microseconds of the rows sent so far."""
        return np.concatenate([part.times for _ways, _at, part in self._sent]).tolist()

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
        for block, (ways, at, _part) in zip(self._kept, self._sent, strict=True):
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
            yield block.encode(ordinals[block.low : block.high], self._facts)

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
        for block, (ways, at, part) in zip(self._kept, self._sent, strict=True):
            low, high = np.searchsorted(left, (block.low, block.high))
            chosen = left[low:high] - block.low
            if len(chosen):
                kept.append(block.pick(int(low), chosen))
                sent.append((ways, at[chosen], part.pick(chosen)))
        self._kept, self._sent = kept, sent
        self.rows = list(map(self.rows.__getitem__, left.tolist()))
        self.count = len(left)

    def _blocks(self):
        """:return: iterator of Block"""
        for place in self._ahead or cut(len(self.rows)):
            try:
                block = self._make(*place)
            except (Unfit, ValueError, ArithmeticError, TypeError):
                if self._may_end:
                    return
                raise
            self.count = block.high
            yield block

    def _make(self, low, high, part=None, found=None):
        """
        :param part, found: EventColumns, and what :meth:`_find` says of them, where
            they were made before
        :rtype: Block
        :raise Unfit, ValueError, ArithmeticError: a row is out of the ordinary
        """
        if part is None:
            part = EventColumns.of_rows(self.rows[low:high])
        if found is not None:
            ways, at = found
        elif self._routes is not None:
            ways, at = self._lead(self._routes[low:high], part.times.tolist())
        elif self._found is not None:
            ways, at = self._found[0], self._found[1][low:high]
            if at.min() < 0:
                raise Unfit
        else:
            ways, at = self._find(part)
        if "" in part.numbers.texts:
            expect_no_value(ways, at)
        if part.documents and len(max(part.documents, key=len)) > LONGEST:
            raise Unfit
        block = self._compiled(low, part, ways, at) or self._block(low, part, ways, at)
        self._sent.append((ways, at, part))
        return block

    def _compiled(self, low, part, ways, at):
        """
        :return: CompiledBlock, None when compiled code is not to be had for the rows
        """
        if self.keys_of is None or part.numbers.units is None:
            return None
        read = written(part)
        return read and CompiledBlock(low, read, ways, at, self.keys_of)

    def _block(self, low, part, ways, at):
        """
        :rtype: Block
        """
        high, texts = low + len(part), part.numbers.texts
        block = Block()
        block.low, block.high = low, high
        block.times = part.times
        block.lines = part.lines
        block.slots = ways.numbers[at]
        block.raw_ids, block.uniques, block.keys = self.columns_of(part.ids, part.times)
        block.values = part.numbers.fields
        block.documents = part.documents
        times, positions = part.times.tolist(), at.tolist()
        if part.documents is None:
            said = map(ways.said.__getitem__, positions)
        else:
            said = _say(ways, positions, part)
        said = (
            "%s%d|%s||\n"
            * len(times)
            % tuple(chain.from_iterable(zip(said, times, texts, strict=True)))
        )
        block.contents = payload_hashes(said.encode().split(b"\n")[:-1])
        return block

    # -- where the rows go ---------------------------------------------------------

    def _find(self, part):
        """Ways of rows. They are kept in the router until a period ends.

        :param EventColumns part: the rows
        :return: (Several, positions in it)
        :raise Unfit: a row has none, or it is unknown
        """
        ways, span, at = self._look(part)
        unknown = np.flatnonzero(at < 0)
        if len(unknown):
            keys = self._keys(part, unknown.tolist())
            instants = partial(part.times.__getitem__, unknown)
            at[unknown] = self._learn(ways, keys, span, instants)
            self._note(ways, part, unknown.tolist(), keys)
        return ways, at

    def _look(self, part):
        """
        :return: (Ways, first and last time of rows, positions of their ways, -1 for
            those unknown)
        :raise Unfit: they may not all pass
        """
        low, high = int(part.times.min()), int(part.times.max())
        if not self._span[0] <= low <= high < self._span[1]:
            raise Unfit
        ways = self.router.ways_of(low, high)
        if ways is None:
            raise Unfit
        times = part.times if ways.turns.are_between(low, high) else low
        return ways, (low, high), self._known(ways, part, times)

    def _known(self, ways, part, times):
        """Positions of the ways of rows, -1 for those unknown.

        :param times: see :meth:`.ways.Ways.slots`
        """
        return ways.find(part.types, part.subjects, self._numbers_of(part), times)

    def _keys(self, part, rows):
        """What the ways of some rows are found by.

        :return: list of (type, subject, number of the dimension items)
        """
        numbers = list(self._numbers_of(part))
        return [(part.types[i], part.subjects[i], numbers[i]) for i in rows]

    def _note(self, ways, part, rows, keys):
        """Keep what was learnt of rows, for those who find it in another way."""

    def _learn(self, ways, keys, span, instants):
        """Make ways of routes that are known, see :func:`.paving.unpaved`. Without a
        leader they must have their numbers.

        :return: positions of the rows' ways
        :raise Unlearnt: a row has no route
        :raise Unfit: a row has no way
        """
        routes = self.router.routes
        if not all(key in routes for key in keys):
            raise Unlearnt
        slots, segments = unpaved(ways, routes, keys, span, instants)
        if self.leader:
            self.leader.number_all(segments.values())
        pave(ways, segments)
        found = ways.held_in(slots)
        if found.min() < 0:
            raise Unfit
        return found

    def _numbers_of(self, part):
        """Numbers of dimension items.

        Feeds hand out the same few mappings over and over, and the rows keep them: each
        is looked into once.
        """
        known, numbers = self._numbers, self.router.dimension_numbers
        mappings = part.mappings
        if mappings is None:
            return repeat(numbers.setdefault((), len(numbers)), len(part))
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
        low, high, segments, found = min(times), max(times), {}, {}
        for route in set(routes):
            if not route.spans(low, high):
                break
            found[route] = segments.setdefault(route.segment, len(segments))
        else:
            at = map(found.__getitem__, routes)
            ways = Several(map(way_of, segments))
            return ways, np.fromiter(at, np.int64, len(routes))
        at, segments = [], {}  # one by one, at the turn of a period
        for route, moment in zip(routes, times, strict=True):
            if not route.low <= moment < route.high and route.move(moment):
                raise Unfit
            at.append(segments.setdefault(route.segment, len(segments)))
        return Several(map(way_of, segments)), np.array(at, np.int64)

    # -- rollups -----------------------------------------------------------------------

    def sums(self):
        """What the rows sent so far add to the sums.

        :return: Sums, None when some must be looked at one by one: see :meth:`gather`
        """
        parts = [part for _ways, _at, part in self._sent]
        if any(part.numbers.units is None for part in parts):
            return None
        numbers = np.concatenate(
            [ways.first_sums[at] for ways, at, _part in self._sent]
        )
        if numbers.min() == UNSURE:
            return None
        times = np.concatenate([part.times for part in parts])
        columns = [
            numbers,
            np.concatenate(list(starmap(_days, self._sent))),
            np.concatenate([part.numbers.units for part in parts]),
            np.concatenate([part.numbers.scales for part in parts]),
            times,
        ]
        more = self._more_sums()
        if more:  # several meters count the same event
            rows, numbers = map(np.array, zip(*more, strict=True))
            added = numbers, *(column[rows] for column in columns[1:])
            columns = list(map(np.concatenate, zip(columns, added, strict=True)))
        if columns[0].min() == NO_SUM:
            counted = columns[0] != NO_SUM
            if not counted.any():
                return None
            columns = [column[counted] for column in columns]
        return of_rows(self.router.sum_keys, *columns)

    def _more_sums(self):
        """(row, number of a sum) of all but the first ones."""
        found, first = [], 0
        for ways, at, _part in self._sent:
            if ways.has_more:
                for row, position in enumerate(at.tolist(), first):
                    found += [(row, each) for each in ways.all[position].sums[1:]]
            first += len(at)
        return found

    def gather(self):
        """Rows by segment and local day; see :func:`.prepare.gather`."""
        by_segment = {}
        first = 0
        for ways, at, _part in self._sent:
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


def _days(ways, at, part):
    """Local days of rows."""
    zones = ways.zones
    if len(zones) == 1:
        return days_of(zones[0], part.times)
    days, found = np.empty(len(at), np.int64), ways.zone_numbers[at]
    for number in set(found.tolist()):
        chosen = found == number
        days[chosen] = days_of(zones[number], part.times[chosen])
    return days


def expect_no_value(ways, at):
    """
    :param at: array of the positions of rows' ways
    :raise Unfit: some of the rows must have a value
    """
    if any(ways.all[position].segment.needs_value for position in set(at.tolist())):
        raise Unfit


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


def _say(ways, positions, part):
    """What hashed texts begin with: what dimensions and properties say together.

    :param list positions: of the rows' ways
    :param EventColumns part: the rows, some of which have properties
    :return: list of texts
    """
    if not ways.has_members:
        heads = map(ways.heads.__getitem__, positions)
        return [f"{head}{said}|" for head, said in zip(heads, part.said, strict=True)]
    found = []
    for position, said, properties in zip(
        positions, part.said, part.properties, strict=True
    ):
        way = ways.all[position]
        if said and way.members:
            said = said_by(members_of(properties), way.members)
        found.append(f"{way.head}{said}|" if said else way.said)
    return found


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
