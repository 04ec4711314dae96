"""Events that arrive by request, past the ORM.

A request brings one event or some thousands, many times a second. Reading its source
and writing its batch through records would cost more than storing the events, so this
says the same in two statements. Requests of one source that wait at the same time are
stored in one transaction (``together``). What decides about events is the store's, as
in ``metering_bridge``; a company whose events are in another engine takes that way.
"""

import time
from types import SimpleNamespace
from typing import NamedTuple

from odoo import fields

from .metering.connection import exact_cursor
from .metering.postgres import PostgresStore
from .metering.store import BatchSpec
from .metering.values import RejectedRow
from .metering_bridge import OdooCatalogue, Store, time_rules

_SOURCE = """
    SELECT s.code, s.identity_mode, s.id_format, s.id_tolerance_min,
           s.future_tolerance_min, s.late_tolerance_days, s.future_policy,
           s.late_policy, s.before_start_policy, s.after_end_policy,
           c.usage_store_engine = 'postgres' AND c.usage_store_target IS NULL
      FROM usage_source s JOIN res_company c ON c.id = s.company_id
     WHERE s.id = %s
"""
_NUMBERS = "SELECT nextval('usage_batch_id_seq')::int FROM generate_series(1, %s)"
#: A batch of a request has no user: its source says who sent it.
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
    :param list requests: (list of EventRow and RejectedRow, name of the batch or None)
    :return: list of (id of the batch, metering.AppendResult), or None for a company
        whose events are in another engine: nothing was done
    """
    started = time.monotonic()
    env.cr.execute(_NUMBERS, [len(requests)])
    ids = [number for (number,) in env.cr.fetchall()]
    cursor = exact_cursor(env.cr, is_open=True)
    company_id = env["usage.source"]._get_company_id(source_id)
    company = env["res.company"].browse(company_id)
    door = Store(env, company)
    now = fields.Datetime.now()
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
    # What is asked of a source here are its id and its company's, nothing to read.
    record = SimpleNamespace(id=source_id, company_id=SimpleNamespace(id=company_id))
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
                "name": name or f"{source.code} {now:%Y-%m-%d %H:%M:%S}",
                "source": source_id,
                "company": company_id,
                "at": now,
            }
        results = store.append_all(
            _batches(env, record, source, now, ids, requests), router
        )
    seconds = time.monotonic() - started
    rows = [
        describe(batch_id, "done", result, seconds)
        for batch_id, result in zip(ids, results, strict=True)
    ]
    cursor.execute(
        _INSERT.encode() + b", ".join(rows) + (_AGAIN.encode() if written else b"")
    )
    return list(zip(ids, results, strict=True))


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
