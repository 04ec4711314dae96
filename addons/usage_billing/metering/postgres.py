"""The event store in PostgreSQL, on the caller's transaction."""

import json
from contextlib import contextmanager

from psycopg2.extras import execute_values

from . import schema
from .append import MANY, Append
from .facts import select_from_events
from .keys import identity_function, route_hash
from .planned import COLUMNS
from .prepare import many_objects
from .reading import Reading
from .rollups import Additions

#: Rows that are sent in one COPY: between two of them the server and this process wait
#: for each other.
CHUNK = 100_000


class PostgresStore(Reading):
    """:class:`~.store.EventStore` on a psycopg2 cursor.

    :param cursor: from :func:`~.connection.exact_cursor`
    :param catalogue: :class:`~.routing.Catalogue`; needed to append only
    :param hold: function (BatchSpec, list[HeldRow]) -> positions of rows that were held
        before already; stores the others in the quarantine
    :param partition_cursor: function giving a context manager with a cursor of a
        transaction of its own, committed at its end; months are created there

    is_read_committed: this transaction sees what others commit, so numbers of routes
        and dimension sets are given in a transaction of their own: no append waits for
        another one because both met something new
    has_added: numbers were given in this transaction, and fall with it
    """

    def __init__(self, cursor, catalogue=None, hold=None, partition_cursor=None):
        self.cursor = cursor
        self.catalogue = catalogue
        self.hold = hold
        self.partition_cursor = partition_cursor
        self.is_read_committed = False
        self.has_added = False

    # -- writing ---------------------------------------------------------------------

    def append(self, batch, rows, chunk=CHUNK, router=None):
        """See :meth:`.store.EventStore.append`.

        :param Router router: of an earlier append of the source, see :mod:`.pool`
        """
        if router is None:  # else it was taken with the router, see .pool
            # A rebuild of rollups must not run beside an append it cannot see.
            self.cursor.execute("LOCK TABLE usage_store_gate IN ROW EXCLUSIVE MODE")
        return Append(self, batch, router).run(rows, chunk)

    def append_all(self, batches, router):
        """Append batches of one source in one go: each sum is written once.

        :param batches: list of (BatchSpec, sequence of rows), all received at one time
        :param Router router: as for :meth:`append`
        :rtype: list[AppendResult]
        """
        additions, (first, rows) = Additions(), batches[0]
        results = None
        with many_objects():
            if len(batches) > 1 or len(rows) >= MANY:
                results = Append(self, first, router, additions).run_together(batches)
            if results is None:
                results = [
                    Append(self, batch, router, additions).run(rows, CHUNK)
                    for batch, rows in batches
                ]
            additions.write(self.cursor, first.received_at)
        return results

    def rebuild(self, periods, meters):
        """See :meth:`.store.EventStore.rebuild`."""
        if not periods or not meters:
            return
        cursor = self.cursor
        cursor.execute("LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "DELETE FROM usage_store_sum"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            _ids(periods, meters),
        )
        self._fill_rollups(periods, meters)

    def count(self, periods, meters):
        """Make the rollups of new meters, which nobody else knows: none is waited for.

        What others store meanwhile is not in them, see :mod:`.beside`.
        """
        if periods and meters:
            self._fill_rollups(periods, meters)

    def _fill_rollups(self, periods, meters):
        """Write the rollups of these periods and meters, which have none."""
        routes = self._event_routes(periods, meters)
        if routes:
            selection = select_from_events(self.cursor, periods, routes)
            self.cursor.execute(f"INSERT INTO usage_store_sum ({COLUMNS}) {selection}")

    def erase(self, company_id, source_id):
        """Forget a source: its events and their identities, as if never received.

        Only for usage that nobody was billed for; the caller makes sure of that, and
        makes the rollups of the periods again.

        :return: ids of the periods the events fell into
        """
        cursor = self.cursor
        cursor.execute("LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "DELETE FROM usage_store_correction c USING usage_batch b"
            " WHERE b.id = c.batch_id AND b.company_id = %s AND b.source_id = %s",
            [company_id, source_id],
        )
        cursor.execute(
            "DELETE FROM usage_store_fact f USING usage_store_route r"
            " WHERE r.id = f.route_id AND r.company_id = %s AND r.source_id = %s"
            " RETURNING f.event_id, r.period_id",
            [company_id, source_id],
        )
        erased = cursor.fetchall()
        identity = identity_function(company_id, source_id)
        cursor.execute(
            "DELETE FROM usage_store_identity WHERE identity = ANY(%s::uuid[])",
            [[identity(event_id)[1].hex() for event_id, _period in erased]],
        )
        period_ids = sorted({period_id for _event_id, period_id in erased})
        schema.note_remade(cursor, period_ids)
        return period_ids

    def amending(self, hold):
        """The same store for amendments: what fits nowhere goes to ``hold``."""
        return PostgresStore(self.cursor, self.catalogue, hold, self.partition_cursor)

    def dimset_ids(self, wanted):
        """Numbers of dimension sets, new ones added to the dictionary.

        :param dict wanted: canonical text -> dimensions
        :return: canonical text -> id
        """
        found = self._find_dimsets(wanted) if wanted else {}
        missing = {text: wanted[text] for text in wanted.keys() - found.keys()}
        return found | self._add_dimsets(missing) if missing else found

    def _find_dimsets(self, wanted):
        """:return: canonical text -> number, of dimension sets that are known"""
        self.cursor.execute(
            "SELECT t.text, d.id FROM unnest(%s) AS t(text)"
            " JOIN usage_store_dimset d ON d.hash = md5(t.text)::uuid",
            [sorted(wanted)],
        )
        return dict(self.cursor.fetchall())

    def _add_dimsets(self, wanted):
        """Add dimension sets to the dictionary, see :meth:`dimset_ids`."""
        new = [(text, json.dumps(wanted[text])) for text in sorted(wanted)]
        with self._adding() as cursor:
            execute_values(
                cursor,
                "INSERT INTO usage_store_dimset (hash, dims)"
                " SELECT md5(t.text)::uuid, t.dims::jsonb"
                " FROM (VALUES %s) AS t(text, dims) ON CONFLICT (hash) DO NOTHING",
                new,
                page_size=1000,
            )
        return self._find_dimsets(wanted)

    def route_ids(self, keys):
        """Numbers of routes, new ones added to the dictionary.

        :param list keys: see :func:`.keys.route_hash`, without repetition
        :rtype: dict
        """
        hashes = list(map(route_hash, keys))
        found = self._find_routes(hashes)
        missing = {
            text: key
            for text, key in zip(hashes, keys, strict=True)
            if text not in found
        }
        if missing:
            found.update(self._add_routes(missing))
            others = [text for text in missing if text not in found]
            if others:  # somebody else added them meanwhile
                found.update(self._find_routes(others))
        return {key: found[text] for text, key in zip(hashes, keys, strict=True)}

    def _find_routes(self, hashes):
        """:return: hash -> number, of routes that are known"""
        self.cursor.execute(
            "SELECT replace(hash::text, '-', ''), id FROM usage_store_route"
            " WHERE hash = ANY(%s::uuid[])",
            [_array(hashes)],
        )
        return dict(self.cursor.fetchall())

    def _add_routes(self, keys):
        """Add routes to the dictionary; those of a period get numbers side by side.

        :param dict keys: hash -> key
        :return: hash -> number, of those that nobody else added meanwhile
        """
        items = sorted(keys.items(), key=_by_period)
        hashes, keys = zip(*items, strict=True)
        *numbers, kinds, currencies, types, subjects = zip(*keys, strict=True)
        with self._adding() as cursor:
            cursor.execute(
                "INSERT INTO usage_store_route (hash, company_id, source_id,"
                " subscription_id, period_id, dimset_id, kind, currency, type, subject)"
                " SELECT * FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[],"
                ' %s::int[], %s::int[], %s::"char"[], %s::text[], %s::text[],'
                " %s::text[]) ON CONFLICT (hash) DO NOTHING"
                " RETURNING replace(hash::text, '-', ''), id",
                [
                    _array(hashes),
                    *map(_array, numbers),
                    _array(kinds),
                    list(currencies),
                    list(types),
                    list(subjects),
                ],
            )
            return dict(cursor.fetchall())

    @contextmanager
    def _adding(self):
        """A cursor to add to the dictionaries with.

        A transaction of its own must not wait for one that waits for this one, which
        the server cannot see: hence the timeout.
        """
        if not self.is_read_committed:
            self.has_added = True
            yield self.cursor
            return
        with self.partition_cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            yield cursor


def _by_period(item):
    """In which order routes are numbered: (hash, key)."""
    key = item[1]
    return key[3], key[8], key[7], item[0]


def _array(values):
    """An array of what needs no quotes, as text: far quicker than a list."""
    return f"{{{','.join(map(str, values))}}}"


def _ids(periods, meters):
    return [[period.id for period in periods], [meter.id for meter in meters]]
