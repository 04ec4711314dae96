# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The words of Lago's API for events, as ``lago-python-client`` 1.55 uses them.

    POST /api/v1/events          {"event": {...}}       200 {"event": {...}}
    POST /api/v1/events/batch    {"events": [{...}]}    200 {"events": [{...}]}
    GET  /api/v1/events/<transaction id>, GET /api/v1/events

An event: transaction_id, external_subscription_id, code, properties, timestamp (seconds
since 1970, as a number or a text, decimals allowed; now when missing) and
precise_total_amount_cents for what it costs.
"""

from decimal import Context
from uuid import UUID, uuid5

from .reading import (
    epoch,
    flat,
    load_json,
    name,
    number,
    read_all,
    write_time,
)
from .values import BodyProblem, EventProblems, FaceEvent, FieldProblem

MAX_EVENTS = 100
PAGE, MAX_PAGE = 20, 1000
_IDS = UUID("5f0c5f0e-6f0b-5d8e-8f3a-4c61676f0001")
#: moves a decimal sign without losing a digit of what ``reading`` lets in
_EXACT = Context(prec=100)

#: our codes of what is wrong with a field -> Lago's
_ERRORS = {
    "missing": "value_is_mandatory",
    "bad_time": "invalid_format",
    "too_long": "value_is_too_long",
    "too_many_names": "value_is_too_long",
    "bad_number": "value_is_not_valid_number",
    "out_of_range": "value_is_out_of_range",
}
#: our codes of refused requests -> Lago's
_REFUSALS = {"not_found": "event_not_found", "rate_limited": "too_many_requests"}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


def read_event(body):
    """The event of a create request.

    :rtype: FaceEvent
    :raise BodyProblem, EventProblems: it cannot be used
    """
    document = load_json(body)
    event = document.get("event") if isinstance(document, dict) else None
    if not isinstance(event, dict):
        raise BodyProblem("wrong_shape", "an object with an event")
    return read_all(_read, [event])[0]


def read_batch(body):
    """The events of a batch request, all or none.

    :rtype: list[FaceEvent]
    :raise BodyProblem, EventProblems: they cannot be used
    """
    document = load_json(body)
    events = document.get("events") if isinstance(document, dict) else None
    if events is None or events == []:
        raise BodyProblem("no_events")
    if not isinstance(events, list):
        raise BodyProblem("wrong_shape", "an object with a list of events")
    if len(events) > MAX_EVENTS:
        raise BodyProblem("too_many_events", str(MAX_EVENTS))
    return read_all(_read, events)


def _read(event, position):
    if not isinstance(event, dict):
        raise FieldProblem("event", "wrong_type", "an object")
    cents = number(
        event.get("precise_total_amount_cents"), "precise_total_amount_cents"
    )
    data = flat(event.get("properties"), "properties")
    return FaceEvent(
        event_id=name(event, "transaction_id"),
        type=name(event, "code"),
        subject=name(event, "external_subscription_id"),
        time=epoch(event.get("timestamp"), "timestamp"),
        amount=None if cents is None else cents.scaleb(-2, _EXACT),
        data=data,
        position=position,
    )


def write_event(company_id, event, created_at):
    """An event as Lago answers it.

    :param FaceEvent event: with its time
    :param datetime created_at: when it arrived, naive UTC
    """
    cents = None
    if event.amount is not None:
        cents = format(event.amount.scaleb(2, _EXACT), "f")
    return {
        "lago_id": str(uuid5(_IDS, f"{company_id}/{event.event_id}")),
        "transaction_id": event.event_id,
        "lago_customer_id": None,
        "lago_subscription_id": None,
        "external_subscription_id": event.subject,
        "code": event.type,
        "timestamp": write_time(event.time),
        "precise_total_amount_cents": cents,
        "properties": dict(event.data),
        "created_at": write_time(created_at, 0),
    }


def write_error(status, code="", details=None):
    """Body of an error answer."""
    found = {"status": status, "error": _TITLES.get(status, "Error")}
    if code:
        found["code"] = code
    if details:
        found["error_details"] = details
    return found


def write_refusal(status, code, _detail, **_facts):
    """Body for a request refused before it was read: key, limits."""
    return write_error(status, _REFUSALS.get(code, code))


def write_problem(problem, batch=False, **_facts):
    """Status and body for what could not be read."""
    if isinstance(problem, EventProblems):
        details = {
            str(position): _details(problems)
            for position, problems in problem.problems.items()
        }
        if not batch:
            (details,) = details.values()
        return 422, write_error(422, "validation_errors", details)
    if problem.code in ("no_events", "too_many_events"):
        details = {"events": [problem.code]}
        return 422, write_error(422, "validation_errors", details)
    return 400, write_error(400, problem.code)


def _details(problems):
    details = {}
    for problem in problems:
        field = problem.field.partition(".")[0]
        code = _ERRORS.get(problem.code, "value_is_invalid")
        details.setdefault(field, []).append(code)
    return details


def write_conflicts(positions, batch=False):
    """Status and body for events whose id is taken by another content.

    The same event again is no conflict: it is answered like the first time.
    """
    taken = {"transaction_id": ["value_already_exist"]}
    details = {str(position): taken for position in positions} if batch else taken
    return 422, write_error(422, "validation_errors", details)


def write_page(events, page, per_page, total):
    """Body of a list of events, already written, with Lago's meta."""
    pages = -(-total // per_page)
    return {
        "events": events,
        "meta": {
            "current_page": page,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 else None,
            "total_pages": pages,
            "total_count": total,
        },
    }
