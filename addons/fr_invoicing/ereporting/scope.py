# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Which operations are reported, and as what.

Sources: CGI 290 (what is reported), 261 to 261 E (exempt operations are left out),
annex 7 v1.8 of the external specifications G1.68 (categories), G1.24 (rates).
"""

from decimal import Decimal

GOODS = "TLB1"
SERVICES = "TPS1"
NOT_TAXABLE = "TNT1"
MARGIN = "TMA1"
CATEGORIES = (GOODS, SERVICES, NOT_TAXABLE, MARGIN)

# TT-80 / TT-24 as CII writes it (UNTDID 2475)
DUE_ON_INVOICE = "5"
DUE_ON_PAYMENT = "72"

RATES = frozenset(
    Decimal(text)
    for text in "0 0.9 1.05 1.75 2.1 5.5 7 8.5 9.2 9.6 10 13 19.6 20 20.6".split()
)


def excluded(regime_scope, category):
    """Say why a line of a sale stays out of flux 10, or "".

    >>> excluded("out", "E"), excluded("out", "O"), excluded("foreign", "S")
    ('exempt', 'out_of_scope', 'oss')

    :param str regime_scope: scope of the VAT regime: "out" of what is reported,
        "foreign" VAT of another member state, anything else is reported
    :param str category: EN 16931 category of the line
    :return: "exempt" (CGI 261 to 261 E), "out_of_scope" (no operation of VAT), "oss"
        (declared in another Member State), or ""
    """
    if regime_scope == "foreign":
        return "oss"
    if regime_scope == "out":
        return "out_of_scope" if category == "O" else "exempt"
    return ""


def due_code(is_service, category, is_on_payment):
    """Give when VAT of a line falls due: "72", "5" (option for debits) or "".

    Goods have no option, so nothing is said (TT-80 is about the option).
    """
    if not is_service or category != "S":
        return ""
    return DUE_ON_PAYMENT if is_on_payment else DUE_ON_INVOICE


def purchase_category(is_service, is_in_union, is_reverse_charged):
    """Give the VAT category of a purchase abroad, or why it stays out.

    Reported (CGI 290 I 2 to 4): goods from the Union, and what the buyer owes the VAT
    of (CGI 283). Imports are declared at the customs; VAT that a supplier charged is
    deducted, not owed.

    :return: (category "K" or "AE", ""), or ("", "import" | "not_reverse_charged")
    """
    if not is_service and not is_in_union:
        return "", "import"
    if not is_reverse_charged:
        return "", "not_reverse_charged"
    return ("AE" if is_service else "K"), ""
