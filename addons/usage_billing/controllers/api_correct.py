"""Correcting the past through the API: void and amend events by their id."""

from odoo import http
from odoo.tools import LazyTranslate

from ..api import events, problem
from ..api.events import EventReader, Unreadable
from ..api.operations import Operation, reference, register_schema
from ..api.problem import ApiProblem
from ..metering import EventRow, RejectedRow
from ..models.usage_ingest import COLLISIONS
from .api import api_route
from .api_events import EXAMPLE
from .api_reasons import reasons_in
from .api_schemas import EVENT, MODULE, NAME, TIME

_lt = LazyTranslate(__name__)

MAX_CORRECTIONS = 1_000
STATUSES = {
    "voided": _lt("It does not count any more."),
    "amended": _lt("The new content counts in its place."),
    "already": _lt("It was corrected before."),
    "unknown": _lt("The source of the key has no such event."),
    "replaced": _lt("A newer delivery took its place, so it does not count."),
    "refused": _lt("The new content fits nowhere; the event stays as it was."),
}
REASON = {
    "type": "string",
    "minLength": 1,
    "maxLength": 500,
    "description": _lt("Why; kept with the correction, for the auditor."),
}
VOID = register_schema(
    MODULE,
    "Void",
    {
        "type": "object",
        "required": ["events", "reason"],
        "additionalProperties": False,
        "properties": {
            "events": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_CORRECTIONS,
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "additionalProperties": False,
                    "properties": {
                        "id": NAME,
                        "time": {
                            **TIME,
                            "description": _lt(
                                "Time of the event; needed where ids are unique "
                                "together with their time only."
                            ),
                        },
                    },
                },
            },
            "reason": REASON,
        },
    },
)
AMEND = register_schema(
    MODULE,
    "Amend",
    {
        "type": "object",
        "required": ["events", "reason"],
        "additionalProperties": False,
        "properties": {
            "events": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_CORRECTIONS,
                "items": {"anyOf": [EVENT, reference("CloudEvent")]},
            },
            "reason": REASON,
        },
    },
)
register_schema(
    MODULE,
    "Corrections",
    {
        "type": "object",
        "required": ["batch", "corrected", "results"],
        "properties": {
            "batch": {"type": "integer"},
            "corrected": {
                "type": "integer",
                "description": _lt("Events that were voided or amended."),
            },
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["index", "id", "status", "detail"],
                    "properties": {
                        "index": {"type": "integer", "minimum": 0},
                        "id": {"type": "string"},
                        "status": {"enum": list(STATUSES)},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    },
)
PROBLEMS = {
    422: _lt("An order that cannot be read; nothing was corrected"),
    503: _lt("The store cannot take corrections now; nothing was corrected"),
}


class CorrectionApi(http.Controller):
    @api_route(
        Operation(
            "POST",
            "/usage/v1/events/void",
            "voidEvents",
            _lt("Void events"),
            _lt(
                "Take events of the key's source out of all quantities. They stay "
                "stored, with the reason; what was invoiced already is corrected by "
                "the next run."
            ),
            scope="correct",
            body={
                events.JSON: (
                    VOID,
                    {"void": {"events": [{"id": EXAMPLE["id"]}], "reason": "Test run"}},
                )
            },
            responses={200: (_lt("What became of each"), "Corrections")},
            problems=PROBLEMS,
        )
    )
    def void_events(self, call):
        listed, reason = _order(call)
        orders = [_event_to_void(event, index) for index, event in enumerate(listed)]
        return self._correct(call, "void", orders, reason)

    @api_route(
        Operation(
            "POST",
            "/usage/v1/events/amend",
            "amendEvents",
            _lt("Amend events"),
            _lt(
                "Let new content count in the place of events of the key's source. "
                "Give each event complete, as it should have been. Both stay stored, "
                "with the reason."
            ),
            scope="correct",
            body={
                events.JSON: (
                    AMEND,
                    {
                        "amend": {
                            "events": [{**EXAMPLE, "value": "1.25"}],
                            "reason": "Meter read wrongly",
                        }
                    },
                )
            },
            responses={200: (_lt("What became of each"), "Corrections")},
            problems=PROBLEMS,
        )
    )
    def amend_events(self, call):
        listed, reason = _order(call)
        source = call.env["usage.source"].browse(call.key.source_id)
        reader = EventReader(
            EventRow, RejectedRow, source._get_dimension_names(call.key.company_id)
        )
        reading = reader.read_events(listed)
        for row in reading.rows:
            if isinstance(row, RejectedRow):
                index = row.row_number - 1
                raise _unreadable(
                    row.reason, index, reading.fields.get(row.row_number), row.detail
                )
        return self._correct(call, "amend", reading.rows, reason)

    def _correct(self, call, kind, orders, reason):
        source = call.env["usage.source"].browse(call.key.source_id)
        try:
            batch_id, result = source._correct_events(kind, orders, reason)
        except COLLISIONS as error:
            raise problem.unavailable() from error
        reasons = reasons_in(call.lang)
        results = []
        for outcome in result.outcomes:
            text = STATUSES[outcome.status]._translate(call.lang)
            entry = {
                "index": outcome.number,
                "id": outcome.event_id,
                "status": outcome.status,
                "detail": text,
            }
            if outcome.code:
                sentence = (reasons.get(outcome.code) or reasons[""])[0]
                entry["code"] = outcome.code
                entry["detail"] = f"{text} {sentence} {outcome.detail}".rstrip()
            results.append(entry)
        return 200, {
            "batch": batch_id,
            "corrected": result.count("voided", "amended"),
            "results": results,
        }


def _order(call):
    """Events and reason of a request.

    :raise ApiProblem: it has another shape
    """
    call.refuse_unknown_parameters()
    kind = (call.http.content_type or "").partition(";")[0].strip().lower()
    if kind != events.JSON:
        raise ApiProblem(
            415,
            "unsupported_media_type",
            "The content type is not supported",
            f"Content-Type “{kind[:100]}” is not supported here.",
            field="Content-Type",
            action=f"Use {events.JSON}.",
            headers={"Accept-Post": events.JSON},
        )
    document = call.read_json()
    if not isinstance(document, dict) or document.keys() != {"events", "reason"}:
        raise ApiProblem(
            422,
            "wrong_shape",
            "The order has another shape",
            "The body must be an object with the members “events” and “reason”.",
        )
    listed, reason = document["events"], document["reason"]
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_CORRECTIONS:
        raise ApiProblem(
            422,
            "wrong_shape",
            "The order has another shape",
            f"From 1 to {MAX_CORRECTIONS} events are expected.",
            field="events",
        )
    if (
        not isinstance(reason, str)
        or not reason.strip()
        or len(reason) > REASON["maxLength"]
        or "\x00" in reason
    ):
        raise ApiProblem(
            422,
            "missing_reason",
            "The reason is missing",
            "A correction needs a reason of 1 to 500 characters.",
            field="reason",
            action="Say why; it is kept with the correction.",
        )
    return listed, reason


def _event_to_void(event, index):
    """(event id, time or None) of an entry."""
    if not isinstance(event, dict) or event.keys() - {"id", "time"}:
        raise _unreadable(
            "unreadable", index, None, "an object with “id”, and “time” where needed"
        )
    try:
        time = event.get("time")
        return (
            events.read_name(event.get("id"), "id"),
            None if time is None else events.read_time(time, "time"),
        )
    except Unreadable as error:
        code, name, sentence = error.args
        raise _unreadable(code, index, name, f"{name}: {sentence}") from error


def _unreadable(code, index, name, detail):
    return ApiProblem(
        422,
        code,
        "The order cannot be read",
        f"{detail}. Nothing was corrected.",
        field=f"events[{index}].{name}" if name else f"events[{index}]",
        action="Correct the entry and send the order again.",
    )
