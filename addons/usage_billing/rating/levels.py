# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Levels that last: changes of a level and the days each one counts.

A unit counts from the local day it was added, included, to the end of the
period; a removed unit does not count on its day. Both say the same of a
change: it weighs the days from its own day to the end.
"""

from decimal import Decimal
from fractions import Fraction

from .periods import local_date
from .rounding import divide
from .values import LevelChange, Share


def level_changes(period, opening, readings, full_days=None):
    """Changes of the level in time order, each with its days of the period.

    :param Period period: the period, or the part of it that is billed
    :param Decimal opening: level at its start, there for all of it
    :param readings: (instant, change) pairs inside the period, any order
    :param int full_days: days of the uncut period where `period` is a part
    :rtype: tuple[LevelChange, ...]
    """
    whole = full_days or period.days
    found = [(opening, period.days)]
    for at, quantity in sorted(readings, key=lambda reading: reading[0]):
        left = (period.end_date - local_date(at, period.zone)).days
        found.append((quantity, left))
    return tuple(
        LevelChange(quantity, Fraction(quantity) * Share(left, whole).ratio)
        for quantity, left in found
        if quantity
    )


def prorated_quantity(changes):
    """Sum of the prorated changes: the average level of the period by day."""
    whole = sum((change.prorated for change in changes), Fraction(0))
    return divide(Decimal(whole.numerator), Decimal(whole.denominator))
