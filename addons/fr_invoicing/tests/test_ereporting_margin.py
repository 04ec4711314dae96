# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date
from decimal import Decimal

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEreportingMargin(EreportingCommon):
    """Margin scheme: the margin is told, not the price (CGI 297 A)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.margin_tax = cls._tax("tva_sale_good_0").copy(
            {
                "name": "Marge",
                "ubl_cii_tax_category_code": "E",
                "ubl_cii_tax_exemption_reason_code": "VATEX-EU-F",
                "fr_tax_profile_id": False,
            }
        )
        cls.used = cls._make_product("Vélo d'occasion", "consu")
        cls.used.standard_price = 1000

    def _sale(self, price=1200, cost=None, **values):
        line = self._line(
            price=price,
            product=self.used,
            tax_ids=[Command.set(self.margin_tax.ids)],
            **({} if cost is None else {"fr_margin_cost": cost}),
        )
        return self._consumer_invoice(lines=[line], **values)

    def _items(self, move):
        return {
            (item.exclusion or item.held_reason or ""): (
                item.rate,
                item.basis,
                item.tax,
            )
            for item in move.fr_ereporting_item_ids.filtered("is_live")
        }

    def test_margin_is_told_and_the_rest_left_out(self):
        move = self._sale()
        self.assertEqual(move.invoice_line_ids.fr_margin_cost, Decimal("1000.00"))
        report = self._report("sale", date(2026, 11, 3))
        self.assertEqual(
            self._items(move),
            {"": (20, 166.67, 33.33), "margin_cost": (0, 1033.33, -33.33)},
        )
        text = report._get_xml().decode()
        self.assertIn("TMA1", text)
        self.assertIn("166.67", text)
        self.assertIn("33.33", text)
        self.assertNotIn("1200.00", text)

    def test_unknown_purchase_price_holds_until_entered(self):
        self.used.standard_price = 0
        move = self._sale()
        self._collect()
        self.assertEqual(list(self._items(move)), ["margin_cost"])
        item = move.fr_ereporting_item_ids
        self.assertIn("Purchase Prices", item.held_text)
        action = item.action_open_margin()
        line = self.env["account.move.line"].search(action["domain"])
        line.fr_margin_cost = Decimal(900)
        self._collect()
        self.assertEqual(self._items(move)[""], (20, 250, 50))

    def test_credit_note_takes_the_margin_back(self):
        refund = self._credit(self._sale())
        self._collect()
        self.assertEqual(self._items(refund)[""], (20, -166.67, -33.33))

    def test_a_loss_owes_nothing_and_lessens_nothing(self):
        move = self._sale(price=900)
        self._collect()
        self.assertEqual(self._items(move)[""], (20, 0, 0))

    def test_new_price_after_sending_is_rectified(self):
        move = self._sale()
        self._sent("sale", date(2026, 11, 3))
        move.invoice_line_ids.fr_margin_cost = Decimal(600)
        self._collect()
        period = self._period("sale", date(2026, 11, 3))
        self.assertEqual(period.state, "rectify")
        report = self._report("sale", date(2026, 11, 3))
        self.assertEqual((report.type_code, report.basis, report.tax), ("RE", 500, 100))

    def test_reconciliation_closes(self):
        self._sale()
        page = self.env["fr.vat.reconciliation"].create(
            {
                "company_id": self.company.id,
                "date_from": "2026-11-01",
                "date_to": "2026-11-30",
            }
        )
        page.action_compute()
        self.assertEqual(page.unexplained_count, 0)
