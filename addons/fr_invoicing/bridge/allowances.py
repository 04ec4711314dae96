# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Document level allowances and charges (BG-20, BG-21)."""

from ..einvoice.document import Allowance, round_half_up
from .lines import allowance_lines, exact, line_label
from .taxes import line_tax

# UNTDID 5189 discount, UNTDID 7161 miscellaneous
DISCOUNT = "95"
MISCELLANEOUS = "ABK"


def allowances(move):
    """Give the document level allowances and charges: one per line, so one per VAT.

    :rtype: tuple[Allowance]
    """
    return tuple(_allowance(move, line) for line in allowance_lines(move))


def _allowance(move, line):
    amount = round_half_up(
        move.direction_sign * exact(line.amount_currency),
        move.currency_id.decimal_places,
    )
    tax = line_tax(line)
    return Allowance(
        amount=abs(amount),
        reason=line_label(line),
        reason_code=MISCELLANEOUS if amount > 0 else DISCOUNT,
        is_charge=amount > 0,
        category=tax.category,
        rate=tax.rate,
    )
