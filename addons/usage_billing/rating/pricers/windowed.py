# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Windowed: each hour, day or month of the period is priced on its own.

The amounts of the windows are added exactly and the line is rounded once. Windows
with a commitment are rated one by one instead, each a line of its own, because each
owes its own minimum.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import RatingError
from ..values import Usage


@dataclass(frozen=True, slots=True)
class Windowed:
    """inner: a price model of a quantity; conversion and included units are those
    of each window and are not offered here.
    """

    model: ClassVar[str] = "windowed"
    reads: ClassVar[str] = "windows"

    inner: object

    def __post_init__(self):
        if getattr(self.inner, "reads", None) != "quantity":
            raise RatingError(
                "step_not_applicable",
                step="windows",
                model=getattr(self.inner, "model", type(self.inner).__name__),
            )

    def price(self, usage, share):
        if usage.windows is None:
            raise RatingError("usage_mismatch", model=self.model, expects=self.reads)
        found = {}
        for quantity in usage.windows:
            for part in self.inner.price(Usage(quantity=quantity), share):
                known = found.get(part.key)
                found[part.key] = part if known is None else _plus(known, part)
        return tuple(found[key] for key in sorted(found, key=_order))

    def facts(self, usage):
        """What the explanation of the amount names."""
        return {"windows": len(usage.windows)}


def _plus(left, right):
    """Two windows' parts of one key; a price that differs is no price any more."""
    same = left.unit_price == right.unit_price
    quantity = None
    if left.quantity is not None and right.quantity is not None:
        quantity = left.quantity + right.quantity
    return replace(
        left,
        exact=left.exact + right.exact,
        quantity=quantity,
        unit_price=left.unit_price if same else None,
    )


def _order(key):
    """Tiers by number, the flat fee after its tier; other keys as text."""
    word, _dash, rest = key.partition("-")
    number, _dash, fee = rest.partition("-")
    return (word, int(number) if number.isdigit() else 0, bool(fee), key)
