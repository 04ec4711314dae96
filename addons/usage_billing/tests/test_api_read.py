"""The served routes for reading: figures, pages, scope of the key, documents."""

from datetime import datetime
from decimal import Decimal
from unittest.mock import patch
from urllib.parse import quote, urlencode

from odoo.tests import HttpCase, tagged

from ..controllers.api_problems import PROBLEMS
from ..controllers.api_reasons import REASONS
from ..metering import EventRow, RejectedRow, archive
from .common_api import ApiCase

V1 = "/usage/v1"


@tagged("post_install", "-at_install")
class TestApiRead(ApiCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api.call", dimension_keys="region")
        plan = cls._create_plan(
            [{"name": "Calls", "model": "per_unit", "meter_id": cls.meter.id}]
        )
        cls.customers = [cls._create_customer(ref=f"C-{n}") for n in (1, 2)]
        cls.subscriptions = [
            cls._create_subscription(
                plan, subject=f"s-{n}", partner_id=customer.id, tz="Europe/Paris"
            )
            for n, customer in enumerate(cls.customers, 1)
        ]
        cls.reader, cls.read_token = cls._create_key(
            name="Reader", can_read=True, can_ingest=False, source_id=False
        )
        batch = (
            cls.env["usage.batch"]
            .sudo()
            .create({"name": "First", "source_id": cls.source.id})
        )
        batch._append(
            [
                *(
                    EventRow(
                        event_id=f"e-{n}",
                        type="api.call",
                        subject=f"s-{n % 2 + 1}",
                        time=datetime(2026, 9, 1 + n // 4, 22, n),
                        value=Decimal(n),
                        dimensions={"region": "fr" if n % 3 else "nl"},
                        properties={"host": f"vm-{n}"},
                        row_number=n,
                    )
                    for n in range(1, 21)
                ),
                RejectedRow(21, "invalid_time", "time: x", '{"id": "e-21"}', "e-21"),
            ]
        )

    def _get(self, path, token=None, **query):
        response = self.url_open(
            f"{V1}/{path}?{urlencode(query, doseq=True)}",
            headers={"Authorization": f"Bearer {token or self.read_token}"},
        )
        return response

    def _read(self, path, token=None, **query):
        response = self._get(path, token, **query)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()

    def _refused(self, path, status, code, token=None, **query):
        response = self._get(path, token, **query)
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.json()["code"], code)
        self.assertTrue(response.json()["action"])
        return response.json()

    def _usage(self, **query):
        return self._read(
            "usage",
            **{
                "meter": self.meter.code,
                "from": "2026-09-01T00:00:00+02:00",
                "to": "2026-10-01T00:00:00+02:00",
                **query,
            },
        )

    def _total(self, page):
        return sum(Decimal(row["quantity"]) for row in page["data"])

    # -- usage -------------------------------------------------------------------------

    def test_usage_by_bucket_adds_up_to_the_total(self):
        total = self._usage(bucket="total")
        self.assertEqual(
            [(r["customer"], r["quantity"], r["count"]) for r in total["data"]],
            [("C-1", "110", 10), ("C-2", "100", 10)],
        )
        for bucket in ("hour", "day", "month"):
            page = self._usage(bucket=bucket)
            self.assertEqual(self._total(page), Decimal(210), bucket)
            self.assertIsNone(page["next"])
        days = self._usage(bucket="day", subscription=self.subscriptions[0].code)
        # 22:01 in UTC is the next day in Paris
        self.assertEqual(days["data"][0]["start"], "2026-09-01T22:00:00Z")

    def test_usage_by_dimension_and_property(self):
        page = self._usage(bucket="total", group_by="region", customer="C-1")
        self.assertEqual(
            {r["dimensions"]["region"]: r["quantity"] for r in page["data"]},
            {"fr": "74", "nl": "36"},
        )
        page = self._usage(bucket="total", group_by="host", subject="s-2")
        self.assertEqual(len(page["data"]), 10)

    def test_usage_pages_hold_every_row_once(self):
        whole = self._usage(bucket="hour", group_by="host")["data"]
        rows, cursor = [], {}
        while True:
            page = self._usage(bucket="hour", group_by="host", limit=3, **cursor)
            self.assertLessEqual(len(page["data"]), 3)
            rows += page["data"]
            if not page["next"]:
                break
            cursor = {"cursor": page["next"]}
        self.assertEqual(rows, whole)
        self.assertEqual(len(rows), 20)

    def test_questions_that_make_no_sense_are_refused(self):
        for query, code in (
            ({"bucket": "week"}, "invalid_parameter"),
            ({"from": "2026-13-01T00:00:00Z"}, "invalid_parameter"),
            ({"from": "2026-09-01"}, "invalid_parameter"),
            ({"to": "2020-01-01T00:00:00Z"}, "invalid_parameter"),
            ({"limit": "0"}, "invalid_parameter"),
            ({"limit": "²"}, "invalid_parameter"),
            ({"cursor": "nonsense"}, "invalid_parameter"),
            ({"cursor": "WzEsMl0"}, "invalid_parameter"),
            ({"custommer": "C-1"}, "invalid_parameter"),
            ({"customer": "\x00"}, "invalid_parameter"),
            ({"meter": [self.meter.code, "other"]}, "invalid_parameter"),
            ({"group_by": ["region", "host"]}, "invalid_parameter"),
            ({"bucket": "hour", "from": "2020-01-01T00:00:00Z"}, "invalid_parameter"),
        ):
            with self.subTest(query=query):
                query = {
                    "meter": self.meter.code,
                    "from": "2026-09-01T00:00:00Z",
                    "to": "2026-10-01T00:00:00Z",
                    **query,
                }
                self._refused("usage", 400, code, **query)
        self._refused("usage", 400, "invalid_parameter")

    def test_a_typo_does_not_look_like_no_usage(self):
        draft = self.subscriptions[0].copy({"code": "DRAFT", "subject_ids": False})
        self.assertEqual(draft.state, "draft")
        for path, name, value in (
            ("usage", "meter", "computer"),
            ("usage", "customer", "C-11"),
            ("usage", "customer_id", str(self.env.company.partner_id.id)),
            ("usage", "subscription", "DRAFT"),
            ("usage", "subscription", "none"),
            ("usage", "subject", "s-11"),
            ("events", "customer", "C-11"),
            ("events", "customer_id", "2147483647"),
            ("events", "subscription", "none"),
            ("events", "source", "none"),
            ("batches", "source", "none"),
        ):
            with self.subTest(path=path, name=name, value=value):
                query = {name: value}
                if path == "usage":
                    query = {"meter": self.meter.code} | query
                problem = self._refused(path, 404, "not_found", **query)
                self.assertEqual(problem["field"], name)
        # what is known and has nothing in common is no typo
        code = self.subscriptions[1].code
        self.assertEqual(self._usage(customer="C-1", subscription=code)["data"], [])
        self.assertEqual(
            self._read("events", customer="C-1", subject="s-9")["data"], []
        )

    def test_an_empty_parameter_is_not_everybody(self):
        """A program that has no reference to send must not get others' usage."""
        for subscription in self.subscriptions:
            subscription.partner_id.ref = False
        span = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        for name in ("customer", "subscription", "subject"):
            for path in ("usage", "events"):
                more = {"meter": self.meter.code} if path == "usage" else {}
                self._refused(
                    path, 400, "invalid_parameter", **span, **more, **{name: ""}
                )
        for name in ("id", "type", "source"):
            self._refused("events", 400, "invalid_parameter", **span, **{name: ""})
        self.assertEqual(len(self._usage(bucket="total", group_by="")["data"]), 2)

    # -- events ------------------------------------------------------------------------

    def test_events_page_by_page(self):
        span = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        whole = self._read("events", **span)["data"]
        self.assertEqual(len(whole), 20)
        self.assertEqual(whole[0]["id"], "e-1")
        rows, cursor = [], {}
        while True:
            page = self._read("events", **span, limit=7, **cursor)
            rows += page["data"]
            if not page["next"]:
                break
            cursor = {"cursor": page["next"]}
        self.assertEqual(rows, whole)
        some = self._read("events", **span, customer="C-1", type="api.call")["data"]
        self.assertEqual({row["subject"] for row in some}, {"s-1"})
        batch = self._read("events", **span, batch=whole[0]["batch"])["data"]
        self.assertEqual(batch, whole)

    def test_one_event_by_its_id(self):
        event = self._read("events/e-7")
        self.assertEqual(
            (event["value"], event["subject"], event["status"], event["source"]),
            ("7", "s-2", "stored", "gateway"),
        )
        self.assertEqual(event["properties"], {"host": "vm-7"})
        [listed] = self._read("events", id="e-7")["data"]
        self.assertEqual(listed, event)
        held = self._read("events/e-21")
        self.assertEqual(
            (held["status"], held["code"]), ("quarantined", "invalid_time")
        )
        self._refused("events/none", 404, "not_found")
        self._refused(f"events/{quote('a/b c', safe='')}", 404, "not_found")
        self._refused("events/%00", 400, "invalid_parameter")

    # -- meters and batches ------------------------------------------------------------

    def test_meters_and_batches(self):
        codes = [meter["code"] for meter in self._read("meters")["data"]]
        self.assertIn(self.meter.code, codes)
        meter = self._read(f"meters/{self.meter.code}")
        self.assertEqual(meter["dimensions"], ["region"])
        self._refused("meters/none", 404, "not_found")
        [batch] = self._read("batches", source="gateway")["data"]
        self.assertEqual((batch["accepted"], batch["open"]), (20, 1))
        self.assertEqual(self._read(f"batches/{batch['batch']}"), batch)
        self._refused("batches/999999", 404, "not_found")
        self._refused("batches/x", 400, "invalid_parameter")
        page = self._read("meters", limit=1)
        self.assertEqual(len(page["data"]), 1)

    # -- scope -------------------------------------------------------------------------

    def test_key_of_one_customer_reads_nothing_else(self):
        _key, token = self._create_key(
            can_read=True,
            can_ingest=False,
            source_id=False,
            partner_id=self.customers[0].id,
        )
        span = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        usage = self._read("usage", token, meter=self.meter.code, **span)
        self.assertEqual({row["customer"] for row in usage["data"]}, {"C-1"})
        told = [
            self._refused(
                path, 404, "not_found", token=token, customer=customer, **more, **span
            )
            for customer in ("C-2", "C-9")
            for path, more in (("usage", {"meter": self.meter.code}), ("events", {}))
        ]
        # nothing says that the other customer is there
        self.assertEqual(told, told[:1] * 4)
        events = self._read("events", token, **span)["data"]
        self.assertEqual({row["subject"] for row in events}, {"s-1"})
        self.assertEqual(self._get("events/e-7", token).status_code, 404)
        self.assertEqual(self._get("events/e-21", token).status_code, 404)
        self.assertEqual(self._get("batches", token).status_code, 403)

    def test_key_of_another_company_reads_nothing_of_ours(self):
        other = self.env["res.company"].create({"name": "Other"})
        _key, token = self._create_key(
            can_read=True, can_ingest=False, source_id=False, company_id=other.id
        )
        span = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        self.assertEqual(self._read("events", token, **span)["data"], [])
        self.assertEqual(self._read("batches", token)["data"], [])
        self.assertEqual(self._read("meters", token)["data"], [])
        self.assertEqual(self._get("events/e-7", token).status_code, 404)
        self._refused("usage", 404, "not_found", token=token, meter=self.meter.code)
        told = [
            self._refused("events", 404, "not_found", token=token, customer=customer)
            for customer in ("C-1", "C-9")
        ]
        self.assertEqual(told, told[:1] * 2)

    def test_a_list_of_events_says_which_months_are_in_the_archive(self):
        span = {"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
        self.assertEqual(self._read("events", **span)["archived"], [])
        with patch.object(archive, "left_out", return_value=[202607, 202608]) as asked:
            page = self._read("events", **span, type="api.call")
        self.assertEqual(page["archived"], ["2026-07", "2026-08"])
        (_cursor, search), _options = asked.call_args
        self.assertEqual(search.type, "api.call")
        self.assertEqual(self._read("events", id="e-7")["archived"], [])

    def test_reading_needs_the_scope(self):
        for path in ("usage", "events", "events/e-1", "meters", "batches"):
            response = self._get(path, self.token)
            self.assertEqual(response.status_code, 403, path)

    # -- documents ---------------------------------------------------------------------

    def test_documents_name_every_operation_in_both_languages(self):
        document = self.url_open(f"{V1}/openapi.json").json()
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertIn("post", document["paths"][f"{V1}/events"])
        references = set(_references(document))
        schemas = document["components"]["schemas"]
        self.assertEqual(
            references - {f"#/components/schemas/{name}" for name in schemas}, set()
        )
        # what any body and any moment may meet (413, 415; the database away)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                told = operation["responses"].keys()
                wanted = {"503", *(("413", "415") if method == "post" else ())}
                self.assertEqual(wanted - told, set(), f"{method} {path}")
        usage = document["paths"][f"{V1}/usage"]["get"]["responses"]
        self.assertIn("422", usage)  # hours of an archived month
        french = self.url_open(
            f"{V1}/openapi.json", headers={"Accept-Language": "fr-FR,fr;q=0.9"}
        ).json()
        self.assertNotEqual(
            document["info"]["description"], french["info"]["description"]
        )
        self.assertEqual(document["paths"].keys(), french["paths"].keys())
        collection = self.url_open(f"{V1}/postman.json").json()
        requests = [r for folder in collection["item"] for r in folder["item"]]
        paths = {request["request"]["url"]["raw"] for request in requests}
        self.assertIn("{{server}}/usage/v1/events", paths)
        for lang, words in (("en", "First request"), ("fr", "Première requête")):
            page = self.url_open(f"{V1}/docs?lang={lang}")
            self.assertEqual(page.status_code, 200)
            self.assertIn(words, page.text)
            self.assertIn("script-src 'none'", page.headers["Content-Security-Policy"])
            for code in (*PROBLEMS, *REASONS):
                self.assertEqual(page.text.count(f'id="{code}"'), 1, code)
            for operation in ("sendEvents", "readUsage", "listBatches"):
                self.assertIn(f'id="{operation}"', page.text)
            for foreign in ('src="http', 'href="http', "<script"):
                self.assertNotIn(foreign, page.text)
        twice = self.url_open(f"{V1}/docs?lang=en&lang=fr")
        self.assertEqual(
            (twice.status_code, twice.json()["field"]), (400, "lang"), twice.text
        )


def _references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _references(entry)
