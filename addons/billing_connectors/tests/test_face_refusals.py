# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the faces do not have is said as each client reads it, never as a page."""

from odoo.tests import HttpCase, tagged


@tagged("post_install", "-at_install")
class TestFaceRefusals(HttpCase):
    def _refused(self, method, path, status):
        response = self.url_open(path, method=method)
        self.assertEqual(response.status_code, status, response.text[:200])
        self.assertEqual(response.headers["Content-Type"], "application/json")
        return response

    def test_calls_that_are_not_supported(self):
        lago = self._refused("GET", "/api/v1/customers", 404).json()
        self.assertEqual((lago["status"], lago["code"]), (404, "not_supported"))
        stripe = self._refused("GET", "/usage/stripe/v1/customers", 404).json()
        self.assertEqual(stripe["error"]["code"], "not_supported")
        self.assertIn("/usage/stripe/v1/customers", stripe["error"]["message"])
        openmeter = self._refused("GET", "/usage/openmeter/api/v1/plans", 404).json()
        self.assertEqual(openmeter["status"], 404)
        self.assertIn("not supported", openmeter["detail"])

    def test_methods_that_are_not_supported(self):
        for path, allowed in (
            ("/api/v1/events", "POST"),
            ("/usage/openmeter/api/v1/events", "POST"),
            ("/usage/stripe/v1/billing/meter_events", "POST"),
        ):
            response = self._refused("DELETE", path, 405)
            self.assertIn(allowed, response.headers["Allow"])

    def test_asking_for_the_methods_runs_nothing(self):
        """Without a key: what runs asks for one and refuses."""
        for path in (
            "/api/v1/events",
            "/usage/openmeter/api/v1/events",
            "/usage/stripe/v1/billing/meter_events",
        ):
            response = self.url_open(path, data="{}", method="OPTIONS")
            self.assertEqual(response.status_code, 204, response.text[:200])
            self.assertIn("POST", response.headers["Allow"])

    def test_addresses_of_others_stay_pages(self):
        response = self.url_open("/api/nothing")
        self.assertEqual(response.status_code, 404)
        self.assertIn("text/html", response.headers["Content-Type"])
