# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    fr_is_document_level = fields.Boolean(
        string="Allowance or Charge of the Document",
        help="Lines of this product are written on electronic invoices as an allowance "
        "(when negative) or a charge of the whole document (BG-20, BG-21) instead of a "
        "position. The product of Odoo's global discounts always is.",
    )
