"""One append to the PostgreSQL store.

Requests of many events come as columns (:mod:`.eventcolumns`), and others are made
columns, a block after the other; :mod:`.quick` encodes them, and :mod:`.sums` adds them
up. How rows go in about which :mod:`.quick` finds something strange
    1. a route for each distinct (type, subject, dimensions): subscription, periods
    2. per row: key, period by time, encoding (:mod:`.prepare`); what does not fit is
       held
    3. rows go by COPY straight into the registry and the tables of their months; the
       unique indexes there are what decides. Only when one of them objects is that
       undone: then the rows are compared with what is stored, and the new ones go in.
       A source that repeated itself lately is compared first
    4. rollups are added up from the new rows and written at the end
"""

from bisect import bisect_left
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from itertools import islice

import numpy as np
import psycopg2.errors

from . import compiled, copybin, resent, schema
from .columns import column_function
from .compiled import MANY
from .copybin import fact_head, identity_row
from .eventcolumns import EventColumns, Parts, Unlearnt
from .held import held_as_received
from .instants import OPEN_END, from_microseconds, to_microseconds
from .keys import DECODERS, key_function
from .known import Known
from .leading import Leader
from .outcome import Outcome
from .prepare import (
    gather,
    many_objects,
    naive,
    oldest_of,
    prepare,
)
from .quick import BLOCK, Feed, Quick, Unfit, cut
from .quickread import QuickRead, ReadParts
from .rollups import Additions
from .routing import Router
from .store import BatchSpec
from .values import AppendResult, RejectedRow

#: Rollup rows kept in memory before they are written.
ROLLUPS_KEPT = 200_000
#: Routes a process keeps of one source.
ROUTES_KEPT = 100_000
#: Characters of their dimensions; each is kept about a dozen times.
TEXTS_KEPT = 50_000_000

_FACT_COLUMNS = (
    "key, time, payload_hash, id, route_id, row_number, event_id, value, amount,"
    " properties"
)
#: What an attempt to write ends with, when there is another one.
_UNDONE = psycopg2.errors.UniqueViolation, psycopg2.errors.CheckViolation, Unfit
_IDENTITY = "usage_store_identity (identity, payload_hash, time)"
#: Where the key stands in an encoded fact: after the two lengths.
_KEY_AT = 6


def is_full(router):
    """Whether a router has to forget its routes before it builds more."""
    return len(router.routes) > ROUTES_KEPT or router.text_size > TEXTS_KEPT


class Append:
    """One append: what is kept from chunk to chunk.

    :param PostgresStore store: gives cursor, catalogue, quarantine and month tables
    :param Router router: of earlier appends of the source, if there is one
    :param Additions additions: of several appends of one transaction, for the caller
        to write; without, this one writes its own
    """

    def __init__(self, store, batch: BatchSpec, router=None, additions=None):
        self.store = store
        self.cursor = store.cursor
        self.batch = batch
        self.router = router = router or Router(
            store.catalogue, batch.company_id, batch.source_id
        )
        if router.archived_until is None:
            router.archived_until = schema.archived_until(self.cursor)
        margin = batch.id_tolerance if batch.mode in DECODERS else 0
        router.set_out(
            OPEN_END if batch.latest is None else to_microseconds(batch.latest),
            -OPEN_END if batch.oldest is None else to_microseconds(batch.oldest),
            router.archived_until + (margin or 0),
        )
        identity = batch.mode, batch.company_id, batch.source_id, batch.id_tolerance
        self.key_of = key_function(*identity)
        self.columns_of = column_function(*identity)
        self.keys_of = compiled.key_function(*identity)
        self.leader = Leader(store, router)
        self.known = Known(self.cursor, strict=batch.mode == "strict")
        self.outcome = Outcome(batch, self.known, store.hold)
        self.is_alone = additions is None
        self.additions = Additions() if additions is None else additions
        self.ordinal = (batch.id << 31) + batch.first_row
        self._next, self._look = [], None

    def run(self, rows, chunk):
        """:rtype: AppendResult"""
        iterator, high = iter(rows), 0
        while taken := list(islice(iterator, chunk)):
            high += chunk
            # What is in memory anyway can be looked at before its turn.
            self._next = rows[high : high + chunk] if isinstance(rows, list) else []
            self._make_room()
            with many_objects():
                self._take(taken)
        if self.is_alone:
            with many_objects():
                self.additions.write(self.cursor, self.batch.received_at)
        return self.outcome.told()

    def run_together(self, batches):
        """Store batches as one chunk, when every row of them is new and fit.

        :param list batches: (BatchSpec, rows), of one source and time
        :return: list of AppendResult; None when nothing was stored
        """
        self._make_room()
        parts = [part for _batch, part in batches]
        ordinals = [
            np.arange(1, len(part) + 1) + ((batch.id << 31) + batch.first_row)
            for batch, part in batches
        ]
        if not self._go_by_columns(parts, ordinals):
            ordinals = np.concatenate(ordinals)
            rows = [row for part in parts for row in part]
            if any(row.__class__ is RejectedRow for row in rows):
                return None
            rows, newest = naive(rows)
            routes = self.leader.routes(rows, newest)
            if self.go_quickly(rows, newest, ordinals, routes) is None:
                return None
        return [
            AppendResult(rows=len(part), accepted=len(part)) for _batch, part in batches
        ]

    def _go_by_columns(self, parts, ordinals):
        """Store events that are columns, of a month that has a table; or none of them.

        :param list parts: of sequences of rows
        :param list ordinals: of arrays of the ids of their rows
        :return: whether they are stored
        """
        router = self.router
        if router.resends or self.columns_of is None:
            return False
        is_read = self.keys_of and all(
            isinstance(part, compiled.ReadEvents) for part in parts
        )
        if not is_read:
            parts = [
                part.rows if isinstance(part, compiled.ReadEvents) else part
                for part in parts
            ]
            if not all(isinstance(part, EventColumns) for part in parts):
                return False
        # In order of time, as far as that is easy: indexes like to grow at one end.
        order = sorted(range(len(parts)), key=lambda place: parts[place].times[0])
        parts = [parts[place] for place in order]
        ordinals = np.concatenate([ordinals[place] for place in order])
        month = schema.month_of(from_microseconds(int(parts[0].times[0])))
        if month not in router.months:
            return False
        span = [schema.first_microsecond(m) for m in (month, schema.month_after(month))]
        if is_read:
            kind, parts = QuickRead, ReadParts(parts)
        else:
            kind, parts = Quick, Parts(parts, BLOCK // 4, cut)
        quick = self._quick(parts, kind, span=span, leader=self.leader)
        with suppress(Unfit):
            try:
                quick.find()
            except Unlearnt:
                newest = max(int(part.times.max()) for _, _, part in parts.blocks)
                self.leader.learn(quick, from_microseconds(newest))
                quick.find()
            return self.send(quick, schema.leaf(month), ordinals) is not None
        return False

    def _make_room(self):
        if is_full(self.router):
            self.router.forget()

    # -- one chunk -------------------------------------------------------------------

    def _take(self, taken):
        outcome = self.outcome
        outcome.result.rows += len(taken)
        (look, self._look), ahead = (self._look, None), None
        if len(taken) >= MANY and self.columns_of is not None:
            resent.look_at(self, taken)
            ahead = self._go_on(look) if look else 0
            if ahead == 0:
                ahead = self._go_ahead(taken)
        rows = taken = taken[ahead or 0 :]
        held = [held_as_received(row) for row in taken if row.__class__ is RejectedRow]
        if held:
            rows = [row for row in taken if row.__class__ is not RejectedRow]
        if rows:
            rows, newest = naive(rows)
            if not held and ahead is not None:
                ahead = self._go_on(self.leader.look(rows, newest))
                rows = rows[ahead or 0 :]
        if rows:
            routes = self.leader.routes(rows, newest)
            if not held and ahead is not None:
                make, table = self._lead(rows, newest, routes)
                count = (make and self._send_new(make, table)) or 0
                rows, routes = rows[count:], routes[count:]
        if rows:
            prepared = prepare(rows, routes, self.key_of)
            self.leader.number()
            if prepared.failures:
                held += outcome.hold_unless_known(rows, routes, prepared.failures)
            same = self._store(prepared)
            self.ordinal += len(rows)
            outcome.count_known(rows, routes, prepared, same, held)
            if self.batch.rollups:
                self._add_up(rows, prepared, gather(prepared, same))
        if held:
            outcome.hold(held)

    def _quick(self, rows, kind=Quick, **known):
        """:rtype: Quick"""
        return kind(rows, self.router, self.columns_of, keys_of=self.keys_of, **known)

    def _go_ahead(self, rows):
        """Store rows as far as they are ordinary, of one month and known ways.

        :param rows: as received
        :return: how many are dealt with from the first one on, None when a row is not
            fit after all
        """
        first, router = rows[0], self.router
        if first.__class__ is RejectedRow or first[3] is None:
            return 0
        month = schema.month_of(first[3])
        if month not in router.months:
            return 0
        span = [schema.first_microsecond(m) for m in (month, schema.month_after(month))]
        make = partial(self._quick, rows, span=span)
        return self._send_new(make, schema.leaf(month))

    def _go_on(self, look):
        """Store rows of one month as far as they are ordinary, when all ways that they
        lack are made first.

        :param Look look: at the rows, None when they are of several months
        :return: see :meth:`_go_ahead`
        """
        found = look and self.leader.pave(look)
        if found is None:
            return 0
        month = schema.month_of(look.newest)
        self._make_months({month})
        make = partial(self._quick, look.rows, found=found)
        return self._send_new(make, schema.leaf(month))

    def _look_ahead(self, quick):
        """Look at the next chunk, if there is nothing left to be made of this one."""
        rows = self._next
        if quick.count < len(quick.rows) or len(rows) < MANY or self._look:
            return
        if any(row.__class__ is RejectedRow for row in rows):
            return
        with suppress(ValueError, ArithmeticError, TypeError, AttributeError):
            self._look = self.leader.look(*naive(rows))

    def go_quickly(self, rows, newest, ordinals, routes):
        """Store rows that are all new and fit, or none of them.

        :param newest: latest time of the rows
        :param ordinals: sequence of the ids of the rows
        :param list routes: parallel to the rows
        :return: how many are stored and added up, None when a row is not new or fit
        """
        if self.router.resends or self.columns_of is None:
            return None
        make, table = self._lead(rows, newest, routes)
        return self.send(make(), table, ordinals) if make else None

    def _lead(self, rows, newest, routes):
        """Make ready to send rows to where their routes lead.

        :param newest: latest time of the rows
        :param list routes: parallel to the rows
        :return: (function that makes a Quick, name of a table), None for both when a
            row has no time
        """
        oldest = newest and oldest_of(rows)
        if not oldest:
            return None, None
        months = {schema.month_of(oldest), schema.month_of(newest)}
        is_sure = self.leader.open(rows, routes, oldest, newest)
        if not is_sure and schema.missing_leaves(self.cursor, months):
            return None, None  # perhaps nothing goes there
        self._make_months(months)
        table = schema.leaf(months.pop()) if len(months) == 1 else "usage_store_fact"
        return partial(self._quick, rows, routes=routes), table

    def _send_new(self, make, table):
        """Store what is new of rows that are quick, and count them. Rows of a source
        that repeated itself lately are compared with what is stored first.

        :param make: function that makes a Quick
        :return: see :meth:`_go_ahead`
        """
        if not self.router.resends:
            quick = make()
            count = self.send(quick, table, self.ordinals(quick.rows))
            if count is not None:
                self.count_stored(count, count)
            if not self.router.resends:
                return count
        return resent.store_new(self, make(), table)

    def ordinals(self, rows):
        """Sequence of the ids of the rows that come next."""
        return range(self.ordinal + 1, self.ordinal + 1 + len(rows))

    def count_stored(self, count, new):
        """Count rows that come next, of which some are new and stored."""
        self.ordinal += count
        self.outcome.result.accepted += new

    def send(self, quick, table, ordinals):
        """Store what is quick, and add it up.

        :return: number of rows, None when one is not new or fit: nothing is stored
        """
        try:
            with self._savepoint():
                if self.batch.mode == "strict":
                    self._stream(_IDENTITY, quick.identities())
                self._stream(
                    f"{table} ({_FACT_COLUMNS})",
                    quick.facts(ordinals),
                    partial(self._look_ahead, quick),
                )
        except (Unfit, psycopg2.errors.CheckViolation):  # the key is of another month
            return None
        except psycopg2.errors.UniqueViolation:
            self.router.resends = True  # look before writing
            return None
        if self.batch.rollups and quick.count:
            if sums := quick.sums():
                self.additions.take(sums)
                self._make_room_for_sums()
            else:
                self._add_all(list(quick.rows), quick.times, quick.gather())
        return quick.count

    def _stream(self, target, blocks, meanwhile=None):
        """COPY what a generator makes, while it makes it.

        :param meanwhile: see :class:`.quick.Feed`
        :raise Unfit: one of the rows cannot be stored; nothing is
        """
        feed = Feed(blocks, meanwhile)
        try:
            self._copy_from(target, feed)
        except psycopg2.errors.QueryCanceled:
            if feed.error is None:
                raise
            if isinstance(feed.error, (ValueError, ArithmeticError, Unfit)):
                raise Unfit from feed.error
            raise feed.error from None

    # -- writing ---------------------------------------------------------------------

    def _store(self, prepared):
        """Write the rows that are new, whatever others do at the same time.

        :return: index -> whether the content is the same, of rows stored before
        :rtype: dict[int, bool]
        :raise SerializationFailure: the transaction cannot see the events that stand in
            its way (REPEATABLE READ): it must begin again
        """
        router = self.router
        same = self.known.among(prepared) if router.resends else {}
        while len(same) < len(prepared.first) + len(prepared.repeated):
            try:
                with self._savepoint():
                    self._write(prepared, same)
                break
            except psycopg2.errors.UniqueViolation as error:
                found = self.known.among(prepared)
                if len(found) == len(same):
                    raise psycopg2.errors.SerializationFailure(
                        "events stored by another transaction meanwhile"
                    ) from error
                same = found
        router.resends = bool(same)
        return same

    def _write(self, prepared, same):
        """COPY registry and facts, each in the order of its index: two appends that
        meet do not wait for each other in a circle, indexes grow at one end, and a
        month's rows stand together.
        """
        entries, ordinal = prepared.entries, self.ordinal
        new = [(index, entries[index]) for index in prepared.first.values()]
        if same:
            new = [entry for entry in new if entry[0] not in same]
        if self.batch.mode == "strict":
            uniques = prepared.uniques
            self._copy(
                _IDENTITY,
                sorted(
                    identity_row(3, 16, uniques[index], 8, entry[2], 8, entry[1])
                    for index, entry in new
                ),
            )
        facts = [
            fact_head(
                10, 16, key, 8, microseconds, 8, content, 8, ordinal + index + 1, 4,
                slot.number, 4, number, len(raw_id),
            ) + raw_id + value + rest
            for index, (key, microseconds, content, slot, number, raw_id, value, rest)
            in new
        ]  # fmt: skip
        facts.sort()
        for month, low, high in self._months(facts):
            self._copy(f"{schema.leaf(month)} ({_FACT_COLUMNS})", facts[low:high])

    def _months(self, facts):
        """Cut sorted facts by month, and make the tables that are missing.

        :return: list of (month, first position, position after the last)
        """
        cuts, low = [], 0
        while low < len(facts):
            month = schema.month_of_key(facts[low][_KEY_AT:])
            end = facts[low][:_KEY_AT] + schema.first_key(schema.month_after(month))
            high = bisect_left(facts, end, low)
            cuts.append((month, low, high))
            low = high
        self._make_months({month for month, _low, _high in cuts})
        return cuts

    def _make_months(self, months):
        """Make the tables of months that are missing."""
        new = months - self.router.months
        missing = new and schema.missing_leaves(self.cursor, new)
        if missing:
            with self.store.partition_cursor() as cursor:
                schema.create_leaves(cursor, missing)
        self.router.months |= new

    # -- rollups ---------------------------------------------------------------------

    def _add_up(self, rows, prepared, gathered):
        """Add the new rows to the rollups in memory."""
        times = [entry and entry[1] for entry in prepared.entries]
        self._add_all(rows, times, gathered)

    def _add_all(self, rows, times, gathered):
        """Add rows to the rollups in memory.

        :param list times: parallel to the rows
        :param gathered: (segment, local day, indexes of rows)
        """
        self.additions.add_all(gathered, rows, times)
        self._make_room_for_sums()

    def _make_room_for_sums(self):
        additions = self.additions
        if len(additions) > ROLLUPS_KEPT:
            additions.pack()
            if len(additions) > ROLLUPS_KEPT // 2:
                additions.write(self.cursor, self.batch.received_at)

    # -- plumbing ----------------------------------------------------------------------

    def _copy(self, target, rows):
        if rows:
            self._copy_from(
                target, BytesIO(b"".join((copybin.HEADER, *rows, copybin.TRAILER)))
            )

    def _copy_from(self, target, file):
        self.cursor.copy_expert(
            f"COPY {target} FROM STDIN (FORMAT binary)", file, size=1 << 18
        )

    @contextmanager
    def _savepoint(self):
        self.cursor.execute("SAVEPOINT usage_store")
        try:
            yield
        except _UNDONE:
            self.cursor.execute("ROLLBACK TO SAVEPOINT usage_store")
            raise
        self.cursor.execute("RELEASE SAVEPOINT usage_store")
