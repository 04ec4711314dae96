# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Stripe's API for billing meter events, under /usage/stripe."""

import uuid

from odoo import http
from odoo.http import request

from .. import face_bridge
from ..faces import stripe
from .door import answer, body, facts_of_key, route

PREFIX = "/usage/stripe"


class StripeFace(http.Controller):
    @route(stripe, f"{PREFIX}/v1/billing/meter_events", "POST")
    def create_event(self, **_parameters):
        """Store one event, form-encoded."""
        facts = facts_of_key("ingest")
        form = request.httprequest.form.items(multi=True)
        return self._store(facts, [stripe.read_event(form, _request_id())], 1)

    @route(stripe, f"{PREFIX}/v2/billing/meter_events", "POST")
    def create_event_v2(self, **_parameters):
        """Store one event, as JSON."""
        facts = facts_of_key("ingest")
        return self._store(facts, [stripe.read_event_v2(body(), _request_id())], 2)

    def _store(self, facts, events, version):
        done = face_bridge.ingest(request.env, facts, events, "Stripe")
        if done.conflicts:
            status, document = stripe.write_conflicts(
                [done.events[position].event_id for position in done.conflicts]
            )
            return answer(document, status)
        if version is None:
            return answer({})
        (event,) = done.events
        return answer(stripe.write_event(event, done.arrived_at, version))


def _request_id():
    """What a retry of the client sends again; random when it sends nothing."""
    found = request.httprequest.headers.get("Idempotency-Key", "").strip()
    return found[:255] or uuid.uuid4().hex
