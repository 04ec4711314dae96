"""Closing a period: its totals as they were, to be checked again and compared later.

A closing is a photograph that nothing changes: totals by meter and dimension set, and
a watermark, the arrival of the newest event in them. Usage may still come or be
corrected; ``late`` says by how much the period is no longer what was closed. It
compares totals: nothing is missed, not even a delivery that was under way meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extras import execute_values

from .texts import canonical

ZERO = Decimal(0)


class Total(NamedTuple):
    """Quantity of one meter and dimension set when a period was closed."""

    meter_id: int
    dimensions: dict
    quantity: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Closing:
    """A closed period.

    watermark: arrival of the newest event in it (UTC), None where there was none
    """

    period_id: int
    closed_at: datetime
    watermark: datetime | None
    totals: tuple[Total, ...]


class Late(NamedTuple):
    """How much one meter and dimension set moved since a period was closed."""

    period_id: int
    meter_id: int
    dimensions: dict
    quantity_then: Decimal
    quantity_now: Decimal
    count_then: int
    count_now: int

    @property
    def quantity(self):
        """What came, negative for what was taken away."""
        return self.quantity_now - self.quantity_then


def close(store, periods, meters, closed_at):
    """Write down the totals of periods.

    :param list[PeriodSpan] periods: over, or not; a period may be closed again
    :param datetime closed_at: naive UTC
    :rtype: list[Closing]
    """
    by_period = {period.id: [] for period in periods}
    for row in store.aggregate(periods, meters):
        by_period[row.period_id].append(row)
    closings, values = [], []
    texts = {
        canonical(row.dimensions): dict(row.dimensions)
        for rows in by_period.values()
        for row in rows
    }
    dimsets = store.dimset_ids(texts)
    for period_id, rows in by_period.items():
        watermark = max((row.watermark for row in rows), default=None)
        # its own row says that it was closed, whatever was in it
        values.append((period_id, closed_at, 0, 0, watermark, ZERO, 0))
        values += [
            (
                period_id, closed_at, row.meter_id, dimsets[canonical(row.dimensions)],
                row.watermark, row.quantity, row.count,
            )
            for row in rows
        ]  # fmt: skip
        closings.append(
            Closing(
                period_id,
                closed_at,
                watermark,
                tuple(
                    Total(row.meter_id, dict(row.dimensions), row.quantity, row.count)
                    for row in rows
                ),
            )
        )
    execute_values(
        store.cursor,
        "INSERT INTO usage_store_closing (period_id, closed_at, meter_id, dimset_id,"
        " watermark, quantity, event_count) VALUES %s"
        " ON CONFLICT (period_id, closed_at, meter_id, dimset_id) DO NOTHING",
        values,
        page_size=1000,
    )
    return closings


def closings(store, period_ids):
    """The last closing of each of these periods; those never closed are left out.

    :rtype: list[Closing]
    """
    store.cursor.execute(
        "SELECT c.period_id, c.closed_at, c.meter_id, d.dims, c.watermark, c.quantity,"
        "       c.event_count"
        "  FROM usage_store_closing c"
        "  LEFT JOIN usage_store_dimset d ON d.id = c.dimset_id"
        " WHERE c.period_id = ANY(%s) AND c.closed_at = ("
        "       SELECT max(closed_at) FROM usage_store_closing l"
        "        WHERE l.period_id = c.period_id)"
        " ORDER BY c.period_id, c.meter_id, c.dimset_id",
        [list(period_ids)],
    )
    heads, totals = {}, {}
    for (
        period_id,
        closed_at,
        meter_id,
        dims,
        watermark,
        *rest,
    ) in store.cursor.fetchall():
        if meter_id:
            totals.setdefault(period_id, []).append(Total(meter_id, dims, *rest))
        else:
            heads[period_id] = (closed_at, watermark)
    return [
        Closing(period_id, *head, tuple(totals.get(period_id, ())))
        for period_id, head in heads.items()
    ]


def late(store, periods, meters, since=None):
    """What moved in closed periods.

    :param datetime since: compare with what was known then instead of with the last
        closing
    :return: list[Late], those that did not move left out; periods never closed too,
        unless ``since`` is given
    """
    then = {}
    if since is None:
        found = closings(store, [period.id for period in periods])
        closed = {closing.period_id for closing in found}
        periods = [period for period in periods if period.id in closed]
        for closing in found:
            for total in closing.totals:
                key = (closing.period_id, total.meter_id, canonical(total.dimensions))
                then[key] = (total.dimensions, total.quantity, total.count)
    else:
        then = _totals(store.aggregate(periods, meters, as_of=since))
    now = _totals(store.aggregate(periods, meters))
    nothing = ({}, ZERO, 0)
    moved = []
    for key in sorted(then.keys() | now.keys()):
        old, new = then.get(key, nothing), now.get(key, nothing)
        if old[1:] != new[1:]:
            dims = new[0] or old[0]
            moved.append(Late(*key[:2], dims, old[1], new[1], old[2], new[2]))
    return moved


def _totals(rows):
    return {
        (row.period_id, row.meter_id, canonical(row.dimensions)): (
            dict(row.dimensions),
            row.quantity,
            row.count,
        )
        for row in rows
    }
