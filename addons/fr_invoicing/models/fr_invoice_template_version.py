# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.image import image_data_uri

from ..einvoice.page.look import Look

# raised when the design of the page itself changes
LAYOUT = "2026-11"


class FrInvoiceTemplateVersion(models.Model):
    """What a template said when invoices were printed with it. Never changes."""

    _name = "fr.invoice.template.version"
    _description = "Invoice Template Version"
    _order = "template_id, number desc"
    _rec_name = "number"

    template_id = fields.Many2one(
        "fr.invoice.template",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="template_id.company_id", store=True)
    number = fields.Integer(string="Version", required=True, readonly=True)
    checksum = fields.Char(
        required=True,
        readonly=True,
        help="SHA-256 of options, logo and design: the same look is the same version.",
    )
    options = fields.Json(readonly=True)
    logo = fields.Binary(readonly=True, attachment=True)
    move_ids = fields.One2many(
        "account.move", "fr_template_version_id", string="Invoices", readonly=True
    )
    invoice_count = fields.Integer(compute="_compute_invoice_count")

    _number_unique = models.Constraint(
        "UNIQUE(template_id, number)", "A template has one version of each number."
    )
    _checksum_unique = models.Constraint(
        "UNIQUE(template_id, checksum)", "This look is kept as a version already."
    )

    # === Compute === #

    @api.depends("template_id.name", "number")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._(
                "%(template)s, version %(number)s",
                template=version.template_id.name,
                number=version.number,
            )

    @api.depends("move_ids")
    def _compute_invoice_count(self):
        counts = dict(
            self.env["account.move"]._read_group(
                [("fr_template_version_id", "in", self.ids)],
                ["fr_template_version_id"],
                ["__count"],
            )
        )
        for version in self:
            version.invoice_count = counts.get(version, 0)

    # === Write, unlink === #

    def write(self, vals):
        """Refuse any change: what was printed stays known."""
        if self:
            raise UserError(
                self.env._(
                    "A version of an invoice template does not change. Change the "
                    "template: a new version is made."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for version in self:
            if version._is_used():
                raise UserError(
                    self.env._(
                        "Invoices were printed with %(version)s: it is kept.",
                        version=version.display_name,
                    )
                )

    # === Actions === #

    def action_preview(self):
        """Open the sample page as it was printed with this version."""
        self.ensure_one()
        lang = "fr" if (self.env.user.lang or "").startswith("fr") else "en"
        return {
            "type": "ir.actions.act_url",
            "url": f"/fr_invoicing/template/version/{self.id}/{lang}",
            "target": "new",
        }

    # === Business === #

    def _is_used(self):
        """Say whether an invoice was printed with the version."""
        self.ensure_one()
        moves = self.env["account.move"].sudo()  # of any company
        return bool(
            moves.search_count([("fr_template_version_id", "=", self.id)], limit=1)
        )

    def _get_look(self, is_french):
        """Give how pages of this version look.

        :rtype: Look
        """
        self.ensure_one()
        return self._prepare_look(self.options or {}, self.logo or b"", is_french)

    @api.model
    def _prepare_look(self, options, logo, is_french):
        """Prepare the look of options as `_prepare_options` of the template gives them.

        :param bytes logo: base64, or b""
        """
        terms = options.get("terms", "")
        return Look(
            colour=options.get("colour", ""),
            logo=image_data_uri(logo) if logo else "",
            brand_name=options.get("brand_name", ""),
            brand_contact=options.get("brand_contact", ""),
            grouping=options.get("grouping", "none"),
            detail=options.get("detail", "itemised"),
            chart=options.get("chart", "none"),
            show_qr=options.get("has_qr", True),
            terms=terms if is_french else options.get("terms_foreign") or terms,
        )

    @api.model
    def _get_checksum(self, options, logo):
        text = json.dumps([LAYOUT, options], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode() + (logo or b"")).hexdigest()
