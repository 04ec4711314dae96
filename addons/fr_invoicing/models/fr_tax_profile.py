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
            ("Z", "Z - Zero rate"),
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
    scope = fields.Selection(
        [
            ("out", "Not reported (exempt or outside VAT)"),
            ("margin", "Margin scheme"),
            ("foreign", "VAT of another member state (OSS)"),
        ],
        string="Reporting",
        help="How the reform treats these sales. Empty: like any other. Not reported: "
        "exempt under CGI 261 to 261 E, or outside the scope of VAT.",
    )
    active = fields.Boolean(default=True)

    _code_uniq = models.UniqueIndex("(code)", "A regime with this code exists already.")

    def _fr_is_customised(self):
        """Say whether somebody changed what the regime of this code says."""
        self.ensure_one()
        regime = tva.regimes().get(self.code)
        return not regime or (
            regime.category,
            regime.vatex,
            regime.mention,
            regime.scope,
        ) != (
            self.category_code,
            self.vatex_code or "",
            self.mention_code or "",
            self.scope or "",
        )

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
