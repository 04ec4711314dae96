# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestCollected(FrInvoicingCommon):
    def _pay(self, move, amount=None, **values):
        """Pay through Odoo's register payment wizard, into the bank account."""
        vals = {"payment_date": "2026-11-20", **values}
        if amount:
            vals["amount"] = amount
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create(vals)
        )
        payment = wizard._create_payments()
        if not payment.move_id:
            # no outstanding account: money is known once the bank line is matched
            self._bank_line(move, payment.amount)
        return payment

    def _amounts(self, move):
        return [event.amount for event in move._fr_collected()]

    def test_partial_payments_of_a_service_add_up_to_its_vat(self):
        move = self._make_invoice([self._line(price="100.01"), self._line(price=33)])
        self._pay(move, 50)
        self._pay(move)
        self.assertEqual(
            self._amounts(move), [Decimal(50), exact(move.amount_total) - 50]
        )
        parts = [part for _event, parts in move._fr_collected_parts() for part in parts]
        self.assertEqual(
            sum(part.tax for part in parts), round(exact(move.amount_tax), 2)
        )
        self.assertEqual({part.rate for part in parts}, {Decimal("20.0")})

    def test_undone_payment_leaves_the_opposite_amount(self):
        move = self._make_invoice([self._line()])
        self._pay(move)
        self._receivable(move).remove_move_reconcile()
        self.assertEqual(self._amounts(move), [Decimal(120), Decimal(-120)])
        self.assertEqual(self._amounts(move), [Decimal(120), Decimal(-120)])

    def test_payment_matched_again_counts_again(self):
        move = self._make_invoice([self._line()])
        self._pay(move)
        partner_lines = self._receivable(move)
        other = partner_lines.matched_credit_ids.credit_move_id
        partner_lines.remove_move_reconcile()
        (partner_lines + other).reconcile()
        self.assertEqual(
            self._amounts(move), [Decimal(120), Decimal(-120), Decimal(120)]
        )

    def test_credit_note_is_no_money(self):
        move = self._make_invoice([self._line()])
        credit_note = self._credit(move)
        open_lines = self._receivable(move) + self._receivable(credit_note)
        open_lines.filtered(lambda line: not line.reconciled).reconcile()
        self.assertEqual(move.amount_residual, 0)
        self.assertEqual(self._amounts(move), [])

    def test_refunded_credit_note_is_money_going_back(self):
        move = self._make_invoice([self._line()])
        self._pay(move)
        credit_note = self._credit(move)
        self._bank_line(credit_note, -120)
        self.assertEqual(self._amounts(credit_note), [Decimal(-120)])

    def test_goods_report_no_payment(self):
        move = self._make_invoice([self._line(product=self.good)])
        self._pay(move)
        self.assertEqual(move._fr_collected(), [])

    def test_goods_and_services_keep_their_shares_apart(self):
        """120 of services of 180: half of 180 collects 60 of services."""
        move = self._make_invoice(
            [self._line(), self._line(product=self.good, price=50)]
        )
        self._pay(move, 90)
        [(_event, parts)] = move._fr_collected_parts()
        self.assertEqual(
            {part.on_payment: part.gross for part in parts},
            {True: Decimal(60), False: Decimal(30)},
        )

    def test_rows_are_kept(self):
        move = self._make_invoice([self._line()])
        self._pay(move)
        with self.assertRaises(UserError):
            move.fr_collected_ids.sudo().unlink()
        with self.assertRaises(UserError):
            move.fr_collected_ids.sudo().write({"amount": 1})


def exact(value):
    return Decimal(str(value))
