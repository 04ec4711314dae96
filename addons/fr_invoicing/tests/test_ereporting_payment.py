# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEreportingPayment(EreportingCommon):
    """Payments are reported where VAT falls due on payment (CGI 290 A)."""

    def _blocks(self, report):
        return [
            (
                block.findtext("Payment/Date"),
                *(
                    (share.findtext("TaxPercent"), share.findtext("Amount"))
                    for share in block.iter("SubTotals")
                ),
            )
            for block in self._root(report).iter("Transactions")
        ]

    def _paid_in_october(self, amount=None, **values):
        move = self._consumer_invoice(day=date(2026, 10, 2), **values)
        self._pay(move, date(2026, 10, 12), amount)
        return move

    def test_payments_of_consumers_by_day_and_rate(self):
        reduced = self._tax("tva_intermediaire_encaissement")
        reduced.active = True
        self._paid_in_october(
            lines=[
                self._line(price=100),
                self._line(price=100, tax_ids=[Command.set(reduced.ids)]),
            ]
        )
        self._paid_in_october()
        report = self._report("payment", date(2026, 10, 12))
        self.assertEqual(
            self._blocks(report),
            [("20261012", ("20", "240.00"), ("10", "110.00"))],
        )
        self.assertEqual(report.amount, 350)

    def test_partial_payments_add_up_to_the_invoice(self):
        move = self._consumer_invoice(day=date(2026, 10, 2))
        self._pay(move, date(2026, 10, 12), 33.33)
        self._pay(move, date(2026, 10, 20), 66.67)
        self._pay(move, date(2026, 11, 3))
        october = self._report("payment", date(2026, 10, 12))
        november = self._report("payment", date(2026, 11, 3))
        self.assertEqual((october.amount, november.amount), (100, 20))

    def test_goods_and_debits_are_not_reported_when_paid(self):
        move = self._consumer_invoice(
            day=date(2026, 10, 2), lines=[self._line(product=self.good)]
        )
        self._pay(move, date(2026, 10, 12))
        debits = self._consumer_invoice(
            day=date(2026, 10, 2),
            lines=[self._line(tax_ids=[Command.set(self._tax("tva_normale").ids)])],
        )
        self._pay(debits, date(2026, 10, 12))
        self._collect()
        self.assertFalse(self._period("payment", date(2026, 10, 12)).operation_count)

    def test_domestic_businesses_tell_it_by_status_not_here(self):
        move = self._make_invoice([self._line()], invoice_date=date(2026, 10, 2))
        self._pay(move, date(2026, 10, 12))
        self._collect()
        self.assertFalse(self._period("payment", date(2026, 10, 12)).operation_count)

    def test_business_abroad_that_owes_french_vat_is_told_by_invoice(self):
        move = self._make_invoice(
            [
                self._line(
                    price=500,
                    tax_ids=[Command.set(self._tax("tva_normale_encaissement").ids)],
                )
            ],
            partner=self.german,
            invoice_date=date(2026, 10, 2),
        )
        self._pay(move, date(2026, 10, 12))
        root = self._root(self._report("payment", date(2026, 10, 12)))
        invoice = root.find(".//Invoice")
        self.assertEqual(invoice.findtext("InvoiceID"), move.name)
        self.assertEqual(invoice.findtext("IssueDate"), "20261002")
        self.assertEqual(invoice.findtext("Payment/SubTotals/Amount"), "600.00")

    def test_reverse_charged_service_abroad_is_not_told_when_paid(self):
        tax = self._tax("tva_sale_service_intra_0")
        move = self._make_invoice(
            [self._line(tax_ids=[Command.set(tax.ids)])],
            partner=self.german,
            invoice_date=date(2026, 10, 2),
        )
        self._pay(move, date(2026, 10, 12))
        self._collect()
        self.assertFalse(self._period("payment", date(2026, 10, 12)).operation_count)

    def test_payment_taken_back_after_its_period_is_a_negative_one(self):
        move = self._paid_in_october()
        october = self._sent("payment", date(2026, 10, 12))
        move.line_ids.remove_move_reconcile()
        self._collect()
        # October said the truth of October; the money went back in November
        self.assertEqual(october.period_id.state, "sent")
        november = self._report("payment", date(2026, 11, 22))
        self.assertEqual(self._blocks(november), [("20261122", ("20", "-120.00"))])
        # the official rule refuses the sign against its own specification
        self.assertEqual(
            {(found["rule"], found["severity"]) for found in november.findings},
            {("G1.16", "warning")},
        )

    def test_payment_taken_back_in_its_period_never_was(self):
        move = self._consumer_invoice()
        self._pay(move, date(2026, 11, 5))
        self._collect()
        period = self._period("payment", date(2026, 11, 5))
        self.assertEqual(period.amount, 120)
        move.line_ids.remove_move_reconcile()
        self._collect()
        self.assertEqual((period.operation_count, period.excluded_count), (0, 2))
        self._pay(move, date(2026, 11, 6))
        self._collect()
        self.assertEqual(period.amount, 120)

    def test_payment_entered_late_rectifies_its_period(self):
        self._paid_in_october()
        first = self._sent("payment", date(2026, 10, 12))
        self._paid_in_october(amount=50)
        self._collect()
        self.assertEqual(first.period_id.state, "rectify")
        second = self._report("payment", date(2026, 10, 12))
        self.assertEqual((second.type_code, second.amount), ("RE", 170))
