# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How a rated component stands on an invoice line.

A French electronic invoice allows quantities of at most 4 decimals and net
prices of at most 6, never negative (EN 16931 BR-27), and quantity x price must
give the line amount. A price of 0.0000004 per call therefore becomes 0.0004
per 1,000 calls. Where no such pair gives the rated amount, the line says
1 x amount and the true figures stay beside it.
"""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic, round_money, round_quantity
from .values import ONE

QUANTITY_DECIMALS = 4
PRICE_DECIMALS = 6

#: powers of ten a person reads easily come first
_SCALES = (0, 3, 6, 9, 12)
_ODD_SCALES = (1, 2, 4, 5, 7, 8, 10, 11)


@dataclass(frozen=True, slots=True)
class Presentation:
    """quantity: at most 4 decimals; negative for a discount or a credit
    price: at most 6 decimals, never negative, for `scale` units
    scale: power of ten, 1000 for "per 1,000 calls"
    exact: quantity x scale and price / scale are the true figures
    """

    quantity: Decimal
    price: Decimal
    scale: int
    exact: bool


def present(quantity, unit_price, amount, decimals):
    """Quantity and price whose product, rounded, is the rated amount.

    :param Decimal quantity: billed units, None where there is no such figure
    :param Decimal unit_price: currency units per billed unit, or None
    :param Decimal amount: rounded to the currency
    :param int decimals: of the currency
    :rtype: Presentation
    """
    with exact_arithmetic():
        if quantity is not None and unit_price is not None:
            if unit_price < 0:
                quantity, unit_price = -quantity, -unit_price
            found = _scaled(quantity, unit_price, amount, decimals)
            if found is not None:
                return found
        sign = -1 if amount < 0 else 1
        return Presentation(ONE * sign, abs(amount), 1, False)


def _scaled(quantity, unit_price, amount, decimals):
    """The pair that shows the true figures, else the one nearest to them."""
    for scales in (_SCALES, _ODD_SCALES):
        best, best_error = None, None
        for power in scales:
            shown = _pair(quantity, unit_price, power)
            product = shown.quantity * shown.price
            if round_money(product, decimals) != amount:
                continue
            if shown.exact:
                return shown
            error = abs(product - quantity * unit_price)
            if best is None or error < best_error:
                best, best_error = shown, error
        if best is not None:
            return best
    return None


def _pair(quantity, unit_price, power):
    """Quantity and price for a unit ten to the power times as large."""
    units = quantity.scaleb(-power)
    price = unit_price.scaleb(power)
    shown_units = _short(round_quantity(units, QUANTITY_DECIMALS, "half_up"))
    shown_price = _short(round_quantity(price, PRICE_DECIMALS, "half_up"))
    exact = (shown_units, shown_price) == (units, price)
    return Presentation(shown_units, shown_price, 10**power, exact)


def _short(number):
    """Without trailing zeros and without exponent; zero as 0."""
    short = number.normalize()
    return short.quantize(ONE) if short.as_tuple().exponent > 0 else short + ZERO
