# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Event priced (pass-through): the events bring their own amounts.

The amounts are added exactly and rounded once; the dimension sets are parts of
that whole, so a file of a million tiny amounts loses no cent.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..errors import RatingError
from ..rounding import ZERO
from ..values import Part


@dataclass(frozen=True, slots=True)
class EventPriced:
    """No parameter: the amount is in the usage, by dimension set."""

    model: ClassVar[str] = "event_priced"
    reads: ClassVar[str] = "parts"

    def price(self, usage, share):
        if usage.parts is None:
            if not usage.is_zero:
                raise RatingError("event_amount_missing")
            return (Part("usage", "usage", "event_priced", ZERO),)
        totals = {}
        for part in usage.parts:
            quantity, amount = totals.get(part.key, (ZERO, ZERO))
            totals[part.key] = (quantity + part.quantity, amount + part.amount)
        return tuple(
            Part(
                f"usage:{key}" if key else "usage",
                "usage",
                "event_priced",
                amount,
                quantity,
                dimension=key or None,
            )
            for key, (quantity, amount) in sorted(totals.items())
        )
