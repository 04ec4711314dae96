# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Stairstep: one price for the lowest step that holds all the usage."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..errors import RatingError
from ..rounding import ZERO
from ..values import ONE, Part, decimal, set_decimals
from ._quantity import not_negative


@dataclass(frozen=True, slots=True)
class StairstepTier:
    """limits: (name of the quantity, highest value included or None for no limit)
    price: currency units for the period
    """

    limits: tuple[tuple[str, Decimal | None], ...]
    price: Decimal

    def __post_init__(self):
        set_decimals(self, "price")
        limits = tuple(
            (name, None if limit is None else decimal(limit, "limit"))
            for name, limit in self.limits
        )
        object.__setattr__(self, "limits", limits)

    def holds(self, quantities):
        """Whether each quantity is within its limit; an absent one is zero."""
        return all(
            limit is None or quantities.get(name, ZERO) <= limit
            for name, limit in self.limits
        )

    def covers(self, other):
        """Whether whatever the other step holds is within this one too."""
        theirs = dict(other.limits)
        return all(
            limit is None or (theirs.get(name) is not None and theirs[name] <= limit)
            for name, limit in self.limits
        )


@dataclass(frozen=True, slots=True)
class Stairstep:
    """tiers: from the lowest up; usage above the last is refused.

    Limits may cross (much memory with few processors, then the other way round);
    a step that a lower one covers would never be reached and is refused.
    """

    model: ClassVar[str] = "stairstep"
    reads: ClassVar[str] = "quantities"

    tiers: tuple[StairstepTier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        if not self.tiers:
            raise RatingError("tiers_missing")
        for number, tier in enumerate(self.tiers, start=1):
            for lower in self.tiers[: number - 1]:
                if lower.limits != tier.limits and lower.covers(tier):
                    limit = next((top for _n, top in tier.limits if top is not None), 0)
                    raise RatingError(
                        "tier_bounds_not_rising", tier=number, up_to=limit
                    )

    def price(self, usage, share):
        quantities = dict(usage.quantities)
        known = {name for tier in self.tiers for name, _limit in tier.limits}
        for name, quantity in quantities.items():
            not_negative(quantity, self.model)
            if name not in known:
                raise RatingError("quantity_not_priced", name=name)
        for number, tier in enumerate(self.tiers, start=1):
            if tier.holds(quantities):
                return (
                    Part(
                        f"tier-{number}",
                        "usage",
                        "stairstep",
                        tier.price,
                        ONE,
                        tier.price,
                        tier=number,
                    ),
                )
        name, limit = next(
            (name, limit)
            for name, limit in self.tiers[-1].limits
            if limit is not None and quantities.get(name, ZERO) > limit
        )
        raise RatingError("beyond_last_tier", quantity=quantities[name], limit=limit)
