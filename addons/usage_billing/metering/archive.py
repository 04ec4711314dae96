"""Months leave the store for a file, and come back from it.

An archive is a folder of two files: ``events.copy.gz``, the rows of the month in
PostgreSQL's text COPY format, and ``manifest.json``, which says what is in it, how
much, and the SHA-256 of the file. Dictionaries, rollups and the registry of ids stay:
amounts do not change, and a re-sent event is still known for a duplicate.

A month leaves only when no open period needs it, oldest first, so that "archived" is
everything before one instant, and not while events of it are on their way to
ClickHouse. When a company wants that is the caller's to say. Periods with events in the
archive cannot be added up again until the month is back: see :func:`periods`.
"""

import gzip
import json
from contextlib import suppress
from pathlib import Path

from . import monthfile, schema
from .errors import StoreError
from .monthfile import COLUMNS, FILE, MANIFEST, read_again
from .reading import FINGERPRINT

_LEAVES = (
    "SELECT right(c.relname, 6)::int AS month FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'usage_store_fact'::regclass"
)


def months(cursor):
    """Months in the store, oldest first, as year * 100 + month.

    Those of which only parts came back (see :mod:`.parts`) are archived, not in it.
    """
    cursor.execute(
        f"{_LEAVES} EXCEPT SELECT month FROM usage_store_month ORDER BY month"
    )
    return [month for (month,) in cursor.fetchall()]


def partial_months(cursor):
    """Archived months of which parts are back in the store, oldest first."""
    cursor.execute(
        f"{_LEAVES} INTERSECT SELECT month FROM usage_store_month ORDER BY month"
    )
    return [month for (month,) in cursor.fetchall()]


def companies(cursor, month):
    """Companies with events in a month, and whether a period still needs them.

    A billed period needs them as long as its usage is not what was billed: the next
    run adds up again what came late or was corrected.

    :return: {company id: "open", "late" or None}
    """
    cursor.execute(
        "SELECT r.company_id, bool_or(p.state = 'open'), bool_or(p.state = 'billed'"
        "  AND coalesce(f.print, '') <> split_part(coalesce(p.billed_fingerprint, ''),"
        "                                          '+', 1))"
        " FROM (SELECT DISTINCT r.company_id, r.period_id FROM usage_store_route r"
        f"   WHERE EXISTS (SELECT FROM {schema.leaf(month)} f WHERE f.route_id = r.id)"
        " ) AS r LEFT JOIN usage_period p ON p.id = r.period_id"
        f" LEFT JOIN LATERAL (SELECT {FINGERPRINT} AS print FROM usage_store_rollup r"
        "   WHERE r.period_id = p.id AND r.bucket = '-infinity' AND r.event_count > 0"
        " ) f ON true GROUP BY r.company_id"
    )
    return {
        company_id: "open" if is_open else "late" if is_late else None
        for company_id, is_open, is_late in cursor.fetchall()
    }


def is_unshipped(cursor, month):
    """Whether ClickHouse is to have events of a month that did not arrive and agree."""
    cursor.execute(
        f"SELECT EXISTS (SELECT FROM {schema.leaf(month)} f"
        " JOIN usage_store_route r ON r.id = f.route_id"
        " JOIN res_company c ON c.id = r.company_id"
        " WHERE c.usage_store_target IS NOT NULL"
        "  OR (c.usage_store_engine = 'clickhouse' AND NOT EXISTS ("
        "   SELECT FROM usage_shipment s"
        "    WHERE s.batch_id = f.id >> 31 AND s.state = 'done'"
        "      AND f.id & 2147483647 BETWEEN s.first_row + 1 AND s.last_row)))"
    )
    return cursor.fetchone()[0]


def periods(cursor, period_ids):
    """Those of these periods that have events in archived months.

    :return: {period id: oldest such month}
    """
    schema.be_current(cursor)
    cursor.execute(
        "SELECT period_id, min(month) FROM usage_store_month_period"
        " WHERE period_id = ANY(%s) GROUP BY period_id",
        [list(period_ids)],
    )
    return dict(cursor.fetchall())


def of_company(cursor, company_id):
    """Newest archived month with events of a company, None for none."""
    cursor.execute(
        "SELECT max(m.month) FROM usage_store_month_period m"
        " JOIN usage_period p ON p.id = m.period_id"
        " JOIN usage_subscription s ON s.id = p.subscription_id"
        " WHERE s.company_id = %s",
        [company_id],
    )
    return cursor.fetchone()[0]


def left_out(cursor, search):
    """Months in the archive that a list of events would need, oldest first.

    Of a company, a span, periods and a type; what else is searched for is in the files.

    :param Search search: see :mod:`.finding`
    """
    cursor.execute(
        "SELECT DISTINCT m.month FROM usage_store_month_period m"
        " WHERE make_date(m.month / 100, m.month %% 100, 1) < %(end)s"
        "   AND make_date(m.month / 100, m.month %% 100, 1) + interval '1 month'"
        "     > %(start)s"
        "   AND (%(periods)s::int[] IS NULL OR m.period_id = ANY(%(periods)s))"
        "   AND EXISTS (SELECT FROM usage_store_route r"
        "    WHERE r.period_id = m.period_id AND r.company_id = %(company)s"
        "      AND (%(type)s::text IS NULL OR r.type = %(type)s))"
        " ORDER BY m.month",
        {
            "company": search.company_id,
            "start": search.start,
            "end": search.end,
            "periods": search.period_ids,
            "type": search.type,
        },
    )
    return [month for (month,) in cursor.fetchall()]


def holds_rows_of(cursor, batch_ids):
    """Whether rows of batches left the store with a month."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM usage_store_month) AND EXISTS ("
        " SELECT FROM usage_batch b WHERE b.id = ANY(%s) AND b.accepted_count > ("
        "  SELECT count(*) FROM usage_store_fact f"
        "   WHERE f.id > b.id::bigint << 31 AND f.id < (b.id::bigint + 1) << 31))",
        [list(batch_ids)],
    )
    return cursor.fetchone()[0]


def archive(cursor, month, folder, look=None):
    """Write a month to a folder and take it out of the store, in this transaction.

    Nobody writes into the month meanwhile; the table is dropped only after the file was
    written, synced, read again and compared. Commit afterwards.

    :param Path folder: made here; what a broken attempt left is replaced
    :param look: function of the month's table that raises when it must stay; called
        when everything here lets it go
    :return: manifest
    :raise StoreError: "archive_order": an older month is still there;
        "archive_open": an open period needs it; "archive_late": a billed one does, its
        usage changed since; "archive_unshipped": ClickHouse does not have all of it
        yet; "archive_broken": the file is not what was written
    """
    if months(cursor)[:1] != [month]:
        raise StoreError("archive_order", month=month)
    _check(cursor, month)
    return _write_out(cursor, month, folder, look)


def put_away(cursor, month, folder, look=None):
    """Archive a month again of which parts came back, in this transaction.

    :param Path folder: another one than the month is in: until the commit that one is
        the archive
    :return: manifest
    :raise StoreError: as :func:`archive` and :func:`restore` do
    """
    archived(cursor, [month], lock=True)
    _check(cursor, month)
    _bring_in(cursor, month)
    return _write_out(cursor, month, folder, look)


def _check(cursor, month):
    """Keep everybody from writing into a month, and refuse when it is needed."""
    name = schema.leaf(month)
    cursor.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
    needed = set(companies(cursor, month).values()) - {None}
    if needed:
        raise StoreError(f"archive_{max(needed)}", month=month)
    if is_unshipped(cursor, month):
        raise StoreError("archive_unshipped", month=month)


def _write_out(cursor, month, folder, look):
    """See :func:`archive`."""
    name = schema.leaf(month)
    if look:
        look(name)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    begins = monthfile.export(cursor, name, folder / FILE)
    cursor.execute(
        f"SELECT count(*), min(time), max(time), sum(value)::text FROM {name}"
    )
    count, first, last, total = cursor.fetchone()
    rows, digest = read_again(folder / FILE)
    if rows != count:
        raise StoreError("archive_broken", month=month, rows=rows, events=count)
    manifest = {
        "format": "releve-usage-month/1",
        "month": month,
        "columns": [column.strip() for column in COLUMNS.split(",")],
        "events": count,
        "first": first and first.isoformat(),
        "last": last and last.isoformat(),
        "value_sum": total,
        "sha256": digest,
    }
    text = json.dumps({**manifest, "members": begins}, indent=1)
    monthfile.write(folder / MANIFEST, lambda file: file.write(text.encode()))
    cursor.execute(
        "INSERT INTO usage_store_month_period (period_id, month)"
        " SELECT DISTINCT r.period_id, %s FROM usage_store_route r"
        f" WHERE EXISTS (SELECT FROM {name} f WHERE f.route_id = r.id)",
        [month],
    )
    cursor.execute(
        "UPDATE usage_shipment SET is_pruned = true WHERE NOT is_pruned"
        f" AND batch_id IN (SELECT DISTINCT f.id >> 31 FROM {name} f)"
    )
    cursor.execute(f"ALTER TABLE usage_store_fact DETACH PARTITION {name}")
    cursor.execute(f"DROP TABLE {name}")
    cursor.execute(
        "INSERT INTO usage_store_month"
        " (month, path, sha256, event_count, size, archived_at)"
        " VALUES (%s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')",
        [month, str(folder), digest, count, (folder / FILE).stat().st_size],
    )
    schema.note_change(cursor)
    return manifest


def restore(cursor, month):
    """Bring a month back, the newest of the archived ones first. Commit afterwards.

    The files stay where they are.

    :return: manifest
    :raise StoreError: "restore_order": a newer month is archived; "archive_broken": the
        file is not the one that was written; "archive_unknown": no such archive
    """
    cursor.execute(
        "SELECT max(month), bool_or(month = %s) FROM usage_store_month", [month]
    )
    newest, is_archived = cursor.fetchone()
    if is_archived and newest != month:
        raise StoreError("restore_order", month=month, newest=newest)
    return _bring_in(cursor, month)


def _bring_in(cursor, month):
    """See :func:`restore`; parts that are back already stay as they are."""
    if month not in (found := archived(cursor, [month], lock=True)):
        raise StoreError("archive_unknown", month=month)
    folder, digest, count = found[month]
    rows, present = read_again(folder / FILE)
    if (rows, present) != (count, digest):
        raise StoreError("archive_broken", month=month, rows=rows, events=count)
    name = schema.leaf(month)
    if month in partial_months(cursor):
        with gzip.open(folder / FILE) as source:
            add(cursor, month, source)
    else:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [schema.ADVISORY_LOCK])
        cursor.execute(
            f"CREATE TABLE {name} (LIKE usage_store_fact INCLUDING DEFAULTS)"
        )
        with gzip.open(folder / FILE) as source:
            cursor.copy_expert(f"COPY {name} ({COLUMNS}) FROM STDIN", source)
        cursor.execute(schema.index_leaf(name))
        schema.attach(cursor, month)
    cursor.execute("DELETE FROM usage_store_month WHERE month = %s", [month])
    cursor.execute("DELETE FROM usage_store_month_period WHERE month = %s", [month])
    cursor.execute(
        "UPDATE usage_shipment s SET is_pruned = false WHERE is_pruned"
        " AND row_count = (SELECT count(*) FROM usage_store_fact f"
        "  WHERE f.id > (s.batch_id::bigint << 31) + s.first_row"
        "    AND f.id <= (s.batch_id::bigint << 31) + s.last_row)"
    )
    schema.note_change(cursor)
    return json.loads((folder / MANIFEST).read_text())


def archived(cursor, wanted, lock=False):
    """Archived ones of these months.

    :param bool lock: let nobody else bring them back meanwhile
    :return: {month: (folder, SHA-256, number of events)}
    """
    schema.be_current(cursor)
    cursor.execute(
        "SELECT month, path, sha256, event_count FROM usage_store_month"
        f" WHERE month = ANY(%s) ORDER BY month{' FOR UPDATE' if lock else ''}",
        [sorted(set(wanted))],
    )
    return {month: (Path(path), *rest) for month, path, *rest in cursor.fetchall()}


def add(cursor, month, source):
    """Add rows of an archive file to the table of their month; known ones stay.

    :param source: file of rows
    :return: number of rows added
    """
    cursor.execute(
        "CREATE TEMP TABLE usage_store_back (LIKE usage_store_fact) ON COMMIT DROP"
    )
    cursor.copy_expert(f"COPY usage_store_back ({COLUMNS}) FROM STDIN", source)
    cursor.execute(
        f"INSERT INTO {schema.leaf(month)} ({COLUMNS})"
        f" SELECT {COLUMNS} FROM usage_store_back ORDER BY key"
        " ON CONFLICT (key) DO NOTHING"
    )
    added = cursor.rowcount
    cursor.execute("DROP TABLE usage_store_back")
    return added


def forget_files(folder):
    """Delete an archive that another one took the place of."""
    for name in (FILE, MANIFEST):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # something else is in it
        folder.rmdir()


def forget_properties(cursor, company_id, before):
    """Erase the further properties of a company's old events; figures stay.

    What a meter reads of properties was added up long ago; the caller keeps away from
    periods that may still be counted again.

    :param datetime before: naive UTC; of events before it, in periods that are not open
    :return: number of events
    """
    cursor.execute(
        "UPDATE usage_store_fact f SET properties = NULL"
        " FROM usage_store_route r JOIN usage_period p ON p.id = r.period_id"
        " WHERE r.id = f.route_id AND r.company_id = %s AND f.time < %s"
        " AND f.properties IS NOT NULL AND p.state <> 'open'",
        [company_id, before],
    )
    return cursor.rowcount
