# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..const import PAGE_CHARTS, PAGE_DETAILS, PAGE_GROUPINGS
from ..einvoice.page.formats import is_colour

# what decides the page: a change of these makes a new version
PAGE_FIELDS = (
    "colour",
    "logo",
    "brand_name",
    "brand_contact",
    "grouping",
    "detail",
    "chart",
    "has_qr",
    "terms",
    "terms_foreign",
)


class FrInvoiceTemplate(models.Model):
    """How invoices look: colours, brand, grouping, terms. Kept as versions.

    An invoice keeps the version it was issued with (fr.invoice.template.version), so a
    change never touches what a customer already has. The company's logo and colour
    stand in for those of the template that are empty, and count as its own.
    """

    _name = "fr.invoice.template"
    _description = "Invoice Template"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    # look
    colour = fields.Char(
        help="Colour of the amount due, the rules and the headings. Empty: the primary "
        "colour of the company's document layout."
    )
    logo = fields.Image(
        max_width=1024, max_height=512, help="Empty: the company's logo."
    )
    brand_name = fields.Char(
        string="Brand",
        help="Name at the head of the page instead of the company's, for example a "
        "reseller's. The legal seller is named in any case.",
    )
    brand_contact = fields.Text(
        string="Contact of the Brand",
        help="A few lines below the brand: support address, telephone.",
    )
    # content
    grouping = fields.Selection(
        PAGE_GROUPINGS,
        string="Group Lines by",
        default="none",
        required=True,
        help="Each group has a heading with its total. Service: the product. Site: the "
        "subscriber, the delivery address or the usage dimension “site”. Cost centre: "
        "the analytic account or the usage dimension “cost_centre”.",
    )
    detail = fields.Selection(
        PAGE_DETAILS,
        default="itemised",
        required=True,
        help="A summary has one row per group. The electronic original inside the PDF "
        "has every line in any case.",
    )
    chart = fields.Selection(PAGE_CHARTS, default="none", required=True)
    has_qr = fields.Boolean(
        string="QR Code for Payment",
        default=True,
        help="EPC QR code of a SEPA transfer, on invoices in euros to be paid to an "
        "IBAN.",
    )
    terms = fields.Text(
        string="Terms (French)", help="Own conditions printed after the payment block."
    )
    terms_foreign = fields.Text(
        string="Terms (English)", help="Empty: the French wording."
    )
    # versions
    version_ids = fields.One2many(
        "fr.invoice.template.version", "template_id", readonly=True
    )
    version_id = fields.Many2one(
        "fr.invoice.template.version",
        string="Current Version",
        compute="_compute_version_id",
    )
    invoice_count = fields.Integer(compute="_compute_invoice_count")
    # preview
    preview_language = fields.Selection(
        [("fr", "French"), ("en", "English")],
        compute="_compute_preview_language",
        readonly=False,
    )
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    # === Compute === #

    @api.depends("version_ids.number")
    def _compute_version_id(self):
        for template in self:
            template.version_id = template.version_ids[:1]

    @api.depends("version_ids.move_ids")
    def _compute_invoice_count(self):
        counts = dict(
            self.env["account.move"]._read_group(
                [("fr_template_version_id.template_id", "in", self.ids)],
                ["fr_template_version_id"],
                ["__count"],
            )
        )
        for template in self:
            template.invoice_count = sum(
                counts.get(version, 0) for version in template.version_ids
            )

    def _compute_preview_language(self):
        is_french = (self.env.user.lang or "").startswith("fr")
        self.preview_language = "fr" if is_french else "en"

    @api.depends(*PAGE_FIELDS, "company_id", "preview_language")
    def _compute_preview(self):
        pages = self.env["fr.invoice.page"]
        for template in self:
            is_french = template.preview_language == "fr"
            template.preview = pages._render_sample(
                template.company_id, template._get_look(is_french), is_french
            )

    # === Constraints === #

    @api.constrains("colour")
    def _check_colour(self):
        for template in self:
            if template.colour and not is_colour(template.colour):
                raise ValidationError(
                    self.env._(
                        "%(value)s is not a colour. Write it like #1f3a5f.",
                        value=template.colour,
                    )
                )

    # === Create, write, unlink === #

    @api.model_create_multi
    def create(self, vals_list):
        templates = super().create(vals_list)
        for template in templates:
            template._get_version()
        return templates

    def write(self, vals):
        """Keep what was printed: a change makes a new version once one is used."""
        result = super().write(vals)
        if not set(PAGE_FIELDS).isdisjoint(vals):
            for template in self:
                template._get_version()
        return result

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for template, vals in zip(self, vals_list, strict=True):
            vals["name"] = self.env._("%(name)s (copy)", name=template.name)
        return vals_list

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for template in self.filtered("invoice_count"):
            raise UserError(
                self.env._(
                    "Invoices were printed with the template %(template)s: archive it "
                    "instead of deleting it.",
                    template=template.name,
                )
            )

    # === Actions === #

    def action_view_invoices(self):
        """Open the invoices printed with the template."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices of %(template)s", template=self.name),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("fr_template_version_id.template_id", "=", self.id)],
            "context": {"create": False},
        }

    def action_preview(self):
        """Open the sample page as PDF."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/fr_invoicing/template/{self.id}/{self.preview_language}",
            "target": "new",
        }

    # === Business === #

    def _get_look(self, is_french):
        """Give how pages of the template look as it is now, saved or not.

        :rtype: Look
        """
        self.ensure_one()
        return self.env["fr.invoice.template.version"]._prepare_look(
            self._prepare_options(), self._get_logo(), is_french
        )

    def _prepare_options(self):
        """Prepare what a version keeps, the logo apart.

        :rtype: dict
        """
        self.ensure_one()
        return {
            "colour": self.colour or self.company_id.primary_color or "",
            "brand_name": (self.brand_name or "").strip(),
            "brand_contact": (self.brand_contact or "").strip(),
            "grouping": self.grouping or "none",
            "detail": self.detail or "itemised",
            "chart": self.chart or "none",
            "has_qr": self.has_qr,
            "terms": (self.terms or "").strip(),
            "terms_foreign": (self.terms_foreign or "").strip(),
        }

    def _get_logo(self):
        """Give the logo in base64: the template's, else the company's own, or b""."""
        self.ensure_one()
        company = self.company_id
        if self.logo:
            return self.logo
        # a brand without logo shows its name, not the seller's logo
        if self.brand_name or not company.logo or company.uses_default_logo:
            return b""
        return company.logo

    def _get_version(self):
        """Give the version that says what the template says now, made if need be.

        A version no invoice used gives way to the new one, so that trying colours
        leaves no trail of versions.

        :rtype: fr.invoice.template.version
        """
        self.ensure_one()
        # whoever issues an invoice may not write templates
        versions = self.env["fr.invoice.template.version"].sudo()
        options, logo = self._prepare_options(), self._get_logo()
        checksum = versions._get_checksum(options, logo)
        known = versions.search(
            [("template_id", "=", self.id), ("checksum", "=", checksum)], limit=1
        )
        if known:
            return known
        self.sudo().lock_for_update()  # two workers must not make two versions
        latest = versions.search([("template_id", "=", self.id)], limit=1)
        number = latest.number + 1
        if latest and not latest._is_used():
            number = latest.number
            latest.unlink()
        return versions.create(
            {
                "template_id": self.id,
                "number": number,
                "checksum": checksum,
                "options": options,
                "logo": logo or False,
            }
        )
