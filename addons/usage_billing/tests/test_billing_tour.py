from odoo.tests import HttpCase, tagged

from .common import UsageCase


@tagged("post_install", "-at_install")
class TestBillingTour(UsageCase, HttpCase):
    """The billing manager's main journey, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        meter = cls._create_meter("api", name="API calls", unit_label="calls")
        plan = cls._create_plan(
            [
                {"name": "Fee", "model": "flat", "unit_price": "12.50"},
                {
                    "name": "Calls",
                    "model": "graduated",
                    "meter_id": meter.id,
                    "tier_ids": [
                        (0, 0, {"up_to": "1000", "unit_price": "0.01"}),
                        (0, 0, {"up_to": "10000", "unit_price": "0.005"}),
                        (0, 0, {"unit_price": "0.0000004"}),
                    ],
                },
            ],
            name="Cloud",
        )
        good, bad = (cls._create_subscription(plan) for _number in range(2))
        cls._add_usage(good, "api", 12000, 345)
        cls._add_usage(bad, "api", -5)
        cls.env["usage.billing.run"].search([]).unlink()
        cls.run_record = cls._create_run()

    def test_from_a_run_to_the_events_of_an_invoice_line(self):
        self.start_tour(
            "/odoo/action-usage_billing.usage_billing_run_action",
            "usage_billing_run_tour",
            login="usage-approver",
        )
        self.assertEqual(self.run_record.state, "posted")
        self.assertEqual(self.run_record.move_ids.amount_untaxed, 67.5)
