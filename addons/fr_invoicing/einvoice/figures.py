# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The figures of a finished CII or UBL file, read without the library that wrote it.

What `arithmetic` recomputes: one shape for both syntaxes.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

UNCEFACT = "urn:un:unece:uncefact:data:standard"
NS = {
    "rsm": f"{UNCEFACT}:CrossIndustryInvoice:100",
    "ram": f"{UNCEFACT}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{UNCEFACT}:UnqualifiedDataType:100",
}
UBL = "urn:oasis:names:specification:ubl:schema:xsd"
UBL_NS = {
    "cbc": f"{UBL}:CommonBasicComponents-2",
    "cac": f"{UBL}:CommonAggregateComponents-2",
}
# EXTENDED-CTC-FR: lines that only group or inform bear no amount of their own
SILENT = ("GROUP", "INFORMATION")


@dataclass(frozen=True, slots=True)
class LineFigures:
    """quantity BT-129, price BT-146, base BT-149, amount BT-131; adjustments: charges
    less allowances of the line; key: (category, rate)"""

    name: str
    quantity: Decimal
    price: Decimal
    base: Decimal
    amount: Decimal
    adjustments: Decimal
    key: tuple


@dataclass(frozen=True, slots=True)
class Figures:
    """lines; allowances: (key, signed amount) of the document; taxes: (key, basis,
    amount); totals: by BT number, zero where there is none"""

    currency: str
    lines: tuple
    allowances: tuple
    taxes: tuple
    totals: dict


def read(root):
    """Read the figures of a document.

    :param root: lxml root element, CII or UBL
    :rtype: Figures
    :raise InvalidOperation: a figure is missing or is no number
    """
    if etree.QName(root).localname == "CrossIndustryInvoice":
        return _read_cii(root)
    return _read_ubl(root)


def _read_cii(root):
    trade = "rsm:SupplyChainTradeTransaction"
    settlement = f"{trade}/ram:ApplicableHeaderTradeSettlement"
    summation = f"{settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
    currency = root.findtext(f"{settlement}/ram:InvoiceCurrencyCode", "", NS)
    totals = {
        term: _figure(root, f"{summation}/ram:{name}", NS, Decimal(0))
        for term, name in (
            ("BT-106", "LineTotalAmount"),
            ("BT-107", "AllowanceTotalAmount"),
            ("BT-108", "ChargeTotalAmount"),
            ("BT-109", "TaxBasisTotalAmount"),
            ("BT-112", "GrandTotalAmount"),
            ("BT-113", "TotalPrepaidAmount"),
            ("BT-114", "RoundingAmount"),
            ("BT-115", "DuePayableAmount"),
        )
    }
    totals["BT-110"] = Decimal(0)
    for node in root.iterfind(f"{summation}/ram:TaxTotalAmount", NS):
        if node.get("currencyID") == currency:
            totals["BT-110"] = Decimal(node.text)
    lines = root.iterfind(f"{trade}/ram:IncludedSupplyChainTradeLineItem", NS)
    return Figures(
        currency=currency,
        lines=tuple(line for line in map(_cii_line, lines) if line),
        allowances=tuple(
            (_cii_key(node, "ram:CategoryTradeTax/"), _cii_signed(node))
            for node in root.iterfind(
                f"{settlement}/ram:SpecifiedTradeAllowanceCharge", NS
            )
        ),
        taxes=tuple(
            (
                _cii_key(node, ""),
                _figure(node, "ram:BasisAmount", NS),
                _figure(node, "ram:CalculatedAmount", NS),
            )
            for node in root.iterfind(f"{settlement}/ram:ApplicableTradeTax", NS)
        ),
        totals=totals,
    )


def _cii_line(line):
    document = "ram:AssociatedDocumentLineDocument"
    if line.findtext(f"{document}/ram:LineStatusReasonCode", "", NS) in SILENT:
        return None
    settlement = "ram:SpecifiedLineTradeSettlement"
    price = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
    return LineFigures(
        name=line.findtext(f"{document}/ram:LineID", "", NS),
        quantity=_figure(line, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", NS),
        price=_figure(line, f"{price}/ram:ChargeAmount", NS),
        base=_figure(line, f"{price}/ram:BasisQuantity", NS, Decimal(1)),
        amount=_figure(
            line,
            f"{settlement}/ram:SpecifiedTradeSettlementLineMonetarySummation"
            "/ram:LineTotalAmount",
            NS,
        ),
        adjustments=sum(
            map(
                _cii_signed,
                line.iterfind(f"{settlement}/ram:SpecifiedTradeAllowanceCharge", NS),
            ),
            Decimal(0),
        ),
        key=_cii_key(line, f"{settlement}/ram:ApplicableTradeTax/"),
    )


def _cii_signed(node):
    is_charge = node.findtext("ram:ChargeIndicator/udt:Indicator", "", NS) == "true"
    amount = _figure(node, "ram:ActualAmount", NS)
    return amount if is_charge else -amount


def _cii_key(node, prefix):
    return (
        node.findtext(f"{prefix}ram:CategoryCode", "", NS),
        _figure(node, f"{prefix}ram:RateApplicablePercent", NS, Decimal(0)),
    )


def _read_ubl(root):
    total = "cac:LegalMonetaryTotal"
    currency = root.findtext("cbc:DocumentCurrencyCode", "", UBL_NS)
    totals = {
        term: _figure(root, f"{total}/cbc:{name}", UBL_NS, Decimal(0))
        for term, name in (
            ("BT-106", "LineExtensionAmount"),
            ("BT-107", "AllowanceTotalAmount"),
            ("BT-108", "ChargeTotalAmount"),
            ("BT-109", "TaxExclusiveAmount"),
            ("BT-112", "TaxInclusiveAmount"),
            ("BT-113", "PrepaidAmount"),
            ("BT-114", "PayableRoundingAmount"),
            ("BT-115", "PayableAmount"),
        )
    }
    totals["BT-110"] = Decimal(0)
    for node in root.iterfind("cac:TaxTotal/cbc:TaxAmount", UBL_NS):
        if node.get("currencyID") == currency:
            totals["BT-110"] = Decimal(node.text)
    lines = [
        node
        for tag in ("InvoiceLine", "CreditNoteLine")
        for node in root.iterfind(f"cac:{tag}", UBL_NS)
    ]
    return Figures(
        currency=currency,
        lines=tuple(line for line in map(_ubl_line, lines) if line),
        allowances=tuple(
            (_ubl_key(node, "cac:TaxCategory/"), _ubl_signed(node))
            for node in root.iterfind("cac:AllowanceCharge", UBL_NS)
        ),
        taxes=tuple(
            (
                _ubl_key(node, "cac:TaxCategory/"),
                _figure(node, "cbc:TaxableAmount", UBL_NS),
                _figure(node, "cbc:TaxAmount", UBL_NS),
            )
            for node in root.iterfind("cac:TaxTotal/cac:TaxSubtotal", UBL_NS)
        ),
        totals=totals,
    )


def _ubl_line(line):
    tag = "CreditedQuantity" if "Credit" in line.tag else "InvoicedQuantity"
    return LineFigures(
        name=line.findtext("cbc:ID", "", UBL_NS),
        quantity=_figure(line, f"cbc:{tag}", UBL_NS),
        price=_figure(line, "cac:Price/cbc:PriceAmount", UBL_NS),
        base=_figure(line, "cac:Price/cbc:BaseQuantity", UBL_NS, Decimal(1)),
        amount=_figure(line, "cbc:LineExtensionAmount", UBL_NS),
        adjustments=sum(
            map(_ubl_signed, line.iterfind("cac:AllowanceCharge", UBL_NS)), Decimal(0)
        ),
        key=_ubl_key(line, "cac:Item/cac:ClassifiedTaxCategory/"),
    )


def _ubl_signed(node):
    is_charge = node.findtext("cbc:ChargeIndicator", "", UBL_NS) == "true"
    amount = _figure(node, "cbc:Amount", UBL_NS)
    return amount if is_charge else -amount


def _ubl_key(node, prefix):
    return (
        node.findtext(f"{prefix}cbc:ID", "", UBL_NS),
        _figure(node, f"{prefix}cbc:Percent", UBL_NS, Decimal(0)),
    )


def _figure(node, path, namespaces, default=None):
    text = node.findtext(path, None, namespaces)
    if text is None:
        if default is None:
            raise InvalidOperation
        return default
    return Decimal(text.strip())
