# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Totals of a document before it exists: discount, then tax, line by line.

For quotes and previews, where there is no invoice yet. The taxes of an invoice are
computed by the ledger, never here.
"""

from dataclasses import dataclass
from decimal import Decimal

from .coupons import discount_parts
from .rounding import ZERO, exact_arithmetic, round_money
from .values import HUNDRED


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """coupon: exact part of the discount; tax: rounded, on what is left."""

    coupon: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """subtotal: before the discount; all amounts rounded."""

    lines: tuple[TaxedLine, ...]
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal


def totals(lines, discount, currency):
    """Discount over the lines in proportion, then the tax of each line, rounded.

    :param lines: (amount, tax percent) pairs
    :param Decimal discount: of the whole document, at most its subtotal
    :rtype: Totals
    """
    decimals = currency.decimals
    with exact_arithmetic():
        amounts = [amount for amount, _percent in lines]
        subtotal = round_money(sum(amounts, ZERO), decimals)
        discount = min(round_money(discount, decimals), max(subtotal, ZERO))
        parts = discount_parts(discount, amounts) if discount else [ZERO] * len(lines)
        taxed = tuple(
            TaxedLine(part, round_money((amount - part) * percent / HUNDRED, decimals))
            for (amount, percent), part in zip(lines, parts, strict=True)
        )
        tax = sum((line.tax for line in taxed), ZERO)
        return Totals(taxed, subtotal, discount, tax, subtotal - discount + tax)


def credit(base, share, tax_percent, currency):
    """Credit for the unused share of a fee: tax on the exact credit, both rounded.

    :return: (subtotal, tax, total)
    """
    with exact_arithmetic():
        exact = share.of(base)
        subtotal = round_money(exact, currency.decimals)
        tax = round_money(exact * tax_percent / HUNDRED, currency.decimals)
        return subtotal, tax, subtotal + tax
