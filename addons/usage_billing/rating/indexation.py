# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Indexation clauses: how an index moves a price.

    change = index now / base value - 1, not below the floor, not above the cap
    new price = old price x (1 + change), rounded half up

The cap and the floor are percentages of one anniversary; a floor of 0 means that
prices never fall.
"""

from dataclasses import dataclass
from decimal import Decimal

from .errors import RatingError
from .rounding import divide, exact_arithmetic, round_quantity
from .values import HUNDRED, ONE, decimal

#: digits of the coefficient, half up; contracts say four as a rule
COEFFICIENT_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Indexation:
    """What a clause makes of prices on one anniversary.

    base, value: of the index, then and now
    raw: percentage the index moved; percent: after cap and floor
    coefficient: every price is multiplied by it
    bound: "cap", "floor" or "" when neither was reached
    """

    base: Decimal
    value: Decimal
    raw: Decimal
    percent: Decimal
    coefficient: Decimal
    bound: str

    def price(self, old, decimals):
        """New price, rounded half up to these decimals."""
        with exact_arithmetic():
            return round_quantity(old * self.coefficient, decimals, "half_up")


def index(base, value, cap=None, floor=None):
    """Work out an indexation.

    >>> found = index(Decimal(100), Decimal("103.5"), cap=Decimal(3))
    >>> found.percent, found.bound, found.price(Decimal("9.90"), 2)
    (Decimal('3'), 'cap', Decimal('10.20'))

    :param Decimal base, value: of the index, above zero
    :param Decimal cap, floor: percentages, None for no bound
    :rtype: Indexation
    :raise RatingError: not_positive, or maximum_below_minimum for cap below floor
    """
    base, value = decimal(base, "base"), decimal(value, "value")
    for name, number in (("base", base), ("value", value)):
        if number <= 0:
            raise RatingError("not_positive", name=name, value=number)
    if cap is not None and floor is not None and cap < floor:
        raise RatingError("maximum_below_minimum", maximum=cap, minimum=floor)
    with exact_arithmetic():
        raw = divide((value - base) * HUNDRED, base)
        percent, bound = raw, ""
        if cap is not None and raw > cap:
            percent, bound = cap, "cap"
        elif floor is not None and raw < floor:
            percent, bound = floor, "floor"
        coefficient = round_quantity(
            ONE + percent / HUNDRED, COEFFICIENT_DECIMALS, "half_up"
        )
    return Indexation(base, value, raw, percent, coefficient, bound)
