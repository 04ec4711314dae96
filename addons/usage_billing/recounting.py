"""Meters are counted again once they are committed, where events came in between.

Records are written in REPEATABLE READ: who makes a meter does not see the events that
others commit while the form is saved. Those who store these events do not know the
meter yet, so neither side would count them. A second look after the commit does: from
then on every append knows the meter, and the lock that comes before the first look at
the data waits for those that do not.
"""

import logging
from contextlib import contextmanager
from functools import partial

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry

_logger = logging.getLogger(__name__)

#: What this transaction sees, and when the oldest began that may be at work beside it.
#: A batch is written with the time its transaction began: older ones need no look. The
#: hour is for a long one that ended just before this question.
_NOW = """
    SELECT pg_current_snapshot()::text,
           least(now(), min(xact_start)) AT TIME ZONE 'UTC' - interval '1 hour'
      FROM pg_stat_activity WHERE datname = current_database()
"""
_LOCK = "LOCK TABLE usage_store_rollup IN SHARE ROW EXCLUSIVE MODE"
#: Batches written by transactions that a snapshot does not show, or that are about as
#: young: none is left out. (A batch is written where its events are.)
_CAME = """
    SELECT b.id FROM usage_batch b
     WHERE b.company_id = %s AND b.write_date >= %s
       AND age(b.xmin) <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                          - pg_snapshot_xmin(%s::pg_snapshot)::text::bigint
"""


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
    cr.execute(_NOW)  # counting waits for those who store events: this comes before
    seen, since = cr.fetchone()
    yield
    company_id = meters.company_id.id
    cr.postcommit.add(
        partial(_look_again, cr.dbname, company_id, meters.ids, seen, since)
    )


def _look_again(database, company_id, meter_ids, seen, since):
    """Count meters again in the periods into which events came that were not seen."""
    try:
        with Registry(database).cursor() as cr:
            cr.execute(_LOCK)
            cr.execute(_CAME, [company_id, since, seen])
            came = [batch_id for (batch_id,) in cr.fetchall()]
            if came:
                env = api.Environment(cr, SUPERUSER_ID, {})
                store = env["usage.batch"].with_company(company_id)._store()
                meters = env["usage.meter"].browse(meter_ids).exists()
                periods = store.periods_of(env["usage.batch"].browse(came))
                store.rebuild_meters(meters, periods)
    except (psycopg2.Error, UserError):  # UserError: ClickHouse does not answer
        # the meters are stored; what they lack is found by the verification
        _logger.exception("Meters %s could not be counted again", meter_ids)
