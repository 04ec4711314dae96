"""Where the rows of a chunk lead: their routes, numbered and ready to be used."""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import numpy as np

from .eventcolumns import times_in
from .instants import to_microseconds
from .paving import pave, unpaved
from .prepare import columns_of_keys, oldest_of, route_keys
from .schema import month_of
from .ways import Ways


class Look(NamedTuple):
    """A look at rows of one month.

    newest: time of a row; low, high: oldest and newest in microseconds
    columns: see :func:`.prepare.columns_of_keys`
    ways, found: positions of the rows' ways, -1 for those unknown
    """

    rows: list
    newest: datetime
    low: int
    high: int
    columns: tuple
    ways: Ways
    found: np.ndarray


class Leader:
    """Asks and completes what a router knows.

    :param PostgresStore store: gives numbers
    :param Router router: of the source
    """

    def __init__(self, store, router):
        self.store = store
        self.router = router

    def routes(self, rows, newest):
        """The route of each row; ``newest`` is the latest time, or None."""
        router = self.router
        keys = route_keys(rows, router.dimension_numbers)
        self._load(newest)
        with suppress(KeyError):
            return list(map(router.routes.__getitem__, keys))
        missing = router.missing(keys)
        self._build(missing, newest)
        routes = list(map(router.routes.__getitem__, keys))
        if newest is None:
            router.forget_routes(missing)
        return routes

    def learn(self, quick, newest):
        """Make the routes that a chunk of columns lacks, before one of it is sent.

        :param Quick quick: of Parts
        :param newest: latest time of its rows
        :raise Unfit: a row can have none
        """
        self._load(newest)
        self._build(self.router.missing(quick.unknown()), newest)

    def _load(self, newest):
        """Drop routes, when periods beyond the known ones are needed."""
        if newest is not None:
            self.router.load((), min(to_microseconds(newest), self.router.latest))

    def _build(self, keys, newest):
        """Make routes that are missing."""
        router = self.router
        if newest is not None:
            router.load(keys, min(to_microseconds(newest), router.latest))
        wanted = router.dimensions(keys)
        router.dimsets.update(
            self.store.dimset_ids(
                {text: wanted[text] for text in wanted.keys() - router.dimsets.keys()}
            )
        )
        for key in keys:
            router.build(key, router.dimsets.__getitem__)

    def open(self, rows, routes, oldest, newest):
        """Number what rows without a currency need of their routes.

        :param list routes: parallel to the rows
        :return: whether every route leads to one segment from the oldest row to the
            newest
        """
        low, high, torn = to_microseconds(oldest), to_microseconds(newest), set()
        for route in set(routes):
            if not route.spans(low, high):
                torn.add(route)
            elif route.segment.slot is None:
                route.segment.slot_of(None)
        for row, route in zip(rows, routes, strict=True) if torn else ():
            if route in torn:
                moment = to_microseconds(row[3])
                if route.low <= moment < route.high or not route.move(moment):
                    route.segment.slot_of(None)
        self.number()
        return not torn

    def number_all(self, segments):
        """Open segments to rows without a currency."""
        for segment in segments:
            segment.slot_of(None)
        self.number()

    def number(self):
        """Give numbers to the slots that have none."""
        slots, self.router.unnumbered = self.router.unnumbered, []
        if slots:
            numbers = self.store.route_ids([slot.key for slot in slots])
            for slot in slots:
                slot.number = numbers[slot.key]

    def look(self, rows, newest):
        """Look for the ways of rows, without a question to the store.

        :return: Look, None when the rows are of several months, or when the time of one
            is none for an event
        """
        oldest = newest and oldest_of(rows)
        if not oldest or month_of(oldest) != month_of(newest):
            return None
        low, high = to_microseconds(oldest), to_microseconds(newest)
        ways = self.router.ways_of(low, high)
        if ways is None:
            return None
        columns = columns_of_keys(rows, self.router.dimension_numbers)
        times = times_in(rows) if ways.turns.are_between(low, high) else low
        found = ways.find(*columns, times)
        return Look(rows, newest, low, high, columns, ways, found)

    def pave(self, look):
        """Make the ways of rows that have none yet, all at once.

        :param Look look: at the rows
        :return: (Ways, positions in it), see :class:`.quick.Quick`; None when the first
            row has none: it must be looked at by itself
        """
        self._load(look.newest)
        if look.ways is not self.router.ways_of(look.low, look.high):
            look = self.look(look.rows, look.newest)
            if look is None:
                return None
        unknown = np.flatnonzero(look.found < 0)
        if len(unknown):
            look.found[unknown] = self._make_ways(look, unknown)
        return (look.ways, look.found) if look.found[0] >= 0 else None

    def _make_ways(self, look, unknown):
        """Make ways that are unknown, those there can be.

        :param unknown: array of positions of rows
        :return: positions of their ways, -1 for those that have none
        """
        which, (types, subjects, numbers) = unknown.tolist(), look.columns
        keys = [(types[i], subjects[i], numbers[i]) for i in which]
        self._build(self.router.missing(keys), look.newest)

        def instants():
            return times_in([look.rows[i] for i in which])

        slots, segments = unpaved(
            look.ways, self.router.routes, keys, (look.low, look.high), instants
        )
        self.number_all(segments.values())
        pave(look.ways, segments)
        return look.ways.held_in(slots)
