# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_platform_id = fields.Many2one(
        "fr.platform",
        string="Approved Platform",
        domain="[('company_id', '=', id)]",
        help="Platform that carries this company's invoices, statuses and e-reporting.",
    )

    @api.constrains("fr_platform_id")
    def _check_fr_platform_id(self):
        for company in self:
            platform = company.fr_platform_id
            if not platform:
                continue
            if platform.company_id != company:
                raise ValidationError(
                    self.env._(
                        "The platform %(platform)s belongs to %(owner)s, not to "
                        "%(company)s.",
                        platform=platform.name,
                        owner=platform.company_id.name,
                        company=company.name,
                    )
                )
            if other := company._fr_get_other_platform():
                raise ValidationError(
                    self.env._(
                        "%(company)s already transmits its invoices by %(other)s. "
                        "Leave that first: an invoice must not leave twice.",
                        company=company.name,
                        other=other,
                    )
                )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    fr_platform_id = fields.Many2one(
        related="company_id.fr_platform_id", readonly=False
    )
