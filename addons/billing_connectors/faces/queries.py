# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Adding up rows of usage for a question that asks for fewer parts than were read."""

from decimal import Context, Decimal
from typing import NamedTuple

from .values import FieldProblem

#: Exact for sums of any number of 38-digit numbers that a memory can hold.
_EXACT = Context(prec=200)

_MERGERS = {
    "sum": _EXACT.add,
    "count": _EXACT.add,
    "max": max,
    "min": min,
}


class Part(NamedTuple):
    """One quantity: when its window begins, whose it is, by what it is kept apart.

    start: naive UTC; subject: None when over all subjects; group: {name: text}
    """

    start: object
    subject: str | None
    group: dict
    quantity: Decimal


def merge(parts, aggregation, names, filters, keep_subject):
    """Parts by window, subject (if kept) and the named groups, in this order.

    :param parts: iterable of Part, kept apart by ``names`` and the filters' names
    :param dict filters: {name: texts allowed}
    :rtype: list[Part]
    :raise FieldProblem: an average, say, cannot be made from parts
    """
    merger = _MERGERS.get(aggregation)
    merged = {}
    for part in parts:
        if any(part.group.get(name) not in texts for name, texts in filters.items()):
            continue
        group = {name: part.group.get(name, "") for name in sorted(names)}
        subject = part.subject if keep_subject else None
        key = (part.start, subject or "", tuple(group.values()))
        quantity = part.quantity
        if key in merged:
            if merger is None:
                raise FieldProblem(
                    "subject",
                    "not_supported",
                    f"{aggregation} of several subjects or groups together; ask for "
                    "each",
                )
            quantity = merger(merged[key].quantity, quantity)
        merged[key] = Part(part.start, subject, group, quantity)
    return [merged[key] for key in sorted(merged)]
