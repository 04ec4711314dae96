from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import messages, rater
from ..metering.reading import FINGERPRINT

LATE_POLICIES = [
    ("open", "On the open invoice: the first run bills it"),
    ("next", "On the next invoice: it waits for the subscription's own"),
    ("note", "On a credit note or invoice of its own"),
    ("hold", "Held until somebody decides"),
]


class UsageSubscription(models.Model):
    _inherit = "usage.subscription"

    late_policy = fields.Selection(
        LATE_POLICIES,
        string="Late Usage",
        required=True,
        default="open",
        tracking=True,
        help="Where usage that came, or was corrected, after its period was billed is "
        "charged or credited. Its amount is what the period costs now less what was "
        "billed, under the prices of the period.",
    )


class UsagePeriod(models.Model):
    """Usage that changed after its period was billed, waiting for a decision."""

    _inherit = "usage.period"

    late_state = fields.Selection(
        [("waiting", "Waiting"), ("accepted", "To Bill")],
        readonly=True,
        index="btree_not_null",
        help="Late usage of a subscription that wants a person to decide.",
    )
    late_amount_text = fields.Char(
        string="Difference",
        compute="_compute_late_amount_text",
        help="What the period costs now less what was billed, untaxed.",
    )

    def _compute_late_amount_text(self):
        dues = [
            rater.Due(period, rater.LATE, version)
            for period in self
            if (version := period._get_billed_version())
        ]
        outcome = rater.rate_periods(self.env, dues)
        totals = defaultdict(int)
        for items in outcome.rated.values():
            for item in items:
                totals[item.period.id] += item.line.amount
        for period in self:
            subscription = period.subscription_id
            problem = outcome.problems.get(subscription.id)
            period.late_amount_text = problem or messages.amounts(
                self.env, [(subscription.currency_id, totals[period.id])]
            )

    def _get_billed_version(self):
        """Version that prices the period: decided for it, else the one it was billed
        with, else the one in force on its first day."""
        self.ensure_one()
        billed = (
            self.env["usage.rated.line"]
            .sudo()  # what was billed decides
            .search(
                [("period_id", "=", self.id), ("state", "in", rater.LIVE_STATES)],
                order="id desc",
                limit=1,
            )
        )
        return (
            self.version_id
            or billed.version_id
            or self.subscription_id._get_version_at(self.local_start)
        )

    def action_bill_late(self):
        """Let the next run bill or credit the difference."""
        self._check_late_manager()
        self.filtered("late_state").sudo().late_state = "accepted"
        return True

    def action_write_off_late(self):
        """Keep what was billed: this difference is never charged or credited."""
        self._check_late_manager()
        for company, periods in (
            self.filtered("late_state").grouped("company_id").items()
        ):
            store = self.env["usage.batch"].with_company(company)._store()
            prints = store.fingerprints(periods)
            for period in periods:
                amount = period.late_amount_text
                # sudo: periods are written by the system only
                period.sudo().write(
                    {
                        "late_state": False,
                        "billed_fingerprint": prints.get(period.id, ""),
                    }
                )
                period.subscription_id.message_post(
                    body=self.env._(
                        "Late usage of %(period)s was written off: %(amount)s.",
                        period=period.display_name,
                        amount=amount,
                    )
                )
        return True

    def _check_late_manager(self):
        if not (
            self.env.su
            or self.env.user.has_group("usage_billing.group_usage_billing_approver")
        ):
            raise UserError(
                self.env._(
                    "Only an approver of usage billing decides about late usage. Ask "
                    "one of them."
                )
            )


class UsageBillingRun(models.Model):
    """Late usage: periods that were billed and have other usage now."""

    _inherit = "usage.billing.run"

    def _query_late_periods(self, scope):
        """Billed periods whose events are not those that were billed.

        Compared in the database, where the added-up rows are; a store elsewhere is
        asked. Periods whose tiers, level or commitment count on with an earlier late
        one follow it.
        """
        if getattr(self.company_id, "usage_store_engine", "postgres") != "postgres":
            rows = self._compare_fingerprints(scope)
        else:
            rows = self._query_changed_periods(scope)
        found = [(sub_id, period_id, rater.LATE) for sub_id, period_id in rows]
        return found + self._query_following_periods(scope, rows)

    def _query_changed_periods(self, scope):
        """(subscription id, period id) of billed periods that changed, in one query."""
        carrying = (
            self.env["usage.meter"]
            .with_context(active_test=False)
            .search(
                [
                    ("company_id", "=", self.company_id.id),
                    ("aggregation", "=", "weighted_sum"),
                    ("carries_over", "=", True),
                ]
            )
        )
        carried = SQL("NULL::text")
        if carrying:
            carried = SQL(
                """(SELECT '+' || %s
                      FROM usage_period b
                      JOIN usage_store_rollup r ON r.period_id = b.id
                       AND r.meter_id = ANY(%s) AND r.bucket = '-infinity'
                     WHERE b.subscription_id = p.subscription_id
                       AND b.start_at < p.start_at AND r.event_count > 0)""",
                SQL(FINGERPRINT),
                carrying.ids,
            )
        return self.env.execute_query(
            SQL(
                """SELECT s.id, p.id
                     FROM usage_period p
                     JOIN usage_subscription s ON s.id = p.subscription_id
                     LEFT JOIN LATERAL (
                          SELECT %s AS print
                            FROM usage_store_rollup r
                           WHERE r.period_id = p.id AND r.bucket = '-infinity'
                             AND r.event_count > 0) f ON TRUE
                    WHERE %s AND p.state = 'billed'
                      AND COALESCE(f.print, '') || COALESCE(%s, '')
                          != COALESCE(p.billed_fingerprint, '')
                      AND %s
                 ORDER BY s.id, p.start_at""",
                SQL(FINGERPRINT),
                scope,
                carried,
                self._sql_unclaimed(),
            )
        )

    def _compare_fingerprints(self, scope):
        """The same for a store that is not in this database."""
        billed = self.env.execute_query(
            SQL(
                """SELECT s.id, p.id, p.billed_fingerprint
                     FROM usage_period p
                     JOIN usage_subscription s ON s.id = p.subscription_id
                    WHERE %s AND p.state = 'billed'
                      AND %s
                 ORDER BY s.id, p.start_at""",
                scope,
                self._sql_unclaimed(),
            )
        )
        now = self._get_fingerprints([period_id for _sub, period_id, _then in billed])
        return [
            (sub_id, period_id)
            for sub_id, period_id, then in billed
            if now.get(period_id, "") != (then or "")
        ]

    def _query_following_periods(self, scope, rows):
        """Billed periods after a late one whose amount depends on it."""
        if not rows:
            return []
        known = {period_id for _sub, period_id in rows}
        return [
            (sub_id, period_id, rater.LATE)
            for sub_id, period_id in self.env.execute_query(
                SQL(
                    """SELECT DISTINCT s.id, p.id
                         FROM usage_period p
                         JOIN usage_subscription s ON s.id = p.subscription_id
                         JOIN usage_period e ON e.subscription_id = s.id
                          AND e.id = ANY(%s) AND e.start_at < p.start_at
                        WHERE %s AND p.state = 'billed'
                          AND EXISTS (
                              SELECT FROM usage_rated_line l
                                JOIN usage_charge c ON c.id = l.charge_id
                               WHERE l.period_id = p.id
                                 AND (c.accumulate != 'period'
                                      OR c.model = 'graduated_level'))
                          AND %s
                     ORDER BY s.id, p.id""",
                    list(known),
                    scope,
                    self._sql_unclaimed(),
                )
            )
            if period_id not in known
        ]

    # ------------------------------------------------------------------
    # policies
    # ------------------------------------------------------------------
    def _choose_late_periods(self, late, unbilled):
        """Late periods that this run bills, by the policy of their subscription.

        :param late, unbilled: rows of (subscription id, period id, reason)
        """
        if not late:
            return late
        subscriptions = self.env["usage.subscription"].browse(
            {sub_id for sub_id, _period, _reason in late}
        )
        policies = {sub.id: sub.sudo().late_policy for sub in subscriptions}
        invoiced = {sub_id for sub_id, _period, _reason in unbilled}
        held = [row for row in late if policies[row[0]] == "hold"]
        accepted = self._note_waiting([period_id for _sub, period_id, _why in held])
        return [
            row
            for row in late
            if policies[row[0]] in ("open", "note")
            or (policies[row[0]] == "next" and row[0] in invoiced)
            or row[1] in accepted
        ]

    @api.model
    def _note_waiting(self, period_ids):
        """Show late periods to whoever decides; give back those decided to bill."""
        periods = self.env["usage.period"].sudo().browse(period_ids)
        periods.filtered(lambda period: not period.late_state).late_state = "waiting"
        return set(periods.filtered(lambda p: p.late_state == "accepted").ids)

    def _split_documents(self, key, rated_lines):
        """Late usage has its own document where the subscription wants it so."""
        documents = []
        for document_key, lines in super()._split_documents(key, rated_lines):
            late = lines.filtered(
                lambda line: (
                    line.subscription_id.late_policy == "note"
                    and line.period_id.state == "billed"
                )
            )
            if late and late != lines:
                documents.append((document_key, lines - late))
                documents.append((f"{document_key}/late", late))
            else:
                documents.append((document_key, lines))
        return documents
