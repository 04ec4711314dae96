# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Stripe's API for billing meter events, under /usage/stripe."""

import hashlib
import json
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

from odoo import fields, http
from odoo.http import request
from odoo.tools import consteq, hmac

from odoo.addons.usage_billing.api import problem as problems

from .. import face_bridge
from ..face_reading import Reader
from ..faces import queries, stripe, stripe_meters
from .door import answer, body, facts_of_key, form, route, token

PREFIX = "/usage/stripe"
SESSION = timedelta(minutes=15)
SESSION_PREFIX = "rlv_session_"


class StripeFace(http.Controller):
    @route(stripe, f"{PREFIX}/v1/billing/meter_events", "POST")
    def create_event(self, **_parameters):
        """Store one event, form-encoded."""
        facts = facts_of_key("ingest")
        return self._store(facts, [stripe.read_event(form(), _request_id())], 1)

    @route(stripe, f"{PREFIX}/v2/billing/meter_events", "POST")
    def create_event_v2(self, **_parameters):
        """Store one event, as JSON."""
        facts = facts_of_key("ingest")
        return self._store(facts, [stripe.read_event_v2(body(), _request_id())], 2)

    @route(stripe, f"{PREFIX}/v2/billing/meter_event_session", "POST")
    def create_session(self, **_parameters):
        """Give a token for the event stream, good for 15 minutes."""
        facts_of_key("ingest")
        now = fields.Datetime.now()
        expires = int(time.time() + SESSION.total_seconds())
        key = hashlib.sha256(token().encode()).hexdigest()
        return answer(
            stripe.write_session(
                f"mes_{uuid.uuid4().hex}", _seal(key, expires), now, now + SESSION
            )
        )

    @route(stripe, f"{PREFIX}/v2/billing/meter_event_stream", "POST")
    def create_stream(self, **_parameters):
        """Store up to 100 events with the token of a session."""
        facts = _facts_of_session(token())
        return self._store(facts, stripe.read_stream(body(), _request_id()), None)

    @route(stripe, f"{PREFIX}/v1/billing/meter_event_adjustments", "POST")
    def cancel_event(self, **_parameters):
        """Take one event out of all quantities, form-encoded."""
        return self._cancel(facts_of_key("correct"), form(), 1)

    @route(stripe, f"{PREFIX}/v2/billing/meter_event_adjustments", "POST")
    def cancel_event_v2(self, **_parameters):
        """Take one event out of all quantities, as JSON."""
        return self._cancel(facts_of_key("correct"), body(), 2)

    def _cancel(self, facts, sent, version):
        event_name, identifier = stripe.read_cancel(sent, version)
        if not face_bridge.void(request.env, facts, event_name, identifier, "Stripe"):
            return answer(*stripe.write_unknown(identifier))
        now = fields.Datetime.now()
        return answer(stripe.write_cancel(event_name, identifier, now, version))

    @route(stripe, f"{PREFIX}/v1/billing/meters", "GET")
    def list_meters(self, **parameters):
        """List meters page by page, archived ones as inactive."""
        reader = Reader(request.env, facts_of_key("read"))
        query = stripe_meters.read_meter_query(parameters)
        meters = {
            meter.code: meter
            for meter in reader.meters(with_archived=True)
            if query.status in ("", stripe_meters.STATUSES[not meter.active])
        }
        codes, has_more = stripe_meters.turn_to(query, list(meters))
        found = [_write_meter(meters[code]) for code in codes]
        return answer(stripe_meters.write_list(found, "/v1/billing/meters", has_more))

    @route(stripe, f"{PREFIX}/v1/billing/meters/<string:code>", "GET")
    def get_meter(self, code, **_parameters):
        reader = Reader(request.env, facts_of_key("read"))
        return answer(_write_meter(reader.meter(code, with_archived=True)))

    @route(stripe, f"{PREFIX}/v1/billing/meters/<string:code>/event_summaries", "GET")
    def list_summaries(self, code, **parameters):
        """Quantities of one customer by hour or day (UTC), or in all."""
        facts = facts_of_key("read")
        query = stripe_meters.read_summary_query(parameters)
        reader = Reader(request.env, facts)
        meter = reader.meter(code)
        parts = queries.merge(
            reader.usage(
                *(meter, (query.customer,), query.start, query.end, query.bucket),
                zone="UTC",
            ),
            *(meter.aggregation, (), {}, True),
        )
        path = f"/v1/billing/meters/{code}/event_summaries"
        return answer(stripe_meters.write_summaries(code, query, parts, path))

    def _store(self, facts, events, version):
        done = face_bridge.ingest(request.env, facts, events, "Stripe", "timestamp")
        if done.conflicts:
            status, document = stripe.write_conflicts(
                [done.events[position].event_id for position in done.conflicts]
            )
            return answer(document, status)
        if version is None:
            return answer({})
        (event,) = done.events
        return answer(stripe.write_event(event, done.arrived_at, version))


def _write_meter(meter):
    return stripe_meters.write_meter(
        meter.code,
        meter.name,
        meter.event_type,
        meter.aggregation,
        meter.value_property if meter.value_source == "property" else "",
        (meter.create_date, meter.write_date),
        meter.active,
    )


def _seal(key, expires):
    """Text that stands for a key until an instant, and that only we can make.

    :param str key: hash of the key's token
    :param int expires: seconds since 1970
    """
    said = json.dumps([key, expires])
    seal = hmac(request.env(su=True), "stripe meter event session", said)
    return SESSION_PREFIX + urlsafe_b64encode(f"{seal}{said}".encode()).decode()


def _facts_of_session(text):
    """Facts of the key behind a session's token; the key must still be in force.

    :raise ApiProblem: 401, also for a key itself: a stream takes a session only
    """
    unknown = problems.unauthorized(
        "Use the authentication_token of a meter event session.", "invalid_session"
    )
    if not text.startswith(SESSION_PREFIX):
        raise unknown
    try:
        found = urlsafe_b64decode(text.removeprefix(SESSION_PREFIX)).decode()
    except ValueError as error:
        raise unknown from error
    seal, said = found[:64], found[64:]
    true_seal = hmac(request.env(su=True), "stripe meter event session", said)
    if not consteq(seal.encode(), true_seal.encode()):
        raise unknown
    key, expires = json.loads(said)
    if expires <= time.time():
        raise problems.unauthorized(
            "The meter event session has expired; create a new one.",
            "temporary_session_expired",
        )
    return request.env["usage.api.key"]._check_hash(key, "ingest")


def _request_id():
    """What a retry of the client sends again; random when it sends nothing."""
    found = request.httprequest.headers.get("Idempotency-Key", "").strip()
    return found[:255] or uuid.uuid4().hex
