"""EPC QR code: what a banking app reads, decoded independently."""

from dataclasses import replace
from decimal import Decimal

import pytest
from einvoice_samples import invoice as make_document
from hypothesis import given, settings
from hypothesis import strategies as st
from qr_reader import modules_of, read

from einvoice.document import Payment
from einvoice.page import epc, figures

IBAN = "FR7630006000011234567890189"


def invoice(**values):
    values.setdefault("payment", Payment("58", IBAN, "Hébergeur SAS", "AGRIFRPPXXX"))
    return replace(make_document(), **values)


def test_payload_follows_epc069_12():
    document = invoice(due_total=Decimal("1234.50"), remittance="INV/2026/00007")
    assert epc.payload(document).split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "AGRIFRPPXXX",
        "Hébergeur SAS",
        IBAN,
        "EUR1234.50",
        "",
        "",
        "INV/2026/00007",
    ]


def test_creditor_reference_goes_to_its_own_line():
    rows = epc.payload(invoice(remittance="RF18 5390 0754 7034")).split("\n")
    assert rows[9:] == ["RF18539007547034"]


@pytest.mark.parametrize(
    "values",
    [
        {"currency": "USD", "tax_currency": "EUR", "tax_amount_accounting": Decimal(1)},
        {"type_code": "381"},
        {"type_code": "389"},
        {"due_total": Decimal(0)},
        {"due_total": Decimal("-5.00")},
        {"due_total": Decimal("1000000000.00")},
        {"payment": None},
        {"payment": Payment("58", "FR7630006000011234567890188")},  # wrong key
        {"payment": Payment("30", "123456789")},
        {"payment": Payment("59", IBAN, mandate="RUM-1")},
    ],
)
def test_no_code_where_no_sepa_transfer_is_due(values):
    assert epc.payload(invoice(**values)) == ""


def test_drawn_code_says_the_payload():
    text = epc.payload(invoice(remittance="Réf. É/2026 — 7"))
    assert read(modules_of(figures.qr_svg(text, "alt"))) == text


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(min_size=1, max_size=1000).filter(lambda text: text.strip()),
    remittance=st.text(max_size=1000),
    cents=st.integers(min_value=1, max_value=99_999_999_999),
)
def test_any_text_gives_a_code_a_bank_accepts_or_none(name, remittance, cents):
    document = invoice(
        payment=Payment("58", IBAN, name),
        remittance=remittance,
        due_total=Decimal(cents) / 100,
    )
    text = epc.payload(document)
    if not text:
        return
    assert len(text.encode()) <= epc.MAX_BYTES
    rows = text.split("\n")
    assert rows[6] == IBAN
    assert Decimal(rows[7].removeprefix("EUR")) == document.due_total
    grid = modules_of(figures.qr_svg(text, "alt"))
    assert len(grid) <= 17 + 4 * 13
    assert read(grid) == text


def test_text_alternative_is_part_of_the_picture():
    svg = figures.qr_svg("x", 'Pay <now> & "here"')
    assert "<title>Pay &lt;now&gt; &amp; &quot;here&quot;</title>" in svg
