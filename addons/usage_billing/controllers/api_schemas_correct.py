"""Shapes of corrections: orders, what became of them, what they move."""

from odoo.tools import LazyTranslate

from ..api import limits
from ..api.operations import reference, register_schema
from ..api.orders import MAX_CORRECTIONS, MAX_NAMES, MAX_REASON, MODES
from .api_schemas import EVENT, MODULE, NAME, TIME
from .api_schemas_read import EXACT_OR_NULL, MOMENT, NULLABLE

_lt = LazyTranslate(__name__)

STATUSES = {
    "voided": _lt("It does not count any more."),
    "amended": _lt("The new content counts in its place."),
    "already": _lt("It was corrected before."),
    "unchanged": _lt("It counts with this content already."),
    "unknown": _lt(
        "The source of the key has no such event in the store; one that waits in the "
        "inbox is settled there, or sent again."
    ),
    "replaced": _lt("A newer delivery took its place, so it does not count."),
    # of an event that was there, and of one that a backfill would have added
    "refused": _lt("What was sent fits nowhere; what is stored stays as it was."),
    "known": _lt("The id was used before, for an event that does not count there."),
    "outside": _lt("Its time is outside the span."),
}
REASON = {
    "type": "string",
    # with something that is no space
    "pattern": r"^[^\u0000]*[^\s\u0000-\u001f\u0085][^\u0000]*$",
    "minLength": 1,
    "maxLength": MAX_REASON,
    "description": _lt("Why; kept with the correction, for the auditor."),
}
DRY_RUN = {
    "type": "boolean",
    "default": False,
    "description": _lt("Only say what would move: nothing is corrected."),
}
SECOND = {**TIME, "pattern": r"^[^.]*(\.0+)?[^.]*$"}
ANY_EVENT = {"anyOf": [EVENT, reference("CloudEvent")]}


def _order(name, event):
    """Register the shape of an order to correct events."""
    return register_schema(
        MODULE,
        name,
        {
            "type": "object",
            "required": ["events", "reason"],
            "additionalProperties": False,
            "properties": {
                "events": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_CORRECTIONS,
                    "items": event,
                },
                "reason": REASON,
                "dry_run": DRY_RUN,
            },
        },
    )


def _outcome(**place):
    """Shape of what became of an event.

    :param place: members that say which event it is, beside its id
    """
    return {
        "type": "object",
        "required": [*place, "id", "status", "detail"],
        "properties": {
            **place,
            "id": {"type": "string"},
            "status": {"enum": list(STATUSES)},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
    }


VOID = _order(
    "Void",
    {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {
            "id": NAME,
            "time": {
                **TIME,
                "description": _lt(
                    "Time of the event; needed where ids are unique together with "
                    "their time only."
                ),
            },
        },
    },
)
AMEND = _order("Amend", ANY_EVENT)
BACKFILL = register_schema(
    MODULE,
    "Backfill",
    {
        "type": "object",
        "required": ["from", "to", "events", "reason"],
        "additionalProperties": False,
        "properties": {
            "from": {**SECOND, "description": _lt("First second of the span.")},
            "to": {**SECOND, "description": _lt("End of the span, itself excluded.")},
            "events": {
                "type": "array",
                "maxItems": limits.MAX_EVENTS,
                "items": ANY_EVENT,
                "description": _lt("What the source should have sent for the span."),
            },
            "mode": {
                "enum": list(MODES),
                "default": MODES[0],
                "description": _lt(
                    "replace: events of the span that are not in the list are voided; "
                    "add: they stay."
                ),
            },
            "subscriptions": {
                "type": "array",
                "maxItems": MAX_NAMES,
                "items": NAME,
                "description": _lt("Codes; only events of these. Default: all."),
            },
            "meters": {
                "type": "array",
                "maxItems": MAX_NAMES,
                "items": NAME,
                "description": _lt(
                    "Codes; only events of the types these meters count. Default: all."
                ),
            },
            "reason": REASON,
            "dry_run": DRY_RUN,
        },
    },
)
DIFFERENCE = register_schema(
    MODULE,
    "Difference",
    {
        "type": "object",
        "description": _lt(
            "What a correction moves in one period by one meter, quantity and untaxed "
            "amount. What was invoiced already is billed or credited by the next run."
        ),
        "required": ["subscription", "period_start", "period_end", "meter"],
        "properties": {
            "subscription": NULLABLE,
            "period_start": MOMENT,
            "period_end": MOMENT,
            "period_state": {"enum": ["open", "billed"]},
            "meter": {"type": "string"},
            "unit": NULLABLE,
            "currency": NULLABLE,
            "quantity_before": EXACT_OR_NULL,
            "quantity_after": EXACT_OR_NULL,
            "amount_before": EXACT_OR_NULL,
            "amount_after": EXACT_OR_NULL,
        },
    },
)
_ALWAYS = {
    "correction": {
        **NULLABLE,
        "description": _lt(
            "Name of the correction; null for a dry run, and where there was nothing "
            "to correct: then nothing is written."
        ),
    },
    "dry_run": {"type": "boolean"},
    "differences": {
        "type": "array",
        "items": DIFFERENCE,
        "description": _lt("Only for keys that may read usage."),
    },
}
register_schema(
    MODULE,
    "Corrections",
    {
        "type": "object",
        "required": ["correction", "dry_run", "batch", "corrected", "results"],
        "properties": {
            **_ALWAYS,
            "batch": {"type": ["integer", "null"]},
            "corrected": {
                "type": "integer",
                "description": _lt("Events that were voided or amended."),
            },
            "results": {
                "type": "array",
                "items": _outcome(index={"type": "integer", "minimum": 0}),
            },
        },
    },
)
register_schema(
    MODULE,
    "Backfilled",
    {
        "type": "object",
        "required": [
            "correction", "dry_run", "added", "amended", "voided", "left_out",
        ],
        "properties": {
            **_ALWAYS,
            "added": {"type": "integer", "minimum": 0},
            "amended": {"type": "integer", "minimum": 0},
            "voided": {"type": "integer", "minimum": 0},
            "left_out": {
                "type": "array",
                "description": _lt("Events of the list that change nothing, and why."),
                "items": _outcome(),
            },
        },
    },
)  # fmt: skip
