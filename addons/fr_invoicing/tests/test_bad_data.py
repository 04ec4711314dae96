# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command
from odoo.exceptions import RedirectWarning
from odoo.tests import tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestBadData(FrInvoicingCommon):
    """Bad data ends in a clear refusal or in a valid document, never in between."""

    def test_odd_texts_still_make_valid_documents(self):
        long_name = "Société " + "x" * 990
        moves = self.env["account.move"]
        for name in (long_name, "Café 🚀 & Fils <b>", "Ligne\x0bverticale \x07", "  "):
            partner = self._make_partner(
                name.strip() and name or "Sans nom",
                is_company=True,
                city="Lyon",
                zip="69001",
                vat="FR37200000008",
                company_registry="20000000800017",
                email="a@example.com",
                street=name[:400],
                street2="🚀" * 50,
            )
            moves |= self._make_invoice(
                [
                    self._line(name=name),
                    self._line(name="a\n" + "ligne très longue " * 200),
                ],
                partner,
                ref=name[:200],
                narration=f"<p>{name}</p>",
            )
        moves._fr_generate_facturx()
        self.assertValid(moves)

    def test_invoice_without_line_is_refused(self):
        empty = self._make_invoice([], post=False)
        with self.assertRaises(RedirectWarning):
            empty.action_post()
        notes = self._make_invoice(
            [{"display_type": "line_note", "name": "Rien"}], post=False
        )
        with self.assertRaises(RedirectWarning):
            notes.action_post()

    def test_negative_total_is_refused(self):
        move = self._make_invoice([self._line(1, -100)], post=False)
        with self.assertRaises(RedirectWarning):
            move.action_post()
        refund = self._make_invoice(
            [self._line(1, -100)], move_type="out_refund", post=False
        )
        with self.assertRaises(RedirectWarning):
            refund.action_post()

    def test_zero_total_is_valid(self):
        moves = self._make_invoice([self._line(1, 0)])
        moves |= self._make_invoice([self._line(1, 100), self._line(1, -100)])
        moves |= self._make_invoice([self._line(0, 100), self._line(1, 1)])
        moves |= self._make_invoice([self._line(1, 100, discount=100)])
        moves._fr_generate_facturx()
        self.assertValid(moves)

    def test_wrong_iban_is_told_and_does_not_break_the_file(self):
        bank = self.env["res.partner.bank"].create(
            {
                "acc_number": "FR7630006000011234567890180",
                "partner_id": self.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        move = self._make_invoice([self._line()], partner_bank_id=bank.id)
        move._fr_generate_facturx()
        self.assertValid(move)
        rules = [finding["rule"] for finding in move.fr_facturx_findings]
        self.assertIn("IBAN", rules)

    def test_two_rates_on_a_line_are_refused_by_name(self):
        taxes = self._tax("tva_normale") | self._tax("tva_reduite")
        move = self._make_invoice(
            [self._line(tax_ids=[Command.set(taxes.ids)])], post=False
        )
        with self.assertRaisesRegex(RedirectWarning, "several taxes"):
            move.action_post()

    def test_eco_contribution_is_part_of_the_price(self):
        eco = self.env["account.tax"].create(
            {
                "name": "Éco-participation",
                "amount_type": "fixed",
                "amount": 0.5,
                "type_tax_use": "sale",
                "include_base_amount": True,
                "sequence": 1,
            }
        )
        taxes = eco | self._tax("tva_normale")
        moves = self._make_invoice(
            [
                self._line(3, 100, self.good, tax_ids=[Command.set(taxes.ids)]),
                self._line(1, 10, self.good),
            ]
        )
        moves |= self._make_invoice(
            [
                self._line(
                    3, 33.33, self.good, discount=10, tax_ids=[Command.set(taxes.ids)]
                )
            ]
        )
        moves |= self._credit(moves[0])
        moves._fr_generate_facturx()
        self.assertValid(moves)
        # 3 x (100 + 0.50) + 10 = 311.50; TVA 62.30
        self.assertEqual(self._texts(moves[0], "//ram:TaxBasisTotalAmount"), ["311.50"])
        self.assertEqual(self._texts(moves[0], "//ram:GrandTotalAmount"), ["373.80"])
        self.assertEqual(moves[0].amount_total, 373.80)

    def test_fixed_tax_outside_the_base_is_refused(self):
        fixed = self.env["account.tax"].create(
            {
                "name": "Forfait",
                "amount_type": "fixed",
                "amount": 1,
                "type_tax_use": "sale",
            }
        )
        taxes = fixed | self._tax("tva_normale")
        move = self._make_invoice(
            [self._line(1, 10, self.good, tax_ids=[Command.set(taxes.ids)])],
            post=False,
        )
        with self.assertRaisesRegex(RedirectWarning, "Forfait"):
            move.action_post()

    def test_zero_tax_without_reason_is_refused(self):
        tax = self.env["account.tax"].create(
            {"name": "Zéro", "amount": 0, "type_tax_use": "sale"}
        )
        move = self._make_invoice(
            [self._line(tax_ids=[Command.set(tax.ids)])], post=False
        )
        with self.assertRaisesRegex(RedirectWarning, "does not say why") as caught:
            move.action_post()
        self.assertEqual(caught.exception.args[1]["res_model"], "account.tax")
        self.assertEqual(caught.exception.args[1]["res_id"], tax.id)

    def test_foreign_rate_leaves_the_french_flow(self):
        tax = self.env["account.tax"].create(
            {"name": "19 % DE OSS", "amount": 19, "type_tax_use": "sale"}
        )
        german = self._make_partner(
            "Eine Person", country="base.de", city="Berlin", email="p@example.com"
        )
        move = self._make_invoice([self._line(tax_ids=[Command.set(tax.ids)])], german)
        self.assertEqual(move.fr_flow_kind, "none")
        self.assertFalse(move._fr_needs_facturx())
        domestic = self._make_invoice(
            [self._line(tax_ids=[Command.set(tax.copy({"name": "19"}).ids)])],
            post=False,
        )
        with self.assertRaisesRegex(RedirectWarning, "19"):
            domestic.action_post()

    def test_misplaced_reasons_are_refused(self):
        for name, partner, product in (
            ("tva_sale_good_intra_0", self.business, self.good),
            ("tva_sale_service_export_0", self.business, self.service),
            ("tva_sale_good_export_0", self.german, self.good),
            ("fr_reverse_btp", self.person, self.service),
        ):
            move = self._make_invoice(
                [
                    self._line(
                        product=product,
                        tax_ids=[Command.set(self._tax(name).ids)],
                    )
                ],
                partner,
                post=False,
            )
            with self.subTest(name), self.assertRaises(RedirectWarning):
                move.action_post()

    def test_out_of_scope_beside_a_rate_is_refused(self):
        out = self._tax("fr_out_of_scope")
        move = self._make_invoice(
            [self._line(), self._line(tax_ids=[Command.set(out.ids)])], post=False
        )
        with self.assertRaisesRegex(RedirectWarning, "outside the scope"):
            move.action_post()

    def test_wrong_numbers_name_the_field(self):
        partner = self._make_partner(
            "Sans SIREN", is_company=True, company_registry="123456789"
        )
        finding = partner._fr_check()[0]
        self.assertEqual(finding.code, "buyer_siren_key")
        self.assertEqual(
            (finding.model, finding.res_id, finding.field),
            ("res.partner", partner.id, "company_registry"),
        )
        self.assertIn("123456789", finding.message)
        other = self._make_partner("Autre", is_company=True, fr_siren="100000009")
        other.with_context(no_vat_validation=True).vat = "FR37200000008"
        codes = [finding.code for finding in other._fr_check()]
        self.assertTrue(set(codes) <= {"vat_other_siren", "buyer_address"}, codes)

    def test_la_poste_has_its_own_key(self):
        partner = self._make_partner(
            "Bureau de poste", is_company=True, company_registry="35600000049837"
        )
        self.assertEqual(partner.fr_siren, "356000000")
        self.assertEqual([f.code for f in partner._fr_check() if f.is_fatal], [])

    def test_dialog_lists_what_to_correct(self):
        partner = self._make_partner("Sans Numéro", is_company=True)
        move = self._make_invoice(
            [self._line(tax_ids=[Command.clear()])], partner, post=False
        )
        with self.assertRaises(RedirectWarning) as caught:
            move.action_post()
        action = caught.exception.args[1]
        self.assertEqual(action["res_model"], "fr.fix.dialog")
        dialog = self.env["fr.fix.dialog"].with_context(**action["context"]).create({})
        self.assertGreaterEqual(dialog.fatal_count, 2)
        models = {
            alert["action"]["res_model"]
            for alert in dialog.to_fix.values()
            if alert.get("action")
        }
        self.assertIn("res.partner", models)
