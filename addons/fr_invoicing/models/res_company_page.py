# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_invoice_template_id = fields.Many2one(
        "fr.invoice.template",
        string="Invoice Template",
        domain="[('company_id', '=', id)]",
        ondelete="restrict",
        help="How invoices look when neither the customer nor its reseller has a "
        "template.",
    )

    def _fr_get_template(self):
        """Give the default template, made at the first need.

        :rtype: fr.invoice.template
        """
        self.ensure_one()
        company = self.sudo()  # whoever issues an invoice may not write companies
        if not company.fr_invoice_template_id:
            templates = self.env["fr.invoice.template"].sudo()
            company.fr_invoice_template_id = templates.search(
                [("company_id", "=", self.id)], limit=1
            ) or templates.create(
                {"name": self.env._("Standard"), "company_id": self.id}
            )
        return company.fr_invoice_template_id.with_env(self.env)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    fr_invoice_template_id = fields.Many2one(
        related="company_id.fr_invoice_template_id", readonly=False
    )
