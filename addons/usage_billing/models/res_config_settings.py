from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    usage_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Billing Currency"
    )
    usage_hold_amount = fields.Monetary(
        related="company_id.usage_hold_amount",
        readonly=False,
        currency_field="usage_currency_id",
    )
