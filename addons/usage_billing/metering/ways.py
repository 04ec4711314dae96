"""Ways of a source's events, found for whole columns of events at once. Pure.

A source of many customers has more ways than a processor keeps at hand: to look up each
event's by what it says takes longer than all else that is done for it. So only its
subject is looked up. The rest is numbers, of which a whole column is found in one go.
"""

from itertools import repeat
from typing import NamedTuple

import numpy as np

#: Bits of a code for the numbers of a type and of dimension items.
_TYPE_BITS, _DIMENSION_BITS = 14, 26
_SUBJECT_BITS = 63 - _TYPE_BITS - _DIMENSION_BITS
#: Spreads codes evenly (2**64 by the golden ratio), over at least so many places a way.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ROOM = 4
#: Ways that are kept of one source.
WAYS_KEPT = 100_000


class Way(NamedTuple):
    """What rows of one segment share.

    number: of their route in the store
    said: what their hashed texts begin with when they have no properties
    """

    number: int
    said: str
    segment: object


class Several:
    """Some ways.

    all: list of Way; said: of each; numbers: of each, an array
    """

    def __init__(self, ways=()):
        self.all = list(ways)
        self.said = [way.said for way in ways]
        self.numbers = np.array([way.number for way in ways], np.int32)


class Ways(Several):
    """Ways by (type, subject, number of the dimension items).

    low, high: the ways are right for times from the one up to the other, in
        microseconds

    A code is made of three numbers. Where its way likely stands is looked up for all of
    them at once; several codes may share a place there, and only one of them is right.
    """

    def __init__(self, low, high):
        super().__init__()
        self.low, self.high = low, high
        self._subjects, self._types = {}, {}
        self._positions, self._codes = {}, np.empty(0, np.int64)
        self._likely = np.empty(0, np.int64)

    def __len__(self):
        return len(self.all)

    def is_right(self, low, high):
        """Whether the ways are right for all times from one to another."""
        return self.low <= low <= high < self.high and len(self.all) <= WAYS_KEPT

    def find(self, types, subjects, numbers):
        """Positions in ``all`` of rows' ways, -1 for those unknown.

        :param types, subjects: sequences
        :param numbers: iterable of numbers of dimension items
        :return: array
        """
        count = len(types)
        numbers = np.fromiter(numbers, np.int64, count)
        if not self.all or numbers.max() >> _DIMENSION_BITS:
            return np.full(count, -1)
        codes = np.fromiter(
            map(self._subjects.get, subjects, repeat(-1)), np.int64, count
        )
        codes <<= _TYPE_BITS
        codes |= np.fromiter(map(self._types.get, types, repeat(-1)), np.int64, count)
        codes <<= _DIMENSION_BITS
        codes |= numbers
        found = self._likely[self._places(codes)]
        unlike = np.flatnonzero(self._codes[found] != codes)
        if len(unlike):
            found[unlike] = list(
                map(self._positions.get, codes[unlike].tolist(), repeat(-1))
            )
        return found

    def _places(self, codes):
        """Where in ``_likely`` the positions of codes likely stand."""
        return codes.view(np.uint64) * _SPREAD >> self._shift

    def add(self, keys, ways, low, high):
        """Add ways that are unknown.

        :param list keys: without repetition
        :param list ways: parallel to the keys
        :param low, high: the new ways are right for these times
        """
        self.low, self.high = max(self.low, low), min(self.high, high)
        types, subjects, codes = self._types, self._subjects, []
        first = len(self.all)
        for (etype, subject, number), way in zip(keys, ways, strict=True):
            type_number = types.setdefault(etype, len(types))
            subject_number = subjects.setdefault(subject, len(subjects))
            if (
                number >> _DIMENSION_BITS
                or type_number >> _TYPE_BITS
                or subject_number >> _SUBJECT_BITS
            ):
                continue  # there are others to find it
            code = subject_number << _TYPE_BITS | type_number
            codes.append(code << _DIMENSION_BITS | number)
            self.all.append(way)
        new = self.all[first:]
        if not new:
            return
        self.said += [way.said for way in new]
        numbers = np.array([way.number for way in new], np.int32)
        self.numbers = np.concatenate((self.numbers, numbers))
        positions = range(first, len(self.all))
        self._positions.update(zip(codes, positions, strict=True))
        codes = np.array(codes, np.int64)
        self._codes = np.concatenate((self._codes, codes))
        if _ROOM * len(self.all) > len(self._likely):
            bits = (2 * _ROOM * len(self.all)).bit_length()
            self._shift = np.uint64(64 - bits)
            self._likely = np.zeros(1 << bits, np.int64)
            codes, positions = self._codes, range(len(self.all))
        self._likely[self._places(codes)] = positions
