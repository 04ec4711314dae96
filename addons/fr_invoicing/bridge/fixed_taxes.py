# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Taxes of a fixed amount (eco-contribution): a charge of the line, TVA due on it.

The ledger books them on entries of their own; on the document they are part of the
price (BG-28), because TVA is computed on them (CGI 266, 267 I).
"""

from collections import defaultdict
from decimal import Decimal

from ..einvoice.document import Allowance, round_half_up
from .lines import billed_lines, exact
from .taxes import line_taxes

# UNTDID 7161: collection and recycling
RECYCLING = "AEO"


def fixed_amounts(move):
    """Give what the fixed taxes of each line amount to, signed like the line.

    Shares of what is booked, by quantity; the last line takes the cents that are left.

    :return: line -> list of (tax, amount), amounts at the decimals of the currency
    :rtype: dict[account.move.line, list]
    """
    places, sign = move.currency_id.decimal_places, Decimal(move.direction_sign)
    lines = defaultdict(list)
    for line in billed_lines(move):
        for tax in line_taxes(line)[1]:
            lines[tax].append(line)
    result = defaultdict(list)
    for tax, bearers in lines.items():
        booked = sum(
            (
                sign * exact(entry.amount_currency)
                for entry in move.line_ids
                if entry.tax_line_id == tax
            ),
            Decimal(0),
        )
        left, weight = booked, sum(exact(line.quantity) for line in bearers)
        for line in bearers:
            share = left
            if line != bearers[-1] and weight:
                share = round_half_up(booked * exact(line.quantity) / weight, places)
            left -= share
            result[line].append((tax, round_half_up(share, places)))
    return result


def charges(parts):
    """Give the charges (BG-28) of one line; a negative amount is an allowance.

    :param parts: value of `fixed_amounts`
    :rtype: tuple[Allowance]
    """
    return tuple(
        Allowance(
            amount=abs(amount),
            reason=tax.invoice_label or tax.name,
            reason_code=RECYCLING if amount > 0 else "95",
            is_charge=amount > 0,
        )
        for tax, amount in parts
        if amount
    )
