# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError

from .. import bridge, fixes, preflight
from ..einvoice import flow_kind, tva
from ..einvoice.findings import has_fatal


class AccountMove(models.Model):
    """The VAT side of a French invoice: its flow, what stops it, what to correct."""

    _inherit = "account.move"

    fr_flow_kind = fields.Char(
        string="Reform Flow",
        compute="_compute_fr_flow_kind",
        help="2: electronic invoice to a business in France. 10.1: reported sale to a "
        "business abroad or in a territory without VAT. 10.3: reported sale to a "
        "consumer. none: outside the reform.",
    )
    fr_to_fix = fields.Json(
        string="To Correct",
        compute="_compute_fr_to_fix",
        help="What stops the document or deserves a look, each with its place.",
    )

    # === Compute === #

    @api.depends(
        "move_type",
        "partner_id",
        "invoice_line_ids.tax_ids",
        "invoice_line_ids.product_id",
    )
    def _compute_fr_flow_kind(self):
        for move in self:
            if not (move.fr_is_concerned and move.partner_id):
                move.fr_flow_kind = flow_kind.NONE
                continue
            lines, memo = bridge.product_lines(move), {}
            move.fr_flow_kind = flow_kind.flow_kind(
                move.commercial_partner_id._fr_get_buyer_kind(),
                [bridge.line_tax(line, memo).scope for line in lines],
                move.company_id._fr_charges_vat(),
            )

    @api.depends("fr_facturx_findings", "state", "partner_id", "invoice_line_ids")
    @api.depends_context("lang")
    def _compute_fr_to_fix(self):
        for move in self:
            if move.state == "draft":
                found = move._fr_preflight() if move._fr_is_ready_to_check() else []
                found = [fixes.as_dict(finding) for finding in found]
            else:
                found = move._fr_get_findings()
            move.fr_to_fix = fixes.alerts(self.env, found, move) or False

    def _compute_invoice_date_due(self):
        """Let nothing fall due before its date.

        Without payment term Odoo proposes the day of entry, which is too early for an
        invoice dated later (posted automatically at its date, for instance).
        """
        super()._compute_invoice_date_due()
        for move in self:
            issue = move.invoice_date
            is_early = issue and move.invoice_date_due and move.invoice_date_due < issue
            if is_early and move.fr_is_concerned and not move.invoice_payment_term_id:
                move.invoice_date_due = issue

    # === Checks === #

    def _get_alerts(self):
        """Show what will stop the invoice while it is still a draft."""
        alerts = super()._get_alerts()
        if self.state == "draft" and self._fr_is_ready_to_check():
            alerts.update(self.fr_to_fix or {})
        return alerts

    def _fr_is_ready_to_check(self):
        """Say whether it makes sense to check: ours, and its customer is chosen."""
        self.ensure_one()
        return bool(self.fr_is_concerned and self.partner_id)

    def _fr_preflight(self):
        """Give what is wrong before anything is built.

        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        move = self.sudo()  # company and partner data the biller may not read
        return [*move.company_id._fr_check(), *move._fr_preflight_document()]

    def _fr_preflight_document(self):
        """Give what is wrong with the invoice itself: customer, lines, dates.

        Unlike the seller's own data these cannot be corrected once the invoice is
        posted, or only by a credit note: they stop the posting.

        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        move = self.sudo()  # partner and tax data the biller may not read
        if not move.partner_id:  # kind, taxes and mentions follow from the customer
            return preflight.check_buyer(move)
        return [
            *preflight.check_buyer(move),
            *preflight.check_document(move),
            *preflight.check_lines(move),
        ]

    def _post(self, soft=True):
        """Refuse what can never become a legal document."""
        self.filtered("fr_is_concerned")._fr_check_before_post()
        return super()._post(soft)

    def _fr_check_before_post(self):
        """Raise when an invoice has a fatal finding, with all that is to be corrected.

        A company that has no SIREN yet is not set up for French invoicing: it goes on
        posting, and is told when it makes the document.

        :raise RedirectWarning: one invoice, with a button to what has to be corrected
        :raise UserError: several invoices, or a run that holds the customer instead
        """
        for move in self:
            company = move.company_id.sudo()  # the biller may not read its settings
            if not (company.fr_check_on_post and company._fr_get_siren()):
                continue
            found = move._fr_preflight_document()
            if not has_fatal(found):
                continue
            found = [finding for finding in found if finding.is_fatal]
            text = "\n".join(dict.fromkeys(finding.message for finding in found))
            if len(self) > 1 or move.usage_run_id:
                # a run holds this customer with the reason and posts the others
                raise UserError(text)
            action, label = fixes.redirect(move, found)
            raise RedirectWarning(text, action, label)

    # === VAT of other states === #

    def _fr_bears_foreign_vat(self):
        """Say whether the invoice bears the VAT of another member state (OSS).

        Such a sale is declared through the one-stop shop: its invoice is no French
        electronic invoice (BR-FR-16 knows French rates only) and is sent as a PDF.
        """
        self.ensure_one()
        memo = {}
        return any(
            bridge.line_tax(line, memo).scope == tva.SCOPE_FOREIGN
            for line in bridge.product_lines(self)
        )

    def _fr_is_outside_flow(self):
        """Say whether the posted document leaves as a PDF and nothing else."""
        self.ensure_one()
        return (
            self.fr_is_concerned
            and self.state == "posted"
            and self._fr_bears_foreign_vat()
        )

    def _fr_needs_plain_pdf(self):
        """Say whether the PDF of such a document is still to be made."""
        return self._fr_is_outside_flow() and not self.invoice_pdf_report_id

    def _fr_attach_plain_pdf(self):
        """Attach our page without XML.

        Odoo puts a Factur-X of its own into every PDF it builds itself, "for
        interoperability": here it would break the French rules.
        """
        self.ensure_one()
        # the biller may send, and the file is not theirs to write otherwise
        self.message_main_attachment_id = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": self._get_invoice_report_filename(),
                    "raw": self._fr_get_printable_pdf(),
                    "mimetype": "application/pdf",
                    "res_model": self._name,
                    "res_id": self.id,
                    "res_field": "invoice_pdf_report_file",
                }
            )
        )
        self.invalidate_recordset(["invoice_pdf_report_id", "invoice_pdf_report_file"])

    def _need_ubl_cii_xml(self, ubl_cii_format):
        """Make no Factur-X of Odoo's of a sale outside the French flow."""
        if ubl_cii_format == "facturx" and self._fr_is_outside_flow():
            return False
        return super()._need_ubl_cii_xml(ubl_cii_format)

    def _fr_needs_facturx(self):
        """Keep sales under the VAT of another state out of the French flow."""
        return super()._fr_needs_facturx() and not self._fr_bears_foreign_vat()

    def _fr_enqueue_facturx(self):
        """Queue what becomes a French electronic invoice."""
        ours = self.filtered(lambda move: not move._fr_bears_foreign_vat())
        return super(AccountMove, ours)._fr_enqueue_facturx()

    # === Corrections === #

    def action_fr_open_fix(self):
        """Open the list of what has to be corrected (dialog)."""
        self.ensure_one()
        return fixes.dialog_action(self)
