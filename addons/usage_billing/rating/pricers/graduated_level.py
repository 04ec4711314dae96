# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Graduated level: seats or storage that last, each slice for its own time.

Units fill the tiers upwards and leave from the top. Every change is cut into
slices, one for each tier it crosses, and a slice is priced in its tier for the
share of the period that was left when it came or went::

    level 7 |      ....            tier 2: 2 units for a third of the period
          5 |  ----------- bound
            |  ............        tier 1: 5 units for two thirds
          0 +--------------> time
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from ..errors import RatingError
from ..rounding import ZERO, decimals_of
from ..values import ONE, Part, Tier, check_tiers


@dataclass(frozen=True, slots=True)
class GraduatedLevel:
    """tiers: of the level; a tier's flat fee is due whole once it was reached.

    A negative level at the end of the period bills nothing at all.
    """

    model: ClassVar[str] = "graduated_level"
    reads: ClassVar[str] = "changes"

    tiers: tuple[Tier, ...]

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def price(self, usage, share):
        if usage.changes is None:
            raise RatingError("usage_mismatch", model=self.model, expects=self.reads)
        units = [Fraction(0)] * len(self.tiers)
        level = top = ZERO
        for change in usage.changes:
            for index, part in self._slices(level, level + change.quantity):
                units[index] += part / Fraction(change.quantity) * change.prorated
            level += change.quantity
            top = max(top, level)
        if level < 0:
            return ()
        return tuple(self._parts(units, top))

    def _slices(self, before, after):
        """Yield (tier index, units) crossed from one level to another; units
        are negative when the level falls. Below zero is the first tier."""
        low, high = min(before, after), max(before, after)
        sign = 1 if after >= before else -1
        lower = None
        for index, tier in enumerate(self.tiers):
            start = low if lower is None else max(low, lower)
            end = high if tier.up_to is None else min(high, tier.up_to)
            if end > start:
                yield index, Fraction(sign * (end - start))
            lower = tier.up_to

    def _parts(self, units, top):
        """Parts of the tiers that were reached; their units and amounts add up
        exactly, whatever thirds of a period there were."""
        prices = [Fraction(tier.unit_price) for tier in self.tiers]
        quantities = decimals_of(units)
        exacts = decimals_of(u * p for u, p in zip(units, prices, strict=True))
        lower = ZERO
        for number, tier in enumerate(self.tiers, start=1):
            if number > 1 and top <= lower:
                return
            bounds = {"tier": number, "lower": lower, "upper": tier.up_to}
            key, fee = f"tier-{number}", tier.flat_fee
            quantity, exact = quantities[number - 1], exacts[number - 1]
            yield Part(
                key, "usage", "tier_level", exact, quantity, tier.unit_price, **bounds
            )
            if fee:
                yield Part(
                    f"{key}-flat", "flat_fee", "tier_flat_fee", fee, ONE, fee, **bounds
                )
            lower = tier.up_to
