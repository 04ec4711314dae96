# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Adds up an invoice and compares it with the ledger, on its own.

Every difference of a cent is a problem. The VAT of a rate is rounded once for each tax
entry of the ledger it comes from, half a cent each, on the amount without VAT or, where
the price includes it, on the amount with it.
"""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)


def cents(value, places=2):
    """Round half up."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def signed(change):
    """Give what an allowance (-) or charge (+) adds."""
    return change.amount if change.is_charge else -change.amount


def check(invoice, places=2, roundings=None):
    """Say what does not add up inside the XML.

    :param Cii invoice: the document
    :param int places: decimals of its currency
    :param dict roundings: rate -> how often its VAT was rounded, once by default
    :rtype: list[str]
    """
    return [
        *_lines(invoice, places),
        *_taxes(invoice, places, roundings or {}),
        *_totals(invoice),
    ]


def _lines(invoice, places):
    keys = set()
    for line in invoice.lines():
        if line.key in keys:
            yield f"line {line.key} stands twice"
        keys.add(line.key)
        gross = cents(line.quantity * line.price / line.base, places)
        expected = gross + sum(map(signed, line.changes))
        if expected != line.net:
            yield (
                f"line {line.key}: {line.quantity} x {line.price} / {line.base} "
                f"{[signed(change) for change in line.changes]} = {expected}, "
                f"BT-131 {line.net}"
            )
        for change in line.changes:
            yield from _percent(f"line {line.key}", change, places)


def _percent(where, change, places):
    if change.amount < 0:
        yield f"{where}: negative allowance or charge {change.amount}"
    if change.percent is not None and change.base is None:
        yield f"{where}: a percentage of nothing"
    elif change.percent is not None:
        # the percentage has two decimals in the XML, the ledger's more
        step = abs(change.base) * Decimal("0.00005") + Decimal(1).scaleb(-places)
        if abs(change.base * change.percent / 100 - change.amount) > step:
            yield f"{where}: {change.percent} % of {change.base} is not {change.amount}"


def _taxes(invoice, places, roundings):
    bases = defaultdict(Decimal)
    for line in invoice.lines():
        bases[line.category, line.rate or ZERO] += line.net
    for change in invoice.changes():
        bases[change.category, change.rate or ZERO] += signed(change)
        yield from _percent("document", change, places)
    for tax in invoice.taxes():
        key = tax.category, tax.rate or ZERO
        if key not in bases:
            yield f"VAT {key} stands twice or for no line"
            continue
        basis = bases.pop(key)
        if tax.basis != basis:
            yield f"VAT {key}: BT-116 {tax.basis}, lines give {basis}"
        half = Decimal(1).scaleb(-places) / 2 * roundings.get(key[1], 1)
        from_basis = basis * key[1] / 100
        from_gross = (basis + tax.amount) * key[1] / (100 + key[1])
        if all(abs(found - tax.amount) > half for found in (from_basis, from_gross)):
            yield f"VAT {key}: BT-117 {tax.amount}, {from_basis} expected"
    for key in bases:
        yield f"VAT {key}: no breakdown"


def _totals(invoice):
    lines = sum((line.net for line in invoice.lines()), ZERO)
    allowances = sum((c.amount for c in invoice.changes() if not c.is_charge), ZERO)
    charges = sum((c.amount for c in invoice.changes() if c.is_charge), ZERO)
    taxes = sum((tax.amount for tax in invoice.taxes()), ZERO)
    vat = invoice.tax_total(invoice.one("BT-5")) or ZERO
    money = invoice.money
    for term, expected in (
        ("BT-106", lines),
        ("BT-107", allowances),
        ("BT-108", charges),
        ("BT-109", lines - allowances + charges),
        ("BT-112", money("BT-109") + vat),
        ("BT-115", money("BT-112") - money("BT-113") + money("BT-114")),
    ):
        if money(term) != expected:
            yield f"{term}: {money(term)}, {expected} expected"
    if vat != taxes:
        yield f"BT-110: {vat}, breakdown gives {taxes}"


def roundings(move):
    """Count how often the VAT of each rate was rounded in the ledger.

    :rtype: dict[Decimal, int]
    """
    counts = defaultdict(int)
    by_line = move.company_id.tax_calculation_rounding_method == "round_per_line"
    for line in move.line_ids:
        if by_line and line.display_type == "product":
            for tax in line.tax_ids:
                counts[cents(Decimal(str(tax.amount)))] += 1
        elif not by_line and line.tax_line_id:
            counts[cents(Decimal(str(line.tax_line_id.amount)))] += 1
    return dict(counts)


def check_ledger(invoice, move):
    """Say where XML and ledger differ.

    :param Cii invoice: the document
    :param move: the posted account.move
    :rtype: list[str]
    """
    problems = []
    sign = -1 if move.move_type in ("out_invoice", "in_refund") else 1
    places = move.currency_id.decimal_places

    def total(lines, name="amount_currency"):
        found = sum((Decimal(str(line[name])) for line in lines), ZERO)
        return cents(sign * found, places if name == "amount_currency" else 2)

    def compare(term, found, expected):
        if found != expected:
            problems.append(f"{term} {found}, the ledger has {expected}")

    lines = move.line_ids
    # an amount for each piece (eco-contribution) is part of the price, not of the VAT
    taxes = lines.filtered(
        lambda line: line.tax_line_id and line.tax_line_id.amount_type != "fixed"
    )
    rounding = lines.filtered(
        lambda line: line.display_type == "rounding" and not line.tax_line_id
    )
    due = lines.filtered(lambda line: line.display_type == "payment_term")
    rest = lines - taxes - rounding - due
    compare("BT-109", invoice.money("BT-109"), total(rest))
    currency = invoice.one("BT-5")
    compare("BT-5", currency, move.currency_id.name)
    compare("BT-110", invoice.tax_total(currency) or ZERO, total(taxes))
    compare("BT-114", invoice.money("BT-114"), total(rounding))
    owed = -total(due)
    compare("BT-112 + BT-114", invoice.money("BT-112") + invoice.money("BT-114"), owed)
    if currency != "EUR":
        compare("BT-111", invoice.tax_total("EUR"), total(taxes, "balance"))
    by_rate = defaultdict(Decimal)
    for line in taxes:
        by_rate[cents(Decimal(str(line.tax_line_id.amount)))] += total(line)
    found = defaultdict(Decimal)
    for tax in invoice.taxes():
        if tax.amount:
            found[cents(tax.rate)] += tax.amount
    compare(
        "BT-117 by rate", dict(found), {rate: v for rate, v in by_rate.items() if v}
    )
    return problems
