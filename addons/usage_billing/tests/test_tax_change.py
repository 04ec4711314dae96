from datetime import date

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import UsageCase


@tagged("post_install", "-at_install")
class TestTaxChange(UsageCase):
    """The rate goes from 20 % to 21 % on 16 September; the period is September."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Tax = cls.env["account.tax"]
        cls.old = Tax.create({"name": "T 20", "amount": 20, "type_tax_use": "sale"})
        cls.new = Tax.create({"name": "T 21", "amount": 21, "type_tax_use": "sale"})
        cls.product.taxes_id = cls.old
        meter = cls._create_meter("api")
        cls.plan = cls._create_plan(
            [
                {"name": "Fee", "model": "flat", "unit_price": "30"},
                {
                    "name": "Calls",
                    "model": "per_unit",
                    "meter_id": meter.id,
                    "unit_price": "0.1",
                },
            ]
        )
        cls.subscription = cls._create_subscription(cls.plan)
        cls._add_usage(cls.subscription, "api", 100, at="2026-09-10 12:00:00")
        cls._add_usage(cls.subscription, "api", 300, at="2026-09-20 12:00:00")
        cls.env["usage.tax.change"].create(
            {
                "date": "2026-09-16",
                "from_tax_id": cls.old.id,
                "to_tax_id": cls.new.id,
            }
        )

    def _lines(self, move):
        return [
            (line.usage_rated_line_id.charge_id.key, line.tax_ids.amount, subtotal)
            for line in move.invoice_line_ids
            if (subtotal := line.price_subtotal)
        ]

    def test_a_period_over_the_change_has_two_lines(self):
        move = self._bill().move_ids
        # 15 days of 30 each side; 100 and 300 calls
        self.assertEqual(
            self._lines(move),
            [
                ("fee", 20, 15),
                ("fee", 21, 15),
                ("calls", 20, 10),
                ("calls", 21, 30),
            ],
        )
        self.assertEqual(move.amount_untaxed, 70)
        # 25 x 20 % + 45 x 21 %
        self.assertEqual(move.amount_tax, 14.45)
        self.assertEqual(
            move.invoice_line_ids.mapped("usage_rated_line_id.state"), ["posted"] * 2
        )

    def test_the_day_of_the_usage_decides_not_the_product_of_today(self):
        self.product.taxes_id = self.new
        self.assertEqual(len(self._lines(self._bill().move_ids)), 4)
        october = self._bill("2026-10-31").move_ids
        self.assertEqual(self._lines(october), [("fee", 21, 30)])

    def test_a_period_after_the_change_has_the_new_tax(self):
        self._bill()
        october = self._bill("2026-10-31").move_ids
        self.assertEqual(self._lines(october), [("fee", 21, 30)])

    def test_cents_add_up(self):
        self.env["usage.tax.change"].search([]).date = "2026-09-11"
        self._add_usage(self.subscription, "api", "0.33", at="2026-09-20 12:00:00")
        move = self._bill().move_ids
        # fee: 10 of 30 days; calls: 40.03, 100 of 400.33 before the change
        self.assertEqual(
            self._lines(move),
            [
                ("fee", 20, 10),
                ("fee", 21, 20),
                ("calls", 20, 10),
                ("calls", 21, 30.03),
            ],
        )

    def _change(self, date, old, new):
        return self.env["usage.tax.change"].create(
            {"date": date, "from_tax_id": old.id, "to_tax_id": new.id}
        )

    def test_several_changes_in_a_period_have_a_line_each(self):
        third = self.new.copy({"name": "T 22", "amount": 22})
        self._change("2026-09-26", self.new, third)
        # 15, 10 and 5 days of 30; 100, 300 and 0 calls
        expected = [
            ("fee", 20, 15),
            ("fee", 21, 10),
            ("fee", 22, 5),
            ("calls", 20, 10),
            ("calls", 21, 30),
        ]
        for today in (self.old, self.new, third):
            with self.subTest(today=today.name), self.env.cr.savepoint() as point:
                self.product.taxes_id = today
                self.assertEqual(self._lines(self._bill().move_ids), expected)
                point.rollback()
            self.env.invalidate_all()

    def test_a_rate_may_come_back(self):
        self._change("2026-09-21", self.new, self.old)
        lines = self._lines(self._bill().move_ids)
        # 15 + 10 days of the old rate around 5 of the new one; the 300 calls are of
        # the 20th
        self.assertEqual(
            lines,
            [
                ("fee", 20, 15),
                ("fee", 21, 5),
                ("fee", 20, 10),
                ("calls", 20, 10),
                ("calls", 21, 30),
            ],
        )
        october = self._bill("2026-10-31").move_ids
        self.assertEqual(self._lines(october), [("fee", 20, 30)])

    def test_a_change_of_another_tax_cuts_nothing(self):
        other = self.new.copy({"name": "Other", "amount": 5.5})
        self._change("2026-09-08", other, other.copy({"name": "O 6", "amount": 6}))
        self.assertEqual(len(self._lines(self._bill().move_ids)), 4)

    def test_a_branch_follows_its_company(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        approver = self.users["approver"]
        approver.write(
            {"company_ids": [Command.set(branch.ids)], "company_id": branch.id}
        )
        branch, taxes = branch.with_user(approver), self.old.with_user(approver)
        changes = branch.env["usage.tax.change"]._of_company(branch)
        self.assertEqual(
            changes._spans(
                taxes._filter_taxes_by_company(branch),
                date(2026, 9, 1),
                date(2026, 10, 1),
            ),
            [
                (date(2026, 9, 1), date(2026, 9, 16), self.old),
                (date(2026, 9, 16), date(2026, 10, 1), self.new),
            ],
        )

    def test_late_usage_has_the_tax_of_its_own_days(self):
        self._bill()
        self._add_usage(self.subscription, "api", 50, at="2026-09-05 12:00:00")
        self.subscription.late_policy = "next"
        delta = self._bill("2026-10-31").move_ids
        september = delta.invoice_line_ids.filtered(
            lambda line: str(line.usage_period_start) < "2026-10-01"
        )
        self.assertEqual(
            [(line.tax_ids.amount, line.price_subtotal) for line in september],
            [(20, 5)],
        )
        self.assertEqual(september.usage_quantity, 50)

    def test_a_part_keeps_its_quantity_and_its_price(self):
        lines = self._bill().move_ids.invoice_line_ids
        calls = lines.filtered(
            lambda line: line.usage_rated_line_id.charge_id.key == "calls"
        )
        self.assertEqual(
            [(line.quantity, line.price_unit) for line in calls],
            [(100, 0.1), (300, 0.1)],
        )

    def test_a_tax_is_replaced_by_another_one(self):
        with self.assertRaises(ValidationError):
            self._change("2026-12-01", self.new, self.new)
