"""Usage events as columns, from the JSON of a request to rows of COPY, in C.

What ``usage_billing`` does in Python for requests of which nothing is out of the
ordinary, with the same result to the last bit. Without this package, or for a request
about which anything is strange, it goes its own way: nothing depends on it but time.
"""

import ctypes
from pathlib import Path

import numpy as np

#: Of the functions and types here; the add-on uses the one it was written for.
VERSION = 2


#: Where a text stands, and how many bytes it has.
SPAN = np.dtype([("at", "i4"), ("size", "i4")])
#: One event of a request, see ``columns.c``.
EVENT = np.dtype(
    [
        ("time", "i8"),
        ("units", "i8"),
        ("scale", "i4"),
        ("line", "i4"),
        *[
            (name, SPAN)
            for name in "id type subject number dimensions document said".split()
        ],
    ]
)
#: A key that is known: where its bytes stand, and what it leads to.
ENTRY = np.dtype(
    [
        ("hash", "u8"),
        ("place", "i8"),
        ("at", "i8"),
        ("type_size", "i4"),
        ("subject_size", "i4"),
        ("dimensions_size", "i4"),
        ("reserved", "i4"),
    ]
)
#: Texts of a way.
WAY = np.dtype(
    [("head", SPAN), ("said", SPAN), ("first_member", "i4"), ("last_member", "i4")]
)

#: Bytes; of longer ones no key is made here.
LONGEST_ID = 512
_LARGEST = 1 << 29
_LIBRARY = Path(__file__).with_name("columns.so")
try:
    # PyDLL: a call takes less time than to give the interpreter away and get it back.
    _library = ctypes.PyDLL(str(_LIBRARY))
except OSError as error:  # not built, or for another machine
    raise ImportError(f"releve_native: {error}") from error
_TYPES = {
    "a": ctypes.c_void_p,
    "b": ctypes.c_char_p,
    "l": ctypes.c_int64,
    "i": ctypes.c_int32,
    "u": ctypes.c_uint64,
}


def _function(name, arguments, result=ctypes.c_int64):
    """A function of the library.

    :param str arguments: array, bytes, 64 bits, 32 bits or unsigned, a letter each
    """
    found = getattr(_library, f"releve_{name}")
    found.argtypes = [_TYPES[letter] for letter in arguments]
    found.restype = result
    return found


if _function("version", "", ctypes.c_int32)() != VERSION:
    raise ImportError("releve_native: the library is of another version, build it anew")
_read = _function("read", "blala")
_find = _function("find", "baaluauaaaa", None)
_uuid7_keys = _function("uuid7_keys", "balbila")
_identity_keys = _function("identity_keys", "balbiaa")
_contents = _function("contents", "baalaaaaal")
_rows = _function("rows", "baalaaaaaa")


def read(body, most):
    """Events of ``{"events": [...]}``.

    :param bytes body: JSON
    :param int most: events
    :return: (array of EVENT, marks: array of bytes); None when anything is out of the
        ordinary: another form or member, a text with a backslash, a number that is
        negative or longer than eight digits and four behind the point, a time that is
        not written as ``2026-10-01T12:30:00Z`` with at most six digits of a second
    """
    if len(body) >= _LARGEST or not body.isascii() and not _is_text(body):
        return None
    # An event has 50 bytes at least.
    events = np.empty(min(most, len(body) // 50 + 1), EVENT)
    marks = np.empty(3 * len(body) + 64, np.uint8)
    count = _read(body, len(body), events.ctypes.data, len(events), marks.ctypes.data)
    return None if count < 0 else (events[:count], marks)


def _is_text(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def find(body, events, marks, seed, buckets, entries, keys):
    """Places of events by type, subject and dimensions.

    :param buckets: array of int32, a power of two and larger than ``entries``
    :param entries: array of ENTRY; keys: array of bytes that they refer to
    :return: (array of places, -1 for those unknown; array of hashes)
    """
    hashes = np.empty(len(events), np.uint64)
    places = np.empty(len(events), np.int64)
    _find(
        *(body, marks.ctypes.data, events.ctypes.data, len(events), seed),
        *(buckets.ctypes.data, len(buckets) - 1, entries.ctypes.data),
        *(keys.ctypes.data, hashes.ctypes.data, places.ctypes.data),
    )
    return places, hashes


def uuid7_keys(body, events, scope, tolerance):
    """Keys of events whose ids carry their time.

    :param bytes scope: hashed before each id
    :param int tolerance: microseconds
    :return: array of 16 bytes for each; None when an id does not fit
    """
    keys = np.empty(16 * len(events), np.uint8)
    found = _uuid7_keys(
        *(body, events.ctypes.data, len(events), scope, len(scope), tolerance),
        keys.ctypes.data,
    )
    return None if found < 0 else keys


def identity_keys(body, events, scope, is_strict):
    """Keys of events whose ids say nothing of a time.

    :param is_strict: whether a register tells them apart
    :return: (keys, what makes the events unique): arrays of 16 bytes for each; None
        when a time does not fit
    """
    keys = np.empty(16 * len(events), np.uint8)
    uniques = np.empty(16 * len(events), np.uint8) if is_strict else None
    found = _identity_keys(
        *(body, events.ctypes.data, len(events), scope, len(scope)),
        *(keys.ctypes.data, uniques.ctypes.data if is_strict else None),
    )
    if found < 0:
        return None
    return keys, uniques if is_strict else keys


def contents(body, events, marks, at, ways, members, texts, size):
    """What is hashed of events besides their ids.

    :param at: array of int64, the events' places in ``ways``
    :param ways: array of WAY; members: array of SPAN; both of spans in ``texts``, an
        array of bytes
    :param int size: bytes of all texts of the events' ways, and two for each of them
    :return: list of bytes
    """
    room = 96 * len(events) + size + int(events["said"]["size"].sum())
    out = np.empty(room, np.uint8)
    size = _contents(
        *(body, marks.ctypes.data, events.ctypes.data, len(events), at.ctypes.data),
        *(ways.ctypes.data, members.ctypes.data, texts.ctypes.data),
        *(out.ctypes.data, room),
    )
    if size < 0:
        raise ValueError("texts of ways are longer than said")
    return out[:size].tobytes().split(b"\n")[:-1]


def rows(body, events, marks, order, keys, contents, ordinals, slots):
    """Rows of facts in binary COPY.

    :param order: array of positions, None for their own order
    :param keys: array of 16 bytes for each; contents: bytes, 8 for each
    :param ordinals: array of int64, ids; slots: array of int32, numbers of routes
    :rtype: bytes
    """
    sizes = int(events["id"]["size"].sum() + events["document"]["size"].sum())
    out = np.empty(110 * len(events) + sizes, np.uint8)
    size = _rows(
        *(body, marks.ctypes.data, events.ctypes.data, len(events)),
        *(None if order is None else order.ctypes.data, keys.ctypes.data),
        *(np.frombuffer(contents, np.uint8).ctypes.data, ordinals.ctypes.data),
        *(slots.ctypes.data, out.ctypes.data),
    )
    return out[:size].tobytes()
