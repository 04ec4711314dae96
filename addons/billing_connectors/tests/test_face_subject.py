# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the faces answer of a subject: its own events, wherever they are."""

from datetime import datetime
from urllib.parse import urlencode

from odoo.tests import HttpCase, tagged

from odoo.addons.usage_billing.tests import test_usage_store_month

OPENMETER = "/usage/openmeter/api/v1/meters/%s/query"
STRIPE = "/usage/stripe/v1/billing/meters/%s/event_summaries"
AUGUST, SEPTEMBER = datetime(2026, 8, 10), datetime(2026, 9, 5)
SPAN = {"from": "2026-08-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
SECONDS = {"start_time": 1785542400, "end_time": 1790812800}


# a class that is imported would be played here a second time
@tagged("post_install", "-at_install")
class TestFaceSubject(test_usage_store_month.MonthCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("cpu")
        cls.first = cls._create_store_subscription("lyon")
        cls.second = cls._create_store_subscription("nantes")
        cls._share("paris")
        cls.reader = cls.env["usage.api.key"].create(
            {"name": "Reader", "can_read": True, "can_ingest": False, "rate_limit": 0}
        )
        cls.token = cls.reader._issue_token()

    @classmethod
    def _share(cls, subject, **dates):
        return cls.env["usage.subject"].create(
            {"subject": subject, "subscription_id": cls.first.id, **dates}
        )

    def setUp(self):
        super().setUp()
        event = test_usage_store_month.event
        self._send(
            [
                event(1, "1", AUGUST, subject="lyon"),
                event(2, "2", SEPTEMBER, subject="lyon"),
                event(3, "4", AUGUST, subject="paris"),
                event(4, "8", SEPTEMBER, subject="paris"),
                event(5, "16", SEPTEMBER, subject="nantes"),
            ]
        )

    def _ask(self, path, query, status=200):
        response = self.url_open(
            f"{path % self.meter.code}?{urlencode(query, doseq=True)}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def _of(self, *subjects, **query):
        """{subject: quantity} as OpenMeter's face answers; Stripe's says the same."""
        found = self._ask(OPENMETER, {**SPAN, "subject": subjects, **query})["data"]
        answer = {row["subject"]: row["value"] for row in found}
        self.assertEqual(len(answer), len(found))
        for subject in subjects:
            rows = self._ask(STRIPE, {"customer": subject, **SECONDS})["data"]
            values = [row["aggregated_value"] for row in rows]
            self.assertEqual(values, [answer[subject]] if subject in answer else [])
        return answer

    def _of_all(self):
        return self._of(groupBy="subject")

    def _move(self, subject, target, date_from=False):
        mapping = self.env["usage.subject"].search([("subject", "=", subject)])
        self.env["usage.subject.move"].create(
            {
                "subject_id": mapping.id,
                "subscription_id": target.id,
                "date_from": date_from,
            }
        ).action_move()

    def test_each_is_answered_alone(self):
        every = {"lyon": 3, "paris": 12, "nantes": 16}
        for subject, quantity in every.items():
            self.assertEqual(self._of(subject), {subject: quantity})
        self.assertEqual(self._of("paris", "lyon", "paris"), {"lyon": 3, "paris": 12})
        self.assertEqual(self._of("nobody", "lyon"), {"lyon": 3})
        self.assertEqual(self._of("nobody"), {})
        self.assertEqual(self._of_all(), every)
        [total] = self._ask(OPENMETER, SPAN)["data"]
        self.assertEqual((total["subject"], total["value"]), (None, 31))

    def test_who_moved_on_a_day_is_answered_from_both(self):
        self._move("paris", self.second, "2026-09-01 00:00:00")
        every = {"lyon": 3, "paris": 12, "nantes": 16}
        self.assertEqual(self._of(*every), every)
        self.assertEqual(self._of_all(), every)

    def test_what_stays_billed_is_not_who_is_left(self):
        """Billed events stay when their subject moves altogether."""
        self._period("2026-08-01", self.first).state = "billed"
        self._move("paris", self.second)
        self.assertEqual(self.first.subject_ids.mapped("subject"), ["lyon"])
        self.assertEqual(self._of("lyon"), {"lyon": 3})
        self.assertEqual(self._of("nantes"), {"nantes": 16})
        self.assertEqual(self._of("paris"), {"paris": 12})
        self.assertEqual(self._of_all(), {"lyon": 3, "paris": 12, "nantes": 16})
        query = {"meter": self.meter.code, "subject": "paris", "bucket": "month"}
        found = self.url_open(
            f"/usage/v1/usage?{urlencode({**query, **SPAN})}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.assertEqual(found.status_code, 200, found.text)
        self.assertEqual(
            {row["subscription"]: row["quantity"] for row in found.json()["data"]},
            {self.first.code: "4", self.second.code: "8"},
        )

    def test_a_filter_of_the_address_is_heard(self):
        query = {**SPAN, "subject": "lyon", "filterGroupBy[region]": "fr"}
        self.assertEqual(self._ask(OPENMETER, query)["data"], [])
        query = {**SPAN, "filterGroup[region]": "fr"}
        refused = self._ask(OPENMETER, query, 400)
        self.assertIn("filterGroup[region] is not known here", refused["detail"])

    def test_a_level_that_another_brought_along_is_not_counted(self):
        """paris changed the level before the time that is asked for, lyon within."""
        self.meter = self._create_meter("seat", aggregation="weighted_sum")
        event = test_usage_store_month.event
        self._send(
            [
                event(6, "100", AUGUST, type="seat", subject="paris"),
                event(7, "3", SEPTEMBER, type="seat", subject="lyon"),
                event(8, "3", SEPTEMBER, type="seat", subject="nantes"),
            ]
        )
        found = {}
        for subject in ("lyon", "nantes"):
            query = {**SPAN, "from": "2026-09-10T00:00:00Z", "subject": subject}
            [row] = self._ask(OPENMETER, query)["data"]
            found[subject] = row["value"]
        self.assertEqual(found, {"lyon": 3, "nantes": 3})

    def test_archived_months_are_refused_in_the_words_of_each_client(self):
        self._share("old-2").subscription_id = self.old
        event = test_usage_store_month.event
        old = test_usage_store_month.OLD
        self._send([event(9, "32", old, subject="old-1")])
        self._archive()
        span = {"from": "1999-03-01T00:00:00Z", "to": "1999-04-01T00:00:00Z"}
        seconds = {"start_time": 920246400, "end_time": 922924800}
        # nobody else's events are there: totals are enough
        [row] = self._ask(OPENMETER, {**span, "subject": "old-1"})["data"]
        self.assertEqual(row["value"], 32)
        self.assertFalse(self._ask(OPENMETER, {**span, "subject": "old-2"})["data"])
        self.months._restore(test_usage_store_month.MONTH)
        self._send([event(10, "64", old, subject="old-2")])
        self._archive()
        refused = self._ask(OPENMETER, {**span, "subject": "old-1"}, 422)
        self.assertEqual(refused["status"], 422)
        self.assertIn("1999-03 are in the archive", refused["detail"])
        refused = self._ask(STRIPE, {"customer": "old-1", **seconds}, 422)["error"]
        self.assertEqual(refused["type"], "invalid_request_error")
        self.assertIn("1999-03 are in the archive", refused["message"])
        [total] = self._ask(OPENMETER, span)["data"]
        self.assertEqual(total["value"], 96)

    def _archive(self):
        self._bill()
        self.months._archive(test_usage_store_month.MONTH)
        self.env.invalidate_all()
