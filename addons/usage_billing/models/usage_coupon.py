from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import pricebook
from ..fields_exact import Exact
from ..rating.coupons import Coupon


class UsageCoupon(models.Model):
    """A discount on everything a subscription is billed for a period.

    Coupons apply one after another to what is left, in the order of the list or
    percentages first (a setting of the company).
    """

    _name = "usage.coupon"
    _description = "Usage Coupon"
    _order = "subscription_id, sequence, id"
    _check_company_auto = True

    name = fields.Char(
        required=True, translate=True, help="What the customer reads on the invoice."
    )
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
    kind = fields.Selection(
        [("percent", "Percentage"), ("amount", "Amount")],
        required=True,
        default="percent",
    )
    percent = Exact(help="Percentage taken off what is left, 0 to 100.")
    amount = Exact(help="Amount taken off each period, at most what is left.")
    date_from = fields.Date(help="Periods that begin on this day or later. Empty: all.")
    date_to = fields.Date(help="Last day on which such a period may begin.")
    period_count = fields.Integer(
        string="Number of Periods", help="Counted from the first one. 0: no limit."
    )
    charge_keys = fields.Char(
        string="Only on",
        help="Keys of the charges it applies to, separated by commas. Empty: all.",
    )

    @api.constrains("kind", "percent", "amount")
    def _check_value(self):
        for coupon in self:
            value = coupon.percent if coupon.kind == "percent" else coupon.amount
            limit = 100 if coupon.kind == "percent" else None
            if value is None or value < 0 or (limit and value > limit):
                raise ValidationError(
                    self.env._(
                        "Coupon %(coupon)s needs a percentage between 0 and 100, or "
                        "an amount that is not negative.",
                        coupon=coupon.name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._check_unused()

    def write(self, vals):
        if vals.keys() - {"date_to", "period_count", "name"}:
            self._check_unused()
        return super().write(vals)

    def _check_unused(self):
        """What was taken off an invoice stays explained."""
        for coupon in self:
            if (
                self.env["usage.rated.component"]
                .sudo()
                .search_count([("key", "=", f"coupon-{coupon.id}")], limit=1)
            ):
                raise ValidationError(
                    self.env._(
                        "Coupon %(coupon)s was already used. Give it a last day and "
                        "make a new one.",
                        coupon=coupon.name,
                    )
                )

    def _to_value(self):
        """Value of the core.

        :rtype: rating.coupons.Coupon
        """
        self.ensure_one()
        if self.kind == "percent":
            return Coupon(percent=self.percent)
        return Coupon(amount=self.amount)

    def _get_charge_keys(self):
        self.ensure_one()
        return frozenset(pricebook.keys_of(self.charge_keys))

    def _counting_on(self, day):
        """Those that apply to a period that holds a local day."""
        return self.filtered(lambda coupon: coupon._counts_on(day))

    def _counts_on(self, day):
        periods = self.subscription_id.period_ids
        own = periods.filtered(lambda one: one.local_start <= day < one.local_end)
        first = own.local_start or day
        return self._counts_from(
            first,
            lambda start: len(
                periods.filtered(
                    lambda one: one.local_start >= start and one.local_end <= first
                )
            ),
        )

    def _counts_in(self, period, history):
        """Whether the coupon applies to a period.

        :param history: :class:`rater_history.History` that knows the other periods
        """
        return self._counts_from(
            period.local_start, lambda start: history.number(period, start)
        )

    def _counts_from(self, first, number):
        """Whether the coupon applies to a period that begins on a day.

        :param datetime.date first: local first day of the period
        :param number: function: first day of the coupon -> periods between
        """
        self.ensure_one()
        start = self.date_from or self.subscription_id.date_start
        if first < start or (self.date_to and first > self.date_to):
            return False
        return not self.period_count or number(start) < self.period_count
