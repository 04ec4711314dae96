# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..ledger import penalties
from ..wizards.fr_setup import BLOCKS
from .common import FrInvoicingCommon


class SetupCommon(FrInvoicingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = new_test_user(
            cls.env,
            "setup_accountant",
            groups="account.group_account_manager,base.group_partner_manager,"
            "product.group_product_manager",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        # a tax that no invoice can bear, from the accounting tests of Odoo
        cls.env["account.tax"].search(
            [("company_id", "=", cls.company.id), ("amount_type", "=", "group")]
        ).active = False
        start = penalties.half_year(fields.Date.context_today(cls.company))
        rates = cls.env["fr.penalty.rate"].sudo()
        if not rates.search([("date_start", "=", start)]):
            rates.create(
                {"date_start": start, "ecb": "2.15", "legal": "2.62", "source": "test"}
            )

    @classmethod
    def _forget(cls):
        """Take the identity of the company away."""
        cls.company.partner_id.bank_ids.unlink()
        cls.company.write(
            {
                "vat": False,
                "company_registry": False,
                "fr_siren": False,
                "fr_siret": False,
                "fr_legal_form": False,
                "fr_share_capital": 0,
                "fr_registry_city": False,
            }
        )

    def _open(self, user=None):
        setups = self.env["fr.setup"].with_user(user or self.accountant)
        return setups.with_company(self.company).create({"company_id": self.company.id})


@tagged("post_install", "-at_install")
class TestSetup(SetupCommon):
    def test_a_complete_company_is_ready(self):
        setup = self._open()
        self.company._fr_ensure_territories()
        setup.invalidate_recordset()
        todo = {
            name: setup[f"{name}_todo"]
            for name in ("identity", "address", "vat", "taxes", "terms", "bank")
        }
        self.assertEqual(set(todo.values()), {False}, todo)
        self.assertTrue(setup.is_ready)
        self.assertEqual(setup.platform_state, "optional")
        self.assertEqual(setup.territory_name, "Mainland France")
        self.assertIn("40", setup.mentions_preview)

    def test_from_nothing_to_ready(self):
        self._forget()
        setup = self._open()
        self.assertFalse(setup.is_ready)
        self.assertEqual(setup.identity_state, "todo")
        setup.write(
            {
                "company_registry": "100 000 009 00017",
                "fr_legal_form": "SAS",
                "fr_share_capital": 1000,
                "fr_registry_city": "Lyon",
            }
        )
        self.assertEqual(setup.siren, "100000009")
        self.assertEqual(setup.proposed_vat, "FR88100000009")
        setup.action_take_vat()
        setup.new_iban = "FR76 3000 6000 0112 3456 7890 189"
        setup.action_add_bank()
        setup.action_apply_taxes()
        setup.invalidate_recordset()
        self.assertTrue(setup.is_ready, setup.read())
        self.assertEqual(self.company.vat, "FR88100000009")
        self.assertEqual(self.company.fr_siren, "100000009")
        self.assertEqual(self.company.partner_id.bank_ids.acc_type, "iban")
        self.assertFalse([f for f in self.company._fr_check() if f.is_fatal])
        # and the first invoice is valid
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertValid(move)

    def test_wrong_numbers_are_said(self):
        setup = self._open()
        setup.company_registry = "10000000900018"
        self.assertIn("neither", setup.identity_todo)
        setup = self._open()
        self.company.partner_id.with_context(no_vat_validation=True).vat = False
        setup.invalidate_recordset()
        self.assertIn("TVA number", setup.vat_todo)
        setup.new_iban = "FR76 0000"
        with self.assertRaisesRegex(UserError, "IBAN"):
            setup.action_add_bank()

    def test_the_exemption_scheme_needs_no_number(self):
        setup = self._open()
        setup.write({"fr_vat_regime": "franchise", "vat": False})
        self.assertTrue(self.company.fr_vat_franchise)
        self.assertEqual(setup.vat_state, "done")
        self.assertFalse(setup.proposed_vat)
        self.assertIn("293 B", setup.mentions_preview)

    def test_a_rate_below_the_minimum_and_a_missing_half_year(self):
        setup = self._open()
        setup.write({"fr_late_penalty_rate": 2, "fr_late_penalty": "rate"})
        self.assertIn("three times", setup.terms_todo)
        self.env["fr.penalty.rate"].sudo().search([], limit=1).unlink()
        setup.invalidate_recordset()
        self.assertIn("reference rates", setup.terms_todo)

    def test_each_territory_has_a_name(self):
        setup = self._open()
        for postcode, word in (("20000", "Corsica"), ("97410", "Réunion")):
            setup.zip = postcode
            self.assertIn(word, setup.territory_name)

    def test_only_an_accountant_of_the_company_may(self):
        other = self.env["res.company"].create({"name": "Autre"})
        stranger = new_test_user(
            self.env,
            "setup_stranger",
            groups="account.group_account_manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        with self.assertRaises(AccessError):
            self._open(stranger).write({"city": "Nantes"})
        biller = new_test_user(
            self.env, "setup_biller", groups="account.group_account_invoice"
        )
        with self.assertRaises(AccessError):
            self._open(biller)


@tagged("post_install", "-at_install")
class TestFreshCompany(SetupCommon):
    """Nothing but a name and a SIREN, then one page, then a valid invoice."""

    def test_from_a_siren_to_an_invoice_that_is_sent(self):
        company = self.env["res.company"].create(
            {"name": "Nouvelle Société", "country_id": self.env.ref("base.fr").id}
        )
        self.assertFalse(company.chart_template)
        user = new_test_user(
            self.env,
            "setup_founder",
            groups="account.group_account_manager,base.group_partner_manager,"
            "product.group_product_manager",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )
        env = self.env(user=user, context={"allowed_company_ids": company.ids})
        setup = env["fr.setup"].create({"company_id": company.id})
        setup.company_registry = "200 000 008"
        self.assertEqual(setup.siren, "200000008")
        setup.action_take_vat()
        setup.action_apply_taxes()
        setup.write(
            {
                "street": "4 rue des Lilas",
                "zip": "69003",
                "city": "Lyon",
                "email": "facturation@nouvelle.example.com",
                "fr_legal_form": "SAS",
                "fr_share_capital": 1000,
                "fr_registry_city": "Lyon",
                "new_iban": "FR76 3000 6000 0112 3456 7890 189",
            }
        )
        setup.action_add_bank()
        setup.invalidate_recordset()
        todo = {name: setup[f"{name}_todo"] for name in BLOCKS}
        self.assertTrue(setup.is_ready, todo)
        self.assertEqual(company.chart_template, "fr")

        # from here on Odoo's ordinary models, and a customer with a SIREN alone
        customer = env["res.partner"].create(
            {
                "name": "Premier Client",
                "is_company": True,
                "company_registry": "100000009",
                "street": "1 rue de la Paix",
                "zip": "75002",
                "city": "Paris",
                "country_id": env.ref("base.fr").id,
                "email": "client@example.com",
                "customer_rank": 1,
            }
        )
        product = env["product.product"].create(
            {"name": "Hébergement", "type": "service", "list_price": 100}
        )
        move = env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": customer.id,
                "invoice_line_ids": [Command.create({"product_id": product.id})],
            }
        )
        self.assertEqual(move.amount_total, 120)
        found = (
            env["fr.blocker"]
            ._refresh(company)
            .filtered(lambda b: b.severity == "1_fatal")
        )
        self.assertFalse(found, found.mapped("message"))
        move.action_post()
        self.assertTrue(move.fr_sealed_at)
        wizard = (
            env["account.move.send.wizard"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"move_id": move.id, "sending_methods": ["email"]})
        )
        wizard.action_send_and_print()
        self.assertEqual(move.fr_facturx_state, "valid", move.fr_facturx_findings)
        self.assertTrue(move.invoice_pdf_report_id)
        self.assertTrue(move.is_move_sent)


@tagged("post_install", "-at_install")
class TestBlockers(SetupCommon):
    def _find(self, record=None):
        found = self.env["fr.blocker"]._refresh(self.company)
        if record is None:
            return found
        return found.filtered(
            lambda b: b.res_model == record._name and b.res_id == record.id
        )

    def _customer(self, name, **values):
        return self._make_partner(
            name, is_company=True, city="Lyon", customer_rank=1, **values
        )

    def test_a_customer_without_siren(self):
        partner = self._customer("Client sans SIREN")
        blocker = self._find(partner)
        self.assertEqual(blocker.severity, "1_fatal")
        self.assertFalse(blocker.fix)
        action = blocker.action_open_record()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("res.partner", partner.id)
        )

    def test_the_siren_is_read_from_a_number_without_prefix(self):
        partner = self._customer("Client", vat="37200000008")
        partner.fr_siren = False
        blocker = self._find(partner)
        self.assertEqual(blocker.mapped("fix"), ["siren"])
        blocker.with_user(self.accountant).action_fix()
        self.assertEqual(partner.fr_siren, "200000008")
        self.assertFalse(
            self._find(partner).filtered(lambda b: b.severity == "1_fatal")
        )

    def test_the_tva_number_is_computed_in_bulk(self):
        partners = self._customer("Un", company_registry="20000000800017")
        partners += self._customer("Deux", company_registry="100000009")
        found = self._find(partners[0]) + self._find(partners[1])
        found = self.env["fr.blocker"].search([("res_id", "in", partners.ids)])
        self.assertEqual(set(found.mapped("severity")), {"3_advice"})
        found.with_user(self.accountant).action_fix()
        self.assertEqual(partners.mapped("vat"), ["FR37200000008", "FR88100000009"])
        self.assertFalse(found.exists())

    def test_a_customer_without_country(self):
        partner = self._customer(
            "Sans pays", company_registry="20000000800017", zip="69001"
        )
        partner.country_id = False
        blocker = self._find(partner).filtered(lambda b: b.fix == "country")
        blocker.with_user(self.accountant).action_fix()
        self.assertEqual(partner.country_id.code, "FR")

    def test_a_product_without_tax(self):
        product = self.service.product_tmpl_id
        product.taxes_id = [Command.clear()]
        self.company.account_sale_tax_id = self._tax("tva_normale")
        blocker = self._find(product)
        self.assertEqual((blocker.severity, blocker.fix), ("1_fatal", "tax"))
        blocker.with_user(self.accountant).action_fix()
        self.assertEqual(product.taxes_id, self._tax("tva_normale"))

    def test_the_company_stands_first(self):
        self.company.partner_id.write({"fr_siren": False, "company_registry": False})
        self.company.vat = False
        self.company.partner_id.fr_siren = False
        models = self._find().mapped("res_model")
        self.assertIn("res.company", models)

    def test_thousands_of_customers(self):
        count = 2000
        self.env["res.partner"].create(
            [
                {
                    "name": f"Client {number}",
                    "is_company": True,
                    "customer_rank": 1,
                    "city": "Lyon",
                    "country_id": self.env.ref("base.fr").id,
                }
                for number in range(count)
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        found = self._find()
        queries = self.env.cr.sql_log_count - before
        self.assertGreaterEqual(len(found), count)
        self.assertLess(queries, 400)

    def test_another_company_is_not_shown(self):
        self._customer("Client sans SIREN")
        self._find()
        other = self.env["res.company"].create({"name": "Autre"})
        stranger = new_test_user(
            self.env,
            "blocker_stranger",
            groups="account.group_account_manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.assertFalse(self.env["fr.blocker"].with_user(stranger).search([]))
        with self.assertRaises(UserError):
            self.env["fr.blocker"].with_user(stranger).action_open_report()


@tagged("post_install", "-at_install")
class TestSetupTour(HttpCase, SetupCommon):
    def test_tour(self):
        self._forget()
        self._make_partner(
            "Client sans SIREN", is_company=True, city="Lyon", customer_rank=1
        )
        self.accountant.password = "setup_accountant"
        self.start_tour(
            "/odoo/french-setup", "fr_invoicing_setup", login="setup_accountant"
        )
        self.assertEqual(self.company.fr_siren, "100000009")
        self.assertEqual(self.company.vat, "FR88100000009")
        self.assertEqual(self.company.fr_registry_city, "Lyon")
