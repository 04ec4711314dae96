"""Void and amend through the API: quantities follow, what was sent stays."""

from odoo.tests import HttpCase, tagged

from .common_api import ApiCase

V1 = "/usage/v1/events"


@tagged("post_install", "-at_install")
class TestApiCorrect(ApiCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api.call")
        plan = cls._create_plan(
            [{"name": "Calls", "model": "per_unit", "meter_id": cls.meter.id}]
        )
        cls.subscription = cls._create_subscription(plan, subject="s-1")
        cls.key.write({"can_correct": True, "can_read": True})

    def _post(self, path, document, token=None):
        return self.url_open(
            V1 + path,
            json=document,
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    def _event(self, number, **kw):
        return {
            "id": f"e-{number}",
            "type": "api.call",
            "subject": "s-1",
            "time": "2026-09-15T12:00:00Z",
            "value": str(number),
            **kw,
        }

    def _send(self):
        response = self._post("", [self._event(n) for n in (1, 2, 3)])
        self.assertEqual(response.json()["accepted"], 3)

    def _quantity(self):
        self.env.invalidate_all()
        store = self.env["usage.batch"]._store()
        periods = self.subscription.period_ids
        self.assertEqual(store.verify(periods), [])
        return sum(row.quantity for row in store.aggregate(periods, self.meter))

    def _statuses(self, response):
        self.assertEqual(response.status_code, 200, response.text)
        return [(r["id"], r["status"]) for r in response.json()["results"]]

    def test_voided_event_counts_no_more_and_stays_known(self):
        self._send()
        order = {"events": [{"id": "e-2"}, {"id": "e-9"}], "reason": "Test run"}
        response = self._post("/void", order)
        self.assertEqual(
            self._statuses(response), [("e-2", "voided"), ("e-9", "unknown")]
        )
        self.assertEqual(response.json()["corrected"], 1)
        self.assertEqual(self._quantity(), 4)
        again = self._post("/void", order)
        self.assertEqual(self._statuses(again)[0], ("e-2", "already"))
        self.assertEqual(self._post("", self._event(2)).json()["duplicate"], 1)
        self.assertEqual(self._quantity(), 4)
        batch = self.env["usage.batch"].browse(response.json()["batch"])
        self.assertEqual(batch.reason, "Test run")

    def test_amended_event_counts_as_it_should_have_been(self):
        self._send()
        order = {
            "events": [
                self._event(1, value="10"),
                self._event(3, subject="nobody"),
            ],
            "reason": "Read wrongly",
        }
        response = self._post("/amend", order)
        self.assertEqual(
            self._statuses(response), [("e-1", "amended"), ("e-3", "refused")]
        )
        self.assertEqual(response.json()["results"][1]["code"], "unknown_subject")
        self.assertEqual(self._quantity(), 15)

    def test_orders_that_cannot_be_read_correct_nothing(self):
        self._send()
        for path, document, code, field in (
            ("/void", {"events": [{"id": "e-1"}]}, "wrong_shape", None),
            ("/void", {"events": [], "reason": "x"}, "wrong_shape", "events"),
            ("/void", {"events": [{"id": "e-1"}], "reason": " "}, "missing_reason",
             "reason"),
            ("/void", {"events": [{"id": "e-1"}, {"id": 5}], "reason": "x"},
             "invalid_value", "events[1].id"),
            ("/void", {"events": ["e-1"], "reason": "x"}, "unreadable", "events[0]"),
            ("/amend", {"events": [self._event(1), self._event(2, time="x")],
             "reason": "x"}, "invalid_time", "events[1].time"),
        ):  # fmt: skip
            response = self._post(path, document)
            self.assertEqual(response.status_code, 422, response.text)
            problem = response.json()
            self.assertEqual((problem["code"], problem.get("field")), (code, field))
        self.assertEqual(self._quantity(), 6)

    def test_correcting_needs_its_scope(self):
        _key, token = self._create_key()
        order = {"events": [{"id": "e-1"}], "reason": "x"}
        for path in ("/void", "/amend"):
            self.assertEqual(self._post(path, order, token).status_code, 403)
