# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Lago's API for events, at the server's root: its client drops any path before it."""

from odoo import http
from odoo.http import request

from .. import face_bridge
from ..face_reading import Reader
from ..faces import lago
from .door import answer, body, facts_of_key, route


class LagoFace(http.Controller):
    @route(lago, "/api/v1/events", "POST")
    def create_event(self, **_parameters):
        """Store one event; the same one again is answered alike."""
        facts = facts_of_key("ingest")
        event = lago.read_event(body())
        done = face_bridge.ingest(request.env, facts, [event], "Lago", "timestamp")
        if done.conflicts:
            return _refused(lago.write_conflicts([0]))
        (event,) = done.events
        return answer(
            {"event": lago.write_event(facts.company_id, event, done.arrived_at)}
        )

    @route(lago, "/api/v1/events/batch", "POST", batch=True)
    def create_events(self, **_parameters):
        """Store up to 100 events.

        A field that cannot be used refuses all of them. An id that is taken by another
        content is told, while the others are stored: sending all again does no harm.
        """
        facts = facts_of_key("ingest")
        events = lago.read_batch(body())
        done = face_bridge.ingest(request.env, facts, events, "Lago", "timestamp")
        if done.conflicts:
            return _refused(lago.write_conflicts(done.conflicts, batch=True))
        return answer(
            {
                "events": [
                    lago.write_event(facts.company_id, event, done.arrived_at)
                    for event in done.events
                ]
            }
        )

    @route(lago, "/api/v1/events/<path:transaction_id>", "GET")
    def find_event(self, transaction_id, **_parameters):
        """Read one event, stored or waiting for a decision."""
        facts = facts_of_key("read")
        event, arrived_at = Reader(request.env, facts).event(transaction_id)
        return answer({"event": lago.write_event(facts.company_id, event, arrived_at)})


def _refused(found):
    status, document = found
    return answer(document, status)
