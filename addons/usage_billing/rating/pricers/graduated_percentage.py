# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Graduated percentage: graduated on an amount, rates in place of prices."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..rounding import ZERO
from ..values import HUNDRED, Tier, check_positive, check_tiers, set_decimals
from ._quantity import not_negative
from .graduated import graduated_parts


@dataclass(frozen=True, slots=True)
class PercentTier:
    """up_to: as in `Tier`, currency units; rate_percent: of the slice."""

    up_to: Decimal | None
    rate_percent: Decimal = ZERO
    flat_fee: Decimal = ZERO
    tier_cap: Decimal | None = None

    def __post_init__(self):
        set_decimals(self, "up_to", "rate_percent", "flat_fee", "tier_cap")
        check_positive(self, "up_to")

    def as_tier(self):
        """The same tier with the rate as a price per currency unit."""
        rate = self.rate_percent / HUNDRED
        return Tier(self.up_to, rate, self.flat_fee, self.tier_cap)


@dataclass(frozen=True, slots=True)
class GraduatedPercentage:
    """tiers: of the metered amount, bounds as in graduated."""

    model: ClassVar[str] = "graduated_percentage"
    reads: ClassVar[str] = "quantity"

    tiers: tuple[PercentTier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def price(self, usage, share):
        amount = not_negative(usage.quantity, self.model)
        tiers = tuple(tier.as_tier() for tier in self.tiers)
        return tuple(graduated_parts(tiers, amount))
