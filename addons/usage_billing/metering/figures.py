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
#: Events that a correction took away count for nothing but the newest arrival.
_LIVE = " FILTER (WHERE f.live)"
_FIGURES = {
    "sum": f"sum(f.value){_LIVE}",
    "min": f"min(f.value){_LIVE}",
    "max": f"max(f.value){_LIVE}",
    "latest": "greatest((array_agg(f.value ORDER BY f.time DESC,"
    ' f.event_id COLLATE "C" DESC, f.source_id DESC, f.id DESC)'
    f"{_LIVE})[1], 0)",
    "unique": f"(count(DISTINCT f.item){_LIVE})::numeric",
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
            f"SELECT f.number, {bucket}, f.grp, count(*){_LIVE}, min(f.time){_LIVE},"
            f" max(f.time){_LIVE}, max(f.known_at){figures}"
            f" FROM ({text}) AS f GROUP BY 1, 2, 3 HAVING count(*){_LIVE} > 0"
        )
        for number, start, *rest in self.cursor.fetchall():
            if clocks and start is None:
                start = clocks[number].start
            yield (number, start, *rest)


def _figure(name, meter):
    """Expression over facts ``f``."""
    if name == "moment":
        return f"sum(f.value * ({_AXES[meter.weighting]})){_LIVE}"
    if name == "percentile":
        return (
            f"(array_agg(f.value ORDER BY f.value){_LIVE})[ceil("
            f"{meter.percentile:f}::numeric * (count(*){_LIVE}) / 100)::int]"
        )
    return _FIGURES[name]
