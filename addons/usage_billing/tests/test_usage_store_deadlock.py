"""Requests that bring the same events in other orders do not wait in a circle."""

from contextlib import contextmanager
from threading import Thread

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import ingesting
from ..metering import sessions
from ..metering.keys import identity_function
from .test_usage_store_few import calls
from .test_usage_store_two_connections import ROWS, TwoConnectionsCase

#: Of these, some meet; the others make a request large enough to go by columns.
FEW, MIDDLE, OTHERS = (ROWS[10], ROWS[20], ROWS[30]), ROWS[20], ROWS[40:80]


@tagged("post_install", "-at_install")
class TestUsageStoreDeadlock(TwoConnectionsCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sessions.SESSIONS.close)
        with self._transaction() as env:
            source = env["usage.source"].browse(self.sources["strict"])
            self.identity_of = identity_function(source.company_id.id, source.id)

    def _send(self, outcomes, rows):
        """Store rows as another process does, in one attempt."""
        try:
            with self._transaction("READ COMMITTED") as env:
                found = ingesting.ingest(env, self.sources["strict"], [(rows, None)])
                outcomes.append(found[0][1])
        except psycopg2.Error as error:
            outcomes.append(error)

    def _take(self, cr, row):
        """Take the identity of an event that is not stored (yet)."""
        cr.execute(
            "INSERT INTO usage_store_identity (identity, payload_hash, time)"
            " VALUES (%s, 0, %s)",
            [self.identity_of(row.event_id)[1].hex(), row.time],
        )

    @contextmanager
    def _taken(self, row):
        """An identity is taken by somebody who gives it back in the end."""
        with self._transaction("READ COMMITTED") as env:
            self._take(env.cr, row)
            yield env.cr
            env.cr.rollback()

    def _wait_for_waiting(self, count):
        """Wait until so many transactions wait for another one."""
        with self._transaction() as env:
            for _attempt in range(200):
                env.cr.execute(
                    "SELECT count(*), pg_stat_clear_snapshot() FROM pg_stat_activity"
                    " WHERE datname = current_database()"
                    " AND cardinality(pg_blocking_pids(pid)) > 0"
                )
                if env.cr.fetchone()[0] >= count:
                    return
                env.cr.execute("SELECT pg_sleep(0.05), pg_stat_clear_snapshot()")
        self.fail("nobody waits")

    def _cross(self, *requests):
        """Let requests go halfway, as far as the one in the middle, and then on.

        :return: what became of them, results or errors
        """
        for row in ROWS[:2]:  # let the process know the way of the events
            self._send([], [row])
        outcomes = []
        threads = [Thread(target=self._send, args=[outcomes, r]) for r in requests]
        with self._taken(MIDDLE):
            for number, thread in enumerate(threads, 1):
                thread.start()
                self._wait_for_waiting(number)
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        return outcomes

    def _assert_crossed(self, *requests):
        outcomes = self._cross(*requests)
        for outcome in outcomes:
            self.assertNotIsInstance(outcome, psycopg2.Error)
        stored = {row.event_id: row.value for request in requests for row in request}
        self.assertEqual(sum(outcome.accepted for outcome in outcomes), len(stored))
        self.assertEqual(
            sum(outcome.duplicate for outcome in outcomes),
            sum(map(len, requests)) - len(stored),
        )
        self.assertEqual(self._total(), (2 + len(stored), 3 + sum(stored.values())))

    @mute_logger("odoo.sql_db")
    def test_few_events_and_many_in_the_opposite_order(self):
        self._assert_crossed(list(FEW), [*reversed(FEW), *OTHERS])

    @mute_logger("odoo.sql_db")
    def test_many_events_in_opposite_orders(self):
        rows = [*FEW, *OTHERS]
        self._assert_crossed(rows, rows[::-1])

    @mute_logger("odoo.sql_db")
    def test_events_sent_again_with_others_in_the_opposite_order(self):
        """Rows that go one after the other, because one is there already."""
        self._assert_crossed(
            [*FEW, *OTHERS[:20], OTHERS[0]], [*reversed(FEW), *OTHERS[:20:-1]]
        )

    @mute_logger("odoo.sql_db")
    def test_few_events_with_other_times_in_the_opposite_order(self):
        """Their identities decide, not their times: other content is a conflict."""
        times = [row.time for row in reversed(FEW)]
        moved = [row._replace(time=t) for row, t in zip(FEW, times, strict=True)]
        with calls() as found:
            outcomes = self._cross(moved, list(FEW))
        self.assertEqual(found["Lease"][-1:], [True])
        for outcome in outcomes:
            self.assertNotIsInstance(outcome, psycopg2.Error)
        self.assertEqual(sum(outcome.accepted for outcome in outcomes), 3)
        conflicts = [outcome.quarantined.get("conflict", 0) for outcome in outcomes]
        self.assertEqual(sum(conflicts), 2)  # the one in the middle is the same
        self.assertEqual(self._total(), (5, 3 + sum(row.value for row in FEW)))

    @mute_logger("odoo.sql_db", "odoo.addons.usage_billing.models.usage_ingest")
    def test_who_ends_a_circle_tries_again(self):
        """Where others take identities in another order, the server ends the wait."""
        row, outcomes = min(FEW, key=lambda row: self.identity_of(row.event_id)), []
        wanted = max(FEW, key=lambda row: self.identity_of(row.event_id))

        def ingest():
            with self._transaction() as env:
                source = env["usage.source"].browse(self.sources["strict"])
                outcomes.append(source._ingest([*FEW, *OTHERS]))

        thread = Thread(target=ingest)
        with self._taken(wanted) as cr:
            cr.execute("SET LOCAL deadlock_timeout = '1min'")  # the other one gives way
            thread.start()
            self._wait_for_waiting(1)
            self._take(cr, row)
        thread.join(30)
        self.assertFalse(thread.is_alive())
        self.assertEqual(outcomes[0].accepted, len(FEW) + len(OTHERS))
        sent = sum(row.value for row in (*FEW, *OTHERS))
        self.assertEqual(self._total(), (len(FEW) + len(OTHERS), sent))
