"""The event store in PostgreSQL, on the caller's transaction."""

import json
from datetime import date

from psycopg2.extras import execute_values

from .append import Append
from .keys import identity_function
from .rollups import (
    COLUMNS,
    LIVE,
    EventRoute,
    Rollup,
    merge_dimensions,
    select_from_events,
)
from .routing import canonical, from_microseconds
from .values import Aggregate, DayAggregate, Difference, StoredEvent

CHUNK = 50_000

_FIGURES = (
    "event_count, value_sum, value_min, value_max, first_time, last_time, watermark"
)
_BY_DIMENSIONS = 'd.dims::text COLLATE "C"'


class PostgresStore:
    """:class:`~.store.EventStore` on a psycopg2 cursor.

    :param cursor: from :func:`~.connection.exact_cursor`
    :param catalogue: :class:`~.routing.Catalogue`; needed to append only
    :param hold: function (BatchSpec, list[HeldRow]) -> positions of rows that were held
        before already; stores the others in the quarantine
    :param partition_cursor: function giving a context manager with a cursor of a
        transaction of its own, committed at its end; months are created there
    """

    def __init__(self, cursor, catalogue=None, hold=None, partition_cursor=None):
        self.cursor = cursor
        self.catalogue = catalogue
        self.hold = hold
        self.partition_cursor = partition_cursor

    # -- writing ---------------------------------------------------------------------

    def append(self, batch, rows, chunk=CHUNK):
        """See :meth:`.store.EventStore.append`."""
        # A rebuild of rollups must not run beside an append it cannot see.
        self.cursor.execute("LOCK TABLE usage_store_rollup IN ROW EXCLUSIVE MODE")
        return Append(self, batch).run(rows, chunk)

    def rebuild(self, periods, meters):
        """See :meth:`.store.EventStore.rebuild`."""
        if not periods or not meters:
            return
        cursor = self.cursor
        cursor.execute("LOCK TABLE usage_store_rollup IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "DELETE FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            _ids(periods, meters),
        )
        routes = self._event_routes(periods, meters)
        if routes:
            selection = select_from_events(cursor, periods, routes)
            cursor.execute(f"INSERT INTO usage_store_rollup ({COLUMNS}) {selection}")

    def erase(self, company_id, source_id):
        """Forget a source: its events and their identities, as if never received.

        Only for usage that nobody was billed for; the caller makes sure of that, and
        makes the rollups of the periods again.

        :return: ids of the periods the events fell into
        """
        cursor = self.cursor
        cursor.execute("LOCK TABLE usage_store_rollup IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "DELETE FROM usage_store_event WHERE company_id = %s AND source_id = %s"
            " RETURNING event_id, period_id",
            [company_id, source_id],
        )
        erased = cursor.fetchall()
        identity = identity_function(company_id, source_id)
        cursor.execute(
            "DELETE FROM usage_store_identity WHERE identity = ANY(%s::uuid[])",
            [[identity(event_id)[1].hex() for event_id, _period in erased]],
        )
        return sorted({period_id for _event_id, period_id in erased})

    def dimset_ids(self, wanted):
        """Numbers of dimension sets, new ones added to the dictionary.

        :param dict wanted: canonical text -> dimensions
        :return: canonical text -> id
        """
        if not wanted:
            return {}
        texts = sorted(wanted)
        self.cursor.execute(
            "SELECT t.text, d.id FROM unnest(%s) AS t(text)"
            " JOIN usage_store_dimset d ON d.hash = md5(t.text)::uuid",
            [texts],
        )
        found = dict(self.cursor.fetchall())
        new = [(text, json.dumps(wanted[text])) for text in texts if text not in found]
        if not new:
            return found
        execute_values(
            self.cursor,
            "INSERT INTO usage_store_dimset (hash, dims)"
            " SELECT md5(t.text)::uuid, t.dims::jsonb FROM (VALUES %s) AS t(text, dims)"
            " ON CONFLICT (hash) DO NOTHING",
            new,
            page_size=1000,
        )
        return found | self.dimset_ids({text: wanted[text] for text, _dims in new})

    # -- reading ---------------------------------------------------------------------

    def aggregate(self, periods, meters, dimensions=True, as_of=None):
        """See :meth:`.store.EventStore.aggregate`."""
        if not periods or not meters:
            return []
        source, parameters = "usage_store_rollup", _ids(periods, meters)
        if as_of is not None:
            routes = self._event_routes(periods, meters)
            if not routes:
                return []
            text = select_from_events(self.cursor, periods, routes, as_of)
            source = f"({text.replace('%', '%%')})"
        rows = self._read_rollups(source, "= '-infinity'", parameters)
        if not dimensions:
            rows = merge_dimensions(rows)
        by_id = {meter.id: meter for meter in meters}
        return [
            Aggregate(
                subscription_id=row.subscription_id,
                period_id=row.period_id,
                meter_id=row.meter_id,
                dimensions=row.dims,
                quantity=by_id[row.meter_id].round(row.quantity(by_id[row.meter_id])),
                count=row.count,
                first=row.first,
                last=row.last,
                watermark=row.watermark,
            )
            for row in rows
        ]

    def fingerprints(self, period_ids):
        """See :meth:`.store.EventStore.fingerprints`: events counted, newest batch."""
        if not period_ids:
            return {}
        self.cursor.execute(
            "SELECT period_id, sum(event_count)::text || '/' || max(watermark)::text"
            "  FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND bucket = '-infinity' AND event_count > 0"
            " GROUP BY period_id",
            [list(period_ids)],
        )
        return dict(self.cursor.fetchall())

    def daily(self, periods, meters):
        """See :meth:`.store.EventStore.daily`."""
        if not periods or not meters:
            return []
        by_id = {meter.id: meter for meter in meters}
        rows = self._read_rollups(
            "usage_store_rollup", "> '-infinity'", _ids(periods, meters)
        )
        return [
            DayAggregate(
                period_id=row.period_id,
                meter_id=row.meter_id,
                day=row.bucket,
                dimensions=row.dims,
                quantity=row.quantity(by_id[row.meter_id]),
                count=row.count,
            )
            for row in rows
        ]

    def _read_rollups(self, source, bucket, parameters):
        self.cursor.execute(
            f"SELECT {COLUMNS}, d.dims FROM {source} r"
            " JOIN usage_store_dimset d ON d.id = r.dimset_id"
            " WHERE r.period_id = ANY(%s) AND r.meter_id = ANY(%s)"
            f" AND r.bucket {bucket}"
            f" ORDER BY r.period_id, r.meter_id, r.bucket, {_BY_DIMENSIONS}",
            parameters,
        )
        return [Rollup(*row) for row in self.cursor.fetchall()]

    def explain(self, period, meter, dimensions=None, limit=80, after=None):
        """See :meth:`.store.EventStore.explain`."""
        routes = self._event_routes([period], [meter])
        if dimensions is not None:
            wanted = canonical(dict(dimensions))
            routes = [route for route in routes if route.projection == wanted]
        if not routes:
            return []
        self.cursor.execute(
            "SELECT e.id, e.event_id, e.type, e.subject, e.time, e.value, e.amount,"
            " e.currency, d.dims, coalesce(e.properties, '{}'), e.source_id,"
            " e.batch_id, e.row_number, e.received_at"
            " FROM usage_store_event e"
            " JOIN usage_store_dimset d ON d.id = e.dimset_id"
            " JOIN unnest(%(dimsets)s::int[], %(filters)s::jsonb[])"
            "      AS r(dimset_id, filters)"
            "   ON r.dimset_id = e.dimset_id"
            "  AND coalesce(e.properties, '{}') @> r.filters"
            " WHERE e.period_id = %(period)s"
            " AND e.time >= %(start)s AND e.time < %(end)s"
            f" AND e.type = %(type)s AND {LIVE}"
            " AND (%(time)s::timestamp IS NULL OR (e.time, e.id) > (%(time)s, %(id)s))"
            " ORDER BY e.time, e.id LIMIT %(limit)s",
            {
                "period": period.id,
                "start": from_microseconds(period.start),
                "end": from_microseconds(period.end),
                "type": meter.event_type,
                "dimsets": [route.dimset_id for route in routes],
                "filters": [json.dumps(dict(route.filters)) for route in routes],
                "time": after and after[0],
                "id": after and after[1],
                "limit": limit,
            },
        )
        return [StoredEvent(*row) for row in self.cursor.fetchall()]

    def verify(self, periods, meters):
        """See :meth:`.store.EventStore.verify`."""
        if not periods or not meters:
            return []
        columns = "period_id, meter_id, dimset_id, nullif(bucket, '-infinity')"
        self.cursor.execute(
            f"SELECT {columns}, {_FIGURES} FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            _ids(periods, meters),
        )
        rollups = {row[:4]: row[4:] for row in self.cursor.fetchall()}
        events = {}
        routes = self._event_routes(periods, meters)
        if routes:
            selection = select_from_events(self.cursor, periods, routes)
            self.cursor.execute(f"SELECT {columns}, {_FIGURES} FROM ({selection}) AS e")
            events = {row[:4]: row[4:] for row in self.cursor.fetchall()}
        keys = [
            key
            for key in rollups.keys() | events.keys()
            if rollups.get(key) != events.get(key)
        ]
        keys.sort(key=lambda key: (*key[:3], key[3] or date.min))
        return [
            Difference(*key, rollup=rollups.get(key), events=events.get(key))
            for key in keys
        ]

    def periods_of_batches(self, batch_ids):
        """Periods that events of these batches fell into."""
        self.cursor.execute(
            "SELECT DISTINCT period_id FROM usage_store_event WHERE batch_id = ANY(%s)",
            [list(batch_ids)],
        )
        return [period_id for (period_id,) in self.cursor.fetchall()]

    def periods_of_types(self, company_id, types, meter_ids):
        """Periods with events of these types, or with rollups of these meters."""
        self.cursor.execute(
            "SELECT period_id FROM usage_store_event"
            " WHERE company_id = %s AND type = ANY(%s)"
            " UNION SELECT period_id FROM usage_store_rollup WHERE meter_id = ANY(%s)",
            [company_id, list(types), list(meter_ids)],
        )
        return [period_id for (period_id,) in self.cursor.fetchall()]

    def _event_routes(self, periods, meters):
        """Which meter counts which (type, dimension set) of these periods' events.

        :rtype: list[EventRoute]
        """
        self.cursor.execute(
            "SELECT k.type, k.dimset_id, d.dims FROM ("
            "   SELECT DISTINCT type, dimset_id FROM usage_store_event"
            "   WHERE period_id = ANY(%s) AND time >= %s AND time < %s"
            "   AND type = ANY(%s)"
            ") AS k JOIN usage_store_dimset d ON d.id = k.dimset_id",
            [
                [period.id for period in periods],
                from_microseconds(min(period.start for period in periods)),
                from_microseconds(max(period.end for period in periods)),
                list({meter.event_type for meter in meters}),
            ],
        )
        routes = [
            EventRoute(meter, dimset_id, dims, filters)
            for etype, dimset_id, dims in self.cursor.fetchall()
            for meter in meters
            if meter.event_type == etype
            and (filters := meter.split_filters(dims)) is not None
        ]
        ids = self.dimset_ids({r.projection: json.loads(r.projection) for r in routes})
        for route in routes:
            route.projected_id = ids[route.projection]
        return routes


def _ids(periods, meters):
    return [[period.id for period in periods], [meter.id for meter in meters]]
