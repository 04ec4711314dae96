"""Clearing between operators: who collected what others are entitled to."""

from dataclasses import dataclass
from decimal import Decimal

from .errors import SplitError


@dataclass(frozen=True, slots=True)
class Sale:
    """What one operator collected and who is entitled to it."""

    seller: str
    amount: Decimal
    entitled: tuple

    def __post_init__(self):
        object.__setattr__(self, "entitled", tuple(dict(self.entitled).items()))
        whole = sum((part for _name, part in self.entitled), Decimal(0))
        if whole != self.amount:
            raise SplitError("parts_off_grid", total=whole)


def positions(sales):
    """Return (entitled, collected, net) by operator; net positions sum to zero."""
    entitled, collected = {}, {}
    for sale in sales:
        collected[sale.seller] = collected.get(sale.seller, Decimal(0)) + sale.amount
        for name, part in sale.entitled:
            entitled[name] = entitled.get(name, Decimal(0)) + part
    names = list(dict.fromkeys([*entitled, *collected]))
    zero = Decimal(0)
    net = {n: entitled.get(n, zero) - collected.get(n, zero) for n in names}
    return entitled, collected, net


def pairs(sales):
    """Net pair by pair: (debtor, creditor) -> amount above zero."""
    owed = {}
    for sale in sales:
        for name, part in sale.entitled:
            if name != sale.seller:
                key = (sale.seller, name)
                owed[key] = owed.get(key, Decimal(0)) + part
    result = {}
    for (debtor, creditor), amount in owed.items():
        net = amount - owed.get((creditor, debtor), Decimal(0))
        if net > 0:
            result[debtor, creditor] = net
    return result
