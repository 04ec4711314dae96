# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tests import HttpCase, tagged

from .common import ConnectorCase


@tagged("post_install", "-at_install")
class TestBillingImportTour(ConnectorCase, HttpCase):
    def test_import_from_upload_to_held_rows(self):
        user = self._new_user("tour_importer", "user")
        user.password = "tour_importer"
        self.authenticate("tour_importer", "tour_importer")
        page = self.url_open("/odoo/usage-deliveries")
        self.assertEqual(page.status_code, 200)
        self.start_tour(
            "/odoo/usage-deliveries",
            "billing_connectors_import_usage",
            login="tour_importer",
        )
        delivery = self.Delivery.search([("source_id", "=", self.source.id)])
        self.assertCounts(delivery, accepted=2, held=2)
        self.assertEqual(delivery.create_uid, user)
