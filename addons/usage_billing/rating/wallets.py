# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Money credits: which wallet pays what part of which line."""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic
from .values import set_decimals


@dataclass(frozen=True, slots=True)
class Wallet:
    """balance: currency units left
    priority: small pays first
    applies_to: kinds of line it may pay, None for all
    """

    key: str
    balance: Decimal
    priority: int = 0
    applies_to: frozenset | None = None

    def __post_init__(self):
        set_decimals(self, "balance")


def draw(wallets, lines):
    """Take from the wallets by priority, then list order; each pays the lines
    it may pay in their order.

    :param lines: (kind, amount) pairs
    :return: ({wallet key: amount taken}, amount still due)
    """
    with exact_arithmetic():
        due = [max(amount, ZERO) for _kind, amount in lines]
        taken = {}
        for wallet in sorted(wallets, key=lambda wallet: wallet.priority):
            left = wallet.balance
            for index, (kind, _amount) in enumerate(lines):
                if wallet.applies_to is None or kind in wallet.applies_to:
                    paid = min(left, due[index])
                    due[index] -= paid
                    left -= paid
            taken[wallet.key] = wallet.balance - left
        return taken, sum(due, ZERO)
