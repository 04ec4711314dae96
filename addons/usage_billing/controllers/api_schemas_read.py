"""Shapes of what is read, and the parameters that lists share."""

from odoo.tools import LazyTranslate

from ..api.operations import Parameter, register_schema
from ..api.query import DEFAULT_LIMIT, MAX_LIMIT
from .api_schemas import CODE, EXACT, MODULE

_lt = LazyTranslate(__name__)

TEXT = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}
COUNT = {"type": "integer", "minimum": 0}
MOMENT = {"type": "string", "format": "date-time"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
EXACT_OR_NULL = {**EXACT, "type": ["string", "null"]}

FROM = Parameter(
    "from",
    _lt("First instant, RFC 3339. Default: the first of this month, UTC."),
    MOMENT,
    example="2026-09-01T00:00:00+02:00",
)
TO = Parameter(
    "to",
    _lt("End, itself excluded, RFC 3339. Default: now."),
    MOMENT,
    example="2026-10-01T00:00:00+02:00",
)
LIMIT = Parameter(
    "limit",
    _lt("Rows of a page at most."),
    {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": DEFAULT_LIMIT,
    },
)
CURSOR = Parameter("cursor", _lt("“next” of the page before, as it was given."), CODE)


def _page(name, item, **members):
    """Register the shape of a page of items."""
    return register_schema(
        MODULE,
        name,
        {
            "type": "object",
            "required": ["data", "next", *members],
            "properties": {
                **members,
                "data": {"type": "array", "items": item},
                "next": {
                    **NULLABLE,
                    "description": _lt("Cursor of the next page; null at the end."),
                },
            },
        },
    )


def _object(name, required, properties, **more):
    return register_schema(
        MODULE,
        name,
        {"type": "object", "required": required, "properties": properties, **more},
    )


USAGE_ROW = _object(
    "UsageRow",
    [
        *("subscription", "customer_id", "customer_name", "start", "dimensions"),
        *("quantity", "count"),
    ],
    {
        "subscription": TEXT,
        "customer_id": {
            "type": "integer",
            "description": _lt("Number of the customer; it never changes."),
        },
        "customer": {
            **NULLABLE,
            "description": _lt("Reference of the customer; null where it has none."),
        },
        "customer_name": TEXT,
        "start": {**MOMENT, "description": _lt("Beginning of the bucket.")},
        "dimensions": TEXTS,
        "quantity": {
            **EXACT,
            "description": _lt("In the meter's unit, with every digit."),
        },
        "count": {**COUNT, "description": _lt("Events behind the quantity.")},
    },
)
USAGE_PAGE = _page(
    "UsagePage",
    USAGE_ROW,
    meter=TEXT,
    unit=NULLABLE,
    bucket=TEXT,
    **{"from": MOMENT, "to": MOMENT},
)
STORED_EVENT = _object(
    "StoredEvent",
    ["id", "source", "status", "batch"],
    {
        "id": TEXT,
        "source": {**TEXT, "description": _lt("Code of the source.")},
        "type": NULLABLE,
        "subject": NULLABLE,
        "time": {"type": ["string", "null"], "format": "date-time"},
        "value": EXACT_OR_NULL,
        "amount": EXACT_OR_NULL,
        "currency": NULLABLE,
        "dimensions": TEXTS,
        "properties": TEXTS,
        "status": {
            "enum": [
                "stored",
                "voided",
                "amended",
                "replaced",
                "quarantined",
                "ignored",
                "archived",
            ],
            "description": _lt(
                "stored: counts. voided: counts no more. amended: an amendment "
                "counts in its place. replaced: a newer delivery took its place. "
                "quarantined: waits for a decision. ignored: left out by one. "
                "archived: counts; its month left the store for the archive."
            ),
        },
        "kind": {"enum": ["usage", "void", "amendment"]},
        "corrected_by": {
            "type": ["integer", "null"],
            "description": _lt("Number of the delivery that voided or amended it."),
        },
        "subscription": TEXT,
        "code": TEXT,
        "detail": NULLABLE,
        "batch": {"type": ["integer", "null"]},
        "received_at": {**MOMENT, "type": ["string", "null"]},
    },
)
EVENT_PAGE = _page(
    "EventPage",
    STORED_EVENT,
    archived={
        "type": "array",
        "items": TEXT,
        "description": _lt(
            "Months of the span, as 2026-01, with events in the archive: those are "
            "not listed. One of them is read by its id."
        ),
    },
)
METER = _object(
    "Meter",
    ["code", "name", "event_type", "aggregation", "dimensions"],
    {
        "code": TEXT,
        "name": TEXT,
        "event_type": TEXT,
        "aggregation": TEXT,
        "dimensions": {"type": "array", "items": TEXT},
        "filters": TEXTS,
        "unit": NULLABLE,
        "unit_code": TEXT,
        "description": TEXT,
        "active": {"type": "boolean"},
    },
)
METER_PAGE = _page("MeterPage", METER)
BATCH = _object(
    "Batch",
    ["batch", "source", "state", "rows_read", "accepted", "duplicate", "quarantined"],
    {
        "batch": COUNT,
        "name": TEXT,
        "source": TEXT,
        "state": {"enum": ["new", "done", "failed", "superseded"]},
        "received_at": MOMENT,
        "rows_read": COUNT,
        "accepted": COUNT,
        "duplicate": COUNT,
        "quarantined": COUNT,
        "ignored": COUNT,
        "open": {**COUNT, "description": _lt("Rows still in the quarantine.")},
    },
)
BATCH_PAGE = _page("BatchPage", BATCH)
