# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestSend(FrInvoicingCommon):
    def _send(self, move, **values):
        wizard = (
            self.env["account.move.send.wizard"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"sending_methods": ["manual"], **values})
        )
        wizard.action_send_and_print()
        return wizard

    def test_sent_pdf_is_the_checked_one_and_the_only_one(self):
        """Even where the customer asks for Odoo's own Factur-X."""
        self.business.invoice_edi_format = "facturx"
        move = self._make_invoice([self._line()])
        self._send(move)
        self.assertValid(move)
        self.assertTrue(move.is_move_sent)
        self.assertFalse(move.ubl_cii_xml_id)
        self.assertEqual(move.message_main_attachment_id, move.invoice_pdf_report_id)
        names = self.env["ir.attachment"].search(
            [
                ("res_model", "=", "account.move"),
                ("res_id", "=", move.id),
                ("res_field", "in", (False, "invoice_pdf_report_file")),
            ]
        )
        self.assertEqual(len(names), 1)

    def test_mail_carries_the_checked_pdf(self):
        move = self._make_invoice([self._line()])
        self._send(move, sending_methods=["email"])
        messages = move.message_ids.filtered("attachment_ids")
        self.assertEqual(
            messages[:1].attachment_ids.mapped("raw"), [move.invoice_pdf_report_id.raw]
        )

    def test_invalid_invoice_is_not_sent(self):
        self.company.fr_check_on_post = False
        move = self._make_invoice([self._line()], move_type="out_refund")
        with self.assertRaisesRegex(UserError, "Factur-X"):
            self._send(move)
        self.assertFalse(move.invoice_pdf_report_id)

    def test_made_file_is_sent_as_it_is(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        checksum = move.invoice_pdf_report_id.checksum
        self._send(move)
        self.assertEqual(move.invoice_pdf_report_id.checksum, checksum)
        self.assertTrue(move.is_move_sent)

    def test_sent_invoice_cannot_go_back_to_draft(self):
        move = self._make_invoice([self._line()])
        self._send(move)
        with self.assertRaisesRegex(UserError, "credit note"):
            move.button_draft()

    def test_foreign_customer_keeps_its_format_beside_our_pdf(self):
        self.german.invoice_edi_format = "ubl_bis3"
        move = self._make_invoice([self._line()], self.german)
        self.assertTrue(move._need_ubl_cii_xml("ubl_bis3"))
        self.business.invoice_edi_format = "ubl_bis3"
        move = self._make_invoice([self._line()])
        self.assertFalse(move._need_ubl_cii_xml("ubl_bis3"))

    def test_xml_export_gives_the_checked_xml(self):
        move = self._make_invoice([self._line()])
        found = move._get_invoice_legal_documents("ubl", allow_fallback=True)
        self.assertValid(move)
        self.assertEqual(found["content"], move._fr_get_xml_attachment().raw)

    def test_invoice_issued_before_stays_as_it_is(self):
        move = self._make_invoice([self._line()])
        old = self.env["ir.attachment"].create(
            {
                "name": "old.pdf",
                "raw": b"%PDF-1.4 issued before",
                "res_model": "account.move",
                "res_id": move.id,
                "res_field": "invoice_pdf_report_file",
            }
        )
        move.invalidate_recordset()
        self.assertFalse(move._fr_generate_facturx())
        self.assertEqual(move.invoice_pdf_report_id, old)
        self._send(move)
        self.assertEqual(move.invoice_pdf_report_id, old)

    def test_portal_download_is_one_pdf_made_on_demand(self):
        move = self._make_invoice([self._line()])
        documents = move._get_invoice_legal_documents_all(allow_fallback=True)
        self.assertEqual(len(documents), 1)
        self.assertEqual(documents[0]["content"], move.invoice_pdf_report_id.raw)
