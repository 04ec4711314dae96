# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_seal_active = fields.Boolean(
        string="Seal Posted Documents",
        default=True,
        help="Customer documents are sealed when they are posted (CGI art. 286 I 3° "
        "bis). Once the first one is sealed this cannot be switched off.",
    )

    def _fr_is_sealing(self):
        """Say whether customer documents of this company are sealed."""
        self.ensure_one()
        return self.fr_seal_active and self._fr_is_french()

    @api.depends("fr_seal_active", "country_id", "account_fiscal_country_id")
    def _compute_force_restrictive_audit_trail(self):
        """Odoo keeps the messages and files of posted entries while we seal."""
        super()._compute_force_restrictive_audit_trail()
        chains = self.env["fr.seal.chain"].sudo()  # whether there is one, no more
        begun = chains.search([("company_id", "in", self.ids)]).company_id
        for company in self & begun:
            company.force_restrictive_audit_trail = True

    def write(self, vals):
        if "fr_seal_active" in vals and not vals["fr_seal_active"]:
            # the first link tells where the chain begins and seals no document
            own = [("company_id", "in", self.ids)]
            chains = self.env["fr.seal.chain"].sudo()  # whether there is one, no more
            begun = chains.search_count([*own, ("last_sequence", ">", 1)], limit=1)
            entries = self.env["fr.seal.entry"].sudo()
            if begun or entries.search_count([*own, ("kind", "!=", "begin")], limit=1):
                raise UserError(
                    self.env._(
                        "Documents of %(company)s are sealed already: the seal cannot "
                        "be switched off (CGI art. 286 I 3° bis).",
                        company=self[:1].name,
                    )
                )
        return super().write(vals)
