"""When a balance is paid: threshold, carried loss, and what a batch refuses."""

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
# Order in which a batch looks for a reason not to pay (README of the cases).
BATCH_REASONS = ("negative", "no_mandate", "no_iban", "below_minimum")


@dataclass(frozen=True, slots=True)
class Payout:
    """One period: what is paid, and the balance carried to the next."""

    paid: Decimal
    carried: Decimal


def payouts(earned, minimum=ZERO):
    """Pay each positive balance that reaches the minimum; carry the others.

    :param list earned: earned amounts (may be negative), in period order
    :rtype: list[Payout]
    """
    periods, balance = [], ZERO
    for amount in earned:
        balance += amount
        paid = balance if balance > 0 and balance >= minimum else ZERO
        balance -= paid
        periods.append(Payout(paid, balance))
    return periods


def refusal(balance, has_mandate, has_iban, minimum=ZERO):
    """Return the first reason why a balance cannot be paid, or None."""
    if balance < 0:
        return "negative"
    if not has_mandate:
        return "no_mandate"
    if not has_iban:
        return "no_iban"
    return "below_minimum" if balance < minimum else None
