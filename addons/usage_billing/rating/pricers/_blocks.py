# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Tiers made of blocks, shared by the two block models."""

from dataclasses import dataclass
from decimal import Decimal

from ..errors import RatingError
from ..rounding import ZERO, whole_units
from ..values import check_positive, set_decimals


@dataclass(frozen=True, slots=True)
class BlockTier:
    """block_size: units in a block
    max_blocks: blocks the tier holds, None for no limit
    block_price: currency units per block; a started block counts whole
    """

    block_size: Decimal
    max_blocks: Decimal | None
    block_price: Decimal

    def __post_init__(self):
        set_decimals(self, "block_size", "max_blocks", "block_price")
        check_positive(self, "block_size", "max_blocks")

    @property
    def units(self):
        """Units the tier holds, None for no limit."""
        return None if self.max_blocks is None else self.max_blocks * self.block_size

    def blocks(self, units):
        """Blocks that hold these units, the started one whole."""
        return whole_units(units, self.block_size, "up")


def check_block_tiers(tiers):
    """Refuse no tiers at all, and an unlimited tier before the last."""
    if not tiers:
        raise RatingError("tiers_missing")
    for number, tier in enumerate(tiers[:-1], start=1):
        if tier.max_blocks is None:
            raise RatingError("tier_open_not_last", tier=number)


def bounds(tiers):
    """Yield (number, tier, lower, upper): units below and up to each tier."""
    lower = ZERO
    for number, tier in enumerate(tiers, start=1):
        upper = None if tier.units is None else lower + tier.units
        yield number, tier, lower, upper
        lower = upper
