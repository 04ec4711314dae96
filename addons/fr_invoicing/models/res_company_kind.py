# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_creditor_identifier = fields.Char(
        string="SEPA Creditor Identifier",
        size=35,
        help="ICS given by the Banque de France (BT-90), named on invoices that are "
        "debited directly.",
    )
    fr_attach_usage = fields.Boolean(
        string="Usage inside the Invoice",
        default=True,
        help="Carry the usage file of the invoice inside its electronic original "
        "(BG-24).",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    fr_creditor_identifier = fields.Char(
        related="company_id.fr_creditor_identifier", readonly=False
    )
    fr_attach_usage = fields.Boolean(
        related="company_id.fr_attach_usage", readonly=False
    )
