# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Text of the EPC QR code, which fills in a SEPA credit transfer in a banking app.

Source: European Payments Council EPC069-12 version 2.1 (service tag BCD, version 002,
at most 331 bytes, QR of at most version 13 with error correction M).
"""

import re
from decimal import Decimal

MAX_BYTES = 331
NAME_LENGTH = 70
REMITTANCE_LENGTH = 140
LEAST, MOST = Decimal("0.01"), Decimal("999999999.99")
# ISO 11649 creditor reference: its own line, so that it is checked by the bank
CREDITOR_REFERENCE = re.compile(r"RF\d{2}[0-9A-Z]{1,21}")


def payload(document):
    """Give the text of the code, or "" where none can be made.

    A code is made for what is due in euros to an account with an IBAN: not for credit
    notes, direct debits, other currencies, nothing due, nor for self-billed invoices,
    whose payer is the one who prints them.

    :param Document document: the invoice
    :rtype: str
    """
    payment = document.payment
    if (
        document.is_credit
        or document.is_self_billed
        or document.currency != "EUR"
        or not payment
        or payment.is_direct_debit
        or not _is_iban(payment.account)
        or not LEAST <= document.due_total <= MOST
    ):
        return ""
    name = payment.account_name or document.seller.name
    remittance = _one_line(document.remittance or document.number, REMITTANCE_LENGTH)
    compact = remittance.replace(" ", "")
    structured = compact if CREDITOR_REFERENCE.fullmatch(compact) else ""
    text = "\n".join(
        (
            "BCD",
            "002",
            "1",  # UTF-8
            "SCT",
            payment.bic,
            _one_line(name, NAME_LENGTH),
            payment.account,
            f"EUR{document.due_total:.2f}",
            "",  # purpose
            structured,
            "" if structured else remittance,
        )
    ).rstrip("\n")
    return text if len(text.encode()) <= MAX_BYTES else ""


def _is_iban(account):
    """Check the key of an IBAN (ISO 7064 modulo 97)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", account or ""):
        return False
    digits = "".join(str(int(sign, 36)) for sign in account[4:] + account[:4])
    return int(digits) % 97 == 1


def _one_line(text, length):
    return " ".join(text.split())[:length].strip()
