# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import preflight
from ..const import EAS_EMAIL, EAS_FRANCE, FR_COUNTRY_CODES
from ..einvoice import identifiers, mentions, territory
from ..einvoice.document import Endpoint


class ResPartner(models.Model):
    _inherit = "res.partner"

    fr_siren = fields.Char(
        string="SIREN",
        compute="_compute_fr_siren",
        store=True,
        readonly=False,
        help="Nine digits of the legal unit. Taken from the Company ID (SIRET) or from "
        "the French VAT number when these are right.",
    )
    fr_siret = fields.Char(
        string="SIRET",
        compute="_compute_fr_siren",
        store=True,
        readonly=False,
        help="Fourteen digits of the establishment that is invoiced.",
    )
    fr_eaddress = fields.Char(
        string="E-invoicing Address",
        compute="_compute_fr_eaddress",
        store=True,
        readonly=False,
        help="Address in the French directory (scheme 0225): SIREN, SIREN_SIRET, "
        "SIREN_SIRET_CODE or SIREN_SUFFIX.",
    )
    fr_is_french = fields.Boolean(compute="_compute_fr_is_french")
    fr_buyer_status = fields.Selection(
        [
            ("business", "Business (taxable person)"),
            ("consumer", "Private person or non-taxable body"),
        ],
        string="Buys as",
        help="Decides between electronic invoice (businesses) and e-reporting of sales "
        "to consumers. Empty: a company, or anybody with a VAT number or SIREN, is a "
        "business. An association without VAT activity is a non-taxable body.",
    )

    # === Compute === #

    @api.depends("company_registry", "vat")
    def _compute_fr_siren(self):
        for partner in self:
            siren = identifiers.siren_of(partner.company_registry, partner.vat)
            siret = identifiers.siret_of(partner.company_registry)
            partner.fr_siren = siren or partner.fr_siren
            partner.fr_siret = siret or (
                partner.fr_siret
                if partner.fr_siren
                and (partner.fr_siret or "").startswith(partner.fr_siren)
                else False
            )

    @api.depends("fr_siren")
    def _compute_fr_eaddress(self):
        for partner in self:
            siren = partner.fr_siren
            if not siren or not (partner.fr_eaddress or "").startswith(siren):
                partner.fr_eaddress = siren

    @api.depends("country_id")
    def _compute_fr_is_french(self):
        for partner in self:
            partner.fr_is_french = partner.country_id.code in FR_COUNTRY_CODES

    # === Constraints === #

    @api.constrains("fr_siren")
    def _check_fr_siren(self):
        for partner in self:
            if partner.fr_siren and not identifiers.is_siren(partner.fr_siren):
                raise ValidationError(
                    self.env._(
                        "The SIREN %(value)s of %(partner)s is wrong: it has nine "
                        "digits with a key. Check it on the customer's K-bis.",
                        value=partner.fr_siren,
                        partner=partner.display_name,
                    )
                )

    @api.constrains("fr_siret", "fr_siren")
    def _check_fr_siret(self):
        for partner in self:
            siret = partner.fr_siret
            if not siret:
                continue
            if not identifiers.is_siret(siret):
                raise ValidationError(
                    self.env._(
                        "The SIRET %(value)s of %(partner)s is wrong: it has fourteen "
                        "digits with a key.",
                        value=siret,
                        partner=partner.display_name,
                    )
                )
            if partner.fr_siren and not siret.startswith(partner.fr_siren):
                raise ValidationError(
                    self.env._(
                        "The SIRET %(siret)s of %(partner)s does not begin with its "
                        "SIREN %(siren)s. Correct one of them.",
                        siret=siret,
                        siren=partner.fr_siren,
                        partner=partner.display_name,
                    )
                )

    @api.constrains("fr_eaddress", "fr_siren")
    def _check_fr_eaddress(self):
        for partner in self:
            address = partner.fr_eaddress
            if not address:
                continue
            if not identifiers.is_endpoint(address) or (
                partner.fr_siren and not address.startswith(partner.fr_siren)
            ):
                raise ValidationError(
                    self.env._(
                        "The e-invoicing address %(value)s of %(partner)s is wrong: "
                        "it begins with the SIREN and has letters, digits and "
                        "+ - _ . only.",
                        value=address,
                        partner=partner.display_name,
                    )
                )

    # === Helpers === #

    def _fr_is_business(self):
        """Say whether the partner buys as a taxable business.

        What the customer form says, else a company, or anybody with a VAT number or a
        SIREN.
        """
        self.ensure_one()
        partner = self.commercial_partner_id
        if partner.fr_buyer_status:
            return partner.fr_buyer_status == "business"
        vat = identifiers.clean(partner.vat)
        return bool(partner.is_company or vat or partner.fr_siren)

    def _fr_is_in_european_union(self):
        """Say whether the partner's country belongs to the European Union."""
        self.ensure_one()
        country = self.commercial_partner_id.country_id
        return "EU" in country.country_group_ids.mapped("code")

    def _fr_get_territory(self):
        """Give the French territory of the address, None abroad.

        An address without country is read as France.

        :rtype: einvoice.territory.Territory | None
        """
        self.ensure_one()
        return territory.find(self.country_id.code or "", self.zip or "")

    def _fr_get_buyer_kind(self):
        """Give the kind of buyer, one of the constants of einvoice/mentions.py.

        French is who is established where the reform applies: the mainland, Corsica,
        Guadeloupe, Martinique and La Réunion. A business of Guyane, Mayotte, of a
        collectivity or of Monaco is invoiced like one abroad.
        """
        self.ensure_one()
        partner = self.commercial_partner_id
        place = partner._fr_get_territory()
        is_french = bool(place) and place.vat_area == territory.FRANCE
        if self._fr_is_business():
            return mentions.BUSINESS if is_french else mentions.FOREIGN_BUSINESS
        return mentions.CONSUMER if is_french else mentions.FOREIGN_CONSUMER

    def _fr_check(self):
        """Give what the customer lacks to be invoiced.

        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        return preflight.check_partner(self.sudo())  # numbers a biller may not read

    def _fr_get_endpoint(self):
        """Give the electronic address of the partner (BT-34, BT-49).

        French businesses have the one of the directory, others the one of their
        country's scheme, and everybody else an e-mail address.

        :rtype: Endpoint | None
        """
        self.ensure_one()
        partner = self.commercial_partner_id
        if partner.fr_siren and (partner.fr_is_french or not partner.country_id):
            return Endpoint(EAS_FRANCE, partner.fr_eaddress or partner.fr_siren)
        if not partner.fr_is_french and partner.peppol_eas and partner.peppol_endpoint:
            return Endpoint(partner.peppol_eas, partner.peppol_endpoint)
        email = self.email_normalized or partner.email_normalized
        return Endpoint(EAS_EMAIL, email) if email else None
