"""One fault in a valid file is always seen, and by the rule that is about it.

Each mutation changes a document that passes every rule; a mutation that changes nothing
or is no fault would fail the test.
"""

import re
from decimal import Decimal as D

import pytest
from einvoice_samples import BUYER, GERMAN_BUYER, changed, credit_note, exempt, invoice

from einvoice import facturx
from einvoice.document import Allowance
from einvoice.findings import has_fatal


def bases():
    """Give the valid documents to damage."""
    return {
        "invoice": invoice(),
        "credit": credit_note(),
        "corrective": credit_note(type_code="384"),
        "deposit": invoice(type_code="386", delivery_date=None),
        "paid": invoice(process_code="S2", prepaid=D("12000.00"), due_total=D("0.00")),
        "dollars": invoice(
            currency="USD", tax_currency="EUR", tax_amount_accounting=D("1818.18")
        ),
        "intra": exempt(
            "K",
            "VATEX-EU-IC",
            "Exonération de TVA, article 262 ter I du CGI",
            GERMAN_BUYER,
            "B2BINT",
            delivery=changed(GERMAN_BUYER, vat=""),
            process_code="B1",
        ),
        "reverse": exempt(
            "AE", "VATEX-EU-AE", "Autoliquidation", GERMAN_BUYER, "B2BINT"
        ),
        "franchise": exempt(
            "E", "VATEX-FR-FRANCHISE", "TVA non applicable", BUYER, "B2B"
        ),
        "discount": invoice(
            lines=(
                changed(
                    invoice().lines[0],
                    net_amount=D("7200.00"),
                    allowances=(
                        Allowance(D("800.00"), D("8000.00"), D("10"), "Remise"),
                    ),
                ),
                changed(
                    invoice().lines[1], net_price=D("560"), net_amount=D("2800.00")
                ),
            )
        ),
    }


def swap(old, new, count=1):
    """Replace a text that must be there."""

    def mutate(xml):
        assert old.encode() in xml, old
        return xml.replace(old.encode(), new.encode(), count)

    return mutate


def drop(tag, content=""):
    """Remove the first element of that name (with that content)."""

    def mutate(xml):
        pattern = (
            rf"\s*<ram:{tag}(?: [^>]*)?>(?:(?!</ram:{tag}>).)*?{content}.*?</ram:{tag}>"
        )
        changed_xml, count = re.subn(
            pattern.encode(), b"", xml, count=1, flags=re.DOTALL
        )
        assert count, tag
        return changed_xml

    return mutate


def amount(tag, old, new):
    return swap(f"<ram:{tag}>{old}</ram:{tag}>", f"<ram:{tag}>{new}</ram:{tag}>")


def rate(new, count):
    tag = "</ram:RateApplicablePercent>"
    return swap(f">20.00{tag}", f">{new}{tag}", count)


def note(code):
    """Remove the note of a code."""

    def mutate(xml):
        pattern = (
            rf"<ram:IncludedNote>(?:(?!</ram:IncludedNote>).)*"
            rf"<ram:SubjectCode>{code}<.*?</ram:IncludedNote>"
        )
        changed_xml, count = re.subn(
            pattern.encode(), b"", xml, count=1, flags=re.DOTALL
        )
        assert count, code
        return changed_xml

    return mutate


# name: (document, what is done to it, a rule that must see it)
MUTATIONS = {
    # totals
    "grand total": (
        "invoice", amount("GrandTotalAmount", "12000.00", "12000.01"), "ARITH-112"),
    "sum of lines": (
        "invoice", amount("LineTotalAmount", "10000.00", "10000.01"), "ARITH-106"),
    "total without VAT": (
        "invoice", amount("TaxBasisTotalAmount", "10000.00", "9999.99"), "ARITH-109"),
    "amount due": (
        "invoice", amount("DuePayableAmount", "12000.00", "11999.99"), "ARITH-115"),
    "VAT total": (
        "invoice",
        swap('currencyID="EUR">2000.00<', 'currencyID="EUR">2000.01<'),
        "ARITH-110"),
    "VAT of the rate": (
        "invoice", amount("CalculatedAmount", "2000.00", "2000.02"), "ARITH-117"),
    "basis of the rate": (
        "invoice", amount("BasisAmount", "10000.00", "10000.01"), "ARITH-116"),
    "amount of a line": (
        "invoice", amount("LineTotalAmount", "8000.00", "8000.01"), "ARITH-131"),
    "quantity": (
        "invoice",
        swap('unitCode="HUR">200<', 'unitCode="HUR">201<'),
        "ARITH-131"),
    "unit price": (
        "invoice", amount("ChargeAmount", "400", "400.01"), "ARITH-131"),
    "discount of a line": (
        "discount", amount("ActualAmount", "800.00", "799.99"), "ARITH-131"),
    "paid but still due": (
        "paid", amount("TotalPrepaidAmount", "12000.00", "11999.00"), "ARITH-115"),
    "three decimals": (
        "invoice",
        amount("GrandTotalAmount", "12000.00", "12000.001"),
        "BR-FR-DEC-01_BT-112"),
    "negative price": (
        "invoice", amount("ChargeAmount", "400", "-400"), "BR-27"),
    # VAT
    "rate that France never had": (
        "invoice",
        rate("19.00", 9),
        "BR-FR-16_BT-119"),
    "rate of another time": (
        "invoice",
        rate("19.60", 9),
        "RATE-119"),
    "rate of one line": (
        "invoice",
        rate("10.00", 1),
        "ARITH-23"),
    "category of one line": (
        "invoice", swap("<ram:CategoryCode>S<", "<ram:CategoryCode>E<"), "BR-E-01"),
    "category that no one has": (
        "invoice", swap("<ram:CategoryCode>S<", "<ram:CategoryCode>L<", 9),
        "BR-FR-15_BT-95_BT-118_LM"),
    "taxed at zero": (
        "franchise",
        swap("<ram:CategoryCode>E<", "<ram:CategoryCode>S<", 9),
        "BR-S-05"),
    "reason of another category": (
        "reverse", swap("VATEX-EU-AE", "VATEX-EU-IC", 9), "VATEX-121"),
    "reverse charge without its words": (
        "reverse", swap("Autoliquidation", "Exonération", 9), "MENTION-120"),
    "reason without words": (
        "franchise", drop("ExemptionReason"), "MENTION-120"),
    "exempt without any reason": (
        "franchise",
        lambda xml: drop("ExemptionReasonCode")(drop("ExemptionReason")(xml)),
        "BR-E-10"),
    "goods in the Union without place": (
        "intra", drop("ShipToTradeParty"), "BR-IC-12"),
    "reverse charge without VAT number of the buyer": (
        "reverse",
        drop("SpecifiedTaxRegistration", "DE123456788"),
        "BR-AE-02"),
    "VAT of another person": (
        "invoice", swap(">FR88100000009<", ">FR37200000008<"), "ID-VAT"),
    "VAT number with a wrong key": (
        "invoice", swap(">FR37200000008<", ">FR38200000008<"), "ID-VAT"),
    "dollars without euro": (
        "dollars",
        swap('<ram:TaxTotalAmount currencyID="EUR">1818.18</ram:TaxTotalAmount>', ""),
        "BR-FR-CO-12_BT-5"),
    "unknown currency": (
        "invoice",
        swap("<ram:InvoiceCurrencyCode>EUR<", "<ram:InvoiceCurrencyCode>EUX<"),
        "FX-SCH-A-000595"),
    "due date code of UBL": (
        "invoice", swap("<ram:DueDateTypeCode>72<", "<ram:DueDateTypeCode>432<", 9),
        "FX-SCH-A-000588"),
    # identities
    "SIREN of the seller with a wrong key": (
        "invoice",
        swap('schemeID="0002">100000009<', 'schemeID="0002">100000008<'),
        "ID-SIREN"),
    "SIREN of the buyer with a wrong key": (
        "invoice",
        swap('schemeID="0002">200000008<', 'schemeID="0002">200000009<'),
        "ID-SIREN"),
    "SIRET in the place of SIREN": (
        "invoice",
        swap('schemeID="0002">100000009<', 'schemeID="0002">10000000900017<'),
        "BR-FR-10_BT-30"),
    "SIRET with a wrong key": (
        "invoice", swap(">10000000900017<", ">10000000900018<"), "ID-SIRET"),
    "SIRET of another company": (
        "invoice", swap(">20000000800017<", ">10000000900017<"), "BR-FR-09_BT-46"),
    "buyer without SIREN": (
        "invoice",
        drop("SpecifiedLegalOrganization", "200000008"),
        "BR-FR-11_BT-47"),
    "buyer without electronic address": (
        "invoice", drop("URIUniversalCommunication", "200000008"), "BR-FR-12_BT-49"),
    "seller without electronic address": (
        "invoice", drop("URIUniversalCommunication", "100000009"), "BR-FR-13_BT-34"),
    "electronic address of another company": (
        "invoice",
        swap('schemeID="0225">200000008<', 'schemeID="0225">300000007<'),
        "BR-FR-21_BT-49"),
    "seller without country": (
        "invoice", drop("CountryID"), "BR-09"),
    "buyer without name": (
        "invoice", drop("Name", "Client Exemple SARL"), "BR-07"),
    "bank account with a wrong key": (
        "invoice",
        swap("FR7630006000011234567890189", "FR7630006000011234567890188"),
        "ID-IBAN"),
    # document
    "type code that no one has": (
        "invoice", swap("<ram:TypeCode>380<", "<ram:TypeCode>325<"), "BR-FR-04_BT-3"),
    "credit note sent as a global rebate": (
        "credit", swap("<ram:TypeCode>381<", "<ram:TypeCode>262<"), "BR-FR-CO-03_BT-3"),
    "credit note that corrects nothing": (
        "credit", drop("InvoiceReferencedDocument"), "BR-FR-CO-05_BT-3"),
    "credit note without the date of its invoice": (
        "credit", drop("FormattedIssueDateTime"), "BR-FR-CO-05_BT-3"),
    "corrective that corrects nothing": (
        "corrective", drop("InvoiceReferencedDocument"), "BR-FR-CO-04_BT-4"),
    "corrected invoice of a later day": (
        "credit",
        swap('<qdt:DateTimeString format="102">20261101<',
             '<qdt:DateTimeString format="102">20261231<'),
        "DATE-26"),
    "deposit in the frame of a final invoice": (
        "deposit", swap(">S1</ram:ID>", ">S4</ram:ID>"), "BR-FR-CO-08_BT-23"),
    "frame that no one has": (
        "invoice", swap(">S1</ram:ID>", ">X1</ram:ID>"), "BR-FR-08_BT-23"),
    "already paid but not": (
        "invoice", swap(">S1</ram:ID>", ">S2</ram:ID>"), "BR-FR-CO-09_BT-23-1"),
    "no number": (
        "invoice", swap("<ram:ID>FAC/2026/00003</ram:ID>", ""), "BR-02"),
    "number with a blank": (
        "invoice", swap("<ram:ID>FAC/2026/00003<", "<ram:ID>FAC 2026 00003<"),
        "BR-FR-02_BT-1"),
    "number of 36 signs": (
        "invoice", swap("<ram:ID>FAC/2026/00003<", f"<ram:ID>{'F' * 36}<"),
        "BR-FR-01_BT-1"),
    "due before issued": (
        "invoice", swap(">20261201<", ">20261031<"), "BR-FR-CO-07_BT-9"),
    "date of the last century": (
        "invoice", swap(">20261101<", ">19261101<"), "BR-FR-03_BT-2"),
    "date that is none": (
        "invoice", swap(">20261101<", ">20261301<"), "BR-FR-03_BT-2"),
    "period that ends before it starts": (
        "invoice",
        lambda xml: xml.replace(b">20261031<", b">20260930<"),
        "BR-29"),
    "line without name": (
        "invoice", swap("<ram:Name>Service 1</ram:Name>", ""), "BR-25"),
    "line without unit": (
        "invoice", swap(' unitCode="HUR"', ""), "BR-23"),
    "unit that no one has": (
        "invoice", swap('unitCode="HUR"', 'unitCode="HOURS"'), "FX-SCH-A-000613"),
    "invoice without line": (
        "invoice",
        lambda xml: re.sub(
            rb"<ram:IncludedSupplyChainTradeLineItem>.*</ram:IncludedSupply"
            rb"ChainTradeLineItem>", b"", xml, flags=re.DOTALL),
        "BR-16"),
    # mentions
    "no late penalty": ("invoice", note("PMD"), "BR-FR-05_BT-22_PMD"),
    "no recovery indemnity": ("invoice", note("PMT"), "BR-FR-05_BT-22_PMT"),
    "no word on discount": ("invoice", note("AAB"), "BR-FR-05_BT-22_AAB"),
    "indemnity of another amount": (
        "invoice",
        swap("recouvrement : 40 EUR", "recouvrement : 30 EUR"),
        "MENTION-PMT"),
    "two indemnities": (
        "invoice", swap("<ram:SubjectCode>AAB<", "<ram:SubjectCode>PMT<"),
        "BR-FR-06_BT-21_PMT"),
    "treatment that no one has": (
        "invoice", swap("<ram:Content>B2B<", "<ram:Content>B2X<"), "BR-FR-20_BT-21"),
    # structure
    "unknown element": (
        "invoice", swap("ram:BilledQuantity", "ram:BuiltQuantity", 9), "XSD"),
    "other profile": (
        "invoice", swap("urn:cen.eu:en16931:2017<", "urn:factur-x.eu:1p0:minimum<"),
        "PROFILE"),
    "cut off": ("invoice", lambda xml: xml[: len(xml) // 2], "XML"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(checker):
    """Check all mutations and the documents they come from with one call."""
    good = {name: facturx.to_xml(document) for name, document in bases().items()}
    bad = {}
    for name, (base, mutate, _rule) in MUTATIONS.items():
        bad[f"bad {name}"] = mutate(good[base])
        assert bad[f"bad {name}"] != good[base], name
    return checker.check(good | bad)


@pytest.mark.parametrize("name", sorted(bases()))
def test_the_documents_to_damage_are_valid(found, name):
    assert [item for item in found[name] if item.is_fatal] == []


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_each_mutation_is_seen_by_its_rule(found, name):
    rules = {item.rule for item in found[f"bad {name}"] if item.is_fatal}
    assert MUTATIONS[name][2] in rules


def test_there_are_enough_of_them():
    assert len(MUTATIONS) >= 60
    assert len({rule for _base, _mutate, rule in MUTATIONS.values()}) >= 45


def test_a_fault_in_one_document_is_not_seen_in_another(checker):
    good = facturx.to_xml(invoice())
    bad = good.replace(b">12000.00<", b">12000.01<")
    found = checker.check({"good": good, "bad": bad, "again": good})
    assert [has_fatal(found[name]) for name in ("good", "bad", "again")] == [
        False,
        True,
        False,
    ]
