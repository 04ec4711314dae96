# Part of Relevé. See LICENSE file for full copyright and licensing details.
from dataclasses import dataclass

from odoo import api, fields, models
from odoo.tools import html2plaintext

from .. import bridge, preflight
from ..const import FR_COUNTRY_CODES, TAX_REGIMES
from ..einvoice import detect, tva
from ..einvoice.territory import FRANCE, OUTSIDE

UNKNOWN = "unknown"
PAIRS = {
    f"{place}_{nature}": place
    for place in ("intra", "export")
    for nature in (tva.GOODS, tva.SERVICES)
}


@dataclass(frozen=True)
class Situation:
    """What a tax means on one line: see bridge.LineTax."""

    regime: str
    category: str
    vatex: str
    mention: str
    scope: str


class AccountTax(models.Model):
    """What a sale tax means on a French electronic invoice.

    In this order: the regime set on the tax; the category Odoo itself has for exports;
    the rate; for a tax of 0 % its words, then those of the fiscal position, then the
    place of the customer. What none of them says is unknown, and refused with the tax
    to complete.
    """

    _inherit = "account.tax"

    fr_tax_profile_id = fields.Many2one(
        "fr.tax.profile",
        string="TVA Regime",
        help="What the tax means on a French electronic invoice. Empty: deduced from "
        "its rate, its name and the customer.",
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

    def _fr_check(self, day=None):
        """Give what keeps this tax from standing on a French invoice of a day.

        :param date day: date of the invoice, today when empty
        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        return preflight.check_tax(self, day or fields.Date.context_today(self))

    def write(self, vals):
        """Switch on the territory taxes that stand for a tax that comes into use."""
        result = super().write(vals)
        if vals.get("active"):
            self.company_id._fr_activate_territory_taxes()
        return result

    # === Meaning === #

    def _fr_get_regime(self, nature, partner):
        """Give category, VATEX code and mention of this tax on a line."""
        found = self._fr_get_situation(nature, partner)
        return found.category, found.vatex, found.mention

    def _fr_get_situation(self, nature, partner, place=None, position=None):
        """Give what this tax means on a line.

        :param str nature: tva.GOODS or tva.SERVICES
        :param partner: commercial partner of the customer
        :param place: partner where goods are delivered, the customer when empty
        :param position: fiscal position of the invoice, whose name may say the reason
        :rtype: Situation
        """
        self.ensure_one()
        company = self.company_id
        if profile := self.fr_tax_profile_id:
            code = profile.code
            if code not in tva.regimes() or profile._fr_is_customised():
                return Situation(
                    code,
                    profile.category_code,
                    profile.vatex_code or "",
                    profile.mention_code or "",
                    profile.scope or "",
                )
        elif self.ubl_cii_tax_category_code:
            return self._fr_read_category(nature, partner)
        elif self.amount:
            code = "oss" if self._fr_is_oss(partner, position) else "standard"
        else:
            code = self._fr_read_words(nature, partner, position)
        code = self._fr_refine(code, nature, partner, place or partner)
        return _situation(code, company)

    def _fr_read_category(self, nature, partner):
        """Read the category and reason code that Odoo's own exports use."""
        category = self.ubl_cii_tax_category_code
        vatex = self.ubl_cii_tax_exemption_reason_code or ""
        if category == "K" and nature == tva.SERVICES:
            # Odoo offers K for services too; EN 16931 keeps it for goods (BR-IC-11, 12)
            category, vatex = "AE", "VATEX-EU-AE"
        if category == "AE" and self._fr_is_domestic(partner):
            # one code of Odoo for all reverse charges: the words tell which one
            code = self._fr_read_words(nature, partner)
            is_reverse = code in tva.regimes() and (
                tva.regimes()[code].vatex == "VATEX-FR-AE"
            )
            code = code if is_reverse else "domestic_reverse"
            return _situation(code, self.company_id)
        for regime in tva.regimes().values():
            if vatex and (regime.category, regime.vatex) == (category, vatex):
                return _situation(regime.code, self.company_id)
        if not vatex:
            is_domestic = self._fr_is_domestic(partner)
            default = {
                "S": "standard",
                "AE": "domestic_reverse" if is_domestic else "intra_services",
                "K": "intra_goods",
                "G": f"export_{nature}",
                "O": "out_of_scope",
            }.get(category)
            if category == "E":
                default = self._fr_read_words(nature, partner) or "exempt"
                if default == UNKNOWN or tva.regimes()[default].category != "E":
                    default = "exempt"
            if default:
                return _situation(default, self.company_id)
        mention = "" if category in ("S", "Z") else "vat_exempt"
        return Situation("", category, vatex, mention, "")

    def _fr_read_words(self, nature, partner, position=None):
        """Find why a tax of 0 % charges nothing: words, then the customer's place."""
        codes = set(tva.regimes())
        is_domestic = self._fr_is_domestic(partner)
        own = " ".join(
            (
                self.name or "",
                html2plaintext(self.description or ""),
                self.invoice_label or "",
                html2plaintext(self.invoice_legal_notes or ""),
            )
        )
        other = ""
        if position:
            other = f"{position.name or ''} {html2plaintext(position.note or '')}"
        for words in (own, other):
            code = detect.regime_of_words(words, nature, is_domestic, codes)
            if code and not (is_domestic and code.startswith("intra_")):
                return code
        if not is_domestic:
            place = "intra" if partner._fr_is_in_european_union() else "export"
            return f"{place}_{nature}"
        return UNKNOWN

    def _fr_refine(self, code, nature, partner, place):
        """Adapt a regime to seller and place: franchise, overseas."""
        company = self.company_id
        is_franchise = company._fr_get_legal().fr_vat_franchise
        if code in PAIRS:
            # Odoo maps taxes, not products: the line itself says goods or services
            code = f"{PAIRS[code]}_{nature}"
        if code in ("exempt", UNKNOWN) and is_franchise:
            return "franchise"
        if code in ("exempt", UNKNOWN) and not company._fr_charges_vat():
            return "no_vat_territory"
        if code == "export_goods" and (found := place._fr_get_territory()):
            home = company.partner_id._fr_get_territory()
            leaves = found.is_overseas or (home and home.is_overseas)
            return "overseas_goods" if leaves else code
        if code == "export_services" and (found := partner._fr_get_territory()):
            return "overseas_services" if found.vat_area == OUTSIDE else code
        return code

    def _fr_is_domestic(self, partner):
        found = partner._fr_get_territory()
        return bool(found and found.vat_area == FRANCE)

    def _fr_is_oss(self, partner, position=None):
        """Say whether the tax is the VAT of another member state (one-stop shop).

        By its country, its fiscal positions, the tag of Odoo's OSS add-on or its name;
        a rate that France does not have, for a customer elsewhere in the Union, too.
        """
        self.ensure_one()
        french = (*FR_COUNTRY_CODES, "MC")
        if self.country_id and self.country_id.code not in french:
            return True
        positions = (self.fiscal_position_ids or position or self.browse()).mapped(
            "country_id"
        )
        only_foreign = positions and not any(c.code in french for c in positions)
        if only_foreign and "EU" in positions.country_group_ids.mapped("code"):
            return True
        tag = self.env.ref("l10n_eu_oss.tag_oss", raise_if_not_found=False)
        if tag and tag in self.repartition_line_ids.tag_ids:
            return True
        if "oss" in detect.plain(self.name).split():
            return True
        known = {row.rate for row in tva.rates()}
        return (
            bridge.exact(self.amount) not in known
            and not self._fr_is_domestic(partner)
            and partner._fr_is_in_european_union()
        )


def _situation(code, company):
    """Build the situation of a regime; services abroad as the company chose."""
    if code == UNKNOWN:
        return Situation(UNKNOWN, "E", "", "vat_exempt", "")
    regime = tva.regimes()[code]
    category, vatex = regime.category, regime.vatex
    chosen = company._fr_get_legal().fr_services_abroad
    if code in tva.SERVICES_ABROAD and chosen == "O":
        category, vatex = "O", "VATEX-EU-O"
    return Situation(code, category, vatex, regime.mention, regime.scope)
