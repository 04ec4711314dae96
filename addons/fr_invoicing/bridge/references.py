# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Earlier documents and orders the document refers to."""

from ..einvoice.document import Reference


def references(move):
    """Give the earlier invoices a document corrects (BG-3).

    :rtype: tuple[Reference]
    """
    if origins := move._fr_get_corrected_moves():
        return tuple(Reference(origin.name, origin.invoice_date) for origin in origins)
    if move.fr_origin_number:
        return (Reference(move.fr_origin_number, move.fr_origin_date or None),)
    return ()


def order_reference(move):
    """Give the customer's order number (BT-13), "" on credit notes."""
    if move.move_type != "out_invoice":
        return ""
    return (move.ref or "").strip()
