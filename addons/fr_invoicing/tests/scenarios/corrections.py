# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from .common import DAY


class CorrectionScenarios:
    """Credit notes of parts, in currencies, of paid invoices; sending again."""

    def several_rates(self, **values):
        return self.invoice(
            self.line(10, 12.34, discount=5),
            self.line(4, 99.99, product=self.good, tax="tva_reduite"),
            self.line(3, 7.77, product=self.good),
            **values,
        )

    def test_part_of_a_quantity(self):
        invoice = self.several_rates()
        invoice.action_post()
        credit = self.credit(invoice)
        credit.invoice_line_ids[0].quantity = 3
        credit.invoice_line_ids[1].unlink()
        found = self.play(credit, {"BT-3": "381", "BT-25": invoice.name})
        self.assertEqual(found.all("BT-129"), ["3", "3"])

    def test_two_credit_notes_of_one_invoice(self):
        invoice = self.several_rates()
        invoice.action_post()
        for quantity in (1, 2):
            credit = self.credit(invoice)
            credit.invoice_line_ids[1:].unlink()
            credit.invoice_line_ids.quantity = quantity
            self.play(credit, {"BT-3": "381", "BT-25": invoice.name})

    def test_part_in_dollars_at_another_rate(self):
        dollar = self.make_currency("USD", 1.1)
        self.env["res.currency.rate"].create(
            {"currency_id": dollar.id, "rate": 1.25, "name": "2026-11-10"}
        )
        invoice = self.several_rates(currency_id=dollar.id)
        invoice.action_post()
        credit = self.credit(invoice, date=date(2026, 11, 12))
        credit.invoice_line_ids[0].quantity = 7
        self.play(credit, {"BT-3": "381", "BT-6": "EUR", "BT-2": "20261112"})

    def test_of_a_paid_invoice(self):
        invoice = self.several_rates()
        invoice.action_post()
        self.pay(invoice)
        self.play(invoice, {"BT-23": "M2"})
        self.play(self.credit(invoice), {"BT-3": "381", "BT-23": "M1"})

    def test_of_a_rounded_invoice(self):
        rounding = self.cash_rounding("add_invoice_line")
        invoice = self.invoice(self.line(1, 9.99), invoice_cash_rounding_id=rounding.id)
        invoice.action_post()
        self.play(self.credit(invoice), {"BT-3": "381"})

    def test_invoice_made_again_with_the_dialog(self):
        """Odoo's "Reverse and Create Invoice": credit note, then a standard invoice."""
        invoice = self.several_rates()
        invoice.action_post()
        dialog = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "date": DAY})
        )
        again = self.env["account.move"].browse(dialog.modify_moves()["res_id"])
        again.invoice_date = DAY
        self.play(invoice.reversal_move_ids, {"BT-3": "381", "BT-25": invoice.name})
        self.play(again, {"BT-3": "380", "BT-25": None})

    # === Sending === #

    def send_dialog(self, moves, model="account.move.send.wizard"):
        return (
            self.env[model]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({})
        )

    def test_sent_twice_with_the_dialog_is_one_document(self):
        move = self.several_rates()
        move.action_post()
        self.send_dialog(move).action_send_and_print()
        self.check(move)
        first = move.invoice_pdf_report_id
        self.send_dialog(move).action_send_and_print()
        self.assertEqual(move.invoice_pdf_report_id, first)

    def test_batch_dialog(self):
        moves = self.several_rates() | self.several_rates()
        moves |= self.invoice(partner=self.american)
        moves.action_post()
        dialog = self.send_dialog(moves, "account.move.send.batch.wizard")
        dialog.action_send_and_print(force_synchronous=True)
        for move in moves:
            is_english = move.partner_id == self.american
            self.check(move, language="en" if is_english else "fr")

    def test_posted_before_the_company_was_set_up(self):
        numbers = self.company.company_registry, self.company.vat
        self.company.write({"company_registry": False, "vat": False})
        move = self.several_rates()
        move.action_post()
        self.company.write({"company_registry": numbers[0], "vat": numbers[1]})
        self.play(move, {"BT-30": "100000009"})

    def test_archived_customer(self):
        self.business.active = False
        self.play(self.invoice())

    def test_number_of_another_series(self):
        journal = self.env["account.journal"].create(
            {
                "name": "Ventes B",
                "code": "VTB",
                "type": "sale",
                "company_id": self.company.id,
            }
        )
        move = self.invoice(journal_id=journal.id, name="FA-CLIENTS-2026-11-000001")
        self.play(move, {"BT-1": "FA-CLIENTS-2026-11-000001"})

    def test_older_than_the_reform(self):
        self.play(self.invoice(invoice_date=date(2024, 3, 1)), {"BT-2": "20240301"})

    def test_after_the_last_day_of_the_cgi_wording(self):
        found = self.play(
            self.invoice(invoice_date=date(2028, 3, 1), partner=self.german),
            {"BT-118": "AE"},
            language="en",
        )
        self.assertNotIn("CGI", found.one("BT-120"))
