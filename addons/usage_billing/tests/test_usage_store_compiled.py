"""Compiled code stores what Python stores, and Python does without it."""

import json
from datetime import datetime, timedelta
from random import Random
from unittest import skipUnless
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from ..api.events import EventReader
from ..metering import (
    EventColumns,
    EventRow,
    ReadEvents,
    RejectedRow,
    UnitRow,
    compiled,
    read_events,
)
from ..metering.quickread import QuickRead
from ..metering.routing import Router

# modules, because a class that is imported would be played here a second time
from . import test_usage_store_quick, test_usage_store_ways
from .test_usage_store import StoreCase, uuid7

EVENING, EPOCH = test_usage_store_quick.EVENING, test_usage_store_quick.EPOCH
MAKE = QuickRead._make
MODES = (
    {"identity_mode": "strict"},
    {"identity_mode": "time_keyed", "id_format": "uuid7"},
    {"identity_mode": "time_keyed", "id_format": "composed"},
)


class InPython:
    """Tests as if ``releve_native`` were not installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(compiled, "native", None))


@tagged("post_install", "-at_install")
class TestUsageStoreQuickInPython(InPython, test_usage_store_quick.TestUsageStoreQuick):
    pass


@tagged("post_install", "-at_install")
class TestUsageStoreWaysInPython(InPython, test_usage_store_ways.TestUsageStoreWays):
    pass


@tagged("post_install", "-at_install")
@skipUnless(compiled.native, "releve_native is not installed")
class TestUsageStoreCompiled(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in ("cpu", "disk"):
            cls._create_meter(code, dimension_keys="region")
        cls._create_meter("calls", aggregation="count")
        cls._create_meter("cpu_max", event_type="cpu", aggregation="max")
        cls._create_meter(
            "some_odd",
            event_type="odd",
            filter_ids=[Command.create({"key": "job", "value": "x"})],
        )
        cls._create_store_subscription("acct-2", date_start="2026-10-01")

    def _body(self, draw, first, count, is_keyed, **other):
        """A request of ordinary events, and what is to be said of the last one."""
        events = []
        for number in range(first, first + count):
            at = EVENING + timedelta(minutes=2 * (number % 100), microseconds=number)
            kind = draw.choice(["cpu", "disk", "calls"])
            milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
            one = {
                "id": str(uuid7(milliseconds)) if is_keyed else f"é{number}" * 3,
                "type": kind,
                "subject": "acct-1",
                "time": f"{at.isoformat()}Z",
            }
            if at >= datetime(2026, 9, 30, 22):
                one["subject"] = draw.choice(["acct-1", "acct-2"])
            if kind != "calls" or draw.random() < 0.5:
                one["value"] = draw.choice([0, 1, 12.5, 99999999.25, draw.random()])
                one["value"] = round(one["value"], draw.randrange(1, 5))
            one["dimensions"] = draw.choice([{}, {"region": "fr"}, {"region": "Aÿ"}])
            one["properties"] = draw.choice(
                [{}, {"job": "x"}, {"zone": "b, c", "region.": "é", "host": "h:1"}]
            )
            events.append(one)
        events[-1].update(other)
        if other.get("value", 0) is None:
            del events[-1]["value"]
        return json.dumps({"events": events}, ensure_ascii=False).encode()

    def _read(self, body, read):
        reader = EventReader(
            EventRow, RejectedRow, (), UnitRow, EventColumns.of_texts, read
        )
        return reader.read(body, "application/json").rows

    def _ingest(self, router, requests):
        """Store requests as one that serves them one after the other does.

        :return: what became of each
        """
        store = self.store._here()
        store.hold = self.env["usage.quarantine"]._hold
        batches = []
        for rows in requests:
            batch = self.env["usage.batch"].create(
                {"name": "Request", "source_id": router.source_id}
            )
            batches.append((self.store._batch_spec(batch), rows))
        return [
            (one.rows, one.accepted, one.duplicate, one.quarantined)
            for one in store.append_all(batches, router)
        ]

    def _router(self, source):
        catalogue = self.store._here().catalogue
        return Router(catalogue, self.env.company.id, source.id)

    def _compare(self, bodies, number, **mode):
        """Send requests to two sources, of which one is served by Python alone.

        :return: how many requests were encoded as they had been read
        """
        sources = [
            self._create_source(f"{code} {number} {mode}", **mode)
            for code in ("compiled", "python")
        ]
        stored = test_usage_store_quick.TestUsageStoreQuick._stored
        routers = [self._router(source) for source in sources]
        with patch.object(QuickRead, "_make", autospec=True, side_effect=MAKE) as make:
            told = [
                self._ingest(routers[0], [self._read(one, read_events) for one in each])
                for each in bodies
            ]
        with patch.object(compiled, "native", None):
            wanted = [
                self._ingest(routers[1], [self._read(one, None) for one in each])
                for each in bodies
            ]
        self.assertEqual(told, wanted)
        self.assertEqual(stored(self, sources[0]), stored(self, sources[1]))
        self.assertTrue(stored(self, sources[0]))
        self.assertRollupsEqualEvents()
        return make.call_count

    def test_requests_are_stored_as_by_python(self):
        draw = Random(11)
        for number, mode in enumerate(MODES):
            is_keyed = mode.get("id_format") == "uuid7"
            bodies = [
                [self._body(draw, 100 * n, 40, is_keyed)] if n % 2 else
                [self._body(draw, 100 * n + 50 * k, 50, is_keyed) for k in (0, 1)]
                for n in range(12)
            ]  # fmt: skip
            with self.subTest(mode):
                # routes are new in the first ones
                self.assertGreater(self._compare(bodies, number, **mode), 8)

    def test_what_is_out_of_the_ordinary_goes_as_before(self):
        draw = Random(12)
        strange = (
            {"value": -1},
            {"value": 1e-9},
            {"value": "12"},
            {"value": None, "type": "cpu"},
            {"subject": "nobody"},
            {"subject": "nobody", "dimensions": {"region": "new"}},
            {"subject": 'a "quoted" one'},
            {"time": "2026-08-31T22:00:00Z"},
            {"time": "2026-09-30T20:00:00+02:00"},
            {"time": "2026-02-29T20:00:00Z"},
            {"properties": {"note": ""}},
            {"dimensions": {"region": ""}},
            {"id": "again"},
            {"type": "odd"},  # its meter looks at properties
            {"id": ""},
        )
        for number, other in enumerate(strange):
            with self.subTest(other):
                bodies = [
                    [self._body(draw, 0, 30, False)],
                    [self._body(draw, 100, 30, False)],
                    [self._body(draw, 200, 30, False, **other)],
                    [self._body(draw, 300, 30, False, **other)],
                    [self._body(draw, 400, 30, False)],
                ]
                self._compare(bodies, number, identity_mode="strict")

    def test_what_is_new_is_learnt_without_making_rows(self):
        draw = Random(15)
        news = (
            {"dimensions": {"region": "new"}},
            {"dimensions": {"region": "new", "zone": "newer"}},
            {"type": "cpu", "subject": "acct-2", "time": "2026-09-30T23:30:00Z"},
        )
        bodies = [[self._body(draw, 0, 30, False)]]  # the table of a month
        for number, other in enumerate(news, 1):
            first = self._body(draw, 200 * number, 30, False)
            second = self._body(draw, 200 * number + 100, 30, False, **other)
            bodies += [[first, second], [second.replace("é".encode(), b"e")]]
        count = self._compare(bodies, 1, identity_mode="strict")
        self.assertEqual(count, sum(map(len, bodies[1:])))

    def test_a_request_sent_again_is_known_and_a_changed_one_is_held(self):
        draw = Random(13)
        body = self._body(draw, 0, 60, False)
        changed = body.replace(b'"value": ', b'"value": 3')
        others = [self._body(draw, 100 * n, 30, False) for n in (1, 2, 3)]
        again = [[each] for each in (body, others[0], body, changed, *others, body)]
        self._compare(again, 1, identity_mode="strict")

    def test_rows_are_made_of_a_request_only_when_they_are_wanted(self):
        draw = Random(14)
        router = self._router(self._create_source("wanted"))
        asked = []
        for number in range(8):  # the first one finds no table of its month
            rows = self._read(self._body(draw, 100 * number, 50, False), read_events)
            self.assertIsInstance(rows, ReadEvents)
            self._ingest(router, [rows])
            asked.append(rows._rows is not None)
        self.assertEqual(asked, [True] + [False] * 7)
        self.assertEqual(rows[7].event_id, "é707" * 3)
        self.assertEqual([row.row_number for row in rows], list(range(1, 51)))
