# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
from datetime import date
from unittest.mock import patch

from pypdf import PdfReader

from odoo import Command
from odoo.exceptions import RedirectWarning, UserError
from odoo.tests import tagged

from ..einvoice import pdf, validate
from .common import DAY, FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestFacturx(FrInvoicingCommon):
    def test_every_ordinary_situation_gives_a_valid_facturx(self):
        """One batch, because the rules start once for all of them."""
        usd = self.env.ref("base.USD")
        usd.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": usd.id, "rate": 1.1, "name": DAY}
        )
        service = self._make_invoice([self._line(200, 40)], ref="PO-77")
        several_rates = self._make_invoice(
            [
                self._line(1, 10),
                self._line(
                    2, 15.5, tax_ids=[Command.set(self._tax("tva_reduite").ids)]
                ),
                self._line(3, 33.33, product=self.good),
            ]
        )
        without_product = self._make_invoice(
            [
                {
                    "name": "Assistance",
                    "quantity": 5,
                    "price_unit": 400,
                    "tax_ids": [Command.set(self._tax("tva_normale_encaissement").ids)],
                }
            ]
        )
        intra_service = self._make_invoice([self._line()], self.german)
        intra_goods = self._make_invoice([self._line(product=self.good)], self.german)
        export = self._make_invoice([self._line()], self.american)
        person = self._make_invoice([self._line()], self.person)
        dollars = self._make_invoice([self._line(3, 33.33)], currency_id=usd.id)
        odd_prices = self._make_invoice(
            [
                self._line(1234.5678, 0.000123),
                self._line(3, 0.335, discount=12.5),
                self._line(1, -5),
                self._line(
                    7, 9.99, tax_ids=[Command.set(self._tax("tva_normale_ttc").ids)]
                ),
                {"display_type": "line_section", "name": "Options"},
                {"display_type": "line_note", "name": "Une note"},
            ]
        )
        credit_note = self._credit(service)
        moves = (
            service
            | several_rates
            | without_product
            | intra_service
            | intra_goods
            | export
            | person
            | dollars
            | odd_prices
            | credit_note
        )
        made = moves._fr_generate_facturx()
        self.assertEqual(made, moves)
        self.assertValid(moves)
        for move in moves:
            xml = move._fr_get_xml_attachment().raw
            content = move.invoice_pdf_report_id.raw
            self.assertEqual(pdf.inspect(content, xml, "factur-x.xml"), [])
            total = self._texts(move, "//ram:GrandTotalAmount")
            self.assertEqual(total, [f"{move.amount_total:.2f}"])
            self.assertEqual(
                self._texts(
                    move,
                    "//ram:TaxTotalAmount[@currencyID=//ram:InvoiceCurrencyCode]",
                ),
                [f"{move.amount_tax:.2f}"],
            )
        category = (
            "//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/"
            "ram:CategoryCode"
        )
        self.assertEqual(self._texts(intra_service, category), ["AE"])
        self.assertEqual(self._texts(intra_goods, category), ["K"])
        self.assertEqual(self._texts(export, category), ["G"])
        note = "//ram:IncludedNote[ram:SubjectCode='BAR']/ram:Content"
        self.assertEqual(self._texts(person, note), ["B2C"])
        self.assertEqual(self._texts(intra_service, note), ["B2BINT"])
        self.assertEqual(self._texts(service, note), ["B2B"])
        self.assertEqual(
            self._texts(credit_note, "//ram:InvoiceReferencedDocument/*[1]"),
            [service.name],
        )
        self.assertEqual(credit_note.fr_type_code, "381")
        self.assertEqual(
            (service.fr_process_code, intra_goods.fr_process_code), ("S1", "B1")
        )
        self.assertEqual(several_rates.fr_process_code, "M1")
        self.assertEqual(
            self._texts(without_product, "//ram:SpecifiedTradeProduct/ram:Name"),
            ["Assistance"],
        )
        # 99.99 USD at 1.1: 20 % of it is 20.00 USD, 18.18 EUR in the ledger
        self.assertEqual(
            self._texts(dollars, "//ram:TaxTotalAmount[@currencyID='EUR']"), ["18.18"]
        )
        self.assertEqual(
            self._texts(service, "//ram:BuyerOrderReferencedDocument/*"), ["PO-77"]
        )

    def test_page_shows_the_figures_of_the_xml_in_the_customers_language(self):
        french = self._make_invoice([self._line(200, 40)])
        english = self._make_invoice([self._line(200, 40)], self.german)
        moves = french | english
        moves._fr_generate_facturx()
        self.assertValid(moves)
        text = self._page_text(french)
        for expected in (
            "Facture",
            french.name,
            "9 600,00 €",
            "1 600,00",
            "SIREN 200000008",
            "FR37200000008",
            "FR76 3000 6000 0112 3456 7890 189",
            "SAS au capital de 50 000 EUR",
            "RCS Paris 100 000 009",
            "40 EUR",
            "prestation de services",
            "1 / 1",
        ):
            self.assertIn(expected, text)
        text = self._page_text(english)
        for expected in ("Invoice", "€8,000.00", "Reverse charge", "Germany"):
            self.assertIn(expected, text)

    def test_second_run_changes_nothing(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        first = move.invoice_pdf_report_id
        checksum, made_at = first.checksum, move.fr_facturx_made_at
        with patch.object(validate, "check", side_effect=AssertionError):
            move._fr_generate_facturx()
            move.action_fr_facturx()
        self.assertEqual(move.invoice_pdf_report_id, first)
        self.assertEqual(first.checksum, checksum)
        self.assertEqual(move.fr_facturx_made_at, made_at)
        self.assertEqual(
            self.env["ir.attachment"].search_count(
                [("res_model", "=", "account.move"), ("res_id", "=", move.id)]
                + [("res_field", "=", "invoice_pdf_report_file")]
            ),
            1,
        )

    def test_missing_validator_is_an_error_and_attaches_nothing(self):
        move = self._make_invoice([self._line()])
        broken = validate.Checker(python="/nowhere/python")
        with (
            patch.object(validate, "shared_checker", return_value=broken),
            self.assertLogs("odoo.addons.fr_invoicing", "ERROR"),
        ):
            made = move._fr_generate_facturx()
        self.assertFalse(made)
        self.assertEqual(move.fr_facturx_state, "error")
        self.assertEqual(self._rules(move), ["VALIDATOR-MISSING"])
        self.assertFalse(move.invoice_pdf_report_id)
        self.assertFalse(move.fr_facturx_xml_file)
        move._fr_generate_facturx()
        self.assertValid(move)

    def test_mutated_xml_is_refused_and_not_attached(self):
        from ..einvoice import facturx

        move = self._make_invoice([self._line()])
        write = facturx.to_xml

        def wrong_total(document):
            return write(document).replace(
                b"<ram:GrandTotalAmount>120.00<", b"<ram:GrandTotalAmount>121.00<"
            )

        with patch.object(facturx, "to_xml", wrong_total):
            move._fr_generate_facturx()
        self.assertEqual(move.fr_facturx_state, "invalid")
        self.assertIn("BR-CO-15", self._rules(move))
        self.assertIn("ARITH-112", self._rules(move))
        self.assertFalse(move.invoice_pdf_report_id)

    def test_bad_invoice_does_not_stop_the_others_of_its_batch(self):
        self.company.fr_check_on_post = False
        nameless = self._make_partner("Sans SIREN", is_company=True, email="a@b.fr")
        bad = self._make_invoice([self._line()], nameless)
        good = self._make_invoice([self._line()])
        (bad | good)._fr_generate_facturx()
        self.assertEqual(bad.fr_facturx_state, "invalid")
        self.assertEqual(self._rules(bad), ["BUYER-SIREN"])
        self.assertValid(good)

    def test_credit_note_needs_the_invoice_it_corrects(self):
        refund = self._make_invoice([self._line()], move_type="out_refund", post=False)
        with self.assertRaisesRegex(RedirectWarning, "which invoice it corrects"):
            refund.action_post()
        self.company.fr_check_on_post = False
        refund.action_post()
        refund._fr_generate_facturx()
        self.assertEqual(self._rules(refund), ["ORIGIN-MISSING"])
        refund.write({"fr_origin_number": "OLD-7", "fr_origin_date": date(2025, 1, 5)})
        refund._fr_generate_facturx()
        self.assertValid(refund)
        self.assertEqual(
            self._texts(refund, "//ram:InvoiceReferencedDocument/*[1]"), ["OLD-7"]
        )

    def test_line_without_tax_is_named(self):
        move = self._make_invoice([self._line(tax_ids=[Command.clear()])], post=False)
        with self.assertRaisesRegex(RedirectWarning, "Machine virtuelle"):
            move.action_post()
        self.company.fr_check_on_post = False
        move.action_post()
        move._fr_generate_facturx()
        self.assertEqual(self._rules(move), ["LINE-TAX"])
        self.assertIn("Machine virtuelle", move._fr_get_findings_text())

    def test_small_business_invoices_without_tax(self):
        self.company.write({"fr_vat_franchise": True})
        move = self._make_invoice([self._line(tax_ids=[Command.clear()])])
        move._fr_generate_facturx()
        self.assertValid(move)
        reason = "//ram:ApplicableTradeTax/ram:ExemptionReasonCode"
        self.assertEqual(self._texts(move, reason), ["VATEX-FR-FRANCHISE"])

    def test_company_of_another_country_is_left_alone(self):
        self.company.account_fiscal_country_id = self.env.ref("base.be")
        move = self._make_invoice([self._line(tax_ids=[Command.clear()])])
        self.assertFalse(move.fr_is_concerned)
        self.assertEqual(move.fr_facturx_state, "none")
        move._fr_generate_facturx()
        self.assertFalse(move.invoice_pdf_report_id)
        self.assertTrue(move._need_ubl_cii_xml("facturx"))

    def test_issued_file_can_neither_be_deleted_nor_changed(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        attachment = move.invoice_pdf_report_id.sudo()
        with self.assertRaisesRegex(UserError, "credit note"):
            attachment.unlink()
        with self.assertRaisesRegex(UserError, "credit note"):
            attachment.raw = b"something else"
        with self.assertRaisesRegex(UserError, "credit note"):
            move._fr_get_xml_attachment().unlink()

    def test_draft_again_before_sending_makes_a_new_file(self):
        """Where documents are not sealed; else reopening is refused (test_seal.py)."""
        self.company.fr_seal_active = False
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        first = move.invoice_pdf_report_id
        move.button_draft()
        self.assertEqual(move.fr_facturx_state, "none")
        self.assertFalse(move.invoice_pdf_report_id)
        move.invoice_line_ids.price_unit = 200
        move.action_post()
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertNotEqual(move.invoice_pdf_report_id, first)

    def test_background_job_makes_what_was_posted(self):
        moves = self._make_invoice([self._line()])
        moves |= self._make_invoice([self._line(2)])
        self.assertEqual(set(moves.mapped("fr_facturx_state")), {"pending"})
        with self.enter_registry_test_mode():
            self.env.ref("fr_invoicing.ir_cron_make_facturx").method_direct_trigger()
        moves.invalidate_recordset()
        self.assertValid(moves)

    def test_printing_gives_the_issued_file_and_a_marked_draft(self):
        report = self.env["ir.actions.report"]
        draft = self._make_invoice([self._line()], post=False)
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        streams = report._render_qweb_pdf_prepare_streams(
            "account.report_invoice_with_payments", {}, (draft | move).ids
        )
        self.assertEqual(
            streams[move.id]["stream"].getvalue(), move.invoice_pdf_report_id.raw
        )
        text = self._text_of(streams[draft.id]["stream"].getvalue())
        self.assertIn("Projet, sans valeur de facture", text)

    def test_deposit_and_corrective_have_their_type_codes(self):
        deposit = self._make_invoice([self._line()], fr_document_kind="deposit")
        first = self._make_invoice([self._line()])
        corrective = self._make_invoice(
            [self._line()],
            fr_document_kind="corrective",
            fr_origin_move_id=first.id,
        )
        moves = deposit | corrective
        moves._fr_generate_facturx()
        self.assertValid(moves)
        self.assertEqual(moves.mapped("fr_type_code"), ["386", "384"])

    def test_vat_on_debits_is_printed_and_coded(self):
        self.company.fr_vat_on_debits = True
        tax = self._tax("tva_normale_encaissement").copy(
            {"tax_exigibility": "on_invoice", "name": "20 % débits"}
        )
        move = self._make_invoice([self._line(tax_ids=[Command.set(tax.ids)])])
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(
            self._texts(move, "//ram:ApplicableTradeTax/ram:DueDateTypeCode"), ["5"]
        )
        self.assertIn("d'après les débits", self._page_text(move))

    def _page_text(self, move):
        return self._text_of(move.invoice_pdf_report_id.raw)

    def _text_of(self, content):
        pages = PdfReader(io.BytesIO(content)).pages
        text = "\n".join(page.extract_text() for page in pages)
        return text.replace("\N{NO-BREAK SPACE}", " ")
