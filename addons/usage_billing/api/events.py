"""How usage events are written in requests.

Forms
    own JSON          {"events": [event, …]}, [event, …] or one event
    CloudEvents 1.0   structured, batch, binary (JSON format of the CNCF specification)
    NDJSON            one event a line, own or CloudEvents; a broken line stops no other

An event of our own
    {"id": "…", "type": "…", "subject": "…", "time": "…", "value": 1.5,
     "unit": "…", "amount": …, "currency": "…", "dimensions": {…}, "properties": {…}}

A CloudEvent has the same in ``data``: value, amount, currency, dimensions, properties;
its other members are dimensions when a meter keeps them apart, else properties. Its id
is unique within its ``source``, so both together make the event id.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Meta, UnsetType

from . import jsontext
from .body import faulty, load_json, read_json
from .jsontext import BadJson, BadNumber
from .problem import ApiProblem, unsupported_type
from .words import Sentence as _lt

MAX_EVENTS = 10_000
MAX_NAME = 512
MAX_DIMENSIONS = 32
MAX_DIMENSION = 512
MAX_PROPERTIES = 200
MAX_PROPERTY = 8_192
MAX_DIGITS = 100
#: From so many events on, columns of them are quicker than rows.
MANY = 20

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ACCEPTED = (JSON, STRUCTURED, BATCH, *NDJSON)

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
#: Words of Python's own messages about parts of a time that there are not.
_NO_SUCH = re.compile("must be in|out of range")
_OWN = frozenset(
    "id type subject time value unit amount currency dimensions properties".split()
)
_DATA = frozenset("value amount currency dimensions properties".split())
_EMPTY = {}
_NO_TIME = _lt("not a date and time as in RFC 3339")
_NO_MEMBER = _lt("there is no such member; anything else goes into “properties”")
_NO_SUCH_TIME = _lt("there is no such day or hour")
_from_iso = datetime.fromisoformat
#: Whether the first digit of a number stands where numbers of the store begin.
_is_modest = frozenset(range(-MAX_DIGITS, MAX_DIGITS)).__contains__
_encode = msgspec.json.Encoder(
    enc_hook=str, decimal_format="number", order="deterministic"
).encode


_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Key = Annotated[str, Meta(max_length=MAX_NAME)]


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event of our own as nearly all are: decoded and checked in one go."""

    id: _Name
    type: _Name
    subject: _Name
    time: str
    value: msgspec.Raw | UnsetType = UNSET
    dimensions: (
        Annotated[
            dict[_Key, Annotated[str, Meta(max_length=MAX_DIMENSION)]],
            Meta(max_length=MAX_DIMENSIONS),
        ]
        | None
        | UnsetType
    ) = UNSET
    properties: (
        Annotated[
            dict[_Key, Annotated[str, Meta(max_length=MAX_PROPERTY)]],
            Meta(max_length=MAX_PROPERTIES),
        ]
        | None
        | UnsetType
    ) = UNSET


class _PlainRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    events: Annotated[list[_Plain], Meta(max_length=MAX_EVENTS)]


_decode_plain = msgspec.json.Decoder(_PlainRequest).decode


class Unreadable(Exception):
    """An event that cannot be read: reason code, field, sentence."""


@dataclass(slots=True)
class Reading:
    """Events of a request.

    rows: sequence of one for each event, in order; row numbers count from 1
    fields: row number -> member of the event that could not be read
    sentences: row number -> what is wrong with it
    is_single: the request is one event, so its outcome is the outcome of the request
    has_units: some rows name the unit of their value, see ``unit_row`` of the reader
    """

    rows: list = field(default_factory=list)
    fields: dict[int, str] = field(default_factory=dict)
    sentences: dict[int, str] = field(default_factory=dict)
    is_single: bool = False
    has_units: bool = False


def _columns_of(events):
    """Columns of plain events, and the number of members of the request.

    :return: (ids, types, subjects, times, values, dimensions, properties), number
    """
    values = [event.value for event in events]
    names, missing = 5 * len(events), values.count(UNSET)
    if missing:
        values = [None if value is UNSET else value for value in values]
    mappings, named = _mappings([event.dimensions for event in events])
    properties, filled = _mappings([event.properties for event in events])
    columns = (
        [event.id for event in events],
        [event.type for event in events],
        [event.subject for event in events],
        [event.time for event in events],
        values,
        mappings,
        properties,
    )
    return columns, 1 + names - missing + named + filled


def _check_numbers(values):
    """
    :param list values: bytes of JSON numbers, None for none
    :raise ValueError: one is larger or smaller than any number of the store
    """
    for value in values:
        if value and not _is_modest(Decimal(str(value, "ascii")).adjusted()):
            raise ValueError(value)


def _mappings(found):
    """
    :param list found: dicts, None and UNSET
    :return: list of dicts, None when there is none; number of members, their own names
        counted
    """
    if found.count(UNSET) == len(found):
        return None, 0
    names = sum(1 for each in found if each is not UNSET)
    if not any(found):
        return None, names
    found = [each or _EMPTY for each in found]
    return found, names + sum(map(len, found))


class EventReader:
    """Reads requests into rows of the store.

    :param event_row: class of a readable event (``metering.EventRow``)
    :param rejected_row: class of one that is not (``metering.RejectedRow``)
    :param dimension_keys: members of a CloudEvent's data that are dimensions
    :param unit_row: class of an event that names its unit (``metering.UnitRow``)
    :param columns: function making columns of many plain events, to be used instead of
        rows (``metering.EventColumns.of_texts``)
    """

    def __init__(
        self,
        event_row,
        rejected_row,
        dimension_keys=(),
        unit_row=None,
        columns=None,
    ):
        self._event = event_row
        self._columns = columns
        self._unit = unit_row
        self._has_units = False
        self._is_strange = False
        self._rejected = rejected_row
        self._dimension_keys = frozenset(dimension_keys)

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, body, content_type, headers=_EMPTY):
        """Read a request.

        :param bytes body: decompressed
        :param str content_type: header with its parameters
        :param headers: mapping of header names to values, for the binary mode
        :rtype: Reading
        :raise ApiProblem: the request as a whole cannot be read
        """
        kind = _media_type(content_type)
        if _is_binary(kind, headers):
            return self._read_single(_binary(body, kind, headers), True)
        if kind in NDJSON:
            return self._read_lines(body)
        if kind not in ACCEPTED:
            raise unsupported_type(kind, ACCEPTED)
        if kind == JSON and (reading := self._read_plain(body)):
            return reading
        document, self._is_strange = load_json(body)
        if kind == STRUCTURED:
            if not isinstance(document, dict):
                raise _wrong_shape(
                    _lt("The body must be one CloudEvent: a JSON object.")
                )
            return self._read_single(document, True)
        if isinstance(document, dict) and kind == JSON:
            if "events" not in document:
                return self._read_single(document, "specversion" in document)
            unknown = document.keys() - {"events"}
            if unknown:
                raise _wrong_shape(
                    _lt(
                        "The body must be an object with the member “events” only, "
                        "not “%(name)s”.",
                        name=min(unknown)[:100],
                    )
                )
            if document.__class__ is not dict:
                raise faulty(*jsontext.fault(document))
            document = document["events"]
        if not isinstance(document, list):
            raise _wrong_shape(_lt("The body must be a list of events."))
        return self.read_events(document, kind == BATCH)

    def read_events(self, documents, is_cloud=False):
        """Read events that were decoded already.

        :param list documents: JSON values, from :func:`.body.read_json`
        :param bool is_cloud: they must be CloudEvents
        :rtype: Reading
        """
        _check_count(len(documents))
        return self._read_all(documents, is_cloud)

    def _read_plain(self, body):
        """The request when nothing in it is out of the ordinary, else None.

        What is strange is left to the other methods, which say what is wrong.
        """
        try:
            events = _decode_plain(body).events
            rows = self._in_columns(events, body)
            if rows is None:
                rows, names = self._few(events)
                is_bare = _is_bare(body, names, 2 * len(events))
                if not is_bare and not _is_clear(body, names):
                    return None
        except (ValueError, ArithmeticError, IndexError, RecursionError, MemoryError):
            return None
        return Reading(rows)

    def _in_columns(self, events, body):
        """
        :return: columns of many plain events, None when one is out of the ordinary
        """
        if self._columns is None or len(events) < MANY:
            return None
        columns, names = _columns_of(events)
        is_bare = _is_bare(body, names, 2 * len(events))
        if not is_bare and not _is_clear(body, names):
            return None
        with suppress(ValueError, ArithmeticError, IndexError):
            rows = self._columns(*columns, is_bare)
            if rows.numbers.units is None:  # some are long
                _check_numbers(rows.values)
            return rows
        return None

    def _few(self, events):
        """
        :return: rows of plain events, and the number of members of the request
        :raise ValueError, ArithmeticError, IndexError: one is out of the ordinary
        """
        make, rows, names = partial(tuple.__new__, self._event), [], 0
        for number, event in enumerate(events, 1):
            text, value = event.time, event.value
            moment = _from_iso(text[:-1])
            if value is UNSET:
                value = None
            else:
                value, names = Decimal(str(value, "ascii")), names + 1
            if not (
                text[-1] == "Z"
                and text[13] == text[16] == ":"
                and len(text) > 18
                and moment.tzinfo is None
                and (value is None or _is_modest(value.adjusted()))
            ):
                raise ValueError(text)
            dimensions, properties = event.dimensions, event.properties
            if dimensions is not UNSET:
                names += 1 + len(dimensions or ())
            if properties is not UNSET:
                names += 1 + len(properties or ())
            rows.append(
                make(
                    (
                        event.id, event.type, event.subject, moment, value, None, None,
                        dimensions or _EMPTY, properties or _EMPTY, number,
                    )
                )
            )  # fmt: skip
        return rows, 1 + names + 4 * len(rows)

    # -- the forms -------------------------------------------------------------------

    def _read_single(self, document, is_cloud):
        """One event: what cannot be read is refused, nothing needs to be kept."""
        read = self._careful(self._read_cloud if is_cloud else self._read_own)
        try:
            rows = [read(document, 1)]
            return Reading(rows, is_single=True, has_units=self._has_units)
        except Unreadable as error:
            code, name, sentence = error.args
            raise ApiProblem(
                422,
                code,
                _lt("The event cannot be read"),
                _lt("%(field)s: %(sentence)s.", field=name, sentence=sentence),
                field=name,
                action=_lt("Correct the event and send it again; nothing was stored."),
            ) from error

    def _read_all(self, documents, is_cloud):
        reading = Reading()
        add = reading.rows.append
        read_own = self._careful(self._read_own)
        read_cloud = self._careful(self._read_cloud)
        for number, document in enumerate(documents, 1):
            try:
                if is_cloud or (
                    document.__class__ is dict and "specversion" in document
                ):
                    add(read_cloud(document, number))
                else:
                    add(read_own(document, number))
            except Unreadable as error:
                add(self._reject(reading, number, document, error))
        reading.has_units = self._has_units
        return reading

    def _read_lines(self, body):
        lines = enumerate(body.split(b"\n"), 1)
        lines = [(place, line) for place, line in lines if line.strip()]
        _check_count(len(lines))
        reading = Reading()
        for number, (place, line) in enumerate(lines, 1):
            document = line.decode("utf-8", "backslashreplace")
            try:
                try:
                    document, self._is_strange = jsontext.decode(line, place)
                except BadJson as error:
                    raise Unreadable("unreadable", "", error.args[0]) from error
                is_cloud = isinstance(document, dict) and "specversion" in document
                read = self._read_cloud if is_cloud else self._read_own
                reading.rows.append(self._careful(read)(document, number))
            except Unreadable as error:
                reading.rows.append(self._reject(reading, number, document, error))
        reading.has_units = self._has_units
        return reading

    def _reject(self, reading, number, document, error):
        """The row of an event that cannot be read, with what can be shown of it."""
        reason, name, sentence = error.args
        reading.fields[number] = name
        if name:
            sentence = _lt("%(field)s: %(sentence)s", field=name, sentence=sentence)
        reading.sentences[number] = sentence
        known = document if isinstance(document, dict) else {}
        if isinstance(document, str):
            raw = document
        elif self._is_strange:
            raw = jsontext.as_written(document, _encode)
        else:
            raw = _encode(document).decode()
        return self._rejected(
            number,
            reason,
            # rows of one missing member are put together by its name
            name if reason == "missing_field" else str(sentence),
            raw,
            event_id=_shown(known.get("id")),
            type=_shown(known.get("type")),
            subject=_shown(known.get("subject")),
        )

    def _careful(self, read):
        """The function, behind a look at what JSON allows and nobody can keep."""
        if not self._is_strange:
            return read

        def look(document, number):
            if found := jsontext.fault(document):
                raise Unreadable(*found)
            return read(document, number)

        return look

    # -- one event -------------------------------------------------------------------

    def _read_own(self, document, number):
        if document.__class__ is not dict:
            raise Unreadable("unreadable", "", _lt("an event is a JSON object"))
        get = document.get
        known = 4
        event_id, kind, subject = get("id"), get("type"), get("subject")
        # A sound event is read here, without a call for each member; whatever is
        # strange goes the long way below, which says what is wrong.
        if not (
            event_id.__class__ is str
            and 0 < len(event_id) <= MAX_NAME
            and kind.__class__ is str
            and 0 < len(kind) <= MAX_NAME
            and subject.__class__ is str
            and 0 < len(subject) <= MAX_NAME
        ):
            event_id = read_name(event_id, "id")
            kind = read_name(kind, "type")
            subject = read_name(subject, "subject")
        time = read_time(get("time"), "time")
        value = get("value")
        if value is not None:
            known += 1
            if not (value.__class__ is Decimal and _is_modest(value.adjusted())):
                value = _decimal(value, "value")
        dimensions = properties = _EMPTY
        if "dimensions" in document:
            known += 1
            dimensions = get("dimensions") or _EMPTY
            if dimensions:
                dimensions = _texts(
                    dimensions, "dimensions", MAX_DIMENSIONS, MAX_DIMENSION
                )
        if "properties" in document:
            known += 1
            properties = get("properties") or _EMPTY
            if properties:
                properties = _texts(
                    properties, "properties", MAX_PROPERTIES, MAX_PROPERTY
                )
        amount = currency = unit = None
        if len(document) != known:
            unknown = document.keys() - _OWN
            if unknown:
                raise Unreadable("unreadable", min(unknown)[:100], _NO_MEMBER)
            amount = _decimal(get("amount"), "amount")
            currency = _currency(get("currency"))
            if get("unit") is not None:
                unit = read_name(get("unit"), "unit")
        row = self._event(
            event_id, kind, subject, time, value, amount, currency, dimensions,
            properties, number,
        )  # fmt: skip
        if unit is None:
            return row
        if self._unit is None:
            raise Unreadable("unreadable", "unit", _NO_MEMBER)
        self._has_units = True
        return self._unit(row, unit, _encode(document).decode())

    def _read_cloud(self, document, number):
        if document.__class__ is not dict:
            raise Unreadable("unreadable", "", _lt("an event is a JSON object"))
        get = document.get
        if get("specversion") != "1.0":
            raise Unreadable("unreadable", "specversion", _lt("must be “1.0”"))
        event_id = read_name(get("id"), "id")
        source = read_name(get("source"), "source")
        value, amount, currency, dimensions, properties = self._read_data(document)
        return self._event(
            join_id(source, event_id),
            read_name(get("type"), "type"),
            read_name(get("subject"), "subject"),
            read_time(get("time"), "time"),
            value,
            amount,
            currency,
            dimensions,
            properties,
            number,
        )

    def _read_data(self, document):
        """Value, amount, currency, dimensions and properties of a CloudEvent."""
        data = document.get("data")
        if data is None:
            if document.get("data_base64") is not None:
                raise Unreadable(
                    "unreadable", "data_base64", _lt("send JSON in “data”")
                )
            return None, None, None, _EMPTY, _EMPTY
        if data.__class__ is not dict:
            return _decimal(data, "data"), None, None, _EMPTY, _EMPTY
        get = data.get
        dimensions, properties = get("dimensions"), get("properties")
        dimensions = _members(dimensions, "data.dimensions")
        properties = _members(properties, "data.properties")
        others = data.keys() - _DATA
        if others:
            keys = self._dimension_keys
            dimensions = {**{k: data[k] for k in others & keys}, **dimensions}
            properties = {**{k: data[k] for k in others - keys}, **properties}
        return (
            _decimal(get("value"), "data.value"),
            _decimal(get("amount"), "data.amount"),
            _currency(get("currency"), "data.currency"),
            _texts(dimensions, "data.dimensions", MAX_DIMENSIONS, MAX_DIMENSION),
            _texts(properties, "data.properties", MAX_PROPERTIES, MAX_PROPERTY),
        )


def _is_bare(body, names, colons):
    """Whether no text of a body has a colon or a backslash, but for the times, and no
    name stands twice. Nearly always that is so.

    :param int names: members of all objects; :param int colons: in times
    """
    return b"\\" not in body and body.count(b":") == names + colons


def _is_clear(body, names):
    """Whether no name stands twice and no text has a NUL, without a doubt, of a body
    that is not bare.

    :param int names: members of all objects
    """
    return b"\\u0000" not in body and not jsontext.may_repeat(body, names)


def join_id(source, event_id):
    """One id of a CloudEvent's source and id; no two pairs share one.

    >>> join_id("/gateway/eu", "4711")
    '/gateway/eu 4711'
    """
    if "%" in source or " " in source:
        source = source.replace("%", "%25").replace(" ", "%20")
    return f"{source} {event_id}"


# -- members -------------------------------------------------------------------------


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
    """Naive UTC datetime of an RFC 3339 date-time with its zone."""
    try:
        if text[13] == text[16] == ":" and len(text) > 18:
            if text[-1] == "Z":
                moment = _from_iso(text[:-1])
                if moment.tzinfo is None:
                    return moment
                raise ValueError(_lt("two zones"))
            moment = _from_iso(text[:-1] + "Z" if text[-1] == "z" else text)
            if moment.tzinfo is None:
                raise ValueError(
                    _lt("the zone is missing: end with Z or an offset as +02:00")
                )
            return moment.astimezone(UTC).replace(tzinfo=None)
        raise ValueError(_NO_TIME)
    except (ValueError, OverflowError, IndexError) as error:
        said = error.args[0]
        if not isinstance(said, _lt):
            is_time = not isinstance(error, IndexError) and _NO_SUCH.search(said)
            said = _NO_SUCH_TIME if is_time else _NO_TIME
        raise Unreadable(
            "invalid_time",
            name,
            _lt("“%(text)s”: %(said)s", text=text[:50], said=said),
        ) from error
    except (TypeError, KeyError) as error:
        if text is None:
            raise Unreadable("missing_field", name, _lt("is missing")) from error
        raise Unreadable(
            "invalid_time", name, _lt("must be a text as in RFC 3339")
        ) from error


def _decimal(value, name):
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
            _lt("%(text)s is not a decimal number", text=_shown(value)[:60]),
        )
    if not _is_modest(number.adjusted()):
        raise Unreadable(
            "invalid_value",
            name,
            _lt("has more than %(most)s digits on one side", most=MAX_DIGITS),
        )
    return number


def _currency(value, name="currency"):
    if value is None:
        return None
    if value.__class__ is not str or not (
        len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    ):
        raise Unreadable(
            "invalid_value", name, _lt("must be a code such as EUR (ISO 4217)")
        )
    return value


def _members(value, name):
    if value is None:
        return _EMPTY
    if value.__class__ is not dict:
        raise Unreadable("invalid_value", name, _lt("must be a JSON object"))
    return value


def _texts(members, name, most, longest):
    """Members of an object as texts; nulls are left out.

    :param int most: members allowed; :param int longest: characters of a value
    """
    if members.__class__ is not dict:
        raise Unreadable("invalid_value", name, _lt("must be a JSON object"))
    if not members:
        return _EMPTY
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
        text = format(_decimal(value, name), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if kind is BadNumber:
        raise Unreadable(
            "invalid_value", name, _lt("%(text)s is not a number", text=value[:60])
        )
    return _encode(value).decode()


def _shown(value):
    """A value in a message or a list, cut to a sensible length."""
    if value is None:
        return ""
    return (value if isinstance(value, str) else _encode(value).decode())[:MAX_NAME]


# -- requests ------------------------------------------------------------------------


def _media_type(content_type):
    """Media type of a header, after a look at its charset."""
    kind, _semicolon, parameters = (content_type or "").partition(";")
    for parameter in parameters.split(";"):
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip(
            '"'
        ).lower() not in (
            "utf-8",
            "utf8",
            "us-ascii",
        ):
            raise ApiProblem(
                415,
                "unsupported_charset",
                _lt("The character set is not supported"),
                _lt("Charset “%(name)s” is not supported.", name=value.strip()[:50]),
                field="Content-Type",
                action=_lt("Send UTF-8."),
            )
    return kind.strip().lower()


def _is_binary(kind, headers):
    """Whether a CloudEvent stands in the headers.

    A content type of CloudEvents decides, whatever else a broker adds as headers
    (HTTP binding of CloudEvents 1.0, section 3).
    """
    return kind not in (STRUCTURED, BATCH) and headers.get("ce-specversion") is not None


def is_cloud(content_type, headers):
    """Whether a request says that it has CloudEvents and nothing else."""
    kind = _media_type(content_type)
    return kind in (STRUCTURED, BATCH) or _is_binary(kind, headers)


def _binary(body, kind, headers):
    """The CloudEvent of a request in binary mode: attributes are headers."""
    document = {
        name: unquote(headers[f"ce-{name}"], errors="replace")
        for name in ("specversion", "id", "source", "type", "subject", "time")
        if headers.get(f"ce-{name}") is not None
    }
    if body.strip():
        if kind and kind != JSON and not kind.endswith("+json"):
            raise ApiProblem(
                415,
                "unsupported_media_type",
                _lt("The content type is not supported"),
                _lt(
                    "The data of a CloudEvent must be JSON, not “%(kind)s”.",
                    kind=kind[:100],
                ),
                field="Content-Type",
                action=_lt("Send the data as application/json."),
                headers={"Accept-Post": ", ".join(ACCEPTED)},
            )
        document["data"] = read_json(body)
    return document


def write_lines(documents):
    """Events that were decoded, as JSON lines with every digit.

    :param list documents: JSON values, from :func:`.body.read_json`
    :rtype: bytes
    """
    return b"\n".join(map(_encode, documents))


def _wrong_shape(detail):
    return ApiProblem(
        400,
        "wrong_shape",
        _lt("The body has another shape"),
        detail,
        action=_lt("See the examples of this operation in the documentation."),
    )


def _check_count(count):
    if count > MAX_EVENTS:
        raise ApiProblem(
            413,
            "too_many_events",
            _lt("Too many events in one request"),
            _lt(
                "%(count)s events were sent; a request holds at most %(most)s.",
                count=count,
                most=MAX_EVENTS,
            ),
            field="events",
            action=_lt("Send the events in several requests; nothing was stored."),
        )
