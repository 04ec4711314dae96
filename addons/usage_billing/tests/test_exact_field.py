from decimal import Decimal

from odoo.tests import TransactionCase, tagged

from ..fields_exact import to_exact, to_text

LONG = "12345678901234567890.123456789012345678"  # 38 digits


@tagged("post_install", "-at_install")
class TestExactField(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        product = cls.env["product.product"].create({"name": "Storage"})
        plan = cls.env["usage.plan"].create({"name": "Exact", "code": "EXACT"})
        version = cls.env["usage.plan.version"].create(
            {"plan_id": plan.id, "valid_from": "2026-01-01"}
        )
        cls.charges = cls.env["usage.charge"].create(
            [
                {
                    "version_id": version.id,
                    "name": f"Storage {number}",
                    "product_id": product.id,
                    "model": "flat",
                    "unit_price": price,
                }
                for number, price in enumerate(["9", "10", LONG, False], start=1)
            ]
        )

    def stored(self, index):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.charges[index].unit_price

    def test_38_digits_come_back_from_the_database(self):
        self.assertEqual(self.stored(2), Decimal(LONG))
        self.assertEqual(str(self.stored(2)), LONG)

    def test_rpc_speaks_text(self):
        self.env.flush_all()
        self.env.invalidate_all()
        [row] = self.charges[2].read(["unit_price"])
        self.assertEqual(row["unit_price"], LONG)
        [row] = self.charges[2].web_read({"unit_price": {}})
        self.assertEqual(row["unit_price"], LONG)
        self.assertEqual(
            self.charges.fields_get(["unit_price"])["unit_price"]["type"], "char"
        )

    def test_nothing_is_not_zero(self):
        self.assertIsNone(self.stored(3))
        self.charges[3].unit_price = 0
        self.assertEqual(self.stored(3), Decimal(0))
        self.assertIsNotNone(self.stored(3))

    def test_filters_and_orders_compare_numbers(self):
        charges = self.env["usage.charge"].search(
            [("id", "in", self.charges.ids), ("unit_price", ">", "9.5")],
            order="unit_price",
        )
        self.assertEqual(charges, self.charges[1] + self.charges[2])
        self.assertEqual(
            self.charges.sorted(lambda c: c.unit_price or Decimal(-1))[1].name,
            "Storage 1",
        )
        self.assertEqual(
            self.env["usage.charge"].search(
                [("id", "in", self.charges.ids), ("unit_price", "=", Decimal("10.00"))]
            ),
            self.charges[1],
        )
        self.assertEqual(
            self.env["usage.charge"].search(
                [("id", "in", self.charges.ids), ("unit_price", "=", False)]
            ),
            self.charges[3],
        )

    def test_small_float_of_a_data_file_is_taken_by_its_text(self):
        self.charges[0].unit_price = 0.0000125
        self.assertEqual(self.stored(0), Decimal("0.0000125"))

    def test_what_is_no_number_is_refused(self):
        for wrong in ("NaN", "Infinity", "1,5", "abc", float("inf")):
            with self.subTest(wrong=wrong), self.assertRaises(ValueError):
                self.charges[0].unit_price = wrong

    def test_text_has_no_exponent_and_no_trailing_zero(self):
        self.assertEqual(to_text(Decimal("1E+3")), "1000")
        self.assertEqual(to_text(Decimal("0.0100")), "0.01")
        self.assertEqual(to_text(Decimal("-0")), "0")
        self.assertEqual(to_text(to_exact("1E-10")), "0.0000000001")
