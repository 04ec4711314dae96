"""What an append asks for, answered from records: meters, subjects, periods, rules."""

from datetime import timedelta

from odoo import fields
from odoo.tools import SQL

from . import bridge
from .metering.instants import OPEN_END, to_microseconds
from .metering.places import PeriodSpan, SubjectSpan
from .metering.texts import storable

#: No event is matched further ahead than this, whatever the source allows: periods
#: would be made up to there. The help of ``future_tolerance_min`` says so.
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
        if not short:
            return spans
        made = self.env["usage.subscription"].browse(short)._ensure_periods(until)
        if made:
            self.has_added = True
            made.flush_recordset()
        # those that another append made meanwhile too
        return self._existing_periods(subscription_ids)

    def _existing_periods(self, subscription_ids):
        """Periods of subscriptions, in the order of time."""
        return read_spans(self.env, "subscription_id", subscription_ids)


def time_rules(rules, received_at):
    """What a source says of events that come late, early or for nobody's time.

    :param dict rules: values of TIME_RULES of the source
    :param datetime received_at: arrival of the batch (UTC)
    :return: arguments of :class:`~.metering.store.BatchSpec`
    """
    latest, oldest = fields.Datetime.now() + FARTHEST, None
    if rules["future_tolerance_min"] >= 0:
        tolerance = timedelta(minutes=rules["future_tolerance_min"])
        latest = min(latest, received_at + tolerance)
    if rules["late_tolerance_days"] >= 0:
        oldest = received_at - timedelta(days=rules["late_tolerance_days"])
    ignored = frozenset(
        name.removesuffix("_policy") for name in TIME_RULES if rules[name] == "ignore"
    )
    return {"latest": latest, "oldest": oldest, "ignored": ignored}


def read_spans(env, column, ids):
    """Values of periods, in the order of time.

    :param str column: of periods, what the ids are of
    """
    rows = env.execute_query(
        SQL(
            "SELECT p.id, p.subscription_id, p.start_at, p.end_at, p.tz, c.name"
            "  FROM usage_period p"
            "  JOIN usage_subscription s ON s.id = p.subscription_id"
            "  LEFT JOIN res_currency c ON c.id = s.currency_id"
            " WHERE %s = ANY(%s) ORDER BY p.start_at",
            SQL.identifier("p", column),
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


def period_span(period):
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
