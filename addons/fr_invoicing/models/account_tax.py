# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models

from ..const import FR_COUNTRY_CODES, TAX_REGIMES
from ..einvoice import tva


class AccountTax(models.Model):
    _inherit = "account.tax"

    fr_tax_profile_id = fields.Many2one(
        "fr.tax.profile",
        string="TVA Regime",
        help="What the tax means on a French electronic invoice. Empty: deduced from "
        "its rate and from the customer.",
    )

    @api.model
    def _fr_assign_profiles(self, companies):
        """Set the regime of the sale taxes of Odoo's French chart, where none is set.

        :param companies: res.company records; those that are not French are left alone
        """
        profiles = {
            profile.code: profile for profile in self.env["fr.tax.profile"].search([])
        }
        for company in companies:
            if company.account_fiscal_country_id.code not in FR_COUNTRY_CODES:
                continue
            for template_name, regime in TAX_REGIMES.items():
                tax = self.env.ref(
                    f"account.{company.id}_{template_name}", raise_if_not_found=False
                )
                if tax and not tax.fr_tax_profile_id and regime in profiles:
                    tax.fr_tax_profile_id = profiles[regime]

    def _fr_get_regime(self, nature, partner):
        """Give the regime of this tax on a line.

        Order: the regime set on the tax, the category set for Odoo's own exports, the
        rate, and for a tax of 0 % the customer's place.

        :param str nature: tva.GOODS or tva.SERVICES
        :param partner: commercial partner of the customer
        :return: category, VATEX code or "", key of the mention or ""
        :rtype: tuple[str, str, str]
        """
        self.ensure_one()
        if profile := self.fr_tax_profile_id:
            return (
                profile.category_code,
                profile.vatex_code or "",
                profile.mention_code or "",
            )
        if self.ubl_cii_tax_category_code:
            return (
                self.ubl_cii_tax_category_code,
                self.ubl_cii_tax_exemption_reason_code or "",
                "" if self.ubl_cii_tax_category_code == "S" else "vat_exempt",
            )
        if self.amount:
            code = "standard"
        elif partner.country_code in FR_COUNTRY_CODES or not partner.country_code:
            code = "exempt"
        else:
            place = "intra" if partner._fr_is_in_european_union() else "export"
            code = f"{place}_{nature}"
        regime = tva.regimes()[code]
        return regime.category, regime.vatex, regime.mention
