# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal


class OrderScenarios:
    """What comes out of sales orders: credit notes, deposits, deliveries."""

    def final_of(self, product=None, percent=30, **values):
        """Give a posted deposit and the draft of the final invoice of one order."""
        order = self.order((product or self.service, 10, 100), **values)
        deposit = self.bill_order(order, "percentage", amount=percent)
        deposit.action_post()
        order.order_line.filtered("product_id")[0].qty_delivered = 10
        return deposit, self.bill_order(order)

    # === Credit notes === #

    def test_goods_returned_after_the_invoice(self):
        """Odoo makes the credit note of an order without saying of which invoice."""
        self.good.invoice_policy = "delivery"
        order = self.order((self.good, 10, 33.33))
        order.order_line.qty_delivered = 10
        invoice = self.bill_order(order)
        self.play(invoice)
        order.order_line.qty_delivered = 7
        credit = order._create_invoices(final=True)
        credit.invoice_date = invoice.invoice_date
        self.assertEqual(credit.move_type, "out_refund")
        self.play(
            credit,
            {"BT-3": "381", "BT-25": invoice.name, "BT-23": "B1", "BT-109": "99.99"},
        )

    def test_deposit_larger_than_what_was_delivered(self):
        """What is given back is a credit note (381), not one of the deposit (503)."""
        self.service.invoice_policy = "delivery"
        order = self.order((self.service, 10, 100))
        deposit = self.bill_order(order, "percentage", amount=50)
        deposit.action_post()
        order.order_line[0].qty_delivered = 2
        credit = order._create_invoices(final=True)
        credit.invoice_date = deposit.invoice_date
        self.play(credit, {"BT-3": "381", "BT-25": deposit.name, "BT-112": "360.00"})

    def test_credit_note_of_a_final_invoice(self):
        _deposit, final = self.final_of()
        self.play(final)
        self.play(self.credit(final), {"BT-3": "381", "BT-25": final.name})

    def test_deposit_taken_back_before_the_end(self):
        """Then there is nothing to deduct: an ordinary invoice of the whole."""
        order = self.order((self.service, 10, 100))
        deposit = self.bill_order(order, "percentage", amount=30)
        deposit.action_post()
        self.play(self.credit(deposit), {"BT-3": "503"})
        order.order_line[0].qty_delivered = 10
        self.play(
            self.bill_order(order),
            {"BT-3": "380", "BT-23": "S1", "BT-25": None, "BT-112": "1200.00"},
        )

    # === Deposits === #

    def test_deposit_of_the_whole_price(self):
        _deposit, final = self.final_of(percent=100)
        self.play(final, {"BT-23": "S4", "BT-112": "0.00", "BT-115": "0.00"})

    def test_deposit_in_dollars(self):
        dollar = self.make_currency("USD", 1.1)
        pricelist = self.env["product.pricelist"].create(
            {"name": "USD", "currency_id": dollar.id}
        )
        deposit, final = self.final_of(pricelist_id=pricelist.id)
        self.play(deposit, {"BT-3": "386", "BT-5": "USD", "BT-6": "EUR"})
        self.play(final, {"BT-23": "S4", "BT-25": deposit.name})

    def test_deposit_of_a_business_of_the_union(self):
        deposit, final = self.final_of(partner=self.german)
        self.play(deposit, {"BT-3": "386", "BT-118": "AE"}, language="en")
        self.play(final, {"BT-23": "S4", "BT-118": "AE"}, language="en")

    def test_deposit_of_a_consumer_with_prices_including_vat(self):
        product = self.make_product(
            "Abonnement", "service", "tva_normale_encaissement_ttc"
        )
        deposit, final = self.final_of(product, 33.33, partner=self.person)
        self.play(deposit, {"BT-3": "386"})
        self.play(final, {"BT-23": "S4", "BT-25": deposit.name})

    def test_paid_deposit(self):
        deposit, final = self.final_of(self.good)
        self.pay(deposit)
        self.play(deposit, {"BT-3": "386", "BT-23": "B2"})
        self.play(final, {"BT-23": "B4", "BT-25": deposit.name})

    # === Deliveries === #

    def test_partial_deliveries(self):
        self.good.invoice_policy = "delivery"
        order = self.order((self.good, 10, 33.33))
        for delivered, expected in ((4, "133.32"), (10, "199.98")):
            order.order_line.qty_delivered = delivered
            found = self.play(self.bill_order(order), {"BT-23": "B1"})
            self.assertEqual(found.money("BT-109"), Decimal(expected))

    def test_two_orders_on_one_invoice(self):
        orders = self.order((self.good, 2, 50)) | self.order((self.service, 1, 70))
        for line in orders.order_line:
            line.qty_delivered = line.product_uom_qty
        move = orders._create_invoices()
        move.invoice_date = self.day
        self.play(move, {"BT-23": "M1", "BT-14": None, "BT-112": "204.00"})
