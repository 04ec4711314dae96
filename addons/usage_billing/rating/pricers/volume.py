# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Volume: the tier that holds the quantity prices all of it.

The cliff is real: one unit more may cost less in all.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..rounding import ZERO
from ..values import Tier, check_tiers
from ._quantity import not_negative
from ._tiers import tier_parts


@dataclass(frozen=True, slots=True)
class Volume:
    """tiers: as in graduated; `Usage.tier_quantity` chooses where present."""

    model: ClassVar[str] = "volume"
    reads: ClassVar[str] = "quantity"

    tiers: tuple[Tier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def price(self, usage, share):
        quantity = not_negative(usage.quantity, self.model)
        chooser = quantity if usage.tier_quantity is None else usage.tier_quantity
        number, tier, lower = self._tier_of(chooser)
        return tuple(tier_parts(number, tier, lower, quantity, "volume"))

    def _tier_of(self, quantity):
        """Number, tier and lower bound of the tier that holds a quantity."""
        lower = ZERO
        for number, tier in enumerate(self.tiers[:-1], start=1):
            if quantity <= tier.up_to:
                return number, tier, lower
            lower = tier.up_to
        return len(self.tiers), self.tiers[-1], lower
