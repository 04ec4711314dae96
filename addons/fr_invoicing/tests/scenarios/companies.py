# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command

from .common import DAY, siren, siret, vat


class CompanyScenarios:
    """Several companies, branches, and companies that are not French."""

    def make_company(self, name, chart, **values):
        company = self.env["res.company"].create({"name": name, **values})
        self.env["account.chart.template"].try_loading(
            chart, company, install_demo=False
        )
        self.env.user.company_ids |= company
        return company

    def in_company(self, company):
        allowed = [company.id, *(company.parent_id.ids)]
        return self.env(context=dict(self.env.context, allowed_company_ids=allowed))

    def bill_of(self, company, partner=None, **line):
        return self.in_company(company)["account.move"].create(
            {
                "move_type": "out_invoice",
                "company_id": company.id,
                "partner_id": (partner or self.business).id,
                "invoice_date": DAY,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Service", "quantity": 1, "price_unit": 10, **line}
                    )
                ],
            }
        )

    def test_second_french_company(self):
        number = siren("80000000")
        company = self.make_company(
            "Deuxième Exemple SAS",
            "fr",
            country_id=self.env.ref("base.fr").id,
            street="1 rue du Port",
            zip="33000",
            city="Bordeaux",
            email="facturation@deuxieme.example.com",
            vat=vat(number),
            company_registry=siret(number),
        )
        tax = self.env.ref(f"account.{company.id}_tva_normale_encaissement")
        move = self.bill_of(company, tax_ids=[Command.set(tax.ids)])
        self.play(move, {"BT-27": company.name, "BT-30": number})

    def test_branch_bears_the_numbers_of_its_company(self):
        """A branch without VAT number is an establishment: parent's name and numbers,
        its own address and, where it has one, its own SIRET."""
        branch = self.make_company(
            "Nuage Exemple Lyon",
            "fr",
            parent_id=self.company.id,
            country_id=self.env.ref("base.fr").id,
            street="3 rue de la Part",
            zip="69002",
            city="Lyon",
            email="lyon@nuage.example.com",
        )
        line = self.line()
        expected = {
            "BT-27": self.company.name,
            "BT-30": "100000009",
            "BT-29": siret("100000009"),
            "BT-31": vat("100000009"),
            "BT-34": "100000009",
        }
        self.play(self.bill_of(branch, **line), expected)
        branch.company_registry = siret("100000009", "0002")
        found = self.play(
            self.bill_of(branch, **line),
            {**expected, "BT-29": siret("100000009", "0002")},
        )
        self.assertIn("Lyon", found.xml.decode())

    def test_company_abroad_keeps_the_papers_of_odoo(self):
        company = self.make_company(
            "Example Inc",
            "generic_coa",
            country_id=self.env.ref("base.us").id,
            city="Boston",
        )
        move = self.bill_of(company, partner=self.american)
        move.action_post()
        self.send(move)
        self.assertFalse(move.fr_is_concerned)
        self.assertEqual(move.fr_facturx_state, "none")
        self.assertFalse(move._fr_get_xml_attachment())

    def test_contact_with_a_siret_of_its_own(self):
        """The establishment that is invoiced, of the same legal unit."""
        agency = self.make_partner(
            "Agence Sud",
            parent_id=self.business.id,
            type="invoice",
            city="Nice",
            zip="06000",
        )
        number = siren("20000000")
        agency.fr_siret = siret(number, "0002")
        self.play(
            self.invoice(partner=agency),
            {"BT-44": self.business.name, "BT-47": number, "BT-46": agency.fr_siret},
        )

    def test_subsidiary_below_its_parent_is_its_own_customer(self):
        subsidiary = self.make_business(
            "Filiale Exemple SARL", "70000000", parent_id=self.business.id
        )
        self.play(
            self.invoice(partner=subsidiary),
            {"BT-44": subsidiary.name, "BT-47": siren("70000000")},
        )

    def test_association_without_vat_number(self):
        buyer = self.make_business("Association Exemple", "60000000", vat=False)
        self.play(self.invoice(partner=buyer), {"BT-48": None})

    def test_swiss_customer_in_francs(self):
        franc = self.make_currency("CHF", 0.93)
        buyer = self.make_partner(
            "Kunde AG",
            country="base.ch",
            is_company=True,
            city="Zürich",
            vat="CHE-123.456.788 TVA",
            email="ap@kunde.example.com",
            lang="en_US",
        )
        move = self.invoice(self.line(3, 33.33), partner=buyer, currency_id=franc.id)
        self.play(move, {"BT-5": "CHF", "BT-118": "G"}, language="en")

    def test_greek_prefix(self):
        buyer = self.make_partner(
            "Pelatis AE",
            country="base.gr",
            is_company=True,
            city="Athens",
            vat="EL123456783",
            email="ap@pelatis.example.com",
            lang="en_US",
        )
        self.play(
            self.invoice(partner=buyer),
            {"BT-118": "AE", "BT-48": "EL123456783"},
            language="en",
        )

    def test_polynesia_in_its_francs(self):
        franc = self.make_currency("XPF", 119.33)
        buyer = self.make_partner(
            "Client Tahiti SARL",
            country="base.pf",
            is_company=True,
            city="Papeete",
            zip="98713",
            email="ap@tahiti.example.com",
        )
        move = self.invoice(
            self.line(1, 12000),
            self.line(3, 3333, product=self.good),
            partner=buyer,
            currency_id=franc.id,
        )
        found = self.play(move, {"BT-5": "XPF", "BT-118": "G", "BT-112": "21999"})
        self.assertEqual(found.note("BAR"), "B2BINT")
