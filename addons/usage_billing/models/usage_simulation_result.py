from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain

from .. import rater
from ..fields_exact import Exact

ZERO = Decimal(0)


class UsageSimulationFigures(models.AbstractModel):
    """What something costs before and after, in a simulation of a subscription."""

    _name = "usage.simulation.figures"
    _description = "Usage Price Simulation Figures"

    simulation_id = fields.Many2one(
        "usage.simulation", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="simulation_id.company_id", store=True, index=True
    )
    currency_id = fields.Many2one(related="simulation_id.currency_id")
    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        related="subscription_id.partner_id", store=True, index=True
    )
    before_amount = Exact(readonly=True, string="Exact Before")
    after_amount = Exact(readonly=True, string="Exact After")
    delta_amount = Exact(readonly=True, string="Exact Impact")
    before_currency = fields.Monetary(
        string="Before", compute="_compute_shown", store=True
    )
    after_currency = fields.Monetary(
        string="After", compute="_compute_shown", store=True
    )
    delta_currency = fields.Monetary(
        string="Impact", compute="_compute_shown", store=True
    )

    @api.depends("before_amount", "after_amount", "delta_amount")
    def _compute_shown(self):
        for record in self:
            record.before_currency = float(record.before_amount or 0)
            record.after_currency = float(record.after_amount or 0)
            record.delta_currency = float(record.delta_amount or 0)


class UsageSimulationResult(models.Model):
    """What a simulation means for one subscription."""

    _name = "usage.simulation.result"
    _inherit = ["usage.simulation.figures"]
    _description = "Usage Price Simulation Result"
    _order = "simulation_id, id"

    state = fields.Selection(
        [("pending", "Pending"), ("done", "Done"), ("held", "Not rated")],
        required=True,
        default="pending",
        readonly=True,
        index=True,
    )
    reason = fields.Text(readonly=True)

    _once = models.Constraint(
        "UNIQUE(simulation_id, subscription_id)",
        "A subscription appears once in a simulation.",
    )

    def _rate(self, simulation):
        """Rate these subscriptions under both prices and keep the figures."""
        periods = self.env["usage.period"].search(
            Domain("subscription_id", "in", self.subscription_id.ids)
            & Domain("local_start", ">=", simulation.date_from)
            & Domain("local_end", "<=", fields.Date.add(simulation.date_to, days=1))
        )
        before = self._rate_under(periods, lambda period: period._get_price_version())
        after = self._rate_under(periods, lambda _period: simulation.version_id)
        vals_list = []
        for result in self:
            sub_id = result.subscription_id.id
            problem = before.problems.get(sub_id) or after.problems.get(sub_id)
            if problem:
                result.write({"state": "held", "reason": problem})
            else:
                vals_list += result._keep(
                    before.rated.get(sub_id, ()), after.rated.get(sub_id, ())
                )
        self.env["usage.simulation.line"].create(vals_list)

    def _rate_under(self, periods, version_of):
        """Rate periods as if nothing had been billed, each under a version.

        :rtype: rater.Outcome
        """
        dues = [
            rater.Due(period, rater.CLOSE, version)
            for period in periods
            if (version := version_of(period))
        ]
        return rater.rate_periods(self.env, dues, keep_zero=True, ignore_billed=True)

    def _keep(self, before, after):
        """Write the totals of the subscription.

        :param before, after: of rater.Rated
        :return: values of its ``usage.simulation.line``, one for each period and charge
        """
        self.ensure_one()
        amounts = defaultdict(lambda: [ZERO, ZERO])
        charges = {}
        for side, rated in enumerate((before, after)):
            for item in rated:
                slot = item.period.id, item.charge.key
                amounts[slot][side] += item.line.cumulative_amount
                charges[slot] = item.charge
        totals = [
            sum((pair[side] for pair in amounts.values()), ZERO) for side in (0, 1)
        ]
        self.write(
            {
                "state": "done",
                "reason": False,
                "before_amount": totals[0],
                "after_amount": totals[1],
                "delta_amount": totals[1] - totals[0],
            }
        )
        return [
            {
                "simulation_id": self.simulation_id.id,
                "subscription_id": self.subscription_id.id,
                "period_id": period_id,
                "charge_key": key,
                "charge_name": charges[period_id, key].name,
                "product_id": charges[period_id, key].product_id.id,
                "before_amount": old,
                "after_amount": new,
                "delta_amount": new - old,
            }
            for (period_id, key), (old, new) in amounts.items()
            if old or new
        ]


class UsageSimulationLine(models.Model):
    """What a simulation means for one charge of one period."""

    _name = "usage.simulation.line"
    _inherit = ["usage.simulation.figures"]
    _description = "Usage Price Simulation Line"
    _order = "simulation_id, id"

    period_id = fields.Many2one(
        "usage.period", required=True, readonly=True, index=True, ondelete="cascade"
    )
    charge_key = fields.Char(readonly=True)
    charge_name = fields.Char(string="Charge", readonly=True)
    product_id = fields.Many2one(
        "product.product", readonly=True, index=True, ondelete="cascade"
    )
