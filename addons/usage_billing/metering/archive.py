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
import hashlib
import json
import os
from pathlib import Path

from . import schema
from .errors import StoreError

_FACT = (
    "id, time, payload_hash, key, route_id, row_number, event_id, value, amount,"
    " properties"
)
FILE, MANIFEST = "events.copy.gz", "manifest.json"
_BLOCK = 1 << 20


def months(cursor):
    """Months in the store, oldest first, as year * 100 + month."""
    cursor.execute(
        "SELECT right(c.relname, 6)::int FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'usage_store_fact'::regclass ORDER BY 1"
    )
    return [month for (month,) in cursor.fetchall()]


def companies(cursor, month):
    """Companies with events in a month, and whether an open period needs them.

    :return: {company id: some event lies in an open period}
    """
    cursor.execute(
        "SELECT r.company_id, bool_or(p.state = 'open') FROM usage_store_route r"
        " LEFT JOIN usage_period p ON p.id = r.period_id"
        f" WHERE EXISTS (SELECT FROM {schema.leaf(month)} f WHERE f.route_id = r.id)"
        " GROUP BY r.company_id"
    )
    return {company_id: bool(is_open) for company_id, is_open in cursor.fetchall()}


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
        "archive_open": an open period needs it; "archive_unshipped": ClickHouse does
        not have all of it yet; "archive_broken": the file is not what was written
    """
    if months(cursor)[:1] != [month]:
        raise StoreError("archive_order", month=month)
    name = schema.leaf(month)
    cursor.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
    if any(companies(cursor, month).values()):
        raise StoreError("archive_open", month=month)
    if is_unshipped(cursor, month):
        raise StoreError("archive_unshipped", month=month)
    if look:
        look(name)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / FILE, lambda out: _export(cursor, name, out))
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
        "columns": [column.strip() for column in _FACT.split(",")],
        "events": count,
        "first": first and first.isoformat(),
        "last": last and last.isoformat(),
        "value_sum": total,
        "sha256": digest,
    }
    text = json.dumps(manifest, indent=1)
    _write(folder / MANIFEST, lambda out: out.write(text.encode()), compress=False)
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
        "SELECT path, sha256, event_count, (SELECT max(month) FROM usage_store_month)"
        " FROM usage_store_month WHERE month = %s",
        [month],
    )
    found = cursor.fetchone()
    if not found:
        raise StoreError("archive_unknown", month=month)
    path, digest, count, newest = found
    if newest != month:
        raise StoreError("restore_order", month=month, newest=newest)
    folder = Path(path)
    rows, present = read_again(folder / FILE)
    if (rows, present) != (count, digest):
        raise StoreError("archive_broken", month=month, rows=rows, events=count)
    name = schema.leaf(month)
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [schema.ADVISORY_LOCK])
    cursor.execute(f"CREATE TABLE {name} (LIKE usage_store_fact INCLUDING DEFAULTS)")
    with gzip.open(folder / FILE) as source:
        cursor.copy_expert(f"COPY {name} ({_FACT}) FROM STDIN", source)
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


def read_again(path):
    """Rows and SHA-256 of an archive file as it is on disk.

    :raise StoreError: "archive_broken": it cannot be read to its end
    """
    digest, rows = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        with gzip.open(path) as source:
            while block := source.read(_BLOCK):
                rows += block.count(b"\n")
    except (OSError, EOFError) as error:
        raise StoreError("archive_broken", path=str(path)) from error
    return rows, digest.hexdigest()


def _export(cursor, name, out):
    cursor.copy_expert(f"COPY (SELECT {_FACT} FROM {name} ORDER BY key) TO STDOUT", out)


def _write(path, fill, compress=True):
    """Write a file so that it is whole or not there, and on the disk."""
    draft = path.with_suffix(path.suffix + ".part")
    with open(draft, "wb") as file:
        if compress:
            with gzip.GzipFile(
                fileobj=file, mode="wb", mtime=0, compresslevel=6
            ) as out:
                fill(out)
        else:
            fill(file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
