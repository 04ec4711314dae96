from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .common import UsageCase


@tagged("post_install", "-at_install")
class TestGrantAdvance(UsageCase):
    """A credit of 120 paid in advance with 20 % tax, and usage of 100 a month."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls.company.account_sale_tax_id  # 20 %, with its own account
        cls.product.taxes_id = cls.tax
        cls.prepaid = cls.env["account.account"].create(
            {
                "name": "Prepayments",
                "code": "419199",
                "account_type": "liability_current",
            }
        )
        cls.env["usage.account.role"].create(
            {"role": "prepayment", "account_id": cls.prepaid.id}
        )
        cls.meter = cls._create_meter("gb")
        cls.plan = cls._create_metered_plan(cls.meter)
        cls.subscription = cls._create_subscription(cls.plan)
        cls._add_usage(cls.subscription, "gb", 100, at="2026-09-10 12:00:00")
        cls._add_usage(cls.subscription, "gb", 100, at="2026-10-10 12:00:00")
        cls.credit = cls.env["usage.grant"].create(
            {
                "name": "Credit 120",
                "subscription_id": cls.subscription.id,
                "amount": 120,
                "funding": "advance",
                "effective_at": "2026-09-01",
            }
        )

    def _sell(self):
        self.credit.with_user(self.users["manager"]).action_invoice()
        self.credit.advance_move_id.invoice_date = "2026-09-01"
        self.credit.advance_move_id.action_post()
        return self.credit.advance_move_id

    def _balance(self, account):
        lines = self.env["account.move.line"].search(
            [("account_id", "in", account.ids), ("parent_state", "=", "posted")]
        )
        return round(sum(lines.mapped("balance")), 2)

    def test_the_deposit_is_a_debt_with_its_tax(self):
        deposit = self._sell()
        self.assertEqual((deposit.amount_untaxed, deposit.amount_tax), (120, 24))
        self.assertEqual(deposit.invoice_line_ids.account_id, self.prepaid)
        self.assertEqual(deposit.partner_id, self.subscription.payer_id)
        self.assertEqual(self._balance(self.prepaid), -120)

    def test_the_usage_is_revenue_and_the_tax_counts_once(self):
        deposit = self._sell()
        september = self._bill().move_ids
        # 100 of usage, all paid in advance: nothing due, no tax again
        self.assertEqual((september.amount_untaxed, september.amount_tax), (0, 0))
        usage, taken = september.invoice_line_ids.sorted("price_subtotal", reverse=True)
        self.assertEqual(usage.account_id.internal_group, "income")
        self.assertEqual(
            (taken.account_id, taken.price_subtotal, taken.tax_ids),
            (self.prepaid, -100, self.tax),
        )
        self.assertIn(deposit.name, taken.name)
        self.assertEqual(self._balance(self.prepaid), -20)
        self.assertEqual(self.credit.left, 20)
        # October: 100 less the 20 that are left, 80 with 16 of tax
        october = self._bill("2026-10-31").move_ids
        self.assertEqual((october.amount_untaxed, october.amount_tax), (80, 16))
        self.assertEqual(self._balance(self.prepaid), 0)
        # revenue 200 and tax 40 in all, the same as without any credit
        moves = deposit | september | october
        self.assertEqual(sum(moves.mapped("amount_tax")), 40)
        self.assertEqual(self._balance(usage.account_id), -200)

    def test_a_given_credit_lowers_the_revenue(self):
        self.credit.funding = "gift"
        lines = self._bill().move_ids.invoice_line_ids
        self.assertEqual(len(lines.account_id), 1)
        self.assertEqual(self._balance(self.prepaid), 0)
        with self.assertRaises(UserError):
            self.credit.action_invoice()

    def test_without_account_only_this_customer_waits(self):
        self.env["usage.account.role"].search([]).unlink()
        self.company.downpayment_account_id = False
        other = self._create_subscription(self.plan)
        self._add_usage(other, "gb", 5)
        with self.assertRaisesRegex(UserError, "4191"):
            self.credit.action_invoice()
        run = self._bill()
        self.assertEqual(run.held_line_ids.subscription_id, self.subscription)
        self.assertIn("4191", run.held_line_ids.reason)
        self.assertEqual(run.move_ids.amount_untaxed, 5)

    def test_what_the_ledger_says_does_not_change(self):
        self._sell()
        with self.assertRaises(UserError):
            self.credit.funding = "gift"
        self.assertEqual(
            self.credit.action_invoice()["res_id"], self.credit.advance_move_id.id
        )

    def test_a_deposit_has_one_tax(self):
        other = self._create_usage_product(
            taxes_id=self.tax.copy({"name": "T 10", "amount": 10}).ids
        )
        plan = self._create_plan(
            [
                {"name": "A", "key": "a", "model": "flat", "unit_price": "1"},
                {
                    "name": "B",
                    "key": "b",
                    "model": "flat",
                    "unit_price": "1",
                    "product_id": other.id,
                },
            ]
        )
        credit = self.credit.copy(
            {"subscription_id": self._create_subscription(plan).id}
        )
        with self.assertRaisesRegex(UserError, "T 10"):
            credit.action_invoice()
        credit.charge_keys = "b"
        credit.action_invoice()
        self.assertEqual(credit.advance_move_id.invoice_line_ids.tax_ids.amount, 10)

    def test_units_and_renewals_are_not_paid_in_advance(self):
        with self.assertRaises(ValidationError):
            self.credit.recurs = "month"
        with self.assertRaises(ValidationError):
            self.credit.copy({"unit": "units", "meter_id": self.meter.id})

    def test_parts_of_a_cent_are_left_alone(self):
        self.credit.amount = "60.009"
        move = self._bill().move_ids
        self.assertEqual(move.amount_untaxed, 40)
