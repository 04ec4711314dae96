"""Reading through the API: usage, events, meters, batches, within the key's scope."""

import json
from dataclasses import replace
from datetime import timedelta

from odoo import fields, http
from odoo.fields import Domain
from odoo.tools import LazyTranslate

from ..api import problem
from ..api.operations import Operation, Parameter
from ..api.query import (
    MAX_LIMIT,
    read_choice,
    read_cursor,
    read_int,
    read_limit,
    read_names,
    read_time,
    write_cursor,
    write_time,
)
from ..fields_exact import to_text
from ..metering import archive, schema
from ..metering.connection import exact_cursor
from ..metering.finding import Search, as_json
from .api import api_route
from .api_schemas import CODE, STORABLE
from .api_schemas_read import CURSOR, FROM, LIMIT, TO

_lt = LazyTranslate(__name__)

BUCKETS = ("hour", "day", "month", "total")
#: Subscriptions that one question to the store is about.
CHUNK = 50
#: Longest span of hours, so that an answer stays an answer.
MOST_HOURS = timedelta(days=93)
_NAMES_NOTHING = _lt("A parameter names nothing that this key may read")
KINDS = {"u": "usage", "v": "void", "a": "amendment"}
CUSTOMER = Parameter(
    "customer",
    _lt("Reference of a customer."),
    CODE,
    example="C-0042",
)
CUSTOMER_ID = Parameter(
    "customer_id",
    _lt("Number of a customer, as answers name it."),
    {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
)
SUBSCRIPTION = Parameter(
    "subscription",
    _lt("Code of a subscription."),
    CODE,
    example="STUDIO-PROD",
)
UNKNOWN = {
    "customer": _lt("There is no customer with this reference and a subscription."),
    "customer_id": _lt("There is no customer with this number and a subscription."),
    "subscription": _lt("There is no subscription with this code, or it is a draft."),
    "subject": _lt("There is no such subject of a subscription."),
}
SUBJECT = Parameter("subject", _lt("A subject as events name it."), CODE)


class ReadApi(http.Controller):
    @api_route(
        Operation(
            "GET",
            "/usage/v1/usage",
            "readUsage",
            _lt("Read usage"),
            _lt(
                "Quantities of a meter by subscription and bucket of time, in the "
                "zone of the subscription, kept apart by dimensions or properties "
                "if wanted. Buckets without usage are left out. Quantities are not "
                "rounded: those of the buckets add up to those of the whole."
            ),
            tag="usage",
            scope="read",
            parameters=(
                Parameter(
                    "meter",
                    _lt("Code of the meter."),
                    CODE,
                    required=True,
                    example="compute",
                ),
                FROM,
                TO,
                Parameter(
                    "bucket",
                    _lt("Length of the buckets."),
                    {"enum": list(BUCKETS), "default": "day"},
                ),
                Parameter(
                    "group_by",
                    _lt("Dimensions or properties, separated by commas."),
                    {"type": "string", "pattern": STORABLE},
                    example="region",
                ),
                CUSTOMER,
                CUSTOMER_ID,
                SUBSCRIPTION,
                replace(
                    SUBJECT,
                    description=_lt(
                        "A subject as events name it: only its own usage, read from "
                        "the events themselves. Quantities of the subjects of a "
                        "subscription need not add up to those of the subscription, "
                        "for example where a meter counts what is unique."
                    ),
                ),
                LIMIT,
                CURSOR,
            ),
            responses={200: (_lt("A page of usage"), "UsagePage")},
            problems={
                404: _NAMES_NOTHING,
                422: _lt(
                    "It is counted from events, and a month of the span is in the "
                    "archive"
                ),
            },
        )
    )
    def read_usage(self, call):
        """Usage by time and dimension, paged by subscription, time and dimensions."""
        query = call.query
        call.refuse_unknown_parameters(
            "meter", "from", "to", "bucket", "group_by", "customer", "customer_id",
            "subscription", "subject", "limit", "cursor",
        )  # fmt: skip
        meter = _meter(call, query.get("meter"), "meter")
        bucket = read_choice(query, "bucket", BUCKETS, "day")
        start, end = _span(query, _start_of_month())
        if bucket == "hour" and end - start > MOST_HOURS:
            raise problem.invalid_parameter(
                "from",
                _lt(
                    "Hours are read of at most %(days)s days at once.",
                    days=MOST_HOURS.days,
                ),
                _lt("Ask for a shorter span, or for days."),
            )
        group_by = read_names(query, "group_by")
        limit = read_limit(query)
        after = read_cursor(query, int, str, str)
        subscriptions = _subscriptions(call, UNKNOWN)
        if after:
            subscriptions = subscriptions.filtered(lambda s: s.id >= after[0])
        rows = []
        for first in range(0, len(subscriptions), CHUNK):
            rows += self._usage_rows(
                call, subscriptions[first : first + CHUNK], meter, start, end, bucket,
                group_by, after,
            )  # fmt: skip
            if len(rows) > limit:
                break
        following = write_cursor(*rows[limit - 1][0]) if len(rows) > limit else None
        return 200, {
            "meter": meter.code,
            "unit": meter.unit_label or None,
            "bucket": bucket,
            "from": write_time(start),
            "to": write_time(end),
            "data": [row for _place, row in rows[:limit]],
            "next": following,
        }

    def _usage_rows(
        self, call, subscriptions, meter, start, end, bucket, group_by, after
    ):
        """(place, row) of these subscriptions, in the order of places."""
        found = _store(call).usage(
            subscriptions, meter, start, end, bucket, group_by,
            subject=call.query.get("subject"),
        )  # fmt: skip
        by_id = {subscription.id: subscription for subscription in subscriptions}
        rows = []
        for row in found:
            subscription = by_id[row.subscription_id]
            place = (
                row.subscription_id,
                row.start.isoformat(),
                json.dumps(dict(row.dimensions), sort_keys=True),
            )
            if after and place <= after:
                continue
            rows.append(
                (
                    place,
                    {
                        "subscription": subscription.code,
                        "customer_id": subscription.partner_id.id,
                        "customer": subscription.partner_id.ref or None,
                        "customer_name": subscription.partner_id.display_name,
                        "start": write_time(row.start),
                        "dimensions": dict(row.dimensions),
                        "quantity": to_text(row.quantity),
                        "count": row.count,
                    },
                )
            )
        return sorted(rows, key=lambda entry: entry[0])

    # -- events ------------------------------------------------------------------------

    @api_route(
        Operation(
            "GET",
            "/usage/v1/events",
            "listEvents",
            _lt("List stored events"),
            _lt(
                "Events by the time of the usage. Without “from” and “to”: the "
                "running month. With “id”: that event, whenever it was. Events in the "
                "archive are not listed; “archived” names their months."
            ),
            scope="read",
            parameters=(
                FROM,
                TO,
                Parameter(
                    "id",
                    _lt("Id of an event; of a CloudEvent with “source” as sent."),
                    CODE,
                ),
                Parameter(
                    "source",
                    _lt("Code of a source of usage."),
                    CODE,
                ),
                Parameter(
                    "type",
                    _lt("Type of the events."),
                    CODE,
                ),
                SUBJECT,
                CUSTOMER,
                CUSTOMER_ID,
                SUBSCRIPTION,
                Parameter(
                    "batch",
                    _lt("Number of a delivery."),
                    {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
                ),
                LIMIT,
                CURSOR,
            ),
            responses={200: (_lt("A page of events"), "EventPage")},
            problems={404: _NAMES_NOTHING},
        )
    )
    def list_events(self, call):
        query = call.query
        call.refuse_unknown_parameters(
            "from", "to", "id", "source", "type", "subject", "customer",
            "customer_id", "subscription", "batch", "limit", "cursor",
        )  # fmt: skip
        limit = read_limit(query)
        sources = _sources(call)
        if query.get("id") is not None:
            data = _find(call, sources, query["id"])
            return 200, {"archived": [], "data": data, "next": None}
        start, end = _span(query, _start_of_month())
        chosen = call.key.partner_id or (
            {"customer", "customer_id", "subscription"} & query.keys()
        )
        subscriptions = _subscriptions(call) if chosen else None
        search = Search(
            company_id=call.key.company_id,
            start=start,
            end=end,
            type=query.get("type"),
            subject=query.get("subject"),
            source_ids=sources.ids if "source" in query else None,
            batch_id=read_int(query, "batch", low=1),
            after=read_cursor(query, type(start), int),
        )
        if subscriptions is not None:
            periods = call.env["usage.period"].search(
                [
                    ("subscription_id", "in", subscriptions.ids),
                    ("start_at", "<", end),
                    ("end_at", ">", start),
                ]
            )
            search = search._replace(
                subscription_ids=subscriptions.ids, period_ids=periods.ids
            )
        found = _store(call).find(search, limit + 1)
        following = None
        if len(found) > limit:
            following = write_cursor(*found[limit - 1].cursor)
        away = archive.left_out(exact_cursor(call.env.cr), search)
        return 200, {
            "archived": [schema.month_text(month) for month in away],
            "data": _write_events(call, found[:limit]),
            "next": following,
        }

    @api_route(
        Operation(
            "GET",
            "/usage/v1/events/{event_id}",
            "getEvent",
            _lt("Read one event"),
            _lt(
                "What became of an event: stored, or kept in the quarantine with its "
                "reason. The id of a CloudEvent is its source and id with a space "
                "between; ids that begin with a slash are read with "
                "GET /usage/v1/events?id=…"
            ),
            scope="read",
            parameters=(
                Parameter(
                    "event_id",
                    _lt("Id of the event."),
                    CODE,
                    place="path",
                    required=True,
                    example="vm-17%2F2026-09-15T12",
                ),
                Parameter(
                    "source",
                    _lt("Code of its source, where ids of several sources meet."),
                    CODE,
                ),
            ),
            responses={200: (_lt("The event"), "StoredEvent")},
            problems={404: _lt("No such event, or not for this key")},
        )
    )
    def get_event(self, call, event_id):
        call.refuse_unknown_parameters("source")
        found = _find(call, _sources(call), event_id)
        if not found:
            raise problem.not_found(
                _lt("There is no event “%(event)s”.", event=event_id[:100])
            )
        return 200, found[0]

    # -- meters and batches ------------------------------------------------------------

    @api_route(
        Operation(
            "GET",
            "/usage/v1/meters",
            "listMeters",
            _lt("List meters"),
            _lt("How events become quantities."),
            tag="meters",
            scope="read",
            parameters=(LIMIT, CURSOR),
            responses={200: (_lt("A page of meters"), "MeterPage")},
        )
    )
    def list_meters(self, call):
        call.refuse_unknown_parameters("limit", "cursor")
        limit = read_limit(call.query)
        after = read_cursor(call.query, int)
        meters = call.env["usage.meter"].search(
            [("company_id", "=", call.key.company_id), ("id", ">", (after or [0])[0])],
            order="id",
            limit=limit + 1,
        )
        return 200, {
            "data": [_write_meter(meter) for meter in meters[:limit]],
            "next": write_cursor(meters[limit - 1].id) if len(meters) > limit else None,
        }

    @api_route(
        Operation(
            "GET",
            "/usage/v1/meters/{code}",
            "getMeter",
            _lt("Read one meter"),
            tag="meters",
            scope="read",
            parameters=(
                Parameter(
                    "code",
                    _lt("Code of the meter."),
                    CODE,
                    place="path",
                    required=True,
                    example="compute",
                ),
            ),
            responses={200: (_lt("The meter"), "Meter")},
            problems={404: _lt("No such meter")},
        )
    )
    def get_meter(self, call, code):
        call.refuse_unknown_parameters()
        return 200, _write_meter(_meter(call, code))

    @api_route(
        Operation(
            "GET",
            "/usage/v1/batches",
            "listBatches",
            _lt("List deliveries"),
            _lt(
                "Deliveries of events, newest first: requests, files, replays. Every "
                "row of one is accounted for."
            ),
            tag="batches",
            scope="read",
            parameters=(
                Parameter(
                    "source",
                    _lt("Code of a source of usage."),
                    CODE,
                ),
                LIMIT,
                CURSOR,
            ),
            responses={200: (_lt("A page of deliveries"), "BatchPage")},
            problems={404: _NAMES_NOTHING},
        )
    )
    def list_batches(self, call):
        call.refuse_unknown_parameters("source", "limit", "cursor")
        _refuse_customer_key(call)
        limit = read_limit(call.query)
        after = read_cursor(call.query, int)
        domain = Domain("company_id", "=", call.key.company_id)
        if "source" in call.query:
            domain &= Domain("source_id", "in", _sources(call).ids)
        if after:
            domain &= Domain("id", "<", after[0])
        batches = call.env["usage.batch"].search(
            domain, order="id desc", limit=limit + 1
        )
        return 200, {
            "data": [_write_batch(batch) for batch in batches[:limit]],
            "next": write_cursor(batches[limit - 1].id)
            if len(batches) > limit
            else None,
        }

    @api_route(
        Operation(
            "GET",
            "/usage/v1/batches/{number}",
            "getBatch",
            _lt("Read one delivery"),
            tag="batches",
            scope="read",
            parameters=(
                Parameter(
                    "number",
                    _lt("Number of the delivery."),
                    {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
                    place="path",
                    required=True,
                    example=1,
                ),
            ),
            responses={200: (_lt("The delivery"), "Batch")},
            problems={404: _lt("No such delivery")},
        )
    )
    def get_batch(self, call, number):
        call.refuse_unknown_parameters()
        _refuse_customer_key(call)
        batch = call.find("usage.batch", number)
        if not batch:
            raise problem.not_found(
                _lt("There is no delivery %(number)s.", number=number[:20])
            )
        return 200, _write_batch(batch)


# -- what a key reaches --------------------------------------------------------------


def _store(call):
    company = call.env["res.company"].browse(call.key.company_id)
    return call.env["usage.batch"].with_company(company)._store()


def _subscriptions(call, named=("customer", "customer_id", "subscription")):
    """Subscriptions that the key may read and the query asks for, by id.

    :param named: parameters that must name something that the key may read: a typo
        must not look like no usage. Who is only another company's is told as unknown.
    :raise ApiProblem: 404
    """
    may_read = Domain("company_id", "=", call.key.company_id)
    may_read &= Domain("state", "!=", "draft")
    if call.key.partner_id:
        may_read &= Domain("partner_id", "child_of", call.key.partner_id)
    wanted = _wanted(call)
    subscriptions = call.env["usage.subscription"]
    found = subscriptions.search(Domain.AND([may_read, *wanted.values()]), order="id")
    if found:
        return found
    for name in named:
        if name in wanted and not subscriptions.search(
            may_read & wanted[name], limit=1
        ):
            raise problem.not_found(UNKNOWN[name], field=name)
    return found


def _wanted(call):
    """Parameter -> domain of the subscriptions that it leaves."""
    query, domains = call.query, {}
    if "customer" in query:
        domains["customer"] = Domain("partner_id.ref", "=", query["customer"])
    if "customer_id" in query:
        number = read_int(query, "customer_id", low=1)
        domains["customer_id"] = Domain("partner_id", "=", number)
    if "subscription" in query:
        domains["subscription"] = Domain("code", "=", query["subscription"])
    if "subject" in query:
        domains["subject"] = _store(call).of_subjects([query["subject"]])
    return domains


def _sources(call):
    """Sources of the company, archived ones too, or the one the query names."""
    domain = Domain("company_id", "=", call.key.company_id)
    if "source" in call.query:
        domain &= Domain("code", "=", call.query["source"])
    sources = call.env["usage.source"].with_context(active_test=False).search(domain)
    if "source" in call.query and not sources:
        raise problem.not_found(
            _lt("There is no source with this code."),
            _lt("Correct the parameter and send the request again."),
            "source",
        )
    return sources


def _meter(call, code, parameter=None):
    action = _lt("GET /usage/v1/meters lists the meters with their codes.")
    if code is None:
        raise problem.invalid_parameter(
            parameter, _lt("The code of a meter is needed."), action
        )
    meter = (
        call.env["usage.meter"]
        .with_context(active_test=False)
        .search([("company_id", "=", call.key.company_id), ("code", "=", code)])
    )
    if not meter:
        text = _lt("There is no meter “%(code)s”.", code=code[:100])
        raise problem.not_found(text, action, parameter)
    return meter


def _refuse_customer_key(call):
    """Deliveries mix customers, so a key of one customer does not read them."""
    if call.key.partner_id:
        raise problem.forbidden(_lt("read (every customer)"))


# -- spans ---------------------------------------------------------------------------


def _start_of_month():
    return fields.Datetime.now().replace(day=1, hour=0, minute=0, second=0)


def _span(query, default):
    """Start and end of the query, by default from ``default`` to now."""
    start = read_time(query, "from", default)
    end = read_time(query, "to", max(fields.Datetime.now(), default))
    if start >= end:
        raise problem.invalid_parameter("to", _lt("“to” must be later than “from”."))
    return start, end


# -- writing -------------------------------------------------------------------------


def _find(call, sources, event_id):
    """Events with an id, else what waits with it, or that its month is archived."""
    around = read_time(call.query, "from")
    found, archived = _store(call).find_by_id(sources, event_id, around), []
    if not found:
        archived = _store(call).find_archived(sources, event_id, around)
        found = [event for _source, _time, event in archived if event]
    if call.key.partner_id:
        mine = set(_subscriptions(call).ids)
        found = [event for event in found if event.subscription_id in mine]
    away = {event.id for event in found} if archived else ()
    written = _write_events(call, found + _store(call).find_corrections(found), away)
    if call.key.partner_id:
        return written  # what waits has no customer yet
    held = call.env["usage.quarantine"].search(
        [
            ("source_id", "in", sources.ids),
            ("event_id", "=", event_id),
            ("state", "in", ("open", "ignored")),
        ],
        limit=MAX_LIMIT,
    )
    written += [_write_held(row, call.lang) for row in held]
    return written + [
        _write_archived(event_id, source, time)
        for source, time, event in archived
        if event is None
    ]


def _write_events(call, found, away=()):
    """Stored events.

    :param away: numbers of those that were read from the archive of their month
    """
    env = call.env
    sources = env["usage.source"].with_context(active_test=False)
    sources = sources.browse({event.source_id for event in found})
    codes = {source.id: source.code for source in sources}
    subscriptions = env["usage.subscription"].browse(
        {event.subscription_id for event in found}
    )
    names = {subscription.id: subscription.code for subscription in subscriptions}
    reasons = {}
    if not call.key.partner_id:  # why stays in the house
        orders = env["usage.batch"].browse(
            {event.corrected_by for event in found if event.corrected_by}
        )
        reasons = {order.id: order.reason or None for order in orders}
    return [
        {
            "id": event.event_id,
            "source": codes[event.source_id],
            "type": event.type,
            "subject": event.subject,
            "time": write_time(event.time),
            "value": None if event.value is None else to_text(event.value),
            "amount": None if event.amount is None else to_text(event.amount),
            "currency": event.currency,
            "dimensions": as_json(event.dimensions),
            "properties": as_json(event.properties),
            "status": _status(event, event.id in away),
            "kind": KINDS.get(event.kind, "usage"),
            "corrected_by": event.corrected_by,
            "detail": reasons.get(event.corrected_by),
            "subscription": names[event.subscription_id],
            "batch": event.batch_id,
            "received_at": write_time(event.received_at),
        }
        for event in found
    ]


def _status(event, is_away=False):
    """What a stored event counts for today."""
    if event.is_live:
        return "archived" if is_away else "stored"
    if event.kind == "v":
        return "voided"
    return {"v": "voided", "a": "amended"}.get(event.corrected, "replaced")


def _write_held(row, lang):
    return {
        "id": row.event_id or "",
        "source": row.source_id.code,
        "type": row.event_type or None,
        "subject": row.subject or None,
        "time": write_time(row.event_time),
        "status": "quarantined" if row.state == "open" else "ignored",
        "code": row.reason_code,
        "detail": row._say_detail(row.reason_code, row.detail, lang) or None,
        "batch": row.batch_id.id,
        "received_at": write_time(row.batch_id.received_at),
    }


def _write_archived(event_id, source, time):
    return {
        "id": event_id,
        "source": source.code,
        "type": None,
        "subject": None,
        "time": write_time(time),
        "status": "archived",
        "batch": None,
        "received_at": None,
    }


def _write_meter(meter):
    return {
        "code": meter.code,
        "name": meter.name,
        "event_type": meter.event_type,
        "aggregation": meter.aggregation,
        "dimensions": list(meter._get_dimension_keys()),
        "filters": {line.key: line.value for line in meter.filter_ids},
        "unit": meter.unit_label or None,
        "unit_code": meter.unit_code,
        "description": meter.description_text,
        "active": meter.active,
    }


def _write_batch(batch):
    return {
        "batch": batch.id,
        "name": batch.name,
        "source": batch.source_id.code,
        "state": batch.state,
        "received_at": write_time(batch.received_at),
        "rows_read": batch.rows_read,
        "accepted": batch.accepted_count,
        "duplicate": batch.duplicate_count,
        "quarantined": batch.quarantined_count,
        "ignored": batch.ignored_count,
        "open": batch.open_quarantine_count,
    }
