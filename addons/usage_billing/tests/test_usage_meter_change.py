"""A meter that changes, whichever way, counts what is stored anew, or is refused."""

from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..metering_bridge import Store
from .test_usage_store import StoreCase, event


@tagged("post_install", "-at_install")
class TestUsageMeterChange(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.product = cls._create_usage_product()

    def setUp(self):
        super().setUp()
        self.meter = self._create_meter("cpu")
        self._send(
            [
                event(1, "1", properties={"zone": "a"}),
                event(2, "2", properties={"zone": "b"}, dimensions={"region": "fr"}),
                event(4, "4", dimensions={"region": "fr"}),
            ]
        )

    def _filters(self, **kw):
        key, value = kw.popitem()
        return self.env["usage.meter.filter"].create(
            {"meter_id": self.meter.id, "key": key, "value": value}
        )

    def assertTotal(self, quantity):
        found = self._quantities(self._period("2026-09-01"), self.meter)
        self.assertEqual(found, {("2026-09-01",): Decimal(quantity)})
        self.assertRollupsEqualEvents()

    # ------------------------------------------------------------------
    # filters by themselves
    # ------------------------------------------------------------------
    def test_filters_written_by_themselves_count_again(self):
        self.assertTotal(7)
        line = self._filters(region="fr")
        self.assertTotal(6)
        more = self._filters(zone="b")
        self.assertTotal(2)
        line.unlink()
        self.assertTotal(2)
        more.value = "a"
        self.assertTotal(1)
        other = self._create_meter("cpu")
        more.meter_id = other
        self.assertTotal(7)
        (row,) = self.store.aggregate(self._period("2026-09-01"), other)
        self.assertEqual(row.quantity, 1)

    def test_filters_of_the_form_count_once(self):
        counted = []
        count_meters = Store._count_meters

        def note(store, meters, periods, count):
            counted.append(meters)
            count_meters(store, meters, periods, count)

        with patch.object(Store, "_count_meters", note):
            self.meter.filter_ids = [
                Command.create({"key": "region", "value": "fr"}),
                Command.create({"key": "zone", "value": "b"}),
            ]
            self.meter.write(
                {
                    "name": "Zone B",
                    "filter_ids": [
                        Command.delete(self.meter.filter_ids[0].id),
                        Command.update(self.meter.filter_ids[1].id, {"value": "a"}),
                    ],
                }
            )
            twin = self.meter.copy({"code": "twin"})
        self.assertEqual(counted, [self.meter, self.meter, twin])
        self.assertEqual(twin.filter_ids.mapped("value"), ["a"])
        self.assertNotIn("usage_meter_counts", twin.env.context)
        self.assertTotal(1)

    def test_no_name_in_the_context_goes_round_the_count(self):
        filters = self.env["usage.meter.filter"]
        filters.with_context(usage_meter_counts=True).create(
            {"meter_id": self.meter.id, "key": "zone", "value": "b"}
        )
        self.assertTotal(2)

    def test_filters_of_a_meter_that_was_billed_stay(self):
        line = self._filters(region="fr")
        with patch.object(type(self.meter), "_check_not_billed", _refuse):
            for change in (
                lambda: self._filters(zone="b"),
                lambda: line.write({"value": "de"}),
                line.unlink,
            ):
                with self.assertRaises(UserError):
                    change()
        self.assertTotal(6)

    # ------------------------------------------------------------------
    # archive
    # ------------------------------------------------------------------
    def test_a_meter_that_comes_back_counts_what_came_meanwhile(self):
        self._create_meter("cpu", aggregation="count")
        self.meter.active = False
        self._send([event(8, "8")])
        self.meter.active = True
        self.assertTotal(15)

    def test_a_meter_that_prices_rest_on_is_not_archived(self):
        plan = self._create_metered_plan(self.meter)
        with self.assertRaisesRegex(UserError, "bills by meter CPU: archived"):
            self.meter.active = False
        plan.active = False
        self.meter.active = False
        self.assertFalse(self.meter.active)


def _refuse(_meters):
    raise UserError("billed")
