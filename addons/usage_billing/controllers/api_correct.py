"""Correcting the past through the API: void, amend and backfill events."""

import base64

from odoo import http
from odoo.tools import LazyTranslate

from ..api import forms, orders, problem
from ..api.operations import Operation, Parameter
from ..api.query import write_time
from ..fields_exact import to_text
from ..metering import RejectedRow
from ..models.usage_ingest import COLLISIONS
from .api import api_route
from .api_events import EXAMPLE
from .api_reasons import reasons_in
from .api_schemas_correct import AMEND, BACKFILL, STATUSES, VOID

_lt = LazyTranslate(__name__)

#: Of every order: to send it again without fear.
KEY = Parameter(
    orders.KEY_HEADER,
    _lt(
        "Your own name of the order, such as a UUID, unique among those of the source. "
        "Sent again with it within 30 days, the order is not carried out once more, "
        "whatever was corrected meanwhile: the answer is that of the first time, with "
        "“Idempotent-Replayed: true”. Dry runs pass over it."
    ),
    {"type": "string", "pattern": orders.KEY_PATTERN, "maxLength": 255},
    place="header",
    sample="{{$guid}}",
)
PROBLEMS = {
    413: _lt("More than 32 MiB"),
    415: _lt("Another content type or encoding"),
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
                "the next run. With “dry_run” only the difference is told."
            ),
            scope="correct",
            parameters=(KEY,),
            body={
                forms.JSON: (
                    VOID,
                    {"void": {"events": [{"id": EXAMPLE["id"]}], "reason": "Test run"}},
                )
            },
            responses={200: (_lt("What became of each"), "Corrections")},
            problems=PROBLEMS,
        )
    )
    def void_events(self, call):
        order = orders.read_order(_document(call))
        listed = [
            orders.read_event_to_void(entry, index)
            for index, entry in enumerate(order.events)
        ]
        return self._correct(call, "void", order, lambda: {"orders": listed})

    @api_route(
        Operation(
            "POST",
            "/usage/v1/events/amend",
            "amendEvents",
            _lt("Amend events"),
            _lt(
                "Let new content count in the place of events of the key's source. "
                "Give each event complete, as it should have been. Both stay stored, "
                "with the reason. With “dry_run” only the difference is told."
            ),
            scope="correct",
            parameters=(KEY,),
            body={
                forms.JSON: (
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
        order = orders.read_order(_document(call))
        return self._correct(
            call, "amend", order, lambda: {"orders": _read_rows(call, order.events)}
        )

    @api_route(
        Operation(
            "POST",
            "/usage/v1/events/backfill",
            "backfillEvents",
            _lt("Backfill a span of time"),
            _lt(
                "Say what the key's source should have sent for a span of time. It is "
                "compared with what counts now: missing events are added, those that "
                "differ amended and, unless the mode is “add”, those not in the list "
                "voided. With “dry_run” only the difference is told: look at it first."
            ),
            scope="correct",
            parameters=(KEY,),
            body={
                forms.JSON: (
                    BACKFILL,
                    {
                        "backfill": {
                            "from": "2026-09-15T00:00:00Z",
                            "to": "2026-09-16T00:00:00Z",
                            "events": [EXAMPLE],
                            "reason": "Probe was down",
                            "dry_run": True,
                        }
                    },
                )
            },
            responses={200: (_lt("What was moved"), "Backfilled")},
            problems=PROBLEMS,
        )
    )
    def backfill_events(self, call):
        order = orders.read_backfill(_document(call))
        answer = _give(call, "backfill", order, lambda: _read_span(call, order))
        done = answer.moved.done
        document = {
            **_write_answer(call, order, answer),
            "added": done["added"],
            "amended": done["amended"],
            "voided": done["voided"],
            "left_out": [
                {"id": outcome["event_id"], **_write_outcome(call, **outcome)}
                for outcome in answer.moved.outcomes
            ],
        }
        return 200, document, _headers(answer)

    def _correct(self, call, kind, order, read):
        answer = _give(call, kind, order, read)
        done = answer.moved.done
        document = {
            **_write_answer(call, order, answer),
            "batch": answer.batch_id,
            "corrected": done["voided"] + done["amended"],
            "results": [
                {
                    "index": outcome.number,
                    "id": outcome.event_id,
                    **_write_outcome(
                        call, outcome.status, outcome.code, outcome.detail
                    ),
                }
                for outcome in answer.moved.results
            ],
        }
        return 200, document, _headers(answer)


# -- orders --------------------------------------------------------------------------


def _document(call):
    """JSON of a request.

    :raise ApiProblem: another content type, no JSON, unknown parameters
    """
    call.refuse_unknown_parameters()
    kind = (call.http.content_type or "").partition(";")[0].strip().lower()
    if kind != forms.JSON:
        raise problem.unsupported_type(kind, [forms.JSON])
    return call.read_json()


def _source(call):
    return call.env["usage.source"].browse(call.key.source_id)


def _read_rows(call, listed):
    """Rows of complete events.

    :rtype: list[EventRow]
    :raise ApiProblem: 422, one of them cannot be read
    """
    source = _source(call)
    company_id = call.key.company_id
    reading = source._get_event_reader(company_id).read_events(listed)
    rows = call.env["usage.alias"]._in_source_units(company_id, source.id, reading.rows)
    for row in rows:
        if isinstance(row, RejectedRow):
            name = reading.fields.get(row.row_number)
            if row.reason == "unknown_unit":
                name = "unit"
            detail = reading.sentences.get(row.row_number, row.detail)
            raise orders.unreadable(row.reason, row.row_number - 1, name, detail)
    return rows


def _read_span(call, order):
    """Values of an order to fill a span.

    :raise ApiProblem: 422, an event cannot be read, or a code names nothing
    """
    _read_rows(call, order.events)  # all of them can be read, or nothing happens
    return {
        "source_id": call.key.source_id,
        "start_at": order.start,
        "end_at": order.end,
        "mode": order.mode,
        "subscription_ids": _named(
            call, "usage.subscription", order.subscriptions, "subscriptions"
        ),
        "meter_ids": _named(call, "usage.meter", order.meters, "meters"),
        "data": base64.b64encode(forms.write_lines(order.events) or b"\n"),
        "file_name": "events.ndjson",
    }


def _named(call, model, codes, name):
    """Records with these codes, as values of a field.

    :raise ApiProblem: 422, a code names nothing
    """
    found = (
        call.env[model]
        .with_context(active_test=False)
        .search([("company_id", "=", call.key.company_id), ("code", "in", codes)])
    )
    known = set(found.mapped("code"))
    for index, code in enumerate(codes):
        if code not in known:
            raise orders.unknown(name, index, code)
    return found.ids


def _give(call, kind, order, read):
    """Carry out an order, or see what it would do.

    :param read: function giving what is ordered, as ``_prepare_request_vals`` takes it;
        not asked where the order was carried out before, as names may mean something
        else by now
    :rtype: models.usage_correction_request.Answer
    """
    corrections = call.env["usage.correction"]
    receipt = None
    request_key = orders.read_key(call.http.headers)
    if request_key and not order.is_dry:
        receipt = (call.key.source_id, request_key, f"{kind} {order.digest}")
        if kept := call.env["usage.order.receipt"]._find(*receipt):
            return corrections._repeat(kept)
    key = call.env["usage.api.key"].browse(call.key.id)
    vals = corrections._prepare_request_vals(
        _source(call), kind, order.reason, asked_by=key.name, **read()
    )
    try:
        return corrections._request(vals, order.is_dry, receipt)
    except COLLISIONS as error:
        raise problem.unavailable() from error


# -- answers -------------------------------------------------------------------------


def _headers(answer):
    return {"Idempotent-Replayed": "true"} if answer.is_repeated else {}


def _write_answer(call, order, answer):
    """What every answer has."""
    written = {"correction": answer.name, "dry_run": order.is_dry}
    if "read" in call.key.scopes:
        written["differences"] = _write_differences(call, answer.differences)
    return written


def _write_outcome(call, status, code="", detail="", **_others):
    """Why an event was not corrected, or that it was."""
    if status == "unreadable":
        status = "refused"
    text = STATUSES[status]._translate(call.lang)
    if not code:
        return {"status": status, "detail": text}
    reasons = reasons_in(call.lang)
    sentence = (reasons.get(code) or reasons[""])[0]
    said = call.env["usage.quarantine"]._say_detail(code, detail, call.lang)
    return {
        "status": status,
        "code": code,
        "detail": f"{text} {sentence} {said}".rstrip(),
    }


def _write_differences(call, lines):
    """The difference, as far as the key may read it."""
    env = call.env
    subscriptions = env["usage.subscription"].browse(
        {line["subscription_id"] for line in lines}
    )
    if call.key.partner_id:
        subscriptions = subscriptions.filtered_domain(
            [("partner_id", "child_of", call.key.partner_id)]
        )
    written = []
    for line in lines:
        if line["subscription_id"] not in subscriptions._ids:
            continue
        subscription = env["usage.subscription"].browse(line["subscription_id"])
        period = env["usage.period"].browse(line["period_id"])
        meter = env["usage.meter"].browse(line["meter_id"])
        written.append(
            {
                "subscription": subscription.code or None,
                "period_start": write_time(period.start_at),
                "period_end": write_time(period.end_at),
                "period_state": period.state,
                "meter": meter.code,
                "unit": meter.unit_label or None,
                "currency": subscription.currency_id.name,
                **{
                    name: None if line[name] is None else to_text(line[name])
                    for name in (
                        "quantity_before", "quantity_after",
                        "amount_before", "amount_after",
                    )
                },
            }
        )  # fmt: skip
    return written
