# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The words of OpenMeter's API for events, as ``openmeter`` 1.0.0b236 uses them.

    POST /api/v1/events    one CloudEvent, or a list of them    204, empty
    GET  /api/v1/events, GET /api/v1/meters, GET /api/v1/meters/<slug>/query

An event is a CloudEvents 1.0 document in JSON with a subject; its data is an object.
CloudEvents ids are unique within their ``source``, so both together make our event id.
"""

from .reading import flat, load_json, name, read_all, rfc3339, write_time
from .values import BodyProblem, EventProblems, FaceEvent, FieldProblem, sentence

MAX_EVENTS = 10_000
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"
AGGREGATIONS = {
    "sum": "SUM",
    "count": "COUNT",
    "unique_count": "UNIQUE_COUNT",
    "average": "AVG",
    "min": "MIN",
    "max": "MAX",
    "latest": "LATEST",
}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


def read_events(body, content_type):
    """The events of an ingest request, all or none.

    :param str content_type: header without parameters
    :rtype: list[FaceEvent]
    :raise BodyProblem, EventProblems: they cannot be used
    """
    if content_type not in (ONE, BATCH, EITHER):
        raise BodyProblem("wrong_shape", f"of type {ONE}, {BATCH} or {EITHER}")
    document = load_json(body)
    if content_type == ONE and not isinstance(document, dict):
        raise BodyProblem("wrong_shape", "one CloudEvent")
    if content_type == BATCH and not isinstance(document, list):
        raise BodyProblem("wrong_shape", "a list of CloudEvents")
    events = document if isinstance(document, list) else [document]
    if not events:
        raise BodyProblem("no_events")
    if len(events) > MAX_EVENTS:
        raise BodyProblem("too_many_events", str(MAX_EVENTS))
    return read_all(_read, events)


def _read(event, position):
    if not isinstance(event, dict):
        raise FieldProblem("event", "wrong_type", "a CloudEvent")
    if event.get("specversion") != "1.0":
        raise FieldProblem("specversion", "wrong_type", "1.0")
    if event.get("datacontenttype") not in (None, "", EITHER):
        raise FieldProblem("datacontenttype", "wrong_type", EITHER)
    return FaceEvent(
        event_id=join_id(name(event, "source"), name(event, "id")),
        type=name(event, "type"),
        subject=name(event, "subject"),
        time=rfc3339(event.get("time"), "time"),
        data=flat(event.get("data"), "data"),
        position=position,
    )


def join_id(source, event_id):
    """One id of a CloudEvent's source and id; no two pairs share one."""
    return f"{source.replace('%', '%25').replace(' ', '%20')} {event_id}"


def split_id(event_id):
    """Source and id of ``join_id``; an id that another door made has no source."""
    source, space, rest = event_id.partition(" ")
    if not space:
        return "", event_id
    return source.replace("%20", " ").replace("%25", "%"), rest


def write_ingested(event, stored_at, problem=""):
    """A stored event as ``events.list`` answers it.

    :param FaceEvent event: with its time
    :param datetime stored_at: naive UTC
    :param str problem: why the event counts nowhere yet, empty when it does
    """
    source, event_id = split_id(event.event_id)
    stored = write_time(stored_at, 6)
    found = {
        "event": {
            "id": event_id,
            "source": source or "usage",
            "specversion": "1.0",
            "type": event.type,
            "subject": event.subject,
            "time": write_time(event.time, 6),
            "datacontenttype": EITHER,
            "data": dict(event.data),
        },
        "ingestedAt": stored,
        "storedAt": stored,
    }
    if problem:
        found["validationError"] = problem
    return found


def write_meter(code, title, event_type, aggregation, value_property, names, moments):
    """A meter as OpenMeter describes it; its code is id and slug.

    :param str aggregation: ours
    :param str value_property: name of the number it reads, "" for none
    :param tuple names: what it keeps apart
    :param tuple moments: created and updated, naive UTC
    """
    found = {
        "id": code,
        "slug": code,
        "name": title,
        "eventType": event_type,
        "aggregation": AGGREGATIONS.get(aggregation, aggregation.upper()),
        "groupBy": {name: f"$.{name}" for name in names},
        "createdAt": write_time(moments[0]),
        "updatedAt": write_time(moments[1]),
    }
    if value_property:
        found["valueProperty"] = f"$.{value_property}"
    return found


def write_refusal(status, code, detail, path):
    """Problem details for a request refused before it was read: key, limits."""
    return write_error(status, detail, path) | {"extensions": {"code": code}}


def write_problem(problem, path, **_facts):
    """Status and problem details for what could not be read."""
    if isinstance(problem, EventProblems):
        position, first = problem.first
        body = write_error(400, f"Event {position}: {sentence(first)}", path)
        body["extensions"] = {
            "validationErrors": [
                {
                    "code": found.code,
                    "field": f"[{position}].{found.field}",
                    "message": sentence(found),
                }
                for position, problems in problem.problems.items()
                for found in problems
            ]
        }
        return 400, body
    if problem.code in ("too_large", "unknown_encoding"):
        status = 413 if problem.code == "too_large" else 415
        return status, write_error(status, sentence(problem), path)
    return 400, write_error(400, sentence(problem), path)


def write_conflicts(positions, path):
    """Status and problem details for events whose id is taken by another content."""
    listed = ", ".join(str(position) for position in positions[:20])
    text = (
        "The source and id of these events are taken by events with another content; "
        f"they wait for a decision, all others are stored. Positions: {listed}."
    )
    body = write_error(409, text, path)
    body["extensions"] = {"conflicts": list(positions)}
    return 409, body


def write_error(status, detail, path):
    """Problem details (RFC 7807) with the members that the client's models require."""
    return {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": path,
    }
