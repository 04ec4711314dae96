# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _generate_invoice_documents(self, invoices_data, allow_fallback_pdf=False):
        """Put the checked Factur-X in the place of Odoo's PDF and Factur-X.

        Odoo does not build a PDF for an invoice that has one, so ours is made first. An
        invoice whose Factur-X is not valid is not sent.
        """
        ours = self.env["account.move"].union(
            *[invoice for invoice in invoices_data if invoice._fr_needs_facturx()]
        )
        ours._fr_generate_facturx()
        for invoice in invoices_data:
            if invoice._fr_needs_plain_pdf():
                invoice._fr_attach_plain_pdf()
        for invoice in ours:
            if invoice.fr_facturx_state != "valid":
                invoices_data[invoice]["error"] = {
                    "error_title": self.env._(
                        "%(invoice)s cannot be sent: its Factur-X is not valid.",
                        invoice=invoice.name,
                    ),
                    "errors": invoice._fr_get_findings_text().splitlines(),
                }
                invoices_data[invoice]["error_but_continue"] = False
        return super()._generate_invoice_documents(invoices_data, allow_fallback_pdf)

    @api.model
    def _hook_if_success(self, moves_data, from_cron=False):
        """Mark our invoices as sent: Odoo does so only when it builds the PDF."""
        for move in moves_data:
            issued = move.fr_facturx_state == "valid" or (
                move._fr_is_outside_flow() and move.invoice_pdf_report_id
            )
            if issued and not move.is_move_sent:
                move.is_move_sent = True
        return super()._hook_if_success(moves_data, from_cron=from_cron)
