# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import Command
from odoo.exceptions import RedirectWarning
from odoo.tests import Form, new_test_user, tagged

from .common import DAY, FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestStrangerCases(FrInvoicingCommon):
    """What plain Odoo data say, entered by someone who knows none of our fields."""

    def _zero_tax(self, name, **values):
        return self.env["account.tax"].create(
            {"name": name, "amount": 0, "type_tax_use": "sale", **values}
        )

    def _with_tax(self, tax, partner=None, post=True):
        line = self._line(tax_ids=[Command.set(tax.ids)])
        return self._make_invoice([line], partner, post=post)

    def test_reverse_charge_of_odoo_is_domestic_for_a_french_customer(self):
        codes = {
            "ubl_cii_tax_category_code": "AE",
            "ubl_cii_tax_exemption_reason_code": "VATEX-EU-AE",
        }
        plain = self._zero_tax("0 % AL", **codes)
        building = self._zero_tax("0 % autoliquidation BTP", **codes)
        moves = self._with_tax(plain) | self._with_tax(building)
        moves |= self._with_tax(plain, self.german)
        moves._fr_generate_facturx()
        self.assertValid(moves)
        path = "//ram:ApplicableHeaderTradeSettlement//ram:ExemptionReasonCode"
        self.assertEqual(
            [self._texts(move, path) for move in moves],
            [["VATEX-FR-AE"], ["VATEX-FR-AE"], ["VATEX-EU-AE"]],
        )
        reason = "//ram:ApplicableHeaderTradeSettlement//ram:ExemptionReason"
        self.assertIn("nonies", self._texts(moves[1], reason)[0])

    def test_slash_means_no_vat_number(self):
        self.business.vat = "/"
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertValid(move)
        vat = "//ram:BuyerTradeParty//ram:ID[@schemeID='VA']"
        self.assertEqual(self._texts(move, vat), [])
        self.person.vat = "/"
        self.assertFalse(self.person._fr_is_business())
        self.german.vat = "/"
        intra = self._tax("tva_sale_service_intra_0")
        move = self._with_tax(intra, self.german, post=False)
        with self.assertRaisesRegex(RedirectWarning, "no VAT number"):
            move.action_post()

    def test_invoice_dated_later_is_not_due_before(self):
        day = DAY + timedelta(days=60)
        move = self._make_invoice([self._line()], invoice_date=day)
        self.assertEqual(move.invoice_date_due, day)
        move._fr_generate_facturx()
        self.assertValid(move)

    def test_typed_due_date_before_the_date_is_refused(self):
        move = self._make_invoice(
            [self._line()], invoice_date_due=DAY - timedelta(days=3), post=False
        )
        with self.assertRaisesRegex(RedirectWarning, "before its date"):
            move.action_post()

    def test_invoice_without_customer_is_refused(self):
        move = self._make_invoice([self._line()], partner_id=False, post=False)
        with self.assertRaisesRegex(RedirectWarning, "no customer"):
            move.action_post()

    def test_taxes_no_valid_file_can_bear_are_refused_before_the_number(self):
        zero_rate = self._zero_tax("0 % Z", ubl_cii_tax_category_code="Z")
        division = self.env["account.tax"].create(
            {
                "name": "En dedans",
                "amount": 20,
                "amount_type": "division",
                "type_tax_use": "sale",
            }
        )
        for tax, words in ((zero_rate, "category Z"), (division, "not a percentage")):
            move = self._with_tax(tax, post=False)
            with self.subTest(tax.name), self.assertRaisesRegex(RedirectWarning, words):
                move.action_post()

    def test_negative_total_names_the_draft(self):
        move = self._make_invoice([self._line(1, -100)], post=False)
        with self.assertRaisesRegex(RedirectWarning, "total of Draft Invoice"):
            move.action_post()

    def test_sale_under_foreign_vat_is_sent_as_a_pdf_without_xml(self):
        consumer = self._make_partner("Verbraucher", country="base.de", city="Berlin")
        tax = self.env["account.tax"].create(
            {"name": "19 % DE OSS", "amount": 19, "type_tax_use": "sale"}
        )
        move = self._with_tax(tax, consumer)
        self.assertFalse(move._need_ubl_cii_xml("facturx"))
        wizard = (
            self.env["account.move.send.wizard"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"sending_methods": ["manual"]})
        )
        wizard.action_send_and_print()
        self.assertTrue(move.invoice_pdf_report_id.raw.startswith(b"%PDF"))
        self.assertTrue(move.is_move_sent)
        attached = self.env["ir.attachment"].search(
            [("res_model", "=", "account.move"), ("res_id", "=", move.id)]
        )
        self.assertNotIn("factur-x.xml", attached.mapped("name"))

    def test_invoice_typed_in_the_form_from_nothing(self):
        form = Form(
            self.env["account.move"].with_context(default_move_type="out_invoice")
        )
        form.partner_id = self.business
        form.invoice_date = DAY
        with form.invoice_line_ids.new() as line:
            line.product_id = self.service
        move = form.save()
        move.action_post()
        move._fr_generate_facturx()
        self.assertValid(move)

    def test_deposit_on_goods_for_another_member_state(self):
        order = (
            self.env["sale.order"]
            .sudo()
            .create(
                {
                    "partner_id": self.german.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": self.good.id,
                                "product_uom_qty": 10,
                                "tax_ids": [
                                    Command.set(self._tax("tva_sale_good_intra_0").ids)
                                ],
                            }
                        )
                    ],
                }
            )
        )
        order.action_confirm()
        wizard = (
            self.env["sale.advance.payment.inv"]
            .sudo()
            .with_context(active_model="sale.order", active_ids=order.ids)
            .create({"advance_payment_method": "percentage", "amount": 30})
        )
        wizard.create_invoices()
        deposit = order.invoice_ids
        deposit.invoice_date = DAY
        deposit.action_post()
        deposit._fr_generate_facturx()
        self.assertValid(deposit)
        self.assertEqual(
            self._texts(deposit, "//rsm:ExchangedDocument/ram:TypeCode"), ["386"]
        )

    def test_self_billing_needs_a_supplier_with_a_number(self):
        journal = self.env["account.journal"].create(
            {
                "name": "Autofacturation",
                "code": "AUTOF",
                "type": "purchase",
                "is_self_billing": True,
            }
        )
        account = self.company_data["default_account_expense"]
        move = self._make_invoice(
            [
                {
                    "name": "Reversement",
                    "price_unit": 100,
                    "account_id": account.id,
                    "tax_ids": [Command.set(self._tax("tva_acq_encaissement").ids)],
                }
            ],
            self.person,
            move_type="in_invoice",
            journal_id=journal.id,
            post=False,
        )
        with self.assertRaisesRegex(RedirectWarning, "neither SIREN nor TVA"):
            move.action_post()

    def test_biller_sends_several_without_rights_on_contacts(self):
        moves = self._make_invoice([self._line()]) | self._make_invoice([self._line()])
        biller = new_test_user(
            self.env, "plain_biller", "account.group_account_invoice"
        )
        wizard = (
            self.env["account.move.send.batch.wizard"]
            .with_user(biller)
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({})
        )
        wizard.action_send_and_print(force_synchronous=True)
        self.assertValid(moves)
