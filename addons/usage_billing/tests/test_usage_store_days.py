"""The row of a whole period holds one day of it; others have rows of their own."""

from datetime import timedelta
from random import Random
from threading import Thread
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged

from .. import ingesting
from ..metering import corrections, planned, rollups, usage
from ..metering_catalogue import period_span
from .test_usage_corrections import CorrectionCase
from .test_usage_store import SEPTEMBER, event
from .test_usage_store_two_connections import TwoConnectionsCase


class Plan:
    """A cursor that tells how PostgreSQL would read, and reads nothing."""

    def __init__(self, cursor):
        self.cursor = cursor
        self.text = ""

    def execute(self, query, parameters):
        self.cursor.execute(f"EXPLAIN {query}", parameters)
        self.text = "\n".join(line for (line,) in self.cursor.fetchall())

    def fetchall(self):
        return []


@tagged("post_install", "-at_install")
class TestUsageStoreDays(CorrectionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meters = cls._create_meter("cpu") | cls._create_meter(
            "calls", aggregation="count"
        )
        cls.meters |= cls._create_meter("high", event_type="cpu", aggregation="max")

    def _ingest(self, numbers, day, **kw):
        rows = [
            event(number, f"{number % 17}.25", SEPTEMBER + timedelta(day), **kw)
            for number in numbers
        ]
        ingesting.ingest(self.env, self.source.id, [(rows, None)])

    def _places(self):
        """[(day of a row of its own or None, day that the row holds), …] of a meter."""
        self.env.cr.execute(
            "SELECT nullif(bucket, '-infinity')::text, day::text FROM usage_store_sum"
            " WHERE meter_id = %s ORDER BY bucket",
            [self.meters[0].id],
        )
        return self.env.cr.fetchall()

    def _check(self):
        """Every day is somewhere once, and the figures are those of the events."""
        self.env.cr.execute(
            "SELECT period_id, meter_id, dimset_id, bucket FROM usage_store_rollup"
            " WHERE bucket IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
        )
        self.assertEqual(self.env.cr.fetchall(), [])
        self.assertRollupsEqualEvents()

    def test_todays_events_write_the_row_of_their_period_only(self):
        self._ingest([1], 0)
        self.assertEqual(self._places(), [(None, "2026-09-15")])
        for numbers in ([2], range(3, 40)):  # in one statement, by columns
            self._ingest(numbers, 0)
            self.assertEqual(self._places(), [(None, "2026-09-15")])
            self._check()

    def test_a_new_day_takes_the_place_of_the_last_one(self):
        for day, numbers in enumerate(([1], range(2, 40), [40], range(41, 80))):
            self._ingest(numbers, day)
            self._check()
        own = [(f"2026-09-{day}", None) for day in (15, 16, 17)]
        self.assertEqual(self._places(), [(None, "2026-09-18"), *own])

    def test_a_late_event_keeps_no_other_row_from_its_new_day(self):
        self._ingest(range(30), 0)
        self._ingest([30], 0, type="calls")
        tomorrow = SEPTEMBER + timedelta(1)
        rows = [event(number, "1", tomorrow) for number in range(40, 80)]
        rows.append(event(80, "1", SEPTEMBER, type="calls"))
        ingesting.ingest(self.env, self.source.id, [(rows, None)])
        self.assertEqual(self._places(), [(None, "2026-09-16"), ("2026-09-15", None)])
        self._check()

    def test_late_events_have_a_row_for_their_day(self):
        self._ingest([1], 2)
        for numbers in ([2], [3], range(4, 40), range(40, 80)):
            self._ingest(numbers, 0)
            self._check()
        late = "2026-09-15"
        self.assertEqual(self._places(), [(None, "2026-09-17"), (late, None)])

    def test_a_day_that_has_its_row_keeps_it(self):
        self._ingest([1, 2], 0)
        self._void("e1")
        today = "2026-09-15"
        self.assertEqual(self._places(), [(None, None), (today, None)])
        for numbers in ([3], range(4, 40)):
            self._ingest(numbers, 0)
            self.assertEqual(self._places(), [(None, None), (today, None)])
            self._check()
        self._ingest([40], 1)
        self.assertEqual(self._places(), [(None, "2026-09-16"), (today, None)])
        self._check()

    def test_rebuilt_sums_go_on_where_they_are(self):
        self._ingest(range(30), 0)
        self._ingest(range(30, 60), 1)
        self.store.rebuild(self._period("2026-09-01"))
        self._check()
        for day in (1, 0, 2):
            self._ingest(range(60 + 40 * day, 90 + 40 * day), day)
            self._check()

    def test_readers_reach_rows_of_days_by_their_keys(self):
        """A join with the view is planned as one with its tables, not with all rows."""
        self._ingest(range(30), 0)
        self._fill_up(self.meters[0].id)
        september = self._period("2026-09-01")
        meter = self.meters[0]._get_spec()
        stretches = [(september.id, "2026-09-01", "2026-09-20")]
        plan = Plan(self.env.cr)
        list(usage._rollups(plan, stretches, meter))
        self.assertIn("day >= ", plan.text)
        self.assertIn("bucket >= ", plan.text)
        self.assertNotIn("Subquery Scan", plan.text)
        # who asks for whole periods reads nothing of days
        usage._extents(plan, usage.whole([period_span(september)]), meter)
        self.assertNotIn("Append", plan.text)

    def _fill_up(self, meter_id):
        """So many rows of a meter that it matters how they are read."""
        same = "first_time, last_time, event_count, subscription_id, watermark"
        self.env.cr.execute(
            f"INSERT INTO usage_store_sum ({same}, period_id, meter_id, dimset_id,"
            " bucket, day, day_count)"
            f" SELECT {same}, -number, meter_id, dimset_id, bucket, day, day_count"
            "   FROM usage_store_sum, generate_series(1, 5000) AS number"
            "  WHERE meter_id = %s; ANALYZE usage_store_sum",
            [meter_id],
        )

    def test_whatever_comes_in_whatever_order_adds_up(self):
        for seed in range(8):
            self._at_random(Random(seed), 1000 * seed)

    def _at_random(self, draw, number):
        for _step in range(12):
            size = draw.choice([1, 3, 30])
            rows = [
                event(
                    number + place,
                    f"{draw.randrange(1000)}e-2",
                    SEPTEMBER + timedelta(draw.choice(days)),
                    type=draw.choice(["cpu", "cpu", "calls"]),
                )
                for days in [draw.choice([[0], [1], [2], [0, 1], [0, 1, 2, 3]])]
                for place in range(size)
            ]
            number += size
            few = draw.choice([0, rollups.FEW])  # by a table beside, or in the call
            with patch.object(rollups, "FEW", few):
                ingesting.ingest(self.env, self.source.id, [(rows, None)])
            if draw.random() < 0.2:
                self._void(f"e{number - 1}")
            self._check()


@tagged("post_install", "-at_install")
class TestUsageStoreDaysMeet(TwoConnectionsCase):
    def test_a_key_that_comes_in_while_days_are_given_up_keeps_its_day(self):
        day = "2026-09-15"
        with self._transaction() as env:
            self._append(env)
            env.cr.execute(
                "SELECT array_agg(period_id), array_agg(meter_id) FROM usage_store_sum"
                " WHERE meter_id = %s AND day = %s",
                [self.meter_id, day],
            )
            whose = env.cr.fetchone()

        def give_up():
            with self._transaction("READ COMMITTED") as env:
                env.cr.execute(planned.SHUT, whose)

        thread = Thread(target=give_up)
        with self._transaction("READ COMMITTED") as env:
            self._copy(env, "dimset_id", day)  # in its way until that is undone
            thread.start()
            self._wait_for_lock(env.cr)
            with self._transaction() as other:
                self._copy(other, "-1", "-infinity", "day, day_count, ")
            env.cr.rollback()
        thread.join(30)
        self.assertFalse(thread.is_alive())
        with self._transaction() as env:
            env.cr.execute(
                "SELECT dimset_id = -1, bucket::text, event_count"
                "  FROM usage_store_rollup WHERE meter_id = %s AND bucket IS NOT NULL"
                " ORDER BY 1, 2",
                [self.meter_id],
            )
            counted = [("-infinity", 200), (day, 200)]
            self.assertEqual(
                env.cr.fetchall(),
                [(new, *row) for new in (False, True) for row in counted],
            )

    def test_a_correction_and_an_append_with_a_new_key_do_not_wait_in_a_circle(self):
        """The key comes in when the correction has locked the others."""
        wait = (
            "WITH shut AS MATERIALIZED (SELECT usage_store_shut(%s::int[], %s::int[])"
            " AS key), done AS MATERIALIZED (SELECT pg_advisory_xact_lock(count(*) * 0)"
            " FROM shut) SELECT key FROM shut, done"
        )
        self.patch(corrections, "SHUT", wait)
        with self._transaction() as env:
            self._append(env)
            env.cr.execute(
                "SELECT dimset_id FROM usage_store_sum WHERE meter_id = %s",
                [self.meter_id],
            )
            [[dimset]] = env.cr.fetchall()
        begun, said = [], []

        def correct(env):
            begun.append(env.cr)
            self._void(env, 200)

        def append(env):
            for one in (-1, dimset):
                env.cr.execute(
                    "UPDATE usage_store_sum SET event_count = event_count"
                    " WHERE meter_id = %s AND dimset_id = %s AND bucket = '-infinity'",
                    [self.meter_id, one],
                )

        def run(act):
            try:
                with self._transaction("READ COMMITTED") as env:
                    act(env)
            except psycopg2.Error as error:
                said.append(error)

        threads = [Thread(target=run, args=[act]) for act in (correct, append)]
        with self._transaction() as env:
            env.cr.execute("SELECT pg_advisory_xact_lock(0)")
            threads[0].start()
            self._wait_for_lock(env.cr)  # it has its keys
            with self._transaction() as other:
                self._copy(other, "-1", "-infinity")
            threads[1].start()
            self._wait_for_lock(begun[0])
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        self.assertEqual(said, [])
        with self._transaction() as env:
            env.cr.execute(
                "SELECT event_count FROM usage_store_sum WHERE meter_id = %s"
                " AND bucket = '-infinity' ORDER BY dimset_id",
                [self.meter_id],
            )
            self.assertEqual(env.cr.fetchall(), [(200,), (199,)])

    def _copy(self, env, dimset, bucket, more=""):
        """Write a row as that of the period, for other dimensions or a day."""
        same = (
            f"{more}first_time, last_time, event_count, subscription_id, period_id,"
            " meter_id, watermark"
        )
        env.cr.execute(
            f"INSERT INTO usage_store_sum ({same}, dimset_id, bucket)"
            f" SELECT {same}, {dimset}, %s FROM usage_store_sum"
            "   WHERE meter_id = %s AND bucket = '-infinity'",
            [bucket, self.meter_id],
        )
