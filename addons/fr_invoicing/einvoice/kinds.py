# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a document is: type code (BT-3) and billing frame (BT-23).

Codes of UNTDID 1001 that a French invoice may bear (XP Z12-012, BR-FR-04), by what the
document does, who issues it (self-billing) and who is to be paid (factor):

    what                     380 family   self-billed   factored   both
    invoice                  380          389           393        501
    deposit                  386          500           386        500
    corrective, replaces     384          471           472        473
    credit note              381          261           396        502
    credit note of deposit   503          261           503        502
    global rebate            262          261           396        502

There is no code of a factored deposit, nor of a self-billed global rebate: the nearest
one is taken.
"""

from .tva import GOODS, MIXED, PROCESS_LETTERS, SERVICES

STANDARD = "standard"
DEPOSIT = "deposit"
FINAL = "final"
CORRECTIVE = "corrective"
REBATE = "rebate"
KINDS = (STANDARD, DEPOSIT, FINAL, CORRECTIVE, REBATE)

# (own, self-billed, factored, self-billed and factored)
INVOICES = {
    STANDARD: ("380", "389", "393", "501"),
    FINAL: ("380", "389", "393", "501"),
    DEPOSIT: ("386", "500", "386", "500"),
    CORRECTIVE: ("384", "471", "472", "473"),
}
CREDIT_NOTES = {
    STANDARD: ("381", "261", "396", "502"),
    DEPOSIT: ("503", "261", "503", "502"),
    REBATE: ("262", "261", "396", "502"),
}

# BR-FR-04: what an invoice, or a credit note, may bear
INVOICE_CODES = frozenset({"380", "384", "386", "389", "393", "471", "472", "473"}) | {
    "500",
    "501",
}
CREDIT_CODES = frozenset({"261", "262", "381", "396", "502", "503"})

# BT-23, second character (BR-FR-08)
NORMAL = "1"
PAID = "2"
SUBCONTRACTOR_PAID_DIRECTLY = "3"
AFTER_DEPOSIT = "4"
SUBCONTRACTOR = "5"
CO_CONTRACTOR = "6"
VAT_REPORTED = "7"
MULTI_SELLER = "8"
BIDIRECTIONAL = "9"
SERVICE_FRAMES = frozenset({SUBCONTRACTOR_PAID_DIRECTLY, SUBCONTRACTOR, CO_CONTRACTOR})


def type_code(kind, is_credit=False, is_self_billed=False, is_factored=False):
    """Give BT-3.

    >>> type_code(STANDARD), type_code(DEPOSIT, is_credit=True)
    ('380', '503')
    >>> type_code(STANDARD, is_self_billed=True, is_factored=True)
    '501'

    A kind that the direction does not know (a rebate that is no credit note, a final
    credit note) is a standard one.

    :param str kind: one of KINDS
    :rtype: str
    """
    table = CREDIT_NOTES if is_credit else INVOICES
    codes = table.get(kind, table[STANDARD])
    return codes[2 * bool(is_factored) + bool(is_self_billed)]


def frame(nature, kind=STANDARD, is_credit=False, is_paid=False, chosen=""):
    """Give BT-23: letter of the nature, then the frame.

    Chosen by hand wins; then "4" of an invoice after deposits (BR-FR-CO-08 keeps it
    off deposits), "2" of an invoice already paid, "1".

    >>> frame(SERVICES), frame(GOODS, is_paid=True), frame(MIXED, FINAL)
    ('S1', 'B2', 'M4')
    >>> frame(GOODS, chosen=SUBCONTRACTOR), frame(MIXED, chosen=VAT_REPORTED)
    ('S5', 'S7')

    :param str nature: tva.GOODS, SERVICES or MIXED
    :param str chosen: a frame chosen by the user, or ""
    :rtype: str
    """
    letter = PROCESS_LETTERS[nature]
    if chosen in SERVICE_FRAMES:
        return PROCESS_LETTERS[SERVICES] + chosen
    if chosen == VAT_REPORTED and nature == MIXED:
        return PROCESS_LETTERS[SERVICES] + chosen
    if chosen and not (chosen == AFTER_DEPOSIT and kind == DEPOSIT):
        return letter + chosen
    if is_credit:
        return letter + NORMAL
    if kind == FINAL:
        return letter + AFTER_DEPOSIT
    return letter + (PAID if is_paid else NORMAL)


__all__ = [
    "AFTER_DEPOSIT",
    "BIDIRECTIONAL",
    "CORRECTIVE",
    "CO_CONTRACTOR",
    "CREDIT_CODES",
    "DEPOSIT",
    "FINAL",
    "GOODS",
    "INVOICE_CODES",
    "KINDS",
    "MULTI_SELLER",
    "NORMAL",
    "PAID",
    "REBATE",
    "STANDARD",
    "SUBCONTRACTOR",
    "SUBCONTRACTOR_PAID_DIRECTLY",
    "VAT_REPORTED",
    "frame",
    "type_code",
]
