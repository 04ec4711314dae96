# Part of Relevé. See LICENSE file for full copyright and licensing details.
from .common import siren, siret, vat


class PartyScenarios:
    """Who sells, who buys, where it goes, what is attached."""

    def test_delivery_to_another_address(self):
        place = self.make_partner(
            "Entrepôt Nord",
            type="delivery",
            parent_id=self.business.id,
            city="Lille",
            zip="59000",
        )
        move = self.invoice(self.line(product=self.good), partner_shipping_id=place.id)
        self.play(move, {"BT-78": "59000", "BT-80": "FR"})

    def test_invoice_to_a_contact_of_the_customer(self):
        contact = self.make_partner(
            "Comptabilité fournisseurs",
            type="invoice",
            parent_id=self.business.id,
            city="Villeurbanne",
            zip="69100",
            email="fournisseurs@client.example.com",
        )
        move = self.invoice(partner=contact)
        self.play(
            move,
            {"BT-44": self.business.name, "BT-47": "200000008", "BT-49": "200000008"},
        )

    def test_customer_known_by_its_vat_number_only(self):
        number = siren("61000000")
        buyer = self.make_business(
            "Client TVA SARL", "61000000", company_registry=False
        )
        self.play(
            self.invoice(partner=buyer),
            {"BT-47": number, "BT-48": vat(number), "BT-46": None},
        )

    def test_customer_known_by_its_siren_only(self):
        """An association: SIREN, no VAT number."""
        number = siren("62000000")
        buyer = self.make_business(
            "Association Exemple", "62000000", vat=False, company_registry=number
        )
        self.play(self.invoice(partner=buyer), {"BT-47": number, "BT-48": None})

    def test_customer_with_blanks_in_its_numbers(self):
        number = siren("63000000")
        whole = siret(number)
        spaced = f"{whole[:3]} {whole[3:6]} {whole[6:9]} {whole[9:]}"
        buyer = self.make_business(
            "Client Espaces SARL", "63000000", company_registry=spaced
        )
        self.play(self.invoice(partner=buyer), {"BT-47": number, "BT-46": whole})

    def test_sole_trader(self):
        """A person with a SIREN buys as a business."""
        number = siren("64000000")
        buyer = self.make_business(
            "Une Artisane", "64000000", is_company=False, vat=False
        )
        found = self.play(self.invoice(partner=buyer), {"BT-47": number})
        self.assertEqual(found.note("BAR"), "B2B")

    def test_second_establishment(self):
        number = siren("65000000")
        buyer = self.make_business(
            "Client Deux Sites SAS", "65000000", company_registry=siret(number, "0002")
        )
        self.play(self.invoice(partner=buyer), {"BT-46": siret(number, "0002")})

    def test_customer_without_e_mail(self):
        self.business.email = False
        self.play(self.invoice(), {"BT-49": "200000008"})

    def test_person_without_e_mail(self):
        self.person.email = False
        found = self.play(self.invoice(partner=self.person))
        self.assertTrue(found.one("BT-49"))

    def test_person_without_street(self):
        self.person.write({"street": False, "city": False, "zip": False})
        self.play(self.invoice(partner=self.person), {"BT-55": "FR"})

    def test_person_abroad(self):
        buyer = self.make_partner(
            "Someone", country="base.us", email="someone@example.com", lang="en_US"
        )
        found = self.play(self.invoice(partner=buyer), language="en")
        self.assertIn(found.note("BAR"), ("B2C", "B2CINT"))

    def test_name_that_xml_must_escape(self):
        self.business.name = 'Martin & Fils <"R&D">'
        self.play(self.invoice(), {"BT-44": 'Martin & Fils <"R&D">'})

    def test_name_with_emoji(self):
        self.business.name = "Café 🚀 Réseau"
        self.service.name = "Serveur 🚀"
        found = self.play(self.invoice(), with_names=False)
        self.assertTrue(found.one("BT-44").startswith("Café"))

    def test_name_of_a_thousand_characters(self):
        self.business.name = "Société " + "très " * 198
        self.assertGreater(len(self.business.name), 990)
        self.play(self.invoice())

    def test_line_of_a_thousand_characters(self):
        self.play(self.invoice(self.line(name="Prestation " + "x" * 1000)))

    def test_names_in_other_scripts(self):
        self.business.name = "株式会社 例 – Ελλάδα"
        found = self.play(self.invoice(), with_names=False)
        self.assertIn("株式会社", found.one("BT-44"))

    def test_control_characters_are_dropped(self):
        move = self.invoice(self.line(name="Texte\x0bavec\x0c contrôle\x1f"))
        self.play(move, with_names=False)

    def test_address_of_three_lines(self):
        self.business.write({"street": "Bâtiment B", "street2": "12 rue Longue"})
        self.play(self.invoice(), {"BT-50": "Bâtiment B"})

    def test_customer_in_martinique(self):
        buyer = self.make_business(
            "Client Martinique SARL",
            "66000000",
            country="base.mq",
            zip="97200",
            city="Fort-de-France",
        )
        tax = self.tax_of(8.5, "tva_normale_encaissement")
        move = self.invoice(self.line(tax=tax), partner=buyer)
        found = self.play(move, {"BT-47": siren("66000000"), "BT-112": "108.50"})
        self.assertIn(found.one("BT-55"), ("FR", "MQ"))

    def test_public_buyer(self):
        """Chorus Pro: service code BT-10, commitment BT-13, market BT-12."""
        buyer = self.make_business(
            "Commune Exemple",
            "21000000",
            vat=False,
            zip="31000",
            city="Toulouse",
        )
        move = self.invoice(
            partner=buyer,
            fr_buyer_reference="SERVICE-12",
            fr_contract_reference="MARCHE-2026-7",
            ref="ENG-2026-42",
        )
        found = self.play(
            move,
            {
                "BT-10": "SERVICE-12",
                "BT-12": "MARCHE-2026-7",
                "BT-13": "ENG-2026-42",
                "BT-47": siren("21000000"),
            },
        )
        self.assertEqual(found.note("BAR"), "B2B")

    def test_order_number_of_the_customer(self):
        order = self.order((self.service, 1, 100), client_order_ref="CDE-99")
        order.order_line.qty_delivered = 1
        found = self.play(self.bill_order(order), {"BT-13": "CDE-99"})
        self.assertIn(found.one("BT-14"), (None, order.name))

    def test_internal_files_do_not_leave(self):
        """What users pin on an invoice stays inside, unless they send it."""
        move = self.invoice()
        self.env["ir.attachment"].create(
            {
                "name": "marge.csv",
                "raw": b"cost;margin",
                "res_model": "account.move",
                "res_id": move.id,
            }
        )
        self.play(move, {"BT-125": None})

    def test_every_document_of_a_batch_is_valid(self):
        """Twelve invoices sent at once, as from the list."""
        partners = (self.business, self.person, self.german)
        moves = self.env["account.move"]
        for number in range(12):
            moves |= self.invoice(
                self.line(number + 1, 9.99), partner=partners[number % 3]
            )
        moves.action_post()
        self.send(moves)
        for move in moves:
            self.check(move, language="en" if move.partner_id == self.german else "fr")
