"""Forms that a person fills in from nothing open, follow the choices and save."""

from decimal import Decimal

from odoo.tests import Form, tagged

from .common import UsageCase


@tagged("post_install", "-at_install")
class TestUsageNewForms(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("gb")
        cls.plan = cls._create_metered_plan(cls.meter)
        cls.subscription = cls._create_subscription(cls.plan)

    def test_a_credit_is_typed_in(self):
        manager = self.users["manager"]
        for unit in ("money", "units"):
            with Form(self.env["usage.grant"].with_user(manager)) as form:
                form.name = "Welcome"
                form.unit = unit
                form.subscription_id = self.subscription
                if unit == "units":
                    form.meter_id = self.meter
                form.amount = "50"
            self.assertEqual(form.record.left, Decimal(50))
            with Form(form.record) as form:
                form.amount = "60"
                form.priority = 40
            self.assertEqual(form.record.left, Decimal(60))

    def test_a_subscription_is_typed_in(self):
        manager = self.users["manager"]
        with Form(self.env["usage.subscription"].with_user(manager)) as form:
            form.name = "Typed in"
            form.partner_id = self.subscription.partner_id
            form.plan_id = self.plan
            form.date_start = "2026-10-01"
        self.assertEqual(form.record.next_version_id, self.plan.version_ids)
