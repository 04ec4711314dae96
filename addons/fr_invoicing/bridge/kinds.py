# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a move is, read from Odoo's ordinary data.

- self-billed: a vendor bill or refund in a journal ticked "Self Billing";
- deposit: all its lines are down payments (of a sales order, or on the down payment
  account of the company or 4191 of the French chart);
- final: it deducts such lines among others;
- corrective: an invoice whose reversed entry is an invoice;
- factored: its recipient bank account belongs to another company than the seller.
"""

from ..einvoice import kinds
from .lines import billed_lines, exact, optional

# Clients, avances et acomptes reçus sur commandes (plan comptable général)
DEPOSIT_ACCOUNT = "4191"
# Fournisseurs, avances et acomptes versés sur commandes
SUPPLIER_DEPOSIT_ACCOUNT = "4091"


def is_self_billed(move):
    """Say whether we issue the document in the name of a French supplier.

    A supplier abroad invoices under the law of its own country.
    """
    supplier = move.commercial_partner_id
    return (
        move.move_type in ("in_invoice", "in_refund")
        and move.journal_id.is_self_billing
        and (supplier.fr_is_french or not supplier.country_id)
    )


def is_credit(move):
    """Say whether the amounts are owed to the buyer."""
    return move.move_type in ("out_refund", "in_refund")


def needs_origin(move):
    """Say whether the document must name an earlier invoice (BR-FR-CO-05)."""
    return is_credit(move) and move.fr_document_kind != kinds.REBATE


def is_deposit_line(line):
    """Say whether a line bears or deducts a down payment."""
    if optional(line, "is_downpayment"):
        return True
    sale_lines = optional(line, "sale_line_ids")
    if sale_lines and all(sale_lines.mapped("is_downpayment")):
        return True
    account = line.account_id
    if not account:
        return False
    if account == line.company_id.downpayment_account_id:
        return True
    code = account.with_company(line.company_id).code or ""
    return code.startswith((DEPOSIT_ACCOUNT, SUPPLIER_DEPOSIT_ACCOUNT))


def detect(move):
    """Give the kind that the data of a move say.

    :rtype: str
    """
    lines = billed_lines(move)
    deposits = lines.filtered(is_deposit_line)
    if is_credit(move):
        if deposits and deposits == lines:
            return kinds.DEPOSIT
        origins = move._fr_get_corrected_moves()
        if not deposits and origins and _are_deposits(origins):
            return kinds.DEPOSIT
        if not origins and _is_rebate(move):
            return kinds.REBATE
        return kinds.STANDARD
    if deposits:
        sign = move.direction_sign
        if any(sign * exact(line.amount_currency) < 0 for line in deposits):
            return kinds.FINAL
        if deposits == lines:
            return kinds.DEPOSIT
    if move.reversed_entry_id.move_type == move.move_type:
        return kinds.CORRECTIVE
    return kinds.STANDARD


def _are_deposits(moves):
    return all(move.fr_document_kind == kinds.DEPOSIT for move in moves)


def _is_rebate(move):
    """A credit note that names a contract and a period instead of an invoice."""
    return bool(
        not move.fr_origin_number
        and move.fr_period_start
        and move.fr_period_end
        and move.fr_contract_reference
    )


def factor(move):
    """Give the partner the claim was assigned to (BG-10), or an empty record.

    The one chosen on the move, else the owner of the bank account to be paid when it
    is neither party; of a credit note, that of the invoice it corrects.
    """
    if move.fr_factor_id:
        return move.fr_factor_id
    nobody = move.env["res.partner"]
    if is_credit(move):
        origins = move._fr_get_corrected_moves()
        return factor(origins[0]) if origins else nobody
    parties = move.company_id.partner_id | move.commercial_partner_id
    owner = move.partner_bank_id.partner_id.commercial_partner_id
    return owner if owner.is_company and owner not in parties else nobody


def seller_partner(move):
    """Give the commercial partner that sells: the company, or the supplier we bill."""
    if is_self_billed(move):
        return move.commercial_partner_id
    return move.company_id.partner_id


def buyer_partner(move):
    """Give the partner that buys: the customer, or the company when self-billing."""
    if is_self_billed(move):
        return move.company_id.partner_id
    return move.partner_id


def deposits(move):
    """Give the deposit invoices a final invoice deducts.

    Those chosen on the move; those of its sales order lines; else the customer's
    deposit invoices named in the text of the deducting lines, or of the same amount.
    """
    if move.fr_deposit_move_ids or move.fr_document_kind != kinds.FINAL:
        return move.fr_deposit_move_ids
    lines = billed_lines(move).filtered(is_deposit_line)
    sale_lines = optional(lines, "sale_line_ids")
    if sale_lines:
        found = sale_lines.invoice_lines.move_id.filtered(
            lambda other: (
                other != move
                and other.state == "posted"
                and other.move_type == move.move_type
                and other.fr_document_kind == kinds.DEPOSIT
            )
        )
        if found:
            return found.sorted("invoice_date")
    return _matching_deposits(move, lines)


def _matching_deposits(move, lines):
    candidates = move.search(
        [
            ("company_id", "=", move.company_id.id),
            ("commercial_partner_id", "=", move.commercial_partner_id.id),
            ("move_type", "=", move.move_type),
            ("state", "=", "posted"),
            ("currency_id", "=", move.currency_id.id),
            ("id", "!=", move.id or move._origin.id),
            ("invoice_date", "<=", move.invoice_date or move.date),
            ("payment_state", "!=", "reversed"),
        ],
        order="invoice_date, id",
    ).filtered(lambda other: other.fr_document_kind == kinds.DEPOSIT)
    named = candidates.filtered(
        lambda other: any(other.name in (line.name or "") for line in lines)
    )
    if named:
        return named
    sign = move.direction_sign
    amounts = [abs(sign * exact(line.amount_currency)) for line in lines]
    total = sum(amounts)
    if sum(exact(other.amount_untaxed) for other in candidates) == total:
        return candidates
    same = candidates.filtered(lambda o: exact(o.amount_untaxed) in (*amounts, total))
    return same[: len(amounts)]
