"""Meters are counted again once they are committed, where events came in between.

Records are written in REPEATABLE READ: who makes a meter does not see the events that
others commit while the form is saved. Those who store these events do not know the
meter yet, so neither side would count them. A second look after the commit does: from
then on every append knows the meter, and the lock that comes before the first look at
the data waits for those that do not.
"""

import logging
from functools import partial

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

_logger = logging.getLogger(__name__)

_LOCK = "LOCK TABLE usage_store_rollup IN SHARE ROW EXCLUSIVE MODE"
#: Whether batches were written by transactions that a snapshot does not show, or that
#: are about as young: none is left out. (A batch is written where its events are.)
_CAME = """
    SELECT EXISTS (
        SELECT FROM usage_batch b
         WHERE b.company_id = %s AND age(b.xmin) <=
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint
               - pg_snapshot_xmin(%s::pg_snapshot)::text::bigint)
"""


def after_commit(meters):
    """Look again after the commit of this transaction, which counted these meters.

    :param usage.meter meters: of one company
    """
    env = meters.env
    if not env.registry.ready:
        return  # nobody stores events while the add-on is installed or updated
    cr = env.cr
    cr.execute("SELECT pg_current_snapshot()::text")
    (seen,) = cr.fetchone()
    company_id = meters.company_id.id
    cr.postcommit.add(partial(_look_again, cr.dbname, company_id, meters.ids, seen))


def _look_again(database, company_id, meter_ids, seen):
    """Count meters again, if events came that were not seen then."""
    try:
        with Registry(database).cursor() as cr:
            cr.execute(_LOCK)
            cr.execute(_CAME, [company_id, seen])
            if cr.fetchone() == (True,):
                env = api.Environment(cr, SUPERUSER_ID, {})
                store = env["usage.batch"].with_company(company_id)._store()
                store.rebuild_meters(env["usage.meter"].browse(meter_ids).exists())
    except psycopg2.Error:
        # the meters are stored; what they lack is found by the verification
        _logger.exception("Meters %s could not be counted again", meter_ids)
