# Part of Relevé. See LICENSE file for full copyright and licensing details.
from dataclasses import replace

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..bridge import DocumentBuilder
from ..const import PAGE_DETAILS, PAGE_GROUPINGS
from ..einvoice.errors import EinvoiceError
from ..messages import message


class AccountMove(models.Model):
    """Which template a customer invoice is printed with, and which version it was."""

    _inherit = "account.move"

    fr_invoice_template_id = fields.Many2one(
        "fr.invoice.template",
        string="Page Template",
        compute="_compute_fr_page",
        store=True,
        readonly=False,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="That of the customer, else of the reseller whose customer it is, else "
        "the company's.",
    )
    fr_page_grouping = fields.Selection(
        PAGE_GROUPINGS,
        string="Lines Grouped by",
        compute="_compute_fr_page",
        store=True,
        readonly=False,
        copy=False,
        help="Empty: as the template says.",
    )
    fr_page_detail = fields.Selection(
        PAGE_DETAILS,
        string="Level of Detail",
        compute="_compute_fr_page",
        store=True,
        readonly=False,
        copy=False,
        help="Empty: as the template says.",
    )
    fr_template_version_id = fields.Many2one(
        "fr.invoice.template.version",
        string="Printed with",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The version of the template the issued page was drawn with.",
    )

    # === Compute === #

    @api.depends("partner_id", "company_id", "move_type", "usage_run_id")
    def _compute_fr_page(self):
        for move in self:
            if move.fr_template_version_id:
                continue  # issued: never recomputed
            customer = move.with_company(move.company_id).commercial_partner_id
            is_ours = move.fr_is_concerned  # self-billed ones too
            move.fr_invoice_template_id = is_ours and (
                customer.fr_invoice_template_id
                or move._fr_get_reseller().fr_brand_template_id
                or move.company_id.fr_invoice_template_id
            )
            move.fr_page_grouping = is_ours and customer.fr_invoice_grouping
            move.fr_page_detail = is_ours and customer.fr_invoice_detail

    # === Issue === #

    def _fr_render_pdf(self, document, builder, xml):
        """Keep the version of the template before the page is drawn with it."""
        self._fr_keep_page()
        return super()._fr_render_pdf(document, builder, xml)

    def button_draft(self):
        """Forget the version with the file: the next page may look otherwise."""
        result = super().button_draft()
        self.filtered(
            lambda move: move.fr_template_version_id and move.fr_facturx_state == "none"
        ).fr_template_version_id = False
        return result

    def _fr_keep_page(self):
        """Write the version in force, once."""
        self.ensure_one()
        if self.fr_template_version_id:
            return
        template = self.fr_invoice_template_id or self.company_id._fr_get_template()
        self.write(
            {
                "fr_invoice_template_id": template.id,
                "fr_template_version_id": template._get_version().id,
            }
        )

    # === Helpers === #

    def _fr_has_page(self):
        """Say whether the invoice is printed on our page.

        One that was issued in another way before this add-on came keeps its own.
        """
        self.ensure_one()
        return self.fr_is_concerned and (
            self.state != "posted"
            or self._fr_needs_facturx()
            or self._fr_bears_foreign_vat()
        )

    def _fr_get_page_html(self):
        """Give the page for a browser, the same as the printed one.

        :rtype: bytes
        :raise UserError: the invoice says something no document may say
        """
        self.ensure_one()
        move = self.sudo()  # the caller may read the invoice; its page shows no more
        try:
            builder = DocumentBuilder(move, move._fr_get_wordings()[move])
            html = self.env["fr.invoice.page"]._render(
                move,
                builder.build(),
                builder,
                draft=move.fr_facturx_state != "valid",
                screen=True,
            )
        except EinvoiceError as error:
            raise UserError(message(self.env, error.code, error.facts)) from error
        return html.encode()

    def _fr_get_look(self, is_french):
        """Give how the page of this invoice looks.

        The version it was issued with, else what its template says now.

        :rtype: Look
        """
        self.ensure_one()
        source = (
            self.fr_template_version_id
            or self.fr_invoice_template_id
            or self.company_id.fr_invoice_template_id
            # the one that will be made when the invoice is issued
            or self.env["fr.invoice.template"].new({"company_id": self.company_id.id})
        )
        look = source._get_look(is_french)
        choices = {"grouping": self.fr_page_grouping, "detail": self.fr_page_detail}
        return replace(look, **{key: value for key, value in choices.items() if value})

    def _fr_get_reseller(self):
        """Give the reseller of every subscription on the invoice, when there is one."""
        self.ensure_one()
        rated = self.invoice_line_ids.usage_rated_line_id.sudo()  # results of the run
        resellers = rated.subscription_id.mapped("reseller_id")
        company = self.company_id
        if len(resellers) != 1 or not all(
            item.reseller_id for item in rated.subscription_id
        ):
            return self.env["res.partner"]
        return resellers.with_company(company)
