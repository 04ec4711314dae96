# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestVatReconciliation(EreportingCommon):
    def _page(self, start=date(2026, 11, 1), end=date(2026, 11, 30)):
        page = self.env["fr.vat.reconciliation"].create(
            {"company_id": self.company.id, "date_from": start, "date_to": end}
        )
        page.action_compute()
        return page

    def _row(self, page, key):
        return page.line_ids.filtered(lambda line: line.row_key == key)

    def _gap(self, page, comparison, measure, reason):
        found = page.gap_ids.filtered(
            lambda gap: (
                (gap.comparison, gap.measure, gap.reason)
                == (comparison, measure, reason)
            )
        )
        return sum(found.mapped("amount"))

    def _busy_month(self):
        """Documents of every kind, payments, an entry, a credit note, a late date."""
        self._consumer_invoice()  # service on payment, 100
        goods = self._consumer_invoice(lines=[self._line(price=50, product=self.good)])
        self._credit(goods)
        self._make_invoice([self._line(price=1000, product=self.good)])
        service = self._make_invoice([self._line(price=200)])
        self._pay(service, date(2026, 11, 12), 120)
        old = self._make_invoice([self._line(price=500)], invoice_date="2026-10-05")
        self._pay(old, date(2026, 11, 8))
        exempt = self._tax("tva_sale_service_0")
        self._consumer_invoice(
            lines=[self._line(price=40, tax_ids=[Command.set(exempt.ids)])]
        )
        export = self._tax("tva_sale_service_export_0")
        self._make_invoice(
            [self._line(price=700, tax_ids=[Command.set(export.ids)])],
            partner=self.american,
        )
        income = self.company_data["default_account_revenue"]
        bank = self.bank.default_account_id
        self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": "2026-11-15",
                "line_ids": [
                    Command.create({"account_id": income.id, "credit": 60}),
                    Command.create({"account_id": bank.id, "debit": 60}),
                ],
            }
        ).action_post()

    def test_a_busy_month_is_explained_to_the_cent(self):
        self._busy_month()
        page = self._page()
        self.assertFalse(
            page.gap_ids.filtered(lambda gap: gap.reason == "unexplained").mapped(
                lambda gap: (gap.comparison, gap.measure, gap.label, gap.amount)
            )
        )
        self.assertEqual(page.unexplained_count, 0)
        twenty = self._row(page, "20")
        self.assertEqual(
            (
                twenty.base_ledger,
                twenty.base_documents,
                twenty.base_flux_2,
                twenty.base_flux_103,
            ),
            (1300, 1300, 1200, 100),
        )
        # due: goods 1000 and, of services, 100 + 500 paid
        self.assertEqual(twenty.base_boxes, 1600)
        self.assertEqual(twenty.tax_boxes, 320)
        self.assertEqual(twenty.tax_ledger, 320)
        self.assertEqual(twenty.tax_documents, 260)
        self.assertEqual(self._gap(page, "ledger_documents", "tax", "tax_waiting"), -60)
        self.assertEqual(self._gap(page, "ledger_documents", "tax", "tax_paid"), 120)
        self.assertEqual(self._gap(page, "ledger_documents", "base", "entry"), 60)
        self.assertEqual(self._gap(page, "documents_flux", "base", "flux_out"), 40)
        self.assertEqual(self._row(page, "E2").base_flux_101, 700)

    def test_ledger_total_is_that_of_the_accounts(self):
        self._busy_month()
        page = self._page()
        income = self.env["account.move.line"].search(
            [
                ("company_id", "=", self.company.id),
                ("parent_state", "=", "posted"),
                ("account_id.internal_group", "=", "income"),
                ("date", ">=", "2026-11-01"),
                ("date", "<=", "2026-11-30"),
            ]
        )
        self.assertEqual(
            sum(page.line_ids.mapped("base_ledger")), -sum(income.mapped("balance"))
        )

    def test_document_entered_in_another_month(self):
        self._make_invoice(
            [self._line(price=80, product=self.good)],
            invoice_date="2026-10-30",
            date="2026-11-02",
        )
        november = self._page()
        self.assertEqual(november.unexplained_count, 0)
        october = self._page(date(2026, 10, 1), date(2026, 10, 31))
        self.assertEqual(october.unexplained_count, 0)

    def test_held_operation_is_a_reason_that_opens(self):
        self.company.fr_check_on_post = False  # posted in spite of what is missing
        nameless = self._make_partner(
            "Sans Numéro BV", country="base.nl", is_company=True, city="Delft"
        )
        tax = self._tax("tva_sale_service_intra_0")
        move = self._make_invoice(
            [self._line(tax_ids=[Command.set(tax.ids)])], partner=nameless
        )
        page = self._page()
        gap = page.gap_ids.filtered(
            lambda gap: gap.reason == "flux_held" and gap.measure == "base"
        )
        self.assertEqual(gap.amount, 100)
        action = gap.action_view()
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(found.move_id, move)

    def test_reason_opens_its_journal_lines(self):
        self._busy_month()
        gap = self._page().gap_ids.filtered(
            lambda gap: gap.reason == "tax_paid" and gap.measure == "tax"
        )
        action = gap.action_view()
        lines = self.env["account.move.line"].search(action["domain"])
        self.assertEqual(len(lines), gap.count)
        self.assertEqual(-sum(lines.mapped("balance")), 120)

    def test_csv_says_the_same(self):
        self._busy_month()
        page = self._page()
        text = page._csv()
        self.assertIn("1300,00", text)
        self.assertEqual(
            len(text.splitlines()),
            5
            + len(page.line_ids | page.purchase_line_ids | page.payment_line_ids)
            + len(page.box_ids)
            + len(page.gap_ids),
        )

    def test_months_follow_each_other(self):
        page = self._page()
        page.action_previous()
        self.assertEqual(
            (page.date_from, page.date_to), (date(2026, 10, 1), date(2026, 10, 31))
        )
        page.action_next()
        self.assertEqual(
            (page.date_from, page.date_to), (date(2026, 11, 1), date(2026, 11, 30))
        )

    # === Purchases, payments, return === #

    def _bill(self, price, tax, partner=None, day="2026-11-10", **values):
        move = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": (partner or self.business).id,
                "invoice_date": day,
                "date": values.pop("date", day),
                "ref": f"F-{price}",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Achat",
                            "quantity": 1,
                            "price_unit": price,
                            "tax_ids": [Command.set(self._tax(tax).ids)],
                        }
                    )
                ],
            }
        )
        move.action_post()
        return move

    def _busy_purchases(self):
        """Bills of every kind: here, from the Union, waiting, fixed assets, late."""
        german = self._make_partner(
            "Lieferant GmbH",
            country="base.de",
            is_company=True,
            city="Bonn",
            vat="DE123456788",
        )
        self._bill(1000, "tva_acq_normale")
        self._bill(300, "tva_intra_normale_biens", german)
        self._bill(200, "tva_intra_normale_services", german)
        waiting = self._bill(500, "tva_acq_encaissement")
        paid = self._bill(100, "tva_acq_encaissement", day="2026-10-12")
        self._pay(paid, date(2026, 11, 20))
        self._bill(70, "tva_acq_normale", day="2026-10-30", date="2026-11-02")
        return waiting

    def _purchase_row(self, page, key):
        return page.purchase_line_ids.filtered(lambda line: line.row_key == key)

    def test_purchases_are_explained_to_the_cent(self):
        self._busy_purchases()
        page = self._page()
        self.assertFalse(
            page.gap_ids.filtered(lambda gap: gap.reason == "unexplained").mapped(
                lambda gap: (gap.subject, gap.comparison, gap.label, gap.amount)
            )
        )
        goods, services = (self._purchase_row(page, box) for box in ("B2", "A3"))
        self.assertEqual(
            (goods.base_documents, goods.base_flux_101, goods.base_boxes),
            (300, 300, 300),
        )
        self.assertEqual((goods.tax_ledger, goods.tax_boxes), (60, 60))
        self.assertEqual((services.base_flux_101, services.tax_ledger), (200, 40))
        twenty = self._purchase_row(page, "20")
        # 200 bought here, 60 + 40 of the Union, 20 paid, 14 entered late
        self.assertEqual((twenty.tax_ledger, twenty.tax_boxes), (334, 334))
        # 200 + 60 + 40, and 100 that waits
        self.assertEqual(twenty.tax_documents, 400)

        def gap(reason):
            found = page.gap_ids.filtered(lambda row: row.reason == reason)
            return sum(found.mapped("amount"))

        self.assertEqual(gap("p_tax_waiting"), -100)
        self.assertEqual(gap("p_tax_paid"), 20)
        self.assertEqual(gap("p_tax_other_period_in"), 14)

    def test_purchase_reason_opens_its_lines(self):
        waiting = self._busy_purchases()
        gap = self._page().gap_ids.filtered(lambda row: row.reason == "p_tax_waiting")
        action = gap.action_view()
        lines = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(lines.move_id, waiting)

    def test_foreign_bill_held_back_is_a_reason(self):
        nameless = self._make_partner(
            "Ohne Nummer GmbH", country="base.de", is_company=True, city="Bonn"
        )
        self._bill(90, "tva_intra_normale_services", nameless)
        page = self._page()
        gap = page.gap_ids.filtered(
            lambda row: row.subject == "purchase" and row.reason == "flux_held"
        )
        self.assertEqual(gap.amount, 90)
        self.assertEqual(page.unexplained_count, 0)

    def test_payments_told_and_entered_agree(self):
        move = self._consumer_invoice(lines=[self._line(price=33.33)])
        self._pay(move, date(2026, 11, 12), 13.33)
        self._pay(move, date(2026, 11, 14))
        untold = self._make_invoice([self._line(price=200)])  # no platform to tell it
        self._pay(untold, date(2026, 11, 15))
        page = self._page()
        self.assertEqual(page.unexplained_count, 0)
        row = page.payment_line_ids
        self.assertEqual((row.row_key, row.paid_flux_104, row.paid), ("20", 40, 40))
        self.assertEqual((row.tax_told, row.tax_ledger), (6.67, 46.67))
        gap = page.gap_ids.filtered(lambda found: found.reason == "paid_untold")
        self.assertEqual(gap.amount, -40)
        action = gap.action_view()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), untold)

    def test_return_is_that_of_the_ledger(self):
        self._busy_month()
        self._busy_purchases()
        page = self._page()
        boxes = {box.code: box for box in page.box_ids}
        self.assertEqual(boxes["B2"].amount, 300)
        self.assertEqual(boxes["A3"].amount, 200)
        self.assertEqual(boxes["20"].amount, 334)
        self.assertEqual(boxes["17"].amount, 100)
        # 320 of sales and payments (busy month), 60 + 40 owed on purchases
        self.assertEqual(boxes["08_taxe"].amount, 420)
        self.assertEqual((boxes["16"].amount, boxes["16"].purchase), (420, 100))
        self.assertEqual((boxes["23"].amount, boxes["23"].payment), (334, 20))
        self.assertEqual((page.net_due, page.net_credit), (86, 0))
        lines = self.env["account.move.line"].search(
            boxes["20"].action_view()["domain"]
        )
        self.assertEqual(sum(lines.mapped("balance")), 334)
