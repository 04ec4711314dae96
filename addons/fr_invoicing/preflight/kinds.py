# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the kind of a document calls for and the invoice does not say.

The rules named are those of XP Z12-012 (BR-FR-CO).
"""

from .. import bridge
from ..einvoice import identifiers, kinds
from ..messages import fatal, warning

EPD = "epd"


def check_kind(move):
    """Say what a document of this kind lacks.

    :param move: account.move record of a French company
    :rtype: list[Finding]
    """
    findings = []
    kind = move.fr_document_kind
    number = move.name or move.display_name
    found = bridge.references(move)
    if kind == kinds.CORRECTIVE and len(found) != 1:
        findings.append(
            fatal(
                move,
                "corrective_origin",
                fix=(move, "fr_origin_move_id"),
                number=number,
            )
        )  # CO-04
    elif any(not reference.issue_date for reference in found):
        findings.append(
            fatal(move, "origin_date", fix=(move, "fr_origin_date"), number=number)
        )  # CO-04, CO-05
    if kind == kinds.CORRECTIVE and _has_credit_note(move):
        findings.append(
            warning(
                move,
                "corrective_after_credit_note",
                fix=(move, "fr_document_kind"),
                number=number,
            )
        )
    if kind == kinds.REBATE:
        findings += _check_rebate(move, number)
    if kind == kinds.FINAL and not found:
        findings.append(
            warning(
                move,
                "deposits_unknown",
                fix=(move, "fr_deposit_move_ids"),
                number=number,
            )
        )
    if move.line_ids.filtered(lambda line: line.display_type == EPD):
        findings.append(
            fatal(
                move,
                "mixed_discount",
                fix=(move.invoice_payment_term_id, "early_pay_discount_computation"),
                number=number,
            )
        )
    if bridge.is_self_billed(move) and not move.fr_billing_mandate_id:
        supplier = move.commercial_partner_id
        findings.append(
            warning(
                move,
                "mandate_missing",
                fix=(supplier, "fr_billing_mandate_ids"),
                number=number,
                partner=supplier.display_name,
            )
        )  # CGI art. 289 I-2
    findings += _check_total(move, number)
    findings += _check_factor(move)
    findings += _check_public_buyer(move)
    return findings


def _has_credit_note(move):
    """Say whether a credit note was issued for what the corrective replaces."""
    reversals = move._fr_get_corrected_moves().reversal_move_ids
    return any(
        bridge.is_credit(other)
        and other.state == "posted"
        and not other.fr_cancels_for_id
        for other in reversals
    )


def _check_rebate(move, number):
    if not bridge.is_credit(move):
        return [
            fatal(
                move, "rebate_direction", fix=(move, "fr_document_kind"), number=number
            )
        ]
    lines = bridge.product_lines(move)
    periods = [period for period in map(bridge.line_period, lines) if period]
    starts = [period.start for period in periods if period.start]
    ends = [period.end for period in periods if period.end]
    has_period = (move.fr_period_start or starts) and (move.fr_period_end or ends)
    if not (bridge.contract_reference(move) and has_period):
        return [
            fatal(
                move,
                "rebate_incomplete",
                fix=(move, "fr_contract_reference"),
                number=number,
            )
        ]  # CO-03
    return []


def _check_total(move, number):
    """A document in reverse is a credit note, not a negative invoice (CGI 289 I-5)."""
    if move.amount_total < 0:
        code = "negative_credit" if bridge.is_credit(move) else "negative_total"
        return [fatal(move, code, fix=(move, "invoice_line_ids"), number=number)]
    return []


def _check_factor(move):
    factor = bridge.factor(move)
    if not factor:
        return []
    findings = []
    if not identifiers.is_siren(factor.fr_siren or "") and factor.fr_is_french:
        findings.append(
            warning(
                move,
                "factor_siren",
                fix=(factor, "fr_siren"),
                partner=factor.display_name,
            )
        )
    bank_owner = move.partner_bank_id.partner_id.commercial_partner_id
    if move.move_type == "out_invoice" and bank_owner != factor.commercial_partner_id:
        findings.append(
            fatal(
                move,
                "factor_account",
                fix=(move, "partner_bank_id"),
                partner=factor.display_name,
            )
        )
    return findings


def _check_public_buyer(move):
    buyer = bridge.buyer_partner(move).commercial_partner_id
    if not buyer.fr_is_public_buyer or not buyer.fr_is_french:
        return []
    if not buyer.fr_siret:
        return [
            fatal(
                move,
                "public_buyer_siret",
                fix=(buyer, "fr_siret"),
                partner=buyer.display_name,
            )
        ]
    return []
