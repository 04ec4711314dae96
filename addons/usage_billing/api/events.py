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

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from . import jsontext
from .body import faulty, load_json
from .forms import (
    ACCEPTED,
    BATCH,
    JSON,
    NDJSON,
    STRUCTURED,
    binary,
    check_count,
    is_binary,
    media_type,
    wrong_shape,
)
from .jsontext import BadJson
from .limits import (
    MAX_DIMENSION,
    MAX_DIMENSIONS,
    MAX_EVENTS,
    MAX_NAME,
    MAX_PROPERTIES,
    MAX_PROPERTY,
)
from .members import (
    EMPTY,
    Unreadable,
    encode,
    is_modest,
    join_id,
    read_currency,
    read_name,
    read_number,
    read_object,
    read_texts,
    read_time,
    shown,
)
from .plain import read_plain
from .problem import ApiProblem, unsupported_type
from .words import Sentence as _lt

_OWN = frozenset(
    "id type subject time value unit amount currency dimensions properties".split()
)
_DATA = frozenset("value amount currency dimensions properties".split())
_NO_MEMBER = _lt("there is no such member; anything else goes into “properties”")


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


class EventReader:
    """Reads requests into rows of the store.

    :param event_row: class of a readable event (``metering.EventRow``)
    :param rejected_row: class of one that is not (``metering.RejectedRow``)
    :param dimension_keys: members of a CloudEvent's data that are dimensions
    :param unit_row: class of an event that names its unit (``metering.UnitRow``)
    :param columns: function making columns of many plain events, to be used instead of
        rows (``metering.EventColumns.of_texts``)
    :param compiled: function reading many plain events without Python's help
        (``metering.read_events``)
    """

    def __init__(
        self,
        event_row,
        rejected_row,
        dimension_keys=(),
        unit_row=None,
        columns=None,
        compiled=None,
    ):
        self._event = event_row
        self._columns = columns
        self._compiled = compiled
        self._unit = unit_row
        self._has_units = False
        self._is_strange = False
        self._rejected = rejected_row
        self._dimension_keys = frozenset(dimension_keys)

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, body, content_type, headers=EMPTY):
        """Read a request.

        :param bytes body: decompressed
        :param str content_type: header with its parameters
        :param headers: mapping of header names to values, for the binary mode
        :rtype: Reading
        :raise ApiProblem: the request as a whole cannot be read
        """
        kind = media_type(content_type)
        if is_binary(kind, headers):
            return self._read_single(binary(body, kind, headers), True)
        if kind == JSON and self._compiled:
            decode = partial(self._read_rows, body)
            if (rows := self._compiled(body, MAX_EVENTS, decode)) is not None:
                return Reading(rows)
        return self._read_any(body, kind)

    def _read_rows(self, body):
        """Events of a plain request, read without compiled code."""
        return self._read_any(body, JSON).rows

    def _read_any(self, body, kind):
        """A request that is not in binary mode."""
        if kind in NDJSON:
            return self._read_lines(body)
        if kind not in ACCEPTED:
            raise unsupported_type(kind, ACCEPTED)
        if (
            kind == JSON
            and (rows := read_plain(body, self._event, self._columns)) is not None
        ):
            return Reading(rows)
        document, self._is_strange = load_json(body)
        if kind == STRUCTURED:
            if not isinstance(document, dict):
                raise wrong_shape(
                    _lt("The body must be one CloudEvent: a JSON object.")
                )
            return self._read_single(document, True)
        if isinstance(document, dict) and kind == JSON:
            if "events" not in document:
                return self._read_single(document, "specversion" in document)
            unknown = document.keys() - {"events"}
            if unknown:
                raise wrong_shape(
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
            raise wrong_shape(_lt("The body must be a list of events."))
        return self.read_events(document, kind == BATCH)

    def read_events(self, documents, is_cloud=False):
        """Read events that were decoded already.

        :param list documents: JSON values, from :func:`.body.read_json`
        :param bool is_cloud: they must be CloudEvents
        :rtype: Reading
        """
        check_count(len(documents))
        return self._read_all(documents, is_cloud)

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
        check_count(len(lines))
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
            raw = jsontext.as_written(document, encode)
        else:
            raw = encode(document).decode()
        return self._rejected(
            number,
            reason,
            # rows of one missing member are put together by its name
            name if reason == "missing_field" else str(sentence),
            raw,
            event_id=shown(known.get("id")),
            type=shown(known.get("type")),
            subject=shown(known.get("subject")),
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
            if not (value.__class__ is Decimal and is_modest(value.adjusted())):
                value = read_number(value, "value")
        dimensions = properties = EMPTY
        if "dimensions" in document:
            known += 1
            dimensions = get("dimensions") or EMPTY
            if dimensions:
                dimensions = read_texts(
                    dimensions, "dimensions", MAX_DIMENSIONS, MAX_DIMENSION
                )
        if "properties" in document:
            known += 1
            properties = get("properties") or EMPTY
            if properties:
                properties = read_texts(
                    properties, "properties", MAX_PROPERTIES, MAX_PROPERTY
                )
        amount = currency = unit = None
        if len(document) != known:
            unknown = document.keys() - _OWN
            if unknown:
                raise Unreadable("unreadable", min(unknown)[:100], _NO_MEMBER)
            amount = read_number(get("amount"), "amount")
            currency = read_currency(get("currency"))
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
        return self._unit(row, unit, encode(document).decode())

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
            return None, None, None, EMPTY, EMPTY
        if data.__class__ is not dict:
            return read_number(data, "data"), None, None, EMPTY, EMPTY
        get = data.get
        dimensions, properties = get("dimensions"), get("properties")
        dimensions = read_object(dimensions, "data.dimensions")
        properties = read_object(properties, "data.properties")
        others = data.keys() - _DATA
        if others:
            keys = self._dimension_keys
            dimensions = {**{k: data[k] for k in others & keys}, **dimensions}
            properties = {**{k: data[k] for k in others - keys}, **properties}
        return (
            read_number(get("value"), "data.value"),
            read_number(get("amount"), "data.amount"),
            read_currency(get("currency"), "data.currency"),
            read_texts(dimensions, "data.dimensions", MAX_DIMENSIONS, MAX_DIMENSION),
            read_texts(properties, "data.properties", MAX_PROPERTIES, MAX_PROPERTY),
        )
