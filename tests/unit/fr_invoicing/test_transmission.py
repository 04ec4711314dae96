"""Statuses, messages, states and the directory: what needs no platform."""

import itertools
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmission import cdar, delivery, directory, statuses
from transmission.errors import MessageError
from transmission.values import ERROR, OK, Detail, RemoteFlow

SELLER = cdar.Actor("SE", "100000009", "Vendeur", "100000009")
BUYER = cdar.Actor("BY", "200000008", "Client", "200000008")


def message(code="212", **changes):
    whys = changes.pop("whys", None)
    if whys is None:
        amount = cdar.Amount("MEN", Decimal("-12.00"), "EUR", Decimal("20.00"))
        whys = (cdar.Why(amounts=(amount,)),)
    values = {
        "message_id": "F1_212_1",
        "code": code,
        "created_at": datetime(2026, 12, 2, 9, 0, 5),
        "said_at": datetime(2026, 12, 2, 8),
        "invoice_number": "F/2026/1",
        "seller_siren": "100000009",
        "issuer": SELLER,
        "recipient": BUYER,
        "invoice_date": date(2026, 11, 1),
        "whys": whys,
        "name": "Encaissée",
        "phase": "23",
    }
    return cdar.Message(**{**values, **changes})


def test_what_is_written_is_read_again():
    given = message(issuer=cdar.Actor("SE", "100000009", "Vendeur", "", ""))
    assert cdar.read(cdar.write(given)) == given


def test_every_status_a_company_may_say_passes_the_official_rules():
    """XSD and Schematron, negative amounts and several rates included."""
    from einvoice import validate

    if not hasattr(validate, "check_rules"):
        pytest.skip("the rules of messages are not wired yet")
    found = {}
    for code, status in statuses.statuses().items():
        if status.phase != "23":
            continue
        reasons = statuses.reasons_for(code)
        whys = None if code == "212" else ()
        if reasons:
            whys = tuple(
                cdar.Why(code=reason.code, text=reason.french, note="é & <b>")
                for reason in reasons
            )
        by_buyer = status.by == "buyer"
        found[code] = cdar.write(
            message(
                code,
                whys=whys,
                issuer=BUYER if by_buyer else SELLER,
                recipient=SELLER if by_buyer else BUYER,
                name=status.french,
            )
        )
    findings = validate.check_rules("cdar", found)
    assert {code: list(rows) for code, rows in findings.items() if rows} == {}
    broken = found["212"].replace(b"<ram:ValuePercent>20.00</ram:ValuePercent>", b"")
    assert broken != found["212"]
    assert validate.check_rules("cdar", {"212": broken})["212"]


def test_a_provided_message_is_understood(shared):
    path = shared / "data/einvoice/samples/good/fr_cdar_212_encaissee.xml"
    found = cdar.read(path.read_bytes())
    assert (found.code, found.invoice_number) == ("212", "F202600003")
    assert found.said_at == datetime(2026, 12, 2, 9)  # 10:00 in Paris
    assert [(a.amount, a.percent) for a in found.amounts] == [
        (Decimal("12000.00"), Decimal("20.00"))
    ]


@pytest.mark.parametrize(
    ("code", "whys", "expected"),
    [
        ("210", (), "reason_missing"),
        ("212", (), "amount_missing"),
        ("999", (), "status_unknown"),
    ],
)
def test_a_message_that_would_break_the_rules_is_not_written(code, whys, expected):
    with pytest.raises(MessageError) as caught:
        cdar.write(message(code, whys=whys))
    assert caught.value.code == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<a/>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        cdar.write(message()).replace(b"212", b""),
        cdar.write(message()).replace(b"-12.00", b"NaN"),
        cdar.write(message()).replace(b"AcknowledgementDocument", b"Other"),
        b"<a>" + b"x" * (6 * 1024 * 1024) + b"</a>",
    ],
)
def test_hostile_messages_are_refused_with_a_code(content):
    with pytest.raises(MessageError):
        cdar.read(content)


codes = st.sampled_from(sorted(statuses.statuses()))
moments = st.datetimes(datetime(2026, 9, 1), datetime(2027, 1, 1))


@given(st.lists(st.tuples(codes, moments), min_size=1, max_size=6, unique=True))
def test_the_order_of_arrival_does_not_matter(history):
    found = {statuses.current(order) for order in itertools.permutations(history)}
    # two statuses of one rank in one second are the only tie
    ranks = {(moment, statuses.statuses()[code].rank) for code, moment in history}
    assert len(found) == 1 or len(ranks) < len(history)


def test_a_refusal_stands_against_later_news():
    history = [("210", datetime(2026, 11, 3)), ("205", datetime(2026, 11, 9))]
    assert statuses.current(history) == "210"
    assert not statuses.may_follow("212", ["210"])
    assert statuses.may_follow("209", ["210"])


def test_every_status_that_needs_a_reason_has_some():
    for code in statuses.NEEDS_REASON:
        assert statuses.reasons_for(code), code
    assert statuses.statuses()["210"].ends


@given(st.integers(1, 10_000), st.integers(0, 100_000), st.floats(0, 1))
def test_waits_grow_and_end(attempts, asked, spread):
    wait = delivery.wait_s(attempts, asked, spread)
    assert wait >= asked
    assert delivery.FIRST_WAIT_S <= wait <= max(asked, 1.2 * delivery.LONGEST_WAIT_S)


def test_nothing_leads_back_from_what_a_platform_has():
    for state in ("sent", "accepted", "rejected", "cancelled", "processed"):
        assert not delivery.MOVES[state] & {"waiting", "sending"}


def test_a_duplicate_turned_away_does_not_hide_the_original():
    twin = RemoteFlow(
        "2",
        acknowledgement=ERROR,
        details=(Detail("Error", "", "AlreadyExistingFlow", ""),),
    )
    first = RemoteFlow("1", acknowledgement=OK)
    assert delivery.adopt([twin, first]) is first
    assert delivery.adopt([twin]) is twin
    assert delivery.adopt([]) is None


def line(address, status="Enabled", **more):
    return directory.Line(address, address[:9], status, **more)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "unknown"),
        ([line("200000008")], "open"),
        ([line("200000008", "Disabled")], "closed"),
        ([line("200000008", "Upcoming")], "not_yet"),
        ([line("200000008", is_ceased=True)], "closed"),
        ([line("200000008_A")], "address_missing"),
        ([line("200000008_A", "Disabled")], "no_platform"),
    ],
)
def test_verdict_of_the_directory(lines, expected):
    assert directory.verdict(lines, "200000008") == expected


def test_a_public_buyer_says_what_it_needs():
    found = directory.read_line(
        {
            "addressingIdentifier": "200000008_20000000800017",
            "directoryLineStatus": "Enabled",
            "siren": "200000008",
            "siret": "20000000800017",
            "legalUnit": {"entityType": "Public", "administrativeStatus": "A"},
            "facility": {"b2gAdditionalData": {"serviceCodeStatus": True}},
        }
    )
    assert found.is_public and found.service_code_required
    assert not found.commitment_required
    assert directory.choose([found], siret="20000000800017") == found
