# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Per unit: every unit at one price. Corrections may make it negative."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..values import Part, set_decimals


@dataclass(frozen=True, slots=True)
class PerUnit:
    """unit_price: currency units per billed unit."""

    model: ClassVar[str] = "per_unit"
    reads: ClassVar[str] = "quantity"

    unit_price: Decimal

    def __post_init__(self):
        set_decimals(self, "unit_price")

    def price(self, usage, share):
        quantity = usage.quantity
        exact = quantity * self.unit_price
        return (Part("usage", "usage", "usage", exact, quantity, self.unit_price),)
