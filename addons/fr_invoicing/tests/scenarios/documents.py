# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command

from .common import DAY, siren, siret, vat


class DocumentScenarios:
    """Every type code (BT-3, BR-FR-04) and billing frame (BT-23, BR-FR-08)."""

    # === 380 === #

    def test_380_services(self):
        move = self.invoice(self.line(200, 40), ref="PO-77")
        found = self.play(
            move,
            {
                "BT-1": "INV/2026/00001",
                "BT-2": "20261102",
                "BT-3": "380",
                "BT-23": "S1",
                "BT-5": "EUR",
                "BT-8": "72",
                "BT-13": "PO-77",
                "BT-30": "100000009",
                "BT-29": "10000000900017",
                "BT-31": "FR88100000009",
                "BT-34": "100000009",
                "BT-47": "200000008",
                "BT-48": "FR37200000008",
                "BT-49": "200000008",
                "BT-84": "FR7630006000011234567890189",
                "BT-112": "9600.00",
                "BT-115": "9600.00",
                "BT-118": "S",
                "BT-119": "20.00",
                "BT-25": None,
            },
        )
        self.assertEqual(found.note("BAR"), "B2B")
        for code in ("PMT", "PMD", "AAB"):
            self.assertTrue(found.note(code), code)
        self.assertIn("40", found.note("PMT"))

    def test_380_goods(self):
        # BT-8 is optional for goods: due on delivery is the common law (CIBS)
        move = self.invoice(self.line(3, 19.99, product=self.good))
        found = self.play(move, {"BT-3": "380", "BT-23": "B1", "BT-112": "71.96"})
        self.assertIn(found.one("BT-8"), (None, "29"))

    def test_380_goods_and_services(self):
        move = self.invoice(self.line(), self.line(product=self.good))
        self.play(move, {"BT-3": "380", "BT-23": "M1", "BT-112": "240.00"})

    def test_380_line_without_product(self):
        move = self.invoice(
            {
                "name": "Assistance\nsur site",
                "quantity": 5,
                "price_unit": 400,
                "tax_ids": [Command.set(self.tax("tva_normale_encaissement").ids)],
            }
        )
        self.play(move, {"BT-23": "S1", "BT-153": "Assistance", "BT-154": "sur site"})

    def test_380_sections_and_notes_are_no_lines(self):
        move = self.invoice(
            {"display_type": "line_section", "name": "Options"},
            self.line(),
            {"display_type": "line_note", "name": "Une note"},
            self.line(2, 10),
        )
        self.play(move, {"BT-126": ["1", "2"], "BT-106": "120.00"})

    def test_380_copy_is_a_document_of_its_own(self):
        first = self.invoice()
        self.play(first)
        second = first.copy({"invoice_date": DAY})
        found = self.play(second, {"BT-3": "380", "BT-25": None})
        self.assertNotEqual(found.one("BT-1"), first.name)

    def test_380_in_english(self):
        self.german.lang = "en_US"
        move = self.invoice(self.line(200, 40), partner=self.german)
        self.play(move, {"BT-3": "380", "BT-112": "8000.00"}, language="en")

    # === Credit notes === #

    def test_381_whole_invoice(self):
        invoice = self.invoice(self.line(7, 3.33))
        invoice.action_post()
        found = self.play(
            self.credit(invoice),
            {
                "BT-3": "381",
                "BT-23": "S1",
                "BT-25": invoice.name,
                "BT-26": "20261102",
                "BT-112": "27.97",
            },
        )
        self.assertEqual([line.quantity for line in found.lines()], [7])

    def test_381_part_of_an_invoice(self):
        invoice = self.invoice(self.line(10, 12.5), self.line(1, 99, product=self.good))
        invoice.action_post()
        credit = self.credit(invoice)
        credit.invoice_line_ids[1].unlink()
        credit.invoice_line_ids[0].quantity = 4
        self.play(credit, {"BT-3": "381", "BT-25": invoice.name, "BT-112": "60.00"})

    def test_381_of_an_older_invoice_keeps_its_date(self):
        invoice = self.invoice(invoice_date="2026-09-30")
        invoice.action_post()
        credit = self.credit(invoice)
        self.play(credit, {"BT-3": "381", "BT-26": "20260930", "BT-2": "20261102"})

    def test_381_made_by_hand_names_its_invoice(self):
        """A credit note entered without the dialog, linked by the ordinary field."""
        invoice = self.invoice()
        invoice.action_post()
        credit = self.invoice(
            self.line(1, 20), move_type="out_refund", reversed_entry_id=invoice.id
        )
        self.play(credit, {"BT-3": "381", "BT-25": invoice.name, "BT-112": "24.00"})

    def test_381_and_380_when_an_invoice_is_replaced(self):
        """Reverse and create invoice: a credit note, then an ordinary invoice."""
        invoice = self.invoice()
        invoice.action_post()
        dialog = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "date": DAY})
        )
        replacing = self.env["account.move"].browse(dialog.modify_moves()["res_id"])
        credit = invoice.reversal_move_ids
        self.assertEqual(credit.state, "posted")
        self.play(credit, {"BT-3": "381", "BT-25": invoice.name})
        replacing.invoice_date = DAY
        found = self.play(replacing)
        self.assertIn(found.one("BT-3"), ("380", "384"))

    def test_381_to_a_customer_abroad(self):
        invoice = self.invoice(partner=self.german)
        invoice.action_post()
        self.play(
            self.credit(invoice),
            {"BT-3": "381", "BT-118": "AE", "BT-25": invoice.name},
            language="en",
        )

    def test_381_in_another_journal_series(self):
        invoice = self.invoice()
        invoice.action_post()
        invoice.journal_id.refund_sequence = True
        credit = self.credit(invoice)
        found = self.play(credit, {"BT-3": "381"})
        self.assertNotEqual(found.one("BT-1")[:3], invoice.name[:3])

    def test_262_global_rebate_names_contract_and_period(self):
        """A rebate on the year's turnover corrects no single invoice (BR-FR-CO-03)."""
        move = self.invoice(
            self.line(1, 500, name="Remise de fin d'année"),
            move_type="out_refund",
            fr_contract_reference="CTR-2026-7",
            fr_period_start="2026-01-01",
            fr_period_end="2026-10-31",
        )
        self.play(
            move,
            {
                "BT-3": "262",
                "BT-12": "CTR-2026-7",
                "BT-73": "20260101",
                "BT-74": "20261031",
                "BT-25": None,
            },
        )

    # === 384 === #

    def test_384_replaces_one_invoice(self):
        """An invoice that reverses an invoice is corrective (BR-FR-CO-04)."""
        wrong = self.invoice(self.line(1, 90))
        wrong.action_post()
        right = self.invoice(self.line(1, 100), reversed_entry_id=wrong.id)
        self.play(
            right,
            {
                "BT-3": "384",
                "BT-25": wrong.name,
                "BT-26": "20261102",
                "BT-112": "120.00",
            },
        )

    def test_384_chosen_on_the_invoice(self):
        wrong = self.invoice(self.line(1, 90))
        wrong.action_post()
        right = self.invoice(
            self.line(2, 100, product=self.good),
            fr_document_kind="corrective",
            fr_origin_move_id=wrong.id,
        )
        self.play(right, {"BT-3": "384", "BT-25": wrong.name, "BT-23": "B1"})

    # === Deposits === #

    def test_386_percentage_of_an_order(self):
        order = self.order((self.service, 10, 100))
        deposit = self.bill_order(order, "percentage", amount=30)
        self.play(
            deposit, {"BT-3": "386", "BT-23": "S1", "BT-72": None, "BT-112": "360.00"}
        )

    def test_386_fixed_amount_of_an_order_of_goods(self):
        order = self.order((self.good, 4, 250))
        deposit = self.bill_order(order, "fixed", fixed_amount=240)
        self.play(deposit, {"BT-3": "386", "BT-112": "240.00"})

    def test_386_of_an_order_with_two_rates(self):
        reduced = self.make_product("Livre", "consu", "tva_reduite")
        order = self.order((self.good, 1, 1000), (reduced, 1, 200))
        deposit = self.bill_order(order, "percentage", amount=50)
        found = self.play(deposit, {"BT-3": "386", "BT-109": "600.00"})
        self.assertEqual(len(found.taxes()), 2)

    def test_386_entered_on_the_deposit_account(self):
        account = self.env["account.account"].search(
            [("code", "=like", "4191%"), ("company_ids", "in", self.company.ids)]
        )[:1]
        move = self.invoice(self.line(1, 300, account_id=account.id, name="Acompte"))
        self.play(move, {"BT-3": "386", "BT-112": "360.00"})

    def test_503_credit_note_of_a_deposit(self):
        order = self.order((self.service, 10, 100))
        deposit = self.bill_order(order, "percentage", amount=30)
        deposit.action_post()
        self.play(self.credit(deposit), {"BT-3": "503", "BT-25": deposit.name})

    def test_final_after_deposit_of_services(self):
        order = self.order((self.service, 10, 100))
        deposit = self.bill_order(order, "percentage", amount=30)
        deposit.action_post()
        order.order_line[0].qty_delivered = 10
        final = self.bill_order(order)
        found = self.play(
            final,
            {"BT-3": "380", "BT-23": "S4", "BT-25": deposit.name, "BT-115": "840.00"},
        )
        self.assertEqual(found.one("BT-26"), "20261102")

    def test_final_after_two_deposits_and_two_rates(self):
        reduced = self.make_product("Livre", "consu", "tva_reduite")
        order = self.order((self.good, 3, 333.33), (reduced, 7, 14.29))
        deposits = self.env["account.move"]
        for percent in (20, 33.33):
            deposit = self.bill_order(order, "percentage", amount=percent)
            deposit.action_post()
            deposits |= deposit
        for line in order.order_line.filtered("product_id"):
            line.qty_delivered = line.product_uom_qty
        final = self.bill_order(order)
        found = self.play(final, {"BT-3": "380", "BT-23": "B4"})
        self.assertEqual(sorted(found.all("BT-25")), sorted(deposits.mapped("name")))

    def test_final_of_goods_and_services_after_deposit(self):
        order = self.order((self.good, 1, 500), (self.service, 1, 500))
        deposit = self.bill_order(order, "fixed", fixed_amount=600)
        deposit.action_post()
        for line in order.order_line.filtered("product_id"):
            line.qty_delivered = line.product_uom_qty
        self.play(
            self.bill_order(order),
            {"BT-3": "380", "BT-23": "M4", "BT-25": deposit.name, "BT-115": "600.00"},
        )

    # === Self-billing === #

    def self_billing(self):
        """Give a journal of self-billed documents and a supplier with a mandate."""
        journal = self.env["account.journal"].create(
            {
                "name": "Autofacturation",
                "code": "AF",
                "type": "purchase",
                "is_self_billing": True,
                "company_id": self.company.id,
            }
        )
        supplier = self.make_business("Apporteur Exemple SARL", "30000000")
        self.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": supplier.id,
                "allow_out_payment": True,
            }
        )
        return journal, supplier

    def test_389_self_billed_invoice(self):
        journal, supplier = self.self_billing()
        tax = self.env.ref(f"account.{self.company.id}_tva_acq_encaissement")
        move = self.invoice(
            self.line(1, 250, tax=tax, name="Commission d'octobre"),
            partner=supplier,
            move_type="in_invoice",
            journal_id=journal.id,
        )
        number = siren("30000000")
        self.play(
            move,
            {
                "BT-3": "389",
                "BT-27": supplier.name,
                "BT-30": number,
                "BT-29": siret(number),
                "BT-31": vat(number),
                "BT-34": number,
                "BT-44": self.company.name,
                "BT-47": "100000009",
                "BT-49": "100000009",
                "BT-112": "300.00",
            },
        )

    def test_261_self_billed_credit_note(self):
        journal, supplier = self.self_billing()
        tax = self.env.ref(f"account.{self.company.id}_tva_acq_encaissement")
        bill = self.invoice(
            self.line(1, 250, tax=tax),
            partner=supplier,
            move_type="in_invoice",
            journal_id=journal.id,
        )
        bill.action_post()
        credit = self.credit(bill)
        self.play(
            credit,
            {"BT-3": "261", "BT-25": bill.name, "BT-30": siren("30000000")},
        )

    def test_389_series_of_each_supplier(self):
        """Each principal has its own unbroken series (CGI ann. II art. 242 nonies)."""
        journal, supplier = self.self_billing()
        other = self.make_business("Autre Apporteur SARL", "40000000")
        tax = self.env.ref(f"account.{self.company.id}_tva_acq_encaissement")
        names = {}
        for partner in (supplier, other, supplier):
            move = self.invoice(
                self.line(1, 10, tax=tax),
                partner=partner,
                move_type="in_invoice",
                journal_id=journal.id,
            )
            self.play(move, {"BT-3": "389"})
            names.setdefault(partner, []).append(move.name)
        self.assertEqual(names[supplier][0][-1], "1")
        self.assertEqual(names[supplier][1][-1], "2")
        self.assertEqual(names[other][0][-1], "1")

    def test_389_supplier_under_franchise_bears_no_vat(self):
        journal, supplier = self.self_billing()
        supplier.vat = False
        tax = self.env.ref(f"account.{self.company.id}_tva_purchase_service_0")
        tax.active = True
        tax.write(
            {
                "ubl_cii_tax_category_code": "E",
                "ubl_cii_tax_exemption_reason_code": "VATEX-FR-FRANCHISE",
            }
        )
        move = self.invoice(
            self.line(1, 250, tax=tax),
            partner=supplier,
            move_type="in_invoice",
            journal_id=journal.id,
        )
        found = self.play(move, {"BT-3": "389", "BT-118": "E", "BT-112": "250.00"})
        self.assertEqual(found.one("BT-121"), "VATEX-FR-FRANCHISE")

    # === Factored === #

    def factor_account(self):
        factor = self.make_business("Affacturage Exemple SA", "50000000")
        return self.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": factor.id,
                "allow_out_payment": True,
            }
        )

    def test_393_paid_to_a_factor(self):
        account = self.factor_account()
        move = self.invoice(partner_bank_id=account.id)
        self.play(
            move,
            {
                "BT-3": "393",
                "BT-59": account.partner_id.name,
                "BT-61": siren("50000000"),
                "BT-84": "FR1420041010050500013M02606",
            },
        )

    def test_396_credit_note_of_a_factored_invoice(self):
        account = self.factor_account()
        invoice = self.invoice(partner_bank_id=account.id)
        invoice.action_post()
        credit = self.credit(invoice)
        self.play(credit, {"BT-3": "396", "BT-25": invoice.name})
