"""Months leave while others write: real connections that commit."""

import tempfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread

from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..metering import archive, schema

# a module, because a class that is imported would be played here a second time
from . import test_usage_store_two_connections as two

MONTH = 199805
OLD = [
    row._replace(time=datetime(1998, 5, 10) + timedelta(minutes=row.row_number))
    for row in two.ROWS[:4]
]


@tagged("post_install", "-at_install")
class TestMonthRace(two.TwoConnectionsCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(self._remove_files)
        with self._transaction() as env:
            schema.create_leaves(env.cr, [MONTH])
        with self._transaction() as env:
            env["ir.config_parameter"].set_param(
                "usage_billing.archive_folder", str(self.folder)
            )
            subscription = env["usage.subscription"].browse(self.subscription_id)
            early = subscription.copy(
                {"date_start": "1998-05-01", "date_end": "1998-07-01"}
            )
            early.state = "active"
            env["usage.subject"].create(
                {"subject": "race-2", "subscription_id": early.id}
            )
            early._ensure_periods()
            self.period_ids = early.period_ids.ids
            self._append(env, [row._replace(subject="race-2") for row in OLD])
            self._bill(env)

    def _remove_files(self):
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.folder.rmdir()

    def _remove(self):
        with self._transaction() as env:
            env.cr.execute("DELETE FROM usage_store_month WHERE month = %s", [MONTH])
            env.cr.execute(
                "DELETE FROM usage_store_month_period WHERE month = %s", [MONTH]
            )
            env.cr.execute(
                "DELETE FROM ir_config_parameter"
                " WHERE key = 'usage_billing.archive_folder'"
            )
            env.cr.execute("DELETE FROM usage_store_identity WHERE time < '1998-06-01'")
            env.cr.execute(f"DROP TABLE IF EXISTS {schema.leaf(MONTH)}")
        return super()._remove()

    def _bill(self, env):
        periods = env["usage.period"].browse(self.period_ids)
        prints = env["usage.batch"]._store().fingerprints(periods)
        for period in periods:
            period.write(
                {"state": "billed", "billed_fingerprint": prints.get(period.id, "")}
            )

    def _move(self, order):
        """Ask for a month to be moved, as a button does.

        :return: manifest, or the sentence that refuses
        """
        with self._transaction() as env:
            env.cr.execute("SELECT FROM usage_store_rollup LIMIT 1")  # a snapshot
            try:
                return env["usage.store.month"]._move(MONTH, order)
            except UserError as error:
                return str(error)

    def _while_voiding(self, order, *numbers):
        """Move the month while a void is about to be committed."""
        found = []
        with self._transaction("READ COMMITTED") as env:
            self._void(env, *numbers)
            thread = Thread(target=lambda: found.append(self._move(order)))
            thread.start()
            self._wait_for_lock(env.cr)
        thread.join(30)
        self.assertFalse(thread.is_alive())
        return found[0]

    def _sum(self):
        with self._transaction() as env:
            store = env["usage.batch"]._store()
            periods = env["usage.period"].browse(self.period_ids)
            meter = env["usage.meter"].browse(self.meter_id)
            self.assertEqual(store.verify(periods, meter), [])
            env.cr.execute(
                "SELECT count(*) FROM usage_store_event WHERE period_id = ANY(%s)",
                [self.period_ids],
            )
            (rows,) = env.cr.fetchone()
            return rows, sum(row.quantity for row in store.aggregate(periods, meter))

    def test_a_month_waits_for_a_void_and_stays(self):
        self.assertIn("reads it again", self._while_voiding("_archive", 3))
        self.assertEqual(self._sum(), (5, Decimal(7)))
        with self._transaction() as env:
            self._bill(env)
        self.assertEqual(self._move("_archive")["events"], 5)

    def test_a_part_waits_for_a_void_and_stays(self):
        self.assertEqual(self._move("_archive")["events"], 4)
        self.assertIn("reads it again", self._while_voiding("_archive", 3))
        # a second one, of an event that is back already
        with self._transaction() as env:
            self._bill(env)
        self.assertIn("reads it again", self._while_voiding("_archive", 2))
        self.assertEqual(self._sum(), (6, Decimal(5)))
        with self._transaction() as env:
            self._bill(env)
        first = self.folder / "1998-05"
        self.assertTrue((first / archive.FILE).exists())
        self.assertEqual(self._move("_archive")["events"], 6)
        self.assertFalse(first.exists())
        self._move("_restore")
        self.assertEqual(self._sum(), (6, Decimal(5)))

    def test_a_month_comes_back_whole_beside_a_void(self):
        self._move("_archive")
        self.assertEqual(self._while_voiding("_restore", 3)["events"], 4)
        self.assertEqual(self._sum(), (5, Decimal(7)))

    def test_the_archive_of_an_original_is_not_deleted_by_its_copy(self):
        self._move("_archive")
        theirs = self.folder / "1998-05" / archive.FILE
        ours = self.folder / "copy"
        with self._transaction() as env:
            env["ir.config_parameter"].set_param(
                "usage_billing.archive_folder", str(ours)
            )
            self._void(env, 3)
            self._bill(env)
        self.assertEqual(self._move("_archive")["events"], 5)
        self.assertTrue(theirs.exists())
        self.assertTrue((ours / "1998-05" / archive.FILE).exists())

    def test_two_corrections_of_an_archived_period_at_once(self):
        self._move("_archive")
        (result,) = self._meet(
            lambda env: self._void(env, 3), [lambda env: self._void(env, 3, 2)]
        )
        self.assertEqual(
            [(one.event_id, one.status) for one in result.outcomes],
            [("race-3", "already"), ("race-2", "voided")],
        )
        self.assertEqual(self._sum(), (6, Decimal(5)))

    @mute_logger("odoo.sql_db")
    def test_who_began_before_a_month_left_begins_again(self):
        """A form that was opened before: nothing is "unknown", nothing too small."""
        with self._transaction() as env:
            ids = env["usage.event"].search([("subject", "=", "race-2")]).ids
            env["usage.meter"].browse(self.meter_id).write(
                {"aggregation": "percentile", "percentile": "50"}
            )

        def aggregate(env):
            store = env["usage.batch"]._store()
            periods = env["usage.period"].browse(self.period_ids)
            return store.aggregate(periods, env["usage.meter"].browse(self.meter_id))

        def void_rows(env):
            batch = env["usage.batch"].create(
                {"name": "Race", "source_id": self.sources["strict"]}
            )
            return env["usage.batch"]._store().void(batch, ids, "Race")

        def find(env):
            source = env["usage.source"].browse(self.sources["strict"])
            return env["usage.batch"]._store().find_archived(source, "race-3")

        for ask in (lambda env: self._void(env, 3), void_rows, aggregate, find):
            with self.assertRaises(SerializationFailure), self._transaction() as env:
                env.cr.execute("SELECT 1 FROM usage_store_rollup LIMIT 1")
                self._move("_archive")
                ask(env)
            self._move("_restore")
        self._move("_archive")
        with self._transaction() as env:
            (outcome,) = self._void(env, 3).outcomes
        self.assertEqual((outcome.event_id, outcome.status), ("race-3", "voided"))
