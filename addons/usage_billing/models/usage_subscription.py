from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import bridge
from ..fields_exact import Exact

PERIOD_UNITS = [
    ("month", "Month"),
    ("quarter", "Quarter"),
    ("year", "Year"),
    ("week", "Week"),
    ("day", "Day"),
]

DEFAULT_ZONE = "Europe/Paris"

#: periods are made this far ahead of today, so that an event of the near future
#: and a fee billed in advance find theirs
PERIODS_AHEAD = timedelta(days=62)


def _zones(_records):
    return [(zone, zone) for zone in pytz.all_timezones]


class UsageSubscription(models.Model):
    """A customer on a plan from a date on, with what decides its billing periods.

    The zone, the anchor day and the unit decide the periods when they are made;
    a period, once made, keeps its instants for ever. Changing the zone later only
    shapes the periods that follow, which begin where the last one ended.
    """

    _name = "usage.subscription"
    _description = "Usage Subscription"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "code, id"
    _check_company_auto = True

    # who
    name = fields.Char(
        required=True,
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    code = fields.Char(
        required=True,
        readonly=True,
        index=True,
        copy=False,
        default=lambda self: self.env._("New"),
        help="Unique in the company.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        tracking=True,
    )
    payer_id = fields.Many2one(
        "res.partner",
        string="Invoiced to",
        required=True,
        compute="_compute_payer_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        tracking=True,
        help="Who receives and pays the invoice; the customer itself as a rule.",
    )
    reseller_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        tracking=True,
        help="Partner who brought the customer. Never the parent of the customer.",
    )
    po_number = fields.Char(
        string="Purchase Order",
        tracking=True,
        help="Subscriptions of one payer with different purchase orders are "
        "invoiced apart.",
    )

    # prices
    plan_id = fields.Many2one(
        "usage.plan",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        tracking=True,
    )
    version_id = fields.Many2one(
        "usage.plan.version",
        string="Pinned Version",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        tracking=True,
        domain="[('plan_id', '=', plan_id), ('state', '!=', 'draft')]",
        help="Prices agreed for good with this customer. Empty: the version in "
        "force on the first day of each period.",
    )
    currency_id = fields.Many2one(related="plan_id.currency_id", store=True)
    commitment_amount = Exact(
        tracking=True,
        help="Amount this customer promised to spend, in place of that of the plan's "
        "commitment.",
    )

    # time
    date_start = fields.Date(
        required=True, default=fields.Date.context_today, tracking=True
    )
    date_end = fields.Date(
        string="Ends On",
        tracking=True,
        help="First local day that is not subscribed any more.",
    )
    period_unit = fields.Selection(
        PERIOD_UNITS, required=True, default="month", tracking=True
    )
    period_every = fields.Integer(
        string="Every",
        required=True,
        default=1,
        tracking=True,
        help="So many of them in one period: 2 for every second month.",
    )
    calendar_aligned = fields.Boolean(
        default=True,
        tracking=True,
        help="Periods follow the calendar (months begin on the 1st); otherwise they "
        "begin on the anchor day.",
    )
    anchor_day = fields.Integer(
        compute="_compute_anchor_day",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Day of the month on which periods begin, 1 to 31; short months take "
        "their last day and the day comes back afterwards.",
    )
    tz = fields.Selection(
        _zones,
        string="Time Zone",
        required=True,
        compute="_compute_tz",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Local days of the periods are days of this zone.",
    )
    grace_days = fields.Integer(
        default=0,
        tracking=True,
        help="Days to wait for late usage after a period before it is billed.",
    )

    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("closed", "Closed")],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    subject_ids = fields.One2many("usage.subject", "subscription_id")
    period_ids = fields.One2many("usage.period", "subscription_id", readonly=True)
    subject_ids = fields.One2many("usage.subject", "subscription_id")
    current_period_id = fields.Many2one(
        "usage.period", compute="_compute_current_period_id"
    )

    _code_unique = models.Constraint(
        "UNIQUE(company_id, code)",
        "Another subscription of this company already has this code.",
    )
    _anchor_day_range = models.Constraint(
        "CHECK(anchor_day BETWEEN 1 AND 31)", "The anchor day is between 1 and 31."
    )
    _period_every_positive = models.Constraint(
        "CHECK(period_every >= 1)", "A period has at least one month, week or day."
    )
    _dates_order = models.Constraint(
        "CHECK(date_end IS NULL OR date_end > date_start)",
        "The subscription would end before it starts: correct one of the dates.",
    )
    _grace_days_positive = models.Constraint(
        "CHECK(grace_days >= 0)", "Grace days cannot be negative."
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("partner_id", "plan_id")
    def _compute_name(self):
        for subscription in self:
            if not subscription.name and subscription.partner_id:
                subscription.name = (
                    f"{subscription.partner_id.name} – {subscription.plan_id.name}"
                )

    @api.depends("partner_id")
    def _compute_payer_id(self):
        for subscription in self:
            if not subscription.payer_id:
                subscription.payer_id = subscription.partner_id

    @api.depends("partner_id")
    def _compute_tz(self):
        for subscription in self:
            if not subscription.tz:
                subscription.tz = subscription.partner_id.tz or DEFAULT_ZONE

    @api.depends("date_start")
    def _compute_anchor_day(self):
        for subscription in self:
            if not subscription.anchor_day:
                subscription.anchor_day = (
                    subscription.date_start.day if subscription.date_start else 1
                )

    @api.depends("period_ids")
    def _compute_current_period_id(self):
        now = fields.Datetime.now()
        periods = self.env["usage.period"].search(
            [
                ("subscription_id", "in", self.ids),
                ("start_at", "<=", now),
                ("end_at", ">", now),
            ]
        )
        by_subscription = {period.subscription_id: period for period in periods}
        for subscription in self:
            subscription.current_period_id = by_subscription.get(subscription)

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("version_id", "plan_id")
    def _check_version(self):
        for subscription in self:
            version = subscription.version_id
            if version and version.plan_id != subscription.plan_id:
                raise ValidationError(
                    self.env._(
                        "%(version)s is not a version of the plan %(plan)s of "
                        "subscription %(subscription)s. Choose one of its versions.",
                        version=version.display_name,
                        plan=subscription.plan_id.name,
                        subscription=subscription.name,
                    )
                )

    @api.constrains("date_end", "date_start")
    def _check_dates_of_billed_periods(self):
        for subscription in self:
            billed = subscription.period_ids.filtered(lambda p: p.state == "billed")
            if not billed:
                continue
            first, last = billed.sorted("start_at")[0], billed.sorted("start_at")[-1]
            if subscription.date_start != first.local_start and (
                subscription.date_start > first.local_start
            ):
                raise ValidationError(
                    self.env._(
                        "Subscription %(subscription)s was already billed from "
                        "%(date)s: it cannot start later.",
                        subscription=subscription.name,
                        date=first.local_start,
                    )
                )
            if subscription.date_end and subscription.date_end < last.local_end:
                raise ValidationError(
                    self.env._(
                        "Subscription %(subscription)s was already billed to "
                        "%(date)s: it cannot end earlier. Credit the invoice if "
                        "needed.",
                        subscription=subscription.name,
                        date=last.local_end - timedelta(days=1),
                    )
                )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        new = self.env._("New")
        for vals in vals_list:
            if vals.get("code", new) == new:
                company_id = vals.get("company_id", self.env.company.id)
                vals["code"] = (
                    self.env["ir.sequence"]
                    .with_company(company_id)
                    .next_by_code("usage.subscription")
                    or new
                )
        return super().create(vals_list)

    def write(self, vals):
        result = super().write(vals)
        if {
            "date_end",
            "date_start",
            "period_unit",
            "period_every",
            "calendar_aligned",
            "anchor_day",
        } & (vals.keys()) or "tz" in vals:
            self.filtered(lambda sub: sub.state == "active")._reshape_periods()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        for subscription in self:
            if subscription.state != "draft":
                raise UserError(
                    self.env._(
                        "Subscription %(subscription)s has been active and cannot be "
                        "deleted. Close it instead.",
                        subscription=subscription.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_activate(self):
        for subscription in self.filtered(lambda sub: sub.state == "draft"):
            if not subscription._get_version_at(subscription.date_start):
                raise UserError(
                    self.env._(
                        "Plan %(plan)s has no approved version in force on "
                        "%(date)s. Approve one before activating %(subscription)s.",
                        plan=subscription.plan_id.name,
                        date=subscription.date_start,
                        subscription=subscription.name,
                    )
                )
        drafts = self.filtered(lambda sub: sub.state == "draft")
        drafts.state = "active"
        drafts._ensure_periods()
        return True

    def action_close(self):
        """Close the subscription; what was used before its end is still billed."""
        today = fields.Date.context_today(self)
        for subscription in self.filtered(lambda sub: sub.state == "active"):
            vals = {"state": "closed"}
            if not subscription.date_end:
                vals["date_end"] = max(
                    today, subscription.date_start + timedelta(days=1)
                )
            subscription.write(vals)
            subscription._reshape_periods()
        return True

    def action_reopen(self):
        closed = self.filtered(lambda sub: sub.state == "closed")
        closed.write({"state": "active", "date_end": False})
        closed._ensure_periods()
        return True

    # ------------------------------------------------------------------
    # business: prices
    # ------------------------------------------------------------------
    def _get_version_at(self, date):
        """Version that prices the period beginning on this local date.

        :return: the pinned version, or the plan's version in force; empty if none
        """
        self.ensure_one()
        return self.version_id or self.plan_id._get_version_at(date)

    # ------------------------------------------------------------------
    # business: periods
    # ------------------------------------------------------------------
    def _ensure_periods(self, until=None):
        """Make the billing periods that do not exist yet, up to an instant.

        Periods follow one another without hole or overlap: the first begins at
        local midnight of ``date_start``, each next one where the one before ended.
        Safe to call at any time and by several processes: a period is unique by
        (subscription, start) and the loser of a race takes the winner's.

        :param datetime.datetime until: naive UTC; periods are made until one ends
            after it. By default two months from now, so that usage, forecasts and
            fees in advance find their period.
        :return: the periods that were created
        :rtype: usage.period
        """
        if until is None:
            until = fields.Datetime.now() + PERIODS_AHEAD
        Period = self.env["usage.period"].sudo()  # made by the system only
        last_by_subscription = {
            period.subscription_id.id: period
            for period in Period.search(
                [("subscription_id", "in", self.ids)], order="start_at"
            )
        }
        vals_list = []
        for subscription in self:
            vals_list += bridge.next_periods_vals(
                subscription, last_by_subscription.get(subscription.id), until
            )
        return Period._create_missing(vals_list).with_env(self.env)

    def _reshape_periods(self):
        """Make the open future periods again after the calendar was changed.

        Only periods without usage, rated line or begun time are replaced; the
        running one is shortened when the subscription now ends inside it.
        """
        now = fields.Datetime.now()
        Period = self.env["usage.period"].sudo()  # made by the system only
        periods = Period.search(
            [("subscription_id", "in", self.ids), ("state", "=", "open")]
        )
        periods.filtered(
            lambda period: (
                period.start_at > now
                or (
                    period.subscription_id.date_end
                    and period.local_start >= period.subscription_id.date_end
                )
            )
        )._unlink_unused()
        for period in periods.exists():
            end = period.subscription_id.date_end
            if end and period.local_start < end < period.local_end:
                period._shorten(end)
        self.filtered(lambda sub: sub.state == "active")._ensure_periods()

    def _get_period_at(self, instant):
        """Period of each subscription that holds an instant, made if needed.

        :param datetime.datetime instant: naive UTC
        :return: ``usage.period`` records, at most one for each subscription
        """
        self._ensure_periods(until=instant)
        return self.env["usage.period"].search(
            [
                ("subscription_id", "in", self.ids),
                ("start_at", "<=", instant),
                ("end_at", ">", instant),
            ]
        )

    # ------------------------------------------------------------------
    # cron
    # ------------------------------------------------------------------
    @api.model
    def _cron_ensure_periods(self):
        """Daily: keep the periods of active subscriptions two months ahead."""
        horizon = datetime.combine(fields.Date.today(), time()) + PERIODS_AHEAD
        ahead = (
            self.env["usage.period"]
            ._search([("end_at", ">", horizon)])
            .subselect("subscription_id")
        )
        self.search(
            [("state", "=", "active"), ("id", "not in", ahead)]
        )._ensure_periods(horizon)
