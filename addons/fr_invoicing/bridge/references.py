# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Earlier documents, orders and contracts the document refers to."""

from ..einvoice.document import Prepayment, Reference
from .kinds import deposits, is_self_billed
from .lines import exact, optional


def references(move):
    """Give the earlier invoices a document corrects, replaces or settles (BG-3).

    :rtype: tuple[Reference]
    """
    if origins := move._fr_get_corrected_moves():
        return tuple(map(reference, origins))
    if move.fr_origin_number:
        return (Reference(move.fr_origin_number, move.fr_origin_date or None),)
    return tuple(map(reference, deposits(move)))


def reference(move):
    """Give the reference to a posted invoice.

    :rtype: Reference
    """
    return Reference(move.name, move.invoice_date, move.fr_type_code or "")


def prepayments(move):
    """Give the deposit invoices a final invoice deducts by negative lines.

    :rtype: tuple[Prepayment]
    """
    return tuple(
        Prepayment(
            reference(deposit),
            untaxed=exact(deposit.amount_untaxed),
            tax=exact(deposit.amount_tax),
        )
        for deposit in deposits(move)
    )


def order_reference(move):
    """Give the customer's order number (BT-13), "" on credit notes.

    For a French public buyer it is the commitment number (numéro d'engagement).
    """
    if move.move_type != "out_invoice":
        return ""
    return (optional(move, "purchase_order_reference") or move.ref or "").strip()


def buyer_reference(move):
    """Give BT-10: for a French public buyer its service code."""
    if is_self_billed(move):
        return ""
    return (
        move.fr_buyer_reference
        or optional(move, "buyer_reference")
        or move.partner_id.fr_service_code
        or move.commercial_partner_id.fr_service_code
        or ""
    ).strip()


def contract_reference(move):
    """Give BT-12: for a French public buyer the market number."""
    return (
        move.fr_contract_reference or optional(move, "contract_reference") or ""
    ).strip()


def sales_order(move):
    """Give our own order number (BT-14) when the document settles one order."""
    sale_lines = optional(move.invoice_line_ids, "sale_line_ids")
    names = set(sale_lines.order_id.mapped("name")) if sale_lines else set()
    return names.pop() if len(names) == 1 else ""
