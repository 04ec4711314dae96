# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The commands an administrator runs on the event store, as processes of their own."""

import subprocess

import pytest

from tools.releve import paths

#: Two months of usage; the first one is billed, so that it may leave.
SETUP = """
from datetime import datetime
from decimal import Decimal
from odoo.addons.usage_billing.metering import EventRow

env["usage.meter"].create({"name": "Calls", "code": "calls", "event_type": "calls"})
plan = env["usage.plan"].create({"name": "Plan", "code": "plan"})
subscription = env["usage.subscription"].create({
    "partner_id": env["res.partner"].create({"name": "Customer"}).id,
    "plan_id": plan.id, "date_start": "2026-01-01", "tz": "UTC"})
subscription.state = "active"
subscription._ensure_periods()
env["usage.subject"].create({"subject": "s0", "subscription_id": subscription.id})
source = env["usage.source"].create(
    {"name": "feed", "code": "feed", "future_tolerance_min": -1})
batch = env["usage.batch"].create({"name": "Delivery", "source_id": source.id})
batch._append([
    EventRow(f"e{number}", "calls", "s0", datetime(2026, 1 + number % 2, 9),
             Decimal(number), row_number=number)
    for number in range(10)])
period = subscription.period_ids.filtered(lambda p: str(p.local_start) == "2026-01-01")
prints = env["usage.batch"]._store().fingerprints(period)
period.write({"state": "billed", "billed_fingerprint": prints[period.id]})
"""


class Commands:
    """Odoo's command line on one database."""

    def __init__(self, odoo, database):
        self.odoo, self.database = odoo, database

    def run(self, command, *arguments):
        """:return: (exit status, standard output, standard error)"""
        done = subprocess.run(
            [
                *map(str, (self.odoo.script, f"--addons-path={paths.ADDONS}")),
                *(command, "-c", str(self.odoo.configuration(self.database))),
                *("-d", self.database, *arguments),
            ],
            env=self.odoo.variables(),
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def query(self, sql):
        return self.odoo.server.query(sql, self.database)


@pytest.fixture(scope="module")
def commands(odoo, copies, billing_template, tmp_path_factory):
    database = copies(billing_template)
    script = tmp_path_factory.mktemp("commands") / "setup.py"
    script.write_text(SETUP)
    odoo.script_in(database, script)
    return Commands(odoo, database)


def test_verification_prints_zero_differences_or_each_of_them(commands):
    status, said, _errors = commands.run("usage_verify")
    assert status == 0
    assert "0 differences in 2 periods" in said

    commands.query(
        "UPDATE usage_store_sum SET value_sum = value_sum + 1"
        " WHERE bucket = '-infinity' AND value_sum = 20"
    )
    status, said, _errors = commands.run("usage_verify")
    assert status == 1
    assert "1 differences in 2 periods" in said
    assert "21" in said and "20" in said  # what the rollup says, what the events say
    # looking changed nothing; repairing does
    assert commands.run("usage_verify", "--repair")[0] == 1
    status, said, _errors = commands.run("usage_verify")
    assert status == 0
    assert "0 differences in 2 periods" in said


def test_a_month_leaves_and_comes_back_by_command(commands):
    status, said, _errors = commands.run("usage_month", "list")
    assert status == 0
    assert "2026-01  stored  5 events" in said

    status, said, errors = commands.run("usage_month", "archive", "2026-01")
    assert (status, said.strip()) == (0, "2026-01: 5 events archived"), errors
    assert commands.query("SELECT to_regclass('usage_store_fact_202601')") == [[""]]

    # what a bill still needs stays, and that is said in words
    status, said, errors = commands.run("usage_month", "archive", "2026-02")
    assert (status, said) == (1, "")
    assert "period" in errors
    assert "Traceback" not in errors

    status, said, errors = commands.run("usage_month", "restore", "2026-01")
    assert (status, said.strip()) == (0, "2026-01: 5 events restored"), errors
    status, said, _errors = commands.run("usage_verify")
    assert (status, "0 differences in 2 periods" in said) == (0, True)


def test_a_wrong_argument_is_told_in_words(commands):
    for arguments, words in [
        (("usage_month", "archive", "january"), "2026-01"),
        (("usage_month", "archive", "2026-13"), "2026-01"),
        (("usage_month", "archive", "2019-01"), "no month 2019-01"),
        (("usage_verify", "--since", "yesterday"), "2026-11-01"),
        (("usage_verify", "--company", "99999"), "no company 99999"),
    ]:
        status, _said, errors = commands.run(*arguments)
        assert status in (1, 2), arguments
        assert words in errors.strip().splitlines()[-1], errors
        assert "Traceback" not in errors
