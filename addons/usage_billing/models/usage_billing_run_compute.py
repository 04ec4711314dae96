from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import bridge, bulk, isolation, rater

#: subscriptions rated together: one set of aggregate queries, one savepoint
COMPUTE_BATCH = 200
#: how many slices are looked at for lines that no other worker has taken
SHARED = 32

ZERO = Decimal(0)


class UsageBillingRun(models.Model):
    """Computing: find what is due, rate it, keep it with its evidence."""

    _inherit = "usage.billing.run"

    # ------------------------------------------------------------------
    # start
    # ------------------------------------------------------------------
    def _start_computing(self):
        """Forget earlier results and list the subscriptions with something due.

        :return: the lines to compute
        :rtype: usage.billing.run.line
        """
        self.ensure_one()
        self._set_state("computing")
        Line = self.env["usage.billing.run.line"].sudo()  # results belong to the run
        self.sudo().line_ids._discard()
        self._ensure_periods()
        due = self._find_due_periods()
        known = {line.subscription_id.id for line in self.sudo().line_ids}
        missing = [sub_id for sub_id in due if sub_id not in known]
        Line.create(
            [{"run_id": self.id, "subscription_id": sub_id} for sub_id in missing]
        )
        stale = self.sudo().line_ids.filtered(
            lambda line: line.subscription_id.id not in due
        )
        stale.unlink()
        self.write({"started_at": fields.Datetime.now(), "finished_at": False})
        self.invalidate_recordset(["line_ids", "held_line_ids", "total_count"])
        return self.sudo().line_ids

    def _ensure_periods(self):
        """Periods up to the cut-off exist, whatever the scheduled action did."""
        until = bridge.midnight(self.cutoff_date + timedelta(days=1), "UTC")
        domain = [("company_id", "=", self.company_id.id), ("state", "=", "active")]
        if self.subscription_ids:
            domain.append(("id", "in", self.subscription_ids.ids))
        self.env["usage.subscription"].search(domain)._ensure_periods(until)

    def _find_due_periods(self, subscription_ids=None):
        """What this run has to rate, in two queries.

        - periods that are over (last day and grace days reached by the cut-off), not
          billed, and not being billed by another run
        - periods that begin the day after the cut-off or earlier, whose plan has
          fees in advance not yet rated
        - periods billed already that received usage since

        :param subscription_ids: only these; None for the scope of the run
        :return: {subscription id: [(period id, reason)]}
        """
        self.ensure_one()
        self.env.flush_all()
        scope = SQL("s.company_id = %s", self.company_id.id)
        if subscription_ids is None:
            subscription_ids = self.subscription_ids.ids or None
        if subscription_ids is not None:
            scope = SQL("%s AND s.id = ANY(%s)", scope, list(subscription_ids))
        due = defaultdict(list)
        for subscription_id, period_id, reason in self._query_due_periods(scope):
            due[subscription_id].append((period_id, reason))
        return due

    def _query_due_periods(self, scope):
        """Rows of (subscription id, period id, reason), by the kind of the run."""
        if self.is_interim:
            return self._query_running_periods(scope)
        unbilled = self._query_unbilled_periods(scope)
        late = self._query_late_periods(scope)
        return unbilled + self._choose_late_periods(late, unbilled)

    def _sql_unclaimed(self):
        """Condition on ``usage_period p``: no other run is about to bill it."""
        return SQL(
            """NOT EXISTS (
                SELECT FROM usage_rated_line l
                 WHERE l.period_id = p.id AND l.run_id != %s
                   AND l.state IN ('rated', 'approved'))""",
            self.id,
        )

    def _query_unbilled_periods(self, scope):
        """Open periods to close or to bill in advance, one statement."""
        after = self.cutoff_date + timedelta(days=1)
        return self.env.execute_query(
            SQL(
                """
                SELECT s.id, p.id,
                       CASE WHEN p.local_end + s.grace_days <= %(after)s
                            THEN 'close' ELSE 'advance' END
                  FROM usage_period p
                  JOIN usage_subscription s ON s.id = p.subscription_id
                 WHERE %(scope)s
                   AND s.state IN ('active', 'closed')
                   AND p.state = 'open'
                   AND %(unclaimed)s
                   AND (p.local_end + s.grace_days <= %(after)s
                        OR p.local_start <= %(after)s
                           AND EXISTS (
                               SELECT FROM usage_charge c
                                WHERE c.plan_id = s.plan_id AND c.timing = 'advance')
                           AND NOT EXISTS (
                               SELECT FROM usage_rated_line l
                                 JOIN usage_charge c ON c.id = l.charge_id
                                WHERE l.period_id = p.id AND c.timing = 'advance'
                                  AND c.plan_id = s.plan_id
                                  AND l.state = 'posted'))
              ORDER BY s.id, p.start_at
                """,
                after=after,
                scope=scope,
                unclaimed=self._sql_unclaimed(),
            )
        )

    def _get_fingerprints(self, period_ids):
        """What the quantities of periods are made from now.

        :return: {period id: text}, periods without events left out
        """
        periods = self.env["usage.period"].sudo().browse(period_ids)
        return self._get_store().fingerprints(periods)

    def _get_store(self):
        return self.env["usage.batch"].with_company(self.company_id)._store()

    # ------------------------------------------------------------------
    # slices
    # ------------------------------------------------------------------
    def _compute_slice(self, limit=COMPUTE_BATCH):
        """Rate the next pending subscriptions; safe to kill and to run again.

        Takes only lines nobody else is working on, so that several workers share a
        run. Commits nothing: the job or the scheduled action does.

        :return: how many lines were worked on; 0 when nothing is left to take
        """
        self.ensure_one()
        lines = (
            self.env["usage.billing.run.line"]
            .sudo()  # results belong to the run, no user writes them
            .search(
                [("run_id", "=", self.id), ("state", "=", "pending")],
                limit=limit * SHARED,
            )
            .try_lock_for_update(allow_referencing=True, limit=limit)
        )
        if lines:
            self._rate_lines(lines)
        self._finish_computing()
        return len(lines)

    def _rate_lines(self, lines):
        """Rate run lines: hold the impossible ones, write the others together."""
        dues = self._get_dues(lines)
        every_due = [due for some in dues.values() for due in some]
        outcome = rater.rate_periods(lines.env, every_due)
        prints = self._get_fingerprints(
            [due.period.id for due in every_due if due.reason not in rater.KEEPS_OPEN]
        )
        previous = self._get_previous_amounts(lines.subscription_id)
        writable = []
        for line in lines.filtered(lambda line: line.state == "pending"):
            sub_id = line.subscription_id.id
            problem = outcome.problems.get(sub_id) or self._find_absurd(
                outcome.rated[sub_id]
            )
            if problem:
                line._hold(problem)
            else:
                writable.append(line)

        def store(batch):
            self._store_results(batch, dues, outcome.rated, prints, previous)

        isolation.in_batch(
            self.env, writable, store, lambda line, reason: line._hold(reason)
        )

    def _get_dues(self, lines):
        """What to rate for each line; a line with nothing to rate is held.

        :return: {subscription id: [rater.Due]}
        """
        due_periods = self._find_due_periods(lines.subscription_id.ids)
        priced = self._get_versions_billed(due_periods)
        dues = {}
        for line in lines:
            try:
                dues[line.subscription_id.id] = self._get_dues_of(
                    line.subscription_id,
                    due_periods.get(line.subscription_id.id, ()),
                    priced,
                )
            except UserError as error:
                line._hold(str(error))
        return dues

    def _get_dues_of(self, subscription, due_periods, priced):
        """What to rate for one subscription.

        :param due_periods: [(period id, reason)]
        :param priced: versions that priced a period already
        :raise UserError: nothing is due any more, or a period has no prices
        """
        if not due_periods:
            raise UserError(
                self.env._(
                    "Nothing is due any more: another run bills these periods, or "
                    "the subscription changed."
                )
            )
        dues = []
        for period_id, reason in due_periods:
            period = self.env["usage.period"].sudo().browse(period_id)
            version = priced.get(period_id) or subscription._get_version_at(
                period.local_start
            )
            if not version:
                raise UserError(
                    self.env._(
                        "Plan %(plan)s has no approved version in force on %(date)s. "
                        "Approve one, then retry.",
                        plan=subscription.plan_id.name,
                        date=period.local_start,
                    )
                )
            dues.append(rater.Due(period, reason, version))
        return dues

    def _get_versions_billed(self, due_periods):
        """Version that prices a period already: decided for it, else the one it was
        billed with last, so that later usage keeps its prices."""
        period_ids = [pid for some in due_periods.values() for pid, _reason in some]
        self.env["usage.rated.line"].flush_model()
        self.env["usage.period"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT ON (p.id) p.id, COALESCE(p.version_id, l.version_id)
                     FROM usage_period p
                     LEFT JOIN usage_rated_line l
                       ON l.period_id = p.id AND l.state = ANY(%s)
                    WHERE p.id = ANY(%s)
                      AND (p.version_id IS NOT NULL OR l.version_id IS NOT NULL)
                 ORDER BY p.id, l.id DESC""",
                list(rater.LIVE_STATES),
                period_ids,
            )
        )
        Version = self.env["usage.plan.version"]
        return {period_id: Version.browse(version_id) for period_id, version_id in rows}

    def _get_previous_amounts(self, subscriptions):
        """Amount of the last posted result of each subscription, exact.

        :return: {subscription id: Decimal}
        """
        self.env["usage.billing.run.line"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT ON (subscription_id)
                          subscription_id, amount::text
                     FROM usage_billing_run_line
                    WHERE subscription_id = ANY(%s) AND state = 'invoiced'
                      AND run_id != %s
                 ORDER BY subscription_id, id DESC""",
                subscriptions.ids,
                self.id,
            )
        )
        return {sub_id: Decimal(amount or 0) for sub_id, amount in rows}

    def _find_absurd(self, rated):
        """Why a figure is too large to be billed without a person, or nothing.

        The bound is a setting of the company; 0 means no bound.
        """
        bound = bridge.money(self.company_id.usage_hold_amount)
        total = sum((item.line.amount for item in rated), ZERO)
        if bound and abs(total) > bound:
            return self.env._(
                "%(amount)s is above the bound of %(bound)s for one subscription. "
                "Check the usage, or raise the bound in the settings, then retry.",
                amount=total,
                bound=bound,
            )
        return None

    def _store_results(self, lines, dues, rated, prints, previous):
        """Write rated lines and the figures of their run lines."""
        rows, results, heads = [], [], {}
        for line in lines:
            sub_id = line.subscription_id.id
            owner = self._prepare_owner(line)
            for item in rated[sub_id]:
                if item.charge not in heads:
                    heads[item.charge] = self._prepare_charge(item.charge)
                rows.append(
                    {
                        **owner,
                        **heads[item.charge],
                        **self._prepare_rated_line(item),
                    }
                )
            results.append(
                line._prepare_result_vals(
                    sum((item.line.amount for item in rated[sub_id]), ZERO),
                    previous.get(sub_id),
                    {
                        str(due.period.id): prints.get(due.period.id, "")
                        for due in dues[sub_id]
                        if due.reason not in rater.KEEPS_OPEN
                    },
                )
            )
        bulk.update_records(lines[0].concat(*lines[1:]), results)
        self.env["usage.rated.line"].sudo()._create_rated(rows)

    def _prepare_owner(self, line):
        """Values that all rated lines of a run line share."""
        return {
            "run_id": self.id,
            "run_line_id": line.id,
            "company_id": self.company_id.id,
            "subscription_id": line.subscription_id.id,
            "partner_id": line.partner_id.id,
            "state": "simulated" if self.is_dry_run else "rated",
        }

    def _prepare_charge(self, charge):
        """Values that all rated lines of a charge share."""
        return {
            "charge_id": charge.id,
            "version_id": charge.version_id.id,
            "currency_id": charge.currency_id.id,
            "meter_id": charge.meter_id.id,
            "unit_label": charge.unit_label,
        }

    def _prepare_rated_line(self, item):
        """Values of one rated line and its components.

        :param rater.Rated item: what the core said
        :rtype: dict
        """
        return {
            "period_id": item.period.id,
            "dimension_key": item.dimension_key,
            "dimensions": item.dimensions or False,
            "price_id": item.price.id if item.price else False,
            "override_id": item.override_id,
            "allowance_left": item.allowance_left,
            "revision": item.revision,
            "watermark": item.watermark,
            "event_count": item.event_count,
            "amount_currency": item.line.amount,
            **bridge.rated_line_vals(item.line, item.before),
        }

    def _finish_computing(self):
        """To review once no line is pending; one activity tells about the held."""
        if self.state != "computing":
            return
        if self.env["usage.billing.run.line"].search_count(
            [("run_id", "=", self.id), ("state", "=", "pending")], limit=1
        ):
            return
        self.invalidate_recordset(["line_ids", "held_line_ids", "held_count"])
        self._set_state("review")
        self.finished_at = fields.Datetime.now()
        self._notify_held()

    def _finish_retry(self):
        """After a retry by hand: numbers and the activity follow."""
        self.invalidate_recordset(["line_ids", "held_line_ids", "held_count"])
        self._finish_computing()
        if self.state == "review":
            self._notify_held()

    def _notify_held(self):
        """One digest activity for the held lines, cleared when there are none."""
        summary = self.env._("Held subscriptions to look at")
        self.activity_unlink(["usage_billing.mail_activity_held"])
        if self.held_count:
            self.activity_schedule(
                "usage_billing.mail_activity_held",
                summary=summary,
                note=self.env._(
                    "Held in %(run)s: %(count)s.",
                    count=self.held_count,
                    run=self.name,
                ),
                user_id=self.create_uid.id,
            )
