"""Figures of facts, by window, bucket of time and what is kept apart.

The one question that the reading side puts to the events. :class:`PostgresFacts` puts
it to PostgreSQL; an object with the same method, and a ``cursor`` for rollups and
periods, may put it to another engine.
"""

from .facts import facts

#: Where an event of the facts ``f`` stands on a meter's axis of time.
_AXES = {
    "time": "(extract(epoch FROM f.time) - 946684800) * 1000000",
    "day": "((f.time AT TIME ZONE 'UTC' AT TIME ZONE f.tz)::date - date '2000-01-01')",
}
_FIGURES = {
    "sum": "sum(f.value)",
    "min": "min(f.value)",
    "max": "max(f.value)",
    "latest": "greatest((array_agg(f.value ORDER BY f.time DESC,"
    ' f.event_id COLLATE "C" DESC, f.source_id DESC, f.id DESC))[1], 0)',
    "unique": "count(DISTINCT f.item)::numeric",
}


class PostgresFacts:
    """Figures read in PostgreSQL.

    :param cursor: from :func:`~.connection.exact_cursor`
    """

    def __init__(self, cursor):
        self.cursor = cursor

    def group(self, windows, meter, group, names, as_of=None, clocks=None):
        """Figures of facts.

        :param list[Window] windows: stretches of billing periods
        :param MeterSpec meter: what counts the events, and what it reads of them
        :param group: keys of dimensions, else properties, to keep apart
        :param names: of figures: sum, min, max, moment (sum of value x instant),
            latest, unique, percentile
        :param datetime as_of: only what had arrived by then
        :param list[Clock] clocks: by number, the buckets of time; None for none
        :return: iterable of (number, beginning of the bucket or None, group, count,
            first, last, newest arrival, *figures)
        """
        text = facts(
            self.cursor,
            windows,
            meter,
            group,
            as_of,
            zones=clocks and [clock.zone.key for clock in clocks],
        )
        bucket = clocks[0].sql() if clocks else "NULL::timestamp"
        figures = "".join(f", {_figure(name, meter)}" for name in names)
        self.cursor.execute(
            f"SELECT f.number, {bucket}, f.grp, count(*), min(f.time), max(f.time),"
            f" max(f.known_at){figures} FROM ({text}) AS f GROUP BY 1, 2, 3"
        )
        for number, start, *rest in self.cursor.fetchall():
            if clocks and start is None:
                start = clocks[number].start
            yield (number, start, *rest)


def _figure(name, meter):
    """Expression over facts ``f``."""
    if name == "moment":
        return f"sum(f.value * ({_AXES[meter.weighting]}))"
    if name == "percentile":
        return (
            "(array_agg(f.value ORDER BY f.value))"
            f"[ceil({meter.percentile:f}::numeric * count(*) / 100)::int]"
        )
    return _FIGURES[name]
