# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.usage_billing.fields_exact import Exact

from ..ledger import penalties


class FrPenaltyRate(models.Model):
    """Reference rates of a half-year, as published (C. com. L441-10 II)."""

    _name = "fr.penalty.rate"
    _description = "Late-payment Reference Rates"
    _order = "date_start desc"
    _rec_name = "date_start"

    date_start = fields.Date(
        string="Half-year from", required=True, help="1 January or 1 July."
    )
    ecb = Exact(
        string="ECB Refinancing Rate (%)",
        required=True,
        help="Rate of the main refinancing operations in force on the first day of the "
        "half-year.",
    )
    legal = Exact(
        string="Legal Interest Rate (%)",
        required=True,
        help="Rate of debts between businesses, fixed by ministerial order.",
    )
    default_rate = Exact(string="ECB + 10 Points (%)", compute="_compute_rates")
    minimum_rate = Exact(
        string="Three Times the Legal Rate (%)", compute="_compute_rates"
    )
    source = fields.Char(required=True)

    _start_unique = models.UniqueIndex(
        "(date_start)", "The rates of this half-year are recorded already."
    )

    @api.depends("ecb", "legal")
    def _compute_rates(self):
        for rate in self:
            rate.default_rate = (rate.ecb or Decimal(0)) + penalties.ECB_POINTS
            rate.minimum_rate = (rate.legal or Decimal(0)) * penalties.LEGAL_TIMES

    @api.constrains("date_start")
    def _check_date_start(self):
        for rate in self:
            if rate.date_start != penalties.half_year(rate.date_start):
                raise ValidationError(
                    self.env._("A half-year begins on 1 January or on 1 July.")
                )

    @api.model
    @api.private
    def _get_rates(self):
        """Give all known rates.

        :rtype: tuple[ledger.penalties.Rate]
        """
        return tuple(
            penalties.Rate(rate.date_start, rate.ecb, rate.legal)
            for rate in self.sudo().search([])  # published figures, no secret
        )
