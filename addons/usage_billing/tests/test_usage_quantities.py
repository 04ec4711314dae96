"""Quantities of many periods at once equal the aggregates, however they are read."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..metering import quantities
from .test_usage_store import StoreCase, event

EVER = datetime(2100, 1, 1)
MONTHS = ("2026-08-01", "2026-09-01", "2026-10-01")


@tagged("post_install", "-at_install")
class TestUsageQuantities(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls._create_store_subscription("acct-2")
        (cls.subscription | cls.other)._ensure_periods(datetime(2026, 11, 5))
        cls.periods = (cls.subscription | cls.other).period_ids.filtered(
            lambda period: str(period.local_start) in MONTHS
        )

    def _additive_meters(self):
        meters = self.env["usage.meter"]
        for aggregation in ("sum", "count", "max", "min", "average"):
            meters |= self._create_meter("cpu", aggregation=aggregation)
            meters |= self._create_meter(
                "cpu", aggregation=aggregation, dimension_keys="region"
            )
        region = [Command.create({"key": "region", "value": "fr"})]
        return meters | (
            self._create_meter("cpu", filter_ids=region)
            | self._create_meter("cpu", value_source="amount")
            | self._create_meter("cpu", aggregation="max", value_source="amount")
            | self._create_meter(
                "cpu", rounding_mode="up", rounding_decimals=-1, unit_divisor="3"
            )
        )

    def _rows(self, first, count=60):
        """Events in three months, of two customers; some without value or amount."""
        draw, rows = random.Random(first), []
        for number in range(first, first + count):
            value = f"{draw.randrange(-5000, 9000) / 1000:.3f}"
            has_amount = draw.random() < 0.5
            rows.append(
                event(
                    number,
                    None if draw.random() < 0.1 else value,
                    at=datetime(2026, 8, 1) + timedelta(hours=draw.randrange(90 * 24)),
                    subject=draw.choice(("acct-1", "acct-2")),
                    dimensions={"region": draw.choice(("fr", "de"))},
                    properties={"zone": draw.choice("ab"), "item": f"i{number % 7}"},
                    amount=Decimal(value) if has_amount else None,
                    currency="EUR" if has_amount else None,
                )
            )
        return rows

    def _aggregates(self, periods, meters, as_of=None):
        return {
            (row.period_id, row.meter_id): row.quantity
            for row in self.store.aggregate(periods, meters, False, as_of)
        }

    def _assert_equal(self, meters, periods=None, as_of=EVER):
        """Both ways of reading, each meter alone and all of them together.

        :return: quantities of all
        """
        periods = periods or self.periods
        for wanted in (*meters, meters):
            for moment in (None, as_of):
                found = self.store.quantities(periods, wanted, as_of=moment)
                self.assertEqual(found, self._aggregates(periods, wanted, moment))
        return found

    def test_quantities_equal_aggregates_in_one_pass(self):
        meters = self._additive_meters()
        self._send(self._rows(0))
        self._send(self._rows(100), source=self._create_source("second"))
        with patch.object(
            type(self.store._postgres()), "_summed", side_effect=AssertionError
        ):
            lean = self.store.quantities(self.periods, meters, as_of=EVER)
            rollups = self.store.quantities(self.periods, meters)
        self.assertEqual(lean, rollups)
        self.assertEqual(self._assert_equal(meters), lean)
        self.assertEqual(len({period_id for period_id, _meter in lean}), 6)

    def test_few_periods_of_many(self):
        meters = self._additive_meters()
        self._send(self._rows(0))
        (september,) = self._period("2026-09-01")
        for share in (0, 1000):  # by their routes, and by a scan of everything
            with patch.object(quantities, "_SHARE_TO_SCAN", share):
                found = self._assert_equal(meters, september)
        self.assertEqual({period_id for period_id, _meter in found}, {september.id})

    def test_as_it_was_known(self):
        meters = self._additive_meters()
        start = datetime(2026, 11, 1)
        for number in range(3):
            self._send(
                self._rows(number * 100), received_at=start + timedelta(days=number)
            )
        seen = [
            self._assert_equal(meters, as_of=start + timedelta(days=number, hours=1))
            for number in (-1, 0, 1, 2)
        ]
        self.assertEqual(seen[0], {})
        self.assertEqual(len({str(sorted(found.items())) for found in seen}), 4)

    def test_replaced_delivery(self):
        meters = self._additive_meters()
        start = datetime(2026, 11, 1)
        batches = [
            self._send(
                self._rows(number * 100), received_at=start + timedelta(days=number)
            )
            for number in range(2)
        ]
        before = self._assert_equal(meters)
        batches[0].write({"state": "superseded", "superseded_by_id": batches[1].id})
        self.store.supersede(batches[0])
        after = self._assert_equal(meters)
        self.assertNotEqual(before, after)
        then = self._assert_equal(meters, as_of=start + timedelta(hours=1))
        self.assertTrue(then)
        self.assertNotEqual(then, after)

    def test_corrected_events(self):
        meters = self._additive_meters()
        self._send(self._rows(0))
        before = self._assert_equal(meters)
        batch = self.env["usage.batch"].create(
            {"name": "Void", "source_id": self.source.id}
        )
        self.store.void(batch, [("e3", None), ("e4", None)], "Sent by mistake")
        self.assertNotEqual(self._assert_equal(meters), before)

    def test_meters_that_look_at_single_events(self):
        zone = [Command.create({"key": "zone", "value": "a"})]
        meters = (
            self._create_meter("cpu")
            | self._create_meter("cpu", filter_ids=zone)
            | self._create_meter("cpu", aggregation="latest")
            | self._create_meter("cpu", aggregation="percentile", percentile="90")
            | self._create_meter(
                "cpu", aggregation="unique_count", unique_property="item"
            )
            | self._create_meter("cpu", aggregation="weighted_sum")
        )
        self._send(self._rows(0))
        self.assertTrue(self._assert_equal(meters))

    def test_nothing_asked_nothing_found(self):
        meter = self._create_meter("cpu")
        nothing = self.env["usage.period"]
        for as_of in (None, EVER):
            self.assertEqual(self.store.quantities(nothing, meter, as_of), {})
            self.assertEqual(self.store.quantities(self.periods, meter, as_of), {})
