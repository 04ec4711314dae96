from odoo.tests import HttpCase, tagged

from .common import UsageCase
from .test_usage_store import event


@tagged("post_install", "-at_install")
class TestUsageInboxTour(UsageCase, HttpCase):
    """An unknown customer in the feed is settled in two clicks after the menu."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        meter = cls._create_meter("cpu")
        plan = cls._create_plan(
            [
                {
                    "name": "CPU",
                    "model": "per_unit",
                    "meter_id": meter.id,
                    "unit_price": "0.50",
                }
            ]
        )
        cls.garden = cls._create_subscription(
            plan, subject="garden-site", name="Garden"
        )
        source = cls.env["usage.source"].create(
            {"name": "Feed", "code": "feed", "future_tolerance_min": -1}
        )
        batch = (
            cls.env["usage.batch"]
            .sudo()  # a batch is made by an import, not by a user
            .create({"name": "Delivery", "source_id": source.id})
        )
        batch._append(
            [event(n, "2", subject="garden_site") for n in range(1, 4)]
            + [event(9, "10", subject="xyzzy")]
        )

    def test_two_strangers_are_settled(self):
        self.start_tour(
            "/odoo/action-usage_billing.usage_source_action",
            "usage_inbox_tour",
            login="usage-manager",
        )
        held = self.env["usage.quarantine"].search([("source_id.code", "=", "feed")])
        self.assertEqual(set(held.mapped("state")), {"replayed"})
        self.assertEqual(
            set(self.garden.subject_ids.mapped("subject")),
            {"garden-site", "garden_site", "xyzzy"},
        )
