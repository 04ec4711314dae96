"""The same usage gives the same bytes, however many processes compute it.

One process in one slice, against three processes that share the run subscription by
subscription, with other hash seeds and other zones of the server.
"""

import hashlib

import pytest

from tests.faults.race import Race, run_ids

SUBSCRIPTIONS = 9

SETUP = f"""
from datetime import datetime, timedelta
from decimal import Decimal
from odoo.addons.usage_billing.metering import EventRow

product = env["product.product"].create({{"name": "Usage", "type": "service"}})
meter = env["usage.meter"].create(
    {{"name": "GB", "code": "gb", "event_type": "gb", "dimension_keys": "region"}})
plan = env["usage.plan"].create({{"name": "Plan", "code": "plan"}})
tiers = [(0, 0, {{"sequence": 1, "up_to": "100", "unit_price": "0.0123456789"}}),
         (0, 0, {{"sequence": 2, "unit_price": "0.001", "flat_fee": "3"}})]
version = env["usage.plan.version"].create({{
    "plan_id": plan.id, "valid_from": "2020-01-01", "charge_ids": [
        (0, 0, {{"name": "Graduated", "key": "g", "model": "graduated",
                 "product_id": product.id, "meter_id": meter.id,
                 "group_by_dimensions": True, "minimum_amount": "1",
                 "tier_ids": tiers}}),
        (0, 0, {{"name": "Fees", "key": "p", "model": "percentage",
                 "product_id": product.id, "meter_id": meter.id,
                 "rate_percent": "1.37", "fixed_fee_per_event": "0.011",
                 "included_amount": "90"}}),
        (0, 0, {{"name": "Promise", "key": "c", "model": "commitment",
                 "product_id": product.id, "unit_price": "5"}}),
    ]}})
version.action_approve()
source = env["usage.source"].create(
    {{"name": "Test", "code": "test", "kind": "manual", "future_tolerance_min": -1}})
rows = []
for number in range({SUBSCRIPTIONS}):
    partner = env["res.partner"].create({{"name": f"Customer {{number}}"}})
    subscription = env["usage.subscription"].create(
        {{"partner_id": partner.id, "plan_id": plan.id, "date_start": "2026-09-01",
          "tz": ("Europe/Paris", "Asia/Tokyo", "America/Lima")[number % 3]}})
    env["usage.subject"].create(
        {{"subject": f"s{{number}}", "subscription_id": subscription.id}})
    subscription.action_activate()
    rows += [
        EventRow(f"e{{number}}-{{n}}", "gb", f"s{{number}}",
                 datetime(2026, 9, 2) + timedelta(hours=11 * n),
                 Decimal(n * 37 % 101 + number) / 8,
                 dimensions={{"region": f"r{{n % 4}}"}})
        for n in range(55)
    ]
batch = env["usage.batch"].create({{"name": "Batch", "source_id": source.id}})
assert batch._append(rows).accepted == 55 * {SUBSCRIPTIONS}
env["usage.billing.run"].create({{"cutoff_date": "2026-09-30"}})
"""

FINGERPRINT = """
    SELECT l.subscription_id, c.key, l.dimension_key, l.quantity::text,
           l.exact_amount::text, l.amount::text, l.event_count, l.watermark::text,
           l.evidence::text, p.key, p.quantity::text, p.exact_amount::text,
           p.amount::text, p.presented_quantity::text, p.presented_price::text
      FROM usage_rated_line l
      JOIN usage_charge c ON c.id = l.charge_id
      JOIN usage_rated_component p ON p.rated_line_id = l.id
     WHERE l.state = 'rated'
     ORDER BY l.subscription_id, c.key, l.dimension_key, p.sequence, p.key
"""


@pytest.fixture(scope="module")
def story(odoo, copies, billing_template, tmp_path_factory):
    """Database with usage to bill and a run."""
    name = copies(billing_template)
    script = tmp_path_factory.mktemp("fingerprint") / "setup.py"
    script.write_text(SETUP)
    odoo.script_in(name, script)
    return name


def fingerprint(odoo, copies, story, tmp_path, workers, limit):
    """Digest of what processes find, and how many of them found something.

    :param workers: environment variables of each process
    """
    race = Race(odoo, copies(story), tmp_path)
    try:
        [run_id] = run_ids(race)
        first = race.start("start_computing", run_id)
        race.hear(first, "started")
        assert first.wait(60) == 0
        processes = [
            race.start("compute", run_id, limit, variables=variables)
            for variables in workers
        ]
        for process in processes:
            race.hear(process, "ready")
        for process in processes:
            race.go(process)
        slices = [process.communicate()[0].count("slice") for process in processes]
        assert [process.returncode for process in processes] == [0] * len(workers)
        rows = race.query(FINGERPRINT)
        assert len({row[0] for row in rows}) == SUBSCRIPTIONS
        assert race.count("usage_billing_run_line", "rated") == SUBSCRIPTIONS
        return hashlib.sha256(repr(rows).encode()).hexdigest(), slices
    finally:
        race.end()


def test_results_do_not_depend_on_the_number_of_workers(odoo, copies, story, tmp_path):
    alone, _slices = fingerprint(
        odoo, copies, story, tmp_path, [{"PYTHONHASHSEED": "0", "TZ": "UTC"}], 200
    )
    together, slices = fingerprint(
        odoo,
        copies,
        story,
        tmp_path,
        [
            {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"},
            {"PYTHONHASHSEED": "4711", "TZ": "America/Los_Angeles"},
            {"PYTHONHASHSEED": "99", "TZ": "Pacific/Auckland"},
        ],
        1,
    )
    assert together == alone
    assert sum(slice_count > 0 for slice_count in slices) > 1, "only one worked"
