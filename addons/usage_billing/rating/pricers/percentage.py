# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Percentage of each event's value, with a fee and bounds for each event."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..errors import RatingError
from ..rounding import ZERO
from ..values import HUNDRED, Part, set_decimals


@dataclass(frozen=True, slots=True)
class Percentage:
    """rate_percent: of the event's value
    fixed_fee_per_event: added to each paying event
    min_per_event, max_per_event: bounds of what one paying event costs
    included_events, included_amount: free from the first event on, until
        whichever of the two runs out first; the event that crosses the amount
        pays on the rest, with the fee
    """

    model: ClassVar[str] = "percentage"
    reads: ClassVar[str] = "values"

    rate_percent: Decimal
    fixed_fee_per_event: Decimal = ZERO
    min_per_event: Decimal | None = None
    max_per_event: Decimal | None = None
    included_events: int | None = None
    included_amount: Decimal | None = None

    def __post_init__(self):
        set_decimals(
            self,
            "rate_percent",
            "fixed_fee_per_event",
            "min_per_event",
            "max_per_event",
            "included_amount",
        )
        low, high = self.min_per_event, self.max_per_event
        if low is not None and high is not None and high < low:
            raise RatingError(
                "maximum_below_minimum_per_event", maximum=high, minimum=low
            )
        if self.included_events is not None and self.included_events < 0:
            raise RatingError(
                "negative_parameter",
                name="included_events",
                value=self.included_events,
            )

    def price(self, usage, share):
        if usage.values is None:
            raise RatingError("event_values_missing")
        exact, paying = ZERO, 0
        for value in self._paying(usage.values):
            exact += self._cost(value)
            paying += 1
        return (Part("usage", "usage", "percentage", exact, Decimal(paying)),)

    def facts(self, usage):
        """What the explanation of the amount names."""
        return {
            "rate_percent": self.rate_percent,
            "fixed_fee_per_event": self.fixed_fee_per_event,
        }

    def _paying(self, values):
        """Yield the value each paying event pays on, in the order of events."""
        events, amount = self.included_events, self.included_amount
        free = events is not None or amount is not None
        for value in values:
            if free and events != 0 and (amount is None or amount > 0):
                events = None if events is None else events - 1
                if amount is None or value <= amount:
                    amount = None if amount is None else amount - value
                    continue
                value, amount = value - amount, ZERO
            free = False
            yield value

    def _cost(self, value):
        cost = value * self.rate_percent / HUNDRED + self.fixed_fee_per_event
        if self.min_per_event is not None:
            cost = max(cost, self.min_per_event)
        if self.max_per_event is not None:
            cost = min(cost, self.max_per_event)
        return cost
