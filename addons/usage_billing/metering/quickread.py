"""Chunks of requests that compiled code read, see :mod:`.compiled`."""

from functools import partial
from itertools import chain

import numpy as np

from .compiled import CompiledBlock, KeyTexts
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


class QuickRead(Quick):
    """A chunk of requests that is fit, see :class:`.quick.Quick`.

    :param ReadParts rows: to be followed by :meth:`find`
    :param Router router: knows the routes
    :param keys_of: from :func:`.compiled.key_function`
    :param span: microseconds, half-open, that the events' times are to be in
    """

    def __init__(self, rows, router, keys_of, span):
        super().__init__(rows, router, None, span=span, keys_of=keys_of)

    def _make(self, low, high, part, found):
        """
        :param ReadEvents part: the request
        :param found: what :meth:`_find` says of it
        :rtype: CompiledBlock
        :raise Unfit, ValueError: an event is out of the ordinary
        """
        ways, at = found
        without = at[part.events["scale"] < 0]
        if any(
            ways.all[position].segment.needs_value for position in set(without.tolist())
        ):
            raise Unfit
        block = CompiledBlock(low, part, ways, at, self.keys_of)
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
