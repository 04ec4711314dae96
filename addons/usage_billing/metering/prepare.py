"""Rows of a chunk, matched and made ready to be stored. Pure; no SQL.

The loop in :func:`prepare` decides how fast an import is: what rows have in common is
looked up once, in the route and its segment, and nothing is done twice.
"""

import gc
import re
from contextlib import contextmanager, suppress
from decimal import Decimal
from operator import itemgetter

from . import copybin
from .copybin import NOTHING_OPTIONAL
from .instants import EPOCH, from_microseconds, to_microseconds
from .jsonform import document_of, members_of, said_by
from .keys import IdTimeError, payload_hasher
from .values import EventRow

_type_of = itemgetter(1)
_subject_of = itemgetter(2)
_time_of = itemgetter(3)
_dimensions_of = itemgetter(7)
_TEXTS = ("event_id", "type", "subject", "currency")
#: What PostgreSQL cannot store.
_STRANGE = re.compile("[\0\ud800-\udfff]")
_NUMBER = re.compile(
    r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*", re.ASCII
)
#: Characters of a text that is no number, as far as the reason shows them.
_SHOWN = 60


class Held(Exception):
    """A row that cannot be stored: reason code and detail."""


class Prepared:
    """Rows of a chunk, matched.

    entries: parallel to the rows: (key, microseconds, payload hash, slot, row number,
        bytes of the id, encoded value, encoded amount and properties); None for rows
        that failed
    uniques: parallel to the rows: what the event is told apart by, None where failed
    first: unique -> index of the first row that shows it
    repeated: (index, unique) of the rows that show it again
    failures: (index, reason, detail)
    """

    __slots__ = ("entries", "failures", "first", "repeated", "uniques")

    def __init__(self):
        self.entries = []
        self.uniques = []
        self.first = {}
        self.repeated = []
        self.failures = []


def prepare(rows, routes, key_of):
    """Match and encode each row of a chunk.

    :param list[EventRow] rows: with naive UTC times
    :param list[Route] routes: parallel to the rows
    :param key_of: from :func:`.keys.key_function`
    :rtype: Prepared
    """
    prepared = Prepared()
    add, add_unique = prepared.entries.append, prepared.uniques.append
    first_seen = prepared.first.setdefault
    number_of, epoch = copybin.number, EPOCH
    for index, (row, route) in enumerate(zip(rows, routes, strict=True)):
        event_id, _, _, time, value, amount, currency, _, properties, number = row
        try:
            if not event_id or time is None:
                raise Held("missing_field", _missing(row))
            delta = time - epoch
            microseconds = (
                delta.days * 86_400 + delta.seconds
            ) * 1_000_000 + delta.microseconds
            if not route.low <= microseconds < route.high:
                reason = route.move(microseconds)
                if reason:
                    raise Held(reason, "")
            segment = route.segment
            raw_id, unique, key = key_of(event_id, microseconds)
            value_text, value_bytes = number_of(value)
            if value is None and segment.needs_value:
                raise _no_value(row)
            if amount is None and currency is None and not properties:
                rest = NOTHING_OPTIONAL
                slot = segment.slot or segment.slot_of(None)
                hasher = route.begin()
                hasher.update(f"{microseconds}|{value_text}||".encode())
            else:
                said, text, rest = optional_fields(route, amount, currency, properties)
                slot = segment.slot_of(currency or None)
                hasher = payload_hasher(
                    f"{route.head}{said}|{microseconds}|{value_text}|{text}"
                )
            if segment.is_strict or currency is not None:
                _check_meters(segment, row)
        except Held as error:
            reason, detail = error.args
            if reason == "invalid_value":
                detail = strange_text(row) or detail
            failure = (index, reason, detail)
        except IdTimeError as error:
            failure = (index, "id_time", str(error))
        except (ValueError, ArithmeticError) as error:
            failure = (index, "invalid_value", strange_text(row) or str(error))
        else:
            add(
                (
                    key,
                    microseconds,
                    hasher.digest(),
                    slot,
                    number,
                    raw_id,
                    value_bytes,
                    rest,
                )
            )
            add_unique(unique)
            if first_seen(unique, index) != index:
                prepared.repeated.append((index, unique))
            continue
        prepared.failures.append(failure)
        add(None)
        add_unique(None)
    return prepared


def gather(prepared, same):
    """New rows by segment and local day.

    :param dict same: indexes of rows that are not new
    :return: list of (segment, local day, row indexes); a pair may come several times
    """
    gathered, entries = [], prepared.entries
    for index in prepared.first.values():
        if same and index in same:
            continue
        entry = entries[index]
        microseconds, segment = entry[1], entry[3].segment
        days = segment.days
        if not days.low <= microseconds < days.high:
            days.lead(microseconds)
        if segment.day == days.day:
            segment.rows.append(index)
        else:
            segment.turn(days.day, gathered).append(index)
    for segment, _day, _rows in gathered:
        segment.day = None
    return gathered


@contextmanager
def many_objects():
    """Let nobody look for cycles while a chunk's tuples are made: there are none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def optional_fields(route, amount, currency, properties):
    """What most events do not have.

    :return: text of dimensions and properties, the same whichever is which; text of
        amount and currency; encoded fields
    """
    amount_text, amount_bytes = copybin.number(amount)
    if currency:
        copybin.text(currency)  # refuses what cannot be stored
    document, said = document_of(properties)
    members = route.kind.members
    if members:
        said = said_by(members_of(properties or {}), members)
    else:
        said = said.decode()
    return (
        said,
        f"{amount_text}|{currency or ''}",
        amount_bytes + copybin.jsonb(document.decode() if document else None),
    )


def route_keys(rows, numbers):
    """(type, subject, number of the dimension items) of each row.

    :param dict numbers: dimension items -> number, completed here
    """
    return list(zip(*columns_of_keys(rows, numbers), strict=True))


def columns_of_keys(rows, numbers):
    """Types, subjects and numbers of the dimension items of rows: three lists.

    Feeds hand out the same few mappings over and over: each is looked into once.

    :param dict numbers: dimension items -> number, completed here
    """
    mappings = list(map(_dimensions_of, rows))
    identities = list(map(id, mappings))
    known = {}
    for identity, dimensions in dict(zip(identities, mappings, strict=True)).items():
        items = tuple(dimensions.items())
        known[identity] = numbers.setdefault(items, len(numbers))
    return (
        list(map(_type_of, rows)),
        list(map(_subject_of, rows)),
        list(map(known.__getitem__, identities)),
    )


def naive(rows):
    """Rows with naive UTC times, and the newest time (None when no row has one)."""
    # TypeError: some have none, or aware and naive ones stand together
    with suppress(TypeError):
        newest = max(map(_time_of, rows))
        if newest is not None and newest.tzinfo is None:
            return rows, newest
    rows = [
        row
        if row[3] is None or row[3].tzinfo is None
        else EventRow(*row)._replace(time=from_microseconds(to_microseconds(row[3])))
        for row in rows
    ]
    return rows, max((row[3] for row in rows if row[3] is not None), default=None)


def oldest_of(rows):
    """The oldest time of rows with naive times, None when one has none."""
    with suppress(TypeError):
        return min(map(_time_of, rows))
    return None


def fingerprint(row, route, identity_of):
    """Identity and payload hash of a row outside the fast loop, None without."""
    row = EventRow(*row)
    try:
        _raw, identity = identity_of(row.event_id)
        value_text, _bytes = copybin.number(row.value)
        said, rest, _bytes = optional_fields(
            route, row.amount, row.currency, row.properties
        )
        moment = to_microseconds(row.time)
    except (ValueError, ArithmeticError, TypeError, AttributeError):
        return None
    text = f"{route.head}{said}|{moment}|{value_text}|{rest}"
    return identity, payload_hasher(text).digest()


def values_of(meter, rows):
    """Numbers that a meter reads from events."""
    if meter.value_source == "value":
        return [row[4] for row in rows]
    if meter.value_source == "amount":
        return [row[5] for row in rows]
    return [Decimal(_property(meter.value_property, row)) for row in rows]


def shows(row, filters):
    """Whether an event's properties show all these (name, value) pairs."""
    return all(row[8].get(key) == value for key, value in filters)


def _missing(row):
    """Names of the required fields a row lacks."""
    row = EventRow(*row)
    return ", ".join(
        name
        for name in ("event_id", "type", "subject", "time")
        if not getattr(row, name)
    )


def strange_text(row):
    """Field with a character that PostgreSQL cannot store, and the character.

    >>> strange_text(EventRow("e1", "cpu", "a\\0b", None, None))
    'subject: \\\\u0000'
    """
    row = EventRow(*row)
    texts = {name: getattr(row, name) for name in _TEXTS}
    for name in ("dimensions", "properties"):
        for key, value in (getattr(row, name) or {}).items():
            texts[f"{name}.{key}"] = f"{key}{value}"
    for name, text in texts.items():
        if isinstance(text, str) and (found := _STRANGE.search(text)):
            escape = f"\\u{ord(found[0]):04x}"
            return f"{_STRANGE.sub('?', name)}: {escape}"
    return ""


def _check_meters(segment, row):
    """Check what the meters of a segment need of this very event.

    :raise Held: something is missing or does not fit
    """
    for meter, _dimset, filters in segment.meters:
        if filters and not shows(row, filters):
            continue
        if meter.unique_property and _property(meter.unique_property, row) is None:
            raise Held("missing_field", meter.unique_property)
        if not meter.needs_value:
            continue
        if meter.value_source == "amount":
            if row[5] is None:
                raise Held("missing_field", "amount")
            if row[6] and segment.currency and row[6] != segment.currency:
                raise Held("currency", f"{row[6]}, {segment.currency}")
        elif meter.value_source == "property":
            text = _property(meter.value_property, row)
            if text is None:
                raise Held("missing_field", meter.value_property)
            if said := _not_a_number(meter.value_property, text):
                raise Held("invalid_value", said)
        elif row[4] is None:
            raise _no_value(row)


def _no_value(row):
    """Why an event has no value: none was sent, or a text that is no number.

    Doors of other systems take any text under the name "value". What no number can be
    read from stays with the event as sent, and is told here if a meter needs it.

    :rtype: Held
    """
    text = _property("value", row)
    if text is not None and (said := _not_a_number("value", text)):
        return Held("invalid_value", said)
    return Held("missing_field", "value")


def _not_a_number(name, text):
    """What is wrong with a text that a meter reads a number from, "" if nothing is.

    Only what PostgreSQL reads alike is a number: it knows no 1_000, which Decimal does.
    """
    if not _NUMBER.fullmatch(text):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"{name}: {shown} is not a decimal number"
    try:
        copybin.number(Decimal(text))
    except (ValueError, ArithmeticError) as error:
        return f"{name}: {error}"
    return ""


def _property(name, row):
    text = row[8].get(name)
    return row[7].get(name) if text is None else text
