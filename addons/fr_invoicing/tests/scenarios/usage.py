# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from decimal import Decimal


class UsageScenarios:
    """From measured usage to the document, through a billing run."""

    def bill_usage(self, partner=None, price="0.0000004"):
        self.env.user.group_ids += self.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        meter = self._create_meter("api", unit_code="C62")
        plan = self._create_plan(
            [
                {"name": "Forfait", "model": "flat", "unit_price": "12.50"},
                {
                    "name": "Appels",
                    "model": "graduated",
                    "meter_id": meter.id,
                    "tier_ids": [
                        (0, 0, {"up_to": "1000", "unit_price": "0.01"}),
                        (0, 0, {"unit_price": price}),
                    ],
                },
            ]
        )
        subscription = self._create_subscription(
            plan, partner_id=(partner or self.business).id
        )
        self._add_usage(subscription, "api", 12000, 345678)
        return self._bill().move_ids

    def test_usage_with_tiers_periods_and_tiny_prices(self):
        move = self.bill_usage()
        found = self.play(
            move,
            {"BT-3": "380", "BT-73": "20260901", "BT-74": "20260930"},
            with_names=False,
        )
        self.assertEqual(set(found.all("BT-134")), {"20260901"})
        self.assertEqual(set(found.all("BT-135")), {"20260930"})
        # 12.50 + 1,000 x 0.01 + 356,678 x 0.0000004 (0.1426712)
        self.assertEqual(found.money("BT-109"), Decimal("22.64"))

    def test_usage_annex_travels_inside(self):
        """BG-24: the measured usage behind the lines."""
        self.company.fr_attach_usage = True
        move = self.bill_usage()
        found = self.play(move, with_names=False)
        (annex,) = found.all("BT-125")
        self.assertIn("357678", base64.b64decode(annex).decode().replace(" ", ""))

    def test_credit_note_of_usage(self):
        move = self.bill_usage()
        credit = self.credit(move, date=move.invoice_date)
        found = self.play(credit, {"BT-3": "381", "BT-25": move.name}, with_names=False)
        self.assertEqual(set(found.all("BT-134")), {"20260901"})

    def test_usage_of_a_customer_abroad(self):
        move = self.bill_usage(self.german)
        self.play(move, {"BT-118": "AE"}, language="en", with_names=False)
