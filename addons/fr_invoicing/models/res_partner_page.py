# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

from ..const import PAGE_DETAILS, PAGE_GROUPINGS


class ResPartner(models.Model):
    _inherit = "res.partner"

    fr_invoice_template_id = fields.Many2one(
        "fr.invoice.template",
        string="Invoice Template",
        company_dependent=True,
        domain="[('company_id', '=', current_company_id)]",
        help="How the invoices to this customer look. Empty: the company's template.",
    )
    fr_invoice_grouping = fields.Selection(
        PAGE_GROUPINGS,
        string="Invoice Lines Grouped by",
        help="Empty: as the template says.",
    )
    fr_invoice_detail = fields.Selection(
        PAGE_DETAILS,
        string="Invoice Detail",
        help="Empty: as the template says.",
    )
    fr_brand_template_id = fields.Many2one(
        "fr.invoice.template",
        string="Template for Its Customers",
        company_dependent=True,
        domain="[('company_id', '=', current_company_id)]",
        help="For a reseller: invoices of the subscriptions it sold bear its brand, "
        "unless the customer has a template of its own.",
    )
