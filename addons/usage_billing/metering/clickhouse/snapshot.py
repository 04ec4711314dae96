"""What a transaction may see of the events in ClickHouse.

PostgreSQL decides: which shipments are done, which deliveries were replaced, what
broken attempts left behind. Events of shipments that are not done travel with the
query.
"""

from dataclasses import dataclass, field

from ..errors import StoreError
from . import rows, tables
from .driver import Table, numbers

#: Events of unfinished shipments that a query may bring along. More means that the
#: shipping is far behind: then the answer is refused, never wrong.
PENDING_KEPT = 500_000

PENDING = "pending_event"


@dataclass(frozen=True, slots=True)
class Corrected:
    """Rows that voids and amendments are about.

    gone: row that a correction took away -> when that arrived (microseconds)
    fallen: amendments of events whose delivery was replaced
    """

    gone: dict[int, int]
    fallen: list[int]
    exists: bool


@dataclass(slots=True)
class Snapshot:
    """One company's events as one transaction sees them.

    pending: ids of shipments that are not done
    newest: id of the newest shipment known
    leftovers: attempts whose rows count nowhere
    replaced: batches whose events do not count
    wide: whether some event stands in the wide columns
    """

    cursor: object
    company_id: int
    pending: list[int] = field(default_factory=list)
    newest: int = 0
    leftovers: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    wide: bool = False
    _known: tuple = (None, None)

    @classmethod
    def load(cls, cursor, company_id, as_of=None):
        """
        :param cursor: exact psycopg2 cursor of the transaction
        :param datetime as_of: replaced are only those whose successor had arrived
        """
        cursor.execute(
            "SELECT coalesce(max(id), 0),"
            " coalesce(array_agg(id) FILTER (WHERE state <> 'done'), '{}')"
            " FROM usage_shipment WHERE company_id = %(company)s AND (state <> 'done'"
            " OR id = (SELECT max(id) FROM usage_shipment"
            "           WHERE company_id = %(company)s))",
            {"company": company_id},
        )
        newest, pending = cursor.fetchone()
        cursor.execute(
            "SELECT ARRAY(SELECT attempt_id FROM usage_store_leftover"
            "              WHERE company_id = %(company)s),"
            " ARRAY(SELECT b.id FROM usage_batch b"
            "        LEFT JOIN usage_batch n ON n.id = b.superseded_by_id"
            "        WHERE b.company_id = %(company)s AND b.state = 'superseded'"
            "          AND (%(as_of)s::timestamp IS NULL"
            "               OR n.received_at <= %(as_of)s)),"
            " EXISTS(SELECT FROM usage_shipment WHERE company_id = %(company)s"
            "        AND has_wide)",
            {"company": company_id, "as_of": as_of},
        )
        leftovers, replaced, wide = cursor.fetchone()
        return cls(cursor, company_id, pending, newest, leftovers, replaced, wide)

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, driver, columns, where, periods, types):
        """SQL of a subquery that gives these columns of the events that can be seen.

        :param list[str] columns: names
        :param str where: condition over the events' columns
        :param periods: ids of the periods that ``where`` lets through
        :param types: event types that it lets through, None for all
        :return: (text, tables that travel with the query)
        """
        names = ", ".join(columns)
        text = f"SELECT {names} FROM usage_event WHERE {self.visible(where)}"
        table = self._pending_rows(driver, list(periods), types)
        if table is None:
            return text, []
        also = f"SELECT {names} FROM {PENDING} WHERE {where}"
        if self.replaced:
            also += f" AND batch_id NOT IN ({numbers(self.replaced)})"
        return f"{text} UNION ALL {also}", [table]

    def visible(self, where):
        """Condition for rows in ClickHouse that this transaction may see."""
        conditions = [
            f"company_id = {self.company_id}",
            f"shipment_id <= {self.newest}",
        ]
        for column, values in (
            ("shipment_id", self.pending),
            ("attempt_id", self.leftovers),
            ("batch_id", self.replaced),
        ):
            if values:
                conditions.append(f"{column} NOT IN ({numbers(values)})")
        return " AND ".join([*conditions, where])

    def corrected(self, period_ids, as_of=None):
        """Corrections that concern these periods, as far as they are known.

        :rtype: Corrected
        """
        self.cursor.execute(
            "SELECT target_id, row_id, origin_batch_id, received_at"
            " FROM usage_store_correction WHERE company_id = %s"
            " AND (period_id = ANY(%s) OR row_period_id = ANY(%s))",
            [self.company_id, period_ids, period_ids],
        )
        found = self.cursor.fetchall()
        replaced = set(self.replaced)
        return Corrected(
            {
                target: rows.microseconds(received)
                for target, _row, _batch, received in found
                if as_of is None or received <= as_of
            },
            [row for _target, row, batch, _received in found if batch in replaced],
            bool(found),
        )

    def _pending_rows(self, driver, periods, types):
        if not self.pending:
            return None
        key = (tuple(sorted(periods)), types and tuple(types))
        if self._known[0] != key:
            self._known = (key, self._read_pending(driver, periods, types))
        return self._known[1]

    def _read_pending(self, driver, periods, types):
        found = rows.read_pending(
            self.cursor, self.pending, periods, types, PENDING_KEPT + 1
        )
        if len(found) > PENDING_KEPT:
            raise StoreError("store_behind", shipments=len(self.pending))
        if not found:
            return None
        self.wide = self.wide or any(rows.is_wide(row) for row in found)
        return Table(PENDING, *rows.fit(found, tables.columns(driver.modern)))
