# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo import Command

from . import page
from .common import DAY


class PaymentScenarios:
    """When and how it is paid: terms, deposits, direct debits, already paid."""

    def term(self, *parts, **values):
        """Give a payment term; parts are (percent, days)."""
        return self.env["account.payment.term"].create(
            {
                "name": "Conditions",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": percent, "nb_days": days}
                    )
                    for percent, days in parts
                ],
                **values,
            }
        )

    def test_thirty_days(self):
        term = self.term((100, 30), note="<p>Paiement à 30 jours</p>")
        move = self.invoice(invoice_payment_term_id=term.id)
        found = self.play(move, {"BT-9": "20261202"})
        self.assertIn("30 jours", found.one("BT-20"))

    def test_due_on_receipt(self):
        move = self.invoice(invoice_date_due=DAY)
        self.play(move, {"BT-9": "20261102"})

    def test_two_instalments(self):
        """One due date in EN 16931: the last one, the others in the terms."""
        term = self.term((40, 0), (60, 30))
        move = self.invoice(self.line(1, 1000), invoice_payment_term_id=term.id)
        found = self.play(move, {"BT-9": "20261202"})
        # 1 200.00 with VAT: both parts and their days in the terms, and on the page
        self.assertEqual(
            found.one("BT-20").splitlines()[-2:],
            ["480.00 EUR 02/11/2026", "720.00 EUR 02/12/2026"],
        )
        shown = page.text(move.invoice_pdf_report_id.raw)
        self.assertIn("Dernièreéchéance02/12/2026", shown)
        self.assertIn("02/11/2026480,00€", shown)

    def test_paid_invoice_tells_its_term_and_its_payment_apart(self):
        """BT-9 is the day of the payment (BR-FR-CO-09), the page says both."""
        term = self.term((100, 30))
        move = self.invoice(invoice_payment_term_id=term.id)
        move.action_post()
        self.pay(move, amount=20, payment_date=date(2026, 10, 1))
        self.pay(move, amount=100, payment_date=date(2026, 10, 15))
        self.play(move, {"BT-23": "S2", "BT-9": "20261015", "BT-115": "0.00"})
        shown = page.text(move.invoice_pdf_report_id.raw)
        self.assertIn("Échéance02/12/2026", shown)
        self.assertIn("Payéele15/10/2026", shown)

    def test_advance_set_against_the_invoice(self):
        """Money received before, matched with the widget of the invoice."""
        payment = self.env["account.payment"].create(
            {
                "partner_id": self.business.id,
                "amount": 500,
                "payment_type": "inbound",
                "partner_type": "customer",
                "date": date(2026, 10, 1),
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        move = self.invoice()
        move.action_post()
        advance = payment.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        move.js_assign_outstanding_line(advance.id)
        self.play(move, {"BT-23": "S2", "BT-113": "120.00", "BT-9": "20261001"})

    def test_dollars_partly_paid_in_euro(self):
        currency = self.make_currency("USD", 1.1)
        move = self.invoice(currency_id=currency.id)
        move.action_post()
        self.pay(move, amount=50, currency_id=self.company.currency_id.id)
        self.play(move, {"BT-113": "55.00", "BT-115": "65.00"})

    def test_discount_for_early_payment(self):
        term = self.term(
            (100, 30),
            early_discount=True,
            discount_percentage=2,
            discount_days=8,
            early_pay_discount_computation="excluded",
        )
        move = self.invoice(invoice_payment_term_id=term.id)
        found = self.play(move)
        self.assertIn("2 %", found.note("AAB").replace("\u00a0", " "))

    def test_discount_for_early_payment_that_lowers_the_vat(self):
        """Odoo's "on early payment" mode: base and VAT follow the payment."""
        term = self.term(
            (100, 30),
            early_discount=True,
            discount_percentage=2,
            discount_days=8,
            early_pay_discount_computation="included",
        )
        move = self.invoice(self.line(3, 33.33), invoice_payment_term_id=term.id)
        found = self.play(move)
        self.assertIn("2 %", found.note("AAB").replace("\u00a0", " "))

    def test_no_discount_is_said(self):
        found = self.play(self.invoice())
        self.assertRegex(found.note("AAB").lower(), "aucun|pas d.escompte|néant")

    def test_already_paid(self):
        """Frame 2: paid in full before it is sent (BR-FR-CO-09)."""
        move = self.invoice(self.line(1, 100))
        move.action_post()
        self.pay(move)
        self.assertIn(move.payment_state, ("paid", "in_payment"))
        self.play(
            move,
            {
                "BT-23": "S2",
                "BT-112": "120.00",
                "BT-113": "120.00",
                "BT-115": "0.00",
                "BT-9": "20261102",
            },
        )

    def test_already_paid_before_the_invoice(self):
        """Paid at the order, invoiced later: BT-9 is the day of the payment."""
        move = self.invoice(self.line(1, 100, product=self.good))
        move.action_post()
        self.pay(move, payment_date=date(2026, 11, 1))
        self.play(move, {"BT-23": "B2", "BT-115": "0.00", "BT-9": "20261101"})

    def test_partly_paid(self):
        move = self.invoice(self.line(1, 100))
        move.action_post()
        self.pay(move, amount=50)
        self.play(
            move,
            {"BT-23": "S1", "BT-112": "120.00", "BT-113": "50.00", "BT-115": "70.00"},
        )

    def test_credit_note_set_against_its_invoice(self):
        """Reconciled with its invoice is not paid by the customer."""
        invoice = self.invoice(self.line(1, 100))
        invoice.action_post()
        credit = self.credit(invoice)
        credit.action_post()
        lines = (invoice | credit).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        if not all(lines.mapped("reconciled")):
            lines.reconcile()
        found = self.play(credit, {"BT-3": "381", "BT-112": "120.00"})
        self.assertEqual(found.one("BT-25"), invoice.name)

    def test_payment_reference_and_account(self):
        account = self.env["res.partner.bank"].create(
            {
                "acc_number": "DE89370400440532013000",
                "partner_id": self.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        move = self.invoice(
            partner_bank_id=account.id, payment_reference="VIR-2026-0042"
        )
        self.play(move, {"BT-83": "VIR-2026-0042", "BT-84": "DE89370400440532013000"})

    def test_no_bank_account(self):
        self.company.partner_id.bank_ids.unlink()
        move = self.invoice()
        self.play(move, {"BT-84": None})

    def test_account_that_is_no_iban(self):
        account = self.env["res.partner.bank"].create(
            {
                "acc_number": "123456789",
                "partner_id": self.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        self.play(self.invoice(partner_bank_id=account.id))

    def test_bank_with_bic(self):
        bank = self.env["res.bank"].create(
            {"name": "Banque Exemple", "bic": "AGRIFRPP882"}
        )
        self.company.partner_id.bank_ids.bank_id = bank
        self.play(self.invoice(), {"BT-86": "AGRIFRPP882"})

    def test_terms_of_the_company_are_a_note(self):
        move = self.invoice(narration="<p>Conditions générales : <b>article 1</b></p>")
        found = self.play(move)
        self.assertIn("article 1", found.note("AAI"))

    def test_direct_debit(self):
        """BG-19: mandate, creditor identifier and debited account."""
        self.company.fr_creditor_identifier = "FR72ZZZ123456"
        self.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": self.business.id,
            }
        )
        self.business.fr_mandate_reference = "RUM-0001"
        move = self.invoice()
        self.play(
            move,
            {
                "BT-81": "59",
                "BT-89": "RUM-0001",
                "BT-90": "FR72ZZZ123456",
                "BT-91": "FR1420041010050500013M02606",
            },
        )
