"""Chunks of requests that compiled code read, see :mod:`.quick` and :mod:`.compiled`."""

from functools import partial
from itertools import chain

import numpy as np

from .blocks import order_of
from .columns import payload_hashes
from .compiled import KeyTexts, WayTexts, rows_of
from .eventcolumns import Unfit
from .quick import Quick


class ReadParts:
    """Several requests, one behind the other; each is a block, see ``Parts``.

    :param list parts: of ReadEvents
    """

    def __init__(self, parts):
        self.blocks, low = [], 0
        for part in parts:
            self.blocks.append((low, low + len(part), part))
            low += len(part)

    def __len__(self):
        return self.blocks[-1][1]

    def __iter__(self):
        return chain.from_iterable(part for _low, _high, part in self.blocks)


class _Block:
    """A request that is encoded but for its order, see :class:`.blocks.Block`."""

    __slots__ = ("contents", "high", "keys", "low", "read", "slots", "times", "uniques")

    def encode(self, ordinals):
        """Rows of COPY in the order of their keys.

        :param ordinals: array of the ids of the rows
        """
        order = order_of(self.keys)
        return rows_of(
            self.read, order, self.keys, self.contents, ordinals, self.slots
        )


class QuickRead(Quick):
    """A chunk of requests that is fit, see :class:`.quick.Quick`.

    :param ReadParts rows: to be followed by :meth:`find`
    :param Router router: knows the routes
    :param keys_of: from :func:`.compiled.key_function`
    :param span: microseconds, half-open, that the events' times are to be in
    """

    def __init__(self, rows, router, keys_of, span):
        super().__init__(rows, router, keys_of, span=span)

    def facts(self, ordinals):
        """See :meth:`.quick.Quick.facts`."""
        for block in self._blocks() if self._kept is None else self._kept:
            yield block.encode(ordinals[block.low : block.high])

    def _make(self, low, high, part, found):
        """
        :param ReadEvents part: the request
        :param found: what :meth:`_find` says of it
        :rtype: _Block
        :raise Unfit, ValueError: an event is out of the ordinary
        """
        ways, at = found
        without = at[part.events["scale"] < 0]
        if any(
            ways.all[position].segment.needs_value
            for position in set(without.tolist())
        ):
            raise Unfit
        keys = self.columns_of(part)
        if keys is None:
            raise Unfit
        block = _Block()
        block.low, block.high, block.read = low, high, part
        block.times, block.slots = part.times, ways.numbers[at]
        block.uniques, block.keys = keys
        if ways.texts is None:
            ways.texts = WayTexts(ways)
        block.contents = payload_hashes(ways.texts.contents(part, at))
        if len(block.contents) != 8 * (high - low):
            raise Unfit  # a text of a way has a line feed of its own
        self._sent.append((ways, at, part))
        return block

    def _find(self, part):
        """See :meth:`.quick.Quick._find`.

        :param ReadEvents part: the request
        """
        ways, low, high = self._ways_of(part)
        if ways.key_texts is None:
            ways.key_texts = KeyTexts()
        places, hashes = ways.key_texts.find(part)
        times = part.times if ways.turns.are_between(low, high) else low
        at = ways.held_at(places, times)
        unknown = np.flatnonzero(at < 0)
        if len(unknown):
            rows, numbers = unknown.tolist(), self.router.dimension_numbers
            found = [part.key(row) for row in rows]
            keys = [
                (kind, subject, numbers.setdefault(items, len(numbers)))
                for kind, subject, items in found
            ]
            instants = partial(part.times.__getitem__, unknown)
            at[unknown] = self._learn(ways, keys, (low, high), instants)
            places = ways.places_of(*zip(*keys, strict=True)).tolist()
            ways.key_texts.add(part, rows, hashes, places)
        return ways, at.astype(np.int64)
