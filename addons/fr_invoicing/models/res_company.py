# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import preflight
from ..const import FR_COUNTRY_CODES, LATE_PENALTIES
from ..einvoice.territory import OUTSIDE


class ResCompany(models.Model):
    _inherit = "res.company"

    # identity printed on every document (C. com. R123-237, R123-238)
    fr_siren = fields.Char(related="partner_id.fr_siren", readonly=False)
    fr_siret = fields.Char(related="partner_id.fr_siret", readonly=False)
    fr_eaddress = fields.Char(related="partner_id.fr_eaddress", readonly=False)
    fr_legal_form = fields.Char(
        string="Legal Form", help="For example SAS or SARL, as in the articles."
    )
    fr_share_capital = fields.Monetary(
        string="Share Capital", currency_field="currency_id"
    )
    fr_registry_city = fields.Char(
        string="Trade Register", help="City of the RCS registry, for example Paris."
    )
    # TVA
    fr_vat_on_debits = fields.Boolean(
        string="TVA on Debits",
        help="The company opted to pay the TVA of its services when it invoices "
        "instead of when it is paid. The option is printed on the invoices.",
    )
    fr_vat_franchise = fields.Boolean(
        string="TVA Exemption Scheme",
        help="Franchise en base (CGI art. 293 B): lines without tax are invoiced "
        "without TVA with the legal mention.",
    )
    fr_vat_group_partner_id = fields.Many2one(
        "res.partner",
        string="VAT Group",
        domain="[('is_company', '=', True)]",
        help="The single taxable person (assujetti unique, CGI art. 256 C) the company "
        "is a member of, with its SIREN, VAT number and address. Its number and the "
        "mention are written on every invoice.",
    )
    fr_services_abroad = fields.Selection(
        [
            ("G", "G: like an export, VAT numbers are written"),
            ("O", "O: outside the scope of VAT, no VAT number is written"),
        ],
        string="Services outside the Union",
        default="G",
        required=True,
        help="Category of services to businesses outside the European Union and in "
        "territories without VAT (CGI art. 259-1). Both pass the official rules; O may "
        "not stand beside another category on one invoice.",
    )
    fr_codification = fields.Selection(
        [("cgi", "CGI while it is accepted"), ("cibs", "CIBS")],
        string="VAT Law Cited",
        default="cgi",
        required=True,
        help="Wording of the VAT mentions. VAT law stands in the CIBS since "
        "2026-09-01; mentions citing the CGI are accepted until 2027-12-31.",
    )
    # terms of payment (C. com. L441-10)
    fr_late_penalty = fields.Selection(
        LATE_PENALTIES,
        string="Late-payment Penalty",
        default="ecb",
        required=True,
    )
    fr_late_penalty_rate = fields.Float(
        string="Penalty Rate (% per year)",
        digits=(5, 2),
        help="At least three times the legal interest rate.",
    )
    fr_discount_terms = fields.Char(
        string="Early-payment Discount",
        translate=True,
        help="Wording of the discount granted for early payment. Empty: no discount.",
    )
    # behaviour
    fr_default_nature = fields.Selection(
        [("services", "Services"), ("goods", "Goods")],
        string="Lines without Product Are",
        default="services",
        required=True,
    )
    fr_check_on_post = fields.Boolean(
        string="Check before Posting",
        default=True,
        help="Refuse to post an invoice that can never become a valid document, and "
        "show what to correct. Applies as soon as the company has its SIREN.",
    )
    fr_facturx_auto = fields.Boolean(
        string="Make Factur-X after Posting",
        default=True,
        help="The Factur-X of each posted customer invoice is made in the background.",
    )

    @api.constrains("fr_late_penalty", "fr_late_penalty_rate")
    def _check_fr_late_penalty(self):
        for company in self:
            if company.fr_late_penalty == "rate" and company.fr_late_penalty_rate <= 0:
                raise ValidationError(
                    self.env._(
                        "Give the yearly rate of the late-payment penalty of "
                        "%(company)s, above zero.",
                        company=company.name,
                    )
                )

    def _fr_is_french(self):
        """Say whether the company invoices under French law."""
        self.ensure_one()
        country = self.account_fiscal_country_id or self.country_id
        return country.code in FR_COUNTRY_CODES

    def _fr_get_legal(self):
        """Give the company whose numbers and options documents bear.

        A branch without a VAT number of its own is an establishment of its parent: the
        parent is the taxable person, the branch its address and SIRET.

        :rtype: res.company
        """
        self.ensure_one()
        company = self
        while company.parent_id and not company.vat:
            company = company.sudo().parent_id  # a user of the branch sees only it
        return company

    def _fr_get_siren(self):
        """Give the SIREN of the legal person: that of the parent for a branch.

        :rtype: str
        """
        return self._fr_get_legal().partner_id.fr_siren or ""

    def _fr_get_establishments(self):
        """Give this company and the branches below it that are the same legal person.

        In sudo: the caller may not see all of them.

        :rtype: res.company
        """
        legal = self._fr_get_legal()
        below = self.sudo().search([("id", "child_of", self.id)])
        return below.filtered(lambda found: found._fr_get_legal() == legal)

    def _fr_charges_vat(self):
        """Say whether VAT is charged where the company is established.

        Not in Guyane, in Mayotte and in the collectivities (CGI 294-1).
        """
        self.ensure_one()
        territory = self.partner_id._fr_get_territory()
        return not territory or territory.vat_area != OUTSIDE

    def _fr_check(self):
        """Give what the company lacks to issue French invoices.

        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        return preflight.check_company(self.sudo()) if self._fr_is_french() else []
