# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Own check of what a finished CII file says, where the official rules say nothing.

A UBL file is not read: it is written from the same document as the CII.

The Schematrons count digits but know no key, accept any rate France ever had, and do
not compare codes with each other. A file with such a fault passes them and is refused
later, by the platform or by the tax office.
"""

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree
from stdnum import iban

from . import identifiers, tva
from .figures import NS
from .findings import FATAL, Finding

ROOT = "/rsm:CrossIndustryInvoice"
DOCUMENT = f"{ROOT}/rsm:ExchangedDocument"
TRADE = f"{ROOT}/rsm:SupplyChainTradeTransaction"
AGREEMENT = f"{TRADE}/ram:ApplicableHeaderTradeAgreement"
SETTLEMENT = f"{TRADE}/ram:ApplicableHeaderTradeSettlement"
PARTIES = (
    ("seller", f"{AGREEMENT}/ram:SellerTradeParty"),
    ("buyer", f"{AGREEMENT}/ram:BuyerTradeParty"),
    ("payee", f"{SETTLEMENT}/ram:PayeeTradeParty"),
    ("delivery", f"{TRADE}/ram:ApplicableHeaderTradeDelivery/ram:ShipToTradeParty"),
)
# code lists of EN 16931: the VATEX that belong to one category only
CATEGORY_OF_VATEX = {
    "VATEX-EU-AE": "AE",
    "VATEX-FR-AE": "AE",
    "VATEX-EU-IC": "K",
    "VATEX-EU-G": "G",
    "VATEX-EU-O": "O",
}
CREDIT_NOTES = {"261", "381", "396", "502", "503"}
CORRECTIVES = {"384", "471", "472", "473"}


def check(xml):
    """Say what cannot be right.

    :param bytes xml: CII document
    :return: findings, all fatal
    :rtype: list[Finding]
    """
    try:
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        return []  # the structure says so
    tree = root.getroottree()
    return [
        *_check_parties(tree),
        *_check_accounts(tree),
        *_check_dates(tree),
        *_check_rates(tree),
        *_check_reasons(tree),
        *_check_notes(tree),
    ]


def _check_parties(tree):
    for who, path in PARTIES:
        for value in _texts(
            tree, f"{path}/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']"
        ):
            if not identifiers.is_siren(value):
                yield _finding("ID-SIREN", who, f"the SIREN {value} has a wrong key")
        for value in _texts(tree, f"{path}/ram:GlobalID[@schemeID='0009']"):
            if not identifiers.is_siret(value):
                yield _finding("ID-SIRET", who, f"the SIRET {value} has a wrong key")
        for value in _texts(
            tree, f"{path}/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"
        ):
            if value.startswith("FR") and not identifiers.is_french_vat(value):
                yield _finding("ID-VAT", who, f"the VAT number {value} has a wrong key")
            country = _texts(tree, f"{path}/ram:PostalTradeAddress/ram:CountryID")
            siren = _texts(
                tree, f"{path}/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']"
            )
            if (
                siren
                and country == ["FR"]
                and value.startswith("FR")
                and identifiers.siren_of_vat(value) not in ("", *siren)
            ):
                yield _finding(
                    "ID-VAT", who, f"{value} is not the VAT number of SIREN {siren[0]}"
                )


def _check_accounts(tree):
    means = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
    for path in (
        f"{means}/ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
        f"{means}/ram:PayerPartyDebtorFinancialAccount/ram:IBANID",
    ):
        for value in _texts(tree, path):
            if not iban.is_valid(value):
                yield _finding("ID-IBAN", "payment", f"{value} is no valid IBAN")


def _check_dates(tree):
    issue = _day(_texts(tree, f"{DOCUMENT}/ram:IssueDateTime/udt:DateTimeString"))
    for value in _texts(
        tree,
        f"{SETTLEMENT}/ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime/*",
    ):
        earlier = _day([value])
        if issue and earlier and earlier > issue:
            yield _finding(
                "DATE-26", "BT-26", f"the earlier invoice ({value}) is later than BT-2"
            )


def _check_rates(tree):
    """A rate must be in force on the day of the document, or of what it corrects."""
    kind = _texts(tree, f"{DOCUMENT}/ram:TypeCode")
    days = _texts(tree, f"{DOCUMENT}/ram:IssueDateTime/udt:DateTimeString")
    if set(kind) & (CREDIT_NOTES | CORRECTIVES):
        days += _texts(
            tree,
            f"{SETTLEMENT}/ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime/*",
        )
    known = [day for day in (_day([text]) for text in days) if day]
    for tax in tree.findall(_relative(f"{SETTLEMENT}/ram:ApplicableTradeTax"), NS):
        if tax.findtext("ram:CategoryCode", "", NS) != "S":
            continue
        text = tax.findtext("ram:RateApplicablePercent", "", NS)
        try:
            rate = Decimal(text)
        except InvalidOperation:
            continue  # the structure says so
        if not any(tva.is_rate_in_force(rate, day) for day in known):
            yield _finding(
                "RATE-119", f"VAT {text}", f"{text} % is not in force on {days}"
            )


def _check_reasons(tree):
    for tax in tree.findall(_relative(f"{SETTLEMENT}/ram:ApplicableTradeTax"), NS):
        category = tax.findtext("ram:CategoryCode", "", NS)
        code = tax.findtext("ram:ExemptionReasonCode", "", NS)
        reason = tax.findtext("ram:ExemptionReason", "", NS)
        expected = CATEGORY_OF_VATEX.get(code.upper(), "E")
        if code and category != expected:
            yield _finding(
                "VATEX-121", f"VAT {category}", f"{code} belongs to {expected}"
            )
        if category != "S" and not reason:
            # CGI ann. II art. 242 nonies A, 12: the provision or the mention in words
            yield _finding("MENTION-120", f"VAT {category}", "no reason in words")
        elif category == "AE" and not re.search(
            "autoliquidation|reverse charge", reason, re.IGNORECASE
        ):
            yield _finding(
                "MENTION-120", "VAT AE", "the mention “autoliquidation” is missing"
            )


def _check_notes(tree):
    notes = {
        node.findtext("ram:SubjectCode", "", NS): node.findtext("ram:Content", "", NS)
        for node in tree.findall(_relative(f"{DOCUMENT}/ram:IncludedNote"), NS)
    }
    # C. com. D441-5: 40 EUR; a consumer owes none and is told so
    if notes.get("BAR") == "B2B" and not re.search(r"\b40\b", notes.get("PMT", "40")):
        yield _finding("MENTION-PMT", "note PMT", "the indemnity is 40 EUR")


def _texts(tree, path):
    return [(node.text or "").strip() for node in tree.findall(_relative(path), NS)]


def _relative(path):
    return path.replace(f"{ROOT}/", "")


def _day(texts):
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", texts[0]) if texts else None
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _finding(rule, location, message):
    return Finding(
        rule=rule,
        severity=FATAL,
        location=location,
        message=message,
        source="coherence",
    )
