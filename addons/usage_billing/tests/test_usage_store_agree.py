"""One stored set, asked of both engines: every answer is the same.

The events come in by every way the store has (blocks of columns, row by row, requests
stored together), are corrected, and are shipped for a part only.
"""

from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from odoo import Command
from odoo.tests import tagged

from ..ingesting import ingest
from ..metering.clickhouse.ship import enqueue_history

# modules, because a class that is imported would be played here a second time
from . import test_usage_store_ways
from .test_usage_corrections import CorrectionCase
from .test_usage_store_clickhouse import ClickhouseCase

#: Around the turn of the period, where the rows are.
START, END = datetime(2026, 9, 30, 20), datetime(2026, 10, 12)


def _sorted(found):
    """Rows in an order of their own: the engines have none."""

    def place(row):
        day = getattr(row, "day", None)
        return row.period_id, row.meter_id, str(day), sorted(row.dimensions.items())

    return sorted(found, key=place)


@tagged("post_install", "-at_install")
class TestUsageStoreAgree(ClickhouseCase, CorrectionCase):
    ship_every = 10**9
    start, steps = test_usage_store_ways.EVENING, test_usage_store_ways.WaysCase.steps
    subjects = ["acct-1"] * 6 + ["acct-1b"] * 3 + ["acct-2", "weekly"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls._create_store_subscription("acct-2", date_start="2026-10-01")
        cls.second += cls._create_store_subscription("weekly", period_unit="week")
        cls.env["usage.subject"].create(
            {"subject": "acct-1b", "subscription_id": cls.subscription.id}
        )
        cls.aggregates = cls.env["usage.meter"]
        for name in ("sum", "count", "max", "min", "average", "latest"):
            cls.aggregates += cls._meter(name, aggregation=name)
        cls.aggregates += cls._meter("p90", aggregation="percentile", percentile="90")
        cls.aggregates += cls._meter(
            "jobs", aggregation="unique_count", unique_property="job"
        )
        cls.aggregates += cls._meter(
            "of_x", filter_ids=[Command.create({"key": "job", "value": "x"})]
        )
        cls.level = cls._meter("level", aggregation="weighted_sum")

    @classmethod
    def _meter(cls, code, **kw):
        return cls._create_meter(code, event_type="cpu", dimension_keys="region", **kw)

    _rows = test_usage_store_ways.WaysCase._rows
    _strange = test_usage_store_ways.WaysCase._strange

    def setUp(self):
        super().setUp()
        draw = Random(19)
        ordinary = self._create_source("ordinary")
        rows = self._rows(draw, 2300, False)
        self._send(rows, ordinary)
        keyed = self._create_source("keyed", **test_usage_store_ways.TIME_KEYED)
        self._send(self._rows(draw, 600, True), keyed)
        self._ship_all()
        rows = self._rows(draw, 120, False)
        answers = []
        with self._postgres():  # requests of a company that moves afterwards
            for requests in ([rows[:1]], [rows[1:50], rows[50:80]], [rows[80:83]]):
                answers += ingest(
                    self.env, self.source.id, [(part, None) for part in requests]
                )
        self.assertEqual(
            enqueue_history(self.env.cr, self.env.company.id),
            sum(bool(result.accepted) for _id, result in answers),
        )
        self._ship_all()
        self._send(rows[83:])
        found = self.env["usage.event"].search(
            [("type", "=", "cpu"), ("source_id", "=", ordinary.id)], limit=40
        )
        ids = found.mapped("event_id")
        self._void(*ids[:12], source=ordinary)
        self._ship_all()
        self._void(*ids[12:20], source=ordinary)
        self._amend_events(ordinary, found[20:])

    def _amend_events(self, source, events):
        for number, stored in enumerate(events):
            (row,) = self.store.rows(stored.ids)
            new = test_usage_store_ways.event(
                0,
                row.value + number,
                row.time + timedelta(hours=1),
                event_id=row.event_id,
                subject=row.subject,
                properties=row.properties,
            )
            self._amend(new, source=source)

    @contextmanager
    def _postgres(self):
        """PostgreSQL answers for a moment, of the rows that it has as well."""
        self.env.company.usage_store_engine = "postgres"
        self.env.flush_all()
        yield
        self.env.company.usage_store_engine = "clickhouse"
        self.env.flush_all()

    def _answers(self, meters):
        """Everything that can be asked, by the question."""
        store, periods = self.store, self.env["usage.period"]
        subscriptions = self.subscription + self.second
        periods = subscriptions.period_ids.filtered(
            lambda period: "2026-09" <= str(period.local_start) < "2026-11"
        )
        spans = subscriptions, START, END
        answers = {"verify": store.verify(periods, meters)}
        for name, kw in (("now", {}), ("as of", {"as_of": datetime(2100, 1, 1)})):
            answers[name] = _sorted(store.aggregate(periods, meters, **kw))
            answers["quantities", name] = store.quantities(periods, meters, **kw)
            answers["whole", name] = _sorted(
                store.aggregate(periods, meters, dimensions=False, **kw)
            )
        answers["daily"] = _sorted(store.daily(periods, meters))
        for meter in meters:
            for bucket, groups in (
                ("hour", ["region"]),
                ("day", []),
                ("month", ["job", "zone"]),
                ("total", []),
            ):
                answers[meter.code, bucket] = store.usage(
                    spans[0], meter, *spans[1:], bucket, groups
                )
                answers[meter.code, bucket, "of a subject"] = store.usage(
                    spans[0], meter, *spans[1:], bucket, groups, subject="acct-1b"
                )
            for period in periods:
                page = store.explain(period, meter, limit=30)
                after = page and store.explain(period, meter, after=page[-1].cursor)
                answers[meter.code, period.id] = page, after
                answers[meter.code, period.id, "fr"] = store.explain(
                    period, meter, {"region": "fr"}
                )
                answers[meter.code, period.id, "all"] = list(
                    store.stream(period, meter)
                )
        return answers

    def _check(self, meters):
        with self._postgres():
            expected = self._answers(meters)
        self.assertEqual(expected["verify"], [])
        self.assertGreater(len(expected["now"]), 4)
        for _round in range(2):
            answers = self._answers(meters)
            for question, answer in expected.items():
                self.assertEqual(answers[question], answer, question)
            self._ship_all()

    def test_quantities_and_events_agree(self):
        self._check(self.aggregates)

    def test_levels_over_time_agree(self):
        self._check(self.level)
