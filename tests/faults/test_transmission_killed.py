"""No invoice is transmitted twice, whenever the sender is killed (fault A04).

A real process exchanges with an approved platform on loopback; the platform kills it
when it has taken the document and before it answers, or before it takes it. The next
exchanges must end with every document there exactly once.
"""

import signal

import pytest

from tests.faults.transmission_sender import Sender
from tools.releve import databases

# found once the sender has put its folder on the path
from approved_platform import ApprovedPlatform  # isort: skip

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


@pytest.fixture
def sender(odoo, copies, template, tmp_path):
    script = tmp_path / "setup.py"
    script.write_text(SETUP)
    with ApprovedPlatform() as platform:
        yield Sender(odoo, copies(template), platform, script)


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
