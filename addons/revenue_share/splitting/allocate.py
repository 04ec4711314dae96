"""The only place that rounds money: half up, and the cut by largest remainder."""

from decimal import Decimal
from fractions import Fraction

from .errors import SplitError

MAX_DECIMALS = 6
# Decimals kept when an exact fraction (1/3) is written down beside its amount.
EXACT_DECIMALS = 16


def quantum(decimals):
    """Return the number of minor units in one unit of the currency."""
    if not 0 <= decimals <= MAX_DECIMALS:
        raise SplitError("decimals_out_of_range", decimals=decimals)
    return 10**decimals


def from_units(units, decimals):
    """Return the amount of a whole number of minor units.

    >>> from_units(-705, 2)
    Decimal('-7.05')
    """
    return Decimal(units).scaleb(-decimals)


def half_up(value, decimals):
    """Round half away from zero to the decimals of the currency.

    >>> half_up(Fraction(1, 8), 2), half_up(Decimal("-0.005"), 2)
    (Decimal('0.13'), Decimal('-0.01'))

    :param value: Decimal, int or Fraction
    :rtype: Decimal
    """
    scaled = Fraction(value) * quantum(decimals)
    units = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return from_units(-units if scaled < 0 else units, decimals)


def as_decimal(value):
    """Write an exact fraction as a Decimal: in full where that is possible.

    >>> as_decimal(Fraction(1, 8)), as_decimal(Fraction(1, 3))
    (Decimal('0.125'), Decimal('0.3333333333333333'))
    """
    written = half_up_wide(Fraction(value))
    text = f"{written:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return Decimal("0" if text in ("-0", "") else text)


def half_up_wide(value):
    """Round half away from zero to the decimals of an exact amount."""
    scaled = value * 10**EXACT_DECIMALS
    units = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return from_units(-units if value < 0 else units, EXACT_DECIMALS)


def largest_remainder(parts, decimals):
    """Cut a whole into its parts without losing or making a minor unit.

    Each part is rounded down on its absolute value; the missing units go one by
    one to the largest remainders; on equal remainders the earlier part wins.

    >>> largest_remainder([Fraction(1, 300)] * 3 + [0], 2)
    [Decimal('0.01'), Decimal('0.00'), Decimal('0.00'), Decimal('0.00')]

    :param parts: exact amounts in the order that decides ties; their sum is a
        whole number of minor units
    :return: amounts in the same order, with the same sum
    :rtype: list[Decimal]
    :raise SplitError: the parts do not add up to a whole number of minor units
    """
    scaled = [Fraction(part) * quantum(decimals) for part in parts]
    total = sum(scaled, Fraction(0))
    if total.denominator != 1:
        raise SplitError("parts_off_grid", total=as_decimal(total))
    units = [int(part) for part in scaled]
    missing = int(total) - sum(units)
    sign = 1 if missing > 0 else -1
    remainders = [
        (-sign * (part - whole), index)
        for index, (part, whole) in enumerate(zip(scaled, units, strict=True))
    ]
    # Parts of the other sign are not rounded away from their own direction:
    # the parts that lean towards the missing sign are always numerous enough.
    for _remainder, index in sorted(remainders)[: abs(missing)]:
        units[index] += sign
    return [from_units(unit, decimals) for unit in units]


def spread(total, weights, decimals):
    """Spread an amount over weights in the given order (largest remainder).

    >>> spread(Decimal("17.40"), [42, Decimal("13.5"), Decimal("2.5")], 2)
    [Decimal('12.60'), Decimal('4.05'), Decimal('0.75')]

    :raise SplitError: every weight is zero
    """
    whole = sum((Fraction(weight) for weight in weights), Fraction(0))
    if not whole:
        raise SplitError("weights_all_zero")
    amount = Fraction(half_up(total, decimals))
    return largest_remainder(
        [amount * Fraction(weight) / whole for weight in weights], decimals
    )
