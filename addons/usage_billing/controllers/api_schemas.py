"""Shapes that the API takes and gives, as JSON Schemas of the OpenAPI document."""

from odoo.tools import LazyTranslate

from ..api import limits
from ..api.operations import reference, register_schema

_lt = LazyTranslate(__name__)
MODULE = "usage_billing"

NUMBER = {
    "description": _lt(
        "A decimal number. Every digit is kept; a text is safe from JSON libraries "
        "that read numbers as floating point."
    ),
    "anyOf": [
        # one with as many digits behind the point as none keeps is refused too; a
        # schema counts no digits
        {"type": "number", "exclusiveMinimum": -1e100, "exclusiveMaximum": 1e100},
        {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?$"},
    ],
}
#: PostgreSQL keeps no NUL.
STORABLE = r"^[^\u0000]*$"
CODE = {"type": "string", "minLength": 1, "pattern": STORABLE}
NAME = {**CODE, "maxLength": limits.MAX_NAME}
TIME = {
    "type": "string",
    "format": "date-time",
    "description": _lt(
        "When the usage happened: RFC 3339 with its zone. Decides the billing period."
    ),
}
MEMBERS = {
    "type": "object",
    "propertyNames": {"pattern": STORABLE, "maxLength": limits.MAX_NAME},
    "additionalProperties": {
        "type": ["string", "number", "boolean", "null"],
        "pattern": STORABLE,
        "maxLength": limits.MAX_DIMENSION,
        "exclusiveMinimum": -1e100,
        "exclusiveMaximum": 1e100,
    },
}
EXACT = {
    "type": "string",
    "description": _lt("A decimal number as text, with every digit."),
}

EVENT = register_schema(
    MODULE,
    "Event",
    {
        "type": "object",
        "description": _lt("A usage event in our own form."),
        "required": ["id", "type", "subject", "time"],
        "additionalProperties": False,
        "properties": {
            "id": {
                **NAME,
                "description": _lt(
                    "Unique within the source of the key, for ever. Derive it from "
                    "the fact, so that a repeated request counts once."
                ),
            },
            "type": {
                **NAME,
                "description": _lt("What was used; meters select by it."),
            },
            "subject": {
                **NAME,
                "description": _lt("Who used it; belongs to a subscription."),
            },
            "time": TIME,
            "value": {"anyOf": [NUMBER, {"type": "null"}]},
            "unit": {
                **NAME,
                "type": ["string", "null"],
                "description": _lt(
                    "Unit of the value, where it is not the one the source always "
                    "sends: the meter's own, or a name that was given a factor. An "
                    "unknown one is kept until it is."
                ),
            },
            "amount": {
                "anyOf": [NUMBER, {"type": "null"}],
                "description": _lt(
                    "What the event itself costs, for charges passed through."
                ),
            },
            "currency": {
                "type": ["string", "null"],
                "pattern": "^[A-Z]{3}$",
                "description": _lt("Of the amount: ISO 4217."),
            },
            "dimensions": {
                **MEMBERS,
                "maxProperties": limits.MAX_DIMENSIONS,
                "description": _lt(
                    "What prices may depend on, with few distinct values: a region, "
                    "a machine type."
                ),
            },
            "properties": {
                **MEMBERS,
                "additionalProperties": {
                    **MEMBERS["additionalProperties"],
                    "maxLength": limits.MAX_PROPERTY,
                },
                "maxProperties": limits.MAX_PROPERTIES,
                "description": _lt("Anything else worth keeping."),
            },
        },
    },
)
EVENTS = register_schema(
    MODULE,
    "Events",
    {
        "type": "object",
        "required": ["events"],
        "additionalProperties": False,
        "properties": {
            "events": {
                "type": "array",
                "maxItems": limits.MAX_EVENTS,
                "items": {"anyOf": [EVENT, reference("CloudEvent")]},
            }
        },
    },
)
CLOUD_EVENT = register_schema(
    MODULE,
    "CloudEvent",
    {
        "type": "object",
        "description": _lt(
            "An event as of CloudEvents 1.0. The id is unique within its source; "
            "extension attributes are not kept."
        ),
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "propertyNames": {"pattern": STORABLE},
        "properties": {
            "specversion": {"const": "1.0"},
            "id": NAME,
            "source": NAME,
            "type": NAME,
            "subject": NAME,
            "time": TIME,
            "data": {
                "description": _lt(
                    "value, amount, currency, dimensions and properties as in our own "
                    "form. Other members are dimensions when a meter keeps them "
                    "apart, else properties. A number alone is the value."
                ),
                "anyOf": [{"type": "object"}, NUMBER, {"type": "null"}],
            },
        },
    },
)
OUTCOME = register_schema(
    MODULE,
    "Outcome",
    {
        "type": "object",
        "description": _lt("What became of one event."),
        "required": ["index", "id", "status"],
        "properties": {
            "index": {
                "type": "integer",
                "minimum": 0,
                "description": _lt("Place in the request, from 0."),
            },
            "id": {"type": "string"},
            "status": {
                "enum": [
                    "accepted",
                    "duplicate",
                    "conflict",
                    "quarantined",
                    "ignored",
                ]
            },
            "code": {"type": "string", "description": _lt("The reason, for programs.")},
            "detail": {"type": "string"},
            "field": {
                "type": "string",
                "description": _lt("Where it stands in the request: events[3].time."),
            },
            "action": {"type": "string", "description": _lt("What you can do.")},
        },
    },
)
RECEIPT = register_schema(
    MODULE,
    "Receipt",
    {
        "type": "object",
        "description": _lt(
            "Every event of the request is one of accepted (stored and counted), "
            "duplicate (stored before, counted once), conflict or quarantined (kept "
            "until somebody decides). None is lost."
        ),
        "required": [
            "batch",
            "received",
            "accepted",
            "duplicate",
            "conflict",
            "quarantined",
            "results",
        ],
        "properties": {
            "batch": {
                "type": ["integer", "null"],
                "description": _lt("Number of the delivery; null for no events."),
            },
            "received": {"type": "integer"},
            "accepted": {"type": "integer"},
            "duplicate": {"type": "integer"},
            "conflict": {"type": "integer"},
            "quarantined": {"type": "integer"},
            "results": {"type": "array", "items": OUTCOME},
        },
    },
)
PROBLEM = register_schema(
    MODULE,
    "Problem",
    {
        "type": "object",
        "description": _lt("Problem details (RFC 9457)."),
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "description": _lt("The reason, for programs.")},
            "field": {"type": "string"},
            "action": {"type": "string", "description": _lt("What you can do.")},
        },
    },
)
DOCUMENT = register_schema(MODULE, "Document", {"type": "object"})
