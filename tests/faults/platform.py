"""A served database that tests may kill, and what was stored in it."""

import contextlib
import json
import os
import signal
import time
from decimal import Decimal

from tests.serving import Served
from tools.releve import cli, databases, environment, odoo_source, postgres
from tools.releve.ui import Failure

#: in PostgreSQL's words when it will answer in a moment
AWAY = ("recovery", "starting up", "shutting down", "terminat", "Connection ref")
SUBJECTS = ("s0", "s1", "s2")

SETUP = """
import json
from pathlib import Path

product = env["product.product"].create({"name": "Usage", "type": "service"})
meter = env["usage.meter"].create(
    {"name": "Calls", "code": "calls", "event_type": "calls",
     "dimension_keys": "region"})
plan = env["usage.plan"].create({"name": "Plan", "code": "plan"})
version = env["usage.plan.version"].create({
    "plan_id": plan.id, "valid_from": "2020-01-01", "charge_ids": [
        (0, 0, {"name": "Calls", "model": "per_unit", "unit_price": "0.01",
                "product_id": product.id, "meter_id": meter.id})]})
version.action_approve()
for name in arguments[1].split(","):
    partner = env["res.partner"].create({"name": name})
    subscription = env["usage.subscription"].create(
        {"partner_id": partner.id, "plan_id": plan.id, "date_start": "2026-01-01"})
    env["usage.subject"].create({"subject": name, "subscription_id": subscription.id})
    subscription.action_activate()
tokens = {}
for name in ("native", "lago", "openmeter", "stripe"):
    source = env["usage.source"].create({"name": name, "code": name, "kind": "api"})
    key = env["usage.api.key"].create(
        {"name": name, "source_id": source.id, "rate_limit": 0, "can_read": True})
    tokens[name] = key._issue_token()
Path(arguments[0]).write_text(json.dumps(tokens))
"""

#: The product's own comparison of rollups and events, and of batches and rows.
VERIFY = """
store = env["usage.batch"]._store()
differences = store.verify(env["usage.period"].search([]))
if differences:
    raise SystemExit(f"rollups differ from events: {differences[:5]}")
env.cr.execute("SELECT count(*) FROM usage_batch WHERE state <> 'done'")
if env.cr.fetchone()[0]:
    raise SystemExit("a batch is half done")
"""


class Platform:
    """Odoo on a durable PostgreSQL of its own, both there to be killed.

    tokens: code of a source -> token of a key for it
    """

    def __init__(self, test_odoo, folder):
        self.folder = folder
        self.odoo = cli.prepare("faults", packages=False)
        self.database = databases.temporary("faults")
        self._carry(test_odoo)
        self.script(SETUP, folder / "tokens", ",".join(SUBJECTS))
        self.tokens = json.loads((folder / "tokens").read_text())
        self.served = Served(self.odoo, self.database, folder / "log", workers=2)

    def _carry(self, test_odoo):
        """Copy the template from the fast cluster: building it here takes longer."""
        template = databases.suite_template(test_odoo, ["billing_connectors"])
        dump = self.folder / "template.dump"
        test_odoo.server.program(
            *("pg_dump", "-Fc", "-Z0", "-d", template, "-f", dump),
            problem="the template could not be dumped",
        )
        databases.drop(self.odoo, self.database)
        self.odoo.server.query(f'create database "{self.database}"')
        self.odoo.server.program(
            *("pg_restore", "-j2", "--no-owner", "-d", self.database, dump),
            problem="the template could not be restored",
        )

    def script(self, text, *arguments):
        path = self.folder / "script.py"
        path.write_text(text)
        self.odoo.script_in(self.database, path, *arguments)

    def query(self, sql):
        """Rows as texts; waits while the database recovers."""
        end = time.monotonic() + 90
        while True:
            try:
                return self.odoo.server.query(sql, self.database)
            except Failure as failure:
                away = any(word in str(failure) for word in AWAY)
                if not away or time.monotonic() > end:
                    raise
                time.sleep(0.5)

    # -- faults ------------------------------------------------------------------------

    def kill_server(self, _random):
        self.served.kill()
        self.start()

    def kill_worker(self, random):
        """Kill one of the two processes that answer requests; the master goes on."""
        _master, *children = self.served.pids()
        workers = [pid for pid in children if not _is_gevent(pid)]
        kill(random.choice(workers))

    def kill_postgres(self, _random):
        home = environment.suite(odoo_source.obtain())
        postgres.crash(home, "faults")
        postgres.start(home, "faults")

    def kill_backend(self, random):
        """Kill one database session: PostgreSQL ends all others and recovers."""
        rows = self.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        if rows:
            kill(int(random.choice(rows)[0]))
            time.sleep(0.5)  # until PostgreSQL has noticed
            self.query("SELECT 1")

    def revive(self):
        """Start the server again if it ended, as a supervisor does.

        Odoo's master process ends by itself when it needs a new child while the
        database is away.
        """
        if self.served.process.poll() is not None:
            self.start()

    def start(self, tries=10):
        """Start the server; it ends by itself while the database recovers."""
        for number in range(1, tries + 1):
            if self.served.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    self.served.kill()  # what an ended one left behind
            try:
                self.served.start().wait()
                return
            except AssertionError:
                if number == tries:
                    raise
                time.sleep(1)

    # -- what came out -----------------------------------------------------------------

    def stored(self, source, prefix=""):
        """{event id: [values of its rows]} of a source."""
        found = {}
        for event_id, value in self.query(
            "SELECT e.event_id, e.value FROM usage_store_event e"
            " JOIN usage_source s ON s.id = e.source_id"
            f" WHERE s.code = '{source}' AND e.event_id LIKE '%{prefix}%'"
        ):
            found.setdefault(event_id, []).append(Decimal(value) if value else None)
        return found

    def held(self, source, prefix=""):
        """[(event id, reason)] in the quarantine."""
        rows = self.query(
            "SELECT q.event_id, q.reason_code FROM usage_quarantine q"
            " JOIN usage_source s ON s.id = q.source_id"
            f" WHERE s.code = '{source}' AND q.event_id LIKE '%{prefix}%'"
        )
        return [tuple(row) for row in rows]

    def number(self, sql):
        ((number,),) = self.query(sql)
        return int(number or 0)

    def check_rollups(self):
        """Sums over the events equal the rollups, computed here and by the product."""
        events = self.query(
            "SELECT subscription_id, count(*), sum(value) FROM usage_store_event"
            " WHERE kind = 'u' GROUP BY 1 ORDER BY 1"
        )
        rollups = self.query(
            "SELECT subscription_id, sum(event_count), sum(value_sum)"
            " FROM usage_store_rollup WHERE bucket = '-infinity'"
            " GROUP BY 1 ORDER BY 1"
        )
        assert events == rollups
        assert self.number("SELECT count(*) FROM usage_store_event") == self.number(
            "SELECT count(*) FROM usage_store_identity"
        )
        self.script(VERIFY)

    def close(self):
        self.served.stop()
        self.query("SELECT 1")
        databases.drop(self.odoo, self.database)
        postgres.stop(environment.suite(odoo_source.obtain()), "faults")


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def _is_gevent(pid):
    with open(f"/proc/{pid}/cmdline") as stream:
        return "gevent" in stream.read()
