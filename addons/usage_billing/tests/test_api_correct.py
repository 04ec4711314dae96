"""Void and amend through the API: quantities follow, what was sent stays."""

from datetime import timedelta
from decimal import Decimal

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
            [
                {
                    "name": "Calls",
                    "model": "per_unit",
                    "unit_price": "0.5",
                    "meter_id": cls.meter.id,
                }
            ]
        )
        cls.subscription = cls._create_subscription(plan, subject="s-1")
        cls.key.write({"can_correct": True, "can_read": True})

    def _post(self, path, document, token=None, **headers):
        return self.url_open(
            V1 + path,
            json=document,
            headers={"Authorization": f"Bearer {token or self.token}", **headers},
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
        self.assertIn("inbox", response.json()["results"][1]["detail"])
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

    def _trail(self):
        """Numbers of what corrections leave behind."""
        self.env.invalidate_all()
        number = self.env["ir.sequence"].search([("code", "=", "usage.correction")])
        return (
            self.env["usage.correction"].search_count([]),
            self.env["usage.batch"].search_count([]),
            self.env["usage.event"].search_count([]),
            number[:1].number_next_actual,
        )

    def _repeat(self, path, order, *statuses):
        """Send an order twice; the second time nothing is written."""
        first = self._post(path, order)
        quantity, trail = self._quantity(), self._trail()
        again = self._post(path, order)
        self.assertEqual(again.status_code, 200, again.text)
        told = again.json()
        if statuses:
            self.assertEqual([s for _id, s in self._statuses(again)], [*statuses])
            self.assertEqual((told["batch"], told["corrected"]), (None, 0))
        self.assertEqual((told["correction"], told["differences"]), (None, []))
        self.assertEqual((self._quantity(), self._trail()), (quantity, trail))
        return first.json()

    def test_an_order_that_comes_again_writes_nothing(self):
        self.meter.dimension_keys = "region"
        self.env["usage.alias"].create(
            {"kind": "unit", "name": "dozen", "factor": "12"}
        )
        self._send()
        rich = self._event(
            2,
            value="2.50",
            unit="dozen",
            time="2026-09-16T14:00:00.5+02:00",
            dimensions={"region": "fr", "zone": "a"},
            properties={"host": "vm-1", "size": 7, "deep": {"b": [1]}},
        )
        order = {
            "events": [
                self._event(1, value="10"),
                rich,
                self._event(3),
                {**rich, "id": "no"},
            ],
            "reason": "Read wrongly",
        }
        first = self._repeat(
            "/amend", order, "unchanged", "unchanged", "unchanged", "unknown"
        )
        self.assertEqual(
            [result["status"] for result in first["results"]],
            ["amended", "amended", "unchanged", "unknown"],
        )
        self.assertEqual(self._quantity(), 43)
        # what is new in an order is done, and only that
        order["events"][0]["value"] = "11"
        answer = self._repeat(
            "/amend", order, "unchanged", "unchanged", "unchanged", "unknown"
        )
        self.assertEqual(answer["corrected"], 1)
        self.assertEqual(self._quantity(), 44)

    def test_a_void_that_comes_again_writes_nothing(self):
        self._send()
        order = {"events": [{"id": "e-2"}, {"id": "no"}], "reason": "Test run"}
        self._repeat("/void", order, "already", "unknown")
        # nor does the amendment of before
        amend = {"events": [self._event(2, value="9")], "reason": "Read wrongly"}
        self._repeat("/amend", amend, "already")
        self.assertEqual(self._quantity(), 4)

    def test_a_backfill_that_comes_again_writes_nothing(self):
        self._send()
        self._repeat(
            "/backfill",
            {
                "from": "2026-09-01T00:00:00Z",
                "to": "2026-10-01T00:00:00Z",
                "reason": "Probe was down",
                "events": [self._event(1), self._event(3, value="4"), self._event(5)],
            },
        )
        self.assertEqual(self._quantity(), 10)

    # -- orders with a key of their sender -------------------------------------------

    def _order(self, key, path, document, token=None):
        """Answer of an order with a key, and whether it was carried out before."""
        response = self._post(path, document, token, **{"Idempotency-Key": key})
        self.assertEqual(response.status_code, 200, response.text)
        return response.json(), "Idempotent-Replayed" in response.headers

    def test_an_order_with_a_key_is_carried_out_once(self):
        """Sent again after somebody else amended, it must not win a second time."""
        self._send()
        order = {
            "events": [self._event(1, value="10"), self._event(9)],
            "reason": "Read wrongly",
        }
        first, is_repeated = self._order("k-1", "/amend", order)
        self.assertFalse(is_repeated)
        other = {"events": [self._event(1, value="20")], "reason": "Read again"}
        self._order("k-2", "/amend", other)
        self.assertEqual(self._quantity(), 25)
        trail = self._trail()
        again, is_repeated = self._order("k-1", "/amend", order)
        self.assertTrue(is_repeated)
        self.assertEqual(again, first)
        self.assertEqual(
            [r["status"] for r in again["results"]], ["amended", "unknown"]
        )
        self.assertEqual((self._quantity(), self._trail()), (25, trail))
        # without the key it is an order of its own
        self._post("/amend", order)
        self.assertEqual(self._quantity(), 15)

    def test_an_order_that_did_nothing_does_nothing_later_either(self):
        self._send()
        order = {"events": [self._event(1)], "reason": "Read again"}
        first, _is_repeated = self._order("k-1", "/amend", order)
        self.assertEqual((first["correction"], first["corrected"]), (None, 0))
        self._post("/amend", {"events": [self._event(1, value="9")], "reason": "x"})
        again, is_repeated = self._order("k-1", "/amend", order)
        self.assertEqual((again, is_repeated), (first, True))
        self.assertEqual(self._quantity(), 14)

    def test_a_backfill_with_a_key_is_carried_out_once(self):
        self._send()
        alias = self.env["usage.alias"].create(
            {"kind": "unit", "name": "dozen", "factor": "12"}
        )
        order = {
            "from": "2026-09-01T00:00:00Z",
            "to": "2026-10-01T00:00:00Z",
            "reason": "Probe was down",
            "events": [
                self._event(1),
                self._event(5, unit="dozen"),
                self._event(8, time="2026-10-20T00:00:00Z"),
            ],
        }
        # the key is for what is done
        dry, is_repeated = self._order("k", "/backfill", {**order, "dry_run": True})
        self.assertEqual((dry["correction"], is_repeated), (None, False))
        first, is_repeated = self._order("k", "/backfill", {**order, "dry_run": False})
        self.assertEqual((first["voided"], first["added"], is_repeated), (2, 1, False))
        self.assertEqual(first["left_out"][0]["status"], "outside")
        self._post("", self._event(4))
        alias.active = False  # what it says cannot be read any more
        again, is_repeated = self._order("k", "/backfill", order)
        self.assertEqual((again, is_repeated), (first, True))
        self.assertEqual(self._quantity(), 65)

    def test_a_key_of_another_order_is_refused(self):
        self._send()
        order = {"events": [{"id": "e-2"}], "reason": "Test run"}
        self._order("k-1", "/void", order)
        for path, document in (
            ("/void", {**order, "events": [{"id": "e-1"}]}),
            ("/void", {**order, "reason": "Another"}),
            ("/amend", {"events": [self._event(2)], "reason": "Test run"}),
        ):
            response = self._post(path, document, **{"Idempotency-Key": "k-1"})
            self.assertEqual(response.status_code, 422, response.text)
            problem = response.json()
            self.assertEqual(
                (problem["code"], problem["field"]),
                ("idempotency_key_reused", "Idempotency-Key"),
            )
        self.assertEqual(self._quantity(), 4)
        # another source has keys of its own
        source = self.source.copy({"name": "Other", "code": "other"})
        _key, token = self._create_key(source_id=source.id, can_correct=True)
        answer, is_repeated = self._order("k-1", "/void", order, token)
        self.assertEqual(answer["results"][0]["status"], "unknown")
        self.assertFalse(is_repeated)

    def test_a_repeated_answer_tells_what_this_key_may_read(self):
        self._send()
        order = {"events": [{"id": "e-2"}], "reason": "Test run"}
        first, _is_repeated = self._order("k-1", "/void", order)
        self.assertEqual(len(first["differences"]), 1)
        _key, token = self._create_key(can_correct=True)
        again, is_repeated = self._order("k-1", "/void", order, token)
        self.assertTrue(is_repeated)
        self.assertNotIn("differences", again)

    def test_what_is_no_key_is_refused(self):
        self._send()
        order = {"events": [{"id": "e-2"}], "reason": "Test run"}
        for key in ("", "k" * 256, "clé".encode("latin-1")):
            response = self._post("/void", order, **{"Idempotency-Key": key})
            self.assertEqual(response.status_code, 400, response.text)
            self.assertEqual(response.json()["field"], "Idempotency-Key")
        self.assertEqual(self._quantity(), 6)

    def test_receipts_are_forgotten_after_a_month(self):
        self._send()
        self._order("k-1", "/void", {"events": [{"id": "e-2"}], "reason": "x"})
        receipts = self.env["usage.order.receipt"].sudo()
        receipts._gc_receipts()
        kept = receipts.search([])
        self.assertEqual(kept.request_key, "k-1")
        kept.received_at -= timedelta(days=31)
        receipts._gc_receipts()
        self.assertFalse(kept.exists())

    # -- what reading tells ------------------------------------------------------------

    def _read(self, **parameters):
        response = self.url_open(
            V1,
            params=parameters,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.assertEqual(response.status_code, 200, response.text)
        return [
            (row["kind"], row["value"], row["status"], row["detail"])
            for row in response.json()["data"]
        ]

    def test_reading_an_event_tells_that_it_was_corrected(self):
        self._send()
        self._post("/void", {"events": [{"id": "e-1"}], "reason": "Test run"})
        for value in ("20", "21"):
            self._post(
                "/amend", {"events": [self._event(2, value=value)], "reason": value}
            )
        self.assertEqual(
            self._read(id="e-1"),
            [
                ("usage", "1", "voided", "Test run"),
                ("void", "1", "voided", None),
            ],
        )
        amended = [
            ("usage", "2", "amended", "20"),
            ("amendment", "20", "amended", "21"),
            ("amendment", "21", "stored", None),
        ]
        self.assertEqual(self._read(id="e-2"), amended)
        september = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        listed = self._read(**september)
        self.assertEqual(
            [row[1] for row in listed if row[2] == "stored"], ["3", "21"], listed
        )
        response = self.url_open(
            f"{V1}/e-1", headers={"Authorization": f"Bearer {self.token}"}
        )
        self.assertEqual(response.json()["status"], "voided")
        self.assertTrue(response.json()["corrected_by"])

    def test_a_customer_reads_that_and_not_why(self):
        self._send()
        self._post("/void", {"events": [{"id": "e-1"}], "reason": "Our own matter"})
        self.key.partner_id = self.subscription.partner_id
        self.assertEqual(self._read(id="e-1")[0], ("usage", "1", "voided", None))

    def test_orders_that_cannot_be_read_correct_nothing(self):
        self._send()
        for path, document, code, field in (
            ("/void", {"events": [{"id": "e-1"}]}, "wrong_shape", "reason"),
            ("/void", {"events": [], "reason": "x"}, "wrong_shape", "events"),
            ("/void", {"events": [{"id": "e-1"}], "reason": "x", "dry_run": "no"},
             "invalid_value", "dry_run"),
            ("/void", {"events": [{"id": "e-1"}], "reason": "x", "dryrun": True},
             "wrong_shape", "dryrun"),
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
        for path in ("/void", "/amend", "/backfill"):
            self.assertEqual(self._post(path, order, token).status_code, 403)

    # -- dry runs and the trail --------------------------------------------------------

    def test_dry_run_tells_the_difference_and_moves_nothing(self):
        self._send()
        orders = self.env["usage.correction"].search_count([])
        order = {"events": [{"id": "e-3"}], "reason": "Test run", "dry_run": True}
        sequence = self.env["ir.sequence"].search([("code", "=", "usage.correction")])
        following = sequence[:1].number_next_actual
        response = self._post("/void", order)
        sequence.invalidate_recordset()
        self.assertEqual(sequence[:1].number_next_actual, following)
        self.assertEqual(self._statuses(response), [("e-3", "voided")])
        answer = response.json()
        self.assertEqual(
            (answer["correction"], answer["batch"], answer["dry_run"]),
            (None, None, True),
        )
        (difference,) = answer["differences"]
        self.assertEqual(difference["subscription"], self.subscription.code)
        self.assertEqual(difference["meter"], self.meter.code)
        self.assertEqual(difference["period_start"], "2026-08-31T22:00:00Z")
        self.assertEqual(
            (difference["quantity_before"], difference["quantity_after"]), ("6", "3")
        )
        self.assertEqual(Decimal(difference["amount_before"]), 3)
        self.assertEqual(Decimal(difference["amount_after"]), Decimal("1.5"))
        self.assertEqual(self._quantity(), 6)
        self.assertEqual(self.env["usage.correction"].search_count([]), orders)
        # what it said is what happens
        applied = self._post("/void", {**order, "dry_run": False}).json()
        self.assertEqual(applied["differences"], answer["differences"])
        self.assertEqual(self._quantity(), 3)

    def test_orders_by_key_stand_in_the_list_of_corrections(self):
        self._send()
        answer = self._post(
            "/amend", {"events": [self._event(1, value="4")], "reason": "Read wrongly"}
        ).json()
        correction = self.env["usage.correction"].search(
            [("name", "=", answer["correction"])]
        )
        self.assertEqual(
            (correction.state, correction.kind, correction.reason),
            ("applied", "amend", "Read wrongly"),
        )
        self.assertEqual(
            (correction.amended_count, correction.asked_by), (1, "Gateway")
        )
        self.assertEqual(correction.line_ids.quantity_difference, Decimal(3))
        self.assertEqual(correction.batch_ids.id, answer["batch"])

    def test_differences_are_for_keys_that_read(self):
        self._send()
        _key, token = self._create_key(can_correct=True)
        order = {"events": [{"id": "e-3"}], "reason": "Test run", "dry_run": True}
        self.assertNotIn("differences", self._post("/void", order, token).json())
        other = self.env["res.partner"].create({"name": "Somebody Else"})
        _key, token = self._create_key(
            can_correct=True, can_read=True, partner_id=other.id
        )
        self.assertEqual(self._post("/void", order, token).json()["differences"], [])

    def test_amended_value_may_name_its_unit(self):
        self.env["usage.alias"].create(
            {"kind": "unit", "name": "dozen", "factor": "12"}
        )
        self._send()
        order = {
            "events": [self._event(1, value="2", unit="dozen")],
            "reason": "Read wrongly",
        }
        self.assertEqual(self._statuses(self._post("/amend", order)),
                         [("e-1", "amended")])  # fmt: skip
        self.assertEqual(self._quantity(), 29)
        order["events"] = [self._event(2, unit="gross")]
        problem = self._post("/amend", order).json()
        self.assertEqual(
            (problem["code"], problem["field"]), ("unknown_unit", "events[0].unit")
        )

    # -- backfill ----------------------------------------------------------------------

    def _backfill(self, events, **kw):
        return self._post(
            "/backfill",
            {
                "from": "2026-09-01T00:00:00Z",
                "to": "2026-10-01T00:00:00+02:00",
                "events": events,
                "reason": "Probe was down",
                **kw,
            },
        )

    def test_backfill_shows_the_difference_then_applies_it(self):
        self._send()
        events = [
            self._event(1),  # as it is
            self._event(2, value="20.5"),  # differs
            self._event(7),  # missing
            self._event(8, time="2026-10-20T00:00:00Z"),  # outside
            self._event(9, subject="nobody"),
        ]  # 3 is not in the list
        for dry_run in (True, False):
            response = self._backfill(events, dry_run=dry_run)
            self.assertEqual(response.status_code, 200, response.text)
            answer = response.json()
            self.assertEqual(
                (answer["added"], answer["amended"], answer["voided"]), (1, 1, 1)
            )
            self.assertEqual(
                {(one["id"], one["status"]) for one in answer["left_out"]},
                {("e-8", "outside"), ("e-9", "refused")},
            )
            (difference,) = answer["differences"]
            self.assertEqual(difference["quantity_before"], "6")
            self.assertEqual(difference["quantity_after"], "28.5")
            self.assertEqual(self._quantity(), 6 if dry_run else Decimal("28.5"))
        again = self._backfill(events).json()
        self.assertEqual((again["added"], again["amended"], again["voided"]), (0, 0, 0))
        self.assertEqual(again["differences"], [])

    def test_backfill_that_adds_voids_nothing(self):
        self._send()
        answer = self._backfill([self._event(7)], mode="add").json()
        self.assertEqual((answer["added"], answer["voided"]), (1, 0))
        self.assertEqual(self._quantity(), 13)

    def test_backfill_with_nothing_voids_the_span(self):
        self._send()
        answer = self._backfill([]).json()
        self.assertEqual(answer["voided"], 3)
        self.assertEqual(self._quantity(), 0)

    def test_backfill_keeps_to_subscriptions_and_meters(self):
        self._send()
        other = self._create_meter("other.call")
        answer = self._backfill([], meters=[other.code], dry_run=True).json()
        self.assertEqual(answer["voided"], 0)
        code = self.subscription.code
        answer = self._backfill([], subscriptions=[code], dry_run=True).json()
        self.assertEqual(answer["voided"], 3)
        problem = self._backfill([], subscriptions=[code, "?"]).json()
        self.assertEqual(problem["field"], "subscriptions[1]")

    def test_an_event_the_list_names_wrongly_stays_as_it_was(self):
        """It is told and left: moving it out of the span is no reason to void it."""
        self._send()
        moved = self._event(3, time="2026-10-20T00:00:00Z")
        answer = self._backfill([self._event(1), self._event(2), moved]).json()
        self.assertEqual(answer["voided"], 0)
        self.assertEqual(answer["left_out"][0]["id"], "e-3")
        self.assertEqual(self._quantity(), 6)

    def test_backfill_that_cannot_be_read_does_nothing(self):
        self._send()
        for changes, code, field in (
            ({"events": [self._event(1, value="x")]}, "invalid_value",
             "events[0].value"),
            ({"from": "2026-10-01T00:00:00Z"}, "invalid_value", "to"),
            ({"from": "2026-09-01"}, "invalid_time", "from"),
            ({"to": "2026-09-02T00:00:00.5Z"}, "invalid_time", "to"),
            ({"mode": "forget"}, "invalid_value", "mode"),
            ({"meters": "all"}, "invalid_value", "meters"),
            ({"reason": ""}, "missing_reason", "reason"),
        ):  # fmt: skip
            response = self._backfill(**{"events": [], **changes})
            self.assertEqual(response.status_code, 422, response.text)
            problem = response.json()
            self.assertEqual((problem["code"], problem["field"]), (code, field))
        self.assertEqual(self._quantity(), 6)

    # -- language ----------------------------------------------------------------------

    def test_problems_are_told_in_the_language_of_the_caller(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        for accepted, title, detail in (
            ("fr-FR,fr;q=0.9", "La raison manque",
             "Une correction demande une raison de 1 à 500 caractères."),
            ("de", "The reason is missing",
             "A correction needs a reason of 1 to 500 characters."),
        ):  # fmt: skip
            response = self.url_open(
                V1 + "/void",
                json={"events": [{"id": "e-1"}], "reason": ""},
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Accept-Language": accepted,
                },
            )
            problem = response.json()
            self.assertEqual((problem["title"], problem["detail"]), (title, detail))
            self.assertEqual(problem["code"], "missing_reason")
            self.assertIn(response.headers["Content-Language"], ("fr", "en"))
