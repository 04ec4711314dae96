"""Nothing is told twice and nothing is lost, at whatever instant the exchange dies.

Real invoices, a status 212, statuses coming back and supplier invoices, exchanged by a
process that is killed (SIGKILL) at every call it makes, one after the other, and at
instants between the calls, while it reads, makes bills and commits.
"""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.transmission_sender import Sender
from tools.releve import databases

# found once the sender has put its folder on the path
from approved_platform import ApprovedPlatform  # isort: skip

SETUP = Path(__file__).with_name("transmission_setup.py")
SUPPLIERS = ("FA-1", "FA-2", "FA-3")
BILL = """<rsm:CrossIndustryInvoice
 xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20261105</udt:DateTimeString>
</ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>
<ram:ApplicableHeaderTradeAgreement>
<ram:SellerTradeParty><ram:Name>Fournisseur Exemple SAS</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">732829320</ram:ID>
</ram:SpecifiedLegalOrganization></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:Name>Nous</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">100000009</ram:ID>
</ram:SpecifiedLegalOrganization></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""
# what an exchange asks of the platform, in the order in which a call may be the last
CALLS = ("token", "searchDirectoryLine", "createFlow", "getFlow", "searchFlows")
INVOICES = 3


@pytest.fixture(scope="module")
def template(odoo):
    return databases.suite_template(odoo, ["usage_billing", "fr_invoicing"])


@pytest.fixture
def sender(odoo, copies, template):
    with ApprovedPlatform() as platform:
        platform.store.set_lines("200000008", [{"address": "200000008"}])
        found = Sender(odoo, copies(template), platform, SETUP)
        for number in SUPPLIERS:
            content = BILL.format(number=number).encode()
            platform.store.put("SupplierInvoice", "CII", content, f"{number}.xml")
        yield found


def finish(sender):
    """Exchange in peace until nothing waits any more, whatever was done before.

    Between two exchanges a day passes on the platform: what it was given is answered,
    and every status has been said by then.
    """
    for _day in range(3):
        sender.platform.clock.advance(days=1)
        assert sender.exchange(later_s=1000, times=2) == 0
    check(sender)


def check(sender):
    """Every document there once, every bill and every status here once."""
    outgoing = [
        flow.facts.number
        for flow in sender.platform.store.flows.values()
        if flow.direction == "Out" and flow.facts and flow.facts.kind == "invoice"
    ]
    assert len(outgoing) == len(set(outgoing)) == INVOICES
    collected = [
        flow
        for flow in sender.platform.store.flows.values()
        if flow.syntax == "CDAR" and flow.direction == "Out"
    ]
    assert len(collected) == 1
    assert b"60.00" in collected[0].content
    assert {state for _key, state, _count in sender.states()} == {"accepted"}
    assert sender.query(
        "SELECT ref, count(*) FROM account_move WHERE move_type = 'in_invoice'"
        " GROUP BY ref ORDER BY ref"
    ) == [(number, "1") for number in SUPPLIERS]
    kept = sender.query(
        "SELECT remote_id FROM fr_einvoice_flow WHERE direction = 'in' ORDER BY 1"
    )
    delivered = sorted(
        (flow.flow_id,)
        for flow in sender.platform.store.flows.values()
        if flow.direction == "In"
    )
    assert kept == delivered
    # each status once: as many as messages about our invoices, and our own 212
    assert sender.query(
        "SELECT count(*), count(DISTINCT key) FROM fr_einvoice_status"
    ) == [(str(len(delivered) - len(SUPPLIERS) + 1),) * 2]


def test_killed_at_each_kind_of_call(sender):
    for operation in CALLS:
        sender.platform.faults.add("call", operation=operation, hook=sender.kill)
        assert sender.exchange(later_s=300, times=2) == -signal.SIGKILL, operation
    finish(sender)


def test_killed_at_any_instant(sender):
    chance = random.Random(20261122)
    began = time.monotonic()
    assert sender.exchange() == 0
    whole_s = time.monotonic() - began
    killed = 0
    for _round in range(5):
        process = sender.start(later_s=400)
        try:
            # most of it is starting: what matters is the end
            process.wait(timeout=whole_s * chance.uniform(0.5, 1.0))
        except subprocess.TimeoutExpired:
            sender.kill()
            killed += 1
    assert killed
    finish(sender)
