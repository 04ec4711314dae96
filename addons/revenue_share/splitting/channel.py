"""Reseller channels: price books by level, and who sees whom."""

from decimal import Decimal
from fractions import Fraction

from .allocate import half_up
from .rules import slices


def margins(levels, quantity, decimals):
    """Return what each level keeps: its selling price less the one it buys at.

    :param list levels: (partner, unit price), from the operator down
    :return: (partner -> amount for each level, retail amount); the first level
        is the operator, whose amount is the residual
    """
    kept, bought = {}, Decimal(0)
    for partner, price in levels:
        sold = half_up(Fraction(price) * Fraction(quantity), decimals)
        kept[partner] = kept.get(partner, Decimal(0)) + sold - bought
        bought = sold
    return kept, bought


def discounted(quantity, price, discount_percent, decimals):
    """Return quantity x list price less a discount, rounded once."""
    full = Fraction(quantity) * Fraction(price)
    return half_up(full * (1 - Fraction(discount_percent) / 100), decimals)


def pooled(quantities, scale, decimals):
    """Rate the sum over a reseller's customers on one graduated scale."""
    whole = sum((Fraction(quantity) for quantity in quantities), Fraction(0))
    due = sum((part * rate for part, rate in slices(scale, whole)), Fraction(0))
    return half_up(due, decimals)


def visible(tree, customers, viewer, downstream=True):
    """Return the customers a node of the channel may see, sorted.

    :param dict tree: node -> parent node or None
    :param dict customers: customer -> node that owns it
    """
    nodes = {viewer}
    while downstream:
        below = {node for node, parent in tree.items() if parent in nodes} - nodes
        if not below:
            break
        nodes |= below
    return sorted(name for name, owner in customers.items() if owner in nodes)
