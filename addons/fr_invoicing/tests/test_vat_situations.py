# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command
from odoo.tests import tagged

from .common import FrInvoicingCommon

TAX = "//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax"
PLACES = {
    "reunion": ("base.re", "97400"),
    "reunion_typed_france": ("base.fr", "97410"),
    "guyane": ("base.gf", "97300"),
    "mayotte_typed_france": ("base.fr", "97600"),
    "saint_barth": ("base.fr", "97133"),
    "polynesia": ("base.pf", "98714"),
    "corsica": ("base.fr", "20000"),
    "monaco": ("base.mc", "98000"),
}
SIREN_VAT = {"vat": "FR37200000008", "company_registry": "20000000800017"}


@tagged("post_install", "-at_install")
class TestVatSituations(FrInvoicingCommon):
    """Each situation is an ordinary invoice, posted and put to the official rules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.there = {
            name: cls._make_partner(
                name,
                country=country,
                zip=postcode,
                city="Ville",
                is_company=True,
                email="a@example.com",
                **SIREN_VAT,
            )
            for name, (country, postcode) in PLACES.items()
        }

    def _zero(self, name, scope="service", **values):
        return self.env["account.tax"].create(
            {
                "name": name,
                "amount": 0,
                "type_tax_use": "sale",
                "tax_scope": scope,
                **values,
            }
        )

    def _taxed(self, tax, product=None, **values):
        return self._line(
            product=product or self.service, tax_ids=[Command.set(tax.ids)], **values
        )

    def _made(self, **moves):
        """Make all documents in one batch, because the rules start once."""
        batch = self.env["account.move"].union(*moves.values())
        batch._fr_generate_facturx()
        self.assertValid(batch)
        return {
            name: (
                self._texts(move, f"{TAX}/ram:CategoryCode"),
                self._texts(move, f"{TAX}/ram:RateApplicablePercent"),
                self._texts(move, f"{TAX}/ram:ExemptionReasonCode"),
                move.fr_flow_kind,
            )
            for name, move in moves.items()
        }

    def test_territories_come_out_of_ordinary_customers(self):
        service, good = [self._line()], [self._line(product=self.good)]
        found = self._made(
            reunion_service=self._make_invoice(service, self.there["reunion"]),
            reunion_typed=self._make_invoice(
                service, self.there["reunion_typed_france"]
            ),
            reunion_good=self._make_invoice(good, self.there["reunion"]),
            guyane_service=self._make_invoice(service, self.there["guyane"]),
            mayotte_good=self._make_invoice(good, self.there["mayotte_typed_france"]),
            saint_barth=self._make_invoice(good, self.there["saint_barth"]),
            polynesia=self._make_invoice(service, self.there["polynesia"]),
            corsica=self._make_invoice(service, self.there["corsica"]),
            monaco=self._make_invoice(service, self.there["monaco"]),
        )
        export = (["G"], ["0.00"], ["VATEX-EU-G"])
        self.assertEqual(
            found,
            {
                "reunion_service": (["S"], ["8.50"], [], "2"),
                "reunion_typed": (["S"], ["8.50"], [], "2"),
                "reunion_good": (*export, "2"),
                "guyane_service": (*export, "10.1"),
                "mayotte_good": (*export, "10.1"),
                "saint_barth": (*export, "10.1"),
                "polynesia": (*export, "10.1"),
                "corsica": (["S"], ["20.00"], [], "2"),
                "monaco": (["S"], ["20.00"], [], "10.1"),
            },
        )

    def test_every_french_rate_stands_on_a_document(self):
        codes = [
            "fr_dom_175_g",
            "fr_dom_105_s",
            "fr_corsica_13_g",
            "fr_corsica_10_s",
            "fr_corsica_09_s",
        ]
        taxes = [self._tax(code) for code in codes]
        found = self._made(
            **{
                tax.name: self._make_invoice(
                    [
                        self._taxed(
                            tax,
                            self.good if tax.tax_scope == "consu" else self.service,
                        )
                    ]
                )
                for tax in taxes
            }
        )
        rates = [values[1] for values in found.values()]
        self.assertEqual(rates, [["1.75"], ["1.05"], ["13.00"], ["10.00"], ["0.90"]])

    def test_reasons_without_vat(self):
        person = self.person
        found = self._made(
            construction=self._make_invoice([self._taxed(self._tax("fr_reverse_btp"))]),
            by_name=self._make_invoice(
                [self._taxed(self._zero("0 % autoliquidation 283-2 nonies"))]
            ),
            by_note=self._make_invoice(
                [
                    self._taxed(
                        self._zero(
                            "0 % A",
                            invoice_legal_notes="Exonération, art. 261-4-4° du CGI",
                        )
                    )
                ]
            ),
            by_code=self._make_invoice(
                [
                    self._taxed(
                        self._zero(
                            "0 % B",
                            ubl_cii_tax_category_code="E",
                            ubl_cii_tax_exemption_reason_code="VATEX-EU-132",
                        )
                    )
                ]
            ),
            exempt=self._make_invoice([self._taxed(self._tax("tva_sale_service_0"))]),
            out=self._make_invoice([self._taxed(self._tax("fr_out_of_scope"))]),
            margin=self._make_invoice(
                [self._taxed(self._tax("fr_margin_travel"))], person
            ),
            disbursement=self._make_invoice(
                [self._line(), self._taxed(self._tax("fr_disbursement"))]
            ),
            intra_service=self._make_invoice([self._line()], self.german),
            intra_good=self._make_invoice([self._line(product=self.good)], self.german),
            service_on_goods_tax=self._make_invoice(
                [self._taxed(self._tax("tva_sale_good_intra_0"))], self.german
            ),
            export=self._make_invoice([self._line(product=self.good)], self.american),
        )
        self.assertEqual(
            {name: (v[0], v[2], v[3]) for name, v in found.items()},
            {
                "construction": (["AE"], ["VATEX-FR-AE"], "2"),
                "by_name": (["AE"], ["VATEX-FR-AE"], "2"),
                "by_note": (["E"], ["VATEX-FR-CGI261-4"], "none"),
                "by_code": (["E"], ["VATEX-EU-132"], "2"),
                "exempt": (["E"], [], "none"),
                "out": (["O"], ["VATEX-EU-O"], "none"),
                "margin": (["E"], ["VATEX-EU-D"], "10.3"),
                "disbursement": (["S", "E"], ["VATEX-EU-79-C"], "2"),
                "intra_service": (["AE"], ["VATEX-EU-AE"], "10.1"),
                "intra_good": (["K"], ["VATEX-EU-IC"], "10.1"),
                "service_on_goods_tax": (["AE"], ["VATEX-EU-AE"], "10.1"),
                "export": (["G"], ["VATEX-EU-G"], "10.1"),
            },
        )

    def test_franchise_maps_ordinary_products(self):
        self.company.fr_vat_franchise = True
        found = self._made(
            service=self._make_invoice([self._line()]),
            good=self._make_invoice([self._line(product=self.good)], self.person),
            chart=self._make_invoice([self._taxed(self._tax("tva_sale_service_0"))]),
            abroad=self._make_invoice([self._line()], self.german),
        )
        franchise = (["E"], ["0.00"], ["VATEX-FR-FRANCHISE"])
        self.assertEqual(found["service"], (*franchise, "2"))
        self.assertEqual(found["good"], (*franchise, "10.3"))
        self.assertEqual(found["chart"], (*franchise, "2"))
        self.assertEqual(found["abroad"][0], ["AE"])

    def test_services_abroad_as_the_company_chose(self):
        self.company.fr_services_abroad = "O"
        found = self._made(
            american=self._make_invoice([self._line()], self.american),
            goods=self._make_invoice([self._line(product=self.good)], self.american),
        )
        self.assertEqual(found["american"][0], ["O"])
        self.assertEqual(found["american"][2], ["VATEX-EU-O"])
        self.assertEqual(found["goods"][0], ["G"])

    def test_set_up_twice_makes_nothing_twice(self):
        def count():
            taxes = self.env["account.tax"].with_context(active_test=False)
            own = [("company_id", "=", self.company.id)]
            return (
                taxes.search_count(own),
                self.env["account.fiscal.position"].search_count(own),
            )

        before = count()
        self.company._fr_ensure_territories()
        self.assertEqual(count(), before)
        self.assertFalse(self._tax("fr_dom_85_g").active)
        self.assertTrue(self._tax("fr_dom_85_s").active)

    def test_company_overseas_charges_its_own_rates(self):
        self.company.write({"zip": "97400", "country_id": self.env.ref("base.re").id})
        self.assertTrue(self._tax("fr_dom_85_g").active)
        found = self._made(
            home=self._make_invoice(
                [self._line(), self._line(product=self.good)], self.there["reunion"]
            ),
            mainland=self._make_invoice([self._line(product=self.good)]),
        )
        self.assertEqual(found["home"][1], ["8.50"])
        self.assertEqual(found["mainland"][0], ["G"])

    def test_company_in_guyane_charges_no_vat(self):
        self.company.write({"zip": "97300", "country_id": self.env.ref("base.gf").id})
        found = self._made(home=self._make_invoice([self._line()]))
        self.assertEqual(found["home"], (["O"], [], ["VATEX-EU-O"], "none"))

    def test_mentions_of_the_codification_the_company_chose(self):
        cgi = self._make_invoice([self._line()], self.german)
        texts = self.env["fr.legal.text"]
        wording = texts._get_wordings(self.company, cgi.invoice_date)
        self.assertIn("CGI", wording["vat_intra_goods"].text)
        self.company.fr_codification = "cibs"
        wording = texts._get_wordings(self.company, cgi.invoice_date)
        self.assertIn("CIBS", wording["vat_intra_goods"].text)
