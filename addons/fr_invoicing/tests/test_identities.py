# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import RedirectWarning, ValidationError
from odoo.tests import tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestIdentities(FrInvoicingCommon):
    def test_siren_comes_from_the_vat_number(self):
        partner = self._make_partner("A", is_company=True, vat="FR37200000008")
        self.assertEqual(partner.fr_siren, "200000008")
        self.assertEqual(partner.fr_eaddress, "200000008")
        self.assertFalse(partner.fr_siret)

    def test_siren_and_siret_come_from_the_company_id(self):
        partner = self._make_partner("A", company_registry="200 000 008 00017")
        self.assertEqual(partner.fr_siren, "200000008")
        self.assertEqual(partner.fr_siret, "20000000800017")

    def test_typed_siren_survives_another_change(self):
        partner = self._make_partner("A", is_company=True, fr_siren="200000008")
        partner.email = "a@example.com"
        self.assertEqual(partner.fr_siren, "200000008")

    def test_wrong_keys_are_refused_with_the_value(self):
        with self.assertRaisesRegex(ValidationError, "200000009"):
            self._make_partner("A", fr_siren="200000009")
        with self.assertRaisesRegex(ValidationError, "20000000800018"):
            self._make_partner("A", fr_siret="20000000800018")
        with self.assertRaisesRegex(ValidationError, "does not begin"):
            self._make_partner("A", fr_siren="200000008", fr_siret="10000000900017")
        with self.assertRaisesRegex(ValidationError, "e-invoicing address"):
            self._make_partner("A", fr_siren="200000008", fr_eaddress="200 000 008")

    def test_french_business_without_siren_stops_the_posting(self):
        partner = self._make_partner("Sans Numéro", is_company=True)
        move = self._make_invoice([self._line()], partner, post=False)
        self.assertIn("fr_buyer-siren", move.alerts)
        with self.assertRaisesRegex(RedirectWarning, "Sans Numéro.*SIREN"):
            move.action_post()
        self.assertEqual(move.state, "draft")
        partner.vat = "FR37200000008"
        move.action_post()
        self.assertEqual(move.state, "posted")

    def test_posting_is_not_stopped_where_the_company_says_so(self):
        self.company.fr_check_on_post = False
        partner = self._make_partner("Sans Numéro", is_company=True)
        move = self._make_invoice([self._line()], partner)
        self.assertEqual(move.state, "posted")

    def test_person_and_foreign_business_need_no_siren(self):
        for partner in (self.person, self.german, self.american):
            move = self._make_invoice([self._line()], partner)
            self.assertEqual(move.state, "posted")

    def test_contact_of_a_business_uses_its_numbers(self):
        contact = self._make_partner("Service comptable", parent_id=self.business.id)
        move = self._make_invoice([self._line()], contact)
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(
            self._texts(move, "//ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/*"),
            ["200000008"],
        )

    def test_company_without_siren_is_told_what_to_fill_in(self):
        self.company.write({"company_registry": False, "vat": False})
        self.company.partner_id.write({"fr_siren": False, "fr_siret": False})
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertEqual(move.fr_facturx_state, "invalid")
        self.assertEqual(self._rules(move)[:2], ["SELLER-SIREN", "SELLER-VAT"])
        self.assertIn("Settings", move._fr_get_findings_text())

    def test_findings_are_read_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.company.fr_check_on_post = False
        nameless = self._make_partner("Sans SIREN", is_company=True, email="a@b.fr")
        move = self._make_invoice([self._line()], nameless)
        move._fr_generate_facturx()
        self.assertIn("French business", move._fr_get_findings_text())
        french = move.with_context(lang="fr_FR")
        self.assertIn("entreprise française", french._fr_get_findings_text())
        self.assertIn("entreprise française", str(french.fr_facturx_findings_html))

    def test_vat_number_without_prefix_gets_it(self):
        self.business.write({"vat": "37200000008"})
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertValid(move)
        path = "//ram:BuyerTradeParty/ram:SpecifiedTaxRegistration/*"
        self.assertEqual(self._texts(move, path), ["FR37200000008"])

    def test_person_without_address_gets_paper(self):
        self.person.email = False
        move = self._make_invoice([self._line()], self.person)
        move._fr_generate_facturx()
        self.assertValid(move)
        rules = [finding["rule"] for finding in move.fr_facturx_findings]
        self.assertIn("BUYER-ENDPOINT-REPLACED", rules)

    def test_chart_taxes_know_their_regime(self):
        expected = {
            "tva_normale": "standard",
            "tva_sale_service_intra_0": "intra_services",
            "tva_sale_good_intra_0": "intra_goods",
            "tva_sale_good_export_0": "export_goods",
            "tva_sale_service_0": "exempt",
        }
        found = {name: self._tax(name).fr_tax_profile_id.code for name in expected}
        self.assertEqual(found, expected)

    def test_hand_made_zero_tax_is_read_from_the_customer(self):
        tax = self.env["account.tax"].create(
            {"name": "0 %", "amount": 0, "type_tax_use": "sale"}
        )
        self.assertEqual(tax._fr_get_regime("services", self.german)[0], "AE")
        self.assertEqual(tax._fr_get_regime("goods", self.german)[0], "K")
        self.assertEqual(tax._fr_get_regime("goods", self.american)[0], "G")
        found = tax._fr_get_situation("goods", self.business)
        self.assertEqual(found.regime, "unknown")
