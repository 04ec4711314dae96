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
#: Instead of the number of a sum: nothing counts a row, or it depends on the row.
NO_SUM, UNSURE = -1, -2
#: Ways that are kept of one source.
WAYS_KEPT = 100_000


class Way(NamedTuple):
    """What rows of one segment share.

    number: of their route in the store
    said: what their hashed texts begin with when they have no properties
    head: what they begin with in any case; members: dimensions, see ``Kind``
    sums: what they add to: positions in ``Router.sum_keys``, None when that depends on
        the single row
    zone: LocalDays
    """

    number: int
    said: str
    segment: object
    head: str = ""
    members: list | tuple = ()
    sums: list | None = None
    zone: object = None


def _first_sum(way):
    """The first of a way's sums, or why there is none."""
    if way.sums is None:
        return UNSURE
    return way.sums[0] if way.sums else NO_SUM


class Several:
    """Some ways.

    all: list of Way; heads, said: of each
    numbers, first_sums: of each, arrays; NO_SUM where nothing counts the rows, UNSURE
        where it depends
    has_more: whether rows of some add to more than one sum; has_members: whether some
        have dimensions
    zones: their LocalDays; zone_numbers: array of each way's position there
    """

    def __init__(self, ways=()):
        self.all, self.heads, self.said = [], [], []
        self.numbers = np.empty(0, np.int32)
        self.first_sums = np.empty(0, np.int64)
        self.has_more = self.has_members = False
        self.zones, self.zone_numbers = [], np.empty(0, np.int64)
        self._append(list(ways))

    def _append(self, ways):
        self.all += ways
        self.heads += [way.head for way in ways]
        self.said += [way.said for way in ways]
        numbers = np.array([way.number for way in ways], np.int32)
        self.numbers = np.concatenate((self.numbers, numbers))
        first_sums = np.array(list(map(_first_sum, ways)), np.int64)
        self.first_sums = np.concatenate((self.first_sums, first_sums))
        self.has_more |= any(way.sums and len(way.sums) > 1 for way in ways)
        self.has_members |= any(way.members for way in ways)
        zones = [way.zone for way in ways]
        self.zones += [zone for zone in dict.fromkeys(zones) if zone not in self.zones]
        zone_numbers = np.array(list(map(self.zones.index, zones)), np.int64)
        self.zone_numbers = np.concatenate((self.zone_numbers, zone_numbers))


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
        new = []
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
            new.append(way)
        if not new:
            return
        first = len(self.all)
        self._append(new)
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
