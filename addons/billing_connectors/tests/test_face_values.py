# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""A value that a face cannot read is kept, and the inbox says what was sent."""

import json

from odoo.tests import HttpCase, tagged

from .common import ConnectorCase

TIME = "2026-09-15T12:00:00Z"


@tagged("post_install", "-at_install")
class TestFaceValues(ConnectorCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateway = cls.env["usage.source"].create(
            {
                "name": "Gateway",
                "code": "gateway",
                "kind": "api",
                "future_tolerance_min": -1,
            }
        )
        cls.token = (
            cls.env["usage.api.key"]
            .create({"name": "Gateway", "source_id": cls.gateway.id, "rate_limit": 0})
            ._issue_token()
        )

    def _post(self, path, document, kind="application/json"):
        data = document if kind.endswith("urlencoded") else json.dumps(document)
        return self.url_open(
            path,
            data=data,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )

    def _lago(self, event_id, properties):
        event = {
            "transaction_id": event_id,
            "external_subscription_id": "alpha",
            "code": "cpu",
            "timestamp": 1789473600,
            "properties": properties,
        }
        response = self._post("/api/v1/events", {"event": event})
        self.assertEqual(response.status_code, 200, response.text)

    def _openmeter(self, event_id, data):
        event = {
            "specversion": "1.0",
            "source": "meter",
            "id": event_id,
            "type": "cpu",
            "subject": "alpha",
            "time": TIME,
            "data": data,
        }
        path = "/usage/openmeter/api/v1/events"
        response = self._post(path, event, "application/cloudevents+json")
        self.assertEqual(response.status_code, 204, response.text)

    def _held(self, event_id):
        """What is wrong with an event, in English and French."""
        row = self.env["usage.quarantine"].search(
            [("source_id", "=", self.gateway.id), ("event_id", "=", event_id)]
        )
        self.assertEqual(len(row), 1)
        French = self.env["usage.quarantine"].with_context(lang="fr_FR")
        return (
            row.reason_code,
            row.detail_text,
            French._say_detail(row.reason_code, row.detail),
        )

    def test_a_value_that_is_no_number_is_told_with_what_was_sent(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self._lago("l-1", {"value": "1,5"})
        self._openmeter("o-1", {"value": "1,5"})
        for event_id in ("l-1", "meter o-1"):
            code, english, french = self._held(event_id)
            self.assertEqual(code, "invalid_value")
            self.assertEqual(english, "value: 1,5 is not a decimal number")
            self.assertIn("1,5", french)
            self.assertNotEqual(french, english)

    def test_other_texts_and_too_many_digits(self):
        for number, text in enumerate(("1_000", "", "NaN", "１２", "true", "a: b")):
            self._lago(f"t-{number}", {"value": text})
            self.assertEqual(
                self._held(f"t-{number}")[:2],
                ("invalid_value", f"value: {text} is not a decimal number"),
            )
        self._lago("digits", {"value": "1e300"})
        code, english, _french = self._held("digits")
        self.assertEqual(code, "invalid_value")
        self.assertIn("digits", english)

    def test_a_value_that_was_not_sent_is_still_missing(self):
        self._lago("none", {"region": "eu"})
        self.assertEqual(self._held("none")[:2], ("missing_field", "value"))

    def test_events_that_are_only_counted_may_have_any_value(self):
        self.meter.aggregation = "count"
        self._lago("counted", {"value": "1,5"})
        self.assertTrue(self.env["usage.event"].search([("event_id", "=", "counted")]))

    def test_stripe_refuses_the_event_with_what_was_sent(self):
        path = "/usage/stripe/v{}/billing/meter_events"
        first = self._post(
            path.format(1),
            {
                "event_name": "cpu",
                "payload[stripe_customer_id]": "alpha",
                "payload[value]": "1,5",
                "identifier": "s-1",
            },
            "application/x-www-form-urlencoded",
        )
        second = self._post(
            path.format(2),
            {
                "event_name": "cpu",
                "payload": {"stripe_customer_id": "alpha", "value": "1,5"},
                "identifier": "s-2",
            },
        )
        for response in (first, second):
            self.assertEqual(response.status_code, 400, response.text)
            error = response.json()["error"]
            self.assertEqual(error["param"], "payload[value]")
            self.assertIn("“1,5”", error["message"])
