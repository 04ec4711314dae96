# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Flat recurring: so much for the period, whatever was measured.

In advance or in arrears is a matter of when it is billed, not of how much; a
cut period reduces it by its share.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..values import ONE, Part, set_decimals


@dataclass(frozen=True, slots=True)
class Flat:
    """amount: currency units for a whole period, for each of quantity."""

    model: ClassVar[str] = "flat"
    reads: ClassVar[str] = "nothing"

    amount: Decimal
    quantity: Decimal = ONE

    def __post_init__(self):
        set_decimals(self, "amount", "quantity")

    def price(self, usage, share):
        exact = share.of(self.amount * self.quantity)
        unit_price = share.of(self.amount)
        return (Part("flat", "flat_fee", "flat", exact, self.quantity, unit_price),)
