# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, new_test_user, tagged

from .test_invoice_page import PageCase


@tagged("post_install", "-at_install")
class TestInvoiceTemplate(PageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.company._fr_get_template()

    def _issue(self, move):
        """Do what issuing does before it draws the page."""
        move._fr_keep_page()
        return move.fr_template_version_id

    def test_issued_invoice_keeps_its_version_when_the_template_changes(self):
        self.template.colour = "#0a7d4f"
        move = self._make_invoice([self._line()])
        version = self._issue(move)
        self.template.write({"colour": "#b4235a", "terms": "Nouvelles conditions"})
        self.assertEqual(move.fr_template_version_id, version)
        html = move._fr_get_page_html().decode()
        self.assertIn("#0a7d4f", html)
        self.assertNotIn("#b4235a", html)
        self.assertNotIn("Nouvelles conditions", html)
        other = self._make_invoice([self._line()])
        self.assertEqual(self._issue(other).number, version.number + 1)
        html = other._fr_get_page_html().decode()
        self.assertIn("#b4235a", html)
        self.assertIn("Nouvelles conditions", html)

    def test_trying_colours_leaves_no_trail_of_versions(self):
        for colour in ("#111111", "#222222", "#333333"):
            self.template.colour = colour
        self.assertEqual(self.template.version_ids.mapped("number"), [1])
        self.assertEqual(self.template.version_id.options["colour"], "#333333")

    def test_same_look_again_is_the_same_version(self):
        self.template.colour = "#111111"
        first = self._issue(self._make_invoice([self._line()]))
        self.template.colour = "#222222"
        second = self._issue(self._make_invoice([self._line()]))
        self.template.colour = "#111111"
        again = self._issue(self._make_invoice([self._line()]))
        self.assertEqual((first.number, second.number, again), (1, 2, first))

    def test_new_company_colour_makes_a_new_version_too(self):
        first = self._issue(self._make_invoice([self._line()]))
        self.company.primary_color = "#654321"
        second = self._issue(self._make_invoice([self._line()]))
        self.assertNotEqual(first, second)
        self.assertEqual(second.options["colour"], "#654321")

    def test_version_neither_changes_nor_disappears(self):
        version = self._issue(self._make_invoice([self._line()]))
        with self.assertRaisesRegex(UserError, "does not change"):
            version.options = {}
        with self.assertRaisesRegex(UserError, "is kept"):
            version.sudo().unlink()
        with self.assertRaisesRegex(UserError, "archive it"):
            self.template.unlink()

    def test_draft_again_forgets_the_version(self):
        self.company.fr_check_on_post = False
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertTrue(move.fr_template_version_id)
        try:
            move.button_draft()
        except UserError:  # sealed: then it keeps both
            self.assertTrue(move.fr_template_version_id)
        else:
            self.assertFalse(move.fr_template_version_id)

    def test_customer_decides_before_the_company(self):
        own = self.template.copy({"grouping": "service"})
        self.assertEqual(own.name, "Standard (copy)")
        self.business.write(
            {"fr_invoice_template_id": own.id, "fr_invoice_detail": "summary"}
        )
        move = self._make_invoice([self._line()])
        self.assertEqual(move.fr_invoice_template_id, own)
        look = move._fr_get_look(True)
        self.assertEqual((look.grouping, look.detail), ("service", "summary"))
        other = self._make_invoice([self._line()], self.person)
        self.assertEqual(other.fr_invoice_template_id, self.template)
        self.assertEqual(other._fr_get_look(True).detail, "itemised")

    def test_brand_stands_at_the_head_and_the_legal_seller_is_named(self):
        self.business.fr_invoice_template_id = self.template.copy(
            {"brand_name": "Revendeur Exemple", "brand_contact": "aide@example.com"}
        )
        text = self._page(self._make_invoice([self._line()]))
        self.assertTrue(text.index("Revendeur Exemple") < text.index("Vendeur"))
        self.assertIn("aide@example.com", text)
        # in the block of the seller and in the footer
        self.assertGreaterEqual(text.count("Hébergeur Exemple SAS"), 2)
        self.assertIn("100000009", text)

    def test_terms_follow_the_language_of_the_document(self):
        self.template.write(
            {"terms": "Réclamations sous 30 jours.", "terms_foreign": "Claims in time."}
        )
        french = self._page(self._make_invoice([self._line()]))
        english = self._page(self._make_invoice([self._line()], self.german))
        self.assertIn("Réclamations sous 30 jours.", french)
        self.assertIn("Claims in time.", english)
        self.assertNotIn("Réclamations", english)

    def test_chart_of_the_months_needs_two_of_them(self):
        self.template.chart = "months"
        first = self._make_invoice([self._line(1, 50)], invoice_date="2026-10-02")
        self.assertNotIn("Vos derniers mois", self._page(first))
        second = self._make_invoice([self._line(1, 70)])
        content = self._draw(second)
        self.assertIn("Vos derniers mois", self._text(content))
        told = [
            item["/Alt"] for item in self._structure(content) if item["/S"] == "/Figure"
        ]
        self.assertTrue(any("50,00" in text and "70,00" in text for text in told))

    def test_wrong_colour_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "not a colour"):
            self.template.colour = "red; } body { display: none"

    def test_sample_page_needs_no_invoice_and_shows_unsaved_options(self):
        form_values = self.template.new({"colour": "#0a7d4f", "grouping": "site"})
        form_values.company_id = self.company
        form_values.preview_language = "fr"
        self.assertIn("#0a7d4f", form_values.preview)
        self.assertIn("Agence de Lyon", form_values.preview)
        form_values.preview_language = "en"
        self.assertIn("Lyon office", form_values.preview)

    def test_biller_may_use_templates_and_not_change_them(self):
        biller = new_test_user(
            self.env,
            "page-biller",
            groups="account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        template = self.template.with_user(biller)
        self.assertEqual(template.name, "Standard")
        with self.assertRaises(AccessError):
            template.colour = "#111111"
        move = self._make_invoice([self._line()])
        move.with_user(biller)._fr_keep_page()
        self.assertTrue(move.fr_template_version_id)

    def test_templates_of_another_company_are_hidden(self):
        other = self.env["res.company"].create({"name": "Autre société"})
        foreign = self.env["fr.invoice.template"].create(
            {"name": "Autre", "company_id": other.id}
        )
        reader = new_test_user(
            self.env,
            "page-reader",
            groups="account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        found = self.env["fr.invoice.template"].with_user(reader).search([])
        self.assertNotIn(foreign, found)
        with self.assertRaises(AccessError):
            foreign.version_ids.with_user(reader).read(["number"])


@tagged("post_install", "-at_install")
class TestPagePortal(HttpCase, PageCase):
    def test_customer_reads_its_own_page_in_the_portal_and_no_other(self):
        user = new_test_user(
            self.env,
            "page-customer",
            groups="base.group_portal",
            email="page-customer@example.com",
        )
        user.partner_id.parent_id = self.business
        own = self._make_invoice([self._line(200, 40)])
        own.message_subscribe(user.partner_id.ids)
        other = self._make_invoice([self._line(7, 11)], self.person)
        self.authenticate(user.login, user.login)
        answer = self.url_open(f"/my/invoices/{own.id}?report_type=html")
        self.assertEqual(answer.status_code, 200)
        text = answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")
        self.assertIn("9 600,00 €", text)
        self.assertTrue(text.startswith("<!DOCTYPE html>"))
        self.assertIn('id="wrapwrap"', text)
        answer = self.url_open(f"/my/invoices/{other.id}?report_type=html")
        self.assertNotIn("92,40", answer.content.decode())

    def test_accountant_sees_the_page_while_choosing_options(self):
        user = new_test_user(
            self.env,
            "page-accountant",
            groups="account.group_account_manager,"
            "usage_billing.group_usage_billing_manager",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        template = self.company._fr_get_template()
        self.start_tour(
            f"/odoo/action-fr_invoicing.fr_invoice_template_action/{template.id}",
            "fr_invoicing_template",
            login=user.login,
        )
        self.assertEqual(template.brand_name, "Marque Exemple")
        self.assertEqual(template.version_id.options["grouping"], "site")


@tagged("post_install", "-at_install")
class TestTemplatePreview(HttpCase):
    def setUp(self):
        super().setUp()
        self.template = self.env["fr.invoice.template"].create({"name": "Essai"})
        self.company = self.template.company_id
        new_test_user(self.env, "page-user", groups="account.group_account_manager")
        new_test_user(self.env, "page-nobody", groups="base.group_portal")

    def test_preview_is_a_pdf_for_who_may_read_templates(self):
        self.authenticate("page-user", "page-user")
        version = self.template.version_id
        for url in (
            f"/fr_invoicing/template/{self.template.id}/fr",
            f"/fr_invoicing/template/version/{version.id}/en",
        ):
            answer = self.url_open(url)
            self.assertEqual(answer.status_code, 200)
            self.assertTrue(answer.content.startswith(b"%PDF-"))
        missing = self.url_open(f"/fr_invoicing/template/{self.template.id}/xx")
        self.assertEqual(missing.status_code, 404)

    def test_preview_is_refused_to_others(self):
        url = f"/fr_invoicing/template/{self.template.id}/fr"
        self.authenticate("page-nobody", "page-nobody")
        self.assertEqual(self.url_open(url).status_code, 403)
        self.authenticate(None, None)
        answer = self.url_open(url, allow_redirects=False)
        self.assertEqual(answer.status_code, 303)
