"""A meter is made while others store events: they go on, and every event counts."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from threading import Thread
from time import sleep
from types import SimpleNamespace

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import recounting
from ..metering.postgres import PostgresStore
from ..metering_bridge import Store
from .test_usage_store_two_connections import ROWS, TOTAL, TwoConnectionsCase

#: After the period of ROWS.
OCTOBER = [
    row._replace(event_id=f"october-{row.event_id}", time=datetime(2026, 10, 15))
    for row in ROWS[:3]
]


@tagged("post_install", "-at_install")
class TestMeterBesideIngestion(TwoConnectionsCase):
    def _make(self, env, **values):
        """A new meter; the tests read it from here on."""
        meter = env["usage.meter"].create(
            {"name": "More", "code": "race-more", "event_type": "race.cpu", **values}
        )
        self.meter_id = meter.id

    def _beside(self, *acts, then=None, **values):
        """Make a meter, and do something in transactions of their own once it is
        counted; none of them may wait for it.

        :param then: function of the environment, after that
        """
        whole = PostgresStore.count
        outcomes = []

        def count_and_wait(store, *arguments):
            whole(store, *arguments)
            for act in acts:
                thread = Thread(target=do, args=[act])
                thread.start()
                thread.join(20)
                self.assertFalse(thread.is_alive(), "waits for the meter")

        def do(act):
            try:
                with self._transaction("READ COMMITTED") as env:
                    act(env)
                outcomes.append(None)
            except psycopg2.Error as error:
                outcomes.append(error)

        self.patch(PostgresStore, "count", count_and_wait)
        with self._transaction() as env:
            self._make(env, **values)
            if then:
                then(env)
        self.assertEqual(outcomes, [None] * len(acts))

    def test_who_stores_events_does_not_wait_for_the_count(self):
        with self._transaction() as env:
            self._append(env, ROWS[:100])
        self._beside(
            lambda env: self._append(env, ROWS[100:]),
            lambda env: self._append(env, ROWS, "time_keyed"),
            lambda env: self._append(env, OCTOBER),
        )
        self.assertEqual(self._total(), (403, 2 * TOTAL + 6))

    def test_transaction_that_holds_what_the_look_needs_does_not_wait_for_itself(self):
        with self._transaction() as env:
            self._append(env, ROWS[:100])

        def archive(env):
            env.cr.execute("LOCK TABLE usage_store_month IN ACCESS EXCLUSIVE MODE")
            env.cr.execute("LOCK TABLE usage_store_fact IN ACCESS EXCLUSIVE MODE")

        self._beside(lambda env: self._append(env, ROWS[100:]), then=archive)
        self.assertEqual(self._total(), (200, TOTAL))

    def test_dimensions_that_the_meter_makes_and_others_bring(self):
        def placed(rows):
            return [
                row._replace(dimensions={"zone": f"z{row.row_number % 3}", "rack": "r"})
                for row in rows
            ]

        with self._transaction() as env:
            self._append(env, placed(ROWS[:100]))
        rows = [
            row._replace(dimensions={"zone": "z9", "rack": "q"}) for row in ROWS[:50]
        ]
        self._beside(
            lambda env: self._append(env, placed(ROWS[100:])),
            lambda env: self._append(env, rows, "time_keyed"),
            dimension_keys="zone",
        )
        self.assertEqual(self._total(), (250, TOTAL + sum(range(51))))

    def test_part_of_a_delivery_was_seen(self):
        """An import may go on with a batch whose first events were committed before."""
        with self._transaction() as env:
            batch = env["usage.batch"].create(
                {"name": "Race", "source_id": self.sources["strict"]}
            )
            batch._append(ROWS[:100])
        self._beside(
            lambda env: env["usage.batch"].browse(batch.id)._append(ROWS[100:])
        )
        self.assertEqual(self._total(), (200, TOTAL))

    def test_a_batch_that_was_only_renamed_counts_once(self):
        with self._transaction() as env:
            self._append(env)

        def rename(env):
            batches = env["usage.batch"].search([("name", "=", "Race")])
            batches.write({"name": "Renamed"})

        self._beside(rename)
        self.assertEqual(self._total(), (200, TOTAL))

    def test_what_is_corrected_meanwhile_counts_as_corrected(self):
        with self._transaction() as env:
            self._append(env, ROWS[:100])

        def amend(env):
            batch = env["usage.batch"].create(
                {"name": "Race", "source_id": self.sources["strict"]}
            )
            row = ROWS[1]._replace(value=Decimal(1000))
            env["usage.batch"]._store().amend(batch, [row], "Race")

        self._beside(
            lambda env: self._void(env, 1),
            amend,
            lambda env: self._append(env, ROWS[100:]),
            lambda env: self._void(env, 200),
        )
        # two voids and an amendment are rows of their own
        self.assertEqual(self._total(), (203, TOTAL - 1 - 2 + 1000 - 200))

    def test_a_delivery_that_is_replaced_meanwhile_does_not_count(self):
        def send(env, rows):
            batch = env["usage.batch"].create(
                {
                    "name": "Race",
                    "source_id": self.sources["time_keyed"],
                    "scope": "september",
                }
            )
            batch._append(rows)
            batch._supersede()

        with self._transaction() as env:
            send(env, ROWS)
        later = [
            row._replace(event_id=f"new-{row.event_id}", value=Decimal(1))
            for row in ROWS
        ]
        self._beside(lambda env: send(env, later))
        self.assertEqual(self._total(), (400, 200))

    def test_a_period_that_is_cut_meanwhile(self):
        with self._transaction() as env:
            self._append(env)

        def cut(env):
            subscription = env["usage.subscription"].browse(self.subscription_id)
            period = subscription.period_ids.sorted("start_at")[0]
            rest = period.copy({"start_at": "2026-09-15 01:00:00"})
            period.end_at = "2026-09-15 01:00:00"
            env["usage.batch"]._store().recut(period, rest)

        self._beside(cut)
        self.assertEqual(self._total(), (200, TOTAL))

    @mute_logger("odoo.sql_db")
    def test_an_import_under_way_is_not_waited_for_in_one_go(self):
        """Who comes later goes by, and what the import brings counts."""
        self.patch(recounting, "_SECONDS", 0.2)
        self.patch(recounting, "_REST", 0.5)
        with self._transaction() as env:
            self._append(env, ROWS[:50])
        maker = Thread(target=self._make_in_its_transaction)
        with self._transaction("READ COMMITTED") as slow:
            self._append(slow, OCTOBER)
            maker.start()
            self._wait_for_lock(slow.cr)
            for low in (50, 100, 150):
                with self._transaction("READ COMMITTED") as quick:
                    quick.cr.execute("SET LOCAL lock_timeout = '5s'")
                    self._append(quick, ROWS[low : low + 50])
            self.assertTrue(maker.is_alive())
        maker.join(30)
        self.assertFalse(maker.is_alive())
        self.assertEqual(self._total(), (203, TOTAL + 6))

    def _make_in_its_transaction(self):
        with self._transaction() as env:
            self._make(env)

    @mute_logger("odoo.sql_db")
    def test_killed_as_it_catches_up_leaves_no_meter(self):
        with self._transaction() as env:
            self._append(env, ROWS[:100])
        known = self.meter_id
        with self.assertRaises(psycopg2.Error):
            self._beside(
                lambda env: self._append(env, ROWS[100:]), then=self._kill_later
            )
        with self._transaction() as env:
            self.assertFalse(
                env["usage.meter"].search([("code", "=", "race-more")]),
            )
            env.cr.execute(
                "SELECT count(*) FROM usage_store_rollup WHERE meter_id = %s",
                [self.meter_id],
            )
            self.assertEqual(env.cr.fetchone(), (0,))
        self.meter_id = known
        self.assertEqual(self._total(), (200, TOTAL))
        with self._transaction() as env:
            self._make(env)
        self.assertEqual(self._total(), (200, TOTAL))

    def _kill_later(self, env):
        """End the connection when it has caught up, before it is committed."""
        pid = env.cr.connection.info.backend_pid

        def kill():
            with self._transaction() as other:
                other.cr.execute("SELECT pg_terminate_backend(%s)", [pid])

        env.cr.precommit.add(kill)

    def test_a_meter_in_a_savepoint_that_is_undone_leaves_nothing(self):
        class Undo(Exception):
            pass

        with self._transaction() as env:
            self._append(env, ROWS[:100])
        known = self.meter_id
        with self._transaction() as env:
            env.cr.execute("SELECT count(*) FROM usage_store_event")
            with self._transaction("READ COMMITTED") as other:
                self._append(other, ROWS[100:])
            try:
                with env.cr.savepoint():
                    self._make(env)
                    raise Undo
            except Undo:
                self.meter_id = known
            self._make(env)
            with env.cr.savepoint():
                env["res.partner"].search([], limit=1)
        self.assertEqual(self._total(), (200, TOTAL))

    def test_events_of_the_same_transaction_count_once(self):
        with self._transaction() as env:
            self._append(env, ROWS[:50])

        def more(env):
            with self._transaction("READ COMMITTED") as other:
                self._append(other, ROWS[50:])
            self._append(env, OCTOBER, "time_keyed")

        self._beside(then=more)
        self.assertEqual(self._total(), (203, TOTAL + 6))

    def _in_rounds(self, *acts):
        """Make a meter whose count takes long, and do something in a transaction of
        its own after each round; none of them may wait for the meter.

        :return: how many acts were done as each round began
        """
        self.patch(recounting, "_ROUNDS", len(acts))
        catch_up, rounds, left = Store.catch_up, [], list(acts)

        def add(store, *arguments):
            rounds.append(len(acts) - len(left))
            catch_up(store, *arguments)
            if left:
                with self._transaction("READ COMMITTED") as env:
                    env.cr.execute("SET LOCAL lock_timeout = '5s'")
                    left.pop(0)(env)

        self.patch(Store, "catch_up", add)
        # all take long, and each is shorter than the one before
        clock = count(1000.0, -10.0)
        fake = SimpleNamespace(monotonic=lambda: -(next(clock) ** 2), sleep=sleep)
        self.patch(recounting, "time", fake)
        with self._transaction() as env:
            self._make(env)
        return rounds

    def test_what_comes_during_a_long_count_is_added_in_rounds(self):
        with self._transaction() as env:
            self._append(env, ROWS[:50])
            batch = env["usage.batch"].create(
                {"name": "Race", "source_id": self.sources["strict"]}
            )
            batch._append(ROWS[50:60])

        def go_on(low, high):
            return lambda env: (
                env["usage.batch"].browse(batch.id)._append(ROWS[low:high]),
                self._append(env, ROWS[low:high], "time_keyed"),
            )

        rounds = self._in_rounds(
            go_on(60, 100),
            go_on(100, 130),
            lambda env: self._void(env, 1, 70, 110),
            go_on(130, 200),
        )
        self.assertEqual(rounds, [0, 1, 2, 3, 4])
        total = TOTAL + sum(range(61, 201)) - (1 + 70 + 110)
        self.assertEqual(self._total(), (200 + 140 + 3, total))

    def test_later_events_are_counted_by_the_meter(self):
        self._beside(lambda env: self._append(env, ROWS[:100]))
        with self._transaction("READ COMMITTED") as env:
            late = [row._replace(time=row.time + timedelta(days=1)) for row in ROWS]
            self._append(env, late[100:])
        self.assertEqual(self._total(), (200, TOTAL))
