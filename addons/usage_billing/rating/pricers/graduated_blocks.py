# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Graduated by blocks: tiers of blocks fill in order, each at its price."""

from dataclasses import dataclass
from typing import ClassVar

from ..errors import RatingError
from ..values import Part
from ._blocks import BlockTier, bounds, check_block_tiers
from ._quantity import not_negative


@dataclass(frozen=True, slots=True)
class GraduatedBlocks:
    """tiers: usage above a limited last tier is refused, never given away."""

    model: ClassVar[str] = "graduated_blocks"
    reads: ClassVar[str] = "quantity"

    tiers: tuple[BlockTier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_block_tiers(self.tiers)

    def price(self, usage, share):
        quantity = not_negative(usage.quantity, self.model)
        parts = []
        for number, tier, lower, upper in bounds(self.tiers):
            if number > 1 and quantity <= lower:
                break
            top = quantity if upper is None else min(quantity, upper)
            blocks = tier.blocks(top - lower)
            parts.append(
                Part(
                    f"tier-{number}",
                    "usage",
                    "tier_blocks",
                    blocks * tier.block_price,
                    blocks,
                    tier.block_price,
                    tier=number,
                    lower=lower,
                    upper=upper,
                )
            )
        if upper is not None and quantity > upper:
            raise RatingError("beyond_last_tier", quantity=quantity, limit=upper)
        return tuple(parts)
