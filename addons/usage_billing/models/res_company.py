from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    usage_hold_amount = fields.Monetary(
        string="Hold Above",
        help="A subscription that a run would bill for more than this is held for a "
        "person to look at. 0: no bound.",
    )
