# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Free units that last longer or serve more than one charge.

A charge's own included units need none of this: the step `included` of the engine
takes them. Here is what has to be known beforehand: what earlier periods left, and
how several charges use one allowance.
"""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic
from .values import set_decimals


@dataclass(frozen=True, slots=True)
class Allowance:
    """Free units of one period.

    units: granted by the period itself, prorated already
    carried: left over from the periods before
    limit: at most this much of what is left goes on; None or zero for nothing
    """

    units: Decimal
    carried: Decimal = ZERO
    limit: Decimal | None = None

    def __post_init__(self):
        set_decimals(self, "units", "carried", "limit")

    @property
    def available(self):
        with exact_arithmetic():
            return self.units + self.carried

    def left(self, used):
        """What may be used in the next period, when so much was used in this one.

        >>> Allowance(Decimal(100), Decimal(20), Decimal(50)).left(Decimal(90))
        Decimal('30')
        """
        with exact_arithmetic():
            unused = max(self.available - max(used, ZERO), ZERO)
            return min(unused, self.limit or ZERO)


def share_out(available, wanted):
    """Free units of each of several charges that share an allowance, in their order.

    The first charge takes what it can, the next ones the rest, so that the same
    usage always costs the same whatever the order in which it arrived.

    :param Decimal available: free units of all of them together
    :param wanted: billed units of each charge before the allowance
    :rtype: tuple[Decimal, ...]
    """
    taken = []
    with exact_arithmetic():
        for quantity in wanted:
            part = min(max(quantity, ZERO), available)
            available -= part
            taken.append(part)
    return tuple(taken)
