"""Ways of a source's events, found for whole columns of events at once. Pure.

A source of many customers has more ways than a processor keeps at hand: to look up each
event's by what it says takes longer than all else that is done for it. So only its
subject is looked up. The rest is numbers, of which a whole column is found in one go.
"""

from itertools import repeat
from typing import NamedTuple

import numpy as np

from .growing import grown
from .turns import Turns

#: Bits of a code for the numbers of a type and of dimension items.
_TYPE_BITS, _DIMENSION_BITS = 14, 26
_SUBJECT_BITS = 63 - _TYPE_BITS - _DIMENSION_BITS
#: Spreads codes evenly (2**64 by the golden ratio), over at least so many places a way.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ROOM = 4
#: Instead of the number of a sum: nothing counts a row, or it depends on the row.
NO_SUM, UNSURE = -1, -2
#: Ways that are kept of one source, and on average so many stretches of time of each.
WAYS_KEPT = 100_000
_SLOTS = 32


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
    texts: see :class:`.compiled.WayTexts`; None before they are wanted
    """

    def __init__(self, ways=()):
        self.all, self.heads, self.said = [], [], []
        self.numbers = np.empty(0, np.int32)
        self.first_sums = np.empty(0, np.int64)
        self.has_more = self.has_members = False
        self.zones, self.zone_numbers = [], np.empty(0, np.int64)
        self.texts = None
        self._append(list(ways))

    def _append(self, ways):
        self.all += ways
        self.heads += [way.head for way in ways]
        self.said += [way.said for way in ways]
        numbers = np.array([way.number for way in ways], np.int32)
        self.numbers = grown(self.numbers, numbers)
        first_sums = np.array(list(map(_first_sum, ways)), np.int64)
        self.first_sums = grown(self.first_sums, first_sums)
        self.has_more |= any(way.sums and len(way.sums) > 1 for way in ways)
        self.has_members |= any(way.members for way in ways)
        zones = [way.zone for way in ways]
        self.zones += [zone for zone in dict.fromkeys(zones) if zone not in self.zones]
        zone_numbers = np.array(list(map(self.zones.index, zones)), np.int64)
        self.zone_numbers = grown(self.zone_numbers, zone_numbers)


class Ways(Several):
    """Ways by (type, subject, number of the dimension items) and time.

    low, high: the ways are right for times from the one up to the other, in
        microseconds; turns: where periods turn meanwhile

    key_texts: see :class:`.compiled.KeyTexts`; None before they are wanted

    A code is made of the three numbers of a key. Where its key likely stands is looked
    up for all of them at once; several codes may share a place there, and only one of
    them is right. A key has a slot for each stretch of time between two turns, which
    holds the position of a way as soon as there is one.
    """

    def __init__(self, low, high):
        super().__init__()
        self.low, self.high, self.turns = low, high, Turns(low, high)
        self._subjects, self._types = {}, {}
        self._keys, self._codes = {}, np.empty(0, np.int64)
        self._likely = np.empty(0, np.int64)
        self._calendars = np.empty(0, np.int64)
        self._first_slots = np.empty(0, np.int64)
        self._held = np.full(1, -1, np.int32)  # the first slot is nobody's
        self.key_texts = None

    def __len__(self):
        return len(self.all)

    def is_right(self, low, high):
        """Whether the ways are right for all times from one to another."""
        return (
            self.low <= low <= high < self.high
            and max(len(self.all), len(self._keys)) <= WAYS_KEPT
            and len(self._held) <= WAYS_KEPT * _SLOTS
        )

    def find(self, types, subjects, numbers, times):
        """Positions in ``all`` of rows' ways, -1 for those unknown.

        :param types, subjects, numbers, times: see :meth:`slots`
        :return: array
        """
        return self.held_in(self.slots(types, subjects, numbers, times))

    def held_in(self, slots):
        """Positions of the ways that slots hold, -1 for none."""
        return self._held[slots]

    def slots(self, types, subjects, numbers, times):
        """Slots of rows, 0 where their keys are unknown.

        :param types, subjects: sequences
        :param numbers: iterable of numbers of dimension items
        :param times: array of instants; or one, when nothing turns between them
        :return: array
        """
        return self._slots_at(self.places_of(types, subjects, numbers), times)

    def held_at(self, places, times):
        """Positions of the ways of rows, -1 for those unknown.

        :param places: array, of their keys, see :meth:`places_of`
        :param times: see :meth:`slots`
        """
        return self._held[self._slots_at(places, times)]

    def _slots_at(self, places, times):
        if not self._keys:
            return np.zeros(len(places), np.int64)
        slots = self._first_slots[places]
        slots += self.turns.stretches(self._calendars[places], times)
        slots[places < 0] = 0
        return slots

    def knows(self, types, subjects, numbers):
        """Whether keys have slots: array."""
        return self.places_of(types, subjects, numbers) >= 0

    def places_of(self, types, subjects, numbers):
        """Places of keys, -1 for those unknown: array."""
        count = len(types)
        numbers = np.fromiter(numbers, np.int64, count)
        if not self._keys or numbers.max() >> _DIMENSION_BITS:
            return np.full(count, -1)
        codes = np.fromiter(
            map(self._subjects.get, subjects, repeat(-1)), np.int64, count
        )
        codes <<= _TYPE_BITS
        codes |= np.fromiter(map(self._types.get, types, repeat(-1)), np.int64, count)
        codes <<= _DIMENSION_BITS
        codes |= numbers
        found = self._likely[self._spread(codes)]
        unlike = np.flatnonzero(self._codes[found] != codes)
        if len(unlike):
            found[unlike] = list(
                map(self._keys.get, codes[unlike].tolist(), repeat(-1))
            )
        return found

    def _spread(self, codes):
        """Where in ``_likely`` the places of codes likely stand."""
        return codes.view(np.uint64) * _SPREAD >> self._shift

    def enter(self, keys, calendars):
        """Give slots to keys that are unknown.

        :param list keys: without repetition
        :param list calendars: parallel: tuples of the instants between ``low`` and
            ``high`` at which a period of theirs begins or ends, in order
        """
        types, subjects = self._types, self._subjects
        codes, numbers, counts = [], [], []
        for (etype, subject, number), turns, calendar in zip(
            keys, calendars, self.turns.add(calendars), strict=True
        ):
            type_number = types.setdefault(etype, len(types))
            subject_number = subjects.setdefault(subject, len(subjects))
            if (
                number >> _DIMENSION_BITS
                or type_number >> _TYPE_BITS
                or subject_number >> _SUBJECT_BITS
                or calendar is None
            ):
                continue  # there are others to find it
            code = subject_number << _TYPE_BITS | type_number
            codes.append(code << _DIMENSION_BITS | number)
            numbers.append(calendar)
            counts.append(len(turns) + 1)
        if not codes:
            return
        counts = np.array(counts, np.int64)
        starts = np.cumsum(counts) - counts + len(self._held)
        nothing = np.full(counts.sum(), -1, np.int32)
        self._held = grown(self._held, nothing)
        self._first_slots = grown(self._first_slots, starts)
        self._calendars = grown(self._calendars, np.array(numbers, np.int64))
        first = len(self._keys)
        places = range(first, first + len(codes))
        self._keys.update(zip(codes, places, strict=True))
        codes = np.array(codes, np.int64)
        self._codes = grown(self._codes, codes)
        if _ROOM * len(self._keys) > len(self._likely):
            bits = (2 * _ROOM * len(self._keys)).bit_length()
            self._shift = np.uint64(64 - bits)
            self._likely = np.zeros(1 << bits, np.int64)
            codes, places = self._codes, range(len(self._keys))
        self._likely[self._spread(codes)] = places

    def fill(self, slots, ways):
        """Let slots hold ways.

        :param slots: of keys that are known, without repetition
        :param list ways: parallel
        """
        if ways:
            first = len(self.all)
            self._append(ways)
            self._held[slots] = range(first, len(self.all))
