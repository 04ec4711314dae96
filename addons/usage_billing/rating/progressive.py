# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Progressive billing: an interim invoice each time usage passes a threshold."""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic, round_money


@dataclass(frozen=True, slots=True)
class Interim:
    """after: key of the event that passed a threshold; amount: rounded."""

    after: str
    amount: Decimal


def interim_invoices(costs, thresholds, currency):
    """Bill the usage so far less what was billed, at each threshold passed.

    Reaching a threshold passes it; one event that passes several makes one
    invoice.

    :param costs: (event key, exact cost) pairs in time order
    :param thresholds: cumulative amounts, any order
    :rtype: list[Interim]
    """
    left = sorted(thresholds)
    found, total, billed = [], ZERO, ZERO
    with exact_arithmetic():
        for key, cost in costs:
            total += cost
            passed = [threshold for threshold in left if threshold <= total]
            if passed:
                left = left[len(passed) :]
                due = round_money(total, currency.decimals) - billed
                billed += due
                found.append(Interim(key, due))
    return found
