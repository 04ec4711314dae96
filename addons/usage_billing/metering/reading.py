"""Reading the event store in PostgreSQL: quantities, and the events behind them."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count

import psycopg2

from . import exact, quantities
from .facts import (
    EventRoute,
    Window,
    events,
    events_by_id,
    latest_events,
    live_events,
    refuse_archived_periods,
    select_from_events,
    whole,
)
from .figures import PostgresFacts
from .instants import from_microseconds, to_microseconds
from .places import PeriodSpan
from .planned import COLUMNS
from .prepare import many_objects
from .rollups import Rollup, merge_dimensions
from .texts import canonical
from .usage import daily, usage
from .values import Aggregate, DayAggregate, Difference, StoredEvent

_FIGURES = (
    "event_count, value_sum, value_min, value_max, first_time, last_time, watermark"
)
#: What a period's quantities were made from, of its rollups ``r``. Arrivals are kept to
#: the second: an amendment within one changes neither the count nor the watermark, and
#: one of a text changes no sum either; so corrections are counted, where there are any.
FINGERPRINT = (
    "sum(r.event_count)::text || '/' || max(r.watermark)::text"
    " || '/' || COALESCE(trim_scale(sum(r.value_sum))::text, '')"
    " || COALESCE((SELECT '/' || count(*) FROM usage_store_correction c"
    "   WHERE c.period_id = ANY(array_agg(r.period_id))"
    "      OR c.row_period_id = ANY(array_agg(r.period_id))"
    "   HAVING count(*) > 0), '')"
)
_streams = count(1)
#: The stretch of time a page of events is looked for in: pages that lie in it where
#: events are evenly spread, the shortest one, how much longer each next one is.
_PAGES = 3
_SHORTEST = timedelta(seconds=1)
_FARTHER = 8


class Reading:
    """What :class:`~.postgres.PostgresStore` can tell; ``cursor`` is set by it."""

    cursor = None

    @property
    def source(self):
        """What figures of events are asked of."""
        return PostgresFacts(self.cursor)

    def aggregate(self, periods, meters, dimensions=True, as_of=None):
        """See :meth:`.store.EventStore.aggregate`."""
        if not periods or not meters:
            return []
        rows = []
        additive = [meter for meter in meters if meter.is_additive]
        if additive:
            rows += self._aggregate_rollups(periods, additive, dimensions, as_of)
        for meter in meters:
            if not meter.is_additive:
                rows += exact.aggregate(self.source, periods, meter, dimensions, as_of)
        rows.sort(
            key=lambda row: (row.period_id, row.meter_id, canonical(row.dimensions))
        )
        return rows

    @many_objects()
    def quantities(self, period_ids, spans, meters, as_of=None):
        """See :meth:`.store.EventStore.quantities`."""
        if not period_ids or not meters:
            return {}
        if as_of is not None:
            self._refuse_archived(period_ids, meters)
            found = quantities.from_events(self.cursor, period_ids, meters, as_of)
            return self._summed(spans, meters, as_of) if found is None else found
        additive = [meter for meter in meters if meter.is_additive]
        found = {}
        if additive:
            found = quantities.from_rollups(self.cursor, period_ids, additive)
        if len(additive) < len(meters):
            others = [meter for meter in meters if not meter.is_additive]
            found |= self._summed(spans, others)
        return found

    def _refuse_archived(self, period_ids, meters):
        """What is asked of the events, rollups do not know."""
        types = {meter.event_type for meter in meters}
        refuse_archived_periods(self.cursor, period_ids, types)

    def _summed(self, spans, meters, as_of=None):
        """Quantities without dimensions, by way of aggregates."""
        return {
            (row.period_id, row.meter_id): row.quantity
            for row in self.aggregate(spans(), meters, dimensions=False, as_of=as_of)
        }

    def _aggregate_rollups(self, periods, meters, dimensions, as_of):
        source, parameters = "usage_store_rollup", _ids(periods, meters)
        if as_of is not None:
            self._refuse_archived(parameters[0], meters)
            routes = self._event_routes(periods, meters)
            if not routes:
                return []
            text = select_from_events(
                self.cursor, periods, routes, as_of=as_of, days=False
            )
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
                quantity=by_id[row.meter_id].quantity(
                    row.quantity(by_id[row.meter_id])
                ),
                count=row.count,
                first=row.first,
                last=row.last,
                watermark=row.watermark,
            )
            for row in rows
        ]

    def fingerprints(self, period_ids, carrying=()):
        """See :meth:`.store.EventStore.fingerprints`: events counted, newest batch."""
        if not period_ids:
            return {}
        self.cursor.execute(
            f"SELECT r.period_id, {FINGERPRINT}"
            "  FROM usage_store_rollup r"
            " WHERE r.period_id = ANY(%s) AND r.bucket = '-infinity'"
            "   AND r.event_count > 0 GROUP BY r.period_id",
            [list(period_ids)],
        )
        found = dict(self.cursor.fetchall())
        if carrying:
            for period_id, text in self._carried_fingerprints(period_ids, carrying):
                found[period_id] = f"{found.get(period_id, '')}+{text}"
        return found

    def _carried_fingerprints(self, period_ids, carrying):
        """Events of earlier periods that levels are carried over from."""
        self.cursor.execute(
            f"SELECT p.id, {FINGERPRINT}"
            "  FROM usage_period p"
            "  JOIN usage_period b ON b.subscription_id = p.subscription_id"
            "   AND b.start_at < p.start_at"
            "  JOIN usage_store_rollup r ON r.period_id = b.id"
            "   AND r.meter_id = ANY(%s) AND r.bucket = '-infinity'"
            " WHERE p.id = ANY(%s) AND r.event_count > 0 GROUP BY p.id",
            [list(carrying), list(period_ids)],
        )
        return self.cursor.fetchall()

    def daily(self, periods, meters):
        """See :meth:`.store.EventStore.daily`."""
        if not periods or not meters:
            return []
        by_id = {meter.id: meter for meter in meters if meter.is_additive}
        rows = [
            DayAggregate(
                period_id=row.period_id,
                meter_id=row.meter_id,
                day=row.bucket,
                dimensions=row.dims,
                quantity=by_id[row.meter_id].convert(row.quantity(by_id[row.meter_id])),
                count=row.count,
            )
            for row in self._read_rollups(
                "usage_store_rollup",
                "> '-infinity'",
                [[period.id for period in periods], list(by_id)],
            )
        ]
        for meter in meters:
            if not meter.is_additive:
                rows += daily(self.source, periods, meter)
        rows.sort(
            key=lambda row: (
                row.period_id, row.meter_id, row.day, canonical(row.dimensions),
            )
        )  # fmt: skip
        return rows

    def _read_rollups(self, source, bucket, parameters):
        self.cursor.execute(
            f"SELECT {COLUMNS}, d.dims FROM {source} r"
            " JOIN usage_store_dimset d ON d.id = r.dimset_id"
            " WHERE r.period_id = ANY(%s) AND r.meter_id = ANY(%s)"
            f" AND r.bucket {bucket} AND r.event_count > 0",
            parameters,
        )
        return [Rollup(*row) for row in self.cursor.fetchall()]

    def explain(self, period, meter, dimensions=None, limit=80, after=None):
        """See :meth:`.store.EventStore.explain`.

        A page of a line of a million events is looked for in a stretch of time that
        should hold it, then in longer ones: the same page, without reading the rest.
        """
        (window,) = whole([period])
        start, look, last = self._where_a_page_is(
            window, meter, dimensions, limit, after
        )
        while True:
            end = start + look if start + look < last else window.end
            stretch = replace(window, start=start, end=end)
            self.cursor.execute(
                events(self.cursor, stretch, meter, dimensions, after, limit)
            )
            rows = self.cursor.fetchall()
            if len(rows) >= limit or stretch.end >= window.end:
                return [StoredEvent(*row) for row in rows]
            look *= _FARTHER

    def _where_a_page_is(self, window, meter, dimensions, limit, after):
        """First instant of a page, and how long a stretch some pages need there.

        What the rollups know of the period only says how far to look first.

        :return: (datetime, timedelta, an instant after which nothing is expected)
        """
        start = max(window.start, after[0]) if after else window.start
        self.cursor.execute(
            "SELECT sum(r.event_count), min(r.first_time), max(r.last_time)"
            "  FROM usage_store_rollup r"
            "  JOIN usage_store_dimset d ON d.id = r.dimset_id"
            " WHERE r.period_id = %s AND r.meter_id = %s AND r.bucket = '-infinity'"
            "   AND r.event_count > 0 AND (%s::jsonb IS NULL OR d.dims @> %s::jsonb)",
            [window.period.id, meter.id]
            + [None if dimensions is None else json.dumps(dict(dimensions))] * 2,
        )
        ((found, first, last),) = self.cursor.fetchall()
        if not found:
            length = window.end - window.start
            return start, length / 1000 + _SHORTEST, window.end
        pages = (last - first) / int(found) * (limit * _PAGES)
        look = max(first - start, timedelta()) + max(pages, _SHORTEST)
        return start, look, min(last, window.end)

    def stream(self, period, meter, dimensions=None, size=2000):
        """See :meth:`.store.EventStore.stream`."""
        (window,) = whole([period])
        name = f"usage_stream_{next(_streams)}"
        cursor = self.cursor
        query = events(cursor, window, meter, dimensions)
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {query}")
        try:
            while True:
                cursor.execute(f"FETCH {size} FROM {name}")
                rows = cursor.fetchall()
                for row in rows:
                    yield StoredEvent(*row)
                if len(rows) < size:
                    return
        finally:
            # a failed transaction has closed it already
            with suppress(psycopg2.Error):
                cursor.execute(f"CLOSE {name}")

    def sample(self, meter, like, limit, subscription_id=None):
        """The last events a meter counts, oldest first.

        Rollups say where to look, so it costs the same however many events there are:
        those of meters that count the same type of events.

        :param like: ids of meters of the same event type
        :param subscription_id: only this subscription's events
        """
        rows = []
        for factor in (1, 50):
            since = self._newest(like, limit * factor, subscription_id)
            windows = self._windows_since(like, since, subscription_id)
            if not windows:
                return []
            query = latest_events(self.cursor, windows, meter, limit)
            self.cursor.execute(query)
            rows = self.cursor.fetchall()
            if len(rows) == limit:
                break
        return [StoredEvent(*row) for row in reversed(rows)]

    def rows(self, row_ids):
        """Rows of the store by their numbers, voided ones too."""
        self.cursor.execute(events_by_id(self.cursor, row_ids))
        return [StoredEvent(*row) for row in self.cursor.fetchall()]

    def live_events(self, company_id, source_id, start, end, subscriptions, types):
        """Events of a source in a span of time that count; None for all."""
        query = live_events(
            self.cursor, company_id, source_id, start, end, subscriptions, types
        )
        self.cursor.execute(query)
        return [StoredEvent(*row) for row in self.cursor.fetchall()]

    def _newest(self, like, count, subscription_id):
        """An instant after which there are at least so many events, if there are."""
        self.cursor.execute(
            "SELECT event_count, first_time FROM usage_store_rollup"
            " WHERE meter_id = ANY(%s) AND bucket > '-infinity' AND event_count > 0"
            " AND (%s::int IS NULL OR subscription_id = %s)"
            " ORDER BY last_time DESC LIMIT %s",
            [list(like), subscription_id, subscription_id, count],
        )
        since, found = datetime.max, 0
        for number, first in self.cursor.fetchall():
            since, found = min(since, first), found + number
            if found >= count * len(like):  # each meter may count the same events
                break
        return since

    def _windows_since(self, like, since, subscription_id):
        """Windows over what happened since an instant, period by period."""
        self.cursor.execute(
            "SELECT DISTINCT p.id, p.subscription_id, p.start_at, p.end_at, p.tz"
            "  FROM usage_store_rollup r JOIN usage_period p ON p.id = r.period_id"
            " WHERE r.meter_id = ANY(%s) AND r.bucket = '-infinity'"
            "   AND r.last_time >= %s AND r.event_count > 0"
            "   AND (%s::int IS NULL OR r.subscription_id = %s)",
            [list(like), since, subscription_id, subscription_id],
        )
        return [
            Window(
                number,
                PeriodSpan(
                    period_id, subscription, to_microseconds(start),
                    to_microseconds(end), tz, "",
                ),
                max(start, since),
                end,
            )
            for number, (period_id, subscription, start, end, tz) in enumerate(
                self.cursor.fetchall()
            )
        ]  # fmt: skip

    def usage(self, spans, meter, bucket, group_by=()):
        """See :meth:`.store.EventStore.usage`."""
        return usage(self.source, spans, meter, bucket, group_by)

    def verify(self, periods, meters):
        """See :meth:`.store.EventStore.verify`."""
        if not periods or not meters:
            return []
        columns = "period_id, meter_id, dimset_id, nullif(bucket, '-infinity')"
        self.cursor.execute(
            f"SELECT {columns}, {_FIGURES} FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s) AND bucket IS NOT NULL",
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
        if not batch_ids:
            return []
        # the range is what the index on the numbers knows
        self.cursor.execute(
            "SELECT DISTINCT period_id FROM usage_store_event"
            " WHERE batch_id = ANY(%s) AND id >= %s AND id < %s",
            [list(batch_ids), min(batch_ids) << 31, (max(batch_ids) + 1) << 31],
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

    def _event_routes(self, periods, meters, only="true"):
        """Which meter counts which (type, dimension set) of these periods' events.

        :param str only: SQL of one more condition on events ``e``
        :rtype: list[EventRoute]
        """
        self.cursor.execute(
            "SELECT k.type, k.dimset_id, d.dims FROM ("
            "   SELECT DISTINCT e.type, e.dimset_id FROM usage_store_event e"
            "   WHERE e.period_id = ANY(%s) AND e.time >= %s AND e.time < %s"
            f"  AND e.type = ANY(%s) AND {only}"
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
