"""Parts of archived months that come back: the events of single periods.

To correct an event its period must be added up again, and nothing else of its month. So
the rows of that period come back from the archive files into the table of the month,
which is archived all the same; the period is then as if its months had never left
(``usage_store_month_period`` forgets it). When its correction is billed, the month is
archived again, with what happened to the part (:func:`.archive.put_away`).
"""

import json
import tempfile

from . import archive, monthfile, schema
from .instants import from_microseconds, to_microseconds
from .keys import DECODERS, MS_BEFORE_2000, key_function

#: Events of a month that is looked through here; a larger one is brought back by hand.
MOST = 20_000_000
_IN_MEMORY = 16 << 20


def keys_of(cursor, batch, events):
    """Keys of events as they were received, as far as they can be known.

    The registry knows when the event of a strict source happened; other ids carry their
    time, or the caller knows it.

    :param BatchSpec batch: of the events' source
    :param events: list of (event id, time or None)
    :return: {key as hexadecimal text: positions of the events}
    """
    strict = batch.mode == "strict"
    key_of = key_function(batch.mode, batch.company_id, batch.source_id)
    keys, numbers = {}, {}
    for number, (event_id, time) in enumerate(events):
        if not strict and time is None and batch.mode not in DECODERS:
            continue
        try:
            moment = 0 if strict or time is None else to_microseconds(time)
            _raw, unique, key = key_of(event_id, moment)
        except (ValueError, OverflowError):
            continue
        if strict:
            numbers.setdefault(unique.hex(), []).append((number, unique))
        else:
            keys.setdefault(key.hex(), []).append(number)
    if numbers:
        cursor.execute(
            "SELECT replace(identity::text, '-', ''), time"
            " FROM usage_store_identity WHERE identity = ANY(%s::uuid[])",
            [list(numbers)],
        )
        for identity, time in cursor.fetchall():
            for number, unique in numbers[identity]:
                milliseconds = to_microseconds(time) // 1000 + MS_BEFORE_2000
                key = milliseconds.to_bytes(6, "big") + unique[6:]
                keys.setdefault(key.hex(), []).append(number)
    return keys


def month_of(key):
    """Month of a key as hexadecimal text, as year * 100 + month."""
    return schema.month_of_key(bytes.fromhex(key))


def time_of(key):
    """Naive UTC time of a key as hexadecimal text, to the millisecond."""
    return from_microseconds((int(key[:12], 16) - MS_BEFORE_2000) * 1000)


def seek(cursor, keys):
    """Rows of archived months, by their keys; read from the files, nothing is changed.

    :param keys: as hexadecimal text
    :return: {key: texts of :data:`.monthfile.COLUMNS`} of those that are there
    :raise StoreError: "archive_broken"
    """
    by_month, found = {}, {}
    for key in keys:
        by_month.setdefault(month_of(key), []).append(key)
    for month, (folder, *_rest) in archive.archived(cursor, by_month).items():
        found |= monthfile.rows_with_keys(
            folder / monthfile.FILE, _begins(folder), by_month[month]
        )
    return found


def periods_of(cursor, rows):
    """Rows and periods of what was found in archives.

    :param rows: of :func:`seek`
    :return: list of (row number in the store, period id)
    """
    cursor.execute(
        "SELECT f.id, r.period_id FROM unnest(%s::bigint[], %s::int[])"
        " AS f(id, route_id) JOIN usage_store_route r ON r.id = f.route_id",
        [
            [int(row[monthfile.ID]) for row in rows],
            [int(row[monthfile.ROUTE]) for row in rows],
        ],
    )
    return cursor.fetchall()


def bring_back(store, batch, events, following=None):
    """Make the periods of events whole, so that the events can be corrected.

    :param PostgresStore store: its cursor, and where tables are made
    :param BatchSpec batch: of the events' source
    :param events: list of (event id, time or None), or of row numbers in the store
    :param following: function period ids -> ids of later periods that depend on them
    :return: number of events that came back
    :raise StoreError: "archive_broken"
    """
    cursor = store.cursor
    if not events or not is_any(cursor):
        return 0
    rows, period_ids = set(), set()
    condition, values = "e.id = ANY(%s)", list(events)
    if not isinstance(events[0], int):
        keys = keys_of(cursor, batch, events)
        for row, period_id in periods_of(cursor, seek(cursor, keys).values()):
            rows.add(row)
            period_ids.add(period_id)
        condition, values = "e.key = ANY(%s::uuid[])", list(keys)
    cursor.execute(
        f"SELECT e.id, e.period_id FROM usage_store_event e WHERE {condition}"
        " AND e.company_id = %s AND e.source_id = %s",
        [values, batch.company_id, batch.source_id],
    )
    for row, period_id in cursor.fetchall():
        rows.add(row)
        period_ids.add(period_id)
    cursor.execute(  # what counts in the place of an event lies elsewhere, it may be
        "SELECT c.period_id, c.row_period_id FROM usage_store_correction c"
        " WHERE c.root_id = ANY(%(rows)s) OR c.root_id IN ("
        "  SELECT d.root_id FROM usage_store_correction d"
        "   WHERE d.row_id = ANY(%(rows)s))",
        {"rows": list(rows)},
    )
    for pair in cursor.fetchall():
        period_ids.update(pair)
    if following and period_ids:
        period_ids.update(following(sorted(period_ids)))
    return bring(store, period_ids)


def bring(store, period_ids):
    """Bring the events of periods back from all their archived months.

    A period with events in a month of more than ``MOST`` stays as it is.

    :return: number of events that came back
    :raise StoreError: "archive_broken"
    """
    cursor = store.cursor
    cursor.execute(
        "SELECT m.month, array_agg(m.period_id) FROM usage_store_month_period m"
        " WHERE m.period_id = ANY(%s) AND NOT EXISTS ("
        "  SELECT FROM usage_store_month_period o JOIN usage_store_month l"
        "   ON l.month = o.month AND l.event_count > %s"
        "   WHERE o.period_id = m.period_id)"
        " GROUP BY m.month",
        [sorted(period_ids), MOST],
    )
    wanted = dict(cursor.fetchall())
    if not wanted:
        return 0
    months = archive.archived(cursor, wanted, lock=True)
    if schema.missing_leaves(cursor, months):
        with store.partition_cursor() as apart:
            schema.create_leaves(apart, months)
    count = 0
    for month, (folder, sha256, _count) in months.items():
        cursor.execute(
            "SELECT id FROM usage_store_route WHERE period_id = ANY(%s)",
            [wanted[month]],
        )
        routes = [route_id for (route_id,) in cursor.fetchall()]
        path = folder / monthfile.FILE
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as rows:
            rows.writelines(monthfile.rows_of_routes(path, sha256, routes))
            rows.seek(0)
            count += archive.add(cursor, month, rows)
        cursor.execute(
            "DELETE FROM usage_store_month_period"
            " WHERE month = %s AND period_id = ANY(%s)",
            [month, wanted[month]],
        )
    return count


def periods_of_span(cursor, company_id, start, end):
    """Periods of a company that touch a span of time and have archived events.

    :param datetime start, end: naive UTC, half-open
    """
    cursor.execute(
        "SELECT DISTINCT m.period_id FROM usage_store_month_period m"
        " JOIN usage_period p ON p.id = m.period_id"
        " WHERE p.company_id = %s AND p.start_at < %s AND p.end_at > %s",
        [company_id, end, start],
    )
    return [period_id for (period_id,) in cursor.fetchall()]


def is_any(cursor):
    """Whether months are archived."""
    cursor.execute("SELECT EXISTS (SELECT FROM usage_store_month)")
    return cursor.fetchone()[0]


def _begins(folder):
    """Where the members of a month's file begin; without a list of them, the first."""
    try:
        manifest = json.loads((folder / monthfile.MANIFEST).read_text())
    except (OSError, ValueError):
        manifest = {}
    return manifest.get("members") or [["0" * 32, 0]]
