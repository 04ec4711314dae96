"""Records in front of the event store: this file and those beside it that are named
``metering_*`` know both sides.

``env["usage.batch"]._store()`` gives a :class:`Store` of the company in force.
"""

import time
from contextlib import contextmanager
from dataclasses import replace

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from odoo import sql_db
from odoo.exceptions import UserError

from .metering import archive, schema
from .metering.beside import Beside
from .metering.clickhouse import ship
from .metering.connection import exact_cursor
from .metering.corrections import Corrections
from .metering.pool import refresh
from .metering.postgres import PostgresStore
from .metering.recut import recut
from .metering.routing import Router
from .metering.store import BatchSpec
from .metering.values import AppendResult, RejectedRow
from .metering_answers import Answers
from .metering_archive import ArchivedEvents
from .metering_catalogue import TIME_RULES, OdooCatalogue, time_rules
from .metering_engine import store_of
from .metering_leases import leases_of


class Store(Answers, ArchivedEvents):
    """The event store of one company, in terms of records.

    Runs on the environment's cursor, in its transaction. Reads what the caller may not
    read record by record (sums of events), so it is for code, never for a public method
    without a check of its own.

    :param env: environment; :param company: res.company
    """

    def __init__(self, env, company):
        # events have no access rules of their own, see above
        self.env = env if env.su else env(su=True)
        self.company = company.sudo()

    # -- writing -----------------------------------------------------------------------

    def append(self, batch, rows, hold=None, report=False, rollups=True):
        """Store events and count them on their batch, all in this transaction.

        May be called several times for one batch. Afterwards the batch is done and
        rows read = accepted + duplicate + quarantined + ignored.

        :param usage.batch batch: where the rows come from
        :param rows: iterable of EventRow and RejectedRow, read once
        :param hold: where rows go that cannot be stored; default the quarantine
        :param bool report: list the outcome of each row that is not plainly accepted
        :param bool rollups: add up; without, the caller rebuilds the periods afterwards
        :rtype: metering.AppendResult
        """
        batch = batch.with_env(self.env)
        batch.ensure_one()
        started = time.monotonic()
        self.env.flush_all()
        source = batch.source_id
        spec = replace(self._batch_spec(batch), report=report, rollups=rollups)
        store = store_of(
            self.env,
            self.company,
            catalogue=OdooCatalogue(self.env, batch.company_id),
            hold=hold or self._hold,
            partition_cursor=self._partition_cursor,
        )
        alias = self.env["usage.alias"]._get_translation(source)
        if alias:
            rows = (row if type(row) is RejectedRow else alias(row) for row in rows)
        with self._router(store, source) as router:
            result = store.append(spec, rows, router=router)
        batch._add_result(result, time.monotonic() - started)
        return result

    def _batch_spec(self, batch):
        """Value of a batch."""
        source = batch.source_id
        return BatchSpec(
            id=batch.id,
            company_id=batch.company_id.id,
            source_id=source.id,
            received_at=batch.received_at,
            first_row=batch.rows_read,
            mode=source._get_key_mode(),
            id_tolerance=source.id_tolerance_min * 60_000_000,
            **time_rules(
                {name: source[name] for name in TIME_RULES}, batch.received_at
            ),
        )

    def void(self, batch, events, reason):
        """Take events of the batch's source out of all quantities; they stay stored.

        :param usage.batch batch: new, made for this; keeps who, when and why
        :param events: list of (event id, time or None), or of ids of ``usage.event``;
            the time is needed where the source's ids are made of it
        :rtype: metering.CorrectionResult
        """
        return self._correct(batch, reason, lambda order: order.void(events))

    def amend(self, batch, rows, reason, times=None):
        """Let rows count in the place of the events with their ids.

        :param usage.batch batch: new, made for this; keeps who, when and why
        :param list[EventRow] rows: the events as they should have been, complete
        :param list times: see :meth:`metering.corrections.Corrections.amend`
        :rtype: metering.CorrectionResult
        """
        return self._correct(batch, reason, lambda order: order.amend(rows, times))

    def _correct(self, batch, reason, give):
        """Carry out an order of correction and count it on its batch."""
        batch = batch.with_env(self.env)
        batch.ensure_one()
        batch.reason = reason
        self.env.flush_all()
        spec = self._batch_spec(batch)
        order = self._corrections(spec)
        result = give(order)
        done = result.count("voided", "amended")
        batch._add_result(AppendResult(rows=done, accepted=done), 0)
        if self.company.usage_store_engine == "clickhouse":
            ship.enqueue_correction(order.cursor, spec, done)
        self.env["usage.event"].invalidate_model()
        return result

    def _corrections(self, spec):
        """Corrections of events of a source, on this transaction.

        :param BatchSpec spec: of the batch of the corrections
        """
        follows = self.company.usage_store_engine == "postgres"
        return Corrections(
            self._here(), spec, self._specs_of_types, follows and self._following
        )

    def _here(self):
        """PostgreSQL, which single events are written to in either engine."""
        return PostgresStore(
            exact_cursor(self.env.cr),
            OdooCatalogue(self.env, self.company),
            partition_cursor=self._partition_cursor,
        )

    def _specs_of_types(self, period_ids, types):
        """Values of periods, and of all meters of these types, archived ones too."""
        meters = self.env["usage.meter"].with_context(active_test=False)
        return self._specs(
            self.env["usage.period"].browse(sorted(period_ids)),
            meters.search(
                [
                    ("company_id", "=", self.company.id),
                    ("event_type", "in", list(types)),
                ]
            ),
        )

    @contextmanager
    def _router(self, store, source):
        """The router of a source, kept for the next append once this one is committed.

        Within a transaction it goes from append to append. It is forgotten after an
        error, and when something it may know was made in this very transaction, by
        this append or by an earlier one: that may yet be rolled back as far as a
        savepoint, and nothing would tell.
        """
        cr = self.env.cr
        used, key = leases_of(cr), (cr.dbname, source.id)
        lease = refresh(store.cursor, used.take(key))
        store.is_read_committed = lease.is_read_committed
        if lease.router is None:
            lease.router = Router(store.catalogue, source.company_id.id, source.id)
        lease.router.catalogue = store.catalogue
        try:
            yield lease.router
        finally:
            lease.router.catalogue = None
            if not lease.is_settled or store.has_added or store.catalogue.has_added:
                used.is_settled = False
        used.keep(key, lease, cr)

    def rebuild(self, periods, meters=None):
        """Make the rollups of these periods again from the events.

        :raise UserError: events of a period are in an archived month
        """
        self.env.flush_all()
        self._refuse_archived(archive.periods(self._finding_cursor(), periods.ids))
        self._postgres().rebuild(*self._specs(periods, meters))

    def _refuse_archived(self, found):
        """What is in the archive cannot be added up: it would be lost from the sums.

        :param dict found: period id -> month, see :func:`.metering.archive.periods`
        :raise UserError: there is one
        """
        for period_id, month in found.items():
            period = self.env["usage.period"].browse(period_id)
            raise UserError(
                self.env._(
                    "Usage of %(subscription)s from %(day)s cannot be added up again: "
                    "events of it are in the archive. Bring month %(month)s back to "
                    "the store first.",
                    subscription=period.subscription_id.display_name,
                    day=period.local_start,
                    month=schema.month_text(month),
                )
            )

    def recut(self, period, rest):
        """Give events to the period of the rest of one that was cut.

        :param usage.period period: ends where ``rest`` begins
        :param usage.period rest: of the same subscription
        :return: number of events that went over
        :raise UserError: events of the period are in an archived month
        """
        self.env.flush_all()
        moved = recut(self._postgres(), period.id, rest.id, rest.start_at)
        if moved:
            self.rebuild(period | rest)
            self.env["usage.event"].invalidate_model()
        return moved

    def rebuild_meters(self, meters, periods=None):
        """Count again what is stored, for meters that are new or changed.

        Billed periods too: reports and what-if ask for them, and no invoice rests on
        these meters. Periods whose events are in the archive stay as they are.

        :param usage.period periods: only these; default all with events of the types
        """
        self._count_meters(meters, periods, self.rebuild)

    def count_new_meters(self, meters):
        """Count what is stored, for meters that nobody but this transaction knows, and
        hold up nobody. What others store meanwhile is left to :meth:`catch_up`.
        """
        self._count_meters(
            meters,
            None,
            lambda *records: self._here().count(*self._specs(*records)),
        )

    def catch_up(self, meters, seen, cr, before=None):
        """Add what others stored since new meters were counted.

        :param metering.beside.Seen seen: by this transaction, when it counted, or by
            the round before
        :param cr: cursor, see :class:`.metering.beside.Beside`
        :param before: cursor of the round before, None for the first one
        """
        self.env.flush_all()
        theirs = self.env(cr=cr)
        specs = self._meter_specs(meters)  # only this transaction knows them
        others = Store(theirs, self.company.with_env(theirs))
        before = before and exact_cursor(before)
        Beside(exact_cursor(cr), self._here(), before).catch_up(
            self.company.id,
            specs,
            seen,
            lambda ids: others._spans(theirs["usage.period"].browse(ids), specs),
        )

    def _count_meters(self, meters, periods, count):
        self.env.flush_all()
        if periods is None:
            period_ids = self._postgres().periods_of_types(
                self.company.id, set(meters.mapped("event_type")), meters.ids
            )
        else:
            period_ids = periods.ids
        archived = archive.periods(self._finding_cursor(), period_ids)
        periods = self.env["usage.period"].browse(set(period_ids) - archived.keys())
        # sudo: what is remembered of a billed period is no matter of rights
        billed = periods.sudo().search(
            [
                ("subscription_id", "in", periods.sudo().subscription_id.ids),
                ("state", "=", "billed"),
            ]
        )
        then = self.fingerprints(billed)
        unmoved = billed.filtered(
            lambda period: (period.billed_fingerprint or "") == then.get(period.id, "")
        )
        count(periods, meters)
        now = self.fingerprints(unmoved)
        for period in unmoved:  # counted by one meter more, and nothing came late
            if now.get(period.id, "") != then.get(period.id, ""):
                period.billed_fingerprint = now.get(period.id, "")

    def supersede(self, batches):
        """Take the events of batches out of all quantities; they stay stored.

        :raise UserError: some of the events are in an archived month
        """
        self.env.flush_all()
        if archive.holds_rows_of(self._finding_cursor(), batches.ids):
            raise UserError(
                self.env._(
                    "A delivery with events in an archived month cannot be replaced. "
                    "Bring its months back to the store first."
                )
            )
        period_ids = self._postgres().periods_of_batches(batches.ids)
        schema.note_remade(self.env.cr, period_ids)
        self.rebuild(self.env["usage.period"].browse(period_ids))

    def periods_of(self, batches):
        """Periods that events of these batches fell into."""
        self.env.flush_all()
        return self.env["usage.period"].browse(
            self._postgres().periods_of_batches(batches.ids)
        )

    def erase(self, source):
        """Forget everything a source sent; a later re-send counts as new.

        :param usage.source source: one from which nothing was billed
        """
        self.env.flush_all()
        period_ids = self._postgres().erase(source.company_id.id, source.id)
        self.rebuild(self.env["usage.period"].browse(period_ids))

    # -- what the store is made of -----------------------------------------------------

    def _hold(self, batch, rows):
        return self.env["usage.quarantine"]._hold(batch, rows)

    @contextmanager
    def _partition_cursor(self):
        """A transaction of its own: a month's table must outlive a failed import."""
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            # so that what another one adds meanwhile is waited for, not an error
            cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
            yield cr
