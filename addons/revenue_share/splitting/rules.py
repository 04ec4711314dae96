"""What one rule gives on its basis, before any rounding.

One function per kind, in :data:`AMOUNTS`; a new kind is a function and an entry.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .values import Rule


@dataclass(frozen=True, slots=True)
class Basis:
    """What a rule is applied to: amount, quantity and events of its lines.

    weight: sum of the weights that share this amount; previous_*: what a yearly
    scale has seen before, settled what it gave for it.
    """

    amount: Fraction
    quantity: Fraction
    events: Fraction
    weight: Fraction = Fraction(0)
    previous_amount: Fraction = Fraction(0)
    previous_quantity: Fraction = Fraction(0)
    settled: Fraction = Fraction(0)


def _percent(rule, basis):
    return basis.amount * Fraction(rule.value) / 100


def _weight(rule, basis):
    return basis.amount * Fraction(rule.value) / basis.weight


def _fixed(rule, basis):
    return Fraction(rule.value) * rule.prorate


def _per_unit(rule, basis):
    return Fraction(rule.value) * basis.quantity


def _per_event(rule, basis):
    return Fraction(rule.value) * basis.events


def _tiered_unit(rule, basis):
    quantity = basis.previous_quantity + basis.quantity
    due = sum((part * rate for part, rate in slices(rule.scale, quantity)), Fraction(0))
    return due - basis.settled


def _tiered_percent(rule, basis):
    """Percent of the amount of each slice; slices cut by amount or by quantity."""
    amount = basis.previous_amount + basis.amount
    if rule.scale.basis == "amount":
        measure, price = amount, Fraction(1)
    else:
        measure = basis.previous_quantity + basis.quantity
        price = amount / measure if measure else Fraction(0)
    due = sum(
        (part * price * rate for part, rate in slices(rule.scale, measure)),
        Fraction(0),
    )
    return due / 100 - basis.settled


AMOUNTS = {
    "percent": _percent,
    "weight": _weight,
    "fixed": _fixed,
    "per_unit": _per_unit,
    "per_event": _per_event,
    "tiered_unit": _tiered_unit,
    "tiered_percent": _tiered_percent,
}


def exact_amount(rule: Rule, basis: Basis) -> Fraction:
    """Return what the rule gives on its basis, exact and not yet capped."""
    return AMOUNTS[rule.kind](rule, basis)


def slices(scale, measure):
    """Cut a measure into (part, rate) of its scale; a negative one mirrors.

    >>> from .values import Scale, Tier
    >>> scale = Scale((Tier("10", "1"), Tier(None, "2")))
    >>> slices(scale, Fraction(15))
    [(Fraction(10, 1), Fraction(1, 1)), (Fraction(5, 1), Fraction(2, 1))]
    """
    if measure < 0:
        return [(-part, rate) for part, rate in slices(scale, -measure)]
    if scale.mode == "volume":
        return [(measure, _rate_reached(scale, measure))]
    parts, lower = [], Fraction(0)
    for tier in scale.tiers:
        upper = measure if tier.up_to is None else min(measure, Fraction(tier.up_to))
        if upper > lower:
            parts.append((upper - lower, Fraction(tier.rate)))
        lower = max(lower, upper)
    return parts


def _rate_reached(scale, measure):
    for tier in scale.tiers:
        if (
            tier.up_to is None
            or measure < tier.up_to
            or (measure == tier.up_to and scale.bound == "upper_inclusive")
        ):
            return Fraction(tier.rate)
    raise AssertionError("a scale ends with an open tier")


def fraction_of_days(days, of):
    """Return the part of a period that was served, as an exact fraction.

    :param days: days served; of: days of the whole period
    """
    return Fraction(Decimal(days)) / Fraction(Decimal(of))
