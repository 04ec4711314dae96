from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .. import rater
from ..fields_exact import Exact, to_exact
from ..rating.rounding import ZERO


class UsageBillingRun(models.Model):
    """Interim runs: what running periods have used so far, on an invoice."""

    _inherit = "usage.billing.run"

    def _query_running_periods(self, scope):
        """Open periods that have begun by the cut-off and that no other run bills."""
        return [
            (sub_id, period_id, rater.INTERIM)
            for sub_id, period_id in self.env.execute_query(
                SQL(
                    """SELECT s.id, p.id
                         FROM usage_period p
                         JOIN usage_subscription s ON s.id = p.subscription_id
                        WHERE %s AND s.state IN ('active', 'closed')
                          AND p.state = 'open' AND p.local_start <= %s
                          AND %s
                     ORDER BY s.id, p.start_at""",
                    scope,
                    self.cutoff_date,
                    self._sql_unclaimed(),
                )
            )
        ]


class UsagePeriod(models.Model):
    _inherit = "usage.period"

    threshold_passed = Exact(
        readonly=True, help="Highest billing threshold that usage has passed."
    )


class UsageSubscription(models.Model):
    """Progressive billing: an interim invoice each time usage passes a threshold."""

    _inherit = "usage.subscription"

    billing_thresholds = fields.Char(
        tracking=True,
        help="Amounts, separated by semicolons: each time the usage of a period passes "
        "one of them, what was used so far is billed at once.",
    )

    @api.constrains("billing_thresholds")
    def _check_billing_thresholds(self):
        for subscription in self:
            subscription._get_thresholds()

    def _get_thresholds(self):
        """Thresholds as amounts, rising.

        :rtype: list[Decimal]
        :raise ValidationError: a part is no amount
        """
        self.ensure_one()
        found = []
        for part in (self.billing_thresholds or "").split(";"):
            if not part.strip():
                continue
            try:
                amount = to_exact(part)
            except ValueError:
                amount = ZERO
            if amount <= 0:
                raise ValidationError(
                    self.env._(
                        "“%(part)s” is no amount above zero. Write the thresholds as "
                        "100; 500; 1000.",
                        part=part.strip(),
                    )
                )
            found.append(amount)
        return sorted(found)

    def _bill_thresholds(self, instant=None):
        """Bill the running periods that passed a threshold since the last time.

        :param datetime instant: naive UTC, now by default
        :return: the interim run that was posted, empty when nothing was due
        """
        instant = instant or fields.Datetime.now()
        runs = self.env["usage.billing.run"]
        watched = self.filtered("billing_thresholds")
        for company, subscriptions in watched.grouped("company_id").items():
            today = fields.Date.context_today(company._usage_at_home(self), instant)
            passed = subscriptions._find_passed(instant)
            if not passed:
                continue
            run = runs.create(
                {
                    "company_id": company.id,
                    "cutoff_date": today,
                    "invoice_date": today,
                    "is_interim": True,
                    "subscription_ids": [
                        (6, 0, [period.subscription_id.id for period in passed])
                    ],
                }
            )
            run.action_compute()
            if run.state == "review":
                run.action_approve()
                run.action_post()
            for period, threshold in passed.items():
                period.threshold_passed = threshold
            runs |= run
        return runs

    def _find_passed(self, instant):
        """Running periods whose usage passed a threshold, and the highest one passed.

        :rtype: dict[usage.period, Decimal]
        """
        periods = (
            self.sudo()
            ._get_period_at(instant)
            .filtered(lambda period: period.state == "open")
        )
        dues = [
            rater.Due(period, rater.INTERIM, version)
            for period in periods
            if (version := period._get_billed_version())
        ]
        outcome = rater.rate_periods(self.env, dues, keep_zero=True)
        found = {}
        for due in dues:
            subscription = due.period.subscription_id
            total = sum(
                (item.line.exact for item in outcome.rated.get(subscription.id, ())),
                ZERO,
            )
            before = due.period.threshold_passed or ZERO
            passed = [
                one for one in subscription._get_thresholds() if before < one <= total
            ]
            if passed:
                found[due.period] = max(passed)
        return found

    @api.model
    def _cron_bill_thresholds(self):
        """Every quarter of an hour: bill what passed a threshold."""
        self.search(
            [("state", "=", "active"), ("billing_thresholds", "!=", False)]
        )._bill_thresholds()
