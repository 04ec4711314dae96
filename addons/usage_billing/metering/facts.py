"""What meters read of stored events, in SQL: the one place that knows their columns.

Everything else of the reading side selects from the text made here. A *fact* is an
event that a meter counts: whose it is, when it was, and what the meter reads of it.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from .errors import StoreError
from .instants import from_microseconds
from .places import PeriodSpan
from .schema import be_current
from .texts import canonical

#: Events of a delivery that a newer version replaced do not count.
LIVE = "e.batch_id NOT IN (SELECT b.id FROM usage_batch b WHERE b.state = 'superseded')"
#: The same as it was known at an instant: the newer version may have come later.
LIVE_AS_OF = (
    "e.batch_id NOT IN (SELECT b.id FROM usage_batch b"
    " JOIN usage_batch n ON n.id = b.superseded_by_id"
    " WHERE b.state = 'superseded' AND n.received_at <= %(as_of)s)"
)
#: Events that were corrected: ``gone`` says by what, ``made`` what an amendment is of.
CORRECTED = """
          LEFT JOIN usage_store_correction gone ON gone.target_id = e.id
          LEFT JOIN usage_store_correction made ON made.row_id = e.id
"""


def _of_origin(live):
    """A condition on deliveries where an amendment falls with the one of its event."""
    return live.replace("e.batch_id", "coalesce(made.origin_batch_id, e.batch_id)")


#: Whether an event counts now, where :data:`CORRECTED` is joined.
COUNTS = f"e.kind <> 'v' AND gone.target_id IS NULL AND {_of_origin(LIVE)}"
#: Texts that are numbers; others are left out instead of failing the whole question.
_NUMBER = r"'^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*$'"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one billing period to read (naive UTC, half-open).

    number: of the question it belongs to; several windows may answer one
    """

    number: int
    period: PeriodSpan
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """What of the events ``e`` is looked at, as parts of SQL.

    join: what must be joined; where: which rows to read at all
    live: whether a row counts; known_at: when the newest was known of it
    """

    join: str
    where: str
    live: str
    known_at: str

    @classmethod
    def of(cls, cursor, period_ids, as_of=None):
        """As it is, or as it was known at an instant (parameter ``as_of``).

        Corrections are rare: where there are none they cost one look in an index.
        """
        be_current(cursor)
        superseded = LIVE if as_of is None else LIVE_AS_OF
        where = superseded
        if as_of is not None:
            where += " AND e.received_at <= %(as_of)s"
        cursor.execute(
            "SELECT EXISTS (SELECT FROM usage_store_correction"
            " WHERE period_id = ANY(%s))"
            " OR EXISTS (SELECT FROM usage_store_correction"
            " WHERE row_period_id = ANY(%s))",
            [period_ids, period_ids],
        )
        ((is_corrected,),) = cursor.fetchall()
        if not is_corrected:
            return cls("", where, "true", "e.received_at")
        join = CORRECTED
        if as_of is not None:
            join = join.replace(
                "= e.id\n", "= e.id AND gone.received_at <= %(as_of)s\n", 1
            )
        return cls(
            join,
            f"e.kind <> 'v' AND {_of_origin(where)}",
            "gone.target_id IS NULL",
            "coalesce(gone.received_at, e.received_at)",
        )


def whole(periods):
    """Windows that are the periods themselves, numbered in their order."""
    return [
        Window(
            number,
            period,
            from_microseconds(period.start),
            from_microseconds(period.end),
        )
        for number, period in enumerate(periods)
    ]


#: Columns of a :class:`~.values.StoredEvent`, in its order.
_EVENT = (
    "e.id, e.event_id, e.type, e.subject, e.time, e.value, e.amount, e.currency,"
    " d.dims, coalesce(e.properties, '{}') AS properties, e.source_id, e.batch_id,"
    " e.row_number, e.received_at"
)


def events(cursor, window, meter, dimensions=None, after=None, limit=None):
    """SQL text of the events that a meter counts in a window, in their order.

    :param dict dimensions: only events whose kept dimensions are these; None for all
    :param after: (time, id) of the event to go on after, in the order of time and id;
        without it the order is by time, event id and source, which no delivery changes
    """
    text = _select(cursor, [window], meter, meter.dimension_keys, _EVENT)
    order = 'e.time, e.event_id COLLATE "C", e.source_id, e.id'
    more, parameters = "", {"after": None, "id": None, "dims": None, "limit": limit}
    if dimensions is not None:
        more += f" AND {_group(meter.dimension_keys)} = %(dims)s::jsonb"
        parameters["dims"] = json.dumps(dict(dimensions))
        parameters["group"] = sorted(meter.dimension_keys)
    if limit is not None:
        order = "e.time, e.id LIMIT %(limit)s"
        if after is not None:
            more += " AND (e.time, e.id) > (%(after)s, %(id)s)"
            parameters["after"], parameters["id"] = after
    return text + cursor.mogrify(f"{more} ORDER BY {order}", parameters).decode()


def latest_events(cursor, windows, meter, limit):
    """SQL text of the last events that a meter counts in windows, newest first."""
    text = _select(cursor, windows, meter, meter.dimension_keys, _EVENT)
    order = 'ORDER BY e.time DESC, e.event_id COLLATE "C" DESC, e.source_id DESC'
    return f"{text} {order} LIMIT {int(limit)}"


def events_by_id(cursor, row_ids):
    """SQL text of rows of the store, by their numbers."""
    return cursor.mogrify(
        f"SELECT {_EVENT} FROM usage_store_event e"
        " JOIN usage_store_dimset d ON d.id = e.dimset_id"
        " WHERE e.id = ANY(%s) ORDER BY e.id",
        [list(row_ids)],
    ).decode()


def live_events(cursor, company_id, source_id, start, end, subscriptions, types):
    """SQL text of the events of a source in a span of time that count now."""
    return cursor.mogrify(
        f"SELECT {_EVENT} FROM usage_store_event e"
        f" JOIN usage_store_dimset d ON d.id = e.dimset_id {CORRECTED}"
        " WHERE e.company_id = %s AND e.source_id = %s"
        " AND e.time >= %s AND e.time < %s"
        f" AND {COUNTS}"
        " AND (%s::int[] IS NULL OR e.subscription_id = ANY(%s))"
        " AND (%s::text[] IS NULL OR e.type = ANY(%s))"
        " ORDER BY e.time, e.id",
        [
            company_id, source_id, start, end, subscriptions, subscriptions, types,
            types,
        ],
    ).decode()  # fmt: skip


def facts(cursor, windows, meter, group=(), as_of=None, zones=None):
    """SQL text of the facts of one meter in these windows, parameters filled in.

    Columns: number (of the window), period_id, subscription_id, tz (of the period),
    zone (of the question), grp (jsonb: the dimensions kept), id, event_id,
    source_id, time, value (numeric), item (text), known_at (arrival), live (no
    correction took it away: what is not live counts for nothing but ``known_at``).

    :param list[Window] windows: not empty
    :param MeterSpec meter: filters and source of the value are taken from it
    :param group: keys of dimensions, else properties, to keep apart
    :param datetime as_of: only what had arrived by then
    :param list[str] zones: by number, time zones of the questions (column ``zone``)
    """
    refuse_archived(cursor, windows, [meter.event_type])
    columns = (
        "w.number, e.period_id, w.subscription_id, w.tz, w.zone,"
        f" {_group(group)} AS grp, e.id, e.event_id, e.source_id, e.time,"
        f" {_value(meter)} AS value, {_item(meter)} AS item,"
        " {known_at} AS known_at, {live} AS live"
    )
    return _select(cursor, windows, meter, group, columns, as_of, zones)


def refuse_archived(cursor, windows, types):
    """Figures of events that are in an archive would be too small without a word.

    :param list[Window] windows: what is to be read from the events
    :param types: event types that are read
    :raise StoreError: "events_archived", with a month
    """
    cursor.execute(
        "SELECT min(m.month) FROM unnest(%s::int[], %s::timestamp[], %s::timestamp[])"
        "  AS w(period_id, start_at, end_at)"
        " JOIN usage_store_month_period m ON m.period_id = w.period_id"
        "  AND make_date(m.month / 100, m.month %% 100, 1) < w.end_at"
        "  AND make_date(m.month / 100, m.month %% 100, 1) + interval '1 month'"
        "    > w.start_at"
        " WHERE EXISTS (SELECT FROM usage_store_route r"
        "  WHERE r.period_id = w.period_id AND r.type = ANY(%s))",
        [
            [window.period.id for window in windows],
            [window.start for window in windows],
            [window.end for window in windows],
            list(types),
        ],
    )
    _refuse_month(cursor)


def refuse_archived_periods(cursor, period_ids, types):
    """The same of all events of periods.

    :raise StoreError: "events_archived", with a month
    """
    be_current(cursor)
    cursor.execute(
        "SELECT min(m.month) FROM usage_store_month_period m"
        " WHERE m.period_id = ANY(%s) AND EXISTS (SELECT FROM usage_store_route r"
        "  WHERE r.period_id = m.period_id AND r.type = ANY(%s))",
        [list(period_ids), list(types)],
    )
    _refuse_month(cursor)


def _refuse_month(cursor):
    (month,) = cursor.fetchone()
    if month:
        raise StoreError("events_archived", month=month)


def _select(cursor, windows, meter, group, columns, as_of=None, zones=None):
    """Text of a SELECT from the events ``e`` of the windows ``w`` a meter counts.

    :param columns: text; with ``{live}`` and ``{known_at}`` in it, rows that were
        corrected are selected too
    """
    reach = Reach.of(cursor, [window.period.id for window in windows], as_of)
    if "{live}" in columns:
        columns = columns.replace("{live}", reach.live)
        columns = columns.replace("{known_at}", reach.known_at)
        live = ""
    else:
        live = f"AND {reach.live}"
    parameters = {
        "numbers": [window.number for window in windows],
        "periods": [window.period.id for window in windows],
        "subscriptions": [window.period.subscription_id for window in windows],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
        "days": [window.period.tz for window in windows],
        "zones": [
            zones[window.number] if zones else window.period.tz for window in windows
        ],
        "first": min(window.start for window in windows),
        "last": max(window.end for window in windows),
        "type": meter.event_type,
        "subject": meter.subject,
        "filters": json.dumps(dict(meter.filters)),
        "value": meter.value_property,
        "item": meter.unique_property,
        "within": list(meter.group_by),
        "group": sorted(group),
        "as_of": as_of,
    }
    query = f"""
        WITH span AS MATERIALIZED (
            SELECT * FROM unnest(
                %(numbers)s::int[], %(periods)s::int[], %(subscriptions)s::int[],
                %(starts)s::timestamp[], %(ends)s::timestamp[], %(days)s::text[],
                %(zones)s::text[]
            ) AS w(number, period_id, subscription_id, start_at, end_at, tz, zone)
        ), dimset AS MATERIALIZED (
            SELECT d.id, d.dims,
                   (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{{}}')
                      FROM jsonb_each(%(filters)s::jsonb) f
                     WHERE NOT d.dims ? f.key) AS filters,
                   (SELECT coalesce(jsonb_object_agg(k, d.dims -> k), '{{}}')
                      FROM unnest(%(group)s::text[]) k WHERE d.dims ? k) AS grp
              FROM usage_store_dimset d
             WHERE NOT EXISTS (
                   SELECT FROM jsonb_each(%(filters)s::jsonb) f
                    WHERE d.dims ? f.key AND d.dims -> f.key <> f.value)
        )
        SELECT {columns}
          FROM span w
          JOIN usage_store_event e ON e.period_id = w.period_id
           AND e.time >= w.start_at AND e.time < w.end_at
          JOIN dimset d ON d.id = e.dimset_id
          {reach.join}
         WHERE e.period_id = ANY(%(periods)s::int[])
           AND e.time >= %(first)s AND e.time < %(last)s
           AND e.type = %(type)s{_of_subject(meter)}
           AND (d.filters = '{{}}' OR coalesce(e.properties, '{{}}') @> d.filters)
           AND {reach.where} {live}
           {_readable(meter)}
    """
    return cursor.mogrify(query, parameters).decode()


def _of_subject(meter):
    """Condition on the subject of routes, of which a period has few."""
    return "" if meter.subject is None else " AND e.subject = %(subject)s"


def _group(group):
    """Dimensions decide first; a key that is none may be a property."""
    if not group:
        return "'{}'::jsonb"
    return (
        "d.grp || (SELECT coalesce(jsonb_object_agg(k, e.properties -> k), '{}')"
        " FROM unnest(%(group)s::text[]) k"
        " WHERE NOT d.dims ? k AND e.properties ? k)"
    )


def _value(meter):
    if not meter.needs_value:
        return "NULL::numeric"
    if meter.value_source == "property":
        text = _text("%(value)s")
        return f"CASE WHEN {text} ~ {_NUMBER} THEN ({text})::numeric END"
    return f"e.{meter.value_source}"


def _item(meter):
    """What unique count compares: the item, with the group it is unique in."""
    if meter.aggregation != "unique_count":
        return "NULL::text"
    item = _text("%(item)s")
    if not meter.group_by:
        return item
    return (
        f"CASE WHEN {item} IS NOT NULL THEN (SELECT jsonb_agg("
        "coalesce(e.properties ->> k, d.dims ->> k) ORDER BY n)::text"
        f" FROM unnest(%(within)s::text[]) WITH ORDINALITY AS g(k, n)) || {item} END"
    )


def _text(key):
    """A property of the event, else the dimension of that name."""
    return f"coalesce(e.properties ->> {key}, d.dims ->> {key})"


def _readable(meter):
    """Events from which a meter can read nothing are none of its events."""
    if meter.aggregation == "unique_count":
        return f"AND {_text('%(item)s')} IS NOT NULL"
    return f"AND {_value(meter)} IS NOT NULL" if meter.needs_value else ""


class EventRoute:
    """A meter counts events of one dimension set: how, and under which projection."""

    __slots__ = ("dims", "dimset_id", "filters", "meter", "projected_id", "projection")

    def __init__(self, meter, dimset_id, dims, filters):
        self.meter = meter
        self.dimset_id = dimset_id
        self.dims = dims
        self.filters = filters
        self.projection = canonical(meter.project(dims))
        self.projected_id = None

    @property
    def source(self):
        return self.meter.value_source if self.meter.needs_value else "none"


def select_from_events(cursor, periods, routes, as_of=None, days=True, only=""):
    """SQL text of the rollup rows of these periods, made from the events.

    Many meters in one pass over the events, for figures that add up.

    :param list[EventRoute] routes: all that these periods hold, not empty
    :param datetime as_of: only what had arrived by then
    :param bool days: make the rows of local days too, not of whole periods only
    :param str only: SQL of one more condition on events ``e``
    :return: text of a SELECT of ``planned.COLUMNS``, parameters filled in
    """
    keys = "subscription_id, period_id, meter_id, dimset_id"
    day, bucket, sets = "", "'-infinity'::date", keys
    if days:
        day = "(e.time AT TIME ZONE 'UTC' AT TIME ZONE p.tz)::date AS day,"
        bucket = "CASE GROUPING(day) WHEN 1 THEN '-infinity'::date ELSE day END"
        sets = f"GROUPING SETS (({keys}), ({keys}, day))"
    reach = Reach.of(cursor, [period.id for period in periods], as_of)
    count, live, having = "count(*)", "", ""
    if reach.join:
        live = " FILTER (WHERE live)"
        count = f"count(*){live}"
        having = f" HAVING {count} > 0"
    query = f"""
        WITH route AS MATERIALIZED (
            SELECT * FROM unnest(
                %(types)s::text[], %(dimsets)s::int[], %(meters)s::int[],
                %(projected)s::int[], %(filters)s::jsonb[], %(sources)s::text[],
                %(properties)s::text[], %(constants)s::text[]
            ) AS r(type, dimset_id, meter_id, projected_id, filters, source, property,
                   constant)
        ), fact AS (
            SELECT e.subscription_id, e.period_id, r.meter_id,
                   r.projected_id AS dimset_id, e.time, r.source, {day}
                   {reach.known_at} AS known_at, {reach.live} AS live,
                   CASE r.source
                        WHEN 'value' THEN e.value
                        WHEN 'amount' THEN e.amount
                        WHEN 'property' THEN CASE
                            WHEN coalesce(e.properties ->> r.property, r.constant)
                                 ~ {_NUMBER}
                            THEN coalesce(e.properties ->> r.property, r.constant)
                                 ::numeric END
                   END AS value
              FROM usage_store_event e
              JOIN route r ON r.type = e.type AND r.dimset_id = e.dimset_id
              {"JOIN usage_period p ON p.id = e.period_id" if days else ""}
              {reach.join}
             WHERE e.period_id = ANY(%(periods)s)
               AND e.time >= %(start)s AND e.time < %(end)s
               AND (r.filters = '{{}}' OR coalesce(e.properties, '{{}}') @> r.filters)
               AND {reach.where}{only and f" AND {only}"}
        )
        SELECT {keys}, {bucket} AS bucket,
               {count} AS event_count, sum(value){live} AS value_sum,
               min(value){live} AS value_min, max(value){live} AS value_max,
               min(time){live} AS first_time, max(time){live} AS last_time,
               max(known_at) AS watermark
          FROM fact
         WHERE source = 'none' OR value IS NOT NULL
         GROUP BY {sets}{having}
    """
    parameters = {
        "types": [route.meter.event_type for route in routes],
        "dimsets": [route.dimset_id for route in routes],
        "meters": [route.meter.id for route in routes],
        "projected": [route.projected_id for route in routes],
        "filters": [json.dumps(dict(route.filters)) for route in routes],
        "sources": [route.source for route in routes],
        "properties": [route.meter.value_property for route in routes],
        "constants": [route.dims.get(route.meter.value_property) for route in routes],
        "periods": [period.id for period in periods],
        "start": from_microseconds(min(period.start for period in periods)),
        "end": from_microseconds(max(period.end for period in periods)),
        "as_of": as_of,
    }
    return cursor.mogrify(query, parameters).decode()
