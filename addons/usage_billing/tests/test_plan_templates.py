from datetime import datetime, timedelta
from decimal import Decimal

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import UsageCase

NOON = datetime(2026, 9, 15, 12)


@tagged("post_install", "-at_install")
class TestPlanTemplates(UsageCase):
    """Each template rates a small usage to an amount worked out by hand."""

    def _install(self, code):
        template = self.env.ref(f"usage_billing.usage_plan_template_{code}")
        action = template.action_install()
        plan = self.env["usage.plan"].browse(action["res_id"])
        self.assertEqual(plan.version_ids.state, "draft")
        plan.version_ids.valid_from = "2026-01-01"
        plan.version_ids.action_approve()
        return self._create_subscription(plan, date_start="2026-09-01")

    def _bill_september(self, expected):
        """Untaxed amounts by charge; fees of October in advance are left out."""
        run = self._create_run()
        run.action_compute()
        self.assertFalse(run.held_line_ids.mapped("reason"))
        lines = run.rated_line_ids.filtered(
            lambda line: line.period_id.local_start.month == 9
        )
        found = {}
        for line in lines:
            found.setdefault(line.charge_id.key, Decimal(0))
            found[line.charge_id.key] += line.amount
        self.assertEqual(
            found, {key: Decimal(value) for key, value in expected.items()}
        )

    def test_cloud_hosting(self):
        subscription = self._install("cloud")
        self._add_usage(subscription, "compute.vcpu_hours", 900, 600)
        # a level of 100 GB from the first instant of the period to its last
        start = subscription._get_period_at(NOON).start_at
        self._add_usage(subscription, "storage.gb", 100, at=start)
        for number in range(20):
            self._add_usage(
                subscription,
                "network.egress_mbps",
                500 if number == 7 else 40,
                at=NOON + timedelta(hours=number),
            )
        # 1000 x 0.025 + 500 x 0.02; 100 x 0.08; (40 - 10) x 1.2: the 19th of 20
        self._bill_september(
            {"platform": "20", "compute": "35", "storage": "8", "egress": "36"}
        )

    def test_seats_and_api_calls(self):
        subscription = self._install("saas")
        self._add_usage(subscription, "seats", 5, 8, 6)
        self._add_usage(subscription, "api.calls", 20000, 5300)
        # (8 - 3) x 12; 15,300 above the free ones: 16 packages x 0.80
        self._bill_september({"base": "49", "seats": "60", "api": "12.80"})

    def test_tokens_of_language_models(self):
        subscription = self._install("llm")
        large, small = {"model": "large"}, {"model": "small"}
        self._add_usage(
            subscription, "llm.input_tokens", 2000000, 1000000, dimensions=large
        )
        self._add_usage(subscription, "llm.input_tokens", 10000000, dimensions=small)
        self._add_usage(subscription, "llm.output_tokens", 500000, dimensions=large)
        # 3 x 2.50 + 10 x 0.15; 0.5 x 10
        self._bill_september({"input": "9.00", "output": "5.00"})

    def test_connected_devices(self):
        subscription = self._install("iot")
        for device in range(120):
            self._add_usage(
                subscription, "iot.session", 2, 3, properties={"device": f"d{device}"}
            )
        # 120 devices are in the second tier: all at 0.80; 600 MB, 100 are free
        self._bill_september({"devices": "96", "data": "10"})

    def test_telephony(self):
        subscription = self._install("telephony")
        self._add_usage(
            subscription, "voice.seconds", 36000, dimensions={"destination": "fixed"}
        )
        self._add_usage(
            subscription, "voice.seconds", 6030, dimensions={"destination": "mobile"}
        )
        self._add_usage(subscription, "sms", *[None] * 150)
        # 600 x 0.02 + 101 started minutes x 0.06; 50 x 0.05
        self._bill_september({"line": "9.90", "voice": "18.06", "sms": "2.50"})

    def test_charging_of_cars_by_time_of_day(self):
        subscription = self._install("ev")
        # Tuesday 15 September: 8:00 UTC is 10:00 in Paris, 21:00 is 23:00
        morning = NOON.replace(hour=8)
        for at, energy in ((morning, 20), (NOON.replace(hour=21), 30)):
            self._add_usage(subscription, "ev.energy", energy, at=at)
            self._add_usage(subscription, "ev.session", None, at=at)
        # Sunday the 20th at 10:00: no peak hours
        self._add_usage(subscription, "ev.energy", 10, at=morning + timedelta(days=5))
        # 20 x 0.39 + 40 x 0.25; 2 x 1
        self._bill_september({"energy": "17.80", "session": "2"})

    def test_transport_tickets(self):
        subscription = self._install("transport")
        for operator, rides in (("bus", 10), ("metro", 5), ("tram", 2)):
            self._add_usage(
                subscription,
                "transport.ride",
                *[None] * rides,
                dimensions={"operator": operator},
            )
        self._add_usage(subscription, "transport.rail_km", 90, 60)
        # 10 x 1.90 + 5 x 2.10 + 2 x 1.70; 100 x 0.18 + 50 x 0.12
        self._bill_september({"rides": "32.90", "km": "24.00"})

    def test_installing_twice_opens_what_is_there(self):
        template = self.env.ref("usage_billing.usage_plan_template_saas")
        first = template.action_install()
        template.invalidate_recordset()
        self.assertEqual(template.action_install()["res_id"], first["res_id"])

    def test_texts_are_french_too(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        action = self.env.ref("usage_billing.usage_plan_template_ev").action_install()
        plan = (
            self.env["usage.plan"].browse(action["res_id"]).with_context(lang="fr_FR")
        )
        charge = plan.version_ids.charge_ids[0]
        self.assertEqual(plan.name, "Recharge de véhicules électriques")
        self.assertEqual(charge.name, "Énergie")
        self.assertEqual(charge.price_ids.name, "Heures pleines")
        self.assertEqual(charge.with_context(lang="en_US").name, "Energy")

    def test_a_reader_cannot_install(self):
        template = self.env.ref("usage_billing.usage_plan_template_iot")
        with self.assertRaises(AccessError):
            template.with_user(self.users["auditor"]).action_install()

    def test_a_product_brings_its_meter_and_its_default_charge(self):
        meter = self._create_meter("gb", unit_label="GB")
        plan = self._create_plan(
            [
                {
                    "name": "Storage",
                    "model": "graduated",
                    "meter_id": meter.id,
                    "tier_ids": [
                        Command.create({"up_to": "10", "unit_price": "2"}),
                        Command.create({"unit_price": "1"}),
                    ],
                }
            ]
        )
        self.product.product_tmpl_id.usage_charge_id = plan.version_ids.charge_ids
        other = self._create_plan([], approve=False)
        charge = self.env["usage.charge"].new(
            {"version_id": other.version_ids.id, "product_id": self.product.id}
        )
        charge._onchange_product_id()
        self.assertEqual((charge.name, charge.model), ("Storage", "graduated"))
        self.assertEqual(charge.meter_id._origin, meter)
        self.assertEqual(charge.tier_ids.mapped("unit_price"), [2, 1])
