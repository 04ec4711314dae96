"""The native API against a served Odoo: what only shows over real HTTP."""

import pytest

from tests.serving import served_database

SETUP = """
import json
from pathlib import Path

product = env["product.product"].create({"name": "Usage", "type": "service"})
meter = env["usage.meter"].create(
    {"name": "Compute", "code": "compute", "event_type": "compute.hours",
     "dimension_keys": "region", "unit_label": "h"})
plan = env["usage.plan"].create({"name": "Plan", "code": "plan"})
version = env["usage.plan.version"].create({
    "plan_id": plan.id, "valid_from": "2020-01-01", "charge_ids": [
        (0, 0, {"name": "Compute", "model": "per_unit", "unit_price": "0.01",
                "product_id": product.id, "meter_id": meter.id})]})
version.action_approve()
partner = env["res.partner"].create({"name": "Studio", "ref": "C-0042"})
subscription = env["usage.subscription"].create(
    {"partner_id": partner.id, "plan_id": plan.id, "date_start": "2026-01-01",
     "code": "STUDIO-PROD"})
env["usage.subject"].create(
    {"subject": "project-42", "subscription_id": subscription.id})
subscription.action_activate()
# what the examples of the description name
env["product.product"].create({"name": "Bike", "default_code": "BIKE-DAY",
                               "type": "service", "list_price": 12})
for code, charge in (("rail", "km"), ("city-bus", "rides")):
    fares = env["usage.plan"].create({"name": code, "code": code})
    env["usage.plan.version"].create({
        "plan_id": fares.id, "valid_from": "2020-01-01", "charge_ids": [
            (0, 0, {"name": charge, "key": charge, "model": "per_unit",
                    "unit_price": "0.2", "product_id": product.id,
                    "meter_id": meter.copy({"code": charge, "event_type": charge}).id,
                    })]}).action_approve()
source = env["usage.source"].create(
    {"name": "Gateway", "code": "gateway", "kind": "api", "future_tolerance_min": -1})
key = env["usage.api.key"].create(
    {"name": "Gateway", "source_id": source.id, "can_read": True, "can_correct": True,
     "can_quote": True, "rate_limit": 0})
slow = env["usage.api.key"].create(
    {"name": "Slow", "source_id": source.id, "rate_limit": 2, "rate_burst": 4})
Path(arguments[0]).write_text(
    json.dumps({"key": key._issue_token(), "slow": slow._issue_token()}))
"""


class Api:
    """A served Odoo with a key that may do everything, and one that may do little."""

    def __init__(self, served, tokens):
        self.served = served
        self.url = served.url
        self.key, self.slow = tokens["key"], tokens["slow"]

    def query(self, sql):
        return self.served.odoo.server.query(sql, self.served.database)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    with served_database("api", "usage_billing", SETUP, folder, 2) as (served, tokens):
        yield Api(served, tokens)
