from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .. import bridge, measuring, pricebook
from ..fields_exact import Exact
from ..rating.grants import Grant, burn_down
from ..rating.rounding import ZERO, round_quantity

RECURRENCES = [
    ("day", "Each day"),
    ("week", "Each week"),
    ("month", "Each month"),
    ("quarter", "Each quarter"),
    ("year", "Each year"),
]


class UsageGrant(models.Model):
    """A prepaid or given credit of a subscription: units of a meter, or money.

    Taken by priority (small first), then the one that ends soonest, then the order of
    the list. A credit of units makes usage free while it lasts; a credit of money is
    taken off what its charges cost. What was taken stands on the rated lines.
    """

    _name = "usage.grant"
    _description = "Usage Credit"
    _order = "subscription_id, priority, sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
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
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    sequence = fields.Integer(default=10)
    unit = fields.Selection(
        [("money", "Money"), ("units", "Units of a meter")],
        string="Credit of",
        required=True,
        default="money",
    )
    meter_id = fields.Many2one(
        "usage.meter",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="Usage of this meter takes the units.",
    )
    amount = Exact(required=True)
    priority = fields.Integer(default=50, help="Small numbers are taken first.")
    effective_at = fields.Datetime(
        string="From", required=True, default=fields.Datetime.now
    )
    expires_at = fields.Datetime(
        string="Until", help="Excluded; what is left then is lost."
    )
    voided_at = fields.Datetime(readonly=True, copy=False)
    recurs = fields.Selection(
        RECURRENCES, string="Renews", help="Back to the full amount each time."
    )
    anchor_at = fields.Datetime(
        string="Renewal Day", help="An instant of its renewals. Empty: its beginning."
    )
    rollover_min = Exact(
        string="Kept at Least", help="A reset leaves at least this much."
    )
    rollover_max = Exact(
        string="Kept at Most", help="A reset leaves at most this much."
    )
    charge_keys = fields.Char(
        string="Only on",
        help="Keys of the charges it pays, separated by commas. Empty: all.",
    )
    left = Exact(compute="_compute_left", string="Left", help="At this moment.")

    _amount_positive = models.Constraint(
        "CHECK(amount >= 0)", "A credit cannot be negative."
    )

    # ------------------------------------------------------------------
    # compute and constraints
    # ------------------------------------------------------------------
    def _compute_left(self):
        """Nothing was taken of a credit that is not saved yet."""
        now = fields.Datetime.now()
        saved = self.filtered(lambda grant: grant._origin)
        for grant in self - saved:
            grant.left = grant.amount or ZERO
        by_subscription = saved.grouped(lambda grant: grant._origin.subscription_id)
        for subscription, grants in by_subscription.items():
            balances, _overage = subscription._get_credit_balances(now)
            for grant in grants:
                grant.left = balances.get(grant._origin.id, ZERO)

    @api.constrains("unit", "meter_id")
    def _check_meter(self):
        for grant in self:
            if grant.unit == "units" and not grant.meter_id:
                raise ValidationError(
                    self.env._(
                        "Credit %(credit)s is of units: choose the meter that takes "
                        "them.",
                        credit=grant.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_void(self):
        """End the credit now; what is left of it is lost."""
        self.filtered(lambda grant: not grant.voided_at).write(
            {"voided_at": fields.Datetime.now()}
        )
        return True

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _to_value(self):
        """Value of the core.

        :rtype: rating.grants.Grant
        """
        self.ensure_one()
        return Grant(
            str(self.id),
            self.amount,
            bridge.aware(self.effective_at),
            priority=self.priority,
            expires_at=bridge.aware(self.expires_at) if self.expires_at else None,
            voided_at=bridge.aware(self.voided_at) if self.voided_at else None,
            recurs=self.recurs or None,
            anchor=bridge.aware(self.anchor_at) if self.anchor_at else None,
            rollover_min=self.rollover_min or ZERO,
            rollover_max=self.rollover_max or ZERO,
        )

    def _get_charge_keys(self):
        self.ensure_one()
        return frozenset(pricebook.keys_of(self.charge_keys))

    def _may_pay(self, charge_key):
        """Whether the credit counts for a charge at all."""
        keys = self._get_charge_keys()
        return not keys or charge_key in keys

    def _get_end(self):
        ends = [end for end in (self.expires_at, self.voided_at) if end]
        return min(ends, default=None)

    def _rank(self):
        """Sorts the credit that is taken first to the front."""
        end = self._get_end()
        return self.priority, end is None, end or self.effective_at, self.sequence

    def _is_active_in(self, period):
        """Whether the credit may pay something of a period."""
        end = self._get_end()
        return self.effective_at < period.end_at and (
            end is None or end > period.start_at
        )

    def _balance_for(self, period, history):
        """Money left for a period, without what the period itself took."""
        self.ensure_one()
        taken = history.taken(f"grant-{self.id}", self._get_renewal(period), period)
        left = max(self.amount - taken, ZERO)
        # an invoice has no parts of a cent
        return round_quantity(left, self.currency_id.decimal_places, "down")

    def _get_renewal(self, period):
        """Last renewal before the end of a period; None when there was none."""
        value = self._to_value()
        renewals = list(value.renewals(bridge.aware(period.end_at)))
        renewals = [at for at in renewals if at < bridge.aware(period.end_at)]
        return bridge.naive(renewals[-1]) if renewals else None

    def _get_money_left(self, instant):
        """Money of a credit that nothing has taken yet."""
        self.ensure_one()
        end = self._get_end()
        if self.effective_at > instant or (end and end <= instant):
            return ZERO
        since = self._get_last_renewal(instant)
        self.env["usage.rated.component"].flush_model()
        ((taken,),) = self.env.execute_query(
            SQL(
                """SELECT COALESCE(-SUM(c.amount), 0)::text
                     FROM usage_rated_component c
                     JOIN usage_rated_line l ON l.id = c.rated_line_id
                     JOIN usage_period p ON p.id = l.period_id
                    WHERE c.key = %s AND l.subscription_id = %s
                      AND l.state IN ('rated', 'approved', 'posted')
                      AND (%s::timestamp IS NULL OR p.end_at > %s)""",
                f"grant-{self.id}",
                self.subscription_id.id,
                since,
                since,
            )
        )
        return self.amount - bridge.money(taken)

    def _get_last_renewal(self, instant):
        renewals = list(self._to_value().renewals(bridge.aware(instant)))
        return bridge.naive(renewals[-1]) if renewals else None


class UsageGrantReset(models.Model):
    """A moment at which the credits of units of a subscription start anew."""

    _name = "usage.grant.reset"
    _description = "Usage Credit Reset"
    _order = "reset_at, id"
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
    reset_at = fields.Datetime(required=True, default=fields.Datetime.now)
    preserve_overage = fields.Boolean(
        help="Usage that found no credit still waits for the next one."
    )


class UsageSubscription(models.Model):
    _inherit = "usage.subscription"

    coupon_ids = fields.One2many("usage.coupon", "subscription_id")
    grant_ids = fields.One2many("usage.grant", "subscription_id", string="Credits")
    grant_reset_ids = fields.One2many("usage.grant.reset", "subscription_id")

    def _get_credit_balances(self, instant):
        """What is left of each credit at an instant.

        :param datetime instant: naive UTC
        :return: ({grant id: Decimal}, overage of units)
        """
        self.ensure_one()
        balances, overage = {}, ZERO
        saved = self.grant_ids._origin
        units = saved.filtered(lambda grant: grant.unit == "units")
        resets = [
            (bridge.aware(reset.reset_at), reset.preserve_overage)
            for reset in self.grant_reset_ids
        ]
        for meter, grants in units.grouped("meter_id").items():
            values = [grant._to_value() for grant in grants.sorted("sequence")]
            first = min(grants.mapped("effective_at"))
            found, over = burn_down(
                values,
                self._get_usage_story(meter, first, instant),
                bridge.aware(instant),
                resets,
            )
            balances.update({int(key): left for key, left in found.items()})
            overage += over
        for grant in saved - units:
            balances[grant.id] = grant._get_money_left(instant)
        return balances, overage

    def _get_usage_story(self, meter, start, end):
        """Events of a meter between two instants.

        :return: [(aware instant, Decimal)]
        """
        self.ensure_one()
        periods = self.env["usage.period"].search(
            [
                ("subscription_id", "=", self.id),
                ("end_at", ">", self._get_story_start(start)),
                ("start_at", "<", end),
            ],
            order="start_at",
        )
        store = self.env["usage.batch"].with_company(self.company_id)._store()
        spec = meter._get_spec()
        return [
            (bridge.aware(event.time), measuring.value_of(event, spec))
            for period in periods
            for event in measuring.events_of(store, period, meter)
            if event.time < end
        ]

    def _get_story_start(self, start):
        """Usage before the first credit is overage that it pays: it counts from the
        beginning of the period in which the credit begins."""
        period = self.env["usage.period"].search(
            [
                ("subscription_id", "=", self.id),
                ("start_at", "<=", start),
                ("end_at", ">", start),
            ],
            limit=1,
        )
        return period.start_at or start
