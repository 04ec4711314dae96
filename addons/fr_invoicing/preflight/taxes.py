# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The TVA of the lines: one known rate or one known reason per line.

Also whether the reason fits the customer's place and the seller's regime.
"""

from ..bridge import billed_lines, exact, line_label, line_tax, line_taxes, nature
from ..einvoice import identifiers, mentions, tva
from ..einvoice.territory import FRANCE
from ..messages import fatal, warning

CONSUMERS = (mentions.CONSUMER, mentions.FOREIGN_CONSUMER)
UNKNOWN = "unknown"


def check_tax(tax, day):
    """Say what keeps a sale tax from standing on a French invoice.

    :param tax: account.tax record
    :param date day: date of the document
    :rtype: list[Finding]
    """
    if tax.amount_type == "fixed":
        return []  # part of the price, see check_lines
    if tax.amount_type != "percent":
        return [fatal(tax, "tax_kind", fix=(tax, "amount_type"), tax=tax.name)]
    if tax.amount and not tva.is_rate_in_force(exact(tax.amount), day):
        return [
            fatal(
                tax,
                "rate_unknown",
                fix=(tax, "amount"),
                rate=f"{exact(tax.amount).normalize():f}",
                tax=tax.name,
                date=day,
            )
        ]
    return []


def check_lines(move):
    """Say what the taxes of the lines of an invoice lack.

    :param move: account.move record of a French company
    :rtype: list[Finding]
    """
    lines = billed_lines(move)
    memo = {}
    found = {line: line_tax(line, memo) for line in lines}
    findings = [finding for line in lines for finding in _check_line(move, line)]
    if any(tax.scope == tva.SCOPE_FOREIGN for tax in found.values()):
        return findings + _check_foreign(move, found)
    day = move.invoice_date or move.date
    for tax in lines.tax_ids.flatten_taxes_hierarchy():
        findings += check_tax(tax, day)
    seen = {}
    for line, tax in found.items():
        seen.setdefault((tax.tax, tax.regime), line)
    for (_tax, regime), line in seen.items():
        findings += _check_regime(move, line, found[line], regime)
    findings += _check_mix(move, found)
    return findings + _check_buyer_vat(move, found)


def _check_line(move, line):
    taxes, fixed = line_taxes(line)
    label = line_label(line)
    company = move.company_id._fr_get_legal()
    if not taxes and not company.fr_vat_franchise and company._fr_charges_vat():
        return [
            fatal(
                move,
                "line_tax",
                fix=(move, "invoice_line_ids"),
                line=label,
            )
        ]
    if len(taxes) > 1:
        names = ", ".join(taxes.mapped("name"))
        return [
            fatal(
                move,
                "line_taxes",
                fix=(move, "invoice_line_ids"),
                line=label,
                taxes=names,
            )
        ]
    # an eco-contribution is part of the price: TVA is due on it (CGI 266, 267 I)
    outside = fixed.filtered(lambda tax: not tax.include_base_amount)
    if taxes and outside and line_tax(line).category == "S":
        return [
            fatal(
                move,
                "fixed_tax_outside",
                fix=(outside[0], "include_base_amount"),
                line=label,
                tax=outside[0].name,
            )
        ]
    return []


def _check_foreign(move, found):
    """Sales under the VAT of another state stand on a document of their own."""
    if all(tax.scope == tva.SCOPE_FOREIGN for tax in found.values()):
        return []
    return [fatal(move, "oss_mixed", fix=(move, "invoice_line_ids"))]


def _check_regime(move, line, tax, regime):
    """Say whether a regime fits customer, place and seller."""
    buyer = move.commercial_partner_id
    company = move.company_id._fr_get_legal()
    label = line_label(line)
    facts = {"line": label, "tax": tax.tax.name or "", "partner": buyer.display_name}
    fix = (tax.tax, "fr_tax_profile_id") if tax.tax else (move, "invoice_line_ids")
    if regime == UNKNOWN:
        return [fatal(move, "tax_unknown", fix=fix, **facts)]
    if tax.category not in tva.CATEGORIES:
        return [
            fatal(move, "category_unknown", fix=fix, category=tax.category, **facts)
        ]
    findings = []
    if misplaced := _misplaced(move, regime):
        findings.append(fatal(move, misplaced, fix=(move, "invoice_line_ids"), **facts))
    if regime == "exempt":
        findings.append(warning(move, "exempt_article", fix=fix, **facts))
    if tax.category == "S" and company.fr_vat_franchise:
        findings.append(
            fatal(
                move,
                "franchise_charges",
                fix=(company, "fr_vat_franchise"),
                company=company.name,
                **facts,
            )
        )
    if regime == "franchise" and tax.tax and not company.fr_vat_franchise:
        findings.append(
            warning(
                move,
                "franchise_setting",
                fix=(company, "fr_vat_franchise"),
                company=company.name,
                **facts,
            )
        )
    return findings + _check_exigibility(move, line, tax, facts)


def _misplaced(move, regime):
    """Give the code of the finding when a regime does not fit the place, else ""."""
    buyer = move.commercial_partner_id
    place = move.partner_shipping_id or move.partner_id
    kind = buyer._fr_get_buyer_kind()
    home, there = buyer._fr_get_territory(), place._fr_get_territory()
    if regime == "intra_goods":
        return "" if _is_union(place) and not there else "intra_goods_place"
    if regime == "intra_services":
        return "" if _is_union(buyer) and not home else "intra_services_place"
    if regime == "export_goods":
        if there and there.vat_area == FRANCE or _is_union(place) and not there:
            return "export_goods_place"
    if regime == "export_services" and (_is_union(buyer) or home):
        if not home or home.vat_area == FRANCE:
            return "export_services_place"
    if regime.startswith(("reverse_", "domestic_")) and kind in CONSUMERS:
        return "reverse_consumer"
    return ""


def _is_union(partner):
    return partner._fr_is_in_european_union() if partner.country_id else False


def _check_exigibility(move, line, tax, facts):
    """Warn when tax and option for debits say different things about services."""
    if tax.category != "S" or nature(move) != tva.SERVICES:
        return []
    on_payment = tax.tax.tax_exigibility == "on_payment"
    option = move.company_id._fr_get_legal().fr_vat_on_debits
    if on_payment != option:
        return []
    code = "debits_tax_on_payment" if option else "services_tax_on_invoice"
    fix = (move.company_id, "fr_vat_on_debits")
    return [warning(move, code, fix=fix, **facts)]


def _check_mix(move, found):
    """EN 16931 BR-O-11 to 14: outside the scope stands alone on a document."""
    categories = {tax.category for tax in found.values()}
    if "O" not in categories or len(categories) == 1:
        return []
    line = next(line for line, tax in found.items() if tax.category == "O")
    return [
        fatal(
            move,
            "out_of_scope_mixed",
            fix=(move, "invoice_line_ids"),
            line=line_label(line),
        )
    ]


def _check_buyer_vat(move, found):
    buyer = move.commercial_partner_id
    categories = {tax.category for tax in found.values()}
    if identifiers.clean(buyer.vat) or not categories & {"K", "AE"}:
        return []
    # a reverse charge inside France may name the SIREN instead (EN 16931 BR-AE-02)
    is_domestic = "K" not in categories and all(
        tax.vatex != "VATEX-EU-AE" for tax in found.values() if tax.category == "AE"
    )
    if is_domestic and buyer.fr_siren:
        return []
    return [fatal(move, "buyer_vat", fix=(buyer, "vat"), partner=buyer.display_name)]
