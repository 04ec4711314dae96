# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..einvoice import tva


class FrTaxProfile(models.Model):
    """What a TVA tax means on an electronic invoice.

    Reference data shared by all companies, as the law is; made from
    einvoice/data/vat_regime.csv, which has the source of each.
    """

    _name = "fr.tax.profile"
    _description = "French Tax Profile"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Key of the regime, used by the set-up.")
    sequence = fields.Integer(default=10)
    category_code = fields.Selection(
        [
            ("S", "S - Standard rate"),
            ("E", "E - Exempt"),
            ("AE", "AE - Reverse charge"),
            ("K", "K - Intra-community supply of goods"),
            ("G", "G - Export"),
            ("O", "O - Outside the scope of VAT"),
        ],
        string="VAT Category",
        required=True,
        help="VAT category of EN 16931 (BT-151, BT-118).",
    )
    vatex_code = fields.Char(
        string="Exemption Code",
        help="Code of the VATEX list (BT-121), for example VATEX-EU-AE.",
    )
    mention_code = fields.Char(
        string="Mention",
        help="Key of the legal text printed when no TVA is charged (BT-120).",
    )
    active = fields.Boolean(default=True)

    _code_uniq = models.UniqueIndex("(code)", "A regime with this code exists already.")

    @api.constrains("category_code", "vatex_code", "mention_code")
    def _check_reason(self):
        for profile in self:
            needs_reason = profile.category_code in tva.EXEMPT_CATEGORIES
            if needs_reason and not (profile.vatex_code or profile.mention_code):
                raise ValidationError(
                    self.env._(
                        "The regime “%(name)s” charges no TVA: it needs an exemption "
                        "code or a mention saying why (EN 16931 BR-E-10).",
                        name=profile.name,
                    )
                )
