# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""OpenMeter's API for events and meters, under /usage/openmeter."""

from odoo import http
from odoo.http import request

from .. import face_bridge
from ..faces import openmeter
from .door import answer, body, facts_of_key, route

PREFIX = "/usage/openmeter/api/v1"


class OpenMeterFace(http.Controller):
    @route(openmeter, f"{PREFIX}/events", "POST", limit=64 << 20)
    def ingest_events(self, **_parameters):
        """Store one CloudEvent or up to 10,000; the same ones again are dropped."""
        facts = facts_of_key("ingest")
        message = request.httprequest
        events = openmeter.read_events(body(), message.mimetype)
        done = face_bridge.ingest(request.env, facts, events, "OpenMeter")
        if done.conflicts:
            status, document = openmeter.write_conflicts(done.conflicts, message.path)
            return answer(document, status)
        return answer(None, 204)
