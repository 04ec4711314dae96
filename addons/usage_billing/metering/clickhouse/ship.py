"""The outbox: shipments of events on their way to ClickHouse.

A shipment is the events that one append stored. Its life is ``new`` (the append wrote
it), ``sending`` (an attempt has a number) and ``done`` (count and checksum of what
ClickHouse holds are those of what PostgreSQL holds). Whatever dies in between, the next
attempt finds out what arrived, and a number that was given once is never used again.
"""

from dataclasses import dataclass

from ..errors import StoreError
from ..values import AppendResult
from . import rows, tables
from .driver import numbers, text

PAGE = 50_000
#: Last row of a shipment that takes the batch as it is: corrections leave numbers out.
ALL_ROWS = 2**31 - 1

_TABLES = """
CREATE SEQUENCE IF NOT EXISTS usage_store_attempt;
CREATE TABLE IF NOT EXISTS usage_store_leftover (
    attempt_id bigint PRIMARY KEY,
    company_id integer NOT NULL,
    shipment_id integer NOT NULL,
    since timestamp(6) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
"""


def create(cursor):
    """Create what the outbox needs beside the table of shipments."""
    cursor.execute(_TABLES)


def drop(cursor):
    """Drop it again (uninstall)."""
    cursor.execute("DROP TABLE IF EXISTS usage_store_leftover")
    cursor.execute("DROP SEQUENCE IF EXISTS usage_store_attempt")


def enqueue(cursor, batch, result):
    """Write the intent to ship what an append stored, in its transaction.

    :param BatchSpec batch: of the append
    :param AppendResult result: of the append
    """
    if result.accepted:
        cursor.execute(
            "INSERT INTO usage_shipment (company_id, batch_id, first_row, last_row,"
            " row_count, state, attempt_count, has_wide, is_pruned, create_date)"
            " VALUES (%s, %s, %s, %s, %s, 'new', 0, false, false,"
            "         now() AT TIME ZONE 'UTC')",
            [
                batch.company_id,
                batch.id,
                batch.first_row,
                batch.first_row + result.rows,
                result.accepted,
            ],
        )


def enqueue_correction(cursor, batch, accepted):
    """Write the intent to ship the rows of voids or amendments.

    :param BatchSpec batch: made for the correction; :param int accepted: rows stored
    """
    enqueue(cursor, batch, AppendResult(rows=ALL_ROWS, accepted=accepted))


def enqueue_history(cursor, company_id, limit=1000):
    """Write intents for stored events that no shipment covers.

    Those of the time before there was an outbox, or while PostgreSQL was the engine.

    :return: number of batches taken up
    """
    cursor.execute(
        "INSERT INTO usage_shipment (company_id, batch_id, first_row, last_row,"
        " row_count, state, attempt_count, has_wide, is_pruned, create_date)"
        " SELECT b.company_id, b.id, coalesce(s.last_row, 0),"
        "        CASE WHEN EXISTS (SELECT FROM usage_store_correction c"
        "                           WHERE c.batch_id = b.id)"
        f"            THEN {ALL_ROWS} ELSE b.rows_read END,"
        "        b.accepted_count - coalesce(s.row_count, 0), 'new', 0, false, false,"
        "        now() AT TIME ZONE 'UTC'"
        "   FROM usage_batch b LEFT JOIN ("
        "        SELECT batch_id, max(last_row) AS last_row,"
        "               sum(row_count) AS row_count"
        "          FROM usage_shipment WHERE company_id = %(company)s GROUP BY batch_id"
        "   ) AS s ON s.batch_id = b.id"
        "  WHERE b.company_id = %(company)s"
        "    AND b.accepted_count > coalesce(s.row_count, 0)"
        "  ORDER BY b.id LIMIT %(limit)s",
        {"company": company_id, "limit": limit},
    )
    return cursor.rowcount


@dataclass(slots=True)
class Shipment:
    """A row of the outbox."""

    id: int
    company_id: int
    state: str
    attempt_id: int | None
    row_count: int

    @classmethod
    def load(cls, cursor, shipment_id):
        """The shipment, locked until the transaction ends; None when it is gone."""
        cursor.execute(
            "SELECT id, company_id, state, attempt_id, row_count FROM usage_shipment"
            " WHERE id = %s FOR UPDATE",
            [shipment_id],
        )
        found = cursor.fetchone()
        return found and cls(*found)


def ship(cursor, driver, shipment_id, commit, page=None):
    """Send one shipment, or find that it has arrived.

    Only one process may do this for a shipment at a time; the caller holds a lock.

    :param cursor: exact psycopg2 cursor of a transaction that may be committed
    :param commit: function that commits it
    :return: whether the shipment is done now
    :raise StoreUnavailable: ClickHouse cannot be asked; nothing is lost
    :raise StoreError: what arrived is not what was sent, or the server refuses
    """
    page = page or PAGE
    shipment = Shipment.load(cursor, shipment_id)
    if shipment is None or shipment.state == "done":
        return True
    if shipment.attempt_id and _has_arrived(cursor, driver, shipment, page):
        return True
    _begin(cursor, shipment)
    commit()
    content = _Content()
    columns = tables.columns(driver.modern)
    for number, found in enumerate(rows.read(cursor, shipment.id, page)):
        content.add(found)
        driver.insert(
            "usage_event", *rows.fit(found, columns), f"{shipment.attempt_id}-{number}"
        )
    commit()  # do not hold a snapshot while waiting for the answer
    _compare(driver, shipment, content)
    _finish(cursor, shipment, content)
    commit()
    return True


class _Content:
    """What a shipment consists of, and where in ClickHouse to look for it."""

    def __init__(self):
        self.checksum = rows.Checksum()
        self.periods = set()
        self.types = set()
        self.has_wide = False

    def add(self, found):
        self.checksum.add(found)
        for row in found:
            self.periods.add(row[1])
            self.types.add(row[2])
        self.has_wide = self.has_wide or any(map(rows.is_wide, found))


def _has_arrived(cursor, driver, shipment, page):
    """Whether an attempt that was broken off has stored everything all the same."""
    content = _Content()
    for found in rows.read(cursor, shipment.id, page):
        content.add(found)
    if arrived(driver, shipment, content) != content.checksum.figures:
        return False
    _finish(cursor, shipment, content)
    return True


def _begin(cursor, shipment):
    """Give a new attempt its number; what the last one left counts nowhere."""
    cursor.execute(
        "INSERT INTO usage_store_leftover (attempt_id, company_id, shipment_id)"
        " SELECT attempt_id, company_id, id FROM usage_shipment"
        "  WHERE id = %s AND attempt_id IS NOT NULL",
        [shipment.id],
    )
    cursor.execute(
        "UPDATE usage_shipment SET state = 'sending',"
        " attempt_id = nextval('usage_store_attempt'),"
        " attempt_count = attempt_count + 1 WHERE id = %s RETURNING attempt_id",
        [shipment.id],
    )
    (shipment.attempt_id,) = cursor.fetchone()


def arrived(driver, shipment, content):
    """Count and checksum of what an attempt stored in ClickHouse."""
    checksum = content.checksum
    if not checksum.count:
        return 0, 0
    periods = rows.period_table(content.periods)
    columns = tables.columns(driver.modern)
    ((count, total),) = driver.query(
        f"SELECT {rows.checksum_sql(columns)} FROM usage_event"
        f" WHERE company_id = {shipment.company_id}"
        f" AND type IN ({', '.join(map(text, sorted(content.types)))})"
        f" AND period_id IN (SELECT id FROM {periods.name})"
        f" AND time BETWEEN {checksum.low} AND {checksum.high}"
        f" AND shipment_id = {shipment.id} AND attempt_id = {shipment.attempt_id}",
        [periods],
    )
    return count, total or 0


def _compare(driver, shipment, content):
    sent = content.checksum.figures
    if sent[0] != shipment.row_count:
        raise StoreError("shipment_rows", stored=sent[0], expected=shipment.row_count)
    found = arrived(driver, shipment, content)
    if found != sent:
        raise StoreError(
            "shipment_differs",
            sent=f"{sent[0]}/{sent[1]:016x}",
            found=f"{found[0]}/{found[1]:016x}",
        )


def _finish(cursor, shipment, content):
    cursor.execute(
        "UPDATE usage_shipment SET state = 'done', error = NULL, next_try_at = NULL,"
        " done_at = now() AT TIME ZONE 'UTC', has_wide = %s, checksum = %s"
        " WHERE id = %s",
        [content.has_wide, f"{content.checksum.total:016x}", shipment.id],
    )


def clean(cursor, driver, company_id, minutes=60):
    """Delete from ClickHouse what broken attempts left behind.

    Only after a while: an INSERT that lost its client may still be running. A leftover
    is forgotten when a look finds none of its rows.

    :return: attempts forgotten
    """
    cursor.execute(
        "SELECT attempt_id FROM usage_store_leftover WHERE company_id = %s"
        " AND since < now() AT TIME ZONE 'UTC' - make_interval(mins => %s)"
        " ORDER BY attempt_id LIMIT 100",
        [company_id, minutes],
    )
    attempts = [attempt for (attempt,) in cursor.fetchall()]
    if not attempts:
        return 0
    chosen = f"company_id = {company_id} AND attempt_id IN ({numbers(attempts)})"
    found = {
        attempt
        for (attempt,) in driver.query(
            f"SELECT DISTINCT attempt_id FROM usage_event WHERE {chosen}"
        )
    }
    gone = [attempt for attempt in attempts if attempt not in found]
    if found:
        wait = " SETTINGS mutations_sync = 1" if driver.modern else ""
        driver.execute(f"ALTER TABLE usage_event DELETE WHERE {chosen}{wait}")
    cursor.execute(
        "DELETE FROM usage_store_leftover WHERE attempt_id = ANY(%s)", [gone]
    )
    return len(gone)
