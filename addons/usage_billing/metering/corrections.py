"""Void and amend: facts about facts, never a change of what was received.

A correction is a row of its own, of kind "v" (the event does not count) or "a" (this
counts in its place), and an entry in ``usage_store_correction`` that says which row it
is about. The primary key there decides when two people correct one event at once: one
wins, the other is told. Corrections may be corrected: an amendment can be amended or
voided. An event that was voided stays known for ever, so a re-sent one is a duplicate.

Rollups follow in the same transaction. What an amendment brings is added, as any event
is. What a correction takes away is found by adding up again, under locks on just the
rollup rows concerned, so that deliveries of others go on.
"""

import logging
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b

from . import parts, schema
from .append import Append
from .errors import StoreError
from .facts import select_from_events
from .instants import OPEN_END
from .keys import MS_BEFORE_2000
from .planned import SHUT
from .routing import Router
from .targets import Targets
from .values import CorrectionResult

_logger = logging.getLogger(__name__)


class Corrections(Targets):
    """Corrections of events of one source, within the caller's transaction.

    :param PostgresStore store: with a catalogue, for amendments
    :param BatchSpec batch: batch of the correction; its source is that of the events
    :param specs: function (period ids, event types) -> (list of PeriodSpan, list of
        MeterSpec): the periods, and all meters of these types, archived ones too
    :param following: see :func:`.parts.bring_back`
    """

    def __init__(self, store, batch, specs, following=None):
        super().__init__(store.cursor, batch)
        self.store = store
        self.following = following
        self.specs = specs
        self.periods = set()

    # -- orders ------------------------------------------------------------------------

    def void(self, events):
        """Take events out of all quantities.

        :param events: list of (event id, time or None), or of row numbers in the store
        :rtype: CorrectionResult
        """
        self.bring_back(events)
        self._begin()
        taken = self._claim(self._targets(events), "v")
        if taken:
            self._write_voids(taken)
        return self._finish(taken, "voided")

    def amend(self, rows, times=None):
        """Let rows count in the place of the events with their ids.

        A row that fits nowhere (an unknown subject, a value missing) is refused, and
        its event stays as it was; so it does when it says the same already.

        :param list[EventRow] rows: complete, and with the time that is right
        :param list times: parallel; the events' times as received, for sources whose
            ids do not say it and are kept in no registry; None for the rows' own
        :rtype: CorrectionResult
        """
        wanted = wanted_of(rows, times)
        self.bring_back(wanted)
        self._begin()
        taken = self._claim(self._leave_same(self._targets(wanted), rows), "a")
        if taken:
            for number in self._append(rows, taken):
                del taken[number]
        return self._finish(taken, "amended")

    def bring_back(self, events):
        """Have what these events need in the store, see :func:`.parts.bring_back`.

        :param list events: as for :meth:`void`, or from :func:`wanted_of`
        """
        with _telling():  # what is not there is told event by event
            parts.bring_back(self.store, self.batch, events, self.following)

    def _begin(self):
        # A rebuild of rollups must not run beside a correction it cannot see.
        self.cursor.execute("LOCK TABLE usage_store_gate IN ROW EXCLUSIVE MODE")

    def _finish(self, taken, status):
        for number, target in taken.items():
            self._tell(number, target.event_id, status)
            self.periods.add(target.period_id)
        schema.note_remade(self.cursor, self.periods)
        self._count_again(
            {target.period_id for target in taken.values()},
            {target.type for target in taken.values()},
        )
        return CorrectionResult(
            outcomes=[self.outcomes[number] for number in sorted(self.outcomes)],
            period_ids=sorted(self.periods),
        )

    def _leave_same(self, targets, rows):
        """An order that comes twice has nothing to do the second time.

        :return: {position: Target} of those whose rows say something else
        """
        stored = self.store.rows([target.id for target in targets.values()])
        by_id = {event.id: event for event in stored}
        changed = {}
        for number, target in targets.items():
            if is_same(rows[number], by_id[target.id]):
                self._tell(number, target.event_id, "unchanged")
            else:
                changed[number] = target
        return changed

    # -- writing -----------------------------------------------------------------------

    def _claim(self, targets, kind):
        """Enter the corrections; who comes second is told.

        :return: {position: Target} of those entered, by the number of their row
        """
        if not targets:
            return {}
        batch = self.batch
        first = (batch.id << 31) + batch.first_row
        self.cursor.execute(
            "INSERT INTO usage_store_correction (target_id, row_id, root_id, kind,"
            " company_id, batch_id, origin_batch_id, period_id, row_period_id,"
            " received_at)"
            " SELECT t.target_id, t.row_id, t.root_id, %s, %s, %s, t.origin, t.period,"
            " t.period, %s"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[],"
            "      %s::int[]) AS t(target_id, row_id, root_id, origin, period)"
            " ORDER BY t.target_id ON CONFLICT (target_id) DO NOTHING"
            " RETURNING target_id",
            [
                kind, batch.company_id, batch.id, batch.received_at,
                [target.id for target in targets.values()],
                [first + 1 + number for number in targets],
                [target.root_id for target in targets.values()],
                [target.origin_batch_id for target in targets.values()],
                [target.period_id for target in targets.values()],
            ],
        )  # fmt: skip
        entered = {target_id for (target_id,) in self.cursor.fetchall()}
        for number, target in targets.items():
            if target.id not in entered:
                self._tell(number, target.event_id, "already")
        return {
            number: target for number, target in targets.items() if target.id in entered
        }

    def _write_voids(self, taken):
        """Copy the voided rows as rows of kind "v", which count nowhere."""
        batch = self.batch
        routes = {
            number: (
                batch.company_id,
                batch.source_id,
                target.subscription_id,
                target.period_id,
                target.dimset_id,
                "v",
                target.currency,
                target.type,
                target.subject,
            )
            for number, target in taken.items()
        }
        ids = self.store.route_ids(list(dict.fromkeys(routes.values())))
        first = (batch.id << 31) + batch.first_row
        self.cursor.execute(
            "INSERT INTO usage_store_fact (id, time, payload_hash, key, route_id,"
            " row_number, event_id, value, amount, properties)"
            " SELECT n.id, f.time, f.payload_hash, n.key, n.route_id, n.number,"
            " f.event_id, f.value, f.amount, f.properties"
            " FROM unnest(%s::bigint[], %s::uuid[], %s::int[], %s::int[], %s::uuid[])"
            "      AS n(id, key, route_id, number, target)"
            " JOIN usage_store_fact f ON f.key = n.target",
            [
                [first + 1 + number for number in taken],
                [_key(target.key, target.id, "v") for target in taken.values()],
                [ids[routes[number]] for number in taken],
                [number + 1 for number in taken],
                [target.key for target in taken.values()],
            ],
        )

    def _append(self, rows, taken):
        """Append the amendments as rows of kind "a".

        :return: positions that were refused, with their entries gone again
        """
        held = []

        def hold(_batch, found):
            held.extend(found)
            return set()

        store = self.store.amending(hold)
        batch = replace(self.batch, mode="composed", id_tolerance=None, report=False)
        append = Append(store, batch, _amendments(store, batch))
        append.key_of, append.columns_of = _keys_of(taken, rows), None
        # what it needs of archived months comes back
        router = append.router
        router.set_out(router.latest, -OPEN_END)
        # each row gets the number that its entry says, whoever came second
        for run in _runs(sorted(taken)):
            append.ordinal = (batch.id << 31) + batch.first_row + run[0]
            append.run(
                [rows[number]._replace(row_number=number + 1) for number in run],
                len(run),
            )
        refused = [row.row_number - 1 for row in held]
        for row in held:
            self._tell(
                row.row_number - 1, row.event_id, "refused", row.reason, row.detail
            )
        self.cursor.execute(
            "DELETE FROM usage_store_correction WHERE target_id = ANY(%s)",
            [[taken[number].id for number in refused]],
        )
        self.cursor.execute(
            "UPDATE usage_store_correction c SET row_period_id = e.period_id"
            " FROM usage_store_event e WHERE e.id = c.row_id AND c.row_id = ANY(%s)"
            " RETURNING e.period_id",
            [[(batch.id << 31) + batch.first_row + 1 + number for number in taken]],
        )
        self.periods.update(period_id for (period_id,) in self.cursor.fetchall())
        with _telling():  # what needs these events is refused until they are back
            parts.bring(self.store, self.periods)
        return refused

    # -- rollups -----------------------------------------------------------------------

    def _count_again(self, period_ids, types):
        """Add up anew what rows were taken out of.

        The rows are locked first and read afterwards: what another transaction added
        to them is seen, what it is about to add waits and is added to the new sums.
        """
        if not period_ids:
            return
        cursor = self.cursor
        periods, meters = self.specs(period_ids, types)
        whose = [sorted(period_ids), [meter.id for meter in meters]]
        cursor.execute(SHUT, whose)
        locked = {tuple(key) for (key,) in cursor.fetchall()}
        cursor.execute(
            "SELECT period_id, meter_id, dimset_id, bucket::text"
            "  FROM usage_store_sum"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s)",
            whose,
        )
        # a key that came in since has none of the events that were taken out; to wait
        # for it, behind those that are locked, could be to wait in a circle
        keys = [key for key in cursor.fetchall() if key[:3] in locked]
        if not keys:
            return
        routes = self.store._event_routes(periods, meters)
        selection = select_from_events(cursor, periods, routes).replace("%", "%%")
        cursor.execute(
            f"WITH made AS MATERIALIZED ({selection}), locked AS ("
            "   SELECT * FROM unnest(%s::int[], %s::int[], %s::int[], %s::date[])"
            "   AS k(period_id, meter_id, dimset_id, bucket)"
            " ), gone AS ("
            "   DELETE FROM usage_store_sum r USING locked k"
            "    WHERE (r.period_id, r.meter_id, r.dimset_id, r.bucket)"
            "        = (k.period_id, k.meter_id, k.dimset_id, k.bucket)"
            "      AND NOT EXISTS (SELECT FROM made m"
            "           WHERE (m.period_id, m.meter_id, m.dimset_id, m.bucket)"
            "               = (k.period_id, k.meter_id, k.dimset_id, k.bucket)))"
            " UPDATE usage_store_sum r SET event_count = m.event_count,"
            " value_sum = m.value_sum, value_min = m.value_min,"
            " value_max = m.value_max, first_time = m.first_time,"
            " last_time = m.last_time, watermark = m.watermark"
            " FROM made m JOIN locked k"
            "   ON (m.period_id, m.meter_id, m.dimset_id, m.bucket)"
            "    = (k.period_id, k.meter_id, k.dimset_id, k.bucket)"
            " WHERE (r.period_id, r.meter_id, r.dimset_id, r.bucket)"
            "     = (k.period_id, k.meter_id, k.dimset_id, k.bucket)",
            [list(column) for column in zip(*keys, strict=True)],
        )


@contextmanager
def _telling():
    """An archive that cannot be read is the administrator's to mend: go on."""
    try:
        yield
    except StoreError as error:
        _logger.error("An archived month cannot be read: %s", error)


def is_same(row, event):
    """Whether a stored event says what a row says."""
    return (
        row.type == event.type
        and row.subject == event.subject
        and row.time == event.time
        and row.value == event.value
        and row.amount == event.amount
        and (row.currency or None) == (event.currency or None)
        and dict(row.dimensions) == dict(event.dimensions)
        and dict(row.properties) == dict(event.properties)
    )


def wanted_of(rows, times=None):
    """Which events rows are to count in the place of.

    :param times: see :meth:`Corrections.amend`
    :return: list of (event id, time)
    """
    times = times or [None] * len(rows)
    return [
        (row.event_id, time or row.time) for row, time in zip(rows, times, strict=True)
    ]


def _runs(numbers):
    """Cut sorted numbers where one is missing.

    >>> _runs([0, 1, 3])
    [[0, 1], [3]]
    """
    runs = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _amendments(store, batch):
    """A router whose events are amendments."""
    router = Router(store.catalogue, batch.company_id, batch.source_id)
    router.kind = "a"
    return router


def _keys_of(taken, rows):
    """Function that gives the keys of amendments, in the order of the claims."""
    targets = {rows[number].event_id: target for number, target in taken.items()}

    def keys(event_id, microseconds):
        target = targets[event_id]
        milliseconds = microseconds // 1000 + MS_BEFORE_2000
        key = milliseconds.to_bytes(6, "big") + _tail(target.id, "a")
        return event_id.encode(), key, key

    return keys


def _key(target_key, target_id, kind):
    """Key of a correction at the instant of its target, as hexadecimal text."""
    return target_key.replace("-", "")[:12] + _tail(target_id, kind).hex()


def _tail(target_id, kind):
    return blake2b(f"{kind}\x1f{target_id}".encode(), digest_size=10).digest()
