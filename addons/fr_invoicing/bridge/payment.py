# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How the document is to be paid, or was."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..einvoice.document import Payment, round_half_up
from .kinds import factor, is_credit
from .lines import exact, optional

# UNTDID 4461
CASH, CHEQUE, TRANSFER, CARD, DIRECT_DEBIT = "10", "20", "30", "48", "49"
SEPA_TRANSFER, SEPA_DIRECT_DEBIT = "58", "59"

CLAIMS = ("asset_receivable", "liability_payable")


@dataclass(frozen=True)
class Paid:
    """What was paid of an invoice up to its date.

    amount: with VAT, in invoice currency; day: of the last payment, None when nothing
    was paid; journal: where it arrived (account.journal record, maybe empty)
    """

    amount: Decimal
    day: date | None
    journal: object


def paid_at_issue(move):
    """Give what was paid of an invoice on its date or before.

    Payments reconciled later do not change what the document says: it tells the state
    on its date. Credit notes and other invoices set off are no payments.

    :rtype: Paid
    """
    issue = move.invoice_date or move.date
    nothing = Paid(Decimal(0), None, move.journal_id.browse())
    if is_credit(move) or move.state != "posted" or not issue:
        return nothing
    total, days, journal = Decimal(0), [], nothing.journal
    for claim in move.line_ids.filtered(
        lambda line: line.account_id.account_type in CLAIMS
    ):
        pairs = [
            (part, part.credit_move_id, part.debit_amount_currency)
            for part in claim.matched_credit_ids
        ] + [
            (part, part.debit_move_id, part.credit_amount_currency)
            for part in claim.matched_debit_ids
        ]
        for _part, counterpart, amount in pairs:
            other = counterpart.move_id
            if other.is_invoice(include_receipts=True) or counterpart.date > issue:
                continue
            total += exact(amount)
            days.append(counterpart.date)
            journal = other.journal_id
    if not total:
        return nothing
    return Paid(
        round_half_up(total, move.currency_id.decimal_places), max(days), journal
    )


def is_paid_at_issue(move):
    """Say whether the whole invoice was paid on its date or before (frame 2)."""
    paid = paid_at_issue(move)
    return bool(paid.amount) and paid.amount == exact(move.amount_total)


def instalments(move):
    """Give day and amount of each part of an invoice to be paid in several.

    :rtype: tuple[tuple[date, Decimal]]
    """
    if is_credit(move):
        return ()
    parts = move.line_ids.filtered(
        lambda line: line.display_type == "payment_term" and line.date_maturity
    )
    if len(parts) < 2:
        return ()
    places = move.currency_id.decimal_places
    return tuple(
        (part.date_maturity, round_half_up(abs(exact(part.amount_currency)), places))
        for part in parts.sorted("date_maturity")
    )


def payment(move, paid=None):
    """Give how to pay (BG-16), or how it was paid; credit notes have none.

    :param Paid paid: what was paid at issue, read again when not given
    :rtype: Payment | None
    """
    if is_credit(move):
        return None
    paid = paid or paid_at_issue(move)
    if paid.amount and paid.amount == exact(move.amount_total):
        return _past_payment(move, paid)
    return _direct_debit(move) or _transfer(move)


def _past_payment(move, paid):
    codes = {"cash": CASH, "credit": CARD}
    code = codes.get(paid.journal.type)
    if code:
        return Payment(means_code=code)
    return _direct_debit(move) or _transfer(move)


def _transfer(move):
    bank = move.partner_bank_id
    if not bank:
        return None
    account = (bank.sanitized_acc_number or "").upper()
    return Payment(
        means_code=SEPA_TRANSFER if bank.acc_type == "iban" else TRANSFER,
        account=account,
        account_name=bank.acc_holder_name or bank.partner_id.name or "",
        bic=bank.bank_bic or "",
    )


def _direct_debit(move):
    """Give the direct debit under the customer's mandate (BG-19), or None.

    The mandate is the one of the invoice where an add-on for mandates is installed
    (field mandate_id of the OCA banking add-ons), else the customer's own fields.
    A factored claim is not debited by the seller.
    """
    if move.move_type != "out_invoice" or factor(move):
        return None
    customer = move.commercial_partner_id
    mandate = optional(move, "mandate_id")
    if mandate:
        reference = optional(mandate, "unique_mandate_reference") or mandate.name
        account = optional(mandate, "partner_bank_id")
    else:
        reference = customer.fr_mandate_reference
        account = customer.fr_mandate_bank_id or customer.bank_ids[:1]
    if not reference:
        return None
    company = move.company_id._fr_get_legal()
    creditor = company.fr_creditor_identifier or optional(
        company, "sepa_creditor_identifier"
    )
    is_sepa = move.currency_id.name == "EUR" and (
        not account or account.acc_type == "iban"
    )
    return Payment(
        means_code=SEPA_DIRECT_DEBIT if is_sepa else DIRECT_DEBIT,
        mandate=reference,
        creditor_id=creditor or "",
        debited_account=(account.sanitized_acc_number or "") if account else "",
    )
