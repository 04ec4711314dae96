"""Totals of a settlement: roll-forward, currencies, bundles, thresholds."""

from decimal import Decimal
from fractions import Fraction

from .allocate import half_up, spread


def roll_forward(opening, earned, adjustments, offset, paid):
    """Return what is left at the end of a statement."""
    return opening + earned + adjustments - offset - paid


def by_key(pairs):
    """Add up (key, amount) pairs, never across keys: one statement a currency."""
    totals = {}
    for key, amount in pairs:
        totals[key] = totals.get(key, Decimal(0)) + amount
    return totals


def converted(amounts, rate, decimals):
    """Convert each share by itself, and report the cent that this makes.

    :param dict amounts: partner -> amount in the currency of the share
    :param rate: settlement units per unit of the share
    :return: (partner -> converted amount, converted total - sum of the parts)
    """
    parts = {
        partner: half_up(Fraction(amount) * Fraction(rate), decimals)
        for partner, amount in amounts.items()
    }
    total = sum((Fraction(amount) for amount in amounts.values()), Fraction(0))
    whole = half_up(total * Fraction(rate), decimals)
    return parts, whole - sum(parts.values(), Decimal(0))


def with_vat(net, rate, decimals):
    """Return (net, VAT, gross), VAT rounded once on the total (BR-CO-17)."""
    vat = half_up(Fraction(net) * Fraction(rate) / 100, decimals)
    return net, vat, net + vat


def above_threshold(paid, accounts, threshold):
    """Return what each beneficiary got on the accounts in scope, strictly above.

    :param paid: (beneficiary, account, amount)
    """
    totals = by_key(
        (beneficiary, amount)
        for beneficiary, account, amount in paid
        if account.startswith(tuple(accounts))
    )
    return {name: total for name, total in totals.items() if total > threshold}


def unbundled(price, standalone, decimals):
    """Spread a package price over its components on their stand-alone prices."""
    return spread(price, standalone, decimals)
