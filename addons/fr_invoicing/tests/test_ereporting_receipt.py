# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEreportingReceipt(EreportingCommon):
    """Sales receipts are consumers' sales: day sums of 10.3, payments of 10.4."""

    def _receipt(self, *lines, day=date(2026, 10, 2), **values):
        move = self.env["account.move"].create(
            {
                "move_type": "out_receipt",
                "partner_id": self.person.id,
                "invoice_date": day,
                "date": day,
                "invoice_line_ids": [
                    Command.create(line) for line in lines or [self._line()]
                ],
                **values,
            }
        )
        move.action_post()
        return move

    def _page(self):
        page = self.env["fr.vat.reconciliation"].create(
            {
                "company_id": self.company.id,
                "date_from": "2026-10-01",
                "date_to": "2026-10-31",
            }
        )
        page.action_compute()
        return page

    def test_receipts_join_the_sums_of_the_day(self):
        self._receipt()
        self._receipt(self._line(price=50), self._line(price=30, product=self.good))
        self._consumer_invoice(day=date(2026, 10, 2))
        report = self._report("sale", date(2026, 10, 2))
        services, goods = sorted(
            self._root(report).iter("Transactions"),
            key=lambda block: block.findtext("CategoryCode"),
            reverse=True,
        )
        self.assertEqual(
            [
                (block.findtext("CategoryCode"), block.findtext("TransactionsCount"))
                for block in (services, goods)
            ],
            [("TPS1", "3"), ("TLB1", "1")],
        )
        self.assertEqual((report.basis, report.tax), (280, 56))

    def test_receipt_without_customer_is_told_too(self):
        move = self._receipt(partner_id=False)
        self._collect()
        item = move.fr_ereporting_item_ids
        self.assertEqual((item.flow, item.basis, item.tax), ("10.3", 100, 20))

    def test_payment_of_a_receipt_is_told_when_it_comes(self):
        move = self._receipt()
        self._pay(move, date(2026, 10, 12), 60)
        self._pay(move, date(2026, 11, 3))
        october = self._report("payment", date(2026, 10, 12))
        november = self._report("payment", date(2026, 11, 3))
        self.assertEqual((october.amount, november.amount), (60, 60))

    def test_reconciliation_takes_receipts_for_documents(self):
        move = self._receipt()
        self._pay(move, date(2026, 10, 12))
        page = self._page()
        self.assertEqual(page.unexplained_count, 0)
        twenty = page.line_ids
        self.assertEqual(
            (twenty.base_ledger, twenty.base_documents, twenty.base_flux_103),
            (100, 100, 100),
        )
        self.assertEqual(page.payment_line_ids.paid_flux_104, 120)

    def test_invoice_made_of_a_receipt_is_not_told_again(self):
        self._receipt()
        invoice = self._consumer_invoice(day=date(2026, 10, 2), post=False)
        invoice.fr_frame_choice = "7"
        invoice.action_post()
        self.assertEqual(invoice.fr_process_code, "S7")
        report = self._report("sale", date(2026, 10, 2))
        self.assertEqual(report.basis, 100)
        self.assertEqual(
            invoice.fr_ereporting_item_ids.mapped("exclusion"), ["told_before"]
        )
