"""Orders to correct the past, read and checked: void, amend, backfill."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime

from .limits import MAX_EVENTS
from .members import Unreadable, read_name, read_time
from .problem import ApiProblem, invalid_parameter
from .query import is_storable
from .words import Sentence as _lt

MAX_CORRECTIONS = 1_000
MAX_NAMES = 1_000
MAX_REASON = 500
MODES = ("replace", "add")
REQUIRED = {"events", "reason"}
#: The header that makes an order one, however often it is sent.
KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]([ -~]{0,253}[!-~])?$"


@dataclass(frozen=True, slots=True)
class Order:
    """What every order says.

    events: JSON values, not read yet
    is_dry: only look
    digest: SHA-256 of what was ordered, the same however it was written
    """

    events: list
    reason: str
    is_dry: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Backfill(Order):
    """What a source should have sent from start until end, both naive UTC.

    subscriptions, meters: codes, empty for all
    """

    start: datetime = datetime.min
    end: datetime = datetime.max
    mode: str = MODES[0]
    subscriptions: list = field(default_factory=list)
    meters: list = field(default_factory=list)


def read_order(document):
    """An order to void or to amend.

    :raise ApiProblem: 422, it has another shape
    """
    _check_members(document, REQUIRED, {"dry_run"})
    return Order(
        events=_read_list(document, MAX_CORRECTIONS, 1),
        reason=_read_reason(document),
        is_dry=_read_flag(document, "dry_run"),
        digest=_digest(document),
    )


def read_backfill(document):
    """An order to fill a span.

    :rtype: Backfill
    :raise ApiProblem: 422, it has another shape
    """
    _check_members(
        document,
        REQUIRED | {"from", "to"},
        {"dry_run", "mode", "subscriptions", "meters"},
    )
    start, end = (_read_second(document, name) for name in ("from", "to"))
    if start >= end:
        raise _refused(
            "invalid_value", _lt("“to” must be later than “from”."), field="to"
        )
    mode = document.get("mode", MODES[0])
    if mode not in MODES:
        raise _refused(
            "invalid_value",
            _lt("One of these is expected: %(words)s.", words=", ".join(MODES)),
            field="mode",
        )
    return Backfill(
        events=_read_list(document, MAX_EVENTS, 0),
        reason=_read_reason(document),
        is_dry=_read_flag(document, "dry_run"),
        digest=_digest(document),
        start=start,
        end=end,
        mode=mode,
        subscriptions=_read_names(document, "subscriptions"),
        meters=_read_names(document, "meters"),
    )


def read_key(headers):
    """The sender's own key of an order, "" without one.

    :raise ApiProblem: 400, it is no key
    """
    text = headers.get(KEY_HEADER)
    if text is None:
        return ""
    if not re.fullmatch(KEY_PATTERN, text.strip()):
        raise invalid_parameter(
            KEY_HEADER,
            _lt("1 to 255 printable ASCII characters are expected."),
            _lt("Send a UUID, a new one for each order and the same when sent again."),
        )
    return text.strip()


def reused_key(key):
    """The problem of a key that came with another order before."""
    return ApiProblem(
        422,
        "idempotency_key_reused",
        _lt("The key belongs to another order"),
        _lt(
            "“%(key)s” came with an order that said something else; this one was not "
            "carried out.",
            key=key,
        ),
        field=KEY_HEADER,
        action=_lt("Send a new order with a new key."),
    )


def read_event_to_void(entry, index):
    """(event id, time or None) of an entry.

    :raise ApiProblem: 422, it has another shape
    """
    if not isinstance(entry, dict) or entry.keys() - {"id", "time"}:
        sentence = _lt("an object with “id”, and “time” where needed")
        raise unreadable("unreadable", index, None, sentence)
    try:
        time = entry.get("time")
        return (
            read_name(entry.get("id"), "id"),
            None if time is None else read_time(time, "time"),
        )
    except Unreadable as error:
        code, name, sentence = error.args
        text = _lt("%(field)s: %(sentence)s", field=name, sentence=sentence)
        raise unreadable(code, index, name, text) from error


def unreadable(code, index, name, detail):
    """The problem of an entry that cannot be read."""
    return ApiProblem(
        422,
        code,
        _lt("The order cannot be read"),
        _lt("%(detail)s. Nothing was corrected.", detail=detail),
        field=f"events[{index}].{name}" if name else f"events[{index}]",
        action=_lt("Correct the entry and send the order again."),
    )


def unknown(name, index, code):
    """The problem of a code that names nothing."""
    return _refused(
        "invalid_value",
        _lt("There is none with the code “%(code)s”.", code=code[:100]),
        field=f"{name}[{index}]",
    )


def _refused(code, detail, field=None, action=None):
    title = _lt("The order has another shape")
    if action is None:
        action = _lt("Correct the order and send it again; nothing was corrected.")
    return ApiProblem(422, code, title, detail, field=field, action=action)


def _digest(document):
    ordered = {name: document[name] for name in document if name != "dry_run"}
    # numbers are int or Decimal, as they were written
    text = json.dumps(ordered, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_members(document, required, optional):
    if not isinstance(document, dict):
        raise _refused("wrong_shape", _lt("The body must be a JSON object."))
    missing = sorted(required - document.keys())
    if missing:
        raise _refused(
            "wrong_shape",
            _lt("The member “%(name)s” is missing.", name=missing[0]),
            field=missing[0],
        )
    unknown_names = sorted(document.keys() - required - optional)
    if unknown_names:
        raise _refused(
            "wrong_shape",
            _lt("There is no member “%(name)s”.", name=unknown_names[0][:100]),
            field=unknown_names[0][:100],
            action=_lt(
                "Known ones: %(names)s.", names=", ".join(sorted(required | optional))
            ),
        )


def _read_list(document, most, least):
    listed = document["events"]
    if not isinstance(listed, list) or not least <= len(listed) <= most:
        raise _refused(
            "wrong_shape",
            _lt("From %(least)s to %(most)s events are expected.", least=least,
                most=most),
            field="events",
        )  # fmt: skip
    return listed


def _read_reason(document):
    reason = document["reason"]
    if (
        not isinstance(reason, str)
        or not reason.strip()
        or len(reason) > MAX_REASON
        or not is_storable(reason)
    ):
        raise ApiProblem(
            422,
            "missing_reason",
            _lt("The reason is missing"),
            _lt("A correction needs a reason of 1 to %(most)s characters.",
                most=MAX_REASON),
            field="reason",
            action=_lt("Say why; it is kept with the correction."),
        )  # fmt: skip
    return reason


def _read_flag(document, name):
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise _refused(
            "invalid_value", _lt("“true” or “false” is expected."), field=name
        )
    return value


def _read_second(document, name):
    try:
        moment = read_time(document[name], name)
    except Unreadable as error:
        code, _name, sentence = error.args
        raise _refused(code, _lt("%(detail)s.", detail=sentence), field=name) from error
    except TypeError:
        moment = None
    if moment is None or moment.microsecond:
        raise _refused("invalid_time", _lt("A whole second is expected."), field=name)
    return moment


def _read_names(document, name):
    names = document.get(name) or []
    if (
        not isinstance(names, list)
        or len(names) > MAX_NAMES
        or not all(isinstance(one, str) and is_storable(one) for one in names)
    ):
        raise _refused(
            "invalid_value",
            _lt("A list of at most %(most)s codes is expected.", most=MAX_NAMES),
            field=name,
        )
    return names
