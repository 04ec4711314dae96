# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
import re
from decimal import Decimal
from unittest.mock import patch

from pypdf import PdfReader

from odoo import Command
from odoo.tests import tagged

from odoo.addons.usage_billing.tests.common import UsageFactory

from .. import bridge
from ..einvoice import pdf
from ..report import fr_invoice_page
from .common import FrInvoicingCommon

MONEY = re.compile(r"-?[0-9][0-9 ]*,[0-9]{2}(?![0-9])")


class PageCase(FrInvoicingCommon):
    """Draws pages as they are issued, without the official rules: those are slow."""

    def _draw(self, move):
        """Give the PDF of the page."""
        page, move = self.env["fr.invoice.page"], move.sudo()  # as issuing does
        builder = bridge.DocumentBuilder(move, move._fr_get_wordings()[move])
        html = page._render(move, builder.build(), builder)
        return pdf.render_page(html, fonts=page._get_fonts())

    def _text(self, content):
        """Give the text of a PDF, spaces that do not break made plain."""
        pages = PdfReader(io.BytesIO(content)).pages
        text = "\n".join(page.extract_text() for page in pages)
        return text.replace("\N{NO-BREAK SPACE}", " ")

    def _page(self, move):
        return self._text(self._draw(move))

    def _structure(self, content):
        """Give every structure element of a tagged PDF."""
        root = PdfReader(io.BytesIO(content)).trailer["/Root"]["/StructTreeRoot"]
        found, todo = [], [root["/K"]]
        while todo:
            item = todo.pop()
            item = item.get_object() if hasattr(item, "get_object") else item
            if isinstance(item, list):
                todo += reversed(item)
            elif isinstance(item, dict) and "/S" in item:
                found.append(item)
                if "/K" in item:
                    todo.append(item["/K"])
        return found


@tagged("post_install", "-at_install")
class TestInvoicePage(PageCase):
    def test_every_amount_of_the_xml_is_on_the_page(self):
        move = self._make_invoice(
            [
                self._line(200, 40, name="Instances"),
                self._line(3, 33.33, product=self.good, name="Routeur", discount=10),
                self._line(
                    2, 15.5, tax_ids=[Command.set(self._tax("tva_reduite").ids)]
                ),
            ]
        )
        document = bridge.DocumentBuilder(move, move._fr_get_wordings()[move]).build()
        shown = {
            Decimal(text.replace(" ", "").replace(",", "."))
            for text in MONEY.findall(self._page(move))
        }
        wanted = {line.net_amount for line in document.lines}
        wanted |= {tax.basis for tax in document.taxes}
        wanted |= {tax.amount for tax in document.taxes}
        wanted |= {document.untaxed_total, document.grand_total, document.due_total}
        self.assertFalse(wanted - shown)

    def test_sections_show_what_stands_under_them(self):
        move = self._make_invoice(
            [
                {"display_type": "line_section", "name": "Abonnements"},
                self._line(1, 240),
                self._line(2, 30.25),
                {"display_type": "line_section", "name": "Travaux"},
                self._line(1, 80),
            ]
        )
        text = self._page(move)
        self.assertRegex(text, r"Abonnements\s*300,50")
        self.assertRegex(text, r"Travaux\s*80,00")

    def test_site_comes_from_the_delivery_and_cost_centre_from_the_analytic(self):
        plan = self.env["account.analytic.plan"].create({"name": "Centres"})
        accounts = self.env["account.analytic.account"].create(
            [
                {"name": name, "plan_id": plan.id, "company_id": self.company.id}
                for name in ("Recherche", "Ventes")
            ]
        )
        move = self._make_invoice(
            [
                self._line(1, 10, analytic_distribution={str(accounts[0].id): 100}),
                self._line(1, 20, analytic_distribution={str(accounts[1].id): 100}),
                self._line(1, 5, analytic_distribution={str(accounts[0].id): 100}),
                self._line(1, 7),
            ],
            fr_page_grouping="cost_centre",
        )
        text = self._page(move)
        self.assertRegex(text, r"Recherche\s*15,00")
        self.assertRegex(text, r"Ventes\s*20,00")
        self.assertRegex(text, r"Autres lignes\s*7,00")

    def test_summary_has_one_row_per_service_and_the_details_may_follow(self):
        lines = [self._line(1, 10, name=f"Ligne {number}") for number in range(3)]
        move = self._make_invoice(lines, fr_page_detail="summary")
        text = self._page(move)
        self.assertIn("Synthèse", text)
        self.assertRegex(text, r"Machine virtuelle\s*3\s*20 %\s*30,00")
        self.assertNotIn("Ligne 0", text)
        move.fr_page_detail = "both"
        text = self._page(move)
        self.assertIn("Relevé détaillé", text)
        self.assertIn("Ligne 2", text)

    def test_invoice_too_long_to_read_is_summed_up(self):
        lines = [self._line(1, 10, name=f"Ligne {number}") for number in range(8)]
        move = self._make_invoice(lines, post=False)
        with patch.object(fr_invoice_page, "MOST_ROWS", 5):
            text = self._page(move)
        self.assertRegex(text, r"Machine virtuelle\s*8\s*20 %\s*80,00")
        self.assertIn("Les 8 lignes sont résumées ici", text)
        self.assertNotIn("Ligne 3", text)
        tax = self._tax("tva_normale_encaissement")
        named = [
            {
                "name": f"Ligne {number}",
                "price_unit": 10,
                "tax_ids": [Command.set(tax.ids)],
            }
            for number in range(8)
        ]
        move = self._make_invoice(named, post=False)
        with patch.object(fr_invoice_page, "MOST_ROWS", 5):
            text = self._page(move)
        self.assertRegex(text, r"Ensemble des lignes\s*8\s*20 %\s*80,00")

    def test_long_invoice_repeats_its_head_and_keeps_the_totals_with_lines(self):
        lines = [self._line(1, 10, name=f"Ressource {index}") for index in range(120)]
        content = self._draw(self._make_invoice(lines))
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
        self.assertGreater(len(pages), 2)
        for number, text in enumerate(pages, start=1):
            self.assertIn(f"{number} / {len(pages)}", text)
            self.assertIn("RCS Paris", text)
        for text in pages[:-1]:
            self.assertIn("Désignation", text)
        self.assertIn("INV/2026", pages[1])
        last = next(text for text in pages if "Total TTC" in text)
        self.assertRegex(last, r"Ressource \d+", "totals alone on a page")

    def test_name_of_a_thousand_signs_in_any_script_is_printed(self):
        names = ("Société interminable " * 48, "x" * 1000, "شركة 🚀 雲 Łódź " * 60)
        for name in names:
            self.business.name = name[:1000].strip()
            content = self._draw(self._make_invoice([self._line(name=name)]))
            self.assertNotIn(b"/.notdef", content)
            self.assertIn("120,00", self._text(content))

    def test_page_can_be_read_aloud(self):
        move = self._make_invoice([self._line(), self._line(2, 50)])
        content = self._draw(move)
        catalog = PdfReader(io.BytesIO(content)).trailer["/Root"]
        self.assertEqual(catalog["/Lang"], "fr")
        elements = self._structure(content)
        kinds = [item["/S"] for item in elements]
        self.assertEqual(kinds.count("/H1"), 1)
        self.assertIn("/H2", kinds)
        for item in elements:
            if item["/S"] == "/Figure":
                self.assertTrue(item.get("/Alt"))
            if item["/S"] == "/TH":
                self.assertIn(item["/A"]["/Scope"], ("/Column", "/Row"))
        self.assertIn("/Figure", kinds)
        scopes = {item["/A"]["/Scope"] for item in elements if item["/S"] == "/TH"}
        self.assertEqual(scopes, {"/Column", "/Row"})
        # blocks side by side are no tables: lines, taxes and totals are
        self.assertEqual(kinds.count("/Table"), 3)

    def test_qr_code_is_for_transfers_in_euros_only(self):
        usd = self.env.ref("base.USD")
        usd.active = True
        euro = self._make_invoice([self._line()])
        dollars = self._make_invoice([self._line()], currency_id=usd.id)
        credit_note = self._credit(euro)
        self.assertIn("Scannez pour payer", self._page(euro))
        self.assertNotIn("Scannez", self._page(dollars))
        text = self._page(credit_note)
        self.assertNotIn("Scannez", text)
        self.assertNotIn("IBAN", text)
        self.assertIn(euro.name, text)

    def test_reverse_charge_says_why_there_is_no_tax(self):
        text = self._page(self._make_invoice([self._line()], self.german))
        self.assertIn("Reverse charge", text)
        self.assertIn("DE123456788", text)
        self.assertIn("Germany", text)

    def test_browser_gets_the_same_page_for_portal_and_print_preview(self):
        move = self._make_invoice([self._line(200, 40)])
        report = self.env["ir.actions.report"]
        html, kind = report._render_qweb_html(
            "account.report_invoice_with_payments", move.ids
        )
        self.assertEqual(kind, "html")
        text = html.decode().replace("\N{NO-BREAK SPACE}", " ")
        self.assertIn("9 600,00 €", text)
        self.assertIn('id="wrapwrap"', text)
        self.assertIn("/fr_invoicing/static/fonts/Inter-Regular.ttf", text)
        self.assertNotIn("font:regular", text)

    def test_texts_of_users_are_never_markup(self):
        self.business.name = "<script>alert(1)</script>"
        move = self._make_invoice(
            [self._line(name="<img src=x onerror=alert(1)>")],
            narration="<p>&lt;b&gt;gras&lt;/b&gt;</p>",
        )
        html = move._fr_get_page_html().decode()
        self.assertNotIn("<script", html)
        self.assertNotIn("<img src=x", html)
        self.assertIn("&lt;script&gt;", html)


@tagged("post_install", "-at_install")
class TestUsagePage(UsageFactory, PageCase):
    """Measured usage: steps, true figures, sums per service and place."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        cls.meter = cls._create_meter("api", unit_code="C62")
        cls.product = cls.service
        cls.plan = cls._create_plan(
            [
                {
                    "name": "Appels",
                    "model": "graduated",
                    "meter_id": cls.meter.id,
                    "unit_label": "appel",
                    "tier_ids": [
                        (0, 0, {"up_to": "1000", "unit_price": "0"}),
                        (0, 0, {"up_to": "10000", "unit_price": "0.01"}),
                        (0, 0, {"unit_price": "0.0000004"}),
                    ],
                },
                {"name": "Forfait", "model": "flat", "unit_price": "12.50"},
            ]
        )

    def _invoice(self, *places):
        for place in places or (self.business,):
            subscription = self._create_subscription(
                self.plan, partner_id=place.id, payer_id=self.business.id
            )
            self._add_usage(subscription, "api", 12000, 345678)
        return self._bill().move_ids

    def test_steps_show_what_was_measured_and_add_up(self):
        move = self._invoice()
        text = self._page(move)
        # 1,000 free, 9,000 at 0.01 and 347,678 at 0.0000004 (0.14)
        self.assertRegex(text, r"Appels\s*357 678\s*appels\s*90,14")
        self.assertRegex(text, r"1 000\s*appels\s*0,00\s*20 %\s*0,00")
        self.assertRegex(text, r"9 000\s*appels\s*0,01\s*20 %\s*90,00")
        self.assertRegex(text, r"347 678\s*appels")
        self.assertRegex(text, r"Forfait\s*1\s*12,50\s*20 %\s*12,50")
        self.assertIn("01/09/2026 – 30/09/2026", text)
        self.assertEqual(move.amount_untaxed, 102.64)

    def test_packages_say_what_they_hold_and_what_was_measured(self):
        plan = self._create_plan(
            [
                {
                    "name": "Requêtes",
                    "model": "package",
                    "meter_id": self.meter.id,
                    "unit_label": "appel",
                    "package_size": "1000",
                    "package_price": "2",
                },
            ]
        )
        subscription = self._create_subscription(plan, partner_id=self.business.id)
        self._add_usage(subscription, "api", 161345)
        text = self._page(self._bill().move_ids)
        # 161 whole packages of 1,000 and a started one
        self.assertRegex(text, r"162\s*lots\s*2,00\s*20 %\s*324,00")
        self.assertRegex(text, r"Lots de 1 000 appels · 161 345 appels mesurés")
        self.assertNotRegex(text, r"162\s*appels")

    def test_subscribers_of_one_payer_are_its_sites(self):
        sites = [
            self._make_partner(name, parent_id=self.business.id, type="other")
            for name in ("Site de Lyon", "Site de Brest")
        ]
        move = self._invoice(*sites)
        move.fr_page_grouping = "site"
        text = self._page(move)
        self.assertRegex(text, r"Site de Lyon\s*102,64")
        self.assertRegex(text, r"Site de Brest\s*102,64")

    def test_customer_of_a_reseller_reads_its_brand(self):
        reseller = self._make_partner("Revendeur Exemple SARL", is_company=True)
        reseller.with_company(self.company).fr_brand_template_id = self.env[
            "fr.invoice.template"
        ].create({"name": "Marque", "brand_name": "Nuage du Revendeur"})
        subscription = self._create_subscription(
            self.plan, partner_id=self.business.id, reseller_id=reseller.id
        )
        self._add_usage(subscription, "api", 5000)
        move = self._bill().move_ids
        self.assertEqual(move.fr_invoice_template_id.name, "Marque")
        text = self._page(move)
        self.assertTrue(text.startswith("Nuage du Revendeur"))
        self.assertIn("Vendeur", text)
        self.assertIn(self.company.name, text)

    def test_credit_note_changed_by_hand_shows_its_own_figures(self):
        move = self._invoice()
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "date": move.invoice_date})
        )
        credit = self.env["account.move"].browse(wizard.refund_moves()["res_id"])
        line = credit.invoice_line_ids.filtered(lambda item: item.price_subtotal == 90)
        credit.invoice_line_ids = [
            Command.update(line.id, {"quantity": 100}),
            *(Command.unlink(other.id) for other in credit.invoice_line_ids - line),
        ]
        credit.action_post()
        text = self._page(credit)
        self.assertRegex(text, r"100\s*appels\s*0,01\s*20 %\s*1,00")
        self.assertNotIn("9 000", text)
