"""What the event store knows, asked in terms of records."""

from dataclasses import replace
from datetime import UTC, datetime

from odoo.fields import Domain

from .metering import closing, finding
from .metering.connection import exact_cursor
from .metering.values import UsageSpan
from .metering_catalogue import period_span, read_spans
from .metering_engine import store_of


class Answers:
    """Part of :class:`.metering_bridge.Store`."""

    env = company = None

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

    def usage(
        self, subscriptions, meter, start, end, bucket, group_by=(), tz=None,
        subject=None,
    ):  # fmt: skip
        """Quantities by bucket of time, each subscription in its own zone.

        :param datetime start, end: naive UTC, half-open
        :param str bucket: "hour", "day", "month" or "total"
        :param group_by: names of dimensions, else properties, to keep apart
        :param str tz: one zone for all instead; dearer where it is not their own
        :param str subject: only of this subject; dearer, it is read from the events
        :rtype: list[metering.UsageRow]
        """
        self.env.flush_all()
        spans = [
            UsageSpan(subscription.id, start, end, tz or subscription.tz)
            for subscription in subscriptions.sudo()
        ]
        spec = replace(meter.sudo()._get_spec(), subject=subject)
        return self._postgres().usage(spans, spec, bucket, group_by)

    def subjects(self, subscriptions, meter, start, end):
        """Whose events are in what :meth:`usage` answers, whoever is mapped today.

        :param datetime start, end: naive UTC, half-open
        :return: {subscription id: set of subjects}, those without events left out
        """
        self.env.flush_all()
        spec = meter.sudo()._get_spec()
        # a level goes on from what all earlier periods changed
        is_level = spec.aggregation == "weighted_sum" and spec.carries_over
        return finding.subjects(
            self._finding_cursor(),
            subscriptions.ids,
            spec.event_type,
            None if is_level else start,
            end,
        )

    def of_subjects(self, names):
        """Domain of the subscriptions that these subjects belong to, or that have usage
        of them: what was billed stays when a subject moves to another subscription.

        :param names: subjects as events name them
        :rtype: Domain
        """
        held = finding.holders(self._finding_cursor(), self.company.id, names)
        is_mapped = Domain("subject_ids.subject", "in", list(names))
        return is_mapped | Domain("id", "in", held)

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

    def find_deliveries(self, wanted):
        """Deliveries of stored events; see :func:`.metering.finding.deliveries`."""
        return finding.deliveries(self._finding_cursor(), self.company.id, wanted)

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

    # -- what answers are made of ------------------------------------------------------

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
            return [period_span(period) for period in periods.sudo()]
        self.env["usage.period"].flush_model()
        self.env["usage.subscription"].flush_model(["currency_id"])
        by_id = {span.id: span for span in read_spans(self.env, "id", periods.ids)}
        return [by_id[period_id] for period_id in periods.ids]
