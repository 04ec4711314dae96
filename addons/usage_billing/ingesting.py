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

_BEGIN = """
    SELECT nextval('usage_batch_id_seq')::int, s.company_id, s.code, s.identity_mode,
           s.id_format, s.id_tolerance_min, s.future_tolerance_min,
           s.late_tolerance_days, s.future_policy, s.late_policy,
           s.before_start_policy, s.after_end_policy,
           c.usage_store_engine = 'postgres' AND c.usage_store_target IS NULL
      FROM usage_source s JOIN res_company c ON c.id = s.company_id
     WHERE s.id = %s
"""
_NUMBERS = "SELECT nextval('usage_batch_id_seq')::int FROM generate_series(1, %s)"
_INSERT = """
    INSERT INTO usage_batch (
        id, name, source_id, company_id, state, is_replay, received_at, duration_s,
        rows_read, accepted_count, duplicate_count, quarantined_count, ignored_count,
        create_uid, create_date, write_uid, write_date)
    VALUES (
        %(id)s, %(name)s, %(source)s, %(company)s, %(state)s, false, %(at)s,
        %(seconds)s, %(rows)s, %(accepted)s, %(duplicate)s, %(quarantined)s, 0,
        %(user)s, now() AT TIME ZONE 'UTC', %(user)s, now() AT TIME ZONE 'UTC')
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, duration_s = excluded.duration_s,
        rows_read = excluded.rows_read, accepted_count = excluded.accepted_count,
        duplicate_count = excluded.duplicate_count,
        quarantined_count = excluded.quarantined_count
"""


class _Source(NamedTuple):
    """What an append must know of a source, read in its own transaction."""

    batch_id: int
    company_id: int
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
    cursor = exact_cursor(env.cr)
    cursor.execute(_BEGIN, [source_id])
    source = _Source(*cursor.fetchone())
    if not source.is_here:
        return None
    now = fields.Datetime.now()
    ids = [source.batch_id]
    if len(requests) > 1:
        cursor.execute(_NUMBERS, [len(requests) - 1])
        ids += [number for (number,) in cursor.fetchall()]
    entries = {
        batch_id: {
            "id": batch_id,
            "name": name or f"{source.code} {now:%Y-%m-%d %H:%M:%S}",
            "source": source_id,
            "company": source.company_id,
            "at": now,
            "user": env.uid,
        }
        for batch_id, (_rows, name) in zip(ids, requests, strict=True)
    }

    def write_batch(batch_id, state, result, seconds=0.0):
        counts = {
            "state": state,
            "seconds": seconds,
            "rows": result.rows if result else 0,
            "accepted": result.accepted if result else 0,
            "duplicate": result.duplicate if result else 0,
            "quarantined": result.quarantined_count if result else 0,
        }
        cursor.execute(_INSERT, {**entries[batch_id], **counts})

    def hold(batch, held):
        """The quarantine refers to the batch, so that comes first."""
        write_batch(batch.id, "new", None)
        return env["usage.quarantine"]._hold(batch, held)

    batches = [
        (batch_id, rows) for batch_id, (rows, _n) in zip(ids, requests, strict=True)
    ]
    results = _append(env, cursor, source, source_id, now, batches, hold)
    for batch_id, result in zip(ids, results, strict=True):
        write_batch(batch_id, "done", result, time.monotonic() - started)
    return list(zip(ids, results, strict=True))


def _append(env, cursor, source, source_id, now, batches, hold):
    """Append (batch id, rows) of a source; their AppendResults."""
    company = env["res.company"].browse(source.company_id)
    door = Store(env, company)
    store = PostgresStore(
        cursor,
        OdooCatalogue(env, company),
        hold=hold,
        partition_cursor=door._partition_cursor,
    )
    strict = source.identity_mode == "strict"
    common = {
        "company_id": source.company_id,
        "source_id": source_id,
        "received_at": now,
        "mode": "strict" if strict else source.id_format,
        "id_tolerance": source.id_tolerance_min * 60_000_000,
        "report": True,
        **time_rules(source._asdict(), now),
    }
    # What is asked of a source here are its id and its company's, nothing to read.
    record = SimpleNamespace(
        id=source_id, company_id=SimpleNamespace(id=source.company_id)
    )
    alias = env["usage.alias"]._get_translation(record)
    if alias:
        batches = [
            (number, [row if type(row) is RejectedRow else alias(row) for row in rows])
            for number, rows in batches
        ]
    with door._router(store, record) as router:
        return store.append_all(
            [(BatchSpec(id=number, **common), rows) for number, rows in batches],
            router,
        )
