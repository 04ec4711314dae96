# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

from ..einvoice import territory_setup


class AccountFiscalPosition(models.Model):
    """Positions for the territories of France, which countries and zips cannot say.

    Overseas customers are typed as country France with their postcode, or as a country
    of their own; some positions depend on where the company itself stands.
    """

    _inherit = "account.fiscal.position"

    fr_area = fields.Selection(
        [
            ("franchise", "Company under the exemption scheme (293 B)"),
            ("no_vat", "Company in a territory without VAT"),
            ("dom_local", "Company and customer overseas"),
            ("dom_business", "Businesses of Guadeloupe, Martinique, Réunion"),
            ("dom_consumer", "Consumers of Guadeloupe, Martinique, Réunion"),
            ("mainland_business", "Businesses of the mainland, company overseas"),
            ("mainland_consumer", "Consumers of the mainland, company overseas"),
            ("outside_business", "Businesses of Guyane, Mayotte, collectivities"),
            ("outside_consumer", "Consumers of Guyane, Mayotte, collectivities"),
            ("corsica", "Corsica"),
        ],
        string="French Territory",
        help="The position is detected by the French territory of the customer, by "
        "country or postcode.",
    )

    def _get_fpos_validation_functions(self, partner):
        """Add the French territory to what a position may ask for."""
        company = self.env.company
        is_franchise = company._fr_get_legal().fr_vat_franchise
        home = company.partner_id._fr_get_territory()
        there = partner._fr_get_territory() if partner.country_id else None
        is_business = partner._fr_is_business()

        def fits(position):
            if not position.fr_area:
                return True
            return bool(home) and territory_setup.matches(
                position.fr_area, home, there, is_business, is_franchise
            )

        return [*super()._get_fpos_validation_functions(partner), fits]
