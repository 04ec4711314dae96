"""Keys and payload hashes of many events at once.

Values are those of :mod:`.keys`, bit for bit; only the way there is shorter. Columns of
numbers and of bytes of one length are numpy arrays, which are worked on as a whole.
"""

from functools import partial
from hashlib import blake2b
from itertools import repeat
from operator import add

import numpy as np
from xxhash import xxh3_64_digest

from .keys import (
    DECODERS,
    ID_END,
    MS_BEFORE_2000,
    NO_BOUND,
    IdTimeError,
    key_function,
    prefix_function,
    scope_of,
)

#: What the seventh byte of a UUID of version 7 may be.
_VERSION_7 = bytes(range(0x70, 0x80))
_DASHES = (8, 13, 18, 23)
_OFFSET = MS_BEFORE_2000 * 1000


def column_function(mode, company_id, source_id, tolerance=None):
    """The same as :func:`.keys.key_function` for many ids at once.

    :return: function (event ids, array of microseconds) -> (bytes of the ids, what
        makes them unique, keys): a list, or an array when all are of one length, and
        16 bytes for each event. The function raises ValueError when there is anything
        to say about one of them, which the other function then says.
    """
    if mode == "uuid7":
        return _uuid7_columns(company_id, source_id, tolerance)
    if mode in DECODERS:
        return _decoded_columns(mode, company_id, source_id, tolerance)
    return _identity_columns(mode, company_id, source_id)


def digests(texts, size):
    """BLAKE2b digests of that many bytes, one after the other.

    :param texts: iterable of bytes
    """
    return b"".join(map(blake2b.digest, map(partial(blake2b, digest_size=size), texts)))


def payload_hashes(texts):
    """Payload hashes, eight bytes each, one after the other.

    :param texts: iterable of bytes, canonical: see :func:`.keys.payload_hash`
    """
    return b"".join(map(xxh3_64_digest, texts))


def even(raw_ids):
    """Bytes as an array, if all are of one length and not empty."""
    sizes = set(map(len, raw_ids))
    if len(sizes) > 1 or not min(sizes):
        return raw_ids
    return np.frombuffer(b"".join(raw_ids), f"V{sizes.pop()}")


def bytes_of(array):
    """Items of an array of any type as rows of bytes."""
    return array.view(np.uint8).reshape(len(array), -1)


def _decoded_columns(mode, company_id, source_id, tolerance):
    """See :func:`column_function`: one by one."""
    key_of = key_function(mode, company_id, source_id, tolerance)

    def columns(ids, times):
        raw_ids, _uniques, keys = zip(*map(key_of, ids, times.tolist()), strict=True)
        keys = b"".join(keys)
        return even(raw_ids), keys, keys

    return columns


def _identity_columns(mode, company_id, source_id):
    """See :func:`column_function`: ids that say nothing of a time."""
    scope = scope_of(company_id, source_id)
    prefix_of = prefix_function(company_id, source_id)

    def columns(ids, times):
        raw_ids, count = list(map(str.encode, ids)), len(ids)
        if "\x00" in "".join(ids):
            raise ValueError("NUL character in the event id")
        milliseconds = times // 1000 + MS_BEFORE_2000
        if milliseconds.min() < 0:
            raise ValueError("before 1970")
        digest = digests(map(add, repeat(scope), raw_ids), 6)
        ends = b"".join(
            [
                raw[-ID_END:] if len(raw) > ID_END else raw.rjust(ID_END, b"\x00")
                for raw in raw_ids
            ]
        )
        unique = np.empty((count, 16), np.uint8)
        unique[:, 4:10] = np.frombuffer(ends, np.uint8).reshape(count, -1)
        unique[:, 10:] = np.frombuffer(digest, np.uint8).reshape(count, -1)
        key = unique.copy()
        key[:, :6] = bytes_of(milliseconds.astype(">u8"))[:, 2:]
        keys = key.tobytes()
        if mode != "strict":
            return even(raw_ids), keys, keys
        prefixes = b"".join([prefix_of(raw[:-ID_END]) for raw in raw_ids])
        unique[:, :4] = np.frombuffer(prefixes, np.uint8).reshape(count, -1)
        return even(raw_ids), unique.tobytes(), keys

    return columns


def _uuid7_columns(company_id, source_id, tolerance):
    """See :func:`column_function`; all ids are taken apart in one go."""
    scope = scope_of(company_id, source_id).decode()
    if tolerance is None:
        tolerance = NO_BOUND

    def columns(ids, times):
        count, text = len(ids), "".join(ids)
        bits = bytes.fromhex(text.replace("-", ""))
        if (
            set(map(len, ids)) != {36}
            or len(bits) != 16 * count
            or bits[6::16].translate(None, _VERSION_7)
            or any(text[place::36] != "-" * count for place in _DASHES)
        ):
            raise IdTimeError("UUID v7")
        carried = np.frombuffer(bits, ">u8")[::2] >> np.uint64(16)
        ahead = carried.astype(np.int64) * 1000 - _OFFSET - times
        if ahead.min() < -tolerance or ahead.max() > tolerance:
            raise IdTimeError("UUID v7")
        scoped = scope + f"\n{scope}".join(ids)
        key = np.empty((count, 16), np.uint8)
        key[:, :6] = np.frombuffer(bits, np.uint8).reshape(count, 16)[:, :6]
        digest = digests(scoped.encode().split(b"\n"), 10)
        key[:, 6:] = np.frombuffer(digest, np.uint8).reshape(count, 10)
        keys = key.tobytes()
        return np.frombuffer(text.encode(), "V36"), keys, keys

    return columns
