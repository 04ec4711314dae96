"""Members of events, read one by one; who finds one amiss says what is wrong."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import msgspec

from . import jsontext
from .jsontext import BadNumber
from .limits import MAX_DIGITS, MAX_NAME
from .words import Sentence as _lt

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
#: RFC 3339, section 5.6, and the zone, if there is one; Python reads much of ISO 8601
#: besides, week dates for one.
rfc_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
).fullmatch
_NO_TIME = _lt(
    "not a date and time as in RFC 3339, such as 2026-09-15T12:00:00Z or "
    "2026-09-15T14:00:00+02:00"
)
_NO_SUCH_TIME = _lt("there is no such day or hour")
_from_iso = datetime.fromisoformat
EMPTY = {}
#: Whether the first digit of a number stands where numbers of the store begin.
is_modest = frozenset(range(-MAX_DIGITS, MAX_DIGITS)).__contains__
encode = msgspec.json.Encoder(
    enc_hook=str, decimal_format="number", order="deterministic"
).encode


class Unreadable(Exception):
    """An event that cannot be read: reason code, field, sentence."""


def join_id(source, event_id):
    """One id of a CloudEvent's source and id; no two pairs share one.

    >>> join_id("/gateway/eu", "4711")
    '/gateway/eu 4711'
    """
    if "%" in source or " " in source:
        source = source.replace("%", "%25").replace(" ", "%20")
    return f"{source} {event_id}"


def read_name(value, name):
    """A text that is there and not too long."""
    if value.__class__ is not str:
        if value is None:
            raise Unreadable("missing_field", name, _lt("is missing"))
        raise Unreadable("invalid_value", name, _lt("must be a text"))
    if not value:
        raise Unreadable("missing_field", name, _lt("is empty"))
    if len(value) > MAX_NAME:
        raise Unreadable(
            "invalid_value",
            name,
            _lt("is longer than %(most)s characters", most=MAX_NAME),
        )
    if "\0" in value:
        raise Unreadable("invalid_value", name, jsontext.HAS_NUL)
    return value


def read_time(text, name):
    """Naive UTC datetime of an RFC 3339 date-time with its zone.

    A small t, or a space, may stand for the T; there are no leap seconds.
    """
    try:
        found = rfc_3339(text)
        if found is None:
            raise ValueError(_NO_TIME)
        zone = found[1]
        if zone is None:
            raise ValueError(
                _lt("the zone is missing: end with Z or an offset as +02:00")
            )
        if zone in "Zz":
            return _from_iso(text[:-1])
        return _from_iso(text).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        said = error.args[0]
        if not isinstance(said, _lt):
            said = _NO_SUCH_TIME
        raise Unreadable(
            "invalid_time",
            name,
            _lt("“%(text)s”: %(said)s", text=text[:50], said=said),
        ) from error
    except TypeError as error:
        if text is None:
            raise Unreadable("missing_field", name, _lt("is missing")) from error
        raise Unreadable(
            "invalid_time",
            name,
            _lt("must be a text as in RFC 3339, such as 2026-09-15T12:00:00Z"),
        ) from error


def read_number(value, name):
    """A Decimal with every digit, or None."""
    kind = value.__class__
    if value is None:
        return None
    if kind is int:
        number = Decimal(value)
    elif kind is Decimal:
        number = value
    elif kind is str and _NUMBER.fullmatch(value):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise Unreadable("invalid_value", name, _lt("is not a number")) from None
    else:
        raise Unreadable(
            "invalid_value",
            name,
            _lt("%(text)s is not a decimal number", text=shown(value)[:60]),
        )
    if not is_modest(number.adjusted()):
        raise Unreadable(
            "invalid_value",
            name,
            _lt("has more than %(most)s digits on one side", most=MAX_DIGITS),
        )
    return number


def read_currency(value, name="currency"):
    if value is None:
        return None
    if value.__class__ is not str or not (
        len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    ):
        raise Unreadable(
            "invalid_value", name, _lt("must be a code such as EUR (ISO 4217)")
        )
    return value


def read_object(value, name):
    if value is None:
        return EMPTY
    if value.__class__ is not dict:
        raise Unreadable("invalid_value", name, _lt("must be a JSON object"))
    return value


def read_texts(members, name, most, longest):
    """Members of an object as texts; nulls are left out.

    :param int most: members allowed; :param int longest: characters of a value
    """
    if members.__class__ is not dict:
        raise Unreadable("invalid_value", name, _lt("must be a JSON object"))
    if not members:
        return EMPTY
    if len(members) > most:
        raise Unreadable(
            "invalid_value", name, _lt("has more than %(most)s members", most=most)
        )
    for key, value in members.items():
        if value.__class__ is not str or len(value) > longest or len(key) > MAX_NAME:
            break
    else:
        return members
    if max(map(len, members)) > MAX_NAME:
        raise Unreadable("invalid_value", name, _lt("has a name that is too long"))
    texts = {
        key: _text(value, f"{name}.{key[:100]}")
        for key, value in members.items()
        if value is not None
    }
    for key, text in texts.items():
        if len(text) > longest:
            raise Unreadable(
                "invalid_value",
                f"{name}.{key[:100]}",
                _lt("is longer than %(most)s characters", most=longest),
            )
    return texts


def _text(value, name):
    """A JSON value as text: numbers in full, lists and objects as JSON."""
    kind = value.__class__
    if kind is str:
        return value
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Decimal:
        text = format(read_number(value, name), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if kind is BadNumber:
        raise Unreadable(
            "invalid_value", name, _lt("%(text)s is not a number", text=value[:60])
        )
    return encode(value).decode()


def shown(value):
    """A value in a message or a list, cut to a sensible length."""
    if value is None:
        return ""
    return (value if isinstance(value, str) else encode(value).decode())[:MAX_NAME]
