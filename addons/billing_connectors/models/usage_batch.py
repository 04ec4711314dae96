# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class UsageBatch(models.Model):
    _inherit = "usage.batch"

    delivery_id = fields.Many2one(
        "billing.delivery",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="File the events of this batch were read from.",
    )
