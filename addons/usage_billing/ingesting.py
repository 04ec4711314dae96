"""Events that arrive by request, past the ORM.

A request brings one event or some thousands, many times a second. Reading its source
and writing its batch through records would cost more than storing the events, so this
says the same in two statements; all of it goes in one where a few events come alone and
nothing about them is out of the ordinary (``metering.few``). Requests of one source
that wait at the same time are stored in one transaction (``together``). What decides
about events is the store's, as in ``metering_bridge``; a company whose events are in
another engine takes that way.
"""

import time
from types import SimpleNamespace
from typing import NamedTuple

from odoo import fields

from .metering import few
from .metering.append import MANY
from .metering.connection import exact_cursor
from .metering.leading import Leader
from .metering.pool import Lease
from .metering.postgres import PostgresStore
from .metering.store import BatchSpec
from .metering.values import AppendResult, RejectedRow
from .metering_bridge import Store
from .metering_catalogue import OdooCatalogue, time_rules
from .metering_leases import leases_of

_SOURCE = """
    SELECT s.code, s.identity_mode, s.id_format, s.id_tolerance_min,
           s.future_tolerance_min, s.late_tolerance_days, s.future_policy,
           s.late_policy, s.before_start_policy, s.after_end_policy,
           c.usage_store_engine = 'postgres' AND c.usage_store_target IS NULL
      FROM usage_source s JOIN res_company c ON c.id = s.company_id
     WHERE s.id = %s
"""
_NUMBERS = "SELECT nextval('usage_batch_id_seq')::int FROM generate_series(1, %s)"
#: A batch of a request has no user: its source says who sent it. ``usage_store_put``
#: writes the same (``metering.planned``).
_INSERT = """
    INSERT INTO usage_batch (
        id, name, source_id, company_id, state, is_replay, received_at, duration_s,
        rows_read, accepted_count, duplicate_count, quarantined_count, ignored_count,
        create_date, write_date)
    VALUES """
_VALUES = """(
        %(id)s, %(name)s, %(source)s, %(company)s, %(state)s, false, %(at)s,
        %(seconds)s, %(rows)s, %(accepted)s, %(duplicate)s, %(quarantined)s, 0,
        now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"""
_AGAIN = """
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, duration_s = excluded.duration_s,
        rows_read = excluded.rows_read, accepted_count = excluded.accepted_count,
        duplicate_count = excluded.duplicate_count,
        quarantined_count = excluded.quarantined_count
"""


class _Source(NamedTuple):
    """What an append must know of a source. A router keeps it: like what a router
    knows, it is told when it changes (``metering.schema.WATCHED``).
    """

    code: str
    identity_mode: str
    id_format: str
    id_tolerance_min: int
    future_tolerance_min: int
    late_tolerance_days: int
    future_policy: str
    late_policy: str
    before_start_policy: str
    after_end_policy: str
    is_here: bool


def ingest(env, source_id, requests):
    """Store requests, each as a batch, in the transaction of an environment.

    :param env: superuser's, in READ COMMITTED (see ``metering.connection``)
    :param list requests: (sequence of EventRow and RejectedRow, name of the batch or
        None)
    :return: list of (id of the batch, metering.AppendResult), or None for a company
        whose events are in another engine: nothing was done
    """
    started = time.monotonic()
    company_id = env["usage.source"]._get_company_id(source_id)
    # What is asked of a source here are its id and its company's, nothing to read.
    record = SimpleNamespace(id=source_id, company_id=SimpleNamespace(id=company_id))
    now = fields.Datetime.now()
    is_few = len(requests) == 1 and len(requests[0][0]) < MANY
    if is_few:
        done = _ingest_few(env, record, now, requests, started)
        if done:
            return [done]
    env.cr.execute(_NUMBERS, [len(requests)])
    ids = [number for (number,) in env.cr.fetchall()]
    cursor = exact_cursor(env.cr, is_open=True)
    company = env["res.company"].browse(company_id)
    door = Store(env, company)
    entries, written = {}, set()

    def describe(batch_id, state, result, seconds=0.0):
        return cursor.mogrify(
            _VALUES,
            {
                **entries[batch_id],
                "state": state,
                "seconds": seconds,
                "rows": result.rows if result else 0,
                "accepted": result.accepted if result else 0,
                "duplicate": result.duplicate if result else 0,
                "quarantined": result.quarantined_count if result else 0,
            },
        )

    def hold(batch, held):
        """The quarantine refers to the batch, so that comes first."""
        cursor.execute(
            _INSERT.encode() + describe(batch.id, "new", None) + _AGAIN.encode()
        )
        written.add(batch.id)
        return env["usage.quarantine"]._hold(batch, held)

    store = PostgresStore(
        cursor,
        OdooCatalogue(env, company),
        hold=hold,
        partition_cursor=door._partition_cursor,
    )
    with door._router(store, record) as router:
        if router.source is None:
            cursor.execute(_SOURCE, [source_id])
            router.source = _Source(*cursor.fetchone())
        source = router.source
        if not source.is_here:
            return None
        for batch_id, (_rows, name) in zip(ids, requests, strict=True):
            entries[batch_id] = {
                "id": batch_id,
                "name": name or _title(source, now),
                "source": source_id,
                "company": company_id,
                "at": now,
            }
        batches = _batches(env, record, source, now, ids, requests)
        if is_few:
            leader = Leader(store, router)
            done = _store_few(env.cr, router, batches, requests, started, leader)
            if done and done.number:
                if done.given and not store.is_read_committed:
                    store.has_added = True
                return [(done.number, done.result)]
        results = store.append_all(batches, router)
    seconds = time.monotonic() - started
    rows = [
        describe(batch_id, "done", result, seconds)
        for batch_id, result in zip(ids, results, strict=True)
    ]
    cursor.execute(
        _INSERT.encode() + b", ".join(rows) + (_AGAIN.encode() if written else b"")
    )
    return list(zip(ids, results, strict=True))


def _ingest_few(env, record, now, requests, started):
    """Store the few events of one request by what is known from earlier ones.

    :return: (id of the batch, metering.AppendResult), None when nothing was stored
    """
    cr, used = env.cr, leases_of(env.cr)
    key = (cr.dbname, record.id)
    lease = used.take(key)
    router, source = lease.router, lease.router and lease.router.source
    done = None
    if source is not None and source.is_here and lease.is_filled():
        batches = _batches(env, record, source, now, [None], requests)
        done = _store_few(cr, router, batches, requests, started, lease)
    if done is None or not (done.is_changed or done.number):
        used[key] = lease  # the other way takes it from there
    elif done.number:
        lease.snapshot = done.snapshot
        used.keep(key, lease, cr, is_for_others=bool(done.given))
        return done.number, done.result
    return None


class _Few(NamedTuple):
    """What ``usage_store_put`` returns; and what became of the rows if they are stored.

    snapshot: under which it was looked whether anything changed; is_changed: what it
        was called with does not hold any more, nothing is stored
    number: of the batch, None when nothing is stored
    given: numbers of routes that had none
    """

    snapshot: str
    is_changed: bool
    number: int | None
    given: list | None
    result: AppendResult


def _store_few(cr, router, batches, requests, started, way):
    """Store the few events of one request in one statement, see ``metering.few``.

    :param batches: from :func:`_batches`, one; without a number it gets one
    :param way: Lease to look whether the router holds, or Leader to complete it
    :return: _Few, None when nothing was stored
    """
    [(batch, rows)], [(_rows, name)] = batches, requests
    is_kept = isinstance(way, Lease)
    call = few.call(router, batch, rows, None if is_kept else way)
    if call is None:
        return None
    cr.execute(
        f"SELECT * FROM usage_store_put(%s, %s, %s, %s, %s, %s, %s, %s, {call.sql})",
        (
            way.database if is_kept else None,
            way.snapshot if is_kept else None,
            batch.id,
            batch.source_id,
            batch.company_id,
            name or _title(router.source, batch.received_at),
            batch.received_at,
            time.monotonic() - started,
            *call.parameters,
        ),
    )
    done = _Few(*cr.fetchone(), AppendResult(rows=len(rows), accepted=len(rows)))
    if done.number:
        few.number(router, call.slots, done.given)
    elif not done.is_changed:
        router.resends = True  # look before writing
    return done


def _title(source, now):
    """Name of a batch that was given none."""
    return f"{source.code} {now:%Y-%m-%d %H:%M:%S}"


def _batches(env, record, source, now, ids, requests):
    """Requests as the store wants them: list of (BatchSpec, rows)."""
    strict = source.identity_mode == "strict"
    common = {
        "company_id": record.company_id.id,
        "source_id": record.id,
        "received_at": now,
        "mode": "strict" if strict else source.id_format,
        "id_tolerance": source.id_tolerance_min * 60_000_000,
        "report": True,
        **time_rules(source._asdict(), now),
    }
    alias = env["usage.alias"]._get_translation(record)
    return [
        (
            BatchSpec(id=batch_id, **common),
            [row if type(row) is RejectedRow else alias(row) for row in rows]
            if alias
            else rows,
        )
        for batch_id, (rows, _name) in zip(ids, requests, strict=True)
    ]
