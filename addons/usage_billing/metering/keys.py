"""Deterministic keys of an event.

Three numbers are derived from an event, always the same for a re-send:

identity
    16 bytes from (company, source, event id), unique for ever in the registry. Feeds
    that number their events differ in the end of the id only, so the identity keeps
    that end in its middle: new rows land side by side in the index, at half the cost of
    a random order. Two ids share an identity only if they end alike and 80 bits of
    hash agree.
key
    16 bytes: milliseconds of the event time (or of the time that its id carries), then
    the rest of the identity; in time order for the same reason.
payload hash
    8 bytes over everything the event says besides its identity. Same identity and
    another payload hash is a conflict. What is a dimension and what a property is
    decided by the meters of the day, so the hash does not tell them apart.

Identities and keys are BLAKE2b: nobody may find an id that is taken for another's. The
payload hash is XXH3 (xxHash specification), nine times as quick: who sends an id again
with another content of the same hash finds what was stored first unchanged, as always.
"""

from datetime import datetime, timedelta
from hashlib import blake2b, md5

from xxhash import xxh3_64

#: Units of time are microseconds since 2000-01-01, PostgreSQL's own.
MS_BEFORE_2000 = 946_684_800_000

#: Instead of a tolerance of None: microseconds that no two times lie apart.
NO_BOUND = 1 << 62

#: Bytes of the id's end that an identity shows as they are.
ID_END = 6
_STEMS_KEPT = 50_000


def identity_function(company_id, source_id):
    """Make the function that identifies events of one source.

    :param int company_id: part of the identity
    :param int source_id: part of the identity
    :return: function event id -> (its bytes, identity); raises ValueError for an id
        that cannot be stored
    """
    seeded = blake2b(scope_of(company_id, source_id), digest_size=6).copy
    prefix_of = prefix_function(company_id, source_id)

    def identity(event_id):
        raw = event_id.encode()
        if b"\x00" in raw:
            raise ValueError("NUL character in the event id")
        hasher = seeded()
        hasher.update(raw)
        digest = hasher.digest()
        stem = raw[:-ID_END]
        end = raw[-ID_END:] if stem else raw.rjust(ID_END, b"\x00")
        return raw, prefix_of(stem) + end + digest

    return identity


def scope_of(company_id, source_id):
    """What is hashed before an id."""
    return f"{company_id}\x1f{source_id}\x1f".encode()


def prefix_function(company_id, source_id):
    """Make the function that gives what an identity begins with, from the bytes of the
    id but its end.
    """
    seeded = blake2b(scope_of(company_id, source_id), digest_size=6).copy
    return _Prefixes(seeded).__getitem__


class _Prefixes(dict):
    """Beginnings of identities by stem, made when asked for."""

    def __init__(self, seeded):
        super().__init__()
        self.seeded = seeded

    def __missing__(self, stem):
        if len(self) >= _STEMS_KEPT:
            self.clear()
        hasher = self.seeded()
        hasher.update(b"\x1e" + stem)
        prefix = self[stem] = hasher.digest()[:4]
        return prefix


def key_function(mode, company_id, source_id, tolerance=None):
    """Make the function that gives the keys of the events of one source.

    :param str mode: how events of the source are told apart: "strict" and "composed"
        by event id, the key's time being the event's; "uuid7" and "ulid" by event id,
        the key's time being the one the id carries
    :param int tolerance: microseconds that the time of an event and the time of its id
        may lie apart; None for no bound
    :return: function (event id, microseconds of the event since 2000-01-01) -> (bytes
        of the id, what makes the event unique, key). Unique is the identity where
        there is a registry ("strict"), else the key itself. The function raises
        ValueError for an id that cannot be stored, :class:`IdTimeError` for one that
        does not carry the time it should.
    """
    if mode in DECODERS:
        return _decoded_keys(mode, company_id, source_id, tolerance)
    identity = identity_function(company_id, source_id)
    strict = mode == "strict"

    def keys(event_id, microseconds):
        raw, unique = identity(event_id)
        milliseconds = microseconds // 1000 + MS_BEFORE_2000
        key = milliseconds.to_bytes(6, "big") + unique[6:]
        return raw, unique if strict else key, key

    return keys


class IdTimeError(ValueError):
    """An id does not carry a time, or one that is not the event's."""


def _decoded_keys(mode, company_id, source_id, tolerance):
    """See :func:`key_function`: the id carries the time of the key."""
    decode = DECODERS[mode]
    seeded = blake2b(scope_of(company_id, source_id), digest_size=10).copy
    from_bytes = int.from_bytes
    if tolerance is None:
        tolerance = NO_BOUND
    offset = MS_BEFORE_2000 * 1000

    def keys(event_id, microseconds):
        prefix = decode(event_id)
        ahead = from_bytes(prefix) * 1000 - offset - microseconds
        if not -tolerance <= ahead <= tolerance:
            raise IdTimeError(f"{ahead // 1_000_000} s")
        raw = event_id.encode()
        hasher = seeded()
        hasher.update(raw)
        key = prefix + hasher.digest()
        return raw, key, key

    return keys


def uuid7_time(event_id):
    """Milliseconds since 1970 that a UUID of version 7 carries, as 6 bytes.

    RFC 9562, section 5.7: the first 48 bits.

    >>> uuid7_time("017f22e2-79b0-7cc3-98c4-dc0c0c07398f").hex()
    '017f22e279b0'
    """
    try:
        bits = bytes.fromhex(event_id.replace("-", ""))
    except ValueError:
        bits = b""
    if len(bits) != 16 or bits[6] >> 4 != 7:
        raise IdTimeError("UUID v7")
    return bits[:6]


_DIGITS = "ABCDEFGHJKMNPQRSTVWXYZ"  # after 0 to 9; Python's go from a to v
_CROCKFORD = str.maketrans(
    _DIGITS + _DIGITS.lower() + "ILOUilou",
    "abcdefghijklmnopqrstuv" * 2 + "!" * 8,
)


def ulid_time(event_id):
    """Milliseconds since 1970 that a ULID carries, as 6 bytes.

    ulid/spec, "Binary Layout": the first 48 bits are the first ten characters of
    Crockford's base 32.

    >>> ulid_time("01ARZ3NDEKTSV4RRFFQ69G5FAV").hex()
    '01563e3ab5d3'
    """
    if len(event_id) != 26 or not (event_id.isascii() and event_id.isalnum()):
        raise IdTimeError("ULID")
    try:
        milliseconds = int(event_id[:10].translate(_CROCKFORD), 32)
    except ValueError:
        raise IdTimeError("ULID") from None
    if milliseconds >= 1 << 48:
        raise IdTimeError("ULID")
    return milliseconds.to_bytes(6, "big")


#: Formats of ids that carry their time.
DECODERS = {"uuid7": uuid7_time, "ulid": ulid_time}


def carried_time(mode, event_id):
    """Naive UTC time that an id carries.

    :param str mode: one of DECODERS
    :raise IdTimeError: it carries none
    """
    milliseconds = int.from_bytes(DECODERS[mode](event_id), "big")
    return datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)


def route_hash(key):
    """MD5 of what routes are told apart by, as hexadecimal text.

    :param key: (company id, source id, subscription id, period id, dimension set id,
        kind, currency or None, type, subject)
    """
    *numbers, kind, currency, etype, subject = key
    parts = (*numbers, kind, currency or "", len(etype), etype, subject)
    text = "|".join(map(str, parts))
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def payload_hasher(text):
    """Hash object over the beginning of the canonical text of an event's content.

    Copied, completed and digested, it gives the eight bytes of the payload hash.
    """
    return xxh3_64(encoded(text))


def encoded(text):
    """Bytes of a text to be hashed, which need not be valid Unicode."""
    return text.encode("utf-8", "surrogatepass")


def payload_hash(text):
    """Eight bytes of hash of the canonical text of an event's content."""
    return payload_hasher(text).digest()


def payload_bytes(number):
    """A payload hash from the signed bigint that PostgreSQL keeps it as."""
    return number.to_bytes(8, "big", signed=True)
