# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What is taken off several rated lines together: coupons and credits.

Worked out on the cumulative amounts of a period, like everything else; what earlier
ratings took off under the same key is subtracted, so that late usage moves a coupon
by its difference and never counts it twice.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from .coupons import discount_parts, spread
from .rounding import ZERO, exact_arithmetic
from .values import Component, Step


@dataclass(frozen=True, slots=True)
class Deduction:
    """What one coupon or credit takes off, line by line.

    key: stable ("coupon-3"); role: coupon or credit
    parts: amounts taken off each line, in the order of the lines, rounded
    facts: for the trace of the lines, plain pairs
    """

    key: str
    role: str
    parts: tuple[Decimal, ...]
    facts: tuple = ()
    exacts: tuple[Decimal, ...] = ()

    def exact(self, index):
        """Part of a line before rounding."""
        return self.exacts[index] if self.exacts else self.parts[index]


def over_lines(key, role, amount, lines, currency, facts=()):
    """A deduction spread over lines in proportion to what is left of them.

    Rounded down, the rest on the last line that has something left.

    :param amount: rounded, at most the sum of the lines
    :param lines: amounts left, rounded; those at or below zero take no part
    :rtype: Deduction
    """
    parts, exacts = [ZERO] * len(lines), [ZERO] * len(lines)
    taking = [index for index, line in enumerate(lines) if line > 0]
    if amount and taking:
        shares = spread(amount, [lines[index] for index in taking], currency)
        for index, part in zip(taking, shares, strict=True):
            parts[index] = part
        exact = discount_parts(amount, [lines[index] for index in taking])
        for index, part in zip(taking, exact, strict=True):
            exacts[index] = part
        _level(parts, lines, taking)
    return Deduction(key, role, tuple(parts), tuple(facts), tuple(exacts))


def _level(parts, lines, taking):
    """Move what the last line cannot bear to the lines before it."""
    over = parts[taking[-1]] - lines[taking[-1]]
    for index in reversed(taking[:-1]):
        if over <= 0:
            return
        moved = min(over, lines[index] - parts[index])
        parts[index] += moved
        parts[taking[-1]] -= moved
        over -= moved


def deduct(line, taken, before=()):
    """A rated line less its parts of the deductions.

    :param RatedLine line: as rated
    :param taken: (Deduction, amount for this line, the same before rounding) triples,
        cumulative
    :param before: {component key: amount taken off by earlier ratings, positive}
    :rtype: RatedLine
    """
    before = dict(before)
    components, steps = list(line.components), list(line.steps)
    exact, cumulative, billed = line.exact, line.cumulative_amount, line.billed_amount
    with exact_arithmetic():
        for deduction, amount, unrounded in taken:
            earlier = before.pop(deduction.key, ZERO)
            if amount:
                facts = (*deduction.facts, ("exact", -unrounded))
                steps.append(Step(deduction.role, facts))
            exact, cumulative = exact - unrounded, cumulative - amount
            billed -= earlier
            _add(
                components,
                deduction.key,
                deduction.role,
                earlier - amount,
                earlier - unrounded,
            )
        for key, earlier in before.items():
            billed -= earlier
            _add(components, key, key.partition("-")[0], earlier, earlier)
        return replace(
            line,
            exact=exact,
            cumulative_amount=cumulative,
            billed_amount=billed,
            amount=cumulative - billed,
            components=tuple(components),
            steps=tuple(steps),
        )


def _add(components, key, role, amount, exact):
    if amount:
        components.append(Component(key, role, role, exact, amount))
