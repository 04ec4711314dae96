import json
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from .. import held_usage
from ..held_usage import HeldSum
from ..metering.similar import Names
from ..rating.rounding import round_money
from .usage_quarantine_cause import BY_SUBJECT
from .usage_quarantine_decision import AT_ONCE

ZERO = Decimal(0)
#: causes looked at together, and the time a person waits for it
TOGETHER = 100
PATIENCE_S = 2.5
#: rows that are added up while a person waits; a larger cause is for the background
LARGE = 20_000
#: escapes of JSON that PostgreSQL cannot make a text of: NUL, half a surrogate pair
NO_TEXT = (
    r"\\u(0000|[dD][89abAB]..(?!\\u[dD][c-fC-F]))"
    r"|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)


@dataclass(slots=True)
class Stake:
    """What rows would come to, and how it was found: a word, and a name with it."""

    amount: Decimal | None = None
    currency_id: int | bool = False
    basis: tuple[str, str] | None = None


class UsageQuarantineCause(models.Model):
    """The two questions of whoever decides: what is it likely, and how much is it."""

    _inherit = "usage.quarantine.cause"

    # ------------------------------------------------------------------
    # when
    # ------------------------------------------------------------------
    @api.model
    def _assess_stale(self, patience=PATIENCE_S, all_again=False, largest=LARGE):
        """Look at causes whose number of waiting rows changed since the last look.

        The largest first, as many as the time allows; the scheduled action does the
        others.

        :param float patience: seconds
        :param bool all_again: also those looked at before (a new subscription may be
            what an old stranger is)
        :param int largest: causes with more rows are left to the scheduled action,
            which is called; None for all
        :return: whether all were looked at
        """
        until = time.monotonic() + patience
        self.env["usage.quarantine"].flush_model()
        self.flush_model()
        stale = self.env.execute_query(
            SQL(
                """SELECT c.id, c.company_id, q.n
                     FROM usage_quarantine_cause c
                     JOIN (SELECT cause_id, count(*) AS n FROM usage_quarantine
                            WHERE state = 'open' GROUP BY cause_id) q
                       ON q.cause_id = c.id
                    WHERE c.company_id = ANY(%s)
                      AND (%s OR c.assessed_count IS DISTINCT FROM q.n)
                    ORDER BY q.n DESC""",
                self.env.companies.ids,
                all_again,
            )
        )
        by_company, is_left = defaultdict(list), False
        for id_, company_id, count in stale:
            if largest is not None and count > largest:
                is_left = True
            else:
                by_company[company_id].append(id_)
        if is_left:
            self.env.ref("usage_billing.ir_cron_assess_quarantine").sudo()._trigger()
        for company_id, ids in by_company.items():
            names = None
            for start in range(0, len(ids), TOGETHER):
                if time.monotonic() > until:
                    return False
                company = self.env["res.company"].browse(company_id)
                causes = self.browse(ids[start : start + TOGETHER]).sudo()
                causes = causes.with_company(company)
                names = names or causes._get_known_names(company)
                causes._assess(names)
        return not is_left

    @api.model
    def _cron_assess(self):
        """Send again what has become clear by itself, then look at what changed."""
        cron = self.env["ir.cron"]
        # all of them: pylint: disable-next=no-search-all
        companies = self.env["res.company"].search([])
        causes = self.with_context(allowed_company_ids=companies.ids)
        causes._replay_cleared()
        cron._commit_progress(processed=1, remaining=1)
        is_done = causes._assess_stale(patience=30, largest=None)
        cron._commit_progress(processed=1, remaining=0 if is_done else 1)

    @api.model
    def _replay_cleared(self):
        """Send rows again whose reason is gone without anybody deciding on them.

        Dates in the future that have come, and names that somebody made a mapping or a
        meter for since the rows were last sent.

        :return: the decisions
        """
        self.env.flush_all()
        due = self.env["usage.quarantine"].search(
            [
                ("reason_code", "=", "future"),
                ("state", "=", "open"),
                ("event_time", "<=", fields.Datetime.now()),
            ],
            limit=AT_ONCE,
        )
        cleared = self.env.execute_query(
            SQL(
                """SELECT c.id FROM usage_quarantine_cause c
                     JOIN (SELECT cause_id, max(create_date) AS held_at
                             FROM usage_quarantine WHERE state = 'open'
                            GROUP BY cause_id) q ON q.cause_id = c.id
                    WHERE greatest(q.held_at,
                                   (SELECT max(d.create_date)
                                      FROM usage_quarantine_decision d
                                      JOIN usage_quarantine_decision_cause_rel r
                                        ON r.decision_id = d.id
                                     WHERE r.cause_id = c.id))
                          <= CASE c.reason_code
                             WHEN 'unknown_subject' THEN
                                  (SELECT max(s.create_date) FROM usage_subject s
                                    WHERE s.company_id = c.company_id
                                      AND s.subject = c.what
                                      AND coalesce(s.source_id, c.source_id)
                                          = c.source_id)
                             WHEN 'unknown_meter' THEN
                                  (SELECT max(m.create_date) FROM usage_meter m
                                    WHERE m.company_id = c.company_id AND m.active
                                      AND m.event_type = c.what)
                              END"""
            )
        )
        Decision = self.env["usage.quarantine.decision"]
        decisions = Decision
        if due:
            decisions |= Decision._decide("replay", rows=due)
        if cleared:
            causes = self.browse(id_ for [id_] in cleared)
            decisions |= Decision._decide("replay", causes=causes)
        return decisions

    # ------------------------------------------------------------------
    # what it likely is
    # ------------------------------------------------------------------
    def _get_known_names(self, company):
        """What the company knows: names of subscriptions, and types that are metered.

        :return: (Names of subscriptions, Names of meters)
        """
        subscriptions = self.env["usage.subscription"].search(
            [("company_id", "=", company.id), ("state", "!=", "draft")]
        )
        pairs = []
        by_partner = subscriptions.grouped("partner_id")
        for subscription in subscriptions:
            pairs += [
                (subscription.name, subscription),
                (subscription.code, subscription),
            ]
            partner = subscription.partner_id
            if len(by_partner[partner]) == 1:
                pairs += [(partner.name, subscription), (partner.ref, subscription)]
        subjects = self.env["usage.subject"].search([("company_id", "=", company.id)])
        pairs += [(item.subject, item.subscription_id) for item in subjects]
        meters = self.env["usage.meter"].search([("company_id", "=", company.id)])
        return (
            Names(pairs),
            Names([(meter.event_type, meter) for meter in meters]),
        )

    def _assess(self, names):
        """Find a suggestion and the amount at stake of these causes of one company."""
        subscription_names, meter_names = names
        sums = defaultdict(list)
        for item in self._read_sums():
            sums[item.cause_id].append(item)
        mapped = self._get_mapped_subscriptions()
        for cause in self:
            match = None
            subscription = mapped.get(cause.id, self.env["usage.subscription"])
            meter = self.env["usage.meter"]
            if cause.reason_code == "unknown_subject":
                match = subscription_names.closest(cause.what or "")
                subscription = match.target if match else subscription
            elif cause.reason_code == "unknown_meter":
                match = meter_names.closest(cause.what or "")
                meter = match.target if match else meter
            stake = cause._estimate(sums[cause.id], subscription)
            cause.write(
                {
                    "suggested_subscription_id": subscription.id,
                    "suggested_meter_id": meter.id,
                    "suggested_name": match.name if match else False,
                    "suggestion_score": round(100 * match.score) if match else 0,
                    "stake_amount": stake.amount,
                    "stake_currency_id": stake.currency_id,
                    "stake_basis": stake.basis,
                    "assessed_at": fields.Datetime.now(),
                    "assessed_count": sum(item.count for item in sums[cause.id]),
                }
            )

    def _get_mapped_subscriptions(self):
        """Of causes whose subject is known: whose it is, or was last.

        :rtype: dict[int, usage.subscription]
        """
        known = self.filtered(
            lambda cause: (
                cause.reason_code in BY_SUBJECT or cause.reason_code == "currency"
            )
        )
        subjects = self.env["usage.subject"].search(
            [
                ("company_id", "in", known.company_id.ids),
                ("subject", "in", [what for what in known.mapped("what") if what]),
            ],
            order="valid_from",
        )
        found = {}
        for cause in known:
            own = subjects.filtered(
                lambda item, cause=cause: (
                    item.subject == cause.what
                    and item.source_id in (self.env["usage.source"], cause.source_id)
                )
            )
            if own:
                found[cause.id] = own[-1].subscription_id
        return found

    # ------------------------------------------------------------------
    # how much it is
    # ------------------------------------------------------------------
    def _read_sums(self):
        """Waiting rows of these causes, added up in one statement.

        :rtype: list[HeldSum]
        """
        self.env["usage.quarantine"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT q.cause_id, q.event_time::date, q.event_type,
                          (e.raw -> 'dimensions')::text,
                          count(*),
                          sum(v.value)::text, min(v.value)::text, max(v.value)::text,
                          sum(q.amount_at_stake)::text
                     FROM usage_quarantine q
                    CROSS JOIN LATERAL (
                          SELECT CASE WHEN q.is_event AND q.raw !~ %s
                                      THEN q.raw::json END AS raw) e
                    CROSS JOIN LATERAL (
                          SELECT CASE WHEN e.raw ->> 'value'
                                           ~ '^[+-]?[0-9]{1,60}(\\.[0-9]{1,60})?$'
                                      THEN (e.raw ->> 'value')::numeric
                                  END AS value) v
                    WHERE q.state = 'open' AND q.cause_id = ANY(%s)
                    GROUP BY 1, 2, 3, 4""",
                NO_TEXT,
                self.ids,
            )
        )
        return [
            HeldSum(
                cause_id,
                day,
                event_type or "",
                _dimensions(dims),
                count,
                *(None if text is None else Decimal(text) for text in figures),
            )
            for cause_id, day, event_type, dims, count, *figures in rows
        ]

    def _estimate(self, sums, subscription):
        """What the rows of this cause would come to.

        With the prices of the subscription they belong to, or most likely belong to:
        what the period costs with them less what it costs without. Without a
        subscription: the amounts the events bring themselves. Nothing is kept.

        :param list[HeldSum] sums: of this cause
        :param usage.subscription subscription: may be empty
        :rtype: Stake
        """
        self.ensure_one()
        if subscription:
            stake = self._rate_sums(sums, subscription)
            if stake.amount is not None:
                return stake
        elif self.reason_code == "unknown_subject":
            stake = self._rate_usual(sums)
            if stake.amount is not None:
                return stake
        amounts = [item.amount for item in sums if item.amount is not None]
        if amounts:
            currency = self.company_id.currency_id
            return Stake(
                round_money(sum(amounts, ZERO), currency.decimal_places),
                currency.id,
                ("events", ""),
            )
        return Stake()

    @api.model
    def _say_basis(self, basis):
        """How an amount at stake was found, in the reader's language.

        :param basis: of a :class:`Stake`, as a tuple or from JSON
        """
        kind, name = basis or ("", "")
        sentences = {
            "events": self.env._("The amounts that the events bring."),
            "subscription": self.env._(
                "With the prices of %(subscription)s.", subscription=name
            ),
            "usual": self.env._(
                "About this much, with the prices of %(plan)s, the plan that most "
                "customers have.",
                plan=name,
            ),
        }
        return sentences.get(kind, "")

    def _rate_sums(self, sums, subscription):
        """See ``_estimate``; the amount is None where no price counts the rows."""
        parts = []
        for period, items in self._by_period(sums, subscription):
            day = period.local_start if period else min(item.day for item in items)
            version = subscription._get_version_at(max(day, subscription.date_start))
            stored = self._get_stored_quantities(period, version)
            parts += held_usage.amounts(version, items, stored, period, subscription)
        if not parts:
            return Stake()
        return Stake(
            sum(parts, ZERO),
            subscription.currency_id.id,
            ("subscription", subscription.name),
        )

    def _rate_usual(self, sums):
        """A stranger would pay about what most customers pay: an order of magnitude."""
        [(plan, _count)] = self.env["usage.subscription"]._read_group(
            [("company_id", "=", self.company_id.id), ("state", "=", "active")],
            ["plan_id"],
            ["__count"],
            order="__count desc",
            limit=1,
        ) or [(self.env["usage.plan"], 0)]
        days = [item.day for item in sums if item.day]
        version = plan and days and plan._get_version_at(min(days))
        parts = held_usage.amounts(version, sums, {}) if version else []
        if not parts:
            return Stake()
        return Stake(
            sum(parts, ZERO),
            plan.currency_id.id,
            ("usual", plan.name),
        )

    def _by_period(self, sums, subscription):
        """Sums by the period their day falls into; None outside of all periods."""
        periods = self.env["usage.period"].search(
            [("subscription_id", "=", subscription.id)]
        )
        found = defaultdict(list)
        for item in sums:
            if item.day is None:
                continue
            period = next(
                (p for p in periods if p.local_start <= item.day < p.local_end), None
            )
            found[period].append(item)
        return found.items()

    def _get_stored_quantities(self, period, version):
        """{meter id: [(dimensions, quantity)]} of the period now"""
        found = defaultdict(list)
        if period:
            store = self.env["usage.batch"].with_company(self.company_id)._store()
            for row in store.aggregate(period, version.charge_ids.meter_id):
                found[row.meter_id].append((dict(row.dimensions), row.quantity))
        return found


def _dimensions(text):
    return json.loads(text) if text else {}
