"""Usage of one subject of several: what a subscription of its own would answer."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from urllib.parse import urlencode

from odoo import Command
from odoo.tests import HttpCase, tagged

from ..metering import EventRow
from .common_api import ApiCase

START = datetime(2026, 9, 1, 3)
SPAN = {"from": "2026-09-03T10:30:00Z", "to": "2026-10-20T00:00:00Z"}
METERS = {
    "sum": {},
    "count": {"aggregation": "count"},
    "max": {"aggregation": "max"},
    "average": {"aggregation": "average"},
    "latest": {"aggregation": "latest"},
    "p90": {"aggregation": "percentile", "percentile": "90"},
    "users": {"aggregation": "unique_count", "unique_property": "user"},
    "filtered": {"filter_ids": [Command.create({"key": "user", "value": "u-1"})]},
    "level": {"aggregation": "weighted_sum"},
    "level_days": {"aggregation": "weighted_sum", "weighting": "day"},
}


@tagged("post_install", "-at_install")
class TestApiSubject(ApiCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meters = [
            cls._create_meter(
                code, **{"event_type": "work", "dimension_keys": "region", **kw}
            )
            for code, kw in METERS.items()
        ]
        plan = cls._create_plan(
            [{"name": "Work", "model": "per_unit", "meter_id": cls.meters[0].id}]
        )
        cls.nameless = cls._create_customer(ref=False)
        cls.joint = cls._create_subscription(
            plan, subject="both-1", tz="Europe/Paris", partner_id=cls.nameless.id
        )
        cls.env["usage.subject"].create(
            {"subject": "both-2", "subscription_id": cls.joint.id}
        )
        cls.alone = [
            cls._create_subscription(plan, subject=f"alone-{n}", tz="Europe/Paris")
            for n in (1, 2)
        ]
        cls.reader, cls.read_token = cls._create_key(
            name="Reader", can_read=True, can_ingest=False, source_id=False
        )
        draw = Random(7)
        rows = []
        for number in range(160):
            subject = number % 2 + 1
            event = {
                "type": "work",
                "time": START + timedelta(minutes=draw.randrange(50 * 1440)),
                "value": Decimal(draw.randrange(1, 1000)) / 8,
                "dimensions": {"region": draw.choice(["fr", "nl"])},
                "properties": {"user": f"u-{draw.randrange(4)}"},
            }
            rows += [
                EventRow(f"{name}-{number}", subject=f"{name}-{subject}", **event)
                for name in ("both", "alone")
            ]
        cls._new_batch()._append(rows)
        gone = [(f"{name}-{n}", None) for name in ("both", "alone") for n in range(12)]
        store = cls.env["usage.batch"].sudo()._store()
        store.void(cls._new_batch(), gone, "sent by mistake")

    @classmethod
    def _new_batch(cls):
        return (
            cls.env["usage.batch"]
            .sudo()
            .create({"name": "Test", "source_id": cls.source.id})
        )

    def _get(self, path="usage", status=200, **query):
        response = self.url_open(
            f"/usage/v1/{path}?{urlencode(query)}",
            headers={"Authorization": f"Bearer {self.read_token}"},
        )
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def _figures(self, meter, bucket, **query):
        query = {"meter": meter.code, "bucket": bucket, "limit": 1000, **SPAN, **query}
        rows = []
        while True:
            page = self._get(**query)
            rows += page["data"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        return [
            (row["start"], row["dimensions"], row["quantity"], row["count"])
            for row in rows
        ]

    def test_a_subject_has_the_usage_that_it_would_have_alone(self):
        for meter in self.meters:
            for bucket, more in (
                ("total", {}),
                ("month", {"group_by": "region"}),
                ("day", {"group_by": "user"}),
                ("hour", {}),
            ):
                with self.subTest(meter=meter.code, bucket=bucket):
                    for n, alone in enumerate(self.alone, 1):
                        expected = self._figures(
                            meter, bucket, subscription=alone.code, **more
                        )
                        found = self._figures(
                            meter, bucket, subject=f"both-{n}", **more
                        )
                        self.assertTrue(found)
                        self.assertEqual(found, expected)

    def test_whole_periods_too_are_those_of_the_subject(self):
        """Asked for from the first to the last of a month, as bills are made."""
        span = {"from": "2026-09-01T00:00:00+02:00", "to": "2026-10-01T00:00:00+02:00"}
        query = {"meter": self.meters[0].code, "bucket": "total", **span}
        [one] = self._get(subject="both-1", **query)["data"]
        [two] = self._get(subject="both-2", **query)["data"]
        [all_] = self._get(subscription=self.joint.code, **query)["data"]
        self.assertEqual(
            Decimal(one["quantity"]) + Decimal(two["quantity"]),
            Decimal(all_["quantity"]),
        )
        self.assertEqual(one["count"] + two["count"], all_["count"])
        self._get(subject="nobody", status=404, **query)
        others = {"subject": "both-1", "subscription": self.alone[0].code}
        self.assertFalse(self._get(**others, **query)["data"])

    def test_a_customer_without_a_reference_is_identified(self):
        query = {"meter": self.meters[0].code, "bucket": "total", **SPAN}
        [row] = self._get(subject="both-1", **query)["data"]
        self.assertIsNone(row["customer"])
        self.assertEqual(row["customer_id"], self.nameless.id)
        self.assertEqual(row["customer_name"], self.nameless.display_name)
        mine = self._get(customer_id=self.nameless.id, **query)["data"]
        self.assertEqual([r["subscription"] for r in mine], [self.joint.code])
        events = self._get("events", customer_id=self.nameless.id, limit=200, **SPAN)
        self.assertEqual(
            {event["subject"] for event in events["data"]}, {"both-1", "both-2"}
        )
        self._get(customer_id="x", status=400, **query)
        self.reader.partner_id = self.alone[0].partner_id
        self._get(customer_id=self.nameless.id, status=404, **query)
