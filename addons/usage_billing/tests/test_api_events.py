"""The served route for events: forms, outcomes, refusals."""

import gzip
import json
from datetime import timedelta
from decimal import Decimal

from odoo import fields
from odoo.tests import HttpCase, tagged

from ..controllers import api_reasons
from .common_api import ApiCase

URL = "/usage/v1/events"


@tagged("post_install", "-at_install")
class TestApiEvents(ApiCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api.call", dimension_keys="region")
        plan = cls._create_plan(
            [{"name": "Calls", "model": "per_unit", "meter_id": cls.meter.id}]
        )
        cls.subscription = cls._create_subscription(plan, subject="s-1")

    def _event(self, number=1, **kw):
        return {
            "id": f"e-{number}",
            "type": "api.call",
            "subject": "s-1",
            "time": "2026-09-15T12:00:00Z",
            "value": "1.5",
            **kw,
        }

    def _cloud(self, number=1, **kw):
        event = self._event(number, **kw)
        data = event.pop("data", {"value": event.pop("value")})
        event.pop("value", None)
        return {"specversion": "1.0", "source": "/gateway", **event, "data": data}

    def _post(self, body, content_type="application/json", query="", **headers):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        return self.url_open(
            URL + query,
            data=body.encode() if isinstance(body, str) else body,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": content_type,
                **headers,
            },
        )

    def _counts(self, response):
        self.assertEqual(response.status_code, 202, response.text)
        receipt = response.json()
        names = ("accepted", "duplicate", "conflict", "quarantined")
        counts = tuple(receipt[name] for name in names)
        self.assertEqual(receipt["received"], sum(counts))
        return counts

    def _problem(self, response, status, code):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        document = response.json()
        self.assertEqual((document["status"], document["code"]), (status, code))
        self.assertTrue(document["type"].endswith(f"#{code}"))
        self.assertTrue(document["title"] and document["detail"])
        self.assertTrue(document["action"], document)
        return document

    def _quantity(self):
        self.env.invalidate_all()
        store = self.env["usage.batch"]._store()
        periods = self.subscription.period_ids
        self.assertEqual(store.verify(periods), [])
        found = store.aggregate(periods, self.meter)
        return {
            row.dimensions.get("region", ""): (str(row.quantity), row.count)
            for row in found
        }

    # -- forms -------------------------------------------------------------------------

    def test_what_a_source_says_holds_from_the_next_request_on(self):
        """Processes keep what they know of a source until it changes."""
        ahead = {"time": "2099-01-01T00:00:00Z"}
        self.source.write({"future_tolerance_min": 10, "future_policy": "hold"})
        for number, policy, counts in (
            (1, "hold", (0, 0, 0, 1)),
            (2, "ignore", (0, 0, 0, 1)),
        ):
            self.source.future_policy = policy
            body = {"events": [self._event(number, **ahead)]}
            self.assertEqual(self._counts(self._post(body)), counts, policy)
        rows = self.env["usage.quarantine"].search(
            [("source_id", "=", self.source.id)], order="id"
        )
        self.assertEqual(rows.mapped("state"), ["open", "ignored"])

    def test_every_reason_has_a_sentence_and_what_to_do(self):
        codes = dict(self.env["usage.quarantine"]._fields["reason_code"].selection)
        self.assertLessEqual(codes.keys(), api_reasons.REASONS.keys())

    def test_own_json_many_and_one(self):
        many = {"events": [self._event(1), self._event(2)]}
        self.assertEqual(self._counts(self._post(many)), (2, 0, 0, 0))
        self.assertEqual(self._counts(self._post([self._event(3)])), (1, 0, 0, 0))
        self.assertEqual(self._counts(self._post(self._event(4))), (1, 0, 0, 0))
        self.assertEqual(self._quantity(), {"": ("6.0", 4)})

    def test_a_unit_of_the_meter_or_with_a_factor_is_converted(self):
        self.meter.write({"unit_label": "MB", "unit_divisor": "1000"})
        self.env["usage.alias"].create({"kind": "unit", "name": "GB", "factor": "1024"})
        events = [
            self._event(1, value="2000"),  # as the source always sends: kilobytes
            self._event(2, value="3", unit="mb"),
            self._event(3, value="0.5", unit="GB"),
            self._event(4, value="1", unit="floppy"),
        ]
        self.assertEqual(self._counts(self._post(events)), (3, 0, 0, 1))
        # 2 + 3 + 512, of the meter's unit
        self.assertEqual(self._quantity(), {"": ("517.0", 3)})
        # the same again is the same, and held once
        self.assertEqual(self._counts(self._post(events)), (0, 4, 0, 0))
        self.assertEqual(self._quantity(), {"": ("517.0", 3)})
        held = [("reason_code", "=", "unknown_unit"), ("state", "=", "open")]
        self.assertEqual(self.env["usage.quarantine"].search_count(held), 1)

    def test_an_unknown_unit_waits_until_it_is_said(self):
        event = self._event(1, value="2", unit="crate", properties={"dock": "4"})
        document = self._post(event).json()
        self.assertIn("unknown_unit", json.dumps(document))
        self.assertEqual(self._quantity(), {})
        cause = self.env["usage.quarantine.cause"].search(
            [("reason_code", "=", "unknown_unit"), ("what", "=", "crate")]
        )
        self.assertTrue(cause)
        row = self.env["usage.quarantine"].search([("cause_id", "=", cause.id)])
        row.action_replay()
        self.assertEqual(row.state, "open", "nobody said yet how much it is")
        self.env["usage.quarantine.fix"].create(
            {"cause_id": cause.id, "factor": "12"}
        ).action_apply()
        self.assertEqual(row.state, "replayed")
        self.assertEqual(self._quantity(), {"": ("24", 1)})
        event = self.env["usage.event"].search([("event_id", "=", "e-1")])
        self.assertIn("dock", str(event.properties))

    def test_cloudevents_structured_batch_and_binary(self):
        structured = self._post(self._cloud(1), "application/cloudevents+json")
        self.assertEqual(self._counts(structured), (1, 0, 0, 0))
        batch = self._post(
            [self._cloud(1), self._cloud(2)], "application/cloudevents-batch+json"
        )
        self.assertEqual(self._counts(batch), (1, 1, 0, 0))
        event = self._cloud(2)
        data = event.pop("data")
        binary = self._post(
            data, **{f"ce-{name}": value for name, value in event.items()}
        )
        self.assertEqual(self._counts(binary), (0, 1, 0, 0))
        self.assertEqual(self._quantity(), {"": ("3.0", 2)})

    def test_cloudevents_of_two_sources_may_share_an_id(self):
        events = [self._cloud(1), self._cloud(1, source="/other")]
        response = self._post(events, "application/cloudevents-batch+json")
        self.assertEqual(self._counts(response), (2, 0, 0, 0))

    def test_data_that_a_meter_keeps_apart_is_a_dimension(self):
        event = self._cloud(1, data={"value": 2, "region": "fr", "host": "vm-1"})
        self._post(event, "application/cloudevents+json")
        self._post(self._event(2, dimensions={"region": "nl"}))
        self.assertEqual(self._quantity(), {"fr": ("2", 1), "nl": ("1.5", 1)})
        self.meter.dimension_keys = False
        self.assertEqual(self._quantity(), {"": ("3.5", 2)})

    def test_ndjson_keeps_a_broken_line_and_stores_the_others(self):
        lines = [json.dumps(self._event(1)), "{broken", json.dumps(self._event(2))]
        response = self._post("\n".join(lines) + "\n", "application/x-ndjson")
        self.assertEqual(self._counts(response), (2, 0, 0, 1))
        [result] = response.json()["results"]
        self.assertEqual((result["index"], result["code"]), (1, "unreadable"))
        held = self.env["usage.quarantine"].search([("source_id", "=", self.source.id)])
        self.assertEqual((held.raw, held.row_number), ("{broken", 2))

    def test_gzip(self):
        body = gzip.compress(json.dumps({"events": [self._event(1)]}).encode())
        response = self._post(body, **{"Content-Encoding": "gzip"})
        self.assertEqual(self._counts(response), (1, 0, 0, 0))
        two = gzip.compress(b'{"events": [') + gzip.compress(b"]}")
        response = self._post(two, **{"Content-Encoding": "gzip"})
        self.assertEqual(self._counts(response), (0, 0, 0, 0))

    # -- outcomes ----------------------------------------------------------------------

    def test_results_name_each_event_and_what_to_do(self):
        self._post(self._event(1))
        events = [
            self._event(1),
            self._event(1, value="2"),
            self._event(3, subject="nobody"),
            self._event(4, type="unheard"),
            self._event(5, time="2026-09-15T12:00:00"),
            {"id": "e-6"},
            self._event(7),
            self._event(8, valeu=1),
        ]
        response = self._post({"events": events})
        self.assertEqual(self._counts(response), (1, 1, 1, 5))
        results = response.json()["results"]
        self.assertEqual(
            [(r["index"], r["status"], r.get("code")) for r in results],
            [
                (0, "duplicate", None),
                (1, "conflict", "conflict"),
                (2, "quarantined", "unknown_subject"),
                (3, "quarantined", "unknown_meter"),
                (4, "quarantined", "invalid_time"),
                (5, "quarantined", "missing_field"),
                (7, "quarantined", "unreadable"),
            ],
        )
        self.assertEqual(results[4]["field"], "events[4].time")
        self.assertIn("zone", results[4]["detail"])
        self.assertEqual(results[6]["field"], "events[7].valeu")
        self.assertTrue(all(r["action"] for r in results[1:]))
        listed = self._post({"events": events}, query="?results=all").json()["results"]
        self.assertEqual([r["index"] for r in listed], list(range(8)))
        self.assertEqual(listed[6]["status"], "duplicate")
        none = self._post({"events": events}, query="?results=none").json()["results"]
        self.assertEqual(none, [])

    def test_results_name_the_member_that_the_store_holds_an_event_for(self):
        self._post(self._event(1))
        meters = self.env["usage.meter"]
        common = {"company_id": self.company.id, "unit_label": "u"}
        meters.create(
            [
                common
                | {
                    "name": "Users",
                    "code": "users",
                    "event_type": "login",
                    "aggregation": "unique_count",
                    "unique_property": "user",
                },
                common
                | {
                    "name": "Fees",
                    "code": "fees",
                    "event_type": "fee",
                    "value_source": "amount",
                },
                common
                | {
                    "name": "Bytes",
                    "code": "bytes",
                    "event_type": "transfer",
                    "value_source": "property",
                    "value_property": "bytes",
                },
            ]
        )
        self.source.future_tolerance_min = 60
        later = fields.Datetime.now() + timedelta(days=3)
        events = [
            (self._event(1, value="2"), "id"),
            (self._event(2, subject="nobody"), "subject"),
            (self._event(3, type="unheard"), "type"),
            (self._event(4, time=f"{later.isoformat()}Z"), "time"),
            (self._event(5, value=None), "value"),
            (self._event(6, value="0." + "1" * 101), "value"),
            (self._event(7, type="login"), "properties.user"),
            (self._event(8, type="fee", amount="1", currency="XXX"), "currency"),
            (self._event(9, type="fee"), "amount"),
            (
                self._event(10, type="transfer", dimensions={"bytes": "1,5"}),
                "dimensions.bytes",
            ),
            (self._event(11, unit="furlong"), "unit"),
            (7, ""),
        ]
        response = self._post({"events": [event for event, _member in events]})
        for result, (_event, member) in zip(
            response.json()["results"], events, strict=True
        ):
            place = f"events[{result['index']}]"
            expected = f"{place}.{member}" if member else place
            self.assertEqual(result.get("field"), expected, result)
            self.assertTrue(result["action"])
        [single] = self._post(self._event(20, subject="nobody")).json()["results"]
        self.assertEqual(single["field"], "subject")
        cloud = self._cloud(21, data={"region": "fr"})
        [single] = self._post(cloud, "application/cloudevents+json").json()["results"]
        self.assertEqual(single["field"], "data.value")

    def test_corrected_event_may_keep_its_id(self):
        response = self._post({"events": [self._event(1, value="1,5")]})
        [result] = response.json()["results"]
        self.assertIn("same id", result["action"])
        self.assertEqual(self._counts(self._post([self._event(1)])), (1, 0, 0, 0))
        self.assertEqual(self._quantity(), {"": ("1.5", 1)})

    def test_content_type_of_cloudevents_outweighs_headers_of_a_broker(self):
        headers = {
            f"ce-{name}": value
            for name, value in self._cloud(9).items()
            if name != "data"
        }
        one = self._post(self._cloud(1), "application/cloudevents+json", **headers)
        self.assertEqual(self._counts(one), (1, 0, 0, 0))
        two = self._post(
            [self._cloud(1), self._cloud(2)],
            "application/cloudevents-batch+json",
            **headers,
        )
        self.assertEqual(self._counts(two), (1, 1, 0, 0))

    def test_compression_that_nothing_tells_is_refused_whole(self):
        line = json.dumps(self._event(1)).encode()
        once = gzip.compress(line)
        for kind in ("application/json", "application/x-ndjson"):
            for body, headers in (
                (once, {}),
                (gzip.compress(once), {"Content-Encoding": "gzip"}),
            ):
                problem = self._problem(
                    self._post(body, kind, **headers), 400, "invalid_gzip"
                )
                self.assertEqual(problem["field"], "Content-Encoding")
                self.assertIn("once", problem["action"])
        held = self.env["usage.quarantine"].search([("source_id", "=", self.source.id)])
        self.assertFalse(held)

    def test_single_event_sent_again_and_changed(self):
        first = self._post(self._event(1)).json()
        self.assertEqual(first["results"][0]["status"], "accepted")
        again = self._post(self._event(1))
        self.assertEqual(self._counts(again), (0, 1, 0, 0))
        document = self._problem(self._post(self._event(1, value="2")), 409, "conflict")
        self.assertEqual((document["field"], document["id"]), ("id", "e-1"))
        self.assertEqual(self._quantity(), {"": ("1.5", 1)})
        held = self.env["usage.quarantine"].search([("event_id", "=", "e-1")])
        self.assertEqual(held.reason_code, "conflict")

    def test_conflict_is_told_however_often_it_is_sent(self):
        self._post(self._event(1))
        other = self._event(1, value="2")
        for _attempt in range(3):
            self._problem(self._post(other), 409, "conflict")
            response = self._post({"events": [other, self._event(1)]})
            self.assertEqual(self._counts(response), (0, 1, 1, 0))
            first, second = response.json()["results"]
            self.assertEqual((first["status"], first["code"]), ("conflict", "conflict"))
            self.assertTrue(first["action"])
            self.assertEqual(second["status"], "duplicate")
        held = self.env["usage.quarantine"].search([("event_id", "=", "e-1")])
        self.assertEqual(len(held), 1)

    def test_event_is_the_same_whatever_meters_keep_apart_meanwhile(self):
        data = {"value": 2, "region": "fr", "host": "vm-1", "zone": "", "n": 1.50}
        event, kind = self._cloud(1, data=data), "application/cloudevents+json"
        self.assertEqual(self._counts(self._post(event, kind)), (1, 0, 0, 0))
        for keys in ("host,region", "zone", False, "n"):
            with self.subTest(keys=keys):
                self.meter.dimension_keys = keys
                response = self._post(event, kind)
                self.assertEqual(self._counts(response), (0, 1, 0, 0))
        changed = self._cloud(1, data={**data, "host": "vm-2"})
        self._problem(self._post(changed, kind), 409, "conflict")

    def test_single_event_that_cannot_be_read_is_refused(self):
        for change, code, field in (
            ({"time": "yesterday"}, "invalid_time", "time"),
            ({"id": ""}, "missing_field", "id"),
            ({"value": "1,5"}, "invalid_value", "value"),
            ({"value": True}, "invalid_value", "value"),
            ({"currency": "euro"}, "invalid_value", "currency"),
            ({"value": "1e400"}, "invalid_value", "value"),
            ({"value": "9" * 101}, "invalid_value", "value"),
            ({"value": "1e-101"}, "invalid_value", "value"),
            ({"time": "2026-09-15T12:00:00+25:00"}, "invalid_time", "time"),
        ):
            response = self._post(self._event(1, **change))
            told = self._problem(response, 422, code)
            self.assertEqual(told["field"], field)
            self.assertNotRegex(told["detail"], "timedelta|isoformat|200")
        self.assertFalse(
            self.env["usage.batch"].search([("source_id", "=", self.source.id)])
        )

    def test_the_mark_before_utf8_is_left_out(self):
        body = b"\xef\xbb\xbf" + json.dumps(self._event(1)).encode()
        self.assertEqual(self._counts(self._post(body)), (1, 0, 0, 0))
        packed = gzip.compress(body)
        again = self._post(packed, **{"Content-Encoding": "gzip"})
        self.assertEqual(self._counts(again), (0, 1, 0, 0))

    def test_every_digit_is_kept(self):
        exact = "12345678901234567890.123456789012345678"
        body = json.dumps(self._event(1)).replace('"1.5"', exact)
        self.assertEqual(self._counts(self._post(body)), (1, 0, 0, 0))
        self.assertEqual(self._quantity(), {"": (exact, 1)})

    # -- refusals ----------------------------------------------------------------------

    def test_keys(self):
        def post(**headers):
            return self.url_open(
                URL, data=b"[]", headers={"Content-Type": "application/json", **headers}
            )

        self._problem(post(), 401, "missing_key")
        self._problem(post(Authorization="Bearer nonsense"), 401, "invalid_key")
        self._problem(post(Authorization="Basic nonsense"), 401, "missing_key")
        self.key.write({"can_ingest": False})
        self._problem(self._post([]), 403, "missing_scope")

    def test_bodies_that_cannot_be_read(self):
        for body, kind, status, code in (
            ("{", "application/json", 400, "invalid_json"),
            ('{"events": [NaN]}', "application/json", 400, "invalid_json"),
            ("[" * 100_000, "application/json", 400, "invalid_json"),
            (b"\xff\xfe", "application/json", 400, "invalid_json"),
            (" ", "application/json", 400, "empty_body"),
            ('"text"', "application/json", 400, "wrong_shape"),
            ('{"events": 1}', "application/json", 400, "wrong_shape"),
            ('{"events": [], "x": 1}', "application/json", 400, "wrong_shape"),
            ("[]", "application/cloudevents+json", 400, "wrong_shape"),
            ("{}", "application/cloudevents-batch+json", 400, "wrong_shape"),
            ("a=1", "text/csv", 415, "unsupported_media_type"),
            ("[]", "application/json; charset=utf-16", 415, "unsupported_charset"),
            (str([0] * 10_001), "application/json", 413, "too_many_events"),
        ):
            with self.subTest(body=body[:20], kind=kind):
                self._problem(self._post(body, kind), status, code)

    def test_broken_and_bombed_gzip(self):
        packed = gzip.compress(json.dumps([self._event(1)] * 50).encode())
        encoded = {"Content-Encoding": "gzip"}
        self._problem(self._post(packed[:-9], **encoded), 400, "invalid_gzip")
        self._problem(self._post(b"[]", **encoded), 400, "invalid_gzip")
        self._problem(
            self._post(b"[]", **{"Content-Encoding": "br"}), 415, "unsupported_encoding"
        )
        bomb = gzip.compress(b"[" + b" " * (40 << 20) + b"]", 1)
        self._problem(self._post(bomb, **encoded), 413, "body_too_large")

    def test_hostile_events_are_held_one_by_one(self):
        events = [
            self._event(1, value="1e400"),
            self._event(2, subject="nul \x00 here"),
            self._event(3, dimensions={f"d{n}": "x" for n in range(10_000)}),
            self._event(4, properties={"x": "y" * 1_000_000}),
            self._event(5, id="'; DROP TABLE usage_store_event; --"),
            self._event(6, time="0001-01-01T00:00:00+14:00"),
            self._event(7, time="9999-12-31T23:59:59-14:00"),
            self._event(8, time="0001-01-01T00:00:00Z"),
            self._event(9, time="9999-12-31T23:59:59Z"),
            self._event(10, time="2026-09-15T12:00:00+25:00"),
            self._event(11, value="9" * 38),
            self._event(12, value={"a": 1}),
            self._event(13, id=13),
            self._event(14, id="x" * 100_000),
            [],
            None,
            self._event(17, properties={"a\x00": "b"}),
            self._event(18, properties={"p": {"deep": [1.5, None]}, "q": None}),
        ]
        text = json.dumps(events).replace('"1e400"', "1e99999999999999999999")
        response = self._post(text)
        counts = self._counts(response)
        held = {r["index"]: r["code"] for r in response.json()["results"]}
        self.assertEqual(counts, (3, 0, 0, 15), held)
        self.assertEqual({4, 10, 17} & held.keys(), set())
        self.assertEqual(held[0], "invalid_value")
        self.assertEqual(held[5], "invalid_time")
        self.assertEqual(held[7], "before_start")
        self.assertEqual(self._counts(self._post(text))[0], 0)

    def test_a_name_that_stands_twice_holds_its_event_only(self):
        good, bad = self._event(1), self._event(2)
        twice = json.dumps({**bad, "value": 1})[:-1] + ', "value": 2}'
        text = f'{{"events": [{json.dumps(good)}, {twice}]}}'
        response = self._post(text, **{"Accept-Language": "fr"})
        self.assertEqual(self._counts(response), (1, 0, 0, 1))
        [result] = response.json()["results"]
        self.assertEqual(
            (result["index"], result["code"], result["field"]),
            (1, "unreadable", "events[1].value"),
        )
        self.assertIn("figure deux fois", result["detail"])
        self.assertTrue(result["action"])
        held = self.env["usage.quarantine"].search([("event_id", "=", bad["id"])])
        self.assertEqual(held.raw.count('"value"'), 2)
        single = json.dumps(bad)[:-1] + ', "subject": "other"}'
        problem = self._problem(self._post(single), 422, "unreadable")
        self.assertEqual(problem["field"], "subject")

    def test_a_character_that_cannot_be_stored_is_named(self):
        events = [self._event(1, dimensions={"region": "a\x00"}), self._event(2)]
        response = self._post(events)
        [result] = response.json()["results"]
        self.assertEqual(
            (result["code"], result["field"]),
            ("invalid_value", "events[0].dimensions.region"),
        )
        self.assertIn("NUL", result["detail"])
        self.assertIn("leave it out", result["detail"])

    def test_what_is_no_json_is_told_in_french_with_its_place(self):
        for body, said in (
            (b'{"events": [', "ligne 1, colonne 13 : la fin manque"),
            (b'{"events":\n [NaN]}', "ligne 2, colonne 3 : NaN et Infinity"),
            (b'{"a": "\xff"}', "pas de l'UTF-8"),
            (b"[" * 100_000, "trop profonde"),
            (b"{'a': 1}", "entre guillemets doubles"),
        ):
            response = self._post(body, **{"Accept-Language": "fr"})
            problem = self._problem(response, 400, "invalid_json")
            self.assertIn(said, problem["detail"].replace("\xa0", " "))
        response = self._post(
            b"[]", **{"Content-Encoding": "gzip", "Accept-Language": "fr"}
        )
        problem = self._problem(response, 400, "invalid_gzip")
        self.assertIn("pas du gzip", problem["detail"])

    def test_a_number_of_thousands_of_digits_is_told_of_its_event(self):
        long = json.dumps(self._event(2, value="X")).replace('"X"', "9" * 5000)
        body = f'{{"events": [{json.dumps(self._event(1))}, {long}]}}'.encode()
        response = self._post(body, **{"Accept-Language": "fr"})
        self.assertEqual(self._counts(response), (1, 0, 0, 1))
        [result] = response.json()["results"]
        self.assertEqual(
            (result["code"], result["field"]), ("invalid_value", "events[1].value")
        )
        self.assertIn("plus de 100 chiffres", result["detail"].replace("\xa0", " "))
        held = self.env["usage.quarantine"].search([("event_id", "=", result["id"])])
        self.assertIn("9" * 5000, held.raw)

    def test_hostile_events_stop_nobody_who_opens_the_inbox(self):
        events = [
            self._event(1, subject="nul \x00 here"),
            self._event(2, subject="nobody", properties={"a\x00": "b"}),
            self._event(3, subject="nobody", value="9" * 90),
            self._event(4, subject="nobody", properties={"text": "back\\u0000slash"}),
            self._event(5, subject="nobody", properties={"pair": "\U0001f600"}),
            self._event(6, subject="nobody", value="2"),
        ]
        self.assertEqual(self._counts(self._post(events)), (0, 0, 0, 6))
        causes = self.env["usage.quarantine.cause"].search([])
        self.env["usage.quarantine.inbox"].action_open()
        sums = causes._read_sums()
        self.assertEqual(sum(item.count for item in sums), 6)
        # of what PostgreSQL cannot read as JSON, only the number of rows is known
        self.assertEqual(sum(item.total or 0 for item in sums), Decimal("3.5"))

    def test_what_the_framework_refuses_is_a_problem_too(self):
        body = b"[" + b" " * (33 << 20) + b"]"
        problem = self._problem(self._post(body), 413, "body_too_large")
        self.assertTrue(problem["action"])
        unknown = self.url_open("/usage/v1/unknown")
        self._problem(unknown, 404, "not_found")
        wrong = self.opener.delete(self.base_url() + URL)
        self._problem(wrong, 405, "method_not_allowed")
        self.assertIn("POST", wrong.headers["Allow"])

    def test_asking_for_the_methods_stores_nothing(self):
        event = self._event(1)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }
        for given in (headers, {}):
            response = self.opener.options(
                self.base_url() + URL, data=json.dumps([event]), headers=given
            )
            self.assertEqual((response.status_code, response.content), (204, b""))
            self.assertEqual(response.headers["Allow"], "GET, HEAD, OPTIONS, POST")
        self.assertEqual(self._post([event]).json()["accepted"], 1)

    def test_unknown_parameter_is_refused(self):
        response = self._post([], query="?result=all")
        self.assertEqual(
            self._problem(response, 400, "invalid_parameter")["field"], "result"
        )
        wrong = self._problem(
            self._post([], query="?results=x"), 400, "invalid_parameter"
        )
        self.assertTrue(wrong["action"])

    def test_parameter_that_stands_twice_is_refused(self):
        response = self._post([], query="?results=all&results=none")
        problem = self._problem(response, 400, "invalid_parameter")
        self.assertEqual(problem["field"], "results")
        self.assertIn("once", problem["action"])
