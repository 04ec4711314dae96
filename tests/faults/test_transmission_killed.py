"""No invoice is transmitted twice, whenever the sender is killed (fault A04).

A real process exchanges with an approved platform on loopback; the platform kills it
when it has taken the document and before it answers, or before it takes it. The next
exchanges must end with every document there exactly once.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.releve import databases, paths

sys.path.append(str(paths.ROOT / "addons" / "fr_invoicing" / "tests"))

from approved_platform import ApprovedPlatform  # noqa: E402

WORKER = Path(__file__).with_name("transmission_worker.py")
INVOICES = 3  # as SETUP makes

SETUP = """
flow_url, directory_url, token_url, client, secret = arguments
company = env.company
platform = env["fr.platform"].create({
    "name": "Platform", "is_test": True, "flow_url": flow_url, "token_url": token_url,
    "client_id": client, "new_client_secret": secret, "timeout_s": 10})
company.fr_platform_id = platform
for number in range(3):
    content = (
        '<r:CrossIndustryInvoice xmlns:r="r"><r:ExchangedDocument>'
        f'<r:ID>F{number}</r:ID><r:TypeCode>380</r:TypeCode></r:ExchangedDocument>'
        '</r:CrossIndustryInvoice>').encode()
    env["fr.einvoice.flow"]._enqueue(
        platform, "report", content, f"F{number}.xml", "CII", f"K{number}")
"""


@pytest.fixture(scope="module")
def template(odoo):
    return databases.suite_template(odoo, ["usage_billing", "fr_invoicing"])


class Sender:
    """Exchanges with one platform, each in a process that may be killed."""

    def __init__(self, odoo, database, platform, folder):
        self.odoo, self.database, self.platform = odoo, database, platform
        self.process = None
        self.later_s = 0
        script = folder / "setup.py"
        script.write_text(SETUP)
        odoo.script_in(
            database,
            script,
            platform.flow_url,
            platform.directory_url,
            platform.token_url,
            platform.client_id,
            platform.client_secret,
        )

    def exchange(self, later_s=0):
        """Run one exchange and give its exit status (negative: killed)."""
        self.later_s += later_s
        self.platform.clock.advance(seconds=later_s)
        config = self.odoo.configuration(self.database)
        self.process = subprocess.Popen(
            [self.odoo.python, "-P", WORKER, config, self.database, str(self.later_s)],
            env=self.odoo.variables(),
            cwd=paths.ROOT,
        )
        return self.process.wait(timeout=120)

    def kill(self):
        """End the sender at once; called by the platform in the middle of a call."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def states(self):
        rows = self.odoo.server.query(
            "SELECT tracking_id, state, attempt_count FROM fr_einvoice_flow"
            " WHERE direction = 'out'"
            " ORDER BY tracking_id",
            self.database,
        )
        return [tuple(row) for row in rows]

    def taken(self):
        return sorted(
            flow.tracking_id
            for flow in self.platform.store.flows.values()
            if flow.direction == "Out" and flow.status != "Error"
        )

    def posts(self):
        names = [name for name, _request in self.platform.store.requests]
        return names.count("createFlow")


@pytest.fixture
def sender(odoo, copies, template, tmp_path):
    with ApprovedPlatform() as platform:
        yield Sender(odoo, copies(template), platform, tmp_path)


def test_killed_between_taking_and_answer_is_not_sent_twice(sender):
    sender.platform.faults.add("call", hook=sender.kill)
    assert sender.exchange() == -signal.SIGKILL
    assert sender.states()[0][1] == "sending"
    assert sender.taken() == ["K0"]
    for _again in range(3):
        assert sender.exchange(later_s=200) == 0
    assert [state for _key, state, _count in sender.states()] == ["accepted"] * 3
    assert sender.taken() == ["K0", "K1", "K2"]
    assert sender.posts() == INVOICES


def test_killed_at_every_call_still_sends_each_once(sender):
    for _round in range(INVOICES):
        sender.platform.faults.add("call", hook=sender.kill)
        assert sender.exchange(later_s=200) == -signal.SIGKILL
    for _again in range(3):
        assert sender.exchange(later_s=200) == 0
    assert sender.taken() == ["K0", "K1", "K2"]
    assert sender.posts() == INVOICES
    assert [state for _key, state, _count in sender.states()] == ["accepted"] * 3


def test_an_outage_of_three_days_ends_with_each_sent_once(sender):
    sender.platform.faults.outage(days=3, unreachable=True)
    for _day in range(3):
        assert sender.exchange(later_s=23 * 3600) == 0
        assert {state for _key, state, _count in sender.states()} == {"waiting"}
    for _again in range(3):
        assert sender.exchange(later_s=12 * 3600) == 0
    assert sender.taken() == ["K0", "K1", "K2"]
    assert sender.posts() == INVOICES
