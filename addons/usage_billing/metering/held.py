"""Rows that are held, and why."""

import hashlib

from .jsonform import event_to_json
from .store import HeldRow
from .values import EventRow


def status_of(row):
    """Status of a row that is held."""
    if row.reason == "conflict":
        return "conflict"
    return "ignored" if row.is_ignored else "quarantined"


def held_as_received(row):
    """A row that is no event. One with an id that is sent again is not held twice."""
    digests = ("", "")
    if row.event_id and row.raw:
        digests = (_digest(row.event_id), _digest(row.raw))
    return HeldRow(
        row_number=row.row_number,
        reason=row.reason,
        detail=row.detail,
        raw=row.raw,
        is_event=False,
        event_id=row.event_id,
        type=row.type,
        subject=row.subject,
        time=row.time,
        amount=row.amount,
        identity=digests[0],
        payload_hash=digests[1],
    )


def held_event(row, digests, reason, detail, is_ignored):
    """An event that is held.

    :param digests: identity and payload hash, see :func:`.prepare.fingerprint`
    """
    row = EventRow(*row)
    identity, content = digests
    return HeldRow(
        row_number=row.row_number,
        reason=reason,
        detail=detail,
        raw=event_to_json(row),
        is_event=True,
        event_id=row.event_id or "",
        type=row.type or "",
        subject=row.subject or "",
        time=row.time,
        amount=row.amount,
        identity=identity.hex(),
        payload_hash=content.hex(),
        is_ignored=is_ignored,
    )


def _digest(text):
    """Hex digest of a text as received, which need not be valid Unicode."""
    data = text.encode("utf-8", "surrogatepass")
    return "raw-" + hashlib.sha256(data).hexdigest()[:32]
