# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from .common import DAY


class AmountScenarios:
    """Prices, quantities, discounts, charges, currencies, periods."""

    # === Prices and quantities === #

    def test_price_of_six_decimals(self):
        move = self.invoice(self.line(1234.5678, 0.000123))
        found = self.play(move, {"BT-129": "1234.5678", "BT-146": "0.000123"})
        self.assertEqual(found.money("BT-106"), Decimal("0.15"))

    def test_price_below_six_decimals(self):
        """0.0000001 EUR x 7,000,000: no such price may be written (BR-FR-DEC-03)."""
        move = self.invoice(self.line(7000000, 0.000000124))
        self.play(move, {"BT-131": "0.87"})

    def test_quantity_of_six_decimals(self):
        move = self.invoice(self.line(3.141592, 2.71))
        self.play(move, {"BT-131": "8.51"})

    def test_price_that_does_not_divide(self):
        move = self.invoice(self.line(3, 3.333333), self.line(7, 0.142857))
        self.play(move, {"BT-131": ["10.00", "1.00"]})

    def test_large_amounts(self):
        move = self.invoice(self.line(999999, 9999.99))
        self.play(move, {"BT-109": "9999980000.01"})

    def test_one_cent(self):
        self.play(self.invoice(self.line(1, 0.01)), {"BT-112": "0.01"})

    def test_free_line_beside_a_paid_one(self):
        move = self.invoice(self.line(1, 0), self.line(1, 10))
        self.play(move, {"BT-131": ["0.00", "10.00"]})

    def test_zero_quantity(self):
        move = self.invoice(self.line(0, 25), self.line(1, 10))
        self.play(move, {"BT-131": ["0.00", "10.00"]})

    def test_whole_invoice_of_zero(self):
        move = self.invoice(self.line(1, 0))
        self.play(move, {"BT-112": "0.00", "BT-115": "0.00"})

    def test_negative_quantity(self):
        move = self.invoice(self.line(5, 20), self.line(-2, 20))
        found = self.play(move, {"BT-112": "72.00"})
        self.assertTrue(all(line.price >= 0 for line in found.lines()))

    def test_negative_price(self):
        move = self.invoice(self.line(5, 20), self.line(2, -20))
        found = self.play(move, {"BT-112": "72.00"})
        self.assertTrue(all(line.price >= 0 for line in found.lines()))

    def test_units_of_measure(self):
        hour = self.env.ref("uom.product_uom_hour")
        kilogram = self.env.ref("uom.product_uom_kgm")
        weighed = self.make_product("Câble au poids", "consu", uom_id=kilogram.id)
        move = self.invoice(
            self.line(2.5, 80, product_uom_id=hour.id),
            self.line(0.75, 12, product=weighed, product_uom_id=kilogram.id),
        )
        found = self.play(move, {"BT-112": "250.80"})
        units = found.root.xpath("//*[local-name()='BilledQuantity']/@unitCode")
        self.assertEqual(units, ["HUR", "KGM"])

    def test_hundred_and_twenty_lines_on_several_pages(self):
        lines = [
            self.line(number, 1.01 + number / 100, name=f"Service {number}")
            for number in range(1, 121)
        ]
        found = self.play(self.invoice(*lines))
        self.assertEqual(len(found.lines()), 120)

    # === Discounts and charges === #

    def test_discount_in_percent(self):
        move = self.invoice(self.line(10, 100, discount=12.5))
        found = self.play(move, {"BT-131": "875.00"})
        (change,) = found.lines()[0].changes
        self.assertEqual((change.amount, change.is_charge), (Decimal("125.00"), False))

    def test_discount_that_does_not_divide(self):
        move = self.invoice(
            self.line(3, 33.33, discount=33.33), self.line(7, 0.07, discount=5.55)
        )
        self.play(move)

    def test_discount_of_everything(self):
        move = self.invoice(self.line(1, 50, discount=100), self.line(1, 10))
        self.play(move, {"BT-131": ["0.00", "10.00"]})

    def test_discount_of_many_decimals_on_a_tiny_price(self):
        move = self.invoice(self.line(123456, 0.004321, discount=7.77))
        self.play(move)

    def test_negative_discount_is_a_markup(self):
        move = self.invoice(self.line(2, 50, discount=-10))
        self.play(move, {"BT-131": "110.00"})

    def test_discount_on_a_credit_note(self):
        invoice = self.invoice(self.line(3, 33.33, discount=10))
        invoice.action_post()
        self.play(self.credit(invoice), {"BT-3": "381"})

    def test_discount_line_over_two_rates(self):
        """A rebate on the whole order, one negative line for each rate."""
        move = self.invoice(
            self.line(1, 1000, product=self.good),
            self.line(1, 500, product=self.good, tax="tva_reduite"),
            self.line(1, -100, product=self.good, name="Remise"),
            self.line(1, -50, product=self.good, tax="tva_reduite", name="Remise"),
        )
        self.play(move, {"BT-109": "1350.00", "BT-112": "1554.75"})

    def test_global_discount_of_an_order(self):
        order = self.order((self.good, 3, 333.33), (self.service, 1, 99.99))
        self.env["sale.order.discount"].create(
            {
                "sale_order_id": order.id,
                "discount_type": "so_discount",
                "discount_percentage": 0.1,
            }
        ).action_apply_discount()
        for line in order.order_line:
            line.qty_delivered = line.product_uom_qty
        self.play(self.bill_order(order))

    def test_delivery_charge(self):
        fee = self.make_product("Frais de port", "service", "tva_normale")
        move = self.invoice(
            self.line(3, 19.9, product=self.good), self.line(1, 6.5, product=fee)
        )
        self.play(move, {"BT-109": "66.20"})

    def cash_rounding(self, strategy):
        return self.env["account.cash.rounding"].create(
            {
                "name": "5 centimes",
                "rounding": 0.05,
                "strategy": strategy,
                "rounding_method": "HALF-UP",
                "profit_account_id": self.company_data["default_account_revenue"].id,
                "loss_account_id": self.company_data["default_account_expense"].id,
            }
        )

    def test_cash_rounding_in_the_largest_vat(self):
        rounding = self.cash_rounding("biggest_tax")
        move = self.invoice(
            self.line(1, 9.99),
            self.line(1, 3.33, product=self.good, tax="tva_reduite"),
            invoice_cash_rounding_id=rounding.id,
        )
        self.play(move)

    def test_cash_rounding_on_its_own_line(self):
        rounding = self.cash_rounding("add_invoice_line")
        move = self.invoice(self.line(1, 9.99), invoice_cash_rounding_id=rounding.id)
        # 11.99 with VAT becomes 12.00
        self.play(move, {"BT-112": "11.99", "BT-114": "0.01", "BT-115": "12.00"})

    def test_one_rate_comes_to_nothing_or_less(self):
        book = {"product": self.good, "tax": "tva_reduite"}
        for price in (-50, -60):
            move = self.invoice(
                self.line(1, 50, **book), self.line(1, price, **book), self.line()
            )
            found = self.play(move)
            self.assertIn(50 + price, [tax.basis for tax in found.taxes()])

    def test_discount_beyond_the_price(self):
        self.play(self.invoice(self.line(1, 50, discount=150), self.line()))

    def test_prices_with_and_without_vat_together(self):
        move = self.invoice(
            self.line(3, 9.99, tax="tva_normale_ttc", product=self.good),
            self.line(3, 9.99, product=self.good),
        )
        self.play(move)

    # === Currencies === #

    def test_many_odd_lines_in_dollars(self):
        currency = self.make_currency("USD", 1.0837)
        lines = [
            self.line(quantity / 7, price / 13, name=f"Service {quantity} {price}")
            for quantity in range(1, 12)
            for price in (17, 29)
        ]
        self.play(self.invoice(*lines, currency_id=currency.id), {"BT-6": "EUR"})

    def test_rate_typed_by_hand(self):
        currency = self.make_currency("USD", 1.1)
        move = self.invoice(self.line(3, 33.33), currency_id=currency.id)
        move.invoice_currency_rate = 1.3
        found = self.play(move)
        self.assertEqual(found.tax_total("EUR"), Decimal("15.38"))  # 20.00 / 1.3

    def make_currency(self, name, rate):
        currency = self.env.ref(f"base.{name}")
        currency.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": rate, "name": DAY}
        )
        return currency

    def test_dollars_show_vat_in_euro(self):
        currency = self.make_currency("USD", 1.1)
        move = self.invoice(self.line(3, 33.33), currency_id=currency.id)
        found = self.play(move, {"BT-5": "USD", "BT-6": "EUR"})
        self.assertEqual(found.tax_total("EUR"), Decimal("18.18"))

    def test_pounds_to_a_customer_abroad(self):
        currency = self.make_currency("GBP", 0.87)
        move = self.invoice(
            self.line(3, 33.33), partner=self.american, currency_id=currency.id
        )
        found = self.play(move, {"BT-5": "GBP"}, language="en")
        self.assertEqual(found.tax_total("EUR"), 0)

    def test_yen_have_no_decimals(self):
        currency = self.make_currency("JPY", 160)
        move = self.invoice(
            self.line(3, 3333), self.line(1, 5, discount=50), currency_id=currency.id
        )
        self.play(move, {"BT-5": "JPY", "BT-6": "EUR"})

    def test_swiss_francs_in_several_rates(self):
        currency = self.make_currency("CHF", 0.93)
        move = self.invoice(
            self.line(7, 13.37),
            self.line(1, 0.01, product=self.good, tax="tva_reduite"),
            self.line(3, 9.99, product=self.good, tax="tva_normale_ttc"),
            currency_id=currency.id,
        )
        self.play(move, {"BT-5": "CHF", "BT-6": "EUR"})

    def test_credit_note_in_dollars(self):
        currency = self.make_currency("USD", 1.1)
        invoice = self.invoice(self.line(3, 33.33), currency_id=currency.id)
        invoice.action_post()
        found = self.play(self.credit(invoice), {"BT-3": "381", "BT-5": "USD"})
        self.assertEqual(found.tax_total("EUR"), Decimal("18.18"))

    # === Periods === #

    def test_period_of_each_line(self):
        """BG-26: usage from the 1st to the 31st, both included."""
        move = self.invoice(
            self.line(
                100,
                0.02,
                usage_period_start="2026-10-01",
                usage_period_end="2026-11-01",
            ),
            self.line(
                1, 50, usage_period_start="2026-11-01", usage_period_end="2026-12-01"
            ),
        )
        self.play(
            move,
            {
                "BT-134": ["20261001", "20261101"],
                "BT-135": ["20261031", "20261130"],
                "BT-73": "20261001",
                "BT-74": "20261130",
            },
        )

    def test_delivery_date(self):
        move = self.invoice(self.line(product=self.good), delivery_date="2026-10-29")
        self.play(move, {"BT-72": "20261029"})

    def test_description_of_several_lines(self):
        move = self.invoice(
            self.line(name="Hébergement octobre\nServeur A\nServeur B\n\n")
        )
        found = self.play(move, {"BT-153": "Hébergement octobre"})
        self.assertIn("Serveur B", found.one("BT-154"))

    def test_tax_included_and_excluded_lines_together(self):
        move = self.invoice(
            self.line(3, 9.99, product=self.good, tax="tva_normale_ttc"),
            self.line(3, 9.99, product=self.good),
            self.line(1, 1.05, product=self.good, tax="tva_reduite_ttc"),
        )
        self.play(move)
