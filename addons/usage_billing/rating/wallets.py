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
        parts = draw_lines(wallets, lines)
        due = sum((max(amount, ZERO) for _kind, amount in lines), ZERO)
        taken = {key: sum(paid, ZERO) for key, paid in parts.items()}
        return taken, due - sum(taken.values(), ZERO)


def draw_lines(wallets, lines):
    """What each wallet pays of each line.

    :param lines: (kind, amount) pairs; nothing is paid of negative ones
    :return: {wallet key: (amount of each line)}, in the order of paying
    :rtype: dict[str, tuple[Decimal, ...]]
    """
    found = {}
    with exact_arithmetic():
        due = [max(amount, ZERO) for _kind, amount in lines]
        for wallet in sorted(wallets, key=lambda wallet: wallet.priority):
            left, paid = wallet.balance, []
            for index, (kind, _amount) in enumerate(lines):
                part = ZERO
                if wallet.applies_to is None or kind in wallet.applies_to:
                    part = min(left, due[index])
                due[index] -= part
                left -= part
                paid.append(part)
            found[wallet.key] = tuple(paid)
    return found
