# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models

from ..einvoice import mentions


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
            if move.fr_facturx_state == "valid" and not move.is_move_sent:
                move.is_move_sent = True
        return super()._hook_if_success(moves_data, from_cron=from_cron)


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_needs_facturx(self):
        """Say whether sending this invoice means sending our Factur-X."""
        self.ensure_one()
        return self.fr_is_concerned and self.state == "posted"

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
        """Give our XML where Odoo would write its own."""
        self.ensure_one()
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

    def _fr_get_xml_attachment(self):
        """Give the attachment that holds the XML of the Factur-X."""
        self.ensure_one()
        return (
            self.env["ir.attachment"]
            .sudo()  # the caller can read the invoice; the file belongs to the field
            .search(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("res_field", "=", "fr_facturx_xml_file"),
                ],
                limit=1,
            )
        )
