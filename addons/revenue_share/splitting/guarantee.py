"""Minimum guarantees and advances: what is payable beside what is earned."""

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Payable:
    """One period: payable, the top-up in it, what was recouped, what is still to be."""

    payable: Decimal
    top_up: Decimal
    recouped: Decimal
    unrecouped: Decimal


def guaranteed(earned, amount, recoup="none", cap=None):
    """Apply a guarantee of ``amount`` a period to what was earned in each period.

    :param list earned: earned amounts, in the order of the periods
    :param recoup: ``none``; ``excess`` (the top-up is taken from later earnings
        above the guarantee)
    :param cap: the most payable in a period, after the guarantee
    :rtype: list[Payable]
    """
    periods, unrecouped = [], ZERO
    for period_earned in earned:
        top_up = max(amount - period_earned, ZERO)
        recouped = ZERO
        if recoup == "excess":
            recouped = min(unrecouped, max(period_earned - amount, ZERO))
            unrecouped += top_up - recouped
        payable = max(amount, period_earned) - recouped
        if cap is not None:
            payable = min(payable, cap)
        periods.append(Payable(payable, top_up, recouped, unrecouped))
    return periods


def guaranteed_for_life(earned, milestones, cap=None):
    """Pay the larger of all milestones so far and all earnings so far.

    :param list milestones: guaranteed amount of each period, same length as earned
    """
    periods, paid, total, promised = [], ZERO, ZERO, ZERO
    for period_earned, milestone in zip(earned, milestones, strict=True):
        total += period_earned
        promised += milestone
        payable = max(promised, total) - paid
        if cap is not None:
            payable = min(payable, cap)
        paid += payable
        unrecouped = max(paid - total, ZERO)
        top_up = max(payable - period_earned, ZERO)
        periods.append(Payable(payable, top_up, ZERO, unrecouped))
    return periods


def advanced(earned, advance):
    """Recoup an advance from what is earned before anything is payable."""
    periods, unrecouped = [], advance
    for period_earned in earned:
        recouped = min(unrecouped, max(period_earned, ZERO))
        unrecouped -= recouped
        payable = period_earned - recouped
        periods.append(Payable(payable, ZERO, recouped, unrecouped))
    return periods
