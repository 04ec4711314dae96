"""Two transactions at once, on real connections that commit."""

from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Thread
from unittest.mock import patch

import psycopg2.errors

from odoo import SUPERUSER_ID, api, sql_db
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from ..metering import EventRow, beside, rollups
from ..metering_bridge import Store
from ..metering_catalogue import OdooCatalogue

ROWS = [
    EventRow(
        event_id=f"race-{number}",
        type="race.cpu",
        subject="race-1",
        time=datetime(2026, 9, 15) + timedelta(minutes=number),
        value=Decimal(number),
        row_number=number,
    )
    for number in range(1, 201)
]
TOTAL = Decimal(200 * 201 // 2)


class TwoConnectionsCase(BaseCase):
    """Commits for real, so it makes what it needs and takes it away again."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove)
        self._remove()
        with self._transaction() as env:
            plan = env["usage.plan"].create({"name": "Race", "code": "race"})
            partner = env["res.partner"].create({"name": "Race", "ref": "race"})
            subscription = env["usage.subscription"].create(
                {
                    "partner_id": partner.id,
                    "plan_id": plan.id,
                    "date_start": "2026-09-01",
                    "tz": "Europe/Paris",
                    "state": "active",
                }
            )
            env["usage.subject"].create(
                {"subject": "race-1", "subscription_id": subscription.id}
            )
            self.meter_id = (
                env["usage.meter"]
                .create({"name": "Race", "code": "race", "event_type": "race.cpu"})
                .id
            )
            self.sources = {
                mode: env["usage.source"]
                .create({"name": mode, "code": f"race-{mode}", "identity_mode": mode})
                .id
                for mode in ("strict", "time_keyed")
            }
            subscription._ensure_periods()
            self.subscription_id = subscription.id

    def _remove(self):
        with self._transaction() as env:
            sources = tuple(
                env["usage.source"].search([("code", "=like", "race-%")]).ids
            ) or (0,)
            cr = env.cr
            cr.execute("SELECT id FROM usage_meter WHERE code LIKE 'race%'")
            meters = tuple(row[0] for row in cr.fetchall()) or (0,)
            for query, parameter in (
                (
                    "DELETE FROM usage_store_fact f USING usage_store_route r"
                    " WHERE r.id = f.route_id AND r.source_id IN %s",
                    sources,
                ),
                ("DELETE FROM usage_store_sum WHERE meter_id IN %s", meters),
                (
                    "DELETE FROM usage_store_correction c USING usage_batch b"
                    " WHERE b.id = c.batch_id AND b.source_id IN %s",
                    sources,
                ),
                ("DELETE FROM usage_quarantine WHERE source_id IN %s", sources),
                ("DELETE FROM usage_batch WHERE source_id IN %s", sources),
                ("DELETE FROM usage_source WHERE id IN %s", sources),
                ("DELETE FROM usage_meter WHERE id IN %s", meters),
            ):
                cr.execute(query, [parameter])
            cr.execute(
                "DELETE FROM usage_store_identity i WHERE NOT EXISTS"
                " (SELECT FROM usage_store_fact e WHERE e.time = i.time)"
                " AND i.time BETWEEN '2026-09-15' AND '2026-09-16'"
            )
            subscriptions = env["usage.subscription"].search(
                [("plan_id.code", "=", "race")]
            )
            partners = subscriptions.partner_id
            subscriptions.state = "draft"
            subscriptions.unlink()
            partners.unlink()
            env["usage.plan"].search([("code", "=", "race")]).unlink()

    @contextmanager
    def _transaction(self, isolation=None):
        """Environment of a connection of its own, committed at the end."""
        with sql_db.db_connect(get_db_name()).cursor() as cr:
            if isolation:
                cr.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def _append(self, env, rows=ROWS, mode="strict"):
        batch = env["usage.batch"].create(
            {"name": "Race", "source_id": self.sources[mode]}
        )
        return batch._append(rows)

    def _total(self):
        with self._transaction() as env:
            subscription = env["usage.subscription"].browse(self.subscription_id)
            store = env["usage.batch"]._store()
            meter = env["usage.meter"].browse(self.meter_id)
            self.assertEqual(store.verify(subscription.period_ids, meter), [])
            env.cr.execute(
                "SELECT count(*) FROM usage_store_event WHERE source_id IN %s",
                [tuple(self.sources.values())],
            )
            (events,) = env.cr.fetchone()
            rows = store.aggregate(subscription.period_ids, meter)
            return events, sum(row.quantity for row in rows)

    def _race(self, isolation, mode, rows=ROWS):
        """Send the rows, and again by a second transaction before the first commits.

        :return: result of the second, or its error
        """
        outcome = []

        def second():
            try:
                with self._transaction(isolation) as env:
                    if not isolation:
                        env.cr.execute("SELECT 1 FROM usage_store_identity LIMIT 1")
                    outcome.append(self._append(env, rows, mode))
            except psycopg2.Error as error:
                outcome.append(error)

        with self._transaction("READ COMMITTED") as env:
            self._append(env, mode=mode)
            thread = Thread(target=second)
            thread.start()
            self._wait_for_lock(env.cr)
        thread.join(30)
        self.assertFalse(thread.is_alive())
        return outcome[0]

    def _wait_for_lock(self, cr):
        """Wait until the other transaction waits for this one."""
        with self._transaction() as env:
            for _attempt in range(200):
                env.cr.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database()"
                    " AND %s = ANY(pg_blocking_pids(pid))",
                    [cr.connection.info.backend_pid],
                )
                if env.cr.fetchone()[0]:
                    return
                env.cr.execute("SELECT pg_sleep(0.05), pg_stat_clear_snapshot()")
        self.fail("the second transaction did not wait for the first")

    def _void(self, env, *numbers):
        batch = env["usage.batch"].create(
            {"name": "Race", "source_id": self.sources["strict"]}
        )
        return (
            env["usage.batch"]
            ._store()
            .void(batch, [(f"race-{number}", None) for number in numbers], "Race")
        )

    def _meet(self, first, others, isolation="READ COMMITTED"):
        """Do something, and others in transactions of their own before it commits.

        :return: what the others gave back, or their errors
        """
        outcomes = []

        def other(act):
            try:
                with self._transaction(isolation) as env:
                    env.cr.execute("SELECT 1 FROM usage_store_rollup LIMIT 1")
                    outcomes.append(act(env))
            except psycopg2.Error as error:
                outcomes.append(error)

        with self._transaction("READ COMMITTED") as env:
            first(env)
            threads = [Thread(target=other, args=[act]) for act in others]
            for thread in threads:
                thread.start()
            self._wait_for_lock(env.cr)
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        return outcomes


@tagged("post_install", "-at_install")
class TestTwoConnections(TwoConnectionsCase):
    def test_same_batch_sent_twice_at_once_is_stored_once(self):
        for mode in ("strict", "time_keyed"):
            with self.subTest(mode=mode):
                result = self._race("READ COMMITTED", mode)
                self.assertEqual((result.accepted, result.duplicate), (0, 200))
        self.assertEqual(self._total(), (400, 2 * TOTAL))

    def test_other_content_sent_at_once_is_a_conflict(self):
        changed = [row._replace(value=row.value + 1) for row in ROWS]
        result = self._race("READ COMMITTED", "strict", changed)
        self.assertEqual((result.accepted, result.quarantined), (0, {"conflict": 200}))
        self.assertEqual(self._total(), (200, TOTAL))

    def test_events_that_come_while_a_meter_is_made_are_counted_by_it(self):
        with self._transaction() as env:
            env.cr.execute("SELECT count(*) FROM usage_store_event")  # and no later
            with self._transaction("READ COMMITTED") as other:
                self._append(other)
            meter = env["usage.meter"].create(
                {"name": "More", "code": "race-more", "event_type": "race.cpu"}
            )
        self.meter_id = meter.id
        self.assertEqual(self._total(), (200, TOTAL))

    @mute_logger("odoo.sql_db")
    def test_a_meter_that_waits_for_an_import_counts_what_it_brought(self):
        """The import is over when the meter is looked at again, its start long ago."""
        self.patch(beside, "_SEEN", beside._SEEN.replace("'1 hour'", "'0'"))
        counted = []
        rebuild = Store.rebuild_meters

        def note(store, meters, periods=None):
            counted.append(periods and [str(day.local_start) for day in periods])
            rebuild(store, meters, periods)

        self.patch(Store, "rebuild_meters", note)

        def make(env):
            return (
                env["usage.meter"]
                .create({"name": "More", "code": "race-more", "event_type": "race.cpu"})
                .id
            )

        with self._transaction() as env:
            self._append(env, ROWS[:100])
        (self.meter_id,) = self._meet(
            lambda env: self._append(env, ROWS[100:]), [make], "REPEATABLE READ"
        )
        self.assertEqual(self._total(), (200, TOTAL))
        self.assertEqual(counted, [])  # what came is added

        def change(env):
            env["usage.meter"].browse(self.meter_id).dimension_keys = "zone"

        later = [row._replace(time=row.time + timedelta(days=30)) for row in ROWS[:9]]
        self._meet(
            lambda env: self._append(env, later, "time_keyed"),
            [change],
            "REPEATABLE READ",
        )
        self.assertEqual(self._total(), (209, TOTAL + 45))
        self.assertEqual(counted, [None, ["2026-10-01"]])

    def test_a_session_adds_what_came_since_its_last_transaction(self):
        """Sums that are many wait in a table of the session."""
        self.patch(rollups, "FEW", 0)
        with self._transaction() as env:
            for rows, end in (
                (ROWS[:80], env.cr.commit),
                (ROWS[80:120], env.cr.rollback),
                (ROWS[80:160], env.cr.commit),
                (ROWS[160:180], int),  # two appends of one transaction
                (ROWS[180:], env.cr.commit),
            ):
                self._append(env, rows)
                end()
            env.cr.execute("SELECT count(*) FROM usage_stage_sum")
            self.assertEqual(env.cr.fetchone(), (0,))
        self.assertEqual(self._total(), (200, TOTAL))

    @mute_logger("odoo.sql_db")
    def test_repeatable_read_fails_so_that_odoo_tries_again(self):
        for mode in ("strict", "time_keyed"):
            with self.subTest(mode=mode):
                error = self._race(None, mode)
                self.assertIsInstance(error, psycopg2.errors.SerializationFailure)
        self.assertEqual(self._total(), (400, 2 * TOTAL))

    def test_without_the_registry_the_same_batch_would_be_stored_twice(self):
        """The promise rests on the constraint, not on a look before."""
        with self._transaction() as env:
            env.cr.execute(
                "ALTER TABLE usage_store_identity"
                " DROP CONSTRAINT usage_store_identity_pkey"
            )
            moved = [row._replace(time=row.time + timedelta(seconds=1)) for row in ROWS]
            self.assertEqual(self._append(env).accepted, 200)
            self.assertEqual(self._append(env, moved).accepted, 200)
            env.cr.rollback()

    @mute_logger("odoo.sql_db")
    def test_killed_in_the_middle_leaves_nothing_half(self):
        def rows_then_kill(env):
            yield from ROWS[:150]
            with self._transaction() as other:
                other.cr.execute(
                    "SELECT pg_terminate_backend(%s)",
                    [env.cr.connection.info.backend_pid],
                )
            yield from ROWS[150:]

        from ..metering.postgres import PostgresStore

        append = PostgresStore.append
        self.patch(
            PostgresStore,
            "append",
            lambda store, batch, rows, **kw: append(store, batch, rows, 50, **kw),
        )
        with self.assertRaises(psycopg2.Error), self._transaction() as env:
            self._append(env, rows_then_kill(env))
        self.assertEqual(self._total(), (0, 0))
        with self._transaction() as env:
            self.assertFalse(
                env["usage.batch"].search([("source_id", "=", self.sources["strict"])])
            )
            self.assertEqual(self._append(env).accepted, 200)
        self.assertEqual(self._total(), (200, TOTAL))

    def test_import_connection_is_read_committed(self):
        from ..metering import connection

        with self._transaction() as env:
            env.cr.execute("SHOW transaction_isolation")
            self.assertEqual(env.cr.fetchone()[0], "repeatable read")
            with connection(env) as import_env:
                import_env.cr.execute("SHOW transaction_isolation")
                self.assertEqual(import_env.cr.fetchone()[0], "read committed")

    # ------------------------------------------------------------------
    # routes kept from batch to batch
    # ------------------------------------------------------------------
    def _sent(self, rows):
        """Send rows by the way of imports.

        :return: (accepted, quarantined by reason, routers were asked for subjects)
        """
        from ..metering import connection

        asked = []
        subjects = OdooCatalogue.subjects
        self.patch(
            OdooCatalogue,
            "subjects",
            lambda catalogue, names: asked.append(names) or subjects(catalogue, names),
        )
        with self._transaction() as env, connection(env) as import_env:
            result = self._append(import_env, rows)
        self.patch(OdooCatalogue, "subjects", subjects)
        return result.accepted, result.quarantined, bool(asked)

    def test_routes_are_kept_until_something_changes(self):
        self.assertEqual(self._sent(ROWS[:50]), (50, {}, True))
        self.assertEqual(self._sent(ROWS[50:100]), (50, {}, False))
        with self._transaction() as env:
            env["usage.subject"].search(
                [("subject", "=", "race-1")]
            ).valid_to = "2026-09-15 02:00:00"
        # of rows 101 to 150, one a minute from 01:41, the first 19 still belong
        self.assertEqual(self._sent(ROWS[100:150]), (19, {"after_end": 31}, True))
        self.assertEqual(self._sent(ROWS[150:]), (0, {"after_end": 50}, False))
        self.assertEqual(self._total()[0], 119)

    def test_subscription_that_is_over_is_asked_for_when_it_goes_on(self):
        self._set_end("2026-09-10")
        self.assertEqual(self._sent(ROWS[:50]), (0, {"after_end": 50}, True))
        with patch.object(OdooCatalogue, "periods") as asked:
            self.assertEqual(self._sent(ROWS[50:100]), (0, {"after_end": 50}, False))
        asked.assert_not_called()
        self._set_end(False)
        self.assertEqual(self._sent(ROWS[100:]), (100, {}, True))

    def _set_end(self, day):
        with self._transaction() as env:
            env["usage.subscription"].browse(self.subscription_id).date_end = day

    def test_change_that_is_not_committed_yet_counts_once_it_is(self):
        self._sent(ROWS[:50])
        with self._transaction() as env:
            subject = env["usage.subject"].search([("subject", "=", "race-1")])
            subject.valid_to = "2026-09-15 00:50:30"
            env.flush_all()
            self.assertEqual(self._sent(ROWS[50:100]), (50, {}, False))
        self.assertEqual(self._sent(ROWS[100:]), (0, {"after_end": 100}, True))

    def test_periods_that_another_append_makes_meanwhile_are_found(self):
        with self._transaction() as env:
            subscriptions = type(env["usage.subscription"])
            env.cr.execute(
                "DELETE FROM usage_period WHERE subscription_id = %s",
                [self.subscription_id],
            )
        ensure = subscriptions._ensure_periods

        def after_another(records, until=None):
            with self._transaction() as other:
                ensure(records.with_env(other), until)
            return ensure(records, until)

        self.patch(subscriptions, "_ensure_periods", after_another)
        with self._transaction("READ COMMITTED") as env:
            result = self._append(env)
        self.assertEqual((result.accepted, result.quarantined), (200, {}))

    def test_routes_of_a_rolled_back_append_are_forgotten(self):
        from ..metering import connection

        class Undo(Exception):
            pass

        with self._transaction() as env:
            with self.assertRaises(Undo), connection(env) as import_env:
                self._append(import_env)
                raise Undo
            with connection(env) as import_env:
                with self.assertRaises(Undo), import_env.cr.savepoint():
                    self._append(import_env)
                    raise Undo
                result = self._append(import_env)
        self.assertEqual(result.accepted, 200)
        self.assertEqual(self._total(), (200, TOTAL))

    # ------------------------------------------------------------------
    # corrections
    # ------------------------------------------------------------------
    def test_event_voided_twice_at_once_is_voided_once(self):
        with self._transaction() as env:
            self._append(env)
        results = self._meet(
            lambda env: self._void(env, 7),
            [lambda env: self._void(env, 7, 8), lambda env: self._void(env, 8, 7)],
        )
        told = sorted(
            (outcome.event_id, outcome.status)
            for result in results
            for outcome in result.outcomes
        )
        self.assertEqual(
            told,
            [
                ("race-7", "already"),
                ("race-7", "already"),
                ("race-8", "already"),
                ("race-8", "voided"),
            ],
        )
        # 200 events and two rows that void two of them
        self.assertEqual(self._total(), (202, TOTAL - 7 - 8))

    def test_void_and_delivery_at_once_both_count(self):
        with self._transaction() as env:
            self._append(env, ROWS[:100])
        # the delivery is first: the void waits for its rollups
        (result,) = self._meet(
            lambda env: self._append(env, ROWS[100:150]),
            [lambda env: self._void(env, 7)],
        )
        self.assertEqual(result.count("voided"), 1)
        # the void is first: the delivery adds to the new sums
        (result,) = self._meet(
            lambda env: self._void(env, 8), [lambda env: self._append(env, ROWS[150:])]
        )
        self.assertEqual(result.accepted, 50)
        self.assertEqual(self._total(), (202, TOTAL - 7 - 8))

    @mute_logger("odoo.sql_db")
    def test_void_in_a_request_fails_so_that_odoo_tries_again(self):
        with self._transaction() as env:
            self._append(env)
        (error,) = self._meet(
            lambda env: self._void(env, 7),
            [lambda env: self._void(env, 9)],
            isolation="REPEATABLE READ",
        )
        self.assertIsInstance(error, psycopg2.errors.SerializationFailure)
        self.assertEqual(self._total(), (201, TOTAL - 7))
