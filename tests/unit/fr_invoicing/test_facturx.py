# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date
from decimal import Decimal as D

import pytest
from einvoice_samples import (
    BUYER,
    GERMAN_BUYER,
    OCTOBER,
    changed,
    credit_note,
    exempt,
    invoice,
    line,
)
from lxml import etree

from einvoice import facturx
from einvoice.arithmetic import NS
from einvoice.document import Allowance, Reference

SELLER = "//ram:SellerTradeParty"
BUYER_PATH = "//ram:BuyerTradeParty"
LINE = "//ram:IncludedSupplyChainTradeLineItem"


def texts(document, path):
    """Give the texts found in the XML of a document."""
    root = etree.fromstring(facturx.to_xml(document))
    return root.xpath(f"{path}/text()", namespaces=NS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            f"{SELLER}/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']",
            "100000009",
        ),
        (f"{SELLER}/ram:GlobalID[@schemeID='0009']", "10000000900017"),
        (
            f"{SELLER}/ram:URIUniversalCommunication/ram:URIID[@schemeID='0225']",
            "100000009",
        ),
        (
            f"{SELLER}/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']",
            "FR88100000009",
        ),
        (
            f"{BUYER_PATH}/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']",
            "200000008",
        ),
        (f"{BUYER_PATH}/ram:GlobalID[@schemeID='0009']", "20000000800017"),
        (f"{BUYER_PATH}/ram:URIUniversalCommunication/ram:URIID", "200000008"),
        ("//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID", "S1"),
        ("//ram:IncludedNote[ram:SubjectCode='BAR']/ram:Content", "B2B"),
        ("//ram:ApplicableTradeTax/ram:DueDateTypeCode", "72"),
        (
            "//ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
            "FR7630006000011234567890189",
        ),
        ("//ram:GrandTotalAmount", "12000.00"),
        (f"{LINE}[1]//ram:BillingSpecifiedPeriod/ram:EndDateTime/*", "20261031"),
    ],
)
def test_term_stands_where_the_norm_wants_it(path, expected):
    assert texts(invoice(), path) == [expected]


def test_credit_note_names_number_and_date_of_its_invoice():
    assert texts(
        credit_note(), "//ram:InvoiceReferencedDocument/ram:IssuerAssignedID"
    ) == ["FAC/2026/00003"]
    assert texts(
        credit_note(), "//ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime/*"
    ) == ["20261101"]


def test_price_of_six_decimals_is_not_rounded():
    document = invoice(lines=(line("1", "1000000", "0.000123", "123.00"),))
    assert texts(
        document, f"{LINE}//ram:NetPriceProductTradePrice/ram:ChargeAmount"
    ) == ["0.000123"]
    assert texts(document, f"{LINE}//ram:BilledQuantity") == ["1000000"]


def test_base_quantity_carries_the_unit_of_the_line():
    document = invoice(
        lines=(
            line("1", "7000", "0.87", "0.87", base_quantity=D(7000), unit_code="E50"),
        )
    )
    root = etree.fromstring(facturx.to_xml(document))
    (base,) = root.xpath(f"{LINE}//ram:BasisQuantity", namespaces=NS)
    assert (base.text, base.get("unitCode")) == ("7000", "E50")


def test_line_discount_is_an_allowance():
    discounted = line(
        "1",
        "10",
        "10",
        "90.00",
        allowances=(Allowance(D("10.00"), D("100.00"), D("10"), "Remise"),),
    )
    document = invoice(lines=(discounted,))
    path = f"{LINE}//ram:SpecifiedTradeAllowanceCharge"
    assert texts(document, f"{path}/ram:ActualAmount") == ["10.00"]
    assert texts(document, f"{path}/ram:CalculationPercent") == ["10.00"]


def test_out_of_scope_document_has_neither_rate_nor_vat_numbers():
    document = exempt("O", "VATEX-EU-O", "Hors champ", GERMAN_BUYER, "B2BINT")
    assert texts(document, "//ram:RateApplicablePercent") == []
    assert texts(document, "//ram:SpecifiedTaxRegistration/ram:ID") == []


def test_foreign_currency_shows_the_tax_in_euro():
    document = invoice(
        currency="USD", tax_currency="EUR", tax_amount_accounting=D("1818.18")
    )
    assert texts(document, "//ram:TaxTotalAmount[@currencyID='EUR']") == ["1818.18"]
    assert texts(document, "//ram:TaxTotalAmount[@currencyID='USD']") == ["2000.00"]


def test_no_empty_delivery_block_pretends_to_be_nil():
    assert b"nil=" not in facturx.to_xml(invoice())


def test_buyer_without_numbers_has_no_empty_node():
    plain = changed(BUYER, siren="", siret="", vat="")
    document = invoice(buyer=plain)
    assert texts(document, f"{BUYER_PATH}/ram:SpecifiedTaxRegistration/ram:ID") == []


def test_same_document_gives_the_same_bytes():
    assert facturx.to_xml(invoice()) == facturx.to_xml(invoice())


def test_two_preceding_invoices_are_both_named():
    document = credit_note(
        preceding=(
            Reference("A-1", date(2026, 9, 1)),
            Reference("A-2", date(2026, 10, 1)),
        )
    )
    path = "//ram:InvoiceReferencedDocument/ram:IssuerAssignedID"
    assert texts(document, path) == ["A-1", "A-2"]


def test_header_period_stands_beside_the_line_periods():
    path = "//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod"
    assert texts(invoice(period=OCTOBER), f"{path}/ram:StartDateTime/*") == ["20261001"]
