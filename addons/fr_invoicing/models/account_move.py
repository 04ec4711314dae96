# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import bridge
from ..const import FACTURX_STATES
from ..einvoice import mentions


class AccountMove(models.Model):
    """What a French customer invoice says about itself, and what stops its posting.

    Making the file is in fr_facturx_mixin.py.
    """

    _name = "account.move"
    _inherit = ["account.move", "fr.facturx.mixin"]

    fr_is_concerned = fields.Boolean(
        compute="_compute_fr_is_concerned",
        help="Customer invoice or credit note of a company that invoices under French "
        "law, or document it issues in the name of a supplier.",
    )
    fr_origin_move_id = fields.Many2one(
        "account.move",
        string="Corrected Invoice",
        compute="_compute_fr_origin_move_id",
        store=True,
        readonly=False,
        copy=False,
        index="btree_not_null",
        check_company=True,
        domain="[('move_type', 'in', ('out_invoice', 'in_invoice')),"
        " ('state', '=', 'posted'), ('company_id', '=', company_id),"
        " ('commercial_partner_id', '=', commercial_partner_id)]",
        help="The invoice this document corrects (BT-25).",
    )
    fr_origin_number = fields.Char(
        string="Corrected Invoice Number",
        copy=False,
        help="Number of a corrected invoice that was not made in Odoo.",
    )
    fr_origin_date = fields.Date(string="Corrected Invoice Date", copy=False)
    fr_facturx_state = fields.Selection(
        FACTURX_STATES,
        string="Factur-X",
        default="none",
        required=True,
        readonly=True,
        copy=False,
        index="btree",
        help="Valid: the file passed the XSD, EN 16931 and BR-FR rules and is "
        "attached. Invalid: it did not and is not attached. Not checked: the rules "
        "could not be run, nothing is attached.",
    )
    fr_facturx_findings = fields.Json(readonly=True, copy=False)
    fr_facturx_findings_html = fields.Html(
        string="Findings", compute="_compute_fr_facturx_findings_html", sanitize=False
    )
    fr_facturx_xml_file = fields.Binary(
        string="Factur-X XML", attachment=True, readonly=True, copy=False
    )
    fr_facturx_xml_filename = fields.Char(compute="_compute_fr_facturx_xml_filename")
    fr_facturx_made_at = fields.Datetime(string="Made on", readonly=True, copy=False)
    fr_facturx_rules = fields.Char(
        string="Rules", readonly=True, copy=False, help="Origin of the rules applied."
    )

    # === Compute === #

    @api.depends(
        "company_id",
        "move_type",
        "journal_id.is_self_billing",
        "commercial_partner_id.country_id",
        "fr_cancels_for_id",
    )
    def _compute_fr_is_concerned(self):
        for move in self:
            move.fr_is_concerned = (
                (
                    move.move_type in ("out_invoice", "out_refund")
                    or bridge.is_self_billed(move)
                )
                and bool(move.company_id)
                and move.company_id._fr_is_french()
            )

    @api.depends("reversed_entry_id")
    def _compute_fr_origin_move_id(self):
        for move in self:
            move.fr_origin_move_id = move.reversed_entry_id or move.fr_origin_move_id

    @api.depends("fr_facturx_findings")
    @api.depends_context("lang")
    def _compute_fr_facturx_findings_html(self):
        for move in self:
            move.fr_facturx_findings_html = self.env["ir.qweb"]._render(
                "fr_invoicing.facturx_findings",
                {"findings": move._fr_get_findings()},
            )

    @api.depends("name")
    def _compute_fr_facturx_xml_filename(self):
        for move in self:
            number = (move.name or "").replace("/", "_")
            move.fr_facturx_xml_filename = f"{number}_factur-x.xml"

    # === Posting === #

    def _post(self, soft=True):
        """Queue the Factur-X of what was posted."""
        posted = super()._post(soft)
        posted.filtered("fr_is_concerned")._fr_enqueue_facturx()
        return posted

    def button_draft(self):
        """Refuse to reopen a document the customer has."""
        for move in self:
            if move.fr_facturx_state == "valid" and move.is_move_sent:
                raise UserError(
                    self.env._(
                        "%(invoice)s was sent: an issued invoice cannot be changed. "
                        "Make a credit note instead.",
                        invoice=move.name,
                    )
                )
        result = super().button_draft()
        if not self:  # Odoo asks for none at every change of a line
            return result
        # the files were detached under the feet of the fields
        self.invalidate_recordset(
            ["invoice_pdf_report_id", "invoice_pdf_report_file", "fr_facturx_xml_file"]
        )
        self.filtered(lambda move: move.fr_facturx_state != "none").write(
            {
                "fr_facturx_state": "none",
                "fr_facturx_findings": False,
                "fr_facturx_made_at": False,
            }
        )
        return result

    def _fr_get_corrected_moves(self):
        """Give the invoices a credit note corrects.

        The reversed one; for a credit note that a billing run made of corrected usage,
        those where the earlier revisions of its rated lines were invoiced.
        """
        self.ensure_one()
        if self.fr_origin_move_id or not bridge.is_credit(self):
            return self.fr_origin_move_id
        rated = self.invoice_line_ids.usage_rated_line_id.sudo()  # results of the run
        if not rated:
            return self._fr_get_ordered_moves()
        earlier = rated.search(
            [
                ("subscription_id", "in", rated.subscription_id.ids),
                ("charge_id", "in", rated.charge_id.ids),
                ("period_id", "in", rated.period_id.ids),
                ("state", "=", "posted"),
                ("id", "not in", rated.ids),
            ]
        )
        return earlier.move_id.filtered(
            lambda move: move.move_type == "out_invoice" and move.state == "posted"
        ).sorted("invoice_date")

    def _fr_get_ordered_moves(self):
        """Give the invoices of the sales order that a credit note takes back.

        Odoo makes one of returned or reduced quantities without saying of what.
        """
        lines = self.invoice_line_ids
        if "sale_line_ids" not in lines._fields:
            return self.browse()
        # order lines of colleagues, which a biller may not read
        return (
            lines.sudo()
            .sale_line_ids.invoice_lines.move_id.filtered(
                lambda move: (
                    move.move_type == "out_invoice"
                    and move.state == "posted"
                    and move.commercial_partner_id == self.commercial_partner_id
                )
            )
            .sorted(lambda move: (move.invoice_date, move.id))
        )

    # === Sending === #

    def _fr_needs_facturx(self):
        """Say whether sending this invoice means sending our Factur-X.

        An invoice that has a PDF of another origin was issued before this add-on came:
        it stays as it is.
        """
        self.ensure_one()
        return (
            self.fr_is_concerned
            and self.state == "posted"
            and (self.fr_facturx_state == "valid" or not self.invoice_pdf_report_id)
        )

    def _need_ubl_cii_xml(self, ubl_cii_format):
        """Keep Odoo from a second electronic invoice beside ours.

        Its Factur-X breaks nine fatal BR-FR rules, and a French business must receive
        one electronic original. Customers abroad keep the format of their country.
        """
        if self._fr_needs_facturx() and (
            ubl_cii_format == "facturx"
            or self.commercial_partner_id._fr_get_buyer_kind() == mentions.BUSINESS
        ):
            return False
        return super()._need_ubl_cii_xml(ubl_cii_format)

    def _get_fields_to_detach(self):
        """Detach our XML with the PDF when the invoice goes back to draft."""
        return [*super()._get_fields_to_detach(), "fr_facturx_xml_file"]

    def _get_invoice_legal_documents(self, filetype, allow_fallback=False):
        """Give our XML where Odoo would write its own, and the issued PDF."""
        self.ensure_one()
        if filetype == "pdf" and self.fr_facturx_state == "pending":
            self._fr_generate_facturx()
        if self._fr_needs_facturx() and filetype == "ubl" and not self.ubl_cii_xml_id:
            self._fr_generate_facturx()
            if self.fr_facturx_state != "valid":
                return {
                    "filename": self.fr_facturx_xml_filename,
                    "filetype": "xml",
                    "content": b"",
                    "errors": self._fr_get_findings_text().splitlines(),
                }
            attachment = self._fr_get_xml_attachment()
            return {
                "filename": attachment.name,
                "filetype": "xml",
                "content": attachment.raw,
            }
        return super()._get_invoice_legal_documents(filetype, allow_fallback)

    def _get_invoice_legal_documents_all(self, allow_fallback=False):
        """Make the Factur-X a customer asks for before the background did."""
        if self.fr_facturx_state == "pending":
            self._fr_generate_facturx()
        return super()._get_invoice_legal_documents_all(allow_fallback)

    def _fr_get_xml_attachment(self):
        """Give the attachment that holds the XML of the Factur-X."""
        self.ensure_one()
        # the caller can read the invoice; the file belongs to the field
        return (
            self.env["ir.attachment"].sudo()._fr_of_field(self, "fr_facturx_xml_file")
        )
