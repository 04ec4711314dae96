"""Deterministic keys of an event.

Three numbers are derived from an event, always the same for a re-send:

identity
    16 bytes from (company, source, event id), unique for ever in the registry. Feeds
    that number their events differ in the end of the id only, so the identity keeps
    that end in its middle: new rows land side by side in the index, at half the cost of
    a random order. Two ids share an identity only if they end alike and 80 bits of
    hash agree.
key
    16 bytes: milliseconds of the event time, then the rest of the identity; unique
    within the month's table, in time order for the same reason.
payload hash
    8 bytes over everything the event says besides its identity. Same identity and
    another payload hash is a conflict.
"""

from hashlib import blake2b

#: Units of time are microseconds since 2000-01-01, PostgreSQL's own.
MS_BEFORE_2000 = 946_684_800_000
_MASK_48 = (1 << 48) - 1

#: Bytes of the id's end that an identity shows as they are.
_END = 6
_STEMS_KEPT = 50_000

_EMPTY_PAYLOAD = blake2b(digest_size=8).copy  # copying is cheaper than making


def identity_function(company_id, source_id):
    """Make the function that identifies events of one source.

    :param int company_id: part of the identity
    :param int source_id: part of the identity
    :return: function event id -> (its bytes, identity); raises ValueError for an id
        that cannot be stored
    """
    scope = f"{company_id}\x1f{source_id}\x1f".encode()
    seeded = blake2b(scope, digest_size=6).copy
    prefixes = {}

    def prefix_of(stem):
        if len(prefixes) >= _STEMS_KEPT:
            prefixes.clear()
        hasher = seeded()
        hasher.update(b"\x1e" + stem)
        prefix = prefixes[stem] = hasher.digest()[:4]
        return prefix

    def identity(event_id):
        raw = event_id.encode()
        if b"\x00" in raw:
            raise ValueError("NUL character in the event id")
        hasher = seeded()
        hasher.update(raw)
        digest = hasher.digest()
        stem = raw[:-_END]
        prefix = prefixes.get(stem) or prefix_of(stem)
        end = raw[-_END:] if stem else raw.rjust(_END, b"\x00")
        return raw, prefix + end + digest

    return identity


def event_key(microseconds, identity):
    """Key of an event: time first, so that a batch lands at one place of the index.

    :param int microseconds: event time since 2000-01-01 UTC
    :param bytes identity: from the identity function; its last ten bytes are taken
    """
    milliseconds = microseconds // 1000 + MS_BEFORE_2000
    return (milliseconds & _MASK_48).to_bytes(6, "big") + identity[6:]


def payload_hash(text):
    """Eight bytes of hash of the canonical text of an event's content."""
    hasher = _EMPTY_PAYLOAD()
    hasher.update(text.encode())
    return hasher.digest()


def payload_bytes(number):
    """A payload hash from the signed bigint that PostgreSQL keeps it as."""
    return number.to_bytes(8, "big", signed=True)
