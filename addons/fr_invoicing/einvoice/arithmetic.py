# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Own arithmetic check of a finished CII or UBL file, independent of what wrote it.

Stricter than the official rules: the CEN and Factur-X Schematrons do not multiply
quantity by price, and tolerate a euro of difference on the VAT amount.
"""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from lxml import etree

from . import figures
from .figures import NS
from .findings import FATAL, Finding

CENT = Decimal("0.01")
# ISO 4217: currencies without decimals, rounded to the whole
WHOLE = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)

__all__ = ["NS", "check"]


def check(xml):
    """Recompute every figure of the file from the figures it depends on.

    :param bytes xml: CII or UBL document
    :return: findings, empty when everything adds up
    :rtype: list[Finding]
    """
    try:
        root = etree.fromstring(
            xml, etree.XMLParser(resolve_entities=False, huge_tree=True)
        )
    except etree.XMLSyntaxError as error:
        return [_finding("ARITH-00", "", f"not well-formed XML: {error}")]
    try:
        found = figures.read(root)
    except InvalidOperation:
        return [_finding("ARITH-00", "", "a figure is missing or is not a number")]
    return [*_check_lines(found), *_check_taxes(found), *_check_totals(found)]


def _unit(found):
    return Decimal(1) if found.currency in WHOLE else CENT


def _check_lines(found):
    unit = _unit(found)
    for line in found.lines:
        where = f"line {line.name}"
        if not line.base:
            yield _finding("ARITH-131", where, "BT-149 is zero")
            continue
        gross = line.quantity * line.price / line.base
        expected = gross.quantize(unit, rounding=ROUND_HALF_UP) + line.adjustments
        if expected != line.amount:
            yield _finding(
                "ARITH-131",
                where,
                f"BT-129 {line.quantity} x BT-146 {line.price} / BT-149 {line.base} "
                f"and allowances give {expected}, BT-131 says {line.amount}",
            )


def _check_taxes(found):
    bases = defaultdict(Decimal)
    for line in found.lines:
        bases[line.key] += line.amount
    for key, amount in found.allowances:
        bases[key] += amount
    # per-line rounding of TVA is allowed: half a cent per line
    unit = _unit(found)
    count = len(found.lines) + len(found.allowances)
    tolerance = unit * max(1, (count + 1) // 2)
    seen = set()
    for key, basis, amount in found.taxes:
        where = f"VAT {key[0]} {key[1]}"
        if key in seen:
            yield _finding("ARITH-23", where, "this category and rate stand twice")
        seen.add(key)
        if basis != bases.pop(key, Decimal(0)):
            yield _finding(
                "ARITH-116",
                where,
                f"BT-116 {basis} is not the sum of its lines, allowances and charges",
            )
        expected = (basis * key[1] / 100).quantize(unit, rounding=ROUND_HALF_UP)
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


def _check_totals(found):
    totals = found.totals
    signed = [amount for _key, amount in found.allowances]
    for rule, what, expected, term in (
        ("ARITH-106", "sum of lines", sum(line.amount for line in found.lines), 106),
        ("ARITH-107", "sum of allowances", -sum(a for a in signed if a < 0), 107),
        ("ARITH-108", "sum of charges", sum(a for a in signed if a > 0), 108),
        (
            "ARITH-109",
            "total without VAT",
            totals["BT-106"] - totals["BT-107"] + totals["BT-108"],
            109,
        ),
        ("ARITH-110", "total VAT", sum(amount for *_key, amount in found.taxes), 110),
        ("ARITH-112", "total with VAT", totals["BT-109"] + totals["BT-110"], 112),
        (
            "ARITH-115",
            "amount due",
            totals["BT-112"] - totals["BT-113"] + totals["BT-114"],
            115,
        ),
    ):
        value = totals[f"BT-{term}"]
        if expected != value:
            yield _finding(
                rule,
                "totals",
                f"BT-{term} {what}: {expected} expected, {value} found",
            )


def _finding(rule, location, message):
    return Finding(
        rule=rule,
        severity=FATAL,
        location=location,
        message=message,
        source="arithmetic",
    )
