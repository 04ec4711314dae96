"""The official clients of other systems against a served Odoo.

Runs in the environment of the clients (``python3 -m tools.releve client-test``), which
knows nothing of Odoo: only what goes over HTTP, and SQL to look at what was stored.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.serving import served_database

SETUP = """
import json
from datetime import timedelta
from pathlib import Path
from odoo import fields

product = env["product.product"].create({"name": "Usage", "type": "service"})
Meter = env["usage.meter"]
meters = Meter.create([
    {"name": "Storage", "code": "storage", "event_type": "storage",
     "value_source": "property", "value_property": "gb", "dimension_keys": "region"},
    {"name": "Tokens", "code": "tokens", "event_type": "request",
     "value_source": "property", "value_property": "tokens",
     "dimension_keys": "model.name"},
    {"name": "Pages", "code": "pages", "event_type": "pages", "active": False},
    {"name": "Requests", "code": "requests", "event_type": "request",
     "aggregation": "count"},
    {"name": "Calls", "code": "calls", "event_type": "calls"},
    {"name": "Costs", "code": "costs", "event_type": "costs",
     "value_source": "amount"},
])
plan = env["usage.plan"].create({"name": "Plan", "code": "plan"})
version = env["usage.plan.version"].create({
    "plan_id": plan.id, "valid_from": "2020-01-01", "charge_ids": [
        (0, 0, {"name": meter.name, "model": "per_unit", "unit_price": "0.01",
                "product_id": product.id, "meter_id": meter.id})
        for meter in meters if meter.code != "costs"]})
version.action_approve()
for name in ("sub_1", "sub_2", "acme", "reader", "cus_1", "cus_2"):
    partner = env["res.partner"].create({"name": name, "ref": name})
    subscription = env["usage.subscription"].create(
        {"partner_id": partner.id, "plan_id": plan.id, "date_start": "2026-01-01"})
    env["usage.subject"].create(
        {"subject": name, "subscription_id": subscription.id})
    subscription.action_activate()
    if name == "acme":
        env["usage.subject"].create([
            {"subject": f"acme-{place}", "subscription_id": subscription.id}
            for place in ("lyon", "paris")])
sources = env["usage.source"].create([
    {"name": name, "code": name, "kind": "api", "future_tolerance_min": 60}
    for name in ("lago", "openmeter", "stripe")])
for id_format in ("uuid7", "composed"):
    sources |= env["usage.source"].create({
        "name": id_format, "code": id_format, "kind": "api",
        "identity_mode": "time_keyed", "id_format": id_format,
        "future_tolerance_min": -1})
Key = env["usage.api.key"]
keys = {}
for source in sources:
    keys[source.code] = {"name": source.name, "source_id": source.id,
                         "can_read": True, "can_correct": True, "rate_limit": 0}
lago = sources[0].id
keys["reader"] = {"name": "Reader", "can_ingest": False, "can_read": True}
keys["sender"] = {"name": "Sender", "source_id": lago, "rate_limit": 0}
keys["expired"] = {"name": "Expired", "source_id": lago,
                   "expires_at": fields.Datetime.now() - timedelta(days=1)}
keys["slow"] = {"name": "Slow", "source_id": lago, "rate_limit": 1, "rate_burst": 1}
tokens = {name: Key.create(vals)._issue_token() for name, vals in keys.items()}
revoked = Key.create({"name": "Revoked", "source_id": lago})
tokens["revoked"] = revoked._issue_token()
revoked.action_revoke()
Path(arguments[0]).write_text(json.dumps(tokens))
"""


class Platform:
    """A served Odoo with meters, customers and keys.

    tokens: name of a key -> its token
    """

    def __init__(self, served, tokens):
        self.served, self.tokens = served, tokens
        self.url = served.url

    def query(self, sql):
        return self.served.odoo.server.query(sql, self.served.database)

    def events(self, source):
        """{event id: (type, subject, value, dimensions, properties)} of a source."""
        rows = self.query(
            "SELECT e.event_id, e.type, e.subject, e.value, d.dims,"
            " coalesce(e.properties, '{}') FROM usage_store_event e"
            " JOIN usage_source s ON s.id = e.source_id"
            " JOIN usage_store_dimset d ON d.id = e.dimset_id"
            f" WHERE s.code = '{source}'"
        )
        return {
            row[0]: (*row[1:4], json.loads(row[4]), json.loads(row[5])) for row in rows
        }

    def held(self, source):
        """[(event id, reason)] of the quarantine, oldest first."""
        rows = self.query(
            "SELECT q.event_id, q.reason_code FROM usage_quarantine q"
            " JOIN usage_source s ON s.id = q.source_id"
            f" WHERE s.code = '{source}' ORDER BY q.id"
        )
        return [tuple(row) for row in rows]

    def quantity(self, subject, meter):
        """What the rollups say that a subject used, over all periods."""
        ((quantity,),) = self.query(
            "SELECT coalesce(sum(CASE WHEN m.aggregation = 'count'"
            " THEN r.event_count ELSE r.value_sum END), 0)"
            " FROM usage_store_rollup r JOIN usage_meter m ON m.id = r.meter_id"
            " JOIN usage_subject u ON u.subscription_id = r.subscription_id"
            f" WHERE m.code = '{meter}' AND u.subject = '{subject}'"
            " AND r.bucket = '-infinity'"
        )
        return Decimal(quantity)


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    with served_database("clients", "billing_connectors", SETUP, folder) as found:
        yield Platform(*found)


@pytest.fixture
def now():
    """An aware time within the periods and the tolerance of the sources."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
