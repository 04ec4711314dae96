from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import bridge


class UsagePlanChange(models.Model):
    """A subscription goes to another plan on a day, inside a period or at its edge.

    The running period is cut on that day: its fees count for the days before, those of
    the new plan for the days after. A fee that was billed in advance is credited for
    the days not used, and the new one charged, each rounded::

        |------- old plan ------|=== new plan ===|
        1 March                15               31
    """

    _name = "usage.plan.change"
    _description = "Usage Plan Change"
    _order = "subscription_id, date"
    _check_company_auto = True

    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="subscription_id.company_id", store=True, precompute=True, index=True
    )
    date = fields.Date(
        required=True,
        default=fields.Date.context_today,
        help="First local day on the new plan.",
    )
    old_plan_id = fields.Many2one(
        "usage.plan", readonly=True, check_company=True, ondelete="restrict"
    )
    old_version_id = fields.Many2one(
        "usage.plan.version", readonly=True, ondelete="restrict"
    )
    plan_id = fields.Many2one(
        "usage.plan",
        string="New Plan",
        required=True,
        check_company=True,
        ondelete="restrict",
    )
    state = fields.Selection(
        [("draft", "Prepared"), ("done", "Done")], default="draft", readonly=True
    )

    is_settled = fields.Boolean(
        readonly=True,
        copy=False,
        help="Usage that was stored while the plan changed was looked for and counts "
        "in its period.",
    )

    @api.constrains("plan_id", "subscription_id")
    def _check_currency(self):
        for change in self:
            before = change.old_plan_id or change.subscription_id.plan_id
            if change.plan_id.currency_id != before.currency_id:
                raise ValidationError(
                    self.env._(
                        "Plan %(plan)s is in another currency. Close the subscription "
                        "and start a new one.",
                        plan=change.plan_id.name,
                    )
                )

    def action_apply(self):
        """Cut the running period and put the subscription on the new plan."""
        for change in self.filtered(lambda change: change.state == "draft"):
            change._check_possible()
            subscription = change.subscription_id
            period = subscription._get_period_of_day(change.date)
            change.write(
                {
                    "old_plan_id": subscription.plan_id.id,
                    "old_version_id": subscription.version_id.id,
                    "state": "done",
                }
            )
            subscription.write({"plan_id": change.plan_id.id, "version_id": False})
            if period and period.local_start < change.date:
                rest = period.sudo()._cut(change.date)  # periods are the system's
                change._move_usage(period.sudo(), rest)
            elif period:
                version = subscription._get_version_at(change.date)
                period.sudo().version_id = version
            subscription._reshape_periods()
        # a biller may not touch scheduled actions
        self.env.ref("usage_billing.ir_cron_settle_plan_changes").sudo()._trigger()
        return True

    @api.model
    def _cron_settle(self):
        """Look again for usage of the new plan's days in the former period.

        Usage stored by others since the transaction of the change began was not
        visible to it; to this one, which begins after it, all of it is.
        """
        changes = self.search([("state", "=", "done"), ("is_settled", "=", False)])
        for change in changes:
            rest = change.subscription_id.period_ids.filtered(
                lambda period, day=change.date: period.local_start == day
            )
            former = change.subscription_id.period_ids.filtered(
                lambda period, day=change.date: period.local_end == day
            )
            if rest and former:
                change._move_usage(former, rest)
            change.is_settled = True

    def _check_possible(self):
        """Refuse a day that was billed already, or whose usage cannot be moved."""
        self.ensure_one()
        subscription, date = self.subscription_id, self.date
        if subscription.state != "active":
            raise UserError(
                self.env._(
                    "Subscription %(subscription)s is not active: change its plan "
                    "directly.",
                    subscription=subscription.name,
                )
            )
        if not self.plan_id._get_version_at(date):
            raise UserError(
                self.env._(
                    "Plan %(plan)s has no approved version in force on %(date)s.",
                    plan=self.plan_id.name,
                    date=date,
                )
            )
        later = subscription.period_ids.filtered(lambda period: period.local_end > date)
        if any(period.state == "billed" for period in later):
            raise UserError(
                self.env._(
                    "Subscription %(subscription)s was already billed beyond "
                    "%(date)s. Choose a later day.",
                    subscription=subscription.name,
                    date=date,
                )
            )
        period = subscription._get_period_of_day(date)
        if self.company_id.usage_store_engine == "postgres" or not period:
            return
        if period.local_start < date:
            store = self._get_store()
            cut = bridge.midnight(date, period.tz)
            rows = store.aggregate(period, dimensions=False)
            if any(row.last and row.last >= cut for row in rows):
                raise UserError(
                    self.env._(
                        "Usage of %(date)s or later has arrived under the old plan, "
                        "and events in ClickHouse do not change their period. Choose "
                        "a day after the last usage.",
                        date=date,
                    )
                )

    def _get_store(self):
        return self.env["usage.batch"].with_company(self.company_id).sudo()._store()

    def _move_usage(self, period, rest):
        """Usage of the new plan's days that has come already counts there."""
        if self.company_id.usage_store_engine == "postgres":
            self._get_store().recut(period, rest)


class UsageSubscription(models.Model):
    _inherit = "usage.subscription"

    plan_change_ids = fields.One2many("usage.plan.change", "subscription_id")

    def action_change_plan(self):
        """Ask for the new plan and the day."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change the plan of %(name)s", name=self.name),
            "res_model": "usage.plan.change",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscription_id": self.id},
        }

    def _get_version_at(self, date):
        """Before a change of plan the prices of the former plan count."""
        self.ensure_one()
        later = self.plan_change_ids.filtered(
            lambda change: change.state == "done" and change.date > date
        ).sorted("date")
        if later:
            change = later[0]
            return change.old_version_id or change.old_plan_id._get_version_at(date)
        return super()._get_version_at(date)

    def _get_period_of_day(self, day):
        """Period that holds a local day, made if needed."""
        self.ensure_one()
        self._ensure_periods(bridge.midnight(day, self.tz))
        return self.period_ids.filtered(
            lambda period: period.local_start <= day < period.local_end
        )[:1]
