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


@dataclass(frozen=True, slots=True)
class Stairstep:
    """tiers: from the lowest up; usage above the last is refused."""

    model: ClassVar[str] = "stairstep"
    reads: ClassVar[str] = "quantities"

    tiers: tuple[StairstepTier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        if not self.tiers:
            raise RatingError("tiers_missing")
        below = {}
        for number, tier in enumerate(self.tiers, start=1):
            for name, limit in tier.limits:
                # None is no limit: nothing can come above it
                if name in below and below[name] is None and limit is not None:
                    raise RatingError(
                        "tier_bounds_not_rising", tier=number, up_to=limit
                    )
                if below.get(name) is not None and limit is not None:
                    if limit < below[name]:
                        raise RatingError(
                            "tier_bounds_not_rising", tier=number, up_to=limit
                        )
                below[name] = limit

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
        raise RatingError(
            "beyond_last_tier",
            quantity=max(quantities.values()),
            limit=max(limit for _n, limit in self.tiers[-1].limits if limit),
        )
