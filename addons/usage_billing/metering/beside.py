"""A new meter is counted beside those who store events, and held up by none of them.

Whoever makes a meter counts by the snapshot of a transaction (REPEATABLE READ), without
a lock, however long that takes: no append knows the meter, so nobody else adds to its
rollups. What others stored meanwhile is not in the snapshot. It is added at the end,
under the lock that appends wait for, and the transaction ends: from then on they know
the meter. So the figures are all there at once, or the meter is not.

After a long count much came. Then that is added first, round by round and still without
the lock: each round adds what came during the one before, and leaves little to the
last one.

Two kinds of changes can come beside the count. New events are those that the counting
transaction does not see; they are added. Where events moved to another period, were
corrected or taken out, the period is noted (``usage_store_remade``), and counted again.
"""

from typing import NamedTuple

from psycopg2.extras import execute_values

from . import archive
from .facts import select_from_events
from .planned import COLUMNS, MERGE, SHUT
from .postgres import PostgresStore

#: What this transaction sees, when the oldest began that may be at work beside it, and
#: whether it goes on seeing just that. A batch is written with the time its transaction
#: began: older ones need no look. The hour is for a long one that ended just before
#: this question. Autovacuum, which may be at work all along, writes no batch.
_SEEN = """
    SELECT pg_current_snapshot()::text,
           least(now(), min(xact_start)) AT TIME ZONE 'UTC' - interval '1 hour',
           current_setting('transaction_isolation') <> 'read committed'
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type <> 'autovacuum worker'
"""
#: Batches written by transactions that a snapshot does not show, or that are about as
#: young: none is left out. (A batch is written where its events are.) Ages are told
#: from the transaction's own number, once it has one.
_CAME = """
    SELECT b.id FROM usage_batch b
     WHERE b.company_id = %s AND b.write_date >= %s
       AND age(b.xmin) <= %s - pg_snapshot_xmin(%s::pg_snapshot)::text::bigint
"""
_REMADE = """
    SELECT DISTINCT n.period_id FROM usage_store_remade n
      JOIN usage_store_route r ON r.period_id = n.period_id
     WHERE r.company_id = %s AND NOT pg_visible_in_snapshot(n.xid, %s)
"""
_OF_BATCHES = (
    "{0} >= %(low)s AND {0} < %(high)s AND ({0} >> 31)::integer = ANY(%(ids)s)"
)


class Seen(NamedTuple):
    """What a transaction sees.

    snapshot: text of it; since: nothing younger is invisible (naive UTC)
    is_fixed: it goes on seeing just that
    """

    snapshot: str
    since: object
    is_fixed: bool


def seen_by(cursor):
    """:rtype: Seen"""
    cursor.execute(_SEEN)
    return Seen(*cursor.fetchone())


def batches_since(cursor, company_id, seen):
    """Batches that somebody who saw this much may not see. None is left out.

    :param cursor: of a transaction that sees them
    """
    cursor.execute("SELECT pg_current_xact_id()::text::bigint")
    ((now,),) = cursor.fetchall()
    cursor.execute(_CAME, [company_id, seen.since, now, seen.snapshot])
    return [batch_id for (batch_id,) in cursor.fetchall()]


class Beside(PostgresStore):
    """The store as others see it, while a transaction counts new meters.

    :param cursor: of a transaction that sees what is to be added, and nothing else
        meanwhile: READ COMMITTED while appends are kept away, else REPEATABLE READ
    :param PostgresStore counting: has counted them
    :param before: cursor of the round before, which sees what that one added; default
        the counting one
    """

    def __init__(self, cursor, counting, before=None):
        super().__init__(cursor)
        self.counting = counting
        self.before = before or counting.cursor

    def _add_dimsets(self, wanted):
        """The counting one may have added them, and nobody sees that yet."""
        return self.counting.dimset_ids(wanted)

    def catch_up(self, company_id, meters, seen, spans_of):
        """Add what came since meters were counted.

        :param list[MeterSpec] meters: of the company
        :param Seen seen: by whom they were counted, or by the round before
        :param spans_of: function list of period ids -> list of PeriodSpan
        :return: ids of the periods whose sums changed
        """
        remade = self._remade_since(company_id, seen)
        only = self._unseen(batches_since(self.cursor, company_id, seen))
        types = {meter.event_type for meter in meters}
        came = self._periods_of(only, types) - remade
        # what is in an archive is counted by nobody, see Store.rebuild_meters
        for cursor in (self.cursor, self.counting.cursor):
            archived = archive.periods(cursor, sorted(came | remade)).keys()
            came, remade = came - archived, remade - archived
        rows = self._made(spans_of(sorted(came)), meters, only)
        rows += self._made(spans_of(sorted(remade)), meters)
        self._add(rows, remade, meters)
        return sorted(came | remade)

    def _remade_since(self, company_id, seen):
        """Periods in which more changed than that events came."""
        self.cursor.execute(_REMADE, [company_id, seen.snapshot])
        return {period_id for (period_id,) in self.cursor.fetchall()}

    def _unseen(self, batch_ids):
        """SQL of a condition: events ``e`` of batches that were not seen; None for no
        event.
        """
        theirs, mine = (
            _counts(cursor, batch_ids) for cursor in (self.cursor, self.before)
        )
        new = [id_ for id_, count in theirs.items() if mine.get(id_) != count]
        if not new:
            return None
        known = []
        partly = [id_ for id_ in new if id_ in mine]
        if partly:  # some of it was committed by an earlier transaction
            self.before.execute(
                f"SELECT id FROM usage_store_fact WHERE {_OF_BATCHES.format('id')}",
                _span(partly),
            )
            known = [id_ for (id_,) in self.before.fetchall()]
        return self.cursor.mogrify(
            f"{_OF_BATCHES.format('e.id')} AND e.id <> ALL(%(known)s::bigint[])",
            {**_span(new), "known": known},
        ).decode()

    def _periods_of(self, only, types):
        """Periods into which events of these types came."""
        if only is None:
            return set()
        self.cursor.execute(
            "SELECT DISTINCT e.period_id FROM usage_store_event e"
            f" WHERE e.type = ANY(%s) AND {only}",
            [list(types)],
        )
        return {period_id for (period_id,) in self.cursor.fetchall()}

    def _made(self, periods, meters, only="true"):
        """Rows of rollups, made from events."""
        routes = self._event_routes(periods, meters, only) if periods else ()
        if not routes:
            return []
        columns = COLUMNS.replace("bucket", "bucket::text")
        query = select_from_events(self.cursor, periods, routes, only=only)
        self.cursor.execute(f"SELECT {columns} FROM ({query}) AS made")
        return self.cursor.fetchall()

    def _add(self, rows, remade, meters):
        """Add rows to those that were counted, or put them in their place."""
        cursor = self.counting.cursor
        meter_ids = [meter.id for meter in meters]
        if remade:
            cursor.execute(
                "DELETE FROM usage_store_sum"
                " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
                [sorted(remade), meter_ids],
            )
        if rows:
            cursor.execute(SHUT, [sorted({row[1] for row in rows}), meter_ids])
            execute_values(
                cursor,
                f"INSERT INTO usage_store_sum AS r ({COLUMNS}) VALUES %s {MERGE}",
                rows,
                page_size=1000,
            )


def _counts(cursor, batch_ids):
    """Numbers of events by batch, as a transaction sees them."""
    if not batch_ids:
        return {}
    cursor.execute(
        "SELECT (id >> 31)::integer, count(*) FROM usage_store_fact"
        f" WHERE {_OF_BATCHES.format('id')} GROUP BY 1",
        _span(batch_ids),
    )
    return dict(cursor.fetchall())


def _span(batch_ids):
    """Parameters of a condition on batches: the range is what an index knows."""
    low, high = min(batch_ids) << 31, (max(batch_ids) + 1) << 31
    return {"low": low, "high": high, "ids": list(batch_ids)}
