# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How the document is to be paid, or was."""

from ..einvoice.document import Payment


def payment(move):
    """Give how to pay (BG-16); credit notes have none.

    :rtype: Payment | None
    """
    bank = move.partner_bank_id
    if move.move_type != "out_invoice" or not bank:
        return None
    account = (bank.sanitized_acc_number or "").upper()
    return Payment(
        means_code="58" if bank.acc_type == "iban" else "30",
        account=account,
        account_name=bank.acc_holder_name or bank.partner_id.name or "",
        bic=bank.bank_bic or "",
    )
