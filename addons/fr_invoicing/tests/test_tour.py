# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tests import HttpCase, new_test_user, tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestFacturxTour(FrInvoicingCommon, HttpCase):
    def test_accountant_makes_the_facturx_of_an_invoice(self):
        user = new_test_user(
            self.env,
            "fr_accountant",
            groups="account.group_account_invoice,usage_billing.group_usage_billing_manager",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        move = self._make_invoice([self._line()])
        address = f"/odoo/action-account.action_move_out_invoice/{move.id}"
        self.authenticate(user.login, user.login)
        self.assertEqual(self.url_open(address).status_code, 200)
        self.start_tour(address, "fr_invoicing_facturx", login=user.login)
        self.assertValid(move)

    def test_portal_customer_downloads_the_issued_file(self):
        user = new_test_user(
            self.env,
            "fr_customer",
            groups="base.group_portal",
            email="fr_customer@example.com",
        )
        user.partner_id.parent_id = self.business
        move = self._make_invoice([self._line()])
        move.message_subscribe(user.partner_id.ids)
        self.authenticate(user.login, user.login)
        answer = self.url_open(f"/my/invoices/{move.id}?report_type=pdf&download=true")
        self.assertEqual(answer.status_code, 200)
        move.invalidate_recordset()
        self.assertValid(move)
        self.assertEqual(answer.content, move.invoice_pdf_report_id.raw)
        other = self._make_invoice([self._line()], self.person)
        answer = self.url_open(f"/my/invoices/{other.id}?report_type=pdf&download=true")
        self.assertNotIn(b"%PDF", answer.content[:10])
