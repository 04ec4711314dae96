# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Commitment: what is missing to the amount the customer promised to spend.

The amounts of other charges are the usage of this one; a cut period owes its share.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..rounding import ZERO
from ..values import ONE, Part, set_decimals


@dataclass(frozen=True, slots=True)
class Commitment:
    """amount: currency units promised for a whole period (or contract year)."""

    model: ClassVar[str] = "commitment"
    reads: ClassVar[str] = "spent"

    amount: Decimal

    def __post_init__(self):
        set_decimals(self, "amount")

    def price(self, usage, share):
        missing = max(share.of(self.amount) - usage.spent, ZERO)
        return (Part("commitment", "commitment", "commitment", missing, ONE, missing),)

    def facts(self, usage):
        """What the explanation of the amount names."""
        return {"committed": self.amount, "spent": usage.spent}


@dataclass(frozen=True, slots=True)
class CommittedWindow:
    """One time window with a promise: list price of the window, or the promise.

    inner: price model of the window's quantity
    promise: `commitments.WindowCommitment`
    """

    model: ClassVar[str] = "committed_window"
    reads: ClassVar[str] = "quantity"

    inner: object
    promise: object

    def price(self, usage, share):
        parts = self.inner.price(usage, share)
        cost = sum((part.exact for part in parts), ZERO)
        due = self.promise.of(cost)
        if due == cost:
            return parts
        label = "commitment" if due > cost and cost < self.promise.amount else "overage"
        return (*parts, Part(label, "commitment", label, due - cost))

    def facts(self, usage):
        """What the explanation of the amount names."""
        return {
            "committed": self.promise.amount,
            "overage_factor": self.promise.overage_factor,
        }
