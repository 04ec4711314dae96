"""Shares on the collected basis: released as the customer pays, cumulative."""

from decimal import Decimal
from fractions import Fraction

from .allocate import from_units, half_up
from .reversal import reversed_ratio


def released(base, amounts, due, collected, decimals):
    """Return what is released in all, given all that was collected so far.

    The caller takes off what it released before: the result is a function of the
    state, never of the order in which payments came.

    :param base: base of the invoice still due, after credit notes
    :param dict amounts: partner -> share still due, after credit notes
    :param due: amount with VAT still due, after credit notes
    :param collected: amount with VAT collected so far, returned payments taken off
    :return: (released base, partner -> released share); the operator keeps the
        difference
    """
    ratio = collected_ratio(collected, due)
    return half_up(Fraction(base) * ratio, decimals), {
        partner: half_up(Fraction(amount) * ratio, decimals)
        for partner, amount in amounts.items()
    }


def collected_ratio(collected, due):
    """Return the collected part of what is due, TTC over TTC, from 0 to 1."""
    return reversed_ratio(collected, due)


def after_credit(base, amounts, ratio, decimals):
    """Return the base and the shares that are left when a part is credited."""
    zero = from_units(0, decimals)
    kept = {
        partner: zero + amount - half_up(Fraction(amount) * ratio, decimals)
        for partner, amount in amounts.items()
    }
    return zero + base - half_up(Fraction(base) * ratio, decimals), kept


def difference(now, before):
    """Return what a new cumulative state adds to an earlier one, by partner."""
    return {
        partner: amount - before.get(partner, Decimal(0))
        for partner, amount in now.items()
    }
