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
from .facts import facts, whole
from .routing import canonical
from .values import Aggregate

ZERO = Decimal(0)

_LATEST = (
    'greatest((array_agg(f.value ORDER BY f.time DESC, f.event_id COLLATE "C" DESC,'
    " f.source_id DESC, f.id DESC))[1], 0)"
)
_UNIQUE = "count(DISTINCT f.item)::numeric"


def figure_sql(meter):
    """Expression over facts ``f``: what is aggregated, before unit and rounding."""
    match meter.aggregation:
        case "latest":
            return _LATEST
        case "unique_count":
            return _UNIQUE
        case "percentile":
            return (
                "(array_agg(f.value ORDER BY f.value))"
                f"[ceil({meter.percentile:f}::numeric * count(*) / 100)::int]"
            )
    raise ValueError(meter.aggregation)


def aggregate(cursor, periods, meter, dimensions=True, as_of=None):
    """Quantities of whole periods by one meter that needs the events.

    :rtype: list[Aggregate]
    """
    group = meter.dimension_keys if dimensions else ()
    if meter.aggregation == "weighted_sum":
        return _weighted(cursor, periods, meter, group, as_of)
    windows = whole(periods)
    cursor.execute(
        "SELECT f.number, f.grp, count(*), min(f.time), max(f.time), max(f.known_at),"
        f" {figure_sql(meter)}"
        f" FROM ({facts(cursor, windows, meter, group, as_of)}) AS f GROUP BY 1, 2"
    )
    return [
        _row(periods[number], meter, grp, figure, count, first, last, known_at)
        for number, grp, count, first, last, known_at, figure in cursor.fetchall()
    ]


def _weighted(cursor, periods, meter, group, as_of):
    """Average levels; a level carried over makes a quantity without any event."""
    windows = whole(periods)
    at = levels.axis_sql(meter)
    cursor.execute(
        "SELECT f.number, f.grp, count(*), min(f.time), max(f.time), max(f.known_at),"
        f" sum(f.value), sum(f.value * ({at}))"
        f" FROM ({facts(cursor, windows, meter, group, as_of)}) AS f GROUP BY 1, 2"
    )
    found = {
        (number, canonical(grp)): (grp, *rest)
        for number, grp, *rest in cursor.fetchall()
    }
    opened = levels.openings(cursor, windows, meter, group, as_of)
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
            _row(periods[number], meter, grp, figure, count, first, last, known_at)
        )
    return rows


def _row(period, meter, dims, figure, count, first, last, known_at):
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
