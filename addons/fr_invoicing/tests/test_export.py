# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
import zipfile

from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from ..einvoice import figures, validate
from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestExport(FrInvoicingCommon, HttpCase):
    def test_the_issued_document_in_three_formats(self):
        move = self._make_invoice([self._line(3, 33.333333)], ref="PO-1")
        credit_note = self._credit(move)
        moves = move | credit_note
        action = moves.action_fr_download_ubl()
        self.assertValid(moves)
        self.assertIn("/fr_ubl", action["url"])
        for record, root in ((move, "Invoice"), (credit_note, "CreditNote")):
            ubl, cii = record._fr_get_ubl(), record._fr_get_cii()
            self.assertEqual(cii, record._fr_get_xml_attachment().raw)
            self.assertEqual(etree.QName(etree.fromstring(ubl)).localname, root)
            self.assertEqual(
                figures.read(etree.fromstring(ubl)), figures.read(etree.fromstring(cii))
            )
            findings = validate.check({"ubl": ubl})["ubl"]
            self.assertFalse([f for f in findings if f.severity == "fatal"])
        # made once, whatever changes in the records
        first = move._fr_get_ubl()
        move.partner_id.name = "Autre nom"
        self.assertEqual(move._fr_get_ubl(), first)

    def test_downloads_over_http(self):
        move = self._make_invoice([self._line()])
        other = self._make_invoice([self._line(2)])
        (move | other).action_fr_download_ubl()
        user = self.env.user
        user.group_ids += self.env.ref("account.group_account_invoice")
        user.password = user.login
        self.authenticate(user.login, user.login)
        for kind in ("fr_cii", "fr_ubl", "pdf"):
            url = f"/account/download_invoice_documents/{move.id}/{kind}"
            response = self.url_open(url)
            self.assertEqual(response.status_code, 200, kind)
            if kind == "pdf":
                self.assertEqual(response.content[:5], b"%PDF-")
            else:
                etree.fromstring(response.content)
        both = f"{move.id},{other.id}"
        response = self.url_open(f"/account/download_invoice_documents/{both}/fr_ubl")
        names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
        self.assertEqual(len(names), 2)

    def test_a_draft_has_no_export(self):
        move = self._make_invoice([self._line()], post=False)
        with self.assertRaises(UserError):
            move.action_fr_download_cii()

    def test_the_send_wizard_offers_and_attaches_xml(self):
        self.business.fr_extra_format = "fr_ubl"
        move = self._make_invoice([self._line()])
        wizard = self.env["account.move.send.wizard"].create({"move_id": move.id})
        boxes = wizard.extra_edi_checkboxes
        self.assertTrue(boxes["fr_ubl"]["checked"])
        self.assertFalse(boxes["fr_cii"]["checked"])
        wizard.sending_methods = ["email"]
        wizard.action_send_and_print()
        message = move.message_ids.filtered("attachment_ids")[:1]
        names = message.attachment_ids.mapped("name")
        self.assertIn(move._fr_get_export_name("fr_ubl"), names)
        self.assertNotIn(move._fr_get_export_name("fr_cii"), names)
