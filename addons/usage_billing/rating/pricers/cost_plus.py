# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Cost plus: the metered quantity is a cost, sold at a multiple of it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..values import Part, set_decimals


@dataclass(frozen=True, slots=True)
class CostPlus:
    """multiplier: 1.2 sells a cost of 100 at 120."""

    model: ClassVar[str] = "cost_plus"
    reads: ClassVar[str] = "quantity"

    multiplier: Decimal

    def __post_init__(self):
        set_decimals(self, "multiplier")

    def price(self, usage, share):
        cost = usage.quantity
        exact = cost * self.multiplier
        return (Part("usage", "usage", "cost_plus", exact, cost, self.multiplier),)
