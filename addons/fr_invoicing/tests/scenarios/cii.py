# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Reads a CII invoice by the terms of EN 16931 (BT numbers), for checks only."""

from collections import namedtuple
from decimal import Decimal

from lxml import etree

UNECE = "urn:un:unece:uncefact:data:standard"
NS = {
    "rsm": f"{UNECE}:CrossIndustryInvoice:100",
    "ram": f"{UNECE}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{UNECE}:UnqualifiedDataType:100",
    "qdt": f"{UNECE}:QualifiedDataType:100",
}
CONTEXT = "rsm:ExchangedDocumentContext/"
DOCUMENT = "rsm:ExchangedDocument/"
TRADE = "rsm:SupplyChainTradeTransaction/"
AGREEMENT = f"{TRADE}ram:ApplicableHeaderTradeAgreement/"
DELIVERY = f"{TRADE}ram:ApplicableHeaderTradeDelivery/"
SETTLEMENT = f"{TRADE}ram:ApplicableHeaderTradeSettlement/"
SELLER = f"{AGREEMENT}ram:SellerTradeParty/"
BUYER = f"{AGREEMENT}ram:BuyerTradeParty/"
SHIP_TO = f"{DELIVERY}ram:ShipToTradeParty/"
MEANS = f"{SETTLEMENT}ram:SpecifiedTradeSettlementPaymentMeans/"
TERMS = f"{SETTLEMENT}ram:SpecifiedTradePaymentTerms/"
TAX = f"{SETTLEMENT}ram:ApplicableTradeTax/"
SUMS = f"{SETTLEMENT}ram:SpecifiedTradeSettlementHeaderMonetarySummation/"
DAY = "udt:DateTimeString"
VAT = "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"

BT = {
    "BT-1": f"{DOCUMENT}ram:ID",
    "BT-2": f"{DOCUMENT}ram:IssueDateTime/{DAY}",
    "BT-3": f"{DOCUMENT}ram:TypeCode",
    "BT-5": f"{SETTLEMENT}ram:InvoiceCurrencyCode",
    "BT-6": f"{SETTLEMENT}ram:TaxCurrencyCode",
    "BT-8": f"{TAX}ram:DueDateTypeCode",
    "BT-9": f"{TERMS}ram:DueDateDateTime/{DAY}",
    "BT-10": f"{AGREEMENT}ram:BuyerReference",
    "BT-12": f"{AGREEMENT}ram:ContractReferencedDocument/ram:IssuerAssignedID",
    "BT-13": f"{AGREEMENT}ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    "BT-14": f"{AGREEMENT}ram:SellerOrderReferencedDocument/ram:IssuerAssignedID",
    "BT-20": f"{TERMS}ram:Description",
    "BT-21": f"{DOCUMENT}ram:IncludedNote/ram:SubjectCode",
    "BT-22": f"{DOCUMENT}ram:IncludedNote/ram:Content",
    "BT-23": f"{CONTEXT}ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
    "BT-24": f"{CONTEXT}ram:GuidelineSpecifiedDocumentContextParameter/ram:ID",
    "BT-25": f"{SETTLEMENT}ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    "BT-26": f"{SETTLEMENT}ram:InvoiceReferencedDocument"
    "/ram:FormattedIssueDateTime/qdt:DateTimeString",
    "BT-27": f"{SELLER}ram:Name",
    "BT-29": f"{SELLER}ram:GlobalID",
    "BT-30": f"{SELLER}ram:SpecifiedLegalOrganization/ram:ID",
    "BT-31": f"{SELLER}{VAT}",
    "BT-34": f"{SELLER}ram:URIUniversalCommunication/ram:URIID",
    "BT-40": f"{SELLER}ram:PostalTradeAddress/ram:CountryID",
    "BT-44": f"{BUYER}ram:Name",
    "BT-46": f"{BUYER}ram:GlobalID",
    "BT-47": f"{BUYER}ram:SpecifiedLegalOrganization/ram:ID",
    "BT-48": f"{BUYER}{VAT}",
    "BT-49": f"{BUYER}ram:URIUniversalCommunication/ram:URIID",
    "BT-50": f"{BUYER}ram:PostalTradeAddress/ram:LineOne",
    "BT-55": f"{BUYER}ram:PostalTradeAddress/ram:CountryID",
    "BT-59": f"{SETTLEMENT}ram:PayeeTradeParty/ram:Name",
    "BT-61": f"{SETTLEMENT}ram:PayeeTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "BT-63": f"{AGREEMENT}ram:SellerTaxRepresentativeTradeParty/{VAT}",
    "BT-70": f"{SHIP_TO}ram:Name",
    "BT-72": f"{DELIVERY}ram:ActualDeliverySupplyChainEvent"
    f"/ram:OccurrenceDateTime/{DAY}",
    "BT-73": f"{SETTLEMENT}ram:BillingSpecifiedPeriod/ram:StartDateTime/{DAY}",
    "BT-74": f"{SETTLEMENT}ram:BillingSpecifiedPeriod/ram:EndDateTime/{DAY}",
    "BT-78": f"{SHIP_TO}ram:PostalTradeAddress/ram:PostcodeCode",
    "BT-80": f"{SHIP_TO}ram:PostalTradeAddress/ram:CountryID",
    "BT-81": f"{MEANS}ram:TypeCode",
    "BT-83": f"{SETTLEMENT}ram:PaymentReference",
    "BT-84": f"{MEANS}ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
    "BT-86": f"{MEANS}ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID",
    "BT-89": f"{TERMS}ram:DirectDebitMandateID",
    "BT-90": f"{SETTLEMENT}ram:CreditorReferenceID",
    "BT-91": f"{MEANS}ram:PayerPartyDebtorFinancialAccount/ram:IBANID",
    "BT-106": f"{SUMS}ram:LineTotalAmount",
    "BT-107": f"{SUMS}ram:AllowanceTotalAmount",
    "BT-108": f"{SUMS}ram:ChargeTotalAmount",
    "BT-109": f"{SUMS}ram:TaxBasisTotalAmount",
    "BT-112": f"{SUMS}ram:GrandTotalAmount",
    "BT-113": f"{SUMS}ram:TotalPrepaidAmount",
    "BT-114": f"{SUMS}ram:RoundingAmount",
    "BT-115": f"{SUMS}ram:DuePayableAmount",
    "BT-118": f"{TAX}ram:CategoryCode",
    "BT-119": f"{TAX}ram:RateApplicablePercent",
    "BT-120": f"{TAX}ram:ExemptionReason",
    "BT-121": f"{TAX}ram:ExemptionReasonCode",
    "BT-122": f"{AGREEMENT}ram:AdditionalReferencedDocument/ram:IssuerAssignedID",
    "BT-125": f"{AGREEMENT}ram:AdditionalReferencedDocument/ram:AttachmentBinaryObject",
}
LINE = f"{TRADE}ram:IncludedSupplyChainTradeLineItem"
LINE_AGREEMENT = "ram:SpecifiedLineTradeAgreement/"
LINE_SETTLEMENT = "ram:SpecifiedLineTradeSettlement/"
LINE_BT = {
    "BT-126": "ram:AssociatedDocumentLineDocument/ram:LineID",
    "BT-129": "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    "BT-131": f"{LINE_SETTLEMENT}ram:SpecifiedTradeSettlementLineMonetarySummation"
    "/ram:LineTotalAmount",
    "BT-134": f"{LINE_SETTLEMENT}ram:BillingSpecifiedPeriod/ram:StartDateTime/{DAY}",
    "BT-135": f"{LINE_SETTLEMENT}ram:BillingSpecifiedPeriod/ram:EndDateTime/{DAY}",
    "BT-146": f"{LINE_AGREEMENT}ram:NetPriceProductTradePrice/ram:ChargeAmount",
    "BT-149": f"{LINE_AGREEMENT}ram:NetPriceProductTradePrice/ram:BasisQuantity",
    "BT-151": f"{LINE_SETTLEMENT}ram:ApplicableTradeTax/ram:CategoryCode",
    "BT-152": f"{LINE_SETTLEMENT}ram:ApplicableTradeTax/ram:RateApplicablePercent",
    "BT-153": "ram:SpecifiedTradeProduct/ram:Name",
    "BT-154": "ram:SpecifiedTradeProduct/ram:Description",
}

Change = namedtuple("Change", "is_charge amount base percent category rate reason")
Line = namedtuple("Line", "key quantity price base net category rate changes name")
Tax = namedtuple("Tax", "category rate basis amount reason code")


class Cii:
    """One document.

    :param bytes xml: a CII invoice
    """

    def __init__(self, xml):
        self.xml = xml
        self.root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False))

    def all(self, term):
        """Give the texts of a term, in document order."""
        if term in LINE_BT:
            return [
                found.text
                for line in self.root.iterfind(LINE, NS)
                for found in line.findall(LINE_BT[term], NS)
            ]
        return [node.text for node in self.root.findall(BT[term], NS)]

    def one(self, term):
        """Give the text of a term that stands once, None when it does not stand."""
        found = self.all(term)
        if len(found) > 1:
            raise AssertionError(f"{term} stands {len(found)} times: {found}")
        return found[0] if found else None

    def money(self, term, default="0"):
        """Give an amount."""
        text = self.one(term)
        return Decimal(default if text is None else text)

    def notes(self):
        """Give the notes as (code, text) pairs."""
        return [
            (
                node.findtext("ram:SubjectCode", "", NS),
                node.findtext("ram:Content", "", NS),
            )
            for node in self.root.iterfind(f"{DOCUMENT}ram:IncludedNote", NS)
        ]

    def note(self, code):
        """Give the text of the note of a code."""
        found = [text for other, text in self.notes() if other == code]
        if len(found) > 1:
            raise AssertionError(f"several notes {code}")
        return found[0] if found else None

    def tax_total(self, currency):
        """Give BT-110 or BT-111 by its currency, None when it does not stand."""
        found = [
            Decimal(node.text)
            for node in self.root.iterfind(f"{SUMS}ram:TaxTotalAmount", NS)
            if node.get("currencyID") == currency
        ]
        if len(found) > 1:
            raise AssertionError(f"several VAT totals in {currency}")
        return found[0] if found else None

    def lines(self):
        """Give the lines.

        :rtype: list[Line]
        """
        result = []
        for node in self.root.iterfind(LINE, NS):
            texts = {
                term: node.findtext(path, None, NS) for term, path in LINE_BT.items()
            }
            path = f"{LINE_SETTLEMENT}ram:SpecifiedTradeAllowanceCharge"
            result.append(
                Line(
                    key=texts["BT-126"],
                    quantity=Decimal(texts["BT-129"]),
                    price=Decimal(texts["BT-146"]),
                    base=Decimal(texts["BT-149"] or "1"),
                    net=Decimal(texts["BT-131"]),
                    category=texts["BT-151"],
                    rate=_decimal(texts["BT-152"]),
                    changes=[_change(child) for child in node.findall(path, NS)],
                    name=texts["BT-153"],
                )
            )
        return result

    def changes(self):
        """Give the allowances and charges of the document.

        :rtype: list[Change]
        """
        path = f"{SETTLEMENT}ram:SpecifiedTradeAllowanceCharge"
        return [_change(node) for node in self.root.iterfind(path, NS)]

    def taxes(self):
        """Give the VAT breakdown.

        :rtype: list[Tax]
        """
        return [
            Tax(
                category=node.findtext("ram:CategoryCode", "", NS),
                rate=_decimal(node.findtext("ram:RateApplicablePercent", None, NS)),
                basis=Decimal(node.findtext("ram:BasisAmount", "", NS)),
                amount=Decimal(node.findtext("ram:CalculatedAmount", "", NS)),
                reason=node.findtext("ram:ExemptionReason", "", NS),
                code=node.findtext("ram:ExemptionReasonCode", "", NS),
            )
            for node in self.root.iterfind(TAX[:-1], NS)
        ]


def _change(node):
    tax = "ram:CategoryTradeTax/"
    return Change(
        is_charge=node.findtext("ram:ChargeIndicator/udt:Indicator", "", NS) == "true",
        amount=Decimal(node.findtext("ram:ActualAmount", "", NS)),
        base=_decimal(node.findtext("ram:BasisAmount", None, NS)),
        percent=_decimal(node.findtext("ram:CalculationPercent", None, NS)),
        category=node.findtext(f"{tax}ram:CategoryCode", "", NS),
        rate=_decimal(node.findtext(f"{tax}ram:RateApplicablePercent", None, NS)),
        reason=node.findtext("ram:Reason", "", NS),
    )


def _decimal(text):
    return None if text is None else Decimal(text)
