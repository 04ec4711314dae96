"""Requests as compiled code reads them: nothing of an event is a Python object. Pure.

``releve_native`` is optional. Without it, and for all that is out of the ordinary, rows
and columns are made of a request in Python, with the same result.
"""

import secrets
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from .blocks import Numbers, order_of, pick_hashes
from .columns import payload_hashes
from .eventcolumns import Unfit
from .growing import grown
from .keys import NO_BOUND, scope_of

try:
    import releve_native as native
except ImportError:
    native = None

#: Of the package; another one is as good as none.
VERSION = 2
if native and native.VERSION != VERSION:
    native = None

#: A body of fewer bytes has too few events for columns.
SMALLEST = 2_000
#: From so many events on, columns of them are quicker than rows.
MANY = 20


class ReadEvents(Sequence):
    """A sequence of EventRow as compiled code read them, see ``native.read``.

    body: bytes of JSON; events: array of ``native.EVENT``; marks: array of bytes
    times: array of microseconds since 2000-01-01 UTC
    numbers: Numbers without texts and fields

    :param decode: function () -> the same events as another sequence, for those who
        want rows
    """

    def __init__(self, body, events, marks, decode):
        self.body, self.events, self.marks = body, events, marks
        self.times = events["time"].copy()
        scales = np.maximum(events["scale"], 0).astype(np.int64)
        self.numbers = Numbers((), (), events["units"].copy(), scales)
        self._decode, self._rows = decode, None

    @property
    def rows(self):
        """The same events as EventColumns or a list, made when asked for."""
        if self._rows is None:
            self._rows = self._decode()
        return self._rows

    def __len__(self):
        return len(self.events)

    def __getitem__(self, place):
        return self.rows[place]

    def __iter__(self):
        return iter(self.rows)

    def keys(self, places):
        """What the ways of events are found by.

        :param list places: positions of the events
        :return: list of (type, subject, items of its dimensions)
        """
        keys = []
        for kind, subject, dimensions in self.parts(places):
            texts = dimensions.decode().split("\0")
            items = tuple(zip(texts[:-1:2], texts[1::2], strict=True))
            keys.append((kind.decode(), subject.decode(), items))
        return keys

    def parts(self, places):
        """The same as it stands in the request: types, subjects and dimensions."""
        events, marks = self.events[places], memoryview(self.marks)
        return zip(
            _cut(self.body, events["type"]),
            _cut(self.body, events["subject"]),
            map(bytes, _cut(marks, events["dimensions"])),
            strict=True,
        )


def _cut(texts, spans):
    """Texts behind each other, taken apart."""
    return [texts[at : at + size] for at, size in spans.tolist()]


def read_events(body, most, decode):
    """Events of a request about which nothing is out of the ordinary.

    :param bytes body: JSON
    :param int most: events
    :param decode: function () -> the same events as another sequence
    :return: ReadEvents, None when Python has to look at them
    """
    if native is None or len(body) < SMALLEST:
        return None
    found = native.read(body, most)
    if found is None or len(found[0]) < MANY:
        return None
    return ReadEvents(body, *found, decode)


class Written(NamedTuple):
    """Columns as compiled code wants them: all texts behind each other.

    body: ids and numbers; events: array of ``native.EVENT``; marks: documents and what
        they say
    """

    body: bytes
    events: np.ndarray
    marks: np.ndarray


def written(part):
    """
    :param EventColumns part: rows whose numbers are short
    :return: Written, None when an id is very long
    :raise ValueError: an id cannot be stored
    """
    texts, ids = part.numbers.texts, list(map(str.encode, part.ids))
    together = b"".join(ids)
    if b"\0" in together:
        raise ValueError("NUL character in the event id")
    events = np.zeros(len(ids), native.EVENT)
    end = _place(events["id"], ids, 0)
    if events["id"]["size"].max() > native.LONGEST_ID:
        return None
    _place(events["number"], texts, end)
    events["time"], events["units"] = part.times, part.numbers.units
    events["scale"], events["line"] = part.numbers.scales, part.lines
    marks = b""
    if part.documents is not None:
        said = list(map(str.encode, part.said))
        end = _place(events["document"], part.documents, 0)
        _place(events["said"], said, end)
        marks = b"".join(chain(part.documents, said))
    together += "".join(texts).encode()
    return Written(together, events, np.frombuffer(marks, np.uint8))


def _place(spans, texts, start):
    """Say where texts stand that are put behind each other.

    :return: where the last one ends
    """
    sizes = np.fromiter(map(len, texts), np.int32, len(texts))
    ends = np.cumsum(sizes, dtype=np.int64) + start
    spans["size"], spans["at"] = sizes, ends - sizes
    return int(ends[-1])


def key_function(mode, company_id, source_id, tolerance=None):
    """The same as :func:`.columns.column_function` for events that were read.

    :return: function ReadEvents or Written -> (what makes the events unique, keys):
        arrays of 16 bytes for each, None when there is anything to say about one of
        them; None for a mode that is Python's
    """
    if native is None or mode == "ulid":
        return None
    scope = scope_of(company_id, source_id)
    if mode == "uuid7":
        tolerance = NO_BOUND if tolerance is None else tolerance
        return partial(_uuid7_keys, scope, tolerance)
    return partial(_identity_keys, scope, mode == "strict")


def _uuid7_keys(scope, tolerance, read):
    keys = native.uuid7_keys(read.body, read.events, scope, tolerance)
    return None if keys is None else (keys, keys)


def _identity_keys(scope, is_strict, read):
    found = native.identity_keys(read.body, read.events, scope, is_strict)
    return found and found[::-1]


class KeyTexts:
    """Places of keys in :class:`.ways.Ways`, found by what stands in requests.

    A table with open addresses. What it begins a hash with is its own secret: nobody
    can make keys that meet there.
    """

    def __init__(self):
        self._seed = secrets.randbits(64)
        self._known = set()
        self._keys = np.zeros(1 << 12, np.uint8)
        self._used = 0
        self._entries = np.zeros(32, native.ENTRY)
        self._buckets = np.zeros(128, np.int32)

    def find(self, read):
        """Places of events, -1 for those unknown; and their hashes: two arrays."""
        return native.find(
            read.body,
            read.events,
            read.marks,
            self._seed,
            self._buckets,
            self._entries,
            self._keys,
        )

    def add(self, read, rows, hashes, places):
        """Know the keys of some events.

        :param list rows: positions of the events
        :param hashes: array, of all events
        :param list places: parallel to the rows, -1 for those without
        """
        for parts, row, place in zip(read.parts(rows), rows, places, strict=True):
            key, sizes = b"".join(parts), tuple(map(len, parts))
            if place >= 0 and (key, sizes) not in self._known:
                self._enter(key, sizes, hashes[row], place)

    def _enter(self, key, sizes, hashed, place):
        number, end = len(self._known), self._used + len(key)
        self._known.add((key, sizes))
        if end > len(self._keys):
            self._keys = np.resize(self._keys, 2 * end)
        if number == len(self._entries):
            self._entries = np.resize(self._entries, 2 * number)
        self._keys[self._used : end] = np.frombuffer(key, np.uint8)
        self._entries[number] = (hashed, place, self._used, *sizes, 0)
        self._used = end
        if 4 * number > len(self._buckets):
            self._buckets = np.zeros(4 * len(self._buckets), np.int32)
            for each in range(number):
                self._settle(each)
        self._settle(number)

    def _settle(self, number):
        """Give an entry a bucket."""
        mask = len(self._buckets) - 1
        bucket = int(self._entries["hash"][number]) & mask
        while self._buckets[bucket]:
            bucket = (bucket + 1) & mask
        self._buckets[bucket] = number + 1


class WayTexts:
    """What the hashed texts of events begin with, by their ways.

    :param Several ways: which may grow
    """

    def __init__(self, ways):
        self._of = ways.all
        self._ways = np.zeros(0, native.WAY)
        self._members = np.zeros(0, native.SPAN)
        self._texts = np.zeros(0, np.uint8)
        self._sizes = np.zeros(0, np.int64)

    def contents(self, read, at):
        """What is hashed of events besides their ids: list of bytes.

        :param read: ReadEvents or Written
        :param at: array of the positions of the events' ways
        """
        self._follow()
        return native.contents(
            read.body,
            read.events,
            read.marks,
            np.ascontiguousarray(at, np.int64),
            self._ways,
            self._members,
            self._texts,
            # of the ways that are here: a huge one elsewhere would want room for each
            int(self._sizes[at].sum()),
        )

    def _follow(self):
        """Take in ways that are new."""
        new = self._of[len(self._ways) :]
        if not new:
            return
        texts, size = [], len(self._texts)
        ways, sizes, members, known = [], [], [], len(self._members)

        def span(text):
            nonlocal size
            texts.append(text.encode())
            at, size = size, size + len(texts[-1])
            return at, len(texts[-1])

        for way in new:
            spans = [span(way.head), span(way.said)]
            first = len(members)
            members += map(span, sorted(way.members))
            ways.append((*spans, known + first, known + len(members)))
            sizes.append(sum(length + 2 for _at, length in spans + members[first:]))
        self._sizes = grown(self._sizes, sizes)
        self._members = grown(self._members, np.array(members, native.SPAN))
        self._texts = grown(self._texts, np.frombuffer(b"".join(texts), np.uint8))
        self._ways = grown(self._ways, np.array(ways, native.WAY))


class CompiledBlock:
    """Events that are encoded but for their order, see :class:`.blocks.Block`.

    :param int low: where the events stand in their chunk
    :param read: ReadEvents or Written
    :param ways, at: Several, and the positions of the events' ways in it
    :param keys_of: from :func:`key_function`
    :raise Unfit: there is something to say about one of them
    """

    __slots__ = ("contents", "high", "keys", "low", "read", "slots", "times", "uniques")

    def __init__(self, low, read, ways, at, keys_of):
        self.low, self.high, self.read = low, low + len(read.events), read
        keys = keys_of(read)
        if keys is None:
            raise Unfit
        self.uniques, self.keys = keys
        self.times = read.events["time"]
        self.slots = ways.numbers[at]
        if ways.texts is None:
            ways.texts = WayTexts(ways)
        self.contents = payload_hashes(ways.texts.contents(read, at))
        if len(self.contents) != 8 * len(read.events):
            raise Unfit  # a text of a way has a line feed of its own

    def pick(self, low, chosen):
        """See :meth:`.blocks.Block.pick`."""
        block = CompiledBlock.__new__(CompiledBlock)
        block.low, block.high = low, low + len(chosen)
        read = self.read
        block.read = Written(read.body, read.events[chosen], read.marks)
        block.times = block.read.events["time"]
        block.slots = self.slots[chosen]
        pick_hashes(self, block, chosen)
        return block

    def encode(self, ordinals, _facts):
        """Rows of COPY in the order of their keys.

        :param ordinals: ids of the rows, integers
        :rtype: bytes
        """
        read = self.read
        if not isinstance(ordinals, np.ndarray):
            ordinals = np.fromiter(ordinals, np.int64, len(read.events))
        return native.rows(
            read.body,
            read.events,
            read.marks,
            order_of(self.keys),
            self.keys,
            self.contents,
            ordinals,
            self.slots,
        )
