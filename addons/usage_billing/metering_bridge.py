"""Records in front of the event store: the only file that knows both sides.

``env["usage.batch"]._store()`` gives a :class:`Store` of the company in force.
"""

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from odoo import fields, sql_db
from odoo.exceptions import UserError
from odoo.tools import SQL

from . import bridge
from .metering import archive, closing, finding, schema
from .metering.beside import Beside
from .metering.clickhouse import ship
from .metering.connection import exact_cursor
from .metering.corrections import Corrections
from .metering.instants import OPEN_END, to_microseconds
from .metering.places import PeriodSpan, SubjectSpan
from .metering.pool import RouterPool, refresh
from .metering.postgres import PostgresStore
from .metering.recut import recut
from .metering.routing import Router
from .metering.store import BatchSpec
from .metering.texts import storable
from .metering.values import AppendResult, RejectedRow, UsageSpan
from .metering_archive import ArchivedEvents
from .metering_engine import store_of

#: No event is matched further ahead than this, whatever the source allows: periods
#: would be made up to there.
FARTHEST = timedelta(days=366)


#: Fields of a source: how far from now events may lie, and what becomes of those that
#: lie farther or outside of a subscription.
TIME_RULES = (
    "future_tolerance_min",
    "late_tolerance_days",
    "future_policy",
    "late_policy",
    "before_start_policy",
    "after_end_policy",
)

#: Routes of the sources that this process stored events of.
ROUTERS = RouterPool()


class _Leases(dict):
    """Routers in use by a transaction, by source; a copy of it begins with none.

    What keeps the state of a transaction aside, to come back to it, must not bring
    back routers that learned something in between.

    is_settled: nothing of what routers know was made or changed in the transaction
    """

    is_settled = True

    def __deepcopy__(self, memo):
        return _Leases()

    def take(self, key):
        """The lease of this transaction, one of the pool, or a new one."""
        return self.pop(key, None) or ROUTERS.take(key)

    def keep(self, key, lease, cr, is_for_others=False):
        """Keep a lease that was taken, for this transaction and then for others.

        :param bool is_for_others: only for those: it knows what this one made
        """
        if self.is_settled and is_for_others:
            cr.postcommit.add(partial(ROUTERS.give_back, key, lease))
        elif self.is_settled:
            if not self:
                cr.postcommit.add(partial(_keep_routers, self))
            self[key] = lease


class Store(ArchivedEvents):
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

    def catch_up(self, meters, seen, cr):
        """Add what others stored since new meters were counted.

        :param metering.beside.Seen seen: by this transaction, when it counted
        :param cr: cursor in READ COMMITTED, since nobody can store any more
        """
        self.env.flush_all()
        theirs = self.env(cr=cr)
        specs = self._meter_specs(meters)  # only this transaction knows them
        others = Store(theirs, self.company.with_env(theirs))
        Beside(exact_cursor(cr), self._here()).catch_up(
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

    # -- reading -----------------------------------------------------------------------

    def aggregate(self, periods, meters=None, dimensions=True, as_of=None):
        """Quantities of these periods, in one query however many.

        :param usage.period periods: any company's, any subscription's
        :param usage.meter meters: default all meters of the company
        :param bool dimensions: keep dimension sets apart
        :param datetime as_of: only events received until then (read from the events)
        :rtype: list[metering.Aggregate]
        """
        self.env.flush_all()
        return self._postgres().aggregate(
            *self._specs(periods, meters), dimensions=dimensions, as_of=as_of
        )

    def quantities(self, periods, meters=None, as_of=None):
        """Quantities of these periods, all dimensions together, and nothing else.

        For very many periods at once: a month's bill is a few figures of each.

        :param usage.period periods: any company's, any subscription's
        :param usage.meter meters: default all meters of the company
        :param datetime as_of: only events received until then (read from the events)
        :return: {(period id, meter id): Decimal}, nothing for no events
        """
        self.env.flush_all()
        specs = self._meter_specs(meters)
        return self._postgres().quantities(
            periods.ids, lambda: self._spans(periods, specs), specs, as_of
        )

    def fingerprints(self, periods):
        """What the quantities of these periods were made from, to notice a change.

        :return: {period id: text}, periods without events left out
        :rtype: dict[int, str]
        """
        self.env.flush_all()
        carrying = self.env["usage.meter"].with_context(active_test=False)
        carrying = carrying.search(
            [
                ("company_id", "=", self.company.id),
                ("aggregation", "=", "weighted_sum"),
                ("carries_over", "=", True),
            ]
        )
        return self._postgres().fingerprints(periods.ids, carrying.ids)

    def amounts(self, periods, meters, dimensions=True):
        """Sums of the events' own amounts, for charges passed through.

        Only meters whose value source is the amount are looked at.

        :rtype: list[metering.Aggregate]
        """
        meters = meters.filtered(lambda meter: meter.value_source == "amount")
        return self.aggregate(periods, meters, dimensions)

    def daily(self, periods, meters=None):
        """Quantities by local day of the subscription.

        :rtype: list[metering.DayAggregate]
        """
        self.env.flush_all()
        return self._postgres().daily(*self._specs(periods, meters))

    def explain(self, period, meter, dimensions=None, limit=80, after=None):
        """Events behind one quantity, by time.

        :param dict dimensions: as on the aggregate; None for all
        :param after: ``cursor`` of the last event of the page before
        :rtype: list[metering.StoredEvent]
        """
        self.env.flush_all()
        (span,), (spec,) = self._specs(period, meter)
        return self._postgres().explain(span, spec, dimensions, limit, after)

    def stream(self, period, meter, dimensions=None):
        """All events behind one quantity, in an order that no delivery changes.

        Memory is constant. Read it to the end, or close it, in this transaction.

        :param dict dimensions: as on the aggregate; None for all
        :rtype: Iterator[metering.StoredEvent]
        """
        self.env.flush_all()
        (span,), (spec,) = self._specs(period, meter)
        return self._postgres().stream(span, spec, dimensions)

    def usage(self, subscriptions, meter, start, end, bucket, group_by=(), tz=None):
        """Quantities by bucket of time, each subscription in its own zone.

        :param datetime start, end: naive UTC, half-open
        :param str bucket: "hour", "day", "month" or "total"
        :param group_by: names of dimensions, else properties, to keep apart
        :param str tz: one zone for all instead; dearer where it is not their own
        :rtype: list[metering.UsageRow]
        """
        self.env.flush_all()
        spans = [
            UsageSpan(subscription.id, start, end, tz or subscription.tz)
            for subscription in subscriptions.sudo()
        ]
        return self._postgres().usage(spans, meter.sudo()._get_spec(), bucket, group_by)

    def rows(self, row_ids):
        """Events by the ids of ``usage.event``, whatever counts.

        :rtype: list[metering.StoredEvent]
        """
        return self._postgres().rows(row_ids)

    def live_events(self, source, start, end, subscriptions=None, types=()):
        """Events of a source in a span of time that count now.

        :param datetime start, end: naive UTC, half-open
        :param usage.subscription subscriptions: only theirs; none for all
        :param types: only these; none for all
        :rtype: list[metering.StoredEvent]
        """
        self.env.flush_all()
        return self._postgres().live_events(
            source.company_id.id,
            source.id,
            start,
            end,
            subscriptions.ids if subscriptions else None,
            list(types) or None,
        )

    def sample(self, meter, limit, subscription=None):
        """The last events a meter counts, oldest first; it need not be saved.

        :param usage.subscription subscription: only this one's
        :rtype: list[metering.StoredEvent]
        """
        self.env.flush_all()
        like = self.env["usage.meter"].with_context(active_test=False)
        like = like.search(
            [
                ("company_id", "=", self.company.id),
                ("event_type", "=", meter.event_type),
            ]
        )
        return self._postgres().sample(
            meter.sudo()._get_spec(),
            like.ids,
            limit,
            subscription.id if subscription else None,
        )

    def find(self, search, limit):
        """Stored events one by one, page by page.

        :param metering.finding.Search search: of this company
        :rtype: list[metering.finding.FoundEvent]
        """
        return finding.page(self._finding_cursor(), search, limit)

    def find_by_id(self, sources, event_id, around=None):
        """Stored events with an id; see :func:`.metering.finding.by_id`.

        :param usage.source sources: of this company
        :rtype: list[metering.finding.FoundEvent]
        """
        return finding.by_id(
            self._finding_cursor(),
            self.company.id,
            [(source.id, source._get_key_mode()) for source in sources],
            event_id,
            around,
        )

    def find_corrections(self, events):
        """Rows that void or amend these found events, in the order they were made.

        :param events: list of :class:`metering.finding.FoundEvent`
        :rtype: list[metering.finding.FoundEvent]
        """
        return finding.corrections(
            self._finding_cursor(), self.company.id, [event.id for event in events]
        )

    def _finding_cursor(self):
        """Single events are found in PostgreSQL, which keeps them in either engine."""
        return exact_cursor(self.env.cr)

    def close(self, periods):
        """Write down the totals of periods, with a watermark; a period may be closed
        again, and the last time counts.

        :rtype: list[metering.closing.Closing]
        """
        self.env.flush_all()
        spans, specs = self._specs(periods, None)
        now = datetime.now(UTC).replace(tzinfo=None)
        return closing.close(self._postgres(), spans, specs, now)

    def closings(self, periods):
        """The last closing of these periods, those never closed left out.

        :rtype: list[metering.closing.Closing]
        """
        return closing.closings(self._postgres(), periods.ids)

    def late(self, periods, since=None):
        """What moved in periods since they were closed, or since an instant.

        :param datetime since: naive UTC; None for the last closing of each period
        :rtype: list[metering.closing.Late]
        """
        self.env.flush_all()
        return closing.late(self._postgres(), *self._specs(periods, None), since)

    def verify(self, periods, meters=None):
        """Differences between rollups and events; an empty list is well.

        :param usage.meter meters: default those in use: nothing is added up for an
            archived one
        :rtype: list[metering.Difference]
        """
        self.env.flush_all()
        if meters is None:
            meters = self.env["usage.meter"].search(
                [("company_id", "=", self.company.id)]
            )
        return self._postgres().verify(*self._specs(periods, meters))

    # -- what the store is made of -----------------------------------------------------

    def _postgres(self):
        """The company's engine, with PostgreSQL's transaction."""
        return store_of(self.env, self.company)

    def _specs(self, periods, meters):
        """Values of periods and of meters."""
        specs = self._meter_specs(meters)
        return self._spans(periods, specs), specs

    def _meter_specs(self, meters):
        if meters is None:
            meters = (
                self.env["usage.meter"]
                .with_context(active_test=False)
                .search([("company_id", "=", self.company.id)])
            )
        return [meter._get_spec() for meter in meters.sudo()]

    def _spans(self, periods, specs):
        """Values of periods, in their order."""
        if any(spec.of_whole for spec in specs):
            return [_period_span(period) for period in periods.sudo()]
        self.env["usage.period"].flush_model()
        self.env["usage.subscription"].flush_model(["currency_id"])
        by_id = {span.id: span for span in _read_spans(self.env, "p.id", periods.ids)}
        return [by_id[period_id] for period_id in periods.ids]

    def _hold(self, batch, rows):
        return self.env["usage.quarantine"]._hold(batch, rows)

    @contextmanager
    def _partition_cursor(self):
        """A transaction of its own: a month's table must outlive a failed import."""
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            # so that what another one adds meanwhile is waited for, not an error
            cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
            yield cr


class OdooCatalogue:
    """:class:`~.metering.routing.Catalogue` over the records of a company.

    has_added: it made periods, which a rollback would take away again
    """

    def __init__(self, env, company):
        self.env = env
        self.company = company
        self.has_added = False

    def meters(self):
        meters = self.env["usage.meter"].search([("company_id", "=", self.company.id)])
        return [meter._get_spec() for meter in meters]

    def subjects(self, names):
        rows = self.env.execute_query(
            SQL(
                "SELECT subject, source_id, subscription_id, valid_from, valid_to"
                "  FROM usage_subject WHERE company_id = %s AND subject = ANY(%s)",
                self.company.id,
                [name for name in names if storable(name)],
            )
        )
        return [
            SubjectSpan(
                subject,
                source_id,
                subscription_id,
                -OPEN_END if start is None else to_microseconds(start),
                OPEN_END if end is None else to_microseconds(end),
            )
            for subject, source_id, subscription_id, start, end in rows
        ]

    def periods(self, subscription_ids, until):
        spans = self._existing_periods(subscription_ids)
        reached = {span.subscription_id: span.end for span in spans}  # the last one's
        needed = to_microseconds(until)
        short = [id_ for id_ in subscription_ids if reached.get(id_, needed) <= needed]
        made = self.env["usage.subscription"].browse(short)._ensure_periods(until)
        if made:
            self.has_added = True
            made.flush_recordset()
            spans = self._existing_periods(subscription_ids)
        return spans

    def _existing_periods(self, subscription_ids):
        """Periods of subscriptions, in the order of time."""
        return _read_spans(self.env, "p.subscription_id", subscription_ids)


def time_rules(rules, received_at):
    """What a source says of events that come late, early or for nobody's time.

    :param dict rules: values of TIME_RULES of the source
    :param datetime received_at: arrival of the batch (UTC)
    :return: arguments of :class:`~.metering.store.BatchSpec`
    """
    latest, oldest = fields.Datetime.now() + FARTHEST, None
    if rules["future_tolerance_min"] >= 0:
        latest = received_at + timedelta(minutes=rules["future_tolerance_min"])
    if rules["late_tolerance_days"] >= 0:
        oldest = received_at - timedelta(days=rules["late_tolerance_days"])
    ignored = frozenset(
        name.removesuffix("_policy") for name in TIME_RULES if rules[name] == "ignore"
    )
    return {"latest": latest, "oldest": oldest, "ignored": ignored}


def leases_of(cr):
    """Routers in use by a transaction.

    :rtype: _Leases
    """
    return cr.postcommit.data.setdefault("usage_routers", _Leases())


def _keep_routers(used):
    """After the commit: give routers back to the pool, each once."""
    while used:
        ROUTERS.give_back(*used.popitem())


def _read_spans(env, column, ids):
    """Values of periods, in the order of time.

    :param str column: what the ids are of, of period ``p``
    """
    rows = env.execute_query(
        SQL(
            "SELECT p.id, p.subscription_id, p.start_at, p.end_at, p.tz, c.name"
            "  FROM usage_period p"
            "  JOIN usage_subscription s ON s.id = p.subscription_id"
            "  LEFT JOIN res_currency c ON c.id = s.currency_id"
            " WHERE %s = ANY(%s) ORDER BY p.start_at",
            SQL(column),
            list(ids),
        )
    )
    return [
        PeriodSpan(
            period_id,
            subscription_id,
            to_microseconds(start),
            to_microseconds(end),
            tz,
            currency or "",
        )
        for period_id, subscription_id, start, end, tz, currency in rows
    ]


def _period_span(period):
    """Value of a period that says how long the whole calendar period is."""
    whole = bridge.whole_period(period)
    return PeriodSpan(
        period.id,
        period.subscription_id.id,
        to_microseconds(period.start_at),
        to_microseconds(period.end_at),
        period.tz,
        period.subscription_id.currency_id.name or "",
        whole.days,
        to_microseconds(whole.end) - to_microseconds(whole.start),
    )
