"""The event store in PostgreSQL, on the caller's transaction.

How a chunk of rows goes in
    1. a route for each distinct (type, subject, dimensions): subscription, periods, meters
    2. per row: identity, period by time, encoding; what does not fit is held
    3. identities go straight into the registry by COPY; only when one is there already is
       that undone and the way through a staging table taken, which tells the new rows
    4. the new rows go by COPY into the tables of their months
    5. rollups are added up from the new rows and written at the end, in key order
"""

import json
from collections import defaultdict
from contextlib import contextmanager
from datetime import date, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, localcontext
from io import BytesIO
from itertools import compress, islice
from struct import Struct

import psycopg2.errors
from psycopg2.extras import execute_values

from . import copybin, schema
from .errors import StoreError
from .keys import event_key, identity_function, payload_hash
from .routing import (
    EPOCH,
    OPEN_END,
    SLOT,
    Router,
    canonical,
    clean,
    day_of,
    from_microseconds,
    to_microseconds,
)
from .store import BatchSpec, HeldRow
from .values import (
    Aggregate,
    AppendResult,
    DayAggregate,
    Difference,
    EventRow,
    RejectedRow,
    StoredEvent,
)

#: Sums keep every digit of MAX_DIGITS-digit numbers; losing one is an error.
EXACT = Context(prec=999, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])

CHUNK = 50_000
#: Rollup rows kept in memory before they are written.
ROLLUPS_KEPT = 200_000

_EVENT_COLUMNS = (
    "key, time, payload_hash, id, row_number, event_id, value, amount, currency,"
    " properties, company_id, source_id, batch_id, subscription_id, period_id,"
    " dimset_id, type, subject, kind, received_at"
)
_head = Struct(">hi16siqiqiqiii").pack
_identity_row = Struct(">hi16siqiq").pack
_numbers = Struct(">iiiiiiiiiiii").pack
_USAGE = b"\x00\x00\x00\x01u"
_WHOLE = None


class _Held(Exception):
    """A row that cannot be stored: reason code and detail."""


class PostgresStore:
    """:class:`~.store.EventStore` on a psycopg2 cursor.

    :param cursor: from :func:`~.connection.exact_cursor`
    :param catalogue: :class:`~.routing.Catalogue`
    :param hold: function (BatchSpec, list[HeldRow]) -> positions of rows that were held
        before already; stores the others in the quarantine
    :param partition_cursor: function giving a context manager with a cursor of a
        transaction of its own, committed at its end; months are created there
    """

    def __init__(self, cursor, catalogue, hold=None, partition_cursor=None):
        self.cursor = cursor
        self.catalogue = catalogue
        self.hold = hold
        self.partition_cursor = partition_cursor

    # -- writing ---------------------------------------------------------------------

    def append(self, batch, rows, chunk=CHUNK):
        """See :meth:`.store.EventStore.append`."""
        # A rebuild of rollups must not run beside an append it cannot see.
        self.cursor.execute("LOCK TABLE usage_store_rollup IN ROW EXCLUSIVE MODE")
        return _Append(self, batch).run(rows, chunk)

    def rebuild(self, periods, meters):
        """See :meth:`.store.EventStore.rebuild`."""
        if not periods or not meters:
            return
        cursor = self.cursor
        cursor.execute("LOCK TABLE usage_store_rollup IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "DELETE FROM usage_store_rollup WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            [[period.id for period in periods], [meter.id for meter in meters]],
        )
        selection = self._select_rollups(periods, meters)
        if selection:
            cursor.execute(
                f"INSERT INTO usage_store_rollup ({_ROLLUP_COLUMNS}) {selection}"
            )

    def dimset_ids(self, wanted):
        """Numbers of dimension sets, new ones added to the dictionary.

        :param dict wanted: canonical text -> dimensions
        :return: canonical text -> id
        """
        if not wanted:
            return {}
        execute_values(
            self.cursor,
            "INSERT INTO usage_store_dimset (hash, dims)"
            " SELECT md5(t.text)::uuid, t.dims::jsonb FROM (VALUES %s) AS t(text, dims)"
            " WHERE NOT EXISTS"
            "   (SELECT FROM usage_store_dimset d WHERE d.hash = md5(t.text)::uuid)"
            " ON CONFLICT (hash) DO NOTHING",
            [(text, json.dumps(dims)) for text, dims in sorted(wanted.items())],
            page_size=1000,
        )
        self.cursor.execute(
            "SELECT t.text, d.id FROM unnest(%s) AS t(text)"
            " JOIN usage_store_dimset d ON d.hash = md5(t.text)::uuid",
            [list(wanted)],
        )
        return dict(self.cursor.fetchall())

    # -- reading ---------------------------------------------------------------------

    def aggregate(self, periods, meters, dimensions=True, as_of=None):
        """See :meth:`.store.EventStore.aggregate`."""
        if not periods or not meters:
            return []
        if as_of is None:
            self.cursor.execute(
                f"SELECT {_ROLLUP_COLUMNS}, d.dims FROM usage_store_rollup r"
                " JOIN usage_store_dimset d ON d.id = r.dimset_id"
                " WHERE r.period_id = ANY(%s) AND r.meter_id = ANY(%s)"
                " AND r.bucket = '-infinity'"
                ' ORDER BY r.period_id, r.meter_id, d.dims::text COLLATE "C"',
                [[period.id for period in periods], [meter.id for meter in meters]],
            )
        else:
            selection = self._select_rollups(periods, meters, as_of=as_of)
            if not selection:
                return []
            self.cursor.execute(
                f"SELECT {_ROLLUP_COLUMNS}, d.dims FROM ({selection}) r"
                " JOIN usage_store_dimset d ON d.id = r.dimset_id"
                " WHERE r.bucket = '-infinity'"
                ' ORDER BY r.period_id, r.meter_id, d.dims::text COLLATE "C"'
            )
        by_id = {meter.id: meter for meter in meters}
        rows = [_Rollup(*row[:-1], dims=row[-1]) for row in self.cursor.fetchall()]
        if not dimensions:
            rows = _merge(rows)
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
        self.cursor.execute(
            f"SELECT {_ROLLUP_COLUMNS}, d.dims FROM usage_store_rollup r"
            " JOIN usage_store_dimset d ON d.id = r.dimset_id"
            " WHERE r.period_id = ANY(%s) AND r.meter_id = ANY(%s)"
            " AND r.bucket > '-infinity'"
            ' ORDER BY r.period_id, r.meter_id, r.bucket, d.dims::text COLLATE "C"',
            [[period.id for period in periods], [meter.id for meter in meters]],
        )
        by_id = {meter.id: meter for meter in meters}
        return [
            DayAggregate(
                period_id=row.period_id,
                meter_id=row.meter_id,
                day=row.bucket,
                dimensions=row.dims,
                quantity=row.quantity(by_id[row.meter_id]),
                count=row.count,
            )
            for row in (
                _Rollup(*values[:-1], dims=values[-1])
                for values in self.cursor.fetchall()
            )
        ]

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
            " e.currency, d.dims, coalesce(e.properties, '{}'), e.source_id, e.batch_id,"
            " e.row_number, e.received_at"
            " FROM usage_store_event e"
            " JOIN usage_store_dimset d ON d.id = e.dimset_id"
            " JOIN unnest(%(dimsets)s::int[], %(filters)s::jsonb[]) AS r(dimset_id, filters)"
            "   ON r.dimset_id = e.dimset_id AND coalesce(e.properties, '{}') @> r.filters"
            " WHERE e.period_id = %(period)s AND e.time >= %(start)s AND e.time < %(end)s"
            f" AND e.type = %(type)s AND {_LIVE}"
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
        figures = "event_count, value_sum, value_min, value_max, first_time, last_time, watermark"
        self.cursor.execute(
            f"SELECT {columns}, {figures} FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            [[period.id for period in periods], [meter.id for meter in meters]],
        )
        rollups = {row[:4]: row[4:] for row in self.cursor.fetchall()}
        events = {}
        selection = self._select_rollups(periods, meters)
        if selection:
            self.cursor.execute(f"SELECT {columns}, {figures} FROM ({selection}) AS e")
            events = {row[:4]: row[4:] for row in self.cursor.fetchall()}
        return [
            Difference(*key, rollup=rollups.get(key), events=events.get(key))
            for key in sorted(
                rollups.keys() | events.keys(),
                key=lambda key: (*key[:3], key[3] or date.min),
            )
            if rollups.get(key) != events.get(key)
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
            "SELECT DISTINCT period_id FROM usage_store_event"
            " WHERE company_id = %s AND type = ANY(%s)"
            " UNION SELECT period_id FROM usage_store_rollup WHERE meter_id = ANY(%s)",
            [company_id, list(types), list(meter_ids)],
        )
        return [period_id for (period_id,) in self.cursor.fetchall()]

    # -- SQL of the rollups, from the events ------------------------------------------

    def _event_routes(self, periods, meters):
        """Which meter counts which (type, dimension set) of the events of these periods."""
        self.cursor.execute(
            "SELECT k.type, k.dimset_id, d.dims FROM ("
            "   SELECT DISTINCT type, dimset_id FROM usage_store_event"
            "   WHERE period_id = ANY(%s) AND time >= %s AND time < %s AND type = ANY(%s)"
            ") AS k JOIN usage_store_dimset d ON d.id = k.dimset_id",
            [
                [period.id for period in periods],
                from_microseconds(min(period.start for period in periods)),
                from_microseconds(max(period.end for period in periods)),
                list({meter.event_type for meter in meters}),
            ],
        )
        found = self.cursor.fetchall()
        routes = [
            _EventRoute(meter, dimset_id, dims, left)
            for etype, dimset_id, dims in found
            for meter in meters
            if meter.event_type == etype
            and (left := meter.split_filters(dims)) is not None
        ]
        ids = self.dimset_ids({r.projection: json.loads(r.projection) for r in routes})
        for route in routes:
            route.projected_id = ids[route.projection]
        return routes

    def _select_rollups(self, periods, meters, as_of=None):
        """SQL text of the rollup rows of these periods, made from the events.

        :return: text of a SELECT of _ROLLUP_COLUMNS, or "" when there is no event
        """
        routes = self._event_routes(periods, meters)
        if not routes:
            return ""
        query = f"""
            WITH route AS (
                SELECT * FROM unnest(
                    %(types)s::text[], %(dimsets)s::int[], %(meters)s::int[],
                    %(projected)s::int[], %(filters)s::jsonb[], %(sources)s::text[],
                    %(properties)s::text[], %(constants)s::text[]
                ) AS r(type, dimset_id, meter_id, projected_id, filters, source, property,
                       constant)
            ), zone AS (
                SELECT * FROM unnest(%(periods)s::int[], %(zones)s::text[]) AS z(id, tz)
            ), fact AS (
                SELECT e.subscription_id, e.period_id, r.meter_id,
                       r.projected_id AS dimset_id, e.time, e.received_at,
                       (e.time AT TIME ZONE 'UTC' AT TIME ZONE z.tz)::date AS day,
                       CASE r.source
                            WHEN 'value' THEN e.value
                            WHEN 'amount' THEN e.amount
                            WHEN 'property' THEN
                                coalesce(e.properties ->> r.property, r.constant)::numeric
                       END AS value
                  FROM usage_store_event e
                  JOIN route r ON r.type = e.type AND r.dimset_id = e.dimset_id
                  JOIN zone z ON z.id = e.period_id
                 WHERE e.period_id = ANY(%(periods)s)
                   AND e.time >= %(start)s AND e.time < %(end)s
                   AND coalesce(e.properties, '{{}}') @> r.filters
                   AND (%(as_of)s::timestamp IS NULL OR e.received_at <= %(as_of)s)
                   AND {_LIVE}
            )
            SELECT subscription_id, period_id, meter_id, dimset_id,
                   CASE GROUPING(day) WHEN 1 THEN '-infinity'::date ELSE day END AS bucket,
                   count(*) AS event_count, sum(value) AS value_sum,
                   min(value) AS value_min, max(value) AS value_max,
                   min(time) AS first_time, max(time) AS last_time,
                   max(received_at) AS watermark
              FROM fact
             GROUP BY GROUPING SETS (
                 (subscription_id, period_id, meter_id, dimset_id),
                 (subscription_id, period_id, meter_id, dimset_id, day))
        """
        return self.cursor.mogrify(
            query,
            {
                "types": [route.meter.event_type for route in routes],
                "dimsets": [route.dimset_id for route in routes],
                "meters": [route.meter.id for route in routes],
                "projected": [route.projected_id for route in routes],
                "filters": [json.dumps(dict(route.filters)) for route in routes],
                "sources": [_source_of(route.meter) for route in routes],
                "properties": [route.meter.value_property for route in routes],
                "constants": [
                    route.dims.get(route.meter.value_property) for route in routes
                ],
                "periods": [period.id for period in periods],
                "zones": [period.tz for period in periods],
                "start": from_microseconds(min(period.start for period in periods)),
                "end": from_microseconds(max(period.end for period in periods)),
                "as_of": as_of,
            },
        ).decode()


#: Events of a delivery that a newer version replaced do not count.
_LIVE = (
    "NOT EXISTS (SELECT FROM usage_batch b"
    " WHERE b.id = e.batch_id AND b.state = 'superseded')"
)
_ROLLUP_COLUMNS = (
    "subscription_id, period_id, meter_id, dimset_id, bucket, event_count, value_sum,"
    " value_min, value_max, first_time, last_time, watermark"
)


def _source_of(meter):
    return meter.value_source if meter.needs_value else "none"


class _EventRoute:
    __slots__ = ("dims", "dimset_id", "filters", "meter", "projected_id", "projection")

    def __init__(self, meter, dimset_id, dims, filters):
        self.meter = meter
        self.dimset_id = dimset_id
        self.dims = dims
        self.filters = filters
        self.projection = canonical(meter.project(dims))
        self.projected_id = None


class _Rollup:
    """A rollup row as read; the order of the arguments is _ROLLUP_COLUMNS."""

    def __init__(
        self, subscription_id, period_id, meter_id, dimset_id, bucket, count, total,
        low, high, first, last, watermark, dims,
    ):  # fmt: skip
        self.subscription_id = subscription_id
        self.period_id = period_id
        self.meter_id = meter_id
        self.bucket = bucket
        self.count = count
        self.total = total
        self.low = low
        self.high = high
        self.first = first
        self.last = last
        self.watermark = watermark
        self.dims = dims

    def quantity(self, meter):
        """The meter's quantity, before its rounding."""
        match meter.aggregation:
            case "count":
                return Decimal(self.count)
            case "sum":
                return self.total
            case "max":
                return self.high
            case "min":
                return self.low
        raise StoreError("aggregation", aggregation=meter.aggregation)

    def add(self, other):
        """Add another dimension set's row."""
        self.count += other.count
        with localcontext(EXACT):
            self.total = None if self.total is None else self.total + other.total
        if self.low is not None:
            self.low = min(self.low, other.low)
            self.high = max(self.high, other.high)
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.watermark = max(self.watermark, other.watermark)


def _merge(rows):
    """Add rows of all dimension sets together, by period and meter."""
    merged = {}
    for row in rows:
        row.dims = {}
        key = (row.period_id, row.meter_id)
        if key in merged:
            merged[key].add(row)
        else:
            merged[key] = row
    return list(merged.values())


class _Append:
    """One append: what is kept from chunk to chunk."""

    def __init__(self, store, batch: BatchSpec):
        self.store = store
        self.cursor = store.cursor
        self.batch = batch
        self.result = AppendResult()
        self.router = Router(store.catalogue, batch.source_id)
        self.identity = identity_function(batch.company_id, batch.source_id)
        self.numbers = copybin.NumericCache()
        self.latest = (
            OPEN_END if batch.latest is None else to_microseconds(batch.latest)
        )
        self.received = copybin.int8(to_microseconds(batch.received_at))
        self.dimsets = {}
        self.rollups = {}
        self.months = set()
        self.resent = False
        self.ordinal = (batch.id << 31) + batch.first_row

    def run(self, rows, chunk):
        iterator = iter(rows)
        while taken := list(islice(iterator, chunk)):
            self._take(taken)
        self._write_rollups()
        return self.result

    # -- one chunk -------------------------------------------------------------------

    def _take(self, taken):
        result = self.result
        result.rows += len(taken)
        held = [_held_as_received(row) for row in taken if row.__class__ is RejectedRow]
        rows = (
            [row for row in taken if row.__class__ is not RejectedRow]
            if held
            else taken
        )
        keys = [(row[1], row[2], tuple(row[7].items())) for row in rows]
        self._build_routes(rows, keys)
        prepared = _Prepared()
        self._prepare(rows, keys, prepared)
        if prepared.failures:
            held += self._known_before(rows, keys, prepared.failures)
        old = self._register(rows, keys, prepared, held)
        self._store(rows, prepared, old, held)
        if held:
            self._hold(held)

    def _build_routes(self, rows, keys):
        router = self.router
        times = [row[3] for row in rows if row[3] is not None]
        if not times:
            return
        try:
            newest = max(times)
        except TypeError:  # naive and aware ones together
            newest = max(map(to_microseconds, times))
        else:
            newest = to_microseconds(newest)
        # The routes may be dropped by load(), so what is missing is asked after it.
        missing = router.missing(keys)
        router.load(missing, min(newest, self.latest))
        missing = router.missing(keys)
        if not missing:
            return
        wanted = {
            text: dims
            for text, dims in router.dimensions(missing).items()
            if text not in self.dimsets
        }
        self.dimsets.update(self.store.dimset_ids(wanted))
        for key in missing:
            route = router.build(key, self.dimsets.__getitem__)
            if not route.error:
                dimset_id = self.dimsets[canonical(clean(key[2]))]
                self._encode_shared(route, key, dimset_id)

    def _encode_shared(self, route, key, dimset_id):
        """Encode once what all rows of a segment share: the last columns."""
        batch = self.batch
        texts = copybin.text(key[0]) + copybin.text(key[1]) + _USAGE + self.received
        for segment in route.segments:
            segment.tail = (
                _numbers(
                    4, batch.company_id, 4, batch.source_id, 4, batch.id,
                    4, segment.subscription_id, 4, segment.period_id, 4, dimset_id,
                )
                + texts
            )  # fmt: skip

    def _prepare(self, rows, keys, prepared):
        """Match and encode each row; the loop that decides how fast an import is."""
        routes = self.router.routes
        identity_of, numbers, latest = self.identity, self.numbers, self.latest
        time_keyed = self.batch.time_keyed
        seen, failures = prepared.seen, prepared.failures
        add_identity = prepared.identities.append
        add_event = prepared.events.append
        add_time = prepared.times.append
        add_hash = prepared.hashes.append
        ordinal = self.ordinal
        index = -1
        for row, route_key in zip(rows, keys, strict=True):
            index += 1
            event_id, _, _, time, value, amount, currency, _, properties, number = row
            route = routes.get(route_key)
            try:
                if not event_id or time is None or route is None:
                    raise _Held("missing_field", _missing(row))
                delta = (
                    time
                    if time.tzinfo is None
                    else from_microseconds(to_microseconds(time))
                ) - EPOCH
                microseconds = (
                    delta.days * 86_400 + delta.seconds
                ) * 1_000_000 + delta.microseconds
                identity, hash_10 = identity_of(event_id)
                value_text, value_bytes = numbers(value)
                if amount is None and not properties and currency is None:
                    amount_text = ""
                    optional = _THREE_NULLS
                else:
                    amount_text, optional = self._optional(amount, currency, properties)
                content = payload_hash(
                    f"{route.payload}{microseconds}|{value_text}|{amount_text}"
                )
                segment = route.segment
                if not segment.start <= microseconds < segment.end:
                    segment, reason = route.find(microseconds)
                    if segment is None:
                        raise _Held("future" if microseconds > latest else reason, "")
                if microseconds > latest:
                    raise _Held("future", "")
                if value is None and segment.needs_value:
                    raise _Held("missing_field", "value")
                if segment.strict or currency is not None:
                    _check_meters(segment, row)
                key = event_key(microseconds, hash_10)
                raw_id = event_id.encode()
                if b"\x00" in raw_id:
                    raise _Held("invalid_value", "event_id")
            except _Held as error:
                failures.append((index, *error.args))
                add_identity(None)
                add_event(None)
                add_time(None)
                add_hash(None)
                continue
            except (ValueError, ArithmeticError, UnicodeEncodeError) as error:
                failures.append((index, "invalid_value", str(error)))
                add_identity(None)
                add_event(None)
                add_time(None)
                add_hash(None)
                continue
            unique = key if time_keyed else identity
            if seen.setdefault(unique, index) != index:
                prepared.repeated.append((index, seen[unique]))
                new = False
            else:
                new = True
            ordinal += 1
            size = len(raw_id)
            add_event(
                _head(
                    20,
                    16,
                    key,
                    8,
                    microseconds,
                    8,
                    content,
                    8,
                    ordinal,
                    4,
                    number,
                    size,
                )
                + raw_id
                + value_bytes
                + optional
                + segment.tail
            )
            add_hash(content)
            add_time(microseconds)
            if new:
                add_identity(
                    _identity_row(3, 16, identity, 8, content, 8, microseconds)
                )
                slot = microseconds // SLOT
                bucket = segment.slots.get(slot)
                if bucket is None:
                    if not segment.buckets:
                        prepared.segments.append(segment)
                    bucket = segment.open_slot(slot)
                bucket(index)
            else:
                add_identity(None)
        self.ordinal = ordinal

    def _optional(self, amount, currency, properties):
        """Canonical text and encoded fields of what most events do not have."""
        amount_text, amount_bytes = self.numbers(amount)
        document = None
        if properties:
            document = json.dumps(
                {str(k): str(v) for k, v in properties.items() if v is not None},
                sort_keys=True,
                ensure_ascii=False,
            )
        return (
            f"{amount_text}|{currency or ''}|{document or ''}",
            amount_bytes + copybin.text(currency) + copybin.jsonb(document),
        )

    # -- identity --------------------------------------------------------------------

    def _register(self, rows, keys, prepared, held):
        """Find the rows that are new, and make sure they stay the only ones.

        :return: indexes of rows that are not new
        :rtype: set[int]
        """
        old = set()
        for index, first in prepared.repeated:
            self._known(rows, prepared, index, prepared.hashes[first], old, held)
        if self.batch.time_keyed:
            # Their place in the month's table is their registry: see _store().
            known = (
                self._existing_keys(prepared) if self.resent and prepared.seen else {}
            )
        elif self.resent:
            known = self._stage_identities(prepared)
        else:
            try:
                with self._savepoint():
                    self._copy(
                        "usage_store_identity (identity, payload_hash, time)",
                        [row for row in prepared.identities if row],
                    )
                known = {}
            except psycopg2.errors.UniqueViolation:
                known = self._stage_identities(prepared)
        self._take_known(rows, prepared, known, old, held)
        self.resent = bool(known)
        self.result.accepted += len(prepared.seen)
        return old

    def _take_known(self, rows, prepared, known, old, held):
        """Take rows whose identity exists out of those that are new."""
        for key, content in known.items():
            self._known(rows, prepared, prepared.seen.pop(key), content, old, held)

    def _known(self, rows, prepared, index, content, old, held):
        """Count a row whose identity exists: a duplicate, or a conflict to hold."""
        old.add(index)
        if prepared.hashes[index] == content:
            self.result.duplicate += 1
        else:
            held.append(self._held_event(rows[index], "conflict", ""))

    def _stage_identities(self, prepared):
        """Register identities of which some may exist.

        :return: those that exist: key -> payload hash
        """
        cursor = self.cursor
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS usage_stage_identity"
            " (identity uuid, payload_hash bigint, time timestamp(6)) ON COMMIT DROP;"
            "TRUNCATE usage_stage_identity"
        )
        self._copy(
            "usage_stage_identity (identity, payload_hash, time)",
            [row for row in prepared.identities if row],
        )
        cursor.execute(
            "WITH added AS ("
            "   INSERT INTO usage_store_identity (identity, payload_hash, time)"
            "   SELECT identity, payload_hash, time FROM usage_stage_identity"
            "   ORDER BY identity ON CONFLICT (identity) DO NOTHING RETURNING identity)"
            " DELETE FROM usage_stage_identity s USING added a"
            " WHERE s.identity = a.identity"
        )
        cursor.execute(
            "SELECT i.identity, i.payload_hash FROM usage_store_identity i"
            " JOIN usage_stage_identity s ON s.identity = i.identity"
        )
        return {_uuid_bytes(key): content for key, content in cursor.fetchall()}

    def _existing_keys(self, prepared):
        """Of a source with time-keyed ids: the events that the months hold already.

        :return: key -> payload hash
        """
        times = [time for time in prepared.times if time is not None]
        self.cursor.execute(
            "SELECT e.key, e.payload_hash FROM unnest(%s::uuid[]) AS k(key)"
            " JOIN usage_store_event e ON e.key = k.key"
            " AND e.time >= %s AND e.time <= %s",
            [
                [key.hex() for key in prepared.seen],
                from_microseconds(min(times)),
                from_microseconds(max(times)),
            ],
        )
        return {_uuid_bytes(key): content for key, content in self.cursor.fetchall()}

    def _known_before(self, rows, keys, failures):
        """Rows that cannot be matched: those stored earlier are no failure.

        A re-sent event stays a duplicate when its meter was archived meanwhile.
        """
        found = {}
        candidates = {}
        for index, _reason, _detail in failures:
            row = rows[index]
            try:
                candidates[index] = self._fingerprint(row, keys[index])
            except (ValueError, TypeError, ArithmeticError, AttributeError):
                continue
        if candidates and not self.batch.time_keyed:
            self.cursor.execute(
                "SELECT identity, payload_hash FROM usage_store_identity"
                " WHERE identity = ANY(%s::uuid[])",
                [[identity.hex() for identity, _content in candidates.values()]],
            )
            found = {
                _uuid_bytes(key): content for key, content in self.cursor.fetchall()
            }
        held = []
        for index, reason, detail in failures:
            identity, content = candidates.get(index, (None, None))
            if identity in found and found[identity] == content:
                self.result.duplicate += 1
            else:
                reason = "conflict" if identity in found else reason
                held.append(self._held_event(rows[index], reason, detail))
        return held

    def _fingerprint(self, row, key):
        """Identity and payload hash of a row outside the fast loop."""
        if not row.event_id or row.time is None:
            raise ValueError("incomplete")
        identity, _hash = self.identity(row.event_id)
        route = self.router.routes[key]
        amount_text = ""
        if row.amount is not None or row.properties or row.currency is not None:
            amount_text, _bytes = self._optional(
                row.amount, row.currency, row.properties
            )
        value_text, _bytes = self.numbers(row.value)
        return identity, payload_hash(
            f"{route.payload}{to_microseconds(row.time)}|{value_text}|{amount_text}"
        )

    # -- events and rollups ------------------------------------------------------------

    def _store(self, rows, prepared, old, held):
        """COPY the new events into their months and add them to the rollups."""
        months = defaultdict(list)
        for segment in prepared.segments:
            for (month, day), indexes in segment.take_buckets().items():
                months[month].append((segment.period_id, day, segment, indexes))
        self._create_months(months)
        if self.batch.time_keyed:
            self._copy_time_keyed(rows, prepared, months, old, held)
        else:
            self._copy_events(prepared, months, old)
        times = prepared.times
        with localcontext(EXACT):
            for buckets in months.values():
                for _period, day, segment, indexes in buckets:
                    if old:
                        indexes = [index for index in indexes if index not in old]
                    if indexes:
                        self._add_up(
                            segment,
                            day,
                            [rows[index] for index in indexes],
                            [times[index] for index in indexes],
                        )
        if len(self.rollups) > ROLLUPS_KEPT:
            self._write_rollups()

    def _copy_events(self, prepared, months, old):
        events = prepared.events
        for month, buckets in sorted(months.items()):
            # Period by period, so that the BRIN index of the month can find them.
            buckets.sort(key=lambda bucket: bucket[:2])
            self._copy(
                f"{schema.leaf(month)} ({_EVENT_COLUMNS})",
                [
                    events[index]
                    for bucket in buckets
                    for index in bucket[3]
                    if index not in old
                ],
            )

    def _copy_time_keyed(self, rows, prepared, months, old, held):
        """COPY where the unique key of the month is the only registry.

        :raise SerializationFailure: the transaction cannot see the events that stand in
            its way (REPEATABLE READ): it must begin again
        """
        while True:
            try:
                with self._savepoint():
                    self._copy_events(prepared, months, old)
                return
            except psycopg2.errors.UniqueViolation as error:
                known = self._existing_keys(prepared)
                if not known:
                    raise psycopg2.errors.SerializationFailure(
                        "events stored by another transaction meanwhile"
                    ) from error
                self.result.accepted -= len(known)
                self._take_known(rows, prepared, known, old, held)
                self.resent = True

    def _add_up(self, segment, day, rows, times):
        """Add events of one segment and local day to the rollups in memory."""
        for meter, dimset_id, left in segment.meters:
            counted, when = rows, times
            if left:
                shown = [_shows(row, left) for row in rows]
                counted = list(compress(rows, shown))
                when = list(compress(times, shown))
                if not counted:
                    continue
            first, last = min(when), max(when)
            if meter.needs_value:
                values = [_value(meter, row) for row in counted]
                total, low, high = sum(values), min(values), max(values)
            else:
                total = low = high = None
            key = (segment.period_id, meter.id, dimset_id, day)
            sums = self.rollups.get(key)
            if sums is None:
                self.rollups[key] = [
                    segment.subscription_id, len(counted), total, low, high, first, last
                ]  # fmt: skip
            else:
                sums[1] += len(counted)
                if total is not None:
                    sums[2] += total
                    sums[3] = min(sums[3], low)
                    sums[4] = max(sums[4], high)
                sums[5] = min(sums[5], first)
                sums[6] = max(sums[6], last)

    def _write_rollups(self):
        """Write the rollups kept in memory, days and whole periods, in key order."""
        if not self.rollups:
            return
        whole = {}
        with localcontext(EXACT):
            for (period_id, meter_id, dimset_id, _day), sums in self.rollups.items():
                key = (period_id, meter_id, dimset_id, _WHOLE)
                have = whole.get(key)
                if have is None:
                    whole[key] = list(sums)
                    continue
                have[1] += sums[1]
                if sums[2] is not None:
                    have[2] += sums[2]
                    have[3] = min(have[3], sums[3])
                    have[4] = max(have[4], sums[4])
                have[5] = min(have[5], sums[5])
                have[6] = max(have[6], sums[6])
        rows = [
            (*key[:3], "-infinity" if key[3] is _WHOLE else day_of(key[3]), *sums[:5],
             from_microseconds(sums[5]), from_microseconds(sums[6]),
             self.batch.received_at)
            for key, sums in sorted(
                [*self.rollups.items(), *whole.items()],
                key=lambda item: (*item[0][:3], -1_000_000 if item[0][3] is None
                                  else item[0][3]),
            )
        ]  # fmt: skip
        execute_values(
            self.cursor,
            "INSERT INTO usage_store_rollup AS r (period_id, meter_id, dimset_id, bucket,"
            " subscription_id, event_count, value_sum, value_min, value_max, first_time,"
            " last_time, watermark) VALUES %s"
            " ON CONFLICT (period_id, meter_id, dimset_id, bucket) DO UPDATE SET"
            " event_count = r.event_count + excluded.event_count,"
            " value_sum = r.value_sum + excluded.value_sum,"
            " value_min = least(r.value_min, excluded.value_min),"
            " value_max = greatest(r.value_max, excluded.value_max),"
            " first_time = least(r.first_time, excluded.first_time),"
            " last_time = greatest(r.last_time, excluded.last_time),"
            " watermark = greatest(r.watermark, excluded.watermark)",
            rows,
            template="(%s,%s,%s,%s::date,%s,%s,%s::numeric,%s::numeric,%s::numeric,"
            "%s::timestamp,%s::timestamp,%s::timestamp)",
            page_size=2000,
        )
        self.rollups.clear()

    def _create_months(self, months):
        new = set(months) - self.months
        if new:
            missing = schema.missing_leaves(self.cursor, new)
            if missing:
                with self.store.partition_cursor() as cursor:
                    schema.create_leaves(cursor, missing)
            self.months |= new

    # -- quarantine --------------------------------------------------------------------

    def _held_event(self, row, reason, detail):
        row = EventRow(*row)
        identity, content = "", 0
        try:
            key = (row.type, row.subject, tuple(row.dimensions.items()))
            fingerprint = self._fingerprint(row, key)
            identity, content = fingerprint[0].hex(), fingerprint[1]
        except (ValueError, TypeError, ArithmeticError, AttributeError, KeyError):
            pass
        time = row.time
        if time is not None and time.tzinfo is not None:
            time = from_microseconds(to_microseconds(time))
        return HeldRow(
            row_number=row.row_number,
            reason=reason,
            detail=detail,
            raw=event_to_json(row),
            is_event=True,
            event_id=row.event_id or "",
            type=row.type or "",
            subject=row.subject or "",
            time=time,
            amount=row.amount,
            identity=identity,
            payload_hash=content,
        )

    def _hold(self, held):
        repeated = self.store.hold(self.batch, held)
        self.result.duplicate += len(repeated)
        quarantined = self.result.quarantined
        for position, row in enumerate(held):
            if position not in repeated:
                quarantined[row.reason] = quarantined.get(row.reason, 0) + 1

    # -- plumbing ----------------------------------------------------------------------

    def _copy(self, target, rows):
        if rows:
            self.cursor.copy_expert(
                f"COPY {target} FROM STDIN (FORMAT binary)",
                BytesIO(copybin.HEADER + b"".join(rows) + copybin.TRAILER),
                size=1 << 18,
            )

    @contextmanager
    def _savepoint(self):
        self.cursor.execute("SAVEPOINT usage_store")
        try:
            yield
        except psycopg2.errors.UniqueViolation:
            self.cursor.execute("ROLLBACK TO SAVEPOINT usage_store")
            raise
        self.cursor.execute("RELEASE SAVEPOINT usage_store")


_THREE_NULLS = copybin.NULL * 3


class _Prepared:
    """Rows of a chunk, matched and encoded; lists are parallel to the rows.

    seen: unique key -> index of the first row that shows it
    repeated: (index, index of the first row with the same key)
    failures: (index, reason, detail)
    """

    __slots__ = (
        "events", "failures", "hashes", "identities", "repeated", "seen", "segments",
        "times",
    )  # fmt: skip

    def __init__(self):
        self.events = []
        self.identities = []
        self.hashes = []
        self.times = []
        self.seen = {}
        self.repeated = []
        self.failures = []
        self.segments = []


def _uuid_bytes(text):
    return bytes.fromhex(text.replace("-", ""))


def _missing(row):
    """Names of the required fields a row lacks."""
    row = EventRow(*row)
    return ", ".join(
        name
        for name in ("event_id", "type", "subject", "time")
        if not getattr(row, name)
    )


def _check_meters(segment, row):
    """Check what the meters of a segment need of this very event."""
    for meter, _dimset, left in segment.meters:
        if left and not _shows(row, left):
            continue
        if not meter.needs_value:
            continue
        if meter.value_source == "amount":
            if row[5] is None:
                raise _Held("missing_field", "amount")
            if row[6] and segment.currency and row[6] != segment.currency:
                raise _Held("currency", f"{row[6]}, {segment.currency}")
        elif meter.value_source == "property":
            text = _property(meter, row)
            if text is None:
                raise _Held("missing_field", meter.value_property)
            number = Decimal(text)
            copybin.numeric(number)
        elif row[4] is None:
            raise _Held("missing_field", "value")


def _shows(row, filters):
    """Whether an event's properties show all these (name, value) pairs."""
    return all(row[8].get(key) == value for key, value in filters)


def _property(meter, row):
    text = row[8].get(meter.value_property)
    return row[7].get(meter.value_property) if text is None else text


def _value(meter, row):
    if meter.value_source == "value":
        return row[4]
    if meter.value_source == "amount":
        return row[5]
    return Decimal(_property(meter, row))


def _held_as_received(row):
    return HeldRow(
        row_number=row.row_number,
        reason=row.reason,
        detail=row.detail,
        raw=row.raw,
        is_event=False,
        event_id=row.event_id,
        type=row.type,
        subject=row.subject,
        time=row.time,
        amount=row.amount,
    )


def event_to_json(row):
    """Canonical JSON of an event, numbers as texts; ``event_from_json`` reads it back."""
    return json.dumps(
        {
            "id": row.event_id,
            "type": row.type,
            "subject": row.subject,
            "time": row.time and row.time.isoformat(),
            "value": None if row.value is None else str(row.value),
            "amount": None if row.amount is None else str(row.amount),
            "currency": row.currency,
            "dimensions": dict(row.dimensions),
            "properties": dict(row.properties),
        },
        ensure_ascii=False,
    )


def event_from_json(text, row_number=0):
    """Event of a canonical JSON text.

    :raise ValueError: the text is not one
    """
    document = json.loads(text)
    number = document.get
    return EventRow(
        event_id=document["id"],
        type=document["type"],
        subject=document["subject"],
        time=document["time"] and datetime.fromisoformat(document["time"]),
        value=None if number("value") is None else Decimal(document["value"]),
        amount=None if number("amount") is None else Decimal(document["amount"]),
        currency=document.get("currency"),
        dimensions=document.get("dimensions") or {},
        properties=document.get("properties") or {},
        row_number=row_number,
    )
