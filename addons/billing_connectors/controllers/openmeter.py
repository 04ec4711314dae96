# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""OpenMeter's API for events and meters, under /usage/openmeter."""

from datetime import timedelta

from odoo import fields, http
from odoo.http import request

from .. import face_bridge
from ..face_reading import Reader
from ..faces import openmeter, openmeter_query, queries
from ..faces.reading import load_json
from ..faces.values import FieldProblem
from .door import answer, body, facts_of_key, route

PREFIX = "/usage/openmeter/api/v1"
RECENT = timedelta(hours=72)
#: events a little in the future, by clocks that go fast, are recent too
AHEAD = timedelta(days=1)


class OpenMeterFace(http.Controller):
    @route(openmeter, f"{PREFIX}/events", "POST", limit=16 << 20)
    def ingest_events(self, **_parameters):
        """Store one CloudEvent or up to 10,000; the same ones again are dropped."""
        facts = facts_of_key("ingest")
        message = request.httprequest
        events = openmeter.read_events(body(), message.mimetype)
        done = face_bridge.ingest(request.env, facts, events, "OpenMeter", "time")
        if done.conflicts:
            status, document = openmeter.write_conflicts(done.conflicts, message.path)
            return answer(document, status)
        return answer(None, 204)

    @route(openmeter, f"{PREFIX}/events", "GET")
    def list_events(self, **parameters):
        """List the newest events, by default of the last three days."""
        facts = facts_of_key("read")
        query = openmeter_query.read_listing(parameters)
        end = query.end or fields.Datetime.now() + AHEAD
        start = query.start or min(end, fields.Datetime.now()) - RECENT
        found = Reader(request.env, facts).newest(
            start, end, query.limit, query.subject
        )
        return answer([openmeter.write_ingested(*entry) for entry in found])

    @route(openmeter, f"{PREFIX}/meters", "GET")
    def list_meters(self, **_parameters):
        reader = Reader(request.env, facts_of_key("read"))
        return answer([_write_meter(meter) for meter in reader.meters()])

    @route(openmeter, f"{PREFIX}/meters/<string:code>", "GET")
    def get_meter(self, code, **_parameters):
        reader = Reader(request.env, facts_of_key("read"))
        return answer(_write_meter(reader.meter(code)))

    @route(openmeter, f"{PREFIX}/meters/<string:code>/query", "GET")
    def query_meter(self, code, **_parameters):
        """Ask for quantities, by the parameters of the address."""
        facts = facts_of_key("read")
        arguments = list(request.httprequest.args.lists())
        return self._query(facts, code, openmeter_query.read_address(arguments))

    @route(openmeter, f"{PREFIX}/meters/<string:code>/query", "POST")
    def query_meter_by_body(self, code, **_parameters):
        """Ask for quantities, by a JSON body."""
        facts = facts_of_key("read")
        return self._query(facts, code, load_json(body()))

    def _query(self, facts, code, document):
        accepted = request.httprequest.accept_mimetypes
        if accepted.best_match(["application/json", "text/csv"]) == "text/csv":
            # the client would take the JSON for the text of its file
            raise FieldProblem("Accept", "not_supported", "application/json is")
        query = openmeter_query.read_query(document)
        reader = Reader(request.env, facts)
        meter = reader.meter(code)
        end = query.end or fields.Datetime.now()
        start = query.start or reader.beginning(reader.subscriptions(query.subjects))
        if start >= end:
            raise FieldProblem("to", "wrong_type", "later than from")
        parts = queries.merge(
            reader.usage(
                *(meter, query.subjects, start, end, query.bucket),
                {*query.names, *query.filters},
                query.zone,
                query.keep_subject,
            ),
            meter.aggregation,
            query.names,
            query.filters,
            query.keep_subject,
        )
        return answer(openmeter_query.write_result(query, start, end, parts))


def _write_meter(meter):
    value_property = {"value": "value", "amount": "amount"}.get(
        meter.value_source, meter.value_property or ""
    )
    return openmeter.write_meter(
        meter.code,
        meter.name,
        meter.event_type,
        meter.aggregation,
        "" if meter.aggregation == "count" else value_property,
        meter._get_dimension_keys(),
        (meter.create_date, meter.write_date),
    )
