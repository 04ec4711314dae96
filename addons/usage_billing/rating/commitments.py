# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Commitments: what brings an amount up to what the customer promised."""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic, round_money
from .values import ONE, WHOLE, set_decimals


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One line of a commitment: code of its words, exact and rounded amount."""

    label: str
    exact: Decimal
    amount: Decimal


def _line(label, exact, currency):
    return Adjusted(label, exact, round_money(exact, currency.decimals))


def true_up(minimum, used, currency, share=WHOLE, round_used_first=False):
    """The used amount, and what is missing to the minimum of the period.

    :param Decimal minimum: currency units for a whole period
    :param Decimal used: exact amount of the usage
    :param Share share: of the period that was active
    :param bool round_used_first: subtract the used amount as it is invoiced
    :return: lines "usage" and "true_up"
    """
    with exact_arithmetic():
        usage = _line("usage", used, currency)
        base = usage.amount if round_used_first else used
        missing = max(share.of(minimum) - base, ZERO)
        return (usage, _line("true_up", missing, currency))


def plan_commitment(commitment, base_fee, used, currency, share=WHOLE):
    """A whole plan's minimum: base fee, usage, and what is missing to it.

    Commitment and base fee are prorated and rounded each; the missing part is
    the difference of what stands on the invoice.

    :return: lines "base_fee", "usage" and "commitment"
    """
    with exact_arithmetic():
        due = round_money(share.of(commitment), currency.decimals)
        fee = _line("base_fee", share.of(base_fee), currency)
        usage = _line("usage", used, currency)
        missing = max(due - fee.amount - usage.amount, ZERO)
        return (fee, usage, _line("commitment", missing, currency))


@dataclass(frozen=True, slots=True)
class WindowCommitment:
    """A promise for each time window.

    amount: currency units in each window
    overage_factor: what is above the commitment costs so many times as much
    true_up: below it the commitment is due, else the cost
    """

    amount: Decimal
    overage_factor: Decimal = ONE
    true_up: bool = True

    def __post_init__(self):
        set_decimals(self, "amount", "overage_factor")

    def of(self, cost):
        """Exact amount due for a window that costs this much at list price."""
        if cost < self.amount:
            return self.amount if self.true_up else cost
        return self.amount + (cost - self.amount) * self.overage_factor


def windowed_commitment(commitment, costs, currency):
    """One line for each window, each rounded.

    :param costs: exact cost of each window at list price
    :return: lines "window", in the order of the windows
    """
    with exact_arithmetic():
        return tuple(_line("window", commitment.of(c), currency) for c in costs)
