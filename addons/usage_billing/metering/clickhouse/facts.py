"""Facts read in ClickHouse: what :mod:`..facts` is for PostgreSQL.

A fact is an event that a meter counts. Whole bills are one query for each meter,
however many customers; only groups come back, and money is never computed here.
"""

from . import rows
from .driver import numbers, text
from .expressions import Sets
from .query import Query
from .snapshot import Snapshot

#: Periods named in a query. Of more, the query takes the range they lie in, and what it
#: finds of others is left out afterwards: that is cheaper than to look each up.
PERIODS_NAMED = 100


class ClickhouseFacts:
    """Reads the events of one company as a transaction of PostgreSQL sees them.

    :param cursor: exact psycopg2 cursor of that transaction
    :param driver: :class:`~.driver.Driver`
    :param types: event types that will be asked for
    """

    def __init__(self, cursor, driver, company_id, types=()):
        self.cursor = cursor
        self.driver = driver
        self.company_id = company_id
        self.types = set(types)
        self._snapshots = {}
        self._dimsets = {}

    # -- figures -----------------------------------------------------------------------

    def group(
        self, windows, meter, group, names, as_of=None, clocks=None, fallback=True
    ):
        """Figures of facts by window number, bucket and what is kept apart.

        :param list[Window] windows: stretches of billing periods
        :param MeterSpec meter: what counts the events, and what it reads of them
        :param group: keys of dimensions, else properties, to keep apart
        :param names: figures wanted, see :func:`.expressions.figures`
        :param datetime as_of: only what had arrived by then
        :param clocks: by number, the buckets of time; None for none
        :param bool fallback: a key that is no dimension of an event may be a property
        :return: iterable of (number, beginning of the bucket or None, group, count,
            first, last, newest arrival, *figures)
        """
        snapshot = self._snapshot(as_of)
        zoned = (clocks and clocks[0].bucket != "total") or meter.weighting == "day"
        by_zone = {}
        for window in windows:
            zone = clocks[window.number].zone.key if clocks and zoned else ""
            key = (window.period.tz, zone) if zoned else None
            by_zone.setdefault(key, []).append(window)
        for (tz, zone), part in (
            (key or ("UTC", "UTC"), part) for key, part in by_zone.items()
        ):
            query = Query(self, snapshot, part, meter, as_of)
            yield from query.run(group, names, tz, zone, clocks, fallback)

    def _snapshot(self, as_of=None):
        if as_of not in self._snapshots:
            self._snapshots[as_of] = Snapshot.load(self.cursor, self.company_id, as_of)
        return self._snapshots[as_of]

    def is_corrected(self, windows):
        """Whether some event of these windows was voided or amended."""
        periods = sorted({window.period.id for window in windows})
        return self._snapshot().corrected(periods).exists

    def sets(self, snapshot, windows, meter, as_of=None):
        """Dimension sets that the events in these windows have.

        Looked up once for all event types that are asked for.

        :rtype: Sets
        """
        types = self.types | {meter.event_type}
        key = (frozenset(window.period.id for window in windows), as_of)
        found = self._dimsets.get(key)
        if found is None or meter.event_type not in found:
            found = self._dimsets[key] = self._read_dimsets(
                snapshot, windows, sorted(types), as_of
            )
        return Sets(found[meter.event_type], meter)

    def _read_dimsets(self, snapshot, windows, types, as_of):
        """:return: {event type: {id of a dimension set: dimensions}}"""
        where = self.where(windows, types, as_of)
        source, carried = snapshot.read(
            self.driver,
            ["type", "dimset_id"],
            where,
            {window.period.id for window in windows},
            types,
        )
        pairs = self.driver.query(
            f"SELECT DISTINCT type, dimset_id FROM {_events_of(source, carried)}",
            carried,
        )
        self.cursor.execute(
            "SELECT id, dims FROM usage_store_dimset WHERE id = ANY(%s)",
            [[number for _type, number in pairs]],
        )
        dims = dict(self.cursor.fetchall())
        found = {kind: {} for kind in types}
        for kind, number in pairs:
            found[kind][number] = dims[number]
        return found

    def where(self, windows, types, as_of=None):
        """Condition over events that these windows touch."""
        periods = sorted({window.period.id for window in windows})
        low = rows.microseconds(min(window.start for window in windows))
        high = rows.microseconds(max(window.end for window in windows))
        if len(periods) <= PERIODS_NAMED:
            parts = [f"period_id IN ({numbers(periods)})"]
        else:
            parts = [f"period_id BETWEEN {periods[0]} AND {periods[-1]}"]
        if len(types) == 1:
            parts.append(f"type = {text(types[0])}")
        else:
            parts.append(f"type IN ({', '.join(map(text, types))})")
        parts.append(f"time >= {low} AND time < {high}")
        if as_of is not None:
            parts.append(f"received <= {rows.microseconds(as_of)}")
        return " AND ".join(parts)

    # -- events ------------------------------------------------------------------------

    def events(self, window, meter, dimensions=None, after=None, limit=None):
        """Events that a meter counts in a window, a page of them.

        :param dict dimensions: only events whose kept dimensions are these
        :param after: (time, id) or (time, event id, source, id) of the event before,
            which decides the order; None for the beginning
        :param int limit: events of the page
        :rtype: list[StoredEvent]
        """
        snapshot = self._snapshot()
        sets = self.sets(snapshot, [window], meter)
        query = Query(self, snapshot, [window], meter, None, sets)
        return query.events(dimensions, after, limit)


def _events_of(source, carried):
    """What to select from: nothing nested when no events are carried along."""
    return f"({source})" if carried else source.partition(" FROM ")[2]
