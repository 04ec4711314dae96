"""Nothing is billed twice: two processes on overlapping runs, and a killed one.

Reliability promises R3 (no period invoiced twice) and R4 (resumable), faults A03, B01,
B12. What keeps them is the UNIQUE index on live rated lines and the one on invoices:
the same race without the index bills twice, and a test here shows it.
"""

from decimal import Decimal

import pytest

from tests.faults.race import Race, run_ids

SUBSCRIPTIONS = 8
FEE, USAGE = Decimal("12.50"), Decimal(10)  # 12.50 flat + 1000 x 0.01

SETUP = f"""
from datetime import datetime
from decimal import Decimal
from odoo.addons.usage_billing.metering import EventRow

product = env["product.product"].create({{"name": "Usage", "type": "service"}})
meter = env["usage.meter"].create(
    {{"name": "Calls", "code": "calls", "event_type": "calls"}})
plan = env["usage.plan"].create({{"name": "Plan", "code": "plan"}})
version = env["usage.plan.version"].create({{
    "plan_id": plan.id, "valid_from": "2020-01-01", "charge_ids": [
        (0, 0, {{"name": "Fee", "model": "flat", "unit_price": "{FEE}",
                 "product_id": product.id}}),
        (0, 0, {{"name": "Calls", "model": "per_unit", "unit_price": "0.01",
                 "product_id": product.id, "meter_id": meter.id}}),
    ]}})
version.action_approve()
source = env["usage.source"].create(
    {{"name": "Test", "code": "test", "kind": "manual", "future_tolerance_min": -1}})
batch = env["usage.batch"].create({{"name": "Batch", "source_id": source.id}})
rows = []
for number in range({SUBSCRIPTIONS}):
    partner = env["res.partner"].create({{"name": f"Customer {{number}}"}})
    subscription = env["usage.subscription"].create(
        {{"partner_id": partner.id, "plan_id": plan.id, "date_start": "2026-09-01"}})
    env["usage.subject"].create(
        {{"subject": f"s{{number}}", "subscription_id": subscription.id}})
    subscription.action_activate()
    rows.append(EventRow(f"e{{number}}", "calls", f"s{{number}}",
                         datetime(2026, 9, 9), Decimal(1000)))
assert batch._append(rows).accepted == {SUBSCRIPTIONS}
runs = env["usage.billing.run"].create(
    [{{"cutoff_date": "2026-09-30"}} for _number in range(2)])
"""

CONSTRAINT = "usage_rated_line_live_unique"


def check_billed_once(race):
    invoices = race.invoices()
    assert len(invoices) == SUBSCRIPTIONS
    assert {count for _partner, count, _total in invoices} == {1}
    assert {total for _partner, _count, total in invoices} == {FEE + USAGE}
    assert race.count("usage_rated_line", "posted") == 2 * SUBSCRIPTIONS
    assert race.count("usage_period", "billed") == SUBSCRIPTIONS


@pytest.fixture(scope="module")
def story(odoo, copies, billing_template, tmp_path_factory):
    """Database with usage to bill and two runs that overlap."""
    name = copies(billing_template)
    script = tmp_path_factory.mktemp("story") / "setup.py"
    script.write_text(SETUP)
    odoo.script_in(name, script)
    return name


@pytest.fixture
def race(odoo, copies, story, tmp_path):
    found = Race(odoo, copies(story), tmp_path)
    yield found
    found.end()


def two_overlapping_runs(race):
    """Both take their snapshot before either writes, then compute and post."""
    workers = [race.start("compute_and_post", run_id) for run_id in run_ids(race)]
    for step in ("ready", "computed", "approved"):
        for worker in workers:
            race.hear(worker, step)
        for worker in workers:
            race.go(worker)
    for worker in workers:
        race.hear(worker, "done")
        assert worker.wait(60) == 0


def test_two_overlapping_runs_make_one_set_of_invoices(race):
    two_overlapping_runs(race)
    check_billed_once(race)
    held = race.query(
        "select run_id, count(*), min(reason) from usage_billing_run_line"
        " where state = 'held' group by run_id"
    )
    # the run that lost the race says so, line by line
    assert [int(count) for _run, count, _reason in held] == [SUBSCRIPTIONS]
    assert "Another run" in held[0][2]


def test_without_the_constraint_the_same_runs_bill_twice(race):
    """The check can fail: nothing but the constraint prevents double billing."""
    race.script(f'env.cr.execute("DROP INDEX {CONSTRAINT}")')
    two_overlapping_runs(race)
    with pytest.raises(AssertionError):
        check_billed_once(race)
    assert {count for _partner, count, _total in race.invoices()} == {2}


def test_one_run_posted_by_two_processes_makes_one_set_of_invoices(race):
    run_id = run_ids(race)[0]
    first = race.start("compute_and_approve", run_id)
    race.hear(first, "approved")
    workers = [race.start("post", run_id, 2) for _number in range(2)]
    for worker in workers:
        race.hear(worker, "done")
        assert worker.wait(60) == 0
    # what one could not take because the other held it is still approved
    last = race.start("post", run_id)
    race.hear(last, "done")
    check_billed_once(race)


def test_a_killed_run_is_finished_by_the_next_process(race):
    run_id = run_ids(race)[0]
    first = race.start("compute_and_approve", run_id)
    race.hear(first, "approved")
    victim = race.start("post", run_id, 1)
    for _number in range(3):
        race.hear(victim, "slice")
    victim.kill()
    victim.wait(60)
    done = sum(count for _partner, count, _total in race.invoices())
    assert 3 <= done < SUBSCRIPTIONS

    heir = race.start("post", run_id)
    race.hear(heir, "done")
    check_billed_once(race)
    ((state,),) = race.query(f"select state from usage_billing_run where id = {run_id}")
    assert state == "posted"
