import re
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.tests import HttpCase, tagged

from .test_price_versions import PriceCase

TOURS = Path(__file__).parents[1] / "static/tests/tours/usage_catalogue_tour.js"


def clicks_of(tour):
    """Number of clicks in a tour: typing is free."""
    text = TOURS.read_text(encoding="utf-8")
    part = text.split(f'"{tour}"', 1)[1].split("registry.category", 1)[0]
    return len(re.findall(r'run: "click"', part))


@tagged("post_install", "-at_install")
class TestCatalogueTour(PriceCase, HttpCase):
    """Journeys of the price catalogue, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = fields.Date.today().replace(day=1)
        cls.last_month = first - timedelta(days=1)
        cls.subscription = cls._create_subscription(
            cls.plan, date_start=cls.last_month.replace(day=1)
        )
        noon = fields.Datetime.to_datetime(cls.last_month) + timedelta(hours=12)
        cls._add_usage(cls.subscription, "api", 60, 40, at=noon)
        cls.run_record = cls._create_run(
            cls.last_month, subscription_ids=[(6, 0, cls.subscription.ids)]
        )
        cls.run_record.action_compute()
        cls.run_record.action_approve()
        cls.run_record.action_post()

    def test_correct_a_wrong_price_for_last_month(self):
        self.start_tour(
            f"/odoo/usage.plan/{self.plan.id}",
            "usage_price_correction_tour",
            login="usage-approver",
        )
        version = self.plan.current_version_id
        self.assertTrue(version.is_correction)
        moves = version.correction_run_id.move_ids
        credit = moves.filtered(lambda move: move.move_type == "out_refund")
        self.assertEqual(credit.amount_untaxed, 110)
        self.assertEqual(credit.reversed_entry_id, self.run_record.move_ids)
        self.assertEqual((moves - credit).amount_untaxed, 112)
        self.assertLessEqual(clicks_of("usage_price_correction_tour"), 8)

    def test_from_an_invoice_line_to_its_events(self):
        self.start_tour(
            f"/odoo/account.move/{self.run_record.move_ids.id}",
            "usage_why_tour",
            login="usage-approver",
        )
        self.assertLessEqual(clicks_of("usage_why_tour"), 3)

    def test_the_calculator_answers_while_one_types(self):
        version = self._new_version()
        self.start_tour(
            f"/odoo/usage.plan.version/{version.id}",
            "usage_calculator_tour",
            login="usage-manager",
        )
