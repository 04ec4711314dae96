# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Layout of the FEC, *fichier des écritures comptables* (LPF art. A47 A-1 VII).

Each accounting line has eighteen columns; those of amounts may be Debit and Credit or
Montant and Sens. Books kept on a cash basis (BNC, BA) add columns at the end.
"""

JOURNAL_CODE, JOURNAL_LABEL, NUMBER, DATE = 0, 1, 2, 3
ACCOUNT, ACCOUNT_LABEL, PARTNER, PARTNER_LABEL = 4, 5, 6, 7
PIECE, PIECE_DATE, LABEL, DEBIT, CREDIT = 8, 9, 10, 11, 12
LETTER, LETTER_DATE, VALID_DATE, CURRENCY_AMOUNT, CURRENCY = 13, 14, 15, 16, 17

COLUMNS = (
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
)
#: the same with one amount and its side
COLUMNS_SIDE = (*COLUMNS[:DEBIT], "Montant", "Sens", *COLUMNS[LETTER:])

#: columns that a line may leave empty
OPTIONAL = frozenset(
    (PARTNER, PARTNER_LABEL, LETTER, LETTER_DATE, CURRENCY_AMOUNT, CURRENCY)
)
DATES = (DATE, PIECE_DATE, VALID_DATE)
SEPARATOR = "|"
#: journal of the opening balances in the file we write
OPENING_JOURNAL = "OUV"


def file_name(siren, closing_date, suffix=""):
    """Give the name LPF A47 A-1 X asks for: SIREN, FEC, closing date.

    :param str siren: nine digits, or "" when the company has none
    :param datetime.date closing_date: end of the fiscal year
    :param str suffix: set off by a dash, for files that are not the official one
    """
    tail = f"-{suffix}" if suffix else ""
    return f"{siren}FEC{closing_date:%Y%m%d}{tail}.txt"


def has_key(siren):
    """Say whether the last digit of a SIREN is its key (Luhn)."""
    doubled = (2 * int(digit) for digit in siren[1::2])
    total = sum(map(int, siren[::2])) + sum(n - 9 * (n > 9) for n in doubled)
    return total % 10 == 0
