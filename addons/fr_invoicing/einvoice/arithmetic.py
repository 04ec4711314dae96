# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Own arithmetic check of a finished CII file, independent of what wrote it.

Stricter than the official rules: the CEN and Factur-X Schematrons do not multiply
quantity by price, and tolerate a euro of difference on the VAT amount.
"""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from lxml import etree

from .findings import FATAL, Finding

UNCEFACT = "urn:un:unece:uncefact:data:standard"
NS = {
    "rsm": f"{UNCEFACT}:CrossIndustryInvoice:100",
    "ram": f"{UNCEFACT}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{UNCEFACT}:UnqualifiedDataType:100",
}
SETTLEMENT = (
    "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction"
    "/ram:ApplicableHeaderTradeSettlement"
)
SUMMATION = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
LINES = (
    "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction"
    "/ram:IncludedSupplyChainTradeLineItem"
)
CENT = Decimal("0.01")


def check(xml):
    """Recompute every figure of the file from the figures it depends on.

    :param bytes xml: CII document
    :return: findings, empty when everything adds up
    :rtype: list[Finding]
    """
    try:
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError as error:
        return [_finding("ARITH-00", "", f"not well-formed XML: {error}")]
    try:
        return [*_check_lines(root), *_check_taxes(root), *_check_totals(root)]
    except InvalidOperation:
        return [_finding("ARITH-00", "", "a figure is not a number")]


def _check_lines(root):
    for line in root.iterfind(_relative(LINES), NS):
        key = line.findtext("ram:AssociatedDocumentLineDocument/ram:LineID", "", NS)
        settlement = "ram:SpecifiedLineTradeSettlement"
        price = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
        quantity = _figure(line, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity")
        net_price = _figure(line, f"{price}/ram:ChargeAmount")
        base = _figure(line, f"{price}/ram:BasisQuantity", Decimal(1))
        amount = _figure(
            line,
            f"{settlement}/ram:SpecifiedTradeSettlementLineMonetarySummation"
            "/ram:LineTotalAmount",
        )
        if not base:
            yield _finding("ARITH-131", f"line {key}", "BT-149 is zero")
            continue
        gross = (quantity * net_price / base).quantize(CENT, rounding=ROUND_HALF_UP)
        expected = gross + _allowances(line, f"{settlement}/")
        if expected != amount:
            yield _finding(
                "ARITH-131",
                f"line {key}",
                f"BT-129 {quantity} x BT-146 {net_price} / BT-149 {base} and "
                f"allowances give {expected}, BT-131 says {amount}",
            )


def _check_taxes(root):
    bases = defaultdict(Decimal)
    for line in root.iterfind(_relative(LINES), NS):
        settlement = "ram:SpecifiedLineTradeSettlement/"
        bases[_tax_key(line, f"{settlement}ram:ApplicableTradeTax/")] += _figure(
            line,
            f"{settlement}ram:SpecifiedTradeSettlementLineMonetarySummation"
            "/ram:LineTotalAmount",
        )
    # per-line rounding of TVA is allowed: half a cent per line
    tolerance = CENT * max(1, (len(root.findall(_relative(LINES), NS)) + 1) // 2)
    seen = set()
    for tax in root.iterfind(_relative(f"{SETTLEMENT}/ram:ApplicableTradeTax"), NS):
        key = _tax_key(tax, "")
        where = f"VAT {key[0]} {key[1]}"
        if key in seen:
            yield _finding("ARITH-23", where, "this category and rate stand twice")
        seen.add(key)
        basis = _figure(tax, "ram:BasisAmount")
        amount = _figure(tax, "ram:CalculatedAmount")
        if basis != bases.pop(key, Decimal(0)):
            yield _finding(
                "ARITH-116", where, f"BT-116 {basis} is not the sum of its lines"
            )
        expected = (basis * key[1] / 100).quantize(CENT, rounding=ROUND_HALF_UP)
        if abs(expected - amount) > tolerance:
            yield _finding(
                "ARITH-117",
                where,
                f"BT-116 {basis} x {key[1]} % is {expected}, BT-117 says {amount}",
            )
    for key, basis in bases.items():
        if basis:
            yield _finding(
                "ARITH-23", f"VAT {key[0]} {key[1]}", "lines without VAT breakdown"
            )


def _check_totals(root):
    def total(name, default=Decimal(0)):
        return _figure(root, _relative(f"{SUMMATION}/ram:{name}"), default)

    currency = root.findtext(_relative(f"{SETTLEMENT}/ram:InvoiceCurrencyCode"), "", NS)
    lines = sum(
        (
            _figure(
                line,
                "ram:SpecifiedLineTradeSettlement/"
                "ram:SpecifiedTradeSettlementLineMonetarySummation/"
                "ram:LineTotalAmount",
            )
            for line in root.iterfind(_relative(LINES), NS)
        ),
        Decimal(0),
    )
    taxes = sum(
        (
            _figure(tax, "ram:CalculatedAmount")
            for tax in root.iterfind(
                _relative(f"{SETTLEMENT}/ram:ApplicableTradeTax"), NS
            )
        ),
        Decimal(0),
    )
    tax_total = Decimal(0)
    for node in root.iterfind(_relative(f"{SUMMATION}/ram:TaxTotalAmount"), NS):
        if node.get("currencyID") == currency:
            tax_total = Decimal(node.text)
    untaxed = total("TaxBasisTotalAmount")
    grand = total("GrandTotalAmount")
    for rule, what, expected, found in (
        ("ARITH-106", "BT-106 sum of lines", lines, total("LineTotalAmount")),
        (
            "ARITH-109",
            "BT-109 total without VAT",
            total("LineTotalAmount")
            - total("AllowanceTotalAmount")
            + total("ChargeTotalAmount"),
            untaxed,
        ),
        ("ARITH-110", "BT-110 total VAT", taxes, tax_total),
        ("ARITH-112", "BT-112 total with VAT", untaxed + tax_total, grand),
        (
            "ARITH-115",
            "BT-115 amount due",
            grand - total("TotalPrepaidAmount") + total("RoundingAmount"),
            total("DuePayableAmount"),
        ),
    ):
        if expected != found:
            yield _finding(
                rule, "totals", f"{what}: {expected} expected, {found} found"
            )


def _allowances(line, prefix):
    result = Decimal(0)
    for node in line.iterfind(f"{prefix}ram:SpecifiedTradeAllowanceCharge", NS):
        is_charge = node.findtext("ram:ChargeIndicator/udt:Indicator", "", NS) == "true"
        amount = _figure(node, "ram:ActualAmount")
        result += amount if is_charge else -amount
    return result


def _tax_key(node, prefix):
    return (
        node.findtext(f"{prefix}ram:CategoryCode", "", NS),
        _figure(node, f"{prefix}ram:RateApplicablePercent", Decimal(0)),
    )


def _figure(node, path, default=None):
    text = node.findtext(path, None, NS)
    if text is None:
        if default is None:
            raise InvalidOperation
        return default
    return Decimal(text.strip())


def _relative(path):
    return path.replace("/rsm:CrossIndustryInvoice/", "")


def _finding(rule, location, message):
    return Finding(
        rule=rule,
        severity=FATAL,
        location=location,
        message=message,
        source="arithmetic",
    )
