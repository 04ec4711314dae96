"""Explanations close to zero and read well; another rater agrees on real lines."""

from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.tests import HttpCase

from .. import rating_reference
from .common import tagged
from .common_api import ApiCase

D = Decimal


@tagged("post_install", "-at_install")
class TestUsageExplain(ApiCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.meter = cls._create_meter("calls", unit_label="calls")
        plan = cls._create_plan(
            [
                {
                    "name": "Calls",
                    "key": "calls",
                    "meter_id": cls.meter.id,
                    "model": "graduated",
                    "convert_divisor": 1000,
                    "convert_rounding": "up",
                    "included_units": 2,
                    "discount_percent": 5,
                    "minimum_amount": 1,
                    "maximum_amount": 900,
                    "tier_ids": [
                        Command.create({"up_to": 10, "unit_price": "0.333"}),
                        Command.create({"sequence": 20, "unit_price": "0.1111"}),
                    ],
                },
                {
                    "name": "Payments",
                    "key": "payments",
                    "meter_id": cls._create_meter("payments").id,
                    "model": "percentage",
                    "rate_percent": "1.3",
                    "fixed_fee_per_event": "0.1",
                    "included_events": 1,
                },
                {"name": "Fee", "key": "fee", "model": "flat", "unit_price": 10},
            ]
        )
        cls.subscription = cls._create_subscription(plan)
        cls._add_usage(cls.subscription, "calls", 15_500)
        cls._add_usage(cls.subscription, "payments", 10, 33, 250)
        run = cls._bill(subscription_ids=[Command.set(cls.subscription.ids)])
        cls.lines = {line.charge_id.key: line for line in run.rated_line_ids}

    def test_every_explanation_closes_to_zero(self):
        for line in self.lines.values():
            self.assertEqual(line._get_explanation()["residual"], "0")

    def test_steps_come_in_their_order(self):
        told = self.lines["calls"]._get_explanation()
        self.assertEqual(
            [row["code"] for row in told["rows"]],
            ["metered", "convert", "included", "tier", "tier", "discount"]
            + ["rounding", "due"],
        )
        self.assertEqual(
            [row["value"] for row in told["rows"]][:6],
            ["15500", "16", "14", "3.33", "0.4444", "-0.18872"],
        )
        self.assertEqual(told["amount"], "3.59")

    def test_one_sentence_in_english_and_in_french(self):
        line = self.lines["calls"]
        self.assertIn("divided by 1,000 and rounded up", line.explanation_text)
        self.assertIn("3.59", line.explanation_text)
        french = line.with_context(lang="fr_FR").explanation_text
        self.assertIn("divisé par", french)
        self.assertIn("3,59", french)

    def test_the_annex_shows_each_step(self):
        move = self.lines["calls"].move_id
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "usage_billing.report_usage_annex", move.ids
        )
        self.assertIn("3.33", html.decode())
        self.assertIn("rounded up", html.decode())

    def test_the_api_gives_it_to_the_payer_only(self):
        line = self.lines["calls"]
        payer = self.subscription.payer_id
        other = self._create_customer()
        url = f"/usage/v1/rated-lines/{line.id}/explanation"
        for partner, status in ((False, 200), (payer.id, 200), (other.id, 404)):
            _key, token = self._create_key(
                can_read=True, can_ingest=False, partner_id=partner
            )
            answer = self.url_open(url, headers={"Authorization": f"Bearer {token}"})
            self.assertEqual(answer.status_code, status, answer.text)
        self.assertEqual(answer.json()["status"], 404)

    def test_another_rater_agrees_and_a_wrong_one_is_noticed(self):
        lines = self.env["usage.rated.line"].union(*self.lines.values())
        for line in lines:
            self.assertIsNotNone(line._get_plain_price(), line.charge_id.key)
        self.assertFalse(lines._find_rating_differences())
        with patch.object(rating_reference, "cost", return_value=1):
            self.assertEqual(len(lines._find_rating_differences()), 3)
        with patch.object(rating_reference, "cost", return_value=1):
            self.assertEqual(self.env["usage.rated.line"]._cron_check_ratings(), 3)
        self.assertTrue(lines.run_id.activity_ids)

    def test_usage_that_came_since_casts_no_doubt(self):
        meter = self._create_meter("payment")
        plan = self._create_plan(
            [
                {
                    "name": "Payments",
                    "model": "percentage",
                    "rate_percent": "2",
                    "meter_id": meter.id,
                }
            ]
        )
        subscription = self._create_subscription(plan)
        self._add_usage(subscription, "payment", 100, 250)
        line = self._bill(subscription_ids=subscription).rated_line_ids
        self.assertEqual(sorted(line._get_plain_usage()["values"]), ["100", "250"])
        self._add_usage(subscription, "payment", 999)
        self.env.cr.execute(  # it arrived a minute later
            "UPDATE usage_batch SET received_at = received_at + interval '1 minute'"
            " WHERE id = (SELECT max(id) FROM usage_batch)"
        )
        self.assertFalse(line._find_rating_differences())
