"""Aggregations that do not add up from parts: read from the events, to the last digit.

The same rules as the pure ones of ``rating.aggregation``, in SQL; a test compares both
on random events.

    latest        value of the last event by time, then id, then source; not below zero
    unique_count  different items, within their groups; events without item are none
    weighted_sum  see :mod:`.levels`
    percentile    the ceil(p x n / 100)-th smallest value
"""

from datetime import datetime
from decimal import Decimal

from . import levels
from .facts import whole
from .texts import canonical
from .values import Aggregate

ZERO = Decimal(0)

#: What is asked of the events, by aggregation.
FIGURES = {
    "latest": "latest",
    "unique_count": "unique",
    "percentile": "percentile",
}


def aggregate(source, periods, meter, dimensions=True, as_of=None):
    """Quantities of whole periods by one meter that needs the events.

    :rtype: list[Aggregate]
    """
    group = meter.dimension_keys if dimensions else ()
    if meter.aggregation == "weighted_sum":
        return _weighted(source, periods, meter, group, as_of)
    names = [FIGURES[meter.aggregation]]
    return [
        aggregate_of(periods[number], meter, grp, figure, count, first, last, known_at)
        for number, _start, grp, count, first, last, known_at, figure in source.group(
            whole(periods), meter, group, names, as_of
        )
    ]


def _weighted(source, periods, meter, group, as_of):
    """Average levels; a level carried over makes a quantity without any event."""
    windows = whole(periods)
    found = {
        (number, canonical(grp)): (grp, *rest)
        for number, _start, grp, *rest in source.group(
            windows, meter, group, ["sum", "moment"], as_of
        )
    }
    opened = levels.openings(source, windows, meter, group, as_of)
    for number, by_group in opened.items():
        for key, (level, known_at, grp) in by_group.items():
            if level and (number, key) not in found:
                found[number, key] = (grp, 0, None, None, known_at, ZERO, ZERO)
    rows = []
    for (number, key), (grp, count, first, last, known_at, total, moment) in sorted(
        found.items()
    ):
        level, carried_at, _grp = opened[number].get(key, (ZERO, datetime.min, None))
        figure = levels.quantity(
            meter, periods[number], level, levels.Changes(total, moment)
        )
        known_at = max(known_at, carried_at)
        rows.append(
            aggregate_of(
                periods[number], meter, grp, figure, count, first, last, known_at
            )
        )
    return rows


def aggregate_of(period, meter, dims, figure, count, first, last, known_at):
    """The Aggregate of a figure that is not yet in the meter's unit."""
    return Aggregate(
        subscription_id=period.subscription_id,
        period_id=period.id,
        meter_id=meter.id,
        dimensions=dims,
        quantity=meter.quantity(figure),
        count=count,
        first=first,
        last=last,
        watermark=known_at,
    )
