# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Graduated: tiers fill in order, each slice of units at its tier's price."""

from dataclasses import dataclass
from typing import ClassVar

from ..rounding import ZERO
from ..values import Tier, check_tiers
from ._quantity import not_negative
from ._tiers import tier_parts


@dataclass(frozen=True, slots=True)
class Graduated:
    """tiers: bounds rise, `up_to` belongs to its tier, the last is open.

    The flat fee of a tier is due once when the tier is entered; the first
    tier's at zero units too.
    """

    model: ClassVar[str] = "graduated"
    reads: ClassVar[str] = "quantity"

    tiers: tuple[Tier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def price(self, usage, share):
        quantity = not_negative(usage.quantity, self.model)
        return tuple(graduated_parts(self.tiers, quantity))


def slices(tiers, quantity):
    """Yield (number, tier, lower, units) for each tier that quantity enters.

    The first tier is entered by zero units already.
    """
    lower = ZERO
    for number, tier in enumerate(tiers, start=1):
        if number > 1 and quantity <= lower:
            return
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        yield number, tier, lower, top - lower
        lower = tier.up_to


def graduated_parts(tiers, quantity):
    """Parts of every tier that the quantity enters."""
    return [
        part
        for number, tier, lower, units in slices(tiers, quantity)
        for part in tier_parts(number, tier, lower, units, "tier")
    ]
