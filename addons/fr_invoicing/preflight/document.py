# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Number, dates, references, currency and bank of a document."""

import re

from ..bridge import needs_origin, product_lines, references
from ..messages import fatal, warning

NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")  # BR-FR-01, BR-FR-02


def check_document(move):
    """Say what number, dates, references, currency and bank lack.

    :param move: account.move record of a French company
    :rtype: list[Finding]
    """
    findings = []
    number = move.name or ""
    if move.state == "posted" and not NUMBER.fullmatch(number):
        findings.append(fatal(move, "number_format", fix=(move, "name"), number=number))
    if not product_lines(move):
        findings.append(
            fatal(
                move,
                "document_without_line",
                fix=(move, "invoice_line_ids"),
                number=move.display_name,
            )
        )
    if needs_origin(move) and not references(move):
        findings.append(
            fatal(
                move,
                "origin_missing",
                fix=(move, "fr_origin_move_id"),
                number=move.display_name,
            )
        )
    return findings + _check_dates(move) + _check_money(move)


def _check_dates(move):
    due, issue = move.invoice_date_due, move.invoice_date
    if not (due and issue) or due >= issue or move.fr_document_kind == "deposit":
        return []
    return [
        fatal(
            move,
            "due_before_issue",
            fix=(move, "invoice_date_due"),
            number=move.display_name,
            due=due,
            issue=issue,
        )
    ]


def _check_money(move):
    findings = []
    if move.currency_id.name != "EUR" and move.company_id.currency_id.name != "EUR":
        findings.append(
            fatal(
                move,
                "currency_rate",
                fix=(move.company_id, "currency_id"),
                currency=move.company_id.currency_id.name,
            )
        )
    if move.currency_id.decimal_places > 2:
        findings.append(
            fatal(
                move,
                "currency_decimals",
                fix=(move, "currency_id"),
                value=move.currency_id.name,
            )
        )
    bank = move.partner_bank_id
    if bank and move.move_type == "out_invoice" and bank.acc_type != "iban":
        findings.append(
            warning(move, "iban", fix=(bank, "acc_number"), account=bank.acc_number)
        )
    return findings
