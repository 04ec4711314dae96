"""Quantities of many periods at once, and nothing else about them.

A month's bill asks for tens of thousands of numbers. What is read here is the number
alone: from rollups the row of period and meter, from the events one sum by route
first, which is a whole number to group by instead of all it stands for. Whoever wants
dimensions, counts and times as evidence asks for aggregates.
"""

from .facts import LIVE_AS_OF
from .meters import EXACT, divide

#: By aggregation: column of a rollup, and how columns add up.
_FIGURES = {
    "sum": ("value_sum", "sum"),
    "count": ("event_count", "sum"),
    "max": ("value_max", "max"),
    "min": ("value_min", "min"),
    "average": ("value_sum", "sum"),
}
#: The same columns from events; {} is where the value is read.
_SUMS = {
    "event_count": "count({})",
    "value_sum": "sum({})",
    "value_max": "max({})",
    "value_min": "min({})",
}
_MERGE = {"sum": EXACT.add, "max": max, "min": min}
#: A scan of everything costs a third of finding the same events by their routes.
_SHARE_TO_SCAN = 4
#: More batches to leave out than this are left out by a join instead.
_MOST_BATCHES = 100_000


def from_rollups(cursor, period_ids, meters):
    """Quantities as the rollups have them.

    :param period_ids: not empty
    :param meters: list of MeterSpec that add up, see ``is_additive``
    :return: {(period id, meter id): Decimal}, nothing for no events
    """
    found, periods = {}, _array(period_ids)
    for aggregation, some in _grouped(meters, lambda meter: meter.aggregation).items():
        column, way = _FIGURES[aggregation]
        count = ", event_count::numeric" if aggregation == "average" else ""
        cursor.execute(
            f"SELECT period_id, meter_id, {column}::numeric{count}"
            "  FROM usage_store_rollup"
            " WHERE period_id = ANY(%s::int[]) AND meter_id = ANY(%s::int[])"
            " AND bucket = '-infinity' AND event_count > 0",
            [periods, _array(meter.id for meter in some)],
        )
        found |= _merged(cursor.fetchall(), _MERGE[way])
    return _billed(found, meters)


def from_events(cursor, period_ids, meters, as_of):
    """Quantities as the events have them, in one pass over the events.

    :param period_ids: not empty
    :param meters: list of MeterSpec
    :param datetime as_of: only what had arrived by then (naive UTC)
    :return: {(period id, meter id): Decimal}, nothing for no events; None where single
        events must be looked at: corrections, properties, meters that do not add up
    """
    if not all(map(_is_plain, meters)):
        return None
    number, period_ids = len(period_ids), _array(period_ids)
    if _are_corrected(cursor, period_ids):
        return None
    dead = _dead_batches(cursor, as_of)
    pairs = _pairs(cursor, period_ids, meters)
    if dead is None or pairs is None:
        return None
    if not pairs:
        return {}
    cursor.execute(
        "SELECT min(start_at), max(end_at) FROM usage_period WHERE id = ANY(%s::int[])",
        [period_ids],
    )
    (span,) = cursor.fetchall()
    columns, parts = {}, []
    for (aggregation, source), some in _grouped(meters, _kind).items():
        name, way = _FIGURES[aggregation]
        figure = _column(columns, name, source)
        count = "NULL::numeric"
        if aggregation == "average":
            count = f"sum(s.{_column(columns, 'event_count', source)})"
        parts.append(
            cursor.mogrify(
                f"SELECT p.period_id, p.meter_id, {way}(s.{figure})::numeric, {count}"
                "  FROM sums s JOIN pair p ON p.route_id = s.route_id"
                f" WHERE p.meter_id = ANY(%s::int[]) AND s.{figure} IS NOT NULL"
                " GROUP BY 1, 2",
                [_array(meter.id for meter in some)],
            ).decode()
        )
    where = ""
    if not _is_most(cursor, number, span):
        where = " AND f.route_id IN (SELECT route_id FROM pair)"
    if dead:
        where += " AND (f.id >> 31)::int <> ALL(%(dead)s::int[])"
    sums = ", ".join(f"{text} AS {name}" for text, name in columns.items())
    types, dimsets, meter_ids = zip(*pairs, strict=True)
    cursor.execute(
        f"""
        WITH pair AS MATERIALIZED (
            SELECT r.id AS route_id, r.period_id, k.meter_id
              FROM usage_store_route r
              JOIN unnest(%(types)s::text[], %(dimsets)s::int[], %(meters)s::int[])
                   AS k(type, dimset_id, meter_id)
                ON k.type = r.type AND k.dimset_id = r.dimset_id
             WHERE r.period_id = ANY(%(periods)s::int[])
        ), sums AS MATERIALIZED (
            SELECT f.route_id, {sums} FROM usage_store_fact f
             WHERE f.time >= %(start)s AND f.time < %(end)s{where} GROUP BY 1
        ) {" UNION ALL ".join(part.replace("%", "%%") for part in parts)}
        """,
        {
            "types": list(types),
            "dimsets": _array(dimsets),
            "meters": _array(meter_ids),
            "periods": period_ids,
            "start": span[0],
            "end": span[1],
            "dead": _array(dead),
        },
    )
    averages = {meter.id for meter in meters if meter.aggregation == "average"}
    found = {}
    for period_id, meter_id, figure, count in cursor.fetchall():
        found[period_id, meter_id] = (
            divide(figure, count) if meter_id in averages else figure
        )
    return _billed(found, meters)


def _is_plain(meter):
    """Whether the meter adds up what stands in a column of its own."""
    return meter.is_additive and (
        not meter.needs_value or meter.value_source in ("value", "amount")
    )


def _are_corrected(cursor, period_ids):
    cursor.execute(
        "SELECT EXISTS (SELECT FROM usage_store_correction"
        " WHERE period_id = ANY(%s::int[]))"
        " OR EXISTS (SELECT FROM usage_store_correction"
        " WHERE row_period_id = ANY(%s::int[]))",
        [period_ids, period_ids],
    )
    ((is_corrected,),) = cursor.fetchall()
    return is_corrected


def _dead_batches(cursor, as_of):
    """Batches whose events do not count: replaced by then, or not yet there.

    :return: list of ids; None for very many
    """
    live = LIVE_AS_OF.replace("e.batch_id", "a.id")
    cursor.execute(
        "SELECT a.id FROM usage_batch a"
        f" WHERE a.received_at > %(as_of)s OR NOT ({live}) LIMIT %(most)s",
        {"as_of": as_of, "most": _MOST_BATCHES + 1},
    )
    found = [batch_id for (batch_id,) in cursor.fetchall()]
    return found if len(found) <= _MOST_BATCHES else None


def _pairs(cursor, period_ids, meters):
    """Which meter counts which events of the periods.

    :return: list of (type, dimension set, meter id); None where a filter asks for a
        property
    """
    cursor.execute(
        "SELECT k.type, k.dimset_id, d.dims FROM ("
        "   SELECT DISTINCT type, dimset_id FROM usage_store_route"
        "   WHERE period_id = ANY(%s::int[]) AND type = ANY(%s)"
        ") AS k JOIN usage_store_dimset d ON d.id = k.dimset_id",
        [period_ids, list({meter.event_type for meter in meters})],
    )
    by_type, pairs = _grouped(meters, lambda meter: meter.event_type), []
    for event_type, dimset_id, dims in cursor.fetchall():
        for meter in by_type[event_type]:
            filters = meter.split_filters(dims)
            if filters:
                return None
            if filters is not None:
                pairs.append((event_type, dimset_id, meter.id))
    return pairs


def _is_most(cursor, count, span):
    """Whether so many periods are a good part of those of their time."""
    cursor.execute(
        "SELECT count(*) FROM usage_period WHERE start_at < %s AND end_at > %s",
        [span[1], span[0]],
    )
    ((number,),) = cursor.fetchall()
    return count * _SHARE_TO_SCAN >= number


def _kind(meter):
    return meter.aggregation, meter.value_source if meter.needs_value else ""


def _column(columns, name, source):
    """Name of a sum of events; the same sum is made once."""
    text = _SUMS[name].format(f"f.{source}" if source else "*")
    return columns.setdefault(text, f"{name}_{source}")


def _merged(rows, merge):
    """Figures by their first two columns; of dimension sets, added together.

    :param rows: of (period id, meter id, figure), or with a number to divide it by
    """
    if rows and len(rows[0]) == 4:
        sums, counts = (
            _merged([(*row[:2], row[column]) for row in rows], merge)
            for column in (2, 3)
        )
        return {key: divide(total, counts[key]) for key, total in sums.items()}
    found = {(period_id, meter_id): figure for period_id, meter_id, figure in rows}
    if len(found) == len(rows):
        return found
    found = {}
    for period_id, meter_id, figure in rows:
        key = period_id, meter_id
        found[key] = merge(found[key], figure) if key in found else figure
    return found


def _billed(found, meters):
    """Quantities of figures, in the units of the meters and rounded as they say."""
    special = {
        meter.id: meter
        for meter in meters
        if meter.rounding or meter.divide_by is not None
    }
    if special:
        for key, figure in found.items():
            if key[1] in special:
                found[key] = special[key[1]].quantity(figure)
    return found


def _grouped(items, key):
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _array(numbers):
    """Text of an array: the server reads it faster than a list of numbers."""
    return f"{{{','.join(map(str, numbers))}}}"
