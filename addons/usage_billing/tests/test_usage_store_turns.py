"""Periods that turn within a chunk: every way into the store says the same of it."""

from datetime import datetime, timedelta
from random import Random
from unittest.mock import patch

from odoo.tests import tagged

from ..metering import append, leading
from ..metering.routing import Router
from .test_usage_store import event
from .test_usage_store_ways import WaysCase, in_columns


@tagged("post_install", "-at_install")
class TestUsageStoreTurns(WaysCase):
    #: Clocks change in Paris on the 25th, in New York on the 1st, days in Kolkata turn
    #: at half past six in the evening; and a month of UTC turns, too.
    start = datetime(2026, 10, 23, 17)
    subjects = ["acct-1", "weekly", "daily", "india", "york", "yearly", "shared"]
    steps = 500_000_003, 3_600_000_001, 11_000_000_003

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for subject, kw in {
            "weekly": {"period_unit": "week"},
            "daily": {"period_unit": "day"},
            "india": {"period_unit": "day", "tz": "Asia/Kolkata"},
            "york": {
                "period_unit": "week",
                "tz": "America/New_York",
                "calendar_aligned": False,
                "date_start": "2026-10-04",
            },
            "yearly": {"calendar_aligned": False, "date_start": "2026-08-26"},
            "shared": {"date_end": "2026-10-27"},
        }.items():
            cls._create_store_subscription(subject, **{"date_start": "2026-10-01"} | kw)
        successor = cls._create_store_subscription("other", date_start="2026-10-29")
        subject = cls.env["usage.subject"]
        shared = subject.search([("subject", "=", "shared")])
        shared.valid_to = "2026-10-26 21:30"
        subject.create(
            {
                "subject": "shared",
                "subscription_id": successor.id,
                "valid_from": "2026-10-29 07:00",
            }
        )

    def test_ways_and_portions_agree_when_periods_turn(self):
        for seed in range(6):
            self._check(seed)
        self.assertRollupsEqualEvents()

    def test_rows_sent_again_are_dealt_with_alike_when_periods_turn(self):
        for seed in range(3):
            self._check_again(seed)
        self.assertRollupsEqualEvents()

    def _ordinary(self, draw, count, step):
        """Rows of October about which nothing is strange, but that periods turn."""
        rows = [
            event(
                number,
                str(draw.randrange(10**4)),
                self.start + number * step,
                type=draw.choice(["cpu", "disk", "calls"]),
                subject=draw.choice(self.subjects[:-1]),
            )
            for number in range(count)
        ]
        draw.shuffle(rows)
        return rows

    def test_a_chunk_in_which_periods_turn_goes_by_column(self):
        rows = self._ordinary(Random(5), 120, timedelta(hours=1))
        carefully = self._create_source("careful")
        with self._way("careful", 1, 40):
            self._send(rows, carefully)
        for chunk in (120, 30):
            quickly = self._create_source(f"quick {chunk}")
            with (
                self._way("quick", 7, chunk),
                patch.object(append, "prepare", side_effect=AssertionError),
                patch.object(leading.Leader, "routes", side_effect=AssertionError),
            ):
                batch = self._send(rows, quickly)
            self.assertEqual(self._counts(batch)[0], 120)
            self.assertEqual(self._stored(quickly), self._stored(carefully))
        self.assertRollupsEqualEvents()

    def test_requests_in_which_periods_turn_go_by_column(self):
        rows = self._ordinary(Random(6), 150, timedelta(hours=1))
        store = self.store._here()
        router = Router(store.catalogue, self.env.company.id, self.source.id)
        for name in ("first", "second"):
            batch = self.env["usage.batch"].create(
                {"name": name, "source_id": self.source.id}
            )
            spec = self.store._batch_spec(batch)
            named = [row._replace(event_id=f"{name} {row.event_id}") for row in rows]
            # the first request asks for routes, and the others know them
            ask = AssertionError if name == "second" else leading.Leader.routes
            with patch.object(leading.Leader, "routes", autospec=True, side_effect=ask):
                (result,) = store.append_all([(spec, in_columns(named))], router)
            self.assertEqual(result.accepted, 150)
        self.assertRollupsEqualEvents()

    def test_ways_stay_when_a_period_turns(self):
        """Chunk after chunk in the order of time: each finds what others left."""
        rows = sorted(
            self._ordinary(Random(7), 150, timedelta(hours=1)),
            key=lambda row: row.time,
        )
        ways_of, found = Router.ways_of, []

        def listen(router, *span):
            found.append(ways_of(router, *span))
            return found[-1]

        with (
            self._way("quick", 7, 30),
            patch.object(Router, "ways_of", listen),
        ):
            self._send(rows)
        self.assertGreater(len(found), 5)
        self.assertEqual(len(set(map(id, found))), 1)
        self.assertRollupsEqualEvents()
