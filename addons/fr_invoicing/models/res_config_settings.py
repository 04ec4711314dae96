# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    fr_siren = fields.Char(related="company_id.fr_siren", readonly=False)
    fr_siret = fields.Char(related="company_id.fr_siret", readonly=False)
    fr_eaddress = fields.Char(related="company_id.fr_eaddress", readonly=False)
    fr_legal_form = fields.Char(related="company_id.fr_legal_form", readonly=False)
    fr_share_capital = fields.Monetary(
        related="company_id.fr_share_capital",
        currency_field="currency_id",
        readonly=False,
    )
    fr_registry_city = fields.Char(
        related="company_id.fr_registry_city", readonly=False
    )
    fr_vat_on_debits = fields.Boolean(
        related="company_id.fr_vat_on_debits", readonly=False
    )
    fr_vat_franchise = fields.Boolean(
        related="company_id.fr_vat_franchise", readonly=False
    )
    fr_vat_group_partner_id = fields.Many2one(
        related="company_id.fr_vat_group_partner_id", readonly=False
    )
    fr_services_abroad = fields.Selection(
        related="company_id.fr_services_abroad", readonly=False
    )
    fr_codification = fields.Selection(
        related="company_id.fr_codification", readonly=False
    )
    fr_late_penalty = fields.Selection(
        related="company_id.fr_late_penalty", readonly=False
    )
    fr_late_penalty_rate = fields.Float(
        related="company_id.fr_late_penalty_rate", readonly=False
    )
    fr_discount_terms = fields.Char(
        related="company_id.fr_discount_terms", readonly=False
    )
    fr_default_nature = fields.Selection(
        related="company_id.fr_default_nature", readonly=False
    )
    fr_check_on_post = fields.Boolean(
        related="company_id.fr_check_on_post", readonly=False
    )
    fr_facturx_auto = fields.Boolean(
        related="company_id.fr_facturx_auto", readonly=False
    )
    fr_reminder_auto = fields.Boolean(
        related="company_id.fr_reminder_auto", readonly=False
    )
    fr_reminder_spacing = fields.Integer(
        related="company_id.fr_reminder_spacing", readonly=False
    )
    fr_penalty_account_id = fields.Many2one(
        related="company_id.fr_penalty_account_id", readonly=False
    )
    fr_indemnity_account_id = fields.Many2one(
        related="company_id.fr_indemnity_account_id", readonly=False
    )
    fr_seal_anchor_email = fields.Char(
        related="company_id.fr_seal_anchor_email", readonly=False
    )
    fr_is_french_company = fields.Boolean(compute="_compute_fr_is_french_company")

    def _compute_fr_is_french_company(self):
        for settings in self:
            settings.fr_is_french_company = settings.company_id._fr_is_french()
