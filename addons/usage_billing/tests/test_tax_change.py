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
