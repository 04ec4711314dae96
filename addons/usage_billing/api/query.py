"""Query parameters: read strictly, or the caller is told what is wrong."""

import base64
import binascii
import json
from datetime import UTC, datetime

from . import members
from .members import Unreadable
from .problem import invalid_parameter
from .words import Sentence as _lt

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


def is_storable(text):
    """Whether PostgreSQL can hold a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def check_text(name, text):
    """Refuse texts that PostgreSQL cannot hold.

    :raise ApiProblem: 400
    """
    if not is_storable(text):
        raise invalid_parameter(
            name, _lt("The text holds a character that is not allowed.")
        )
    return text


def read_limit(query):
    """Rows of a page."""
    return read_int(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)


def read_int(query, name, default=None, low=0, high=2**31 - 1):
    """A whole number within bounds, ``default`` when missing."""
    text = query.get(name)
    if text is None:
        return default
    if (
        text.isascii()
        and text.isdigit()
        and len(text) < 12
        and low <= int(text) <= high
    ):
        return int(text)
    raise invalid_parameter(
        name,
        _lt("A whole number from %(low)s to %(high)s is expected.", low=low, high=high),
    )


def read_choice(query, name, choices, default=None):
    """One of a few words."""
    text = query.get(name, default)
    if text is not None and text not in choices:
        raise invalid_parameter(
            name,
            _lt(
                "“%(text)s” is none of: %(words)s.",
                text=text[:50],
                words=", ".join(choices),
            ),
        )
    return text


def read_time(query, name, default=None):
    """Naive UTC datetime of an RFC 3339 text with its zone.

    The plus of an offset that is not escaped comes as a space.
    """
    text = query.get(name)
    if text is None:
        return default
    try:
        return members.read_time(text[:11] + text[11:].replace(" ", "+"), name)
    except Unreadable as error:
        raise invalid_parameter(
            name,
            _lt("%(detail)s.", detail=error.args[2]),
            _lt("Write it as %(example)s.", example="2026-09-15T12:00:00Z"),
        ) from error


def read_names(query, name, most=10):
    """Names separated by commas, each once."""
    names = [part.strip() for part in query.get(name, "").split(",")]
    names = list(dict.fromkeys(part for part in names if part))
    if len(names) > most or any(len(part) > 200 for part in names):
        raise invalid_parameter(
            name, _lt("At most %(most)s short names are expected.", most=most)
        )
    return names


def write_time(moment):
    """RFC 3339 text of a naive UTC datetime.

    >>> write_time(datetime(2026, 9, 15, 12))
    '2026-09-15T12:00:00Z'
    """
    return None if not moment else f"{moment.isoformat()}Z"


def write_cursor(*parts):
    """Text that continues a list after a row; to be sent back as it is."""
    data = json.dumps(
        [
            f"T{part.isoformat()}" if isinstance(part, datetime) else part
            for part in parts
        ]
    )
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def read_cursor(query, *types):
    """Parts of the ``cursor`` parameter, None when there is none.

    :param types: of the parts: int, str or datetime
    """
    text = query.get("cursor")
    if text is None:
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True)
        parts = json.loads(data)
        if not isinstance(parts, list) or len(parts) != len(types):
            raise ValueError("parts")
        return tuple(map(_part, parts, types))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise invalid_parameter(
            "cursor",
            _lt("The cursor is not one that this list gave."),
            _lt("Send “next” of the page before, or leave the cursor out."),
        ) from error


def _part(part, kind):
    if kind is datetime:
        if not isinstance(part, str) or part[:1] != "T":
            raise ValueError(part)
        moment = datetime.fromisoformat(part[1:])
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if type(part) is not kind or (kind is int and not 0 <= part < 2**63):
        raise ValueError(part)
    if kind is str:
        check_text("cursor", part)
    return part
