"""POST /usage/v1/events: usage comes in."""

from odoo import http
from odoo.tools import LazyTranslate

from ..api import forms, limits, outcomes, problem
from ..api.operations import Operation, Parameter
from ..api.problem import ApiProblem
from ..api.query import read_choice
from ..models.usage_ingest import COLLISIONS
from ..row_words import in_language
from .api import api_route
from .api_reasons import reasons_in
from .api_schemas import CLOUD_EVENT, EVENT, EVENTS

_lt = LazyTranslate(__name__)

EXAMPLE = {
    "id": "vm-17/2026-09-15T12",
    "type": "compute.hours",
    "subject": "project-42",
    "time": "2026-09-15T12:00:00Z",
    "value": "1.5",
    "dimensions": {"region": "fr-par"},
    "properties": {"host": "vm-17"},
}
CLOUD_EXAMPLE = {
    "specversion": "1.0",
    "id": "vm-17/2026-09-15T13",
    "source": "/gateways/lyon",
    "type": "compute.hours",
    "subject": "project-42",
    "time": "2026-09-15T13:00:00Z",
    "data": {"value": "1.5", "region": "fr-par"},
}
RESULTS = ("problems", "all", "none")


class EventApi(http.Controller):
    @api_route(
        Operation(
            "POST",
            "/usage/v1/events",
            "sendEvents",
            _lt("Send usage events"),
            _lt(
                "One event or up to 10,000, in our own JSON, as CloudEvents 1.0 "
                "(structured, batch or binary) or one event a line (NDJSON); "
                "optionally compressed with gzip. The answer comes when everything "
                "is stored durably. Send a request again whenever no answer came: "
                "what was stored counts as duplicates."
            ),
            scope="ingest",
            parameters=(
                Parameter(
                    "results",
                    _lt(
                        "Which events the answer lists: those not plainly accepted, "
                        "all, or none."
                    ),
                    {"enum": list(RESULTS), "default": "problems"},
                ),
            ),
            body={
                forms.JSON: (
                    {
                        "anyOf": [
                            EVENTS,
                            {
                                "type": "array",
                                "maxItems": limits.MAX_EVENTS,
                                "items": {"anyOf": [EVENT, CLOUD_EVENT]},
                            },
                            EVENT,
                            CLOUD_EVENT,
                        ]
                    },
                    {"events": {"events": [EXAMPLE]}, "event": EXAMPLE},
                ),
                forms.STRUCTURED: (CLOUD_EVENT, {"event": CLOUD_EXAMPLE}),
                forms.BATCH: (
                    {
                        "type": "array",
                        "maxItems": limits.MAX_EVENTS,
                        "items": CLOUD_EVENT,
                    },
                    {"events": [CLOUD_EXAMPLE]},
                ),
                forms.NDJSON[0]: ({"type": "string"}, {}),
            },
            responses={202: (_lt("Stored"), "Receipt")},
            problems={
                400: _lt("The body cannot be read; nothing was stored"),
                409: _lt(
                    "A single event whose id is taken by an event with another content"
                ),
                413: _lt("More than 10,000 events, or more than 32 MiB"),
                415: _lt("Another content type or encoding"),
                422: _lt("A single event that cannot be read"),
                503: _lt("The store cannot take events now; nothing was stored"),
            },
        )
    )
    def send_events(self, call):
        """Store events; see the operation for what callers may count on."""
        wanted = read_choice(call.query, "results", RESULTS, "problems")
        call.refuse_unknown_parameters("results")
        body = call.read_body()
        source = call.env["usage.source"].browse(call.key.source_id)
        reader = source._get_event_reader(call.key.company_id)
        kind = call.http.content_type or ""
        reading = reader.read(body, kind, call.http.headers)
        if reading.has_units:
            alias = call.env["usage.alias"]
            reading.rows = alias._in_source_units(
                call.key.company_id, source.id, reading.rows
            )
        try:
            result = source._ingest(reading.rows)
        except COLLISIONS as error:
            raise problem.unavailable() from error
        is_cloud = forms.is_cloud(kind, call.http.headers)
        if reading.is_single:
            return self._answer_single(call, reading, result, is_cloud)
        reasons = reasons_in(call.lang)
        found = {outcome.row_number: outcome for outcome in result.outcomes}
        if wanted == "all":
            shown = range(1, len(reading.rows) + 1)
        else:
            shown = found if wanted == "problems" else ()
        return 202, _receipt(
            result,
            [
                outcomes.describe(
                    number - 1,
                    reading.rows[number - 1],
                    found.get(number),
                    reasons,
                    reading.fields.get(number),
                    number in found
                    and _say(call, found[number], reading.sentences.get(number)),
                    is_cloud,
                )
                for number in shown
            ],
        )

    def _answer_single(self, call, reading, result, is_cloud):
        outcome = result.outcomes[0] if result.outcomes else None
        described = outcomes.describe(
            0,
            reading.rows[0],
            outcome,
            reasons_in(call.lang),
            said=outcome and _say(call, outcome),
            is_cloud=is_cloud,
            place="",
        )
        if result.conflict:
            raise ApiProblem(
                409,
                "conflict",
                _lt("The id is taken"),
                _lt(
                    "An event with this id and another content is stored already; "
                    "this one is kept until somebody decides."
                ),
                field="id",
                action=described["action"],
                members={"batch": result.batch_id, "id": described["id"]},
            )
        return 202, _receipt(result, [described])


def _say(call, outcome, sentence=None):
    """What is wrong with an event, as its reader or else the store said."""
    if sentence:
        return in_language(call.lang, sentence)
    return call.env["usage.quarantine"]._say_detail(
        outcome.code, outcome.detail, call.lang
    )


def _receipt(result, results):
    return {
        "batch": result.batch_id,
        "received": sum(result[1:5]),
        "accepted": result.accepted,
        "duplicate": result.duplicate,
        "conflict": result.conflict,
        "quarantined": result.quarantined,
        "results": results,
    }
