# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..ereporting import periods


class ResCompany(models.Model):
    """What e-reporting needs to know of a company."""

    _inherit = "res.company"

    fr_vat_regime = fields.Selection(
        [
            ("monthly", "Normal, monthly return"),
            ("quarterly", "Normal, quarterly return"),
            ("simplified", "Simplified"),
            ("franchise", "Small-business exemption"),
        ],
        string="TVA Regime",
        default="monthly",
        required=True,
        help="Decides the periods and deadlines of e-reporting (CGI 290 and 290 A). "
        "A change holds from the first period that has not begun.",
    )
    fr_ereporting_from = fields.Date(
        string="E-reporting from",
        default=lambda self: periods.obligations()["large"],
        help="First day reported. 1 September 2026 for large companies and ETI, "
        "1 September 2027 for PME and micro-enterprises. Empty: no e-reporting.",
    )
    fr_ereporting_auto = fields.Boolean(
        string="Send E-reporting by Itself",
        help="A report without finding is sent as soon as its period is over. "
        "Otherwise somebody looks at it and sends it.",
    )
    fr_ereporting_platform_code = fields.Char(
        string="Platform Number",
        size=4,
        help="Four characters the tax office gave the approved platform; they stand "
        "in every report (TT-8).",
    )
    fr_ereporting_platform_name = fields.Char(string="Platform Name")

    @api.constrains("fr_ereporting_platform_code")
    def _check_fr_ereporting_platform_code(self):
        for company in self:
            code = company.fr_ereporting_platform_code
            if code and not (len(code) == 4 and code.isalnum()):
                raise ValidationError(
                    self.env._(
                        "The platform number %(code)s of %(company)s is wrong: it has "
                        "four letters or digits. Your platform tells it.",
                        code=code,
                        company=company.name,
                    )
                )

    @api.constrains("fr_ereporting_from")
    def _check_fr_ereporting_from(self):
        first = min(rule.valid_from for rule in periods.rules())
        for company in self:
            if company.fr_ereporting_from and company.fr_ereporting_from < first:
                raise ValidationError(
                    self.env._(
                        "E-reporting of %(company)s cannot begin before %(date)s, the "
                        "first day the law knows it.",
                        company=company.name,
                        date=first,
                    )
                )

    def write(self, vals):
        result = super().write(vals)
        if {"fr_vat_regime", "fr_vat_franchise", "fr_ereporting_from"} & vals.keys():
            companies = self.browse().union(
                *(company._fr_get_establishments() for company in self)
            )
            self.env["fr.ereporting.period"].sudo()._adapt(companies)
        return result

    def _fr_ereporting_regime(self):
        """Give the regime whose deadlines apply: that of the legal person."""
        legal = self._fr_get_legal()
        return "franchise" if legal.fr_vat_franchise else legal.fr_vat_regime

    def _fr_has_ereporting(self, day=None):
        """Say whether the company reports (operations of `day`, by default at all)."""
        self.ensure_one()
        first = self.fr_ereporting_from
        return bool(first) and self._fr_is_french() and first <= (day or date.max)

    def _fr_platform_identity(self):
        """Give number and name of the platform that transmits (TT-8, TT-9).

        A branch without one reports by that of its parent.

        :rtype: tuple[str, str]
        """
        self.ensure_one()
        company = self if self.fr_ereporting_platform_code else self._fr_get_legal()
        return (
            company.fr_ereporting_platform_code or "",
            company.fr_ereporting_platform_name or "",
        )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    fr_vat_regime = fields.Selection(related="company_id.fr_vat_regime", readonly=False)
    fr_ereporting_from = fields.Date(
        related="company_id.fr_ereporting_from", readonly=False
    )
    fr_ereporting_auto = fields.Boolean(
        related="company_id.fr_ereporting_auto", readonly=False
    )
    fr_ereporting_platform_code = fields.Char(
        related="company_id.fr_ereporting_platform_code", readonly=False
    )
    fr_ereporting_platform_name = fields.Char(
        related="company_id.fr_ereporting_platform_name", readonly=False
    )
