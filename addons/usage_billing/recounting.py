"""Stored events are counted for meters that are new or changed, while others go on.

Records are written in REPEATABLE READ: who makes a meter does not see the events that
others commit while the form is saved. Those who store these events do not know the
meter yet. So neither side would count them.

A new meter is counted without a lock, and what came meanwhile is added as the
transaction ends, see ``metering.beside``: who stores events waits for the last round of
that alone, however long the count took and however much comes all the time. A meter
that changed is known to those who store events, and they add to its rollups. They wait
while it is counted; and it is looked at again once it is committed: from then on every
append knows what it counts, and the lock that comes before the first look at the data
waits for those that do not.
"""

import logging
import time
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg2
from psycopg2.extensions import (
    ISOLATION_LEVEL_READ_COMMITTED,
    ISOLATION_LEVEL_REPEATABLE_READ,
)

from odoo import SUPERUSER_ID, api, sql_db
from odoo.exceptions import UserError
from odoo.modules.registry import Registry

from .metering import beside

_logger = logging.getLogger(__name__)

_LOCK = "LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE"
#: Who waits for the lock holds up all who come later. A delivery under way for long (an
#: import) is not waited for in one go: so many seconds at a time, and a rest for the
#: others, as often as this.
_SECONDS, _REST, _TIMES = 0.5, 1.0, 120
#: What takes longer than this (seconds) is not left to be added under the lock, as long
#: as each round takes less time than the one before, and so many rounds at most.
_SHORT, _ROUNDS = 0.3, 10


def count_new(meters):
    """Count the stored events for meters of this transaction that nobody knows yet.

    :param usage.meter meters: of one company, new
    """
    env = meters.env
    cr = env.cr
    company = meters.company_id
    store = env["usage.batch"].with_company(company)._store()
    seen = beside.seen_by(cr)  # before the count
    if not _is_held_up_by_none(env, company, seen):
        with again_after_commit(meters):
            store.rebuild_meters(meters)
        return
    started = time.monotonic()
    store.count_new_meters(meters)
    cr.precommit.add(partial(_add_what_came, meters, seen, started))


def _is_held_up_by_none(env, company, seen):
    """Whether the transaction can count beside others, see ``metering.beside``."""
    return (
        env.registry.ready  # nobody stores events while the add-on is installed
        and seen.is_fixed
        and company.sudo().usage_store_engine == "postgres"
        and not company.sudo().usage_store_target
    )


def _add_what_came(meters, seen, started):
    """Add what others stored since meters were counted; they wait until the end of the
    transaction from the last round on.

    :param float started: when the count began, on the monotonic clock
    """
    meters = meters.exists()
    if not meters:
        return
    cr = meters.env.cr
    store = meters.env["usage.batch"].with_company(meters.company_id)._store()
    try:
        with ExitStack() as rounds:
            seen, before = _add_in_rounds(store, meters, seen, started, rounds)
            _keep_others_away(cr)
            # What is seen here was committed before the lock.
            with (
                _other_cursor(cr, ISOLATION_LEVEL_READ_COMMITTED) as other,
                cr.savepoint(flush=False),
            ):
                store.catch_up(meters, seen, other, before)
    except psycopg2.errors.LockNotAvailable:
        # This transaction holds what the look needs (it archived a month, say) and
        # would wait for itself: all is counted once it is committed.
        company_id = meters.company_id.id
        cr.postcommit.add(partial(_count_again, cr.dbname, company_id, meters.ids))


def _add_in_rounds(store, meters, seen, started, rounds):
    """Add what came while others go on, until little is left.

    :param ExitStack rounds: keeps the last round's transaction, of use to the next one
    :return: (Seen of the last round, its cursor or None), as given without a round
    """
    cr, before = meters.env.cr, None
    last = time.monotonic() - started
    for _round in range(_ROUNDS):
        if last <= _SHORT:
            break
        started = time.monotonic()
        with ExitStack() as opened:
            other = opened.enter_context(
                _other_cursor(cr, ISOLATION_LEVEL_REPEATABLE_READ)
            )
            now = beside.seen_by(other)
            with cr.savepoint(flush=False):
                store.catch_up(meters, seen, other, before)
            rounds.close()
            rounds.push(opened.pop_all())
        seen, before = now, other
        took = time.monotonic() - started
        if took >= last:  # as much comes as is added: no round will be shorter
            break
        last = took
    return seen, before


@contextmanager
def _other_cursor(cr, isolation):
    """A transaction of its own, which must not wait for one who waits for the lock."""
    with sql_db.db_connect(cr.dbname).cursor() as other:
        other.connection.set_isolation_level(isolation)
        other.execute(
            "SELECT set_config('lock_timeout', %s, true)",
            [f"{_SECONDS * 1000:.0f}ms"],
        )
        yield other


def _keep_others_away(cr):
    """Take the lock that appends wait for, without long waits of theirs."""
    for _time in range(_TIMES):
        try:
            with cr.savepoint(flush=False):
                cr.execute(
                    "SELECT set_config('lock_timeout', %s, true)",
                    [f"{_SECONDS * 1000:.0f}ms"],
                )
                cr.execute(_LOCK, log_exceptions=False)
                cr.execute("SET LOCAL lock_timeout TO DEFAULT")
            return
        except psycopg2.errors.LockNotAvailable:
            time.sleep(_REST)
    cr.execute(_LOCK)


@contextmanager
def again_after_commit(meters):
    """Count meters inside of this, and look again once that is committed.

    :param usage.meter meters: of one company
    """
    env = meters.env
    if not env.registry.ready:
        yield  # nobody stores events while the add-on is installed or updated
        return
    cr = env.cr
    seen = beside.seen_by(cr)  # counting waits for appends: this comes before
    yield
    company_id = meters.company_id.id
    cr.postcommit.add(partial(_look_again, cr.dbname, company_id, meters.ids, seen))


def _look_again(database, company_id, meter_ids, seen):
    """Count meters again in the periods into which events came that were not seen."""

    def periods_of(store):
        came = beside.batches_since(store.env.cr, company_id, seen)
        return came and store.periods_of(store.env["usage.batch"].browse(came))

    _count_again(database, company_id, meter_ids, periods_of)


def _count_again(database, company_id, meter_ids, periods_of=None):
    """Count meters again under the lock, in a transaction of its own.

    :param periods_of: function store -> periods, none for nothing to do; default all
    """
    try:
        with Registry(database).cursor() as cr:
            cr.execute(_LOCK)
            env = api.Environment(cr, SUPERUSER_ID, {})
            store = env["usage.batch"].with_company(company_id)._store()
            periods = periods_of and periods_of(store)
            if periods or not periods_of:
                meters = env["usage.meter"].browse(meter_ids).exists()
                store.rebuild_meters(meters, periods)
    except (psycopg2.Error, UserError):  # UserError: ClickHouse does not answer
        # the meters are stored; what they lack is found by the verification
        _logger.exception("Meters %s could not be counted again", meter_ids)
