# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models


class ResPartner(models.Model):
    """Who is to be paid, how, and what a public buyer asks for."""

    _inherit = "res.partner"

    fr_is_public_buyer = fields.Boolean(
        string="French Public Body",
        help="Invoices are routed to the establishment (SIRET) and service of the "
        "directory, and name service code, commitment and market.",
    )
    fr_service_code = fields.Char(
        string="Service Code",
        help="Service of a public buyer (Chorus Pro), or the reference a buyer asked "
        "to find on its invoices (BT-10).",
    )
    fr_extra_format = fields.Selection(
        [("fr_cii", "CII"), ("fr_ubl", "UBL")],
        string="XML beside the PDF",
        help="Send this XML as a file of its own besides the Factur-X.",
    )
    fr_document_kind_id = fields.Many2one(
        "fr.document.kind",
        string="Invoices Are",
        domain="[('kind', '=', 'standard')]",
        help="What ordinary invoices to this customer are: for example those of a "
        "subcontractor. Empty: as the journal says, else standard.",
    )
    fr_billing_mandate_ids = fields.One2many(
        "fr.billing.mandate", "partner_id", string="Self-billing Mandates"
    )
    fr_factor_id = fields.Many2one(
        "res.partner",
        string="Factor",
        domain="[('is_company', '=', True)]",
        index="btree_not_null",
        help="Factoring company to whom the claims on this customer are assigned. Its "
        "bank account is named on the invoices.",
    )
    fr_mandate_reference = fields.Char(
        string="Direct Debit Mandate",
        size=35,
        help="Unique mandate reference (RUM, BT-89): invoices say that the amount is "
        "debited under this mandate.",
    )
    fr_mandate_bank_id = fields.Many2one(
        "res.partner.bank",
        string="Debited Account",
        domain="[('partner_id', '=', id)]",
        index="btree_not_null",
        help="Account named on the mandate (BT-91). Empty: the first of the customer.",
    )
