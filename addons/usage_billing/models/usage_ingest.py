import logging
import random
import time
from typing import NamedTuple

import psycopg2.errors

from odoo import api, fields, models, tools

from ..api.events import EventReader
from ..ingesting import ingest
from ..metering import (
    EventColumns,
    EventRow,
    ReadEvents,
    RejectedRow,
    UnitRow,
    read_events,
)
from ..metering.sessions import kept_connection
from ..together import Together

_logger = logging.getLogger(__name__)

#: Another transaction stood in the way; the same request may pass a moment later.
COLLISIONS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)
ATTEMPTS = 5
#: Requests of a source that wait for each other, up to so many events in one go. The
#: patience is what some thousand events take to be read.
TOGETHER = Together(20_000, patience=0.02)


class IngestResult(NamedTuple):
    """What became of the rows of one request.

    accepted + duplicate + conflict + quarantined = rows sent; ``quarantined`` leaves
    the conflicts out, though both wait in the quarantine. A conflict sent again is held
    once only, and told as a conflict every time: the sender must not take it for
    stored.

    outcomes: tuple of RowOutcome, rows not plainly accepted, by row number
    """

    batch_id: int
    accepted: int
    duplicate: int
    conflict: int
    quarantined: int
    outcomes: tuple


def _ingest_result(batch_id, result):
    """IngestResult of a metering.AppendResult."""
    held = result.quarantined.get("conflict", 0)
    outcomes = tuple(
        outcome._replace(status="conflict") if outcome.code == "conflict" else outcome
        for outcome in result.outcomes
    )
    conflict = sum(outcome.status == "conflict" for outcome in outcomes)
    return IngestResult(
        batch_id=batch_id,
        accepted=result.accepted,
        duplicate=result.duplicate - (conflict - held),
        conflict=conflict,
        quarantined=result.quarantined_count - held,
        outcomes=outcomes,
    )


class UsageSource(models.Model):
    _inherit = "usage.source"

    def write(self, vals):
        """An archived source accepts nothing, at once and in every worker."""
        result = super().write(vals)
        if vals.keys() & {"active", "company_id", "code"}:
            self.env.registry.clear_cache()
        return result

    @api.model
    @tools.ormcache("company_id")
    def _get_dimension_names(self, company_id):
        """Dimensions that some meter of a company keeps apart.

        :rtype: frozenset[str]
        """
        meters = (
            self.env["usage.meter"].sudo().search([("company_id", "=", company_id)])
        )
        return frozenset(
            name for meter in meters for name in meter._get_dimension_keys()
        )

    @api.model
    def _get_event_reader(self, company_id):
        """Reader of events that sources of a company send, see ``api.events``."""
        names = self._get_dimension_names(company_id)
        make = EventColumns.of_texts
        return EventReader(EventRow, RejectedRow, names, UnitRow, make, read_events)

    @api.model
    @tools.ormcache("source_id")
    def _get_company_id(self, source_id):
        """Id of the company of a source, without a record to read."""
        return self.sudo().browse(source_id).company_id.id

    def _ingest(self, rows, *, name=None):
        """Store events that arrived now, committed when this returns.

        The way in for every door that takes events one request at a time. Works in a
        READ COMMITTED transaction of its own, so that the same events sent twice at
        once are one accepted and one duplicate; what the caller's transaction has not
        committed is not seen. Row numbers are those of the rows, or counted from 1.

        :param rows: iterable of EventRow and RejectedRow
        :param str name: of the batch
        :rtype: IngestResult
        :raise psycopg2.Error: nothing was stored; COLLISIONS after ATTEMPTS tries
        """
        self.ensure_one()
        if not isinstance(rows, (EventColumns, ReadEvents)):
            rows = list(rows)
        if not rows:
            return self._ingest_nothing()
        request = rows, name
        env = self.env
        key = (env.cr.dbname, self.id, env.uid, env.context)
        result = TOGETHER.do(key, request, len(rows), self._ingest_all)
        if result is None:
            [result] = self._ingest_all([request])
        return result

    def _ingest_all(self, requests):
        """Store requests in one transaction: all of them, or none.

        One alone is tried again when others are in its way. Several are not: each of
        them is tried alone then.

        :param list requests: (rows, name of the batch or None)
        :rtype: list[IngestResult]
        """
        attempts = ATTEMPTS if len(requests) == 1 else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._ingest_once(requests)
            except COLLISIONS as error:
                if attempt == attempts:
                    raise
                _logger.info("Ingestion collided, attempt %s: %s", attempt, error)
                time.sleep(random.uniform(0, 0.02 * 2**attempt))

    def _ingest_nothing(self):
        """A request without events goes all the way and stores nothing: a trial."""
        with kept_connection(self.env(su=True)) as env:
            env.cr.execute("SELECT FROM usage_source WHERE id = %s", [self.id])
        return IngestResult(None, 0, 0, 0, 0, ())

    def _ingest_once(self, requests):
        """One try of :meth:`_ingest_all`, in one transaction."""
        with kept_connection(self.env(su=True)) as env:
            done = ingest(env, self.id, requests) or [
                self._ingest_by_record(env, rows, name) for rows, name in requests
            ]
        return [_ingest_result(batch_id, result) for batch_id, result in done]

    def _ingest_by_record(self, env, rows, name):
        """The same for engines that the short way does not know.

        :return: (id of the batch, metering.AppendResult)
        """
        source = env["usage.source"].browse(self.id)
        batch = (
            env["usage.batch"]
            .with_company(source.company_id)
            .with_context(tracking_disable=True, mail_create_nolog=True)
            .create(
                {
                    "name": name
                    or f"{source.code} {fields.Datetime.now():%Y-%m-%d %H:%M:%S}",
                    "source_id": source.id,
                    "company_id": source.company_id.id,
                }
            )
        )
        result = batch._append(rows, report=True)
        env.flush_all()
        return batch.id, result


class UsageMeter(models.Model):
    _inherit = "usage.meter"

    @api.model_create_multi
    def create(self, vals_list):
        meters = super().create(vals_list)
        self.env.registry.clear_cache()
        return meters

    def write(self, vals):
        """Dimensions of requests follow the meters at once, in every worker."""
        result = super().write(vals)
        if vals.keys() & {"dimension_keys", "active", "company_id"}:
            self.env.registry.clear_cache()
        return result
