# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo import Command
from odoo.tests import tagged

from .common import DAY, FrInvoicingCommon

TAX = "//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax"
SELLER = "//ram:SellerTradeParty"


@tagged("post_install", "-at_install")
class TestVatDetails(FrInvoicingCommon):
    """When VAT falls due, prices with VAT, VAT groups, several reasons at once."""

    def _with_tax(self, code, price=100, product=None, quantity=1, **values):
        return self._line(
            quantity,
            price,
            product,
            tax_ids=[Command.set(self._tax(code).ids)],
            **values,
        )

    def test_when_vat_falls_due(self):
        goods = self._make_invoice([self._line(product=self.good)])
        services = self._make_invoice([self._line()])
        mixed = self._make_invoice([self._line(), self._line(product=self.good)])
        exempt = self._make_invoice([self._with_tax("fr_reverse_btp")])
        moves = goods | services | mixed | exempt
        moves._fr_generate_facturx()
        self.assertValid(moves)
        path = f"{TAX}/ram:DueDateTypeCode"
        self.assertEqual(
            [self._texts(move, path) for move in moves], [["29"], ["72"], [], []]
        )

    def test_new_service_takes_the_tax_due_on_payment(self):
        product = self.env["product.product"].create(
            {"name": "Conseil", "type": "service"}
        )
        self.assertEqual(
            product.taxes_id.mapped("name"),
            self._tax("tva_normale_encaissement").mapped("name"),
        )
        good = self.env["product.product"].create({"name": "Câble", "type": "consu"})
        self.assertEqual(good.taxes_id, self._tax("tva_normale"))
        self.company.fr_vat_on_debits = True
        debits = self.env["product.product"].create(
            {"name": "Audit", "type": "service"}
        )
        self.assertEqual(debits.taxes_id, self._tax("tva_normale"))

    def test_prices_with_vat_agree_to_the_cent(self):
        """The VAT is taken out of the price and rounded, the net price is the rest.

        3 x 9.99 = 29.97 at 20 %: 29.97 / 6 = 4.995, so 5.00 and 24.97;
        7 x 1.05 = 7.35 at 5.5 %: 7.35 x 5.5 / 105.5 = 0.383, so 0.38 and 6.97.
        """
        for code in ("tva_normale_ttc", "tva_reduite_ttc"):
            self._tax(code).active = True
        move = self._make_invoice(
            [
                self._with_tax("tva_normale_ttc", 9.99, self.good, 3),
                self._with_tax("tva_reduite_ttc", 1.05, self.good, 7),
            ],
            self.person,
        )
        many = self._make_invoice(
            [
                self._with_tax("tva_normale_ttc", price, self.good, discount=discount)
                for price, discount in ((0.99, 0), (19.9, 10), (3.33, 33), (0.01, 0))
            ],
            self.person,
        )
        (move | many)._fr_generate_facturx()
        self.assertValid(move | many)
        self.assertEqual(move.amount_total, 37.32)
        self.assertEqual(self._texts(move, "//ram:GrandTotalAmount"), ["37.32"])
        self.assertEqual(
            self._texts(move, f"{TAX}/ram:CalculatedAmount"), ["5.00", "0.38"]
        )
        self.assertEqual(
            Decimal(self._texts(many, "//ram:GrandTotalAmount")[0]),
            Decimal(str(many.amount_total)),
        )
        self.assertEqual(move.fr_flow_kind, "10.3")

    def test_member_of_a_vat_group_names_it(self):
        group = self._make_partner(
            "Groupe Exemple",
            is_company=True,
            zip="75002",
            city="Paris",
            vat="FR37200000008",
            company_registry="20000000800017",
        )
        self.company.fr_vat_group_partner_id = group
        move = self._make_invoice([self._line()], self.person)
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(
            self._texts(move, f"{SELLER}/ram:GlobalID[@schemeID='0231']"),
            ["200000008"],
        )
        note = "//ram:IncludedNote[ram:SubjectCode='TXD']/ram:Content"
        self.assertEqual(self._texts(move, note), ["MEMBRE_ASSUJETTI_UNIQUE"])
        group.vat = False
        codes = [finding.code for finding in self.company._fr_check()]
        self.assertIn("vat_group", codes)

    def test_two_reasons_of_one_category_are_both_written(self):
        tax = self.env["account.tax"].create(
            {"name": "Exo 261 C 2°", "amount": 0, "type_tax_use": "sale"}
        )
        move = self._make_invoice(
            [
                self._line(),
                self._with_tax("fr_disbursement"),
                self._line(tax_ids=[Command.set(tax.ids)]),
            ]
        )
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(self._texts(move, f"{TAX}/ram:ExemptionReasonCode"), [])
        reason = self._texts(move, f"{TAX}/ram:ExemptionReason")[0]
        self.assertIn("261 C, 2°", reason)
        self.assertIn("267", reason)

    def test_reverse_charge_booked_as_plus_and_minus(self):
        """Some charts book a reverse charge as 20 % twice, once negative."""
        lines = [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "factor_percent": 100}),
            Command.create({"repartition_type": "tax", "factor_percent": -100}),
        ]
        tax = self.env["account.tax"].create(
            {
                "name": "20 % autoliquidation",
                "amount": 20,
                "type_tax_use": "sale",
                "invoice_repartition_line_ids": lines,
                "refund_repartition_line_ids": lines,
                "fr_tax_profile_id": self.env.ref(
                    "fr_invoicing.fr_tax_profile_reverse_construction"
                ).id,
            }
        )
        move = self._make_invoice([self._line(tax_ids=[Command.set(tax.ids)])])
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(self._texts(move, f"{TAX}/ram:CategoryCode"), ["AE"])
        self.assertEqual(self._texts(move, "//ram:GrandTotalAmount"), ["100.00"])

    def test_foreign_currency_shows_vat_in_euro(self):
        usd = self.env.ref("base.USD")
        usd.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": usd.id, "rate": 1.25, "name": DAY}
        )
        domestic = self._make_invoice([self._line()], currency_id=usd.id)
        abroad = self._make_invoice([self._line()], self.german, currency_id=usd.id)
        (domestic | abroad)._fr_generate_facturx()
        self.assertValid(domestic | abroad)
        euro = "//ram:TaxTotalAmount[@currencyID='EUR']"
        self.assertEqual(self._texts(domestic, euro), ["16.00"])
        self.assertEqual(self._texts(abroad, euro), ["0.00"])

    def test_association_is_a_consumer_when_the_form_says_so(self):
        association = self._make_partner(
            "Association Exemple",
            is_company=True,
            city="Lyon",
            email="asso@example.com",
            fr_buyer_status="consumer",
        )
        move = self._make_invoice([self._line()], association)
        move._fr_generate_facturx()
        self.assertValid(move)
        self.assertEqual(move.fr_flow_kind, "10.3")

    def test_broken_official_rule_names_the_field(self):
        from ..einvoice.findings import FATAL, Finding
        from ..fixes import located

        move = self._make_invoice([self._line(), self._line(product=self.good)])
        where = "/*/*[1]/*:IncludedSupplyChainTradeLineItem[2]/*"
        cases = {
            ("BR-FR-11_BT-47", ""): (self.business, "company_registry"),
            ("BR-FR-16_BT-152", where): (self._tax("tva_normale"), "fr_tax_profile_id"),
            ("BR-FR-CO-07_BT-9", ""): (move, "invoice_date_due"),
            ("BR-S-02", ""): (self.company, "vat"),
        }
        for (rule, location), (record, field) in cases.items():
            found = located(move, Finding(rule, FATAL, location, "broken"))
            self.assertEqual(
                (found.model, found.res_id, found.field),
                (record._name, record.id, field),
                rule,
            )
