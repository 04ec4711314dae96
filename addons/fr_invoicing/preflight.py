# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What is wrong with an invoice before its document is built, in words for people.

The official rules would find most of it too; here the sentence names the field to fill
in. Sources: see einvoice/mentions.py and the BR-FR rules named in einvoice/document.py.
"""

import re

from .bridge import exact, line_label, line_tax, product_lines, references
from .einvoice import identifiers, mentions, tva
from .messages import fatal, warning

NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")  # BR-FR-01, BR-FR-02


def check_identities(move):
    """Say what the parties lack (numbers, country, address).

    :param move: account.move record of a French company
    :rtype: list[Finding]
    """
    findings = []
    company = move.company_id
    seller = company.partner_id
    buyer = move.commercial_partner_id
    if not seller.fr_siren:
        findings.append(fatal(move, "seller_siren", company=company.name))
    if not (seller.city and seller.country_id):
        findings.append(fatal(move, "seller_address", company=company.name))
    if not company.vat and not company.fr_vat_franchise:
        findings.append(fatal(move, "seller_vat", company=company.name))
    if not (move.partner_id.country_id or buyer.country_id):
        findings.append(fatal(move, "buyer_country", partner=buyer.display_name))
    findings += check_buyer_siren(move)
    if not move.partner_id._fr_get_endpoint():
        if company.email:
            findings.append(
                warning(move, "buyer_endpoint_replaced", partner=buyer.display_name)
            )
        else:
            findings.append(fatal(move, "buyer_endpoint", partner=buyer.display_name))
    return findings


def check_buyer_siren(move):
    """Say whether a French business customer lacks its SIREN (decree 2022-1299)."""
    buyer = move.commercial_partner_id
    if buyer._fr_get_buyer_kind() != mentions.BUSINESS or not buyer.fr_is_french:
        return []
    if not buyer.fr_siren:
        return [fatal(move, "buyer_siren", partner=buyer.display_name)]
    if not identifiers.is_siren(buyer.fr_siren):
        return [
            fatal(
                move,
                "buyer_siren_key",
                partner=buyer.display_name,
                value=buyer.fr_siren,
            )
        ]
    return []


def check_content(move):
    """Say what number, dates, references, lines and taxes lack.

    :rtype: list[Finding]
    """
    findings = []
    number = move.name or ""
    if move.state == "posted" and not NUMBER.fullmatch(number):
        findings.append(fatal(move, "number_format", number=number))
    if move.move_type == "out_refund" and not references(move):
        findings.append(fatal(move, "origin_missing", number=number))
    due, issue = move.invoice_date_due, move.invoice_date
    if due and issue and due < issue and move.fr_document_kind != "deposit":
        findings.append(
            fatal(move, "due_before_issue", number=number, due=due, issue=issue)
        )
    if move.currency_id.name != "EUR" and move.company_id.currency_id.name != "EUR":
        findings.append(
            fatal(move, "currency_rate", currency=move.company_id.currency_id.name)
        )
    bank = move.partner_bank_id
    if bank and move.move_type == "out_invoice" and bank.acc_type != "iban":
        findings.append(warning(move, "iban", account=bank.acc_number))
    return findings + _check_taxes(move)


def _check_taxes(move):
    findings = []
    day = move.invoice_date or move.date
    needs_vat = False
    for line in product_lines(move):
        taxes = line.tax_ids.flatten_taxes_hierarchy()
        label = line_label(line)
        if not taxes and not move.company_id.fr_vat_franchise:
            findings.append(fatal(move, "line_tax", line=label))
        elif len(taxes) > 1:
            names = ", ".join(taxes.mapped("name"))
            findings.append(fatal(move, "line_taxes", line=label, taxes=names))
        elif taxes and taxes.amount_type not in ("percent", "division"):
            findings.append(fatal(move, "line_tax_kind", line=label, tax=taxes.name))
        elif (
            taxes
            and taxes.amount
            and not tva.is_rate_in_force(exact(taxes.amount), day)
        ):
            findings.append(
                fatal(
                    move,
                    "rate_unknown",
                    rate=f"{exact(taxes.amount).normalize():f}",
                    tax=taxes.name,
                    date=day,
                )
            )
        if line_tax(line).category in ("K", "AE"):
            needs_vat = True
    buyer = move.commercial_partner_id
    if needs_vat and not buyer.vat:
        findings.append(fatal(move, "buyer_vat", partner=buyer.display_name))
    return findings
