# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The only place that rounds, and the only place that cuts a whole into parts.

Money is rounded half up, away from zero (-0.005 becomes -0.01), so that a
credit note is the mirror of its invoice. Parts of a whole are cut by largest
remainder and always add up to it. A quotient without end is kept to 24
decimals; every other operation is exact, so sums close to the last digit.
"""

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    localcontext,
)
from fractions import Fraction
from functools import cache

from .errors import RatingError

ZERO = Decimal(0)

#: wide enough for any product of a 38-digit quantity and a 38-digit price
_EXACT = Context(prec=96, rounding=ROUND_HALF_UP)

#: decimals kept of a quotient: far below any money, short enough to store
QUOTIENT_DECIMALS = 24

#: quantity rounding; up and down go towards plus and minus infinity, as a
#: started unit counts whole and a correction never earns a unit more
MODES = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "half_up": ROUND_HALF_UP}


def exact_arithmetic():
    """Compute inside with 96 significant digits: more than any product needs.

    :return: context manager
    """
    return localcontext(_EXACT)


def round_money(amount, decimals):
    """Round to the currency's decimals, half up, away from zero.

    :param Decimal amount: currency units
    :param int decimals: 2 for EUR, 0 for JPY, 3 for TND
    :rtype: Decimal
    """
    return round_quantity(amount, decimals, "half_up")


def round_quantity(value, decimals, mode):
    """Round a quantity; negative decimals round to tens, hundreds and so on.

    :raise RatingError: rounding_mode when mode is not one of MODES
    """
    if mode not in MODES:
        raise RatingError("rounding_mode", mode=mode)
    rounded = value.quantize(_unit(decimals), MODES[mode], _EXACT)
    # 1E+2 is a number that nobody wants to read
    return rounded.quantize(Decimal(1), None, _EXACT) if decimals < 0 else rounded


@cache
def _unit(decimals):
    """The smallest step of so many decimals."""
    return Decimal((0, (1,), -decimals))


def divide(dividend, divisor):
    """Quotient to 24 decimals; exact where it has no more."""
    with exact_arithmetic():
        quotient = dividend / divisor
        if -quotient.as_tuple().exponent <= QUOTIENT_DECIMALS:
            return quotient
        return quotient.quantize(Decimal(1).scaleb(-QUOTIENT_DECIMALS))


def decimals_of(ratios):
    """Decimals of exact ratios that add up to the decimal of their sum.

    Each running total is written once, and each part is the step to the next
    total: three thirds of a unit make one unit, not 0.999.

    :param ratios: Fractions
    :rtype: tuple[Decimal, ...]
    """
    found, running, before = [], Fraction(0), ZERO
    with exact_arithmetic():
        for ratio in ratios:
            running += ratio
            now = divide(Decimal(running.numerator), Decimal(running.denominator))
            found.append(now - before)
            before = now
    return tuple(found)


def whole_units(quantity, size, mode):
    """Whole packages of a size in a quantity; a rest of any smallness counts.

    :param str mode: up, down or half_up
    """
    with exact_arithmetic():
        return round_quantity(quantity / size, 0, mode)


def allocate(total, exacts, decimals):
    """Cut a rounded total into parts that add up to it, by largest remainder.

    Each exact part is rounded down, the missing minor units go one by one to
    the largest remainders; among equal remainders the earlier part wins. A
    negative total is cut as the mirror of the positive one, so that a credit
    gives back exactly what was billed part by part.

    :param Decimal total: a multiple of the minor unit, at most half a minor
        unit away from sum(exacts)
    :param exacts: exact parts, any sign, same order as the result
    :param int decimals: decimals of the currency
    :rtype: tuple[Decimal, ...]
    """
    with exact_arithmetic():
        direction = total or next((exact for exact in exacts if exact), ZERO)
        sign = -1 if direction < 0 else 1
        unit = Decimal(1).scaleb(-decimals)
        floors, remainders = [], []
        for exact in exacts:
            floor = (exact * sign).quantize(unit, rounding=ROUND_FLOOR)
            floors.append(floor)
            remainders.append(exact * sign - floor)
        missing = int((total * sign - sum(floors, ZERO)) / unit)
        # a stable sort keeps the earlier part first among equal remainders
        order = sorted(range(len(floors)), key=lambda i: -remainders[i])
        for i in order[:missing]:
            floors[i] += unit
        return tuple(floor * sign + ZERO for floor in floors)


def apportion(total, weights, decimals):
    """Spread a rounded total over weights, by largest remainder.

    :param weights: Decimals of one sign, not all zero
    :raise RatingError: not_positive when the weights add up to zero
    """
    with exact_arithmetic():
        whole = sum(weights, ZERO)
        if not whole:
            raise RatingError("not_positive", name="weights", value=whole)
        exacts = [divide(total * weight, whole) for weight in weights]
        return allocate(total, exacts, decimals)
