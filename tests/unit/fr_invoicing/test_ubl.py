# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""UBL beside CII: the same figures, the official rules of both."""

from dataclasses import replace
from datetime import date

import einvoice_samples as samples
import pytest
from einvoice_samples import D
from lxml import etree

from einvoice import arithmetic, facturx, figures, validate
from einvoice.document import Allowance, Attachment, Payment, Reference

FACTOR = replace(
    samples.BUYER,
    name="Affacturage Exemple SA",
    siren="300000007",
    siret="30000000700017",
    vat="",
    endpoint=None,
)


def with_allowances():
    """Give 10 000.00 less 800.00 plus 100.00 at 20 %."""
    document = samples.invoice()
    [tax] = document.taxes
    common = {"category": "S", "rate": D("20")}
    return replace(
        document,
        allowances=(
            Allowance(D("800.00"), reason="Remise", **common),
            Allowance(
                D("100.00"), reason="Port", reason_code="FC", is_charge=True, **common
            ),
        ),
        taxes=(replace(tax, basis=D("9300.00"), amount=D("1860.00")),),
        untaxed_total=D("9300.00"),
        tax_total=D("1860.00"),
        grand_total=D("11160.00"),
        due_total=D("11160.00"),
    )


def cases():
    """Give documents that together use every block the writer knows."""
    plain = samples.invoice()
    return {
        "invoice": plain,
        "credit_note": samples.credit_note(),
        "allowances": with_allowances(),
        "direct_debit": replace(
            plain,
            payment=Payment(
                means_code="59",
                mandate="RUM-1",
                creditor_id="FR00ZZZ123456",
                debited_account="FR1420041010050500013M02606",
            ),
        ),
        "mandate_without_account": replace(
            plain,
            payment=Payment(
                means_code="59", mandate="RUM-1", creditor_id="FR00ZZZ123456"
            ),
        ),
        "factored": replace(plain, type_code="393", payee=FACTOR),
        "public": replace(
            plain,
            is_public_buyer=True,
            buyer_reference="SVC",
            order_reference="ENG-1",
            contract_reference="M-1",
            sales_order="S00012",
        ),
        "own_order_alone": replace(plain, order_reference="", sales_order="S00012"),
        "annex": replace(
            plain,
            attachments=(
                Attachment(
                    "usage.csv", "text/csv", b"a;b\n1;2\n", "usage", "DOCUMENT_ANNEXE"
                ),
            ),
        ),
        "extended": replace(
            plain,
            type_code="384",
            preceding=(Reference("FA-2026-001", date(2026, 10, 2), "380"),),
            profile="EXTENDED-CTC-FR",
        ),
    }


@pytest.fixture(scope="module")
def findings():
    """Run the official rules once on every case, in both syntaxes and converted."""
    checker = validate.Checker()
    documents = {}
    for name, document in cases().items():
        cii = facturx.to_xml(document)
        documents[f"{name}.cii"] = cii
        documents[f"{name}.ubl"] = facturx.to_ubl(document)
        documents[f"{name}.converted"] = facturx.cii_to_ubl(cii)
    try:
        return checker.check(documents)
    finally:
        checker.close()


@pytest.mark.parametrize("syntax", ["cii", "ubl", "converted"])
@pytest.mark.parametrize("name", cases())
def test_the_official_rules_hold(findings, name, syntax):
    assert [
        (finding.rule, finding.message)
        for finding in findings[f"{name}.{syntax}"]
        if finding.severity == "fatal"
    ] == []


@pytest.mark.parametrize("name", cases())
def test_both_syntaxes_carry_the_same_figures(name):
    document = cases()[name]
    read = [
        figures.read(etree.fromstring(xml))
        for xml in (
            facturx.to_xml(document),
            facturx.to_ubl(document),
            facturx.cii_to_ubl(facturx.to_xml(document)),
        )
    ]
    assert read[0] == read[1] == read[2]


def test_converting_an_issued_document_loses_nothing():
    for name, document in cases().items():
        cii = facturx.to_xml(document)
        assert facturx.cii_to_ubl(cii) == facturx.to_ubl(document), name


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b">11160.00</cbc:TaxInclusive", b">11160.01</cbc:TaxInclusive", "ARITH-112"),
        (b">11160.00</cbc:Payable", b">11150.00</cbc:Payable", "ARITH-115"),
        (b">800.00</cbc:AllowanceTotal", b">80.00</cbc:AllowanceTotal", "ARITH-107"),
        (b">100.00</cbc:ChargeTotal", b">10.00</cbc:ChargeTotal", "ARITH-108"),
        (b">9300.00</cbc:Taxable", b">9301.00</cbc:Taxable", "ARITH-116"),
        (b">200</cbc:InvoicedQuantity", b">201</cbc:InvoicedQuantity", "ARITH-131"),
    ],
)
def test_a_changed_figure_of_ubl_is_found(old, new, rule):
    xml = facturx.to_ubl(with_allowances())
    assert old in xml
    assert rule in [f.rule for f in arithmetic.check(xml.replace(old, new))]
