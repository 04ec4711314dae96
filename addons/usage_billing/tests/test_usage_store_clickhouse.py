"""The store tests once more, with the events in ClickHouse (chDB).

Every other delivery is shipped at once and the rest stays on its way, so that questions
are answered from both sides of the outbox.
"""

import atexit
import os
import shutil
import tempfile
import time
from contextlib import nullcontext

from odoo.tests import tagged

from ..metering.clickhouse.driver import connect
from ..metering.clickhouse.embedded import EmbeddedDriver
from ..metering.clickhouse.store import ClickhouseStore
from ..metering_engine import URL, driver_of

# modules, because a class that is imported would be played here a second time
from . import test_usage_aggregation, test_usage_corrections, test_usage_store

#: Address of a server to run these tests on instead; its tables are emptied.
SERVER = os.environ.get("RELEVE_CLICKHOUSE_URL")

_directories = []


def store_url():
    """Where these tests keep their events."""
    if SERVER and not _directories:
        _directories.append(SERVER)
        for table in ("usage_owner", "usage_event"):
            connect(SERVER).execute(f"DROP TABLE IF EXISTS {table}")
    return SERVER or f"chdb://{chdb_directory()}"


def chdb_directory():
    """A directory of its own for the tests of this process."""
    if not _directories:
        _directories.append(tempfile.mkdtemp(prefix="chdb-"))
        atexit.register(_remove, _directories[0])
    return _directories[0]


def _remove(directory):
    EmbeddedDriver(directory).stop()
    shutil.rmtree(directory, ignore_errors=True)


class ClickhouseCase:
    """The company's engine is ClickHouse; mixed into a store test."""

    #: one of so many deliveries is shipped at once
    ship_every = 2
    deliveries = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param(URL, store_url())
        cls.env.company.usage_store_engine = "clickhouse"

    def _callTestMethod(self, method):
        """Without 256-bit numbers some things cannot be asked, and say so."""
        if not SERVER or driver_of(self.env).modern:
            return super()._callTestMethod(method)
        try:
            return super()._callTestMethod(method)
        except Exception as error:
            told = f"{error}{error.__cause__}{error.__context__}"
            if any(
                word in told for word in ("nt256", "al256", "old_server", "too old")
            ):
                self.skipTest("this server is older than 21.8: no 256-bit numbers")
            raise

    def subTest(self, *arguments, **options):
        """On a server one part that cannot be asked ends the whole test, see above."""
        return nullcontext() if SERVER else super().subTest(*arguments, **options)

    def setUp(self):
        super().setUp()
        # what an earlier test shipped was rolled back in PostgreSQL, not here
        driver_of(self.env).execute("TRUNCATE TABLE usage_event")

    def _send(self, rows, source=None, **kw):
        batch = super()._send(rows, source, **kw)
        self._ship_some()
        return batch

    def _ship_some(self):
        ClickhouseCase.deliveries += 1
        if not ClickhouseCase.deliveries % self.ship_every:
            self._ship_all()

    def _ship_all(self):
        waiting = self.env["usage.shipment"].search([("state", "!=", "done")])
        self.assertEqual(
            waiting._ship(driver_of(self.env), commit=lambda: None), len(waiting)
        )
        self.assertFalse(waiting.filtered("error"))

    def _mutate(self, statement):
        """Change rows in ClickHouse itself, and wait until that is done."""
        driver_of(self.env).execute(statement)
        self._wait_for_mutations()

    def _wait_for_mutations(self):
        """Servers change rows when they like to."""
        end = time.monotonic() + 30
        while time.monotonic() < end and driver_of(self.env).query(
            "SELECT 1 FROM system.mutations WHERE is_done = 0 LIMIT 1"
        ):
            time.sleep(0.05)

    def test_the_engine_is_clickhouse(self):
        self.assertIsInstance(self.store._postgres(), ClickhouseStore)


@tagged("post_install", "-at_install")
class TestUsageStoreClickhouse(ClickhouseCase, test_usage_store.TestUsageStore):
    """Store tests, half of the deliveries shipped."""


@tagged("post_install", "-at_install")
class TestUsageAggregationClickhouse(
    ClickhouseCase, test_usage_aggregation.TestUsageAggregation
):
    """Aggregations, every delivery shipped."""

    ship_every = 1


@tagged("post_install", "-at_install")
class TestUsageByBucketClickhouse(
    ClickhouseCase, test_usage_aggregation.TestUsageByBucket
):
    """Hours, days and months, half of the deliveries shipped."""


@tagged("post_install", "-at_install")
class TestUsageCorrectionsClickhouse(
    ClickhouseCase, test_usage_corrections.TestUsageCorrections
):
    """Voids and amendments, half of the deliveries shipped, the corrections too."""

    def _void(self, *events, **kw):
        result = super()._void(*events, **kw)
        self._ship_some()
        return result

    def _amend(self, *rows, times=None, **kw):
        result = super()._amend(*rows, times=times, **kw)
        self._ship_some()
        return result
