"""The client of approved platforms, against one that listens on loopback."""

import hashlib
import uuid

import pytest

from transmission import delivery
from transmission.client import PlatformClient
from transmission.errors import (
    DENIED,
    LATER,
    REFUSED,
    UNKNOWN,
    UNREACHABLE,
    TransmissionError,
)
from transmission.values import ERROR, OK, Settings

INVOICE = """<rsm:CrossIndustryInvoice
 xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20261101</udt:DateTimeString>
</ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>
<ram:SellerTradeParty><ram:Name>Vendeur</ram:Name><ram:SpecifiedLegalOrganization>
<ram:ID schemeID="0002">100000009</ram:ID></ram:SpecifiedLegalOrganization>
</ram:SellerTradeParty><ram:BuyerTradeParty><ram:Name>Client</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">200000008</ram:ID>
</ram:SpecifiedLegalOrganization></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement></rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""


@pytest.fixture
def client(approved):
    with connect(approved) as found:
        yield found


def connect(approved, **changes):
    values = {
        "flow_url": approved.flow_url,
        "directory_url": approved.directory_url,
        "token_url": approved.token_url,
        "client_id": approved.client_id,
        "client_secret": approved.client_secret,
        "timeout_s": 2,
    }
    return PlatformClient(Settings(**{**values, **changes}))


def send(client, number="F1", tracking="T1", **changes):
    content = changes.pop("content", INVOICE.format(number=number).encode())
    return client.send(
        content,
        f"{number}.xml",
        "CII",
        tracking,
        str(uuid.uuid4()),
        changes.pop("sha256", hashlib.sha256(content).hexdigest()),
        **changes,
    )


def kind_of(call):
    with pytest.raises(TransmissionError) as caught:
        call()
    return caught.value.kind


def settle(approved, **time):
    approved.clock.advance(**(time or {"seconds": 30}))


def test_routes_and_checks_come_from_the_official_files(approved, shared):
    assert approved.description.folder
    assert {"createFlow", "searchFlows", "searchDirectoryLine"} <= {
        name for _service, name in approved.description.operations
    }
    problems = approved.description.request_problems(
        "flow", "createFlow", {"flowSyntax": "PDF", "trackingId": "x" * 65}
    )
    assert len(problems) == 3, problems  # name missing, syntax and length wrong


def test_without_official_files_the_same_routes_are_served(approved):
    from approved_platform.openapi import ROUTES, Description

    bare = Description.__new__(Description)
    bare.folder, bare.documents, bare.operations, bare.routes = None, {}, {}, []
    for method, path, operation in ROUTES:
        bare._route("", method, path, operation)
    for method, path in (
        ("POST", "/v1/flows"),
        ("GET", "/v1/flows/F1"),
        ("GET", "/v1/directory-line/code:200000008_X"),
    ):
        found = bare.match("flow", method, path)
        service = "directory" if "directory" in path else "flow"
        assert found == approved.description.match(service, method, path)


def test_a_document_is_taken_then_acknowledged_then_lives(approved, client):
    assert client.is_healthy()
    taken = send(client, processingRule="B2B")
    assert taken.flow_id and taken.tracking_id == "T1"
    assert client.flow(taken.flow_id).acknowledgement == "Pending"
    settle(approved, seconds=2)
    assert client.flow(taken.flow_id).acknowledgement == OK
    settle(approved, days=1)
    client.flow(taken.flow_id)  # lets the platform get to what is due
    statuses = list(client.changed(taken.submitted_at, ["CustomerInvoiceLC"], ["In"]))
    assert len(statuses) == 4
    assert b"<ram:ProcessConditionCode>200" in client.download(statuses[0].flow_id)


def test_a_token_is_kept_and_renewed_when_the_platform_ends_it(approved, client):
    token = client.sign_in()
    assert client.sign_in() is token
    settle(approved, hours=2)
    send(client)
    assert client.token != token


def test_wrong_credentials_are_a_persons_matter(approved):
    with connect(approved, client_secret="wrong") as client:
        assert kind_of(lambda: send(client)) == DENIED
        assert "wrong" not in repr(client.settings)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "lost"}, UNKNOWN),
        ({"kind": "fail_after"}, UNKNOWN),
        ({"kind": "garbage"}, UNKNOWN),
        ({"kind": "drop"}, UNKNOWN),
        ({"kind": "delay", "seconds": 3}, UNKNOWN),
        ({"kind": "status", "status": 500}, UNKNOWN),
        ({"kind": "status", "status": 429, "retry_after": 90}, LATER),
        ({"kind": "status", "status": 413}, REFUSED),
        ({"kind": "status", "status": 422}, REFUSED),
        ({"kind": "status", "status": 403}, DENIED),
        ({"kind": "status", "status": 302}, DENIED),
    ],
)
def test_each_failure_says_whether_the_document_may_have_arrived(
    approved, client, fault, kind
):
    client.sign_in()
    approved.faults.add(**fault)
    assert kind_of(lambda: send(client)) == kind


def test_nobody_there_means_nothing_was_handed_over(approved):
    with connect(approved, flow_url="http://127.0.0.1:9/flow-service") as client:
        assert kind_of(lambda: send(client)) == UNREACHABLE
    approved.faults.outage(days=3, unreachable=True)
    with connect(approved) as client:
        assert kind_of(lambda: send(client)) == UNREACHABLE  # no token either


def test_a_lost_answer_is_found_by_its_tracking_id(approved, client):
    client.sign_in()
    approved.faults.add("lost")
    assert kind_of(lambda: send(client, tracking="K1")) == UNKNOWN
    settle(approved)
    [flow] = client.find("K1")
    assert flow.acknowledgement == OK
    assert client.find("K2") == []


def test_the_same_document_twice_is_turned_away_and_the_first_is_adopted(
    approved, client
):
    first = send(client)
    settle(approved)
    second = send(client)
    settle(approved)
    found = client.find("T1")
    assert {flow.acknowledgement for flow in found} == {OK, ERROR}
    assert delivery.adopt(found).flow_id == first.flow_id != second.flow_id


def test_a_damaged_file_is_turned_away(approved, client):
    flow = send(client, sha256="0" * 64)
    settle(approved)
    details = client.flow(flow.flow_id).details
    assert [detail.code for detail in details] == ["ChecksumMismatch"]


def test_a_number_used_again_is_rejected_by_status(approved, client):
    send(client)
    settle(approved)
    again = INVOICE.format(number="F1").replace("Client", "Autre").encode()
    send(client, content=again, tracking="T2")
    settle(approved)
    client.is_healthy()
    contents = [flow.content for flow in approved.store.flows.values()]
    assert any(b"REJ_UNI" in content for content in contents)


def test_search_goes_through_every_page_once(approved, client):
    start = approved.clock.now()
    for number in range(230):
        approved.store.put("SupplierInvoice", "CII", b"x", f"{number}.xml")
    found = [flow.flow_id for flow in client.changed(start)]
    assert len(found) == len(set(found)) == 230


def test_limits_say_how_long_to_wait(approved, client):
    client.sign_in()
    approved.faults.limit = 1
    send(client)
    with pytest.raises(TransmissionError) as caught:
        send(client, tracking="T2", number="F2")
    assert (caught.value.kind, caught.value.retry_after_s) == (LATER, 60)


def test_the_directory_gives_lines_and_nothing_for_strangers(approved, client):
    approved.store.set_lines(
        "200000008",
        [{"address": "200000008"}, {"address": "200000008_A", "status": "Disabled"}],
        name="Client",
    )
    lines = client.directory_lines("200000008")
    assert [line["addressingIdentifier"] for line in lines] == [
        "200000008",
        "200000008_A",
    ]
    assert client.directory_lines("123456789") == []
    assert client.legal_unit("200000008")["businessName"] == "Client"
    assert client.legal_unit("123456789") is None
