# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo import Command


class VatScenarios:
    """Every VAT situation: rates, territories, due dates, exemptions, places."""

    # === Rates of mainland France === #

    def play_rate(self, tax, product, expected, rate):
        move = self.invoice(self.line(3, 33.33, product=product, tax=tax))
        found = self.play(move, {"BT-118": "S", "BT-119": rate})
        self.assertEqual(found.money("BT-112"), Decimal(expected))
        return found

    def test_rate_20_on_payment(self):
        found = self.play_rate(
            "tva_normale_encaissement", self.service, "119.99", "20.00"
        )
        self.assertEqual(found.one("BT-8"), "72")

    def test_rate_10(self):
        self.play_rate(
            "tva_intermediaire_encaissement", self.service, "109.99", "10.00"
        )

    def test_rate_5_5(self):
        self.play_rate("tva_reduite", self.good, "105.49", "5.50")

    def test_rate_2_1(self):
        self.play_rate("tva_super_reduite", self.good, "102.09", "2.10")

    def test_every_mainland_rate_on_one_invoice(self):
        names = ("tva_normale", "tva_intermediaire", "tva_reduite", "tva_super_reduite")
        lines = [
            self.line(quantity, price, product=self.good, tax=name)
            for name in names
            for quantity, price in ((1, 0.05), (3, 7.77), (2, 1234.56))
        ]
        found = self.play(self.invoice(*lines))
        self.assertEqual(len(found.taxes()), 4)
        self.assertEqual(len(found.lines()), 12)

    def test_services_on_debits(self):
        """The option for debits: VAT falls due with the invoice (CGI 269-2-c)."""
        self.company.fr_vat_on_debits = True
        tax = self.tax("tva_normale_encaissement")
        tax.tax_exigibility = "on_invoice"
        found = self.play(self.invoice(), {"BT-8": "5"})
        notes = " ".join(text for _code, text in found.notes())
        self.assertIn("débits", notes)

    # === Territories === #

    def move_company(self, city, postcode, country="base.fr"):
        self.company.write(
            {"city": city, "zip": postcode, "country_id": self.env.ref(country).id}
        )

    def test_reunion_8_5(self):
        self.move_company("Saint-Denis", "97400")
        self.play_rate("tva_specifique", self.good, "108.49", "8.50")

    def test_reunion_as_a_country_of_its_own(self):
        self.move_company("Saint-Denis", "97400", "base.re")
        buyer = self.make_business(
            "Client Réunion SARL", "60000000", country="base.re", zip="97410"
        )
        move = self.invoice(
            self.line(product=self.good, tax="tva_specifique"), partner=buyer
        )
        self.play(move, {"BT-119": "8.50", "BT-112": "108.50"})

    def test_martinique_1_75(self):
        self.move_company("Fort-de-France", "97200")
        tax = self.tax_of(1.75, "tva_super_reduite")
        self.play_rate(tax, self.good, "101.74", "1.75")

    def test_guadeloupe_1_05(self):
        self.move_company("Pointe-à-Pitre", "97110")
        tax = self.tax_of(1.05, "tva_super_reduite")
        self.play_rate(tax, self.good, "101.04", "1.05")

    def test_corsica_13(self):
        self.move_company("Ajaccio", "20000")
        self.play_rate(self.tax_of(13), self.good, "112.99", "13.00")

    def test_corsica_0_9(self):
        self.move_company("Bastia", "20200")
        self.play_rate(self.tax_of(0.9), self.good, "100.89", "0.90")

    def test_corsica_10_and_2_1(self):
        self.move_company("Bastia", "20200")
        move = self.invoice(
            self.line(1, 50, product=self.good, tax="tva_intermediaire"),
            self.line(1, 50, product=self.good, tax="tva_super_reduite"),
        )
        self.play(move, {"BT-112": "106.05"})

    def test_guyane_no_vat(self):
        """No VAT in French Guiana (CGI 294-1): exempt or out of scope, with reason."""
        self.move_company("Cayenne", "97300", "base.gf")
        buyer = self.make_business(
            "Client Guyane SARL", "60000000", country="base.gf", zip="97300"
        )
        move = self.invoice(
            self.line(product=self.good, tax="tva_sale_good_0"), partner=buyer
        )
        found = self.play(move, {"BT-112": "100.00"})
        self.assertIn(found.one("BT-118"), ("E", "O"))
        self.assertTrue(found.one("BT-120"))

    def test_goods_shipped_to_reunion_are_an_export(self):
        """From mainland to an overseas department (CGI 294-2)."""
        buyer = self.make_business(
            "Client Réunion SARL",
            "60000000",
            country="base.re",
            zip="97400",
            city="Saint-Denis",
        )
        move = self.invoice(
            self.line(product=self.good, tax="tva_sale_good_export_0"), partner=buyer
        )
        found = self.play(move, {"BT-112": "100.00"})
        self.assertIn(found.one("BT-118"), ("G", "E"))

    def test_monaco_is_domestic(self):
        buyer = self.make_partner(
            "Client Monaco SAM",
            country="base.mc",
            is_company=True,
            vat="FR37200000008",
            company_registry="20000000800017",
            city="Monaco",
            zip="98000",
            email="compta@monaco.example.com",
        )
        move = self.invoice(partner=buyer)
        self.play(move, {"BT-118": "S", "BT-119": "20.00", "BT-112": "120.00"})

    # === Abroad === #

    def test_services_to_a_business_of_the_union(self):
        found = self.play(
            self.invoice(partner=self.german),
            {
                "BT-118": "AE",
                "BT-121": "VATEX-EU-AE",
                "BT-48": "DE123456788",
                "BT-112": "100.00",
            },
            language="en",
        )
        self.assertEqual(found.note("BAR"), "B2BINT")
        self.assertRegex(found.one("BT-120"), "[Rr]everse charge|Autoliquidation")

    def test_goods_to_a_business_of_the_union(self):
        move = self.invoice(self.line(product=self.good), partner=self.german)
        self.play(
            move,
            {"BT-118": "K", "BT-121": "VATEX-EU-IC", "BT-80": "DE", "BT-23": "B1"},
            language="en",
        )

    def test_goods_and_services_to_a_business_of_the_union(self):
        move = self.invoice(
            self.line(), self.line(product=self.good), partner=self.german
        )
        found = self.play(move, {"BT-23": "M1"}, language="en")
        self.assertEqual({tax.category for tax in found.taxes()}, {"AE", "K"})

    def test_goods_of_the_union_delivered_elsewhere(self):
        place = self.make_partner(
            "Lager",
            country="base.nl",
            type="delivery",
            parent_id=self.german.id,
            city="Rotterdam",
            zip="3011",
        )
        move = self.invoice(
            self.line(product=self.good, tax="tva_sale_good_intra_0"),
            partner=self.german,
            partner_shipping_id=place.id,
        )
        self.play(move, {"BT-118": "K", "BT-80": "NL"}, language="en")

    def test_goods_to_a_consumer_of_the_union(self):
        """Below the 10,000 EUR threshold: French VAT."""
        buyer = self.make_partner(
            "Ein Mensch", country="base.de", email="mensch@example.com", lang="en_US"
        )
        move = self.invoice(self.line(product=self.good), partner=buyer)
        found = self.play(
            move, {"BT-118": "S", "BT-112": "120.00", "BT-48": None}, language="en"
        )
        self.assertIn(found.note("BAR"), ("B2C", "B2CINT"))

    def test_export_of_goods(self):
        move = self.invoice(self.line(product=self.good), partner=self.american)
        found = self.play(
            move, {"BT-118": "G", "BT-121": "VATEX-EU-G", "BT-55": "US"}, language="en"
        )
        self.assertEqual(found.note("BAR"), "B2BINT")

    def test_services_to_a_business_outside_the_union(self):
        found = self.play(
            self.invoice(partner=self.american), {"BT-112": "100.00"}, language="en"
        )
        self.assertIn(found.one("BT-118"), ("G", "O"))
        self.assertTrue(found.one("BT-120"))

    def test_services_to_the_united_kingdom(self):
        buyer = self.make_partner(
            "Customer Ltd",
            country="base.uk",
            is_company=True,
            vat="GB123456782",
            city="London",
            email="ap@ltd.example.com",
            lang="en_US",
        )
        found = self.play(self.invoice(partner=buyer), language="en")
        self.assertIn(found.one("BT-118"), ("G", "O"))

    # === Without VAT === #

    def test_franchise(self):
        """CGI 293 B: no VAT number, no tax on the lines, the mention."""
        self.company.write({"vat": False, "fr_vat_franchise": True})
        move = self.invoice(self.line(tax=self.env["account.tax"]))
        move.invoice_line_ids.tax_ids = False
        found = self.play(
            move,
            {"BT-118": "E", "BT-121": "VATEX-FR-FRANCHISE", "BT-112": "100.00"},
        )
        self.assertRegex(found.one("BT-120"), "non applicable")

    def test_exempt_service(self):
        """Operations of CGI 261 (training, health): exempt with its reason."""
        move = self.invoice(self.line(1, 80, tax="tva_sale_service_0"))
        found = self.play(move, {"BT-118": "E", "BT-112": "80.00"})
        self.assertTrue(found.one("BT-120"))

    def test_exempt_and_taxed_on_one_invoice(self):
        move = self.invoice(
            self.line(1, 80, tax="tva_sale_service_0"), self.line(1, 100)
        )
        found = self.play(move, {"BT-112": "200.00"})
        self.assertEqual({tax.category for tax in found.taxes()}, {"E", "S"})

    def test_domestic_reverse_charge(self):
        """Building subcontractor (CGI 283-2 nonies), by Odoo's own category field."""
        tax = self.tax("tva_sale_service_0").copy(
            {
                "name": "Autoliquidation BTP",
                "ubl_cii_tax_category_code": "AE",
                "ubl_cii_tax_exemption_reason_code": "VATEX-FR-AE",
                "fr_tax_profile_id": False,
            }
        )
        move = self.invoice(self.line(1, 1000, tax=tax))
        found = self.play(
            move, {"BT-118": "AE", "BT-121": "VATEX-FR-AE", "BT-112": "1000.00"}
        )
        self.assertRegex(found.one("BT-120"), "(?i)autoliquidation")
        self.assertEqual(found.note("BAR"), "B2B")

    def test_margin_scheme(self):
        """Second-hand goods (CGI 297 A): no VAT shown, the regime named."""
        tax = self.tax("tva_sale_good_0").copy(
            {
                "name": "Marge",
                "ubl_cii_tax_category_code": "E",
                "ubl_cii_tax_exemption_reason_code": "VATEX-EU-F",
                "fr_tax_profile_id": False,
            }
        )
        move = self.invoice(self.line(1, 350, product=self.good, tax=tax))
        self.play(move, {"BT-118": "E", "BT-121": "VATEX-EU-F", "BT-112": "350.00"})

    def test_late_payment_indemnity_is_outside_vat(self):
        """40 EUR of C. com. D441-5: no operation, category O, no VAT number."""
        tax = self.tax("tva_sale_service_0").copy(
            {
                "name": "Hors champ",
                "ubl_cii_tax_category_code": "O",
                "ubl_cii_tax_exemption_reason_code": "VATEX-EU-O",
                "fr_tax_profile_id": False,
            }
        )
        move = self.invoice(self.line(1, 40, tax=tax, name="Indemnité forfaitaire"))
        self.play(
            move,
            {"BT-118": "O", "BT-31": None, "BT-48": None, "BT-112": "40.00"},
        )

    # === Prices including VAT === #

    def test_consumer_prices_including_vat(self):
        move = self.invoice(
            self.line(3, 9.99, tax="tva_normale_encaissement_ttc"), partner=self.person
        )
        found = self.play(move, {"BT-112": "29.97", "BT-47": None, "BT-48": None})
        self.assertEqual(found.note("BAR"), "B2C")
        # 29.97 x 20 / 120 = 4.995
        self.assertEqual(found.money("BT-109"), Decimal("24.97"))

    def test_consumer_many_lines_including_vat(self):
        prices = (0.99, 1.49, 2.29, 3.33, 7.77, 19.95, 0.05)
        lines = [
            self.line(quantity, price, product=self.good, tax=tax)
            for price in prices
            for quantity, tax in ((1, "tva_normale_ttc"), (3, "tva_reduite_ttc"))
        ]
        move = self.invoice(*lines, partner=self.person)
        expected = sum(Decimal(str(price)) * 4 for price in prices)
        self.play(move, {"BT-112": f"{expected:.2f}"})

    def test_consumer_including_vat_with_discount(self):
        move = self.invoice(
            self.line(7, 19.9, tax="tva_normale_ttc", product=self.good, discount=15),
            partner=self.person,
        )
        # 7 x 19.90 = 139.30; less 15 % = 118.405
        found = self.play(move)
        self.assertIn(found.one("BT-112"), ("118.40", "118.41"))

    def test_company_rounding_of_the_whole_document(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        lines = [self.line(1, price) for price in (0.07, 0.07, 0.07, 33.33, 1.03)]
        self.play(self.invoice(*lines))

    def test_company_rounding_of_each_line(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        lines = [self.line(1, price) for price in (0.07, 0.07, 0.07, 33.33, 1.03)]
        self.play(self.invoice(*lines))

    def test_fiscal_position_of_the_customer_maps_the_tax(self):
        position = self.env.ref(
            f"account.{self.company.id}_fiscal_position_template_intraeub2b"
        )
        self.business.property_account_position_id = position
        self.business.country_id = self.env.ref("base.be")
        self.business.write({"vat": "BE0477472701", "company_registry": False})
        self.business.lang = "fr_FR"
        move = self.invoice(self.line())
        self.assertEqual(
            move.invoice_line_ids.tax_ids, self.tax("tva_sale_service_intra_0")
        )
        self.play(move, {"BT-118": "AE", "BT-48": "BE0477472701"})

    def test_two_taxes_of_the_same_rate_are_one_line_of_vat(self):
        """20 % goods and 20 % services: one breakdown (BR-CO-18, BR-S-08)."""
        move = self.invoice(self.line(1, 0.33), self.line(1, 0.34, product=self.good))
        move.invoice_line_ids[1].tax_ids = [Command.set(self.tax("tva_normale").ids)]
        found = self.play(move)
        self.assertEqual(len(found.taxes()), 1)
