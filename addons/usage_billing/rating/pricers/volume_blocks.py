# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Volume by blocks: the tier that holds the units prices all of them."""

from dataclasses import dataclass
from typing import ClassVar

from ..values import Part
from ._blocks import BlockTier, bounds, check_block_tiers
from ._quantity import not_negative


@dataclass(frozen=True, slots=True)
class VolumeBlocks:
    """tiers: the last one also prices what is above it."""

    model: ClassVar[str] = "volume_blocks"
    reads: ClassVar[str] = "quantity"

    tiers: tuple[BlockTier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_block_tiers(self.tiers)

    def price(self, usage, share):
        quantity = not_negative(usage.quantity, self.model)
        found = list(bounds(self.tiers))
        holding = (row for row in found if row[3] is None or quantity <= row[3])
        number, tier, lower, upper = next(holding, found[-1])
        blocks = tier.blocks(quantity)
        return (
            Part(
                f"tier-{number}",
                "usage",
                "volume_blocks",
                blocks * tier.block_price,
                blocks,
                tier.block_price,
                tier=number,
                lower=lower,
                upper=upper,
            ),
        )
