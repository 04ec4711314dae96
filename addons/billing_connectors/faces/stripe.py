# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The words of Stripe's billing meter events, as ``stripe`` 16.1 uses them.

    POST /v1/billing/meter_events               form     200 billing.meter_event
    POST /v1/billing/meter_event_adjustments    form     200, cancels an event
    POST /v2/billing/meter_events               JSON     200 v2.billing.meter_event
    POST /v2/billing/meter_event_adjustments    JSON     200, cancels an event
    POST /v2/billing/meter_event_session        JSON     200, a token for 15 minutes
    POST /v2/billing/meter_event_stream         JSON     200 {}, up to 100 events

An event: event_name, payload (texts: stripe_customer_id, value and others), identifier
and timestamp. Without an identifier, the request's idempotency key makes one, so that
a retry of the client is the same event.
"""

from uuid import UUID, uuid5

from .form import nest
from .reading import (
    epoch,
    flat,
    load_json,
    name,
    number,
    number_text,
    read_all,
    refuse_unknown,
    rfc3339,
    seconds,
    write_time,
)
from .values import BodyProblem, EventProblems, FaceEvent, FieldProblem, sentence

MAX_EVENTS = 100
MAX_IDENTIFIER = 255
CUSTOMER = "stripe_customer_id"
VALUE = "value"
#: Names of an event and of an adjustment. ``expand`` changes nothing that is kept.
EVENT = ("event_name", "payload", "identifier", "timestamp", "expand")
ADJUSTMENT = ("event_name", "type", "cancel", "expand")
_IDS = UUID("5f0c5f0e-6f0b-5d8e-8f3a-537472697001")


def read_event(form, request_id):
    """The event of a v1 request.

    :param form: (name, text) pairs
    :param str request_id: what a retry of the client sends again, or a random text
    :rtype: FaceEvent
    :raise BodyProblem, EventProblems: it cannot be used
    """
    read = _reader(epoch, request_id)
    return read_all(read, [nest(form)])[0]


def read_event_v2(body, request_id):
    """The event of a v2 request."""
    return read_all(_reader(rfc3339, request_id), [_object(load_json(body))])[0]


def read_stream(body, request_id):
    """The events of a v2 stream request, all or none.

    :rtype: list[FaceEvent]
    """
    document = _object(load_json(body))
    refuse_unknown(document, ("events",))
    events = document.get("events")
    if not isinstance(events, list) or not events:
        raise BodyProblem("no_events")
    if len(events) > MAX_EVENTS:
        raise BodyProblem("too_many_events", str(MAX_EVENTS))
    return read_all(_reader(rfc3339, request_id), events)


def _object(document):
    if not isinstance(document, dict):
        raise BodyProblem("wrong_shape", "an object")
    return document


def _reader(read_time, request_id):
    def read(event, position):
        if not isinstance(event, dict):
            raise FieldProblem("events", "wrong_type", "objects")
        refuse_unknown(event, EVENT)
        payload = event.get("payload")
        if payload is None:
            raise FieldProblem("payload", "missing")
        data = flat(payload, "payload")
        subject = name(payload, CUSTOMER, label=f"payload[{CUSTOMER}]")
        data.pop(CUSTOMER, None)
        identifier = event.get("identifier")
        if identifier in (None, ""):
            identifier = str(uuid5(_IDS, f"{request_id}/{position}"))
        return FaceEvent(
            event_id=name(
                {"identifier": identifier}, "identifier", limit=MAX_IDENTIFIER
            ),
            type=name(event, "event_name"),
            subject=subject,
            time=read_time(event.get("timestamp"), "timestamp"),
            value=number(data.pop(VALUE, None), f"payload[{VALUE}]"),
            data=data,
            position=position,
        )

    return read


def read_cancel(body, version):
    """Name and identifier of the event that an adjustment cancels.

    :param body: (name, text) pairs of a form in version 1, bytes of JSON in version 2
    :return: event name, identifier
    :raise BodyProblem, FieldProblem: it cannot be used
    """
    document = nest(body) if version == 1 else _object(load_json(body))
    refuse_unknown(document, ADJUSTMENT)
    kind = name(document, "type")
    if kind != "cancel":
        raise FieldProblem("type", "not_supported", "only cancel is")
    cancel = document.get("cancel")
    if not isinstance(cancel, dict):
        raise FieldProblem("cancel[identifier]", "missing")
    identifier = name(
        cancel, "identifier", label="cancel[identifier]", limit=MAX_IDENTIFIER
    )
    return name(document, "event_name"), identifier


def write_event(event, created_at, version):
    """An event as Stripe answers it.

    :param FaceEvent event: with its time
    :param datetime created_at: when it arrived, naive UTC
    :param int version: 1 or 2
    """
    payload = {CUSTOMER: event.subject, **event.data}
    if event.value is not None:
        payload[VALUE] = number_text(event.value, VALUE)
    return {
        "object": "billing.meter_event" if version == 1 else "v2.billing.meter_event",
        "created": _moment(created_at, version),
        "event_name": event.type,
        "identifier": event.event_id,
        "livemode": True,
        "payload": payload,
        "timestamp": _moment(event.time, version),
    }


def write_cancel(event_name, identifier, created_at, version):
    """An adjustment as Stripe answers it."""
    found = {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": event_name,
        "livemode": True,
        "status": "complete",
        "type": "cancel",
    }
    if version == 2:
        found["object"] = "v2.billing.meter_event_adjustment"
        found["id"] = f"mtr_adj_{uuid5(_IDS, f'cancel/{identifier}').hex}"
        found["created"] = _moment(created_at, version)
    return found


def write_session(session_id, token, created_at, expires_at):
    """A session for the event stream."""
    return {
        "object": "v2.billing.meter_event_session",
        "id": session_id,
        "authentication_token": token,
        "created": write_time(created_at),
        "expires_at": write_time(expires_at),
        "livemode": True,
    }


def _moment(moment, version):
    return seconds(moment) if version == 1 else write_time(moment)


def write_problem(problem, **_facts):
    """Status and body for what could not be read."""
    position = 0
    if isinstance(problem, EventProblems):
        position, problem = problem.first
    param = getattr(problem, "field", "")  # what is wrong with a body is in none
    if position:
        param = f"events[{position}][{param}]"
    return 400, write_error(400, sentence(problem), _code_of(problem), param)


def _code_of(problem):
    codes = {"missing": "parameter_missing", "unknown": "parameter_unknown"}
    return codes.get(problem.code, "parameter_invalid")


def write_conflicts(identifiers):
    """Status and body for identifiers taken by events with another content.

    400 and not 409: the client repeats a 409 by itself, in vain.
    """
    listed = ", ".join(identifiers[:20])
    text = (
        "An event with this identifier and another content exists; the new one waits "
        f"for a decision: {listed}."
    )
    return 400, write_error(400, text, "duplicate_meter_event", "identifier")


def write_refusal(status, code, detail, **_facts):
    """Body for a request refused before it was read: key, limits."""
    error_type = code if code == "temporary_session_expired" else ""
    return write_error(status, detail, code, error_type=error_type)


def write_unknown(identifier):
    """Body and status for a cancellation of an event that never came."""
    text = f"No such meter event: {identifier}"
    body = write_error(404, text, "resource_missing", "cancel[identifier]")
    return body, 404


_TYPES = {
    401: "authentication_error",
    403: "invalid_request_error",
    429: "rate_limit_error",
}


def write_error(status, message, code="", param="", error_type=""):
    """Body of an error answer."""
    kind = "api_error" if status >= 500 else "invalid_request_error"
    found = {"type": error_type or _TYPES.get(status, kind), "message": message}
    if code:
        found["code"] = code
    if param:
        found["param"] = param
    return {"error": found}
