# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sums of a month's events: the embedded ClickHouse against PostgreSQL, same run.

The question is the one of a bill: quantity and number of events of every customer,
meter and dimension set, read from the events. Three answers are timed, in processor
time of everything that works for them, and compared to the last digit:

    bare    one ``sum ... group by`` of PostgreSQL over its own narrow table
    floor   PostgreSQL's statement over the events, as a person would write it
    figure  the same statement of chDB
    store   both engines through the event store, Python and values included

Shipping is timed too: rows out of PostgreSQL, into ClickHouse, compared.
"""

import shutil
import tempfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter, process_time

from events import Month, create_customers, create_source, send
from run import Result, backend_seconds

from odoo.addons.usage_billing.metering.clickhouse import ship
from odoo.addons.usage_billing.metering.clickhouse.snapshot import Snapshot
from odoo.addons.usage_billing.metering.connection import exact_cursor
from odoo.addons.usage_billing.metering.postgres import PostgresStore
from odoo.addons.usage_billing.metering_bridge import Store
from odoo.addons.usage_billing.metering_engine import URL, clickhouse_of, driver_of

#: At any size: with fewer, what does not grow with them outweighs the sums.
EVENTS = 5_000_000
ROUNDS = 30
ENOUGH = 1.5
LATER = datetime(2030, 1, 1)

_FLOOR = """
    SELECT period_id, type, dimset_id, sum(value), count(*)
      FROM usage_store_event WHERE company_id = %s
       AND period_id = ANY(%s) GROUP BY 1, 2, 3
"""
_BARE = "SELECT route_id, sum(value), count(*) FROM usage_store_fact GROUP BY 1"


class Meter:
    """Processor seconds of this process, one backend and the chDB process."""

    def __init__(self, cr, directory=None):
        cr.execute("SELECT pg_backend_pid()")
        self.pids = [cr.fetchone()[0]]
        if directory:
            self.pids.append(int(Path(directory, "pid").read_text()))
        self.cpu = self.wall = 0.0

    @contextmanager
    def watch(self):
        wall, cpu = perf_counter(), process_time() + backend_seconds(self.pids)
        yield
        self.wall = perf_counter() - wall
        self.cpu = process_time() + backend_seconds(self.pids) - cpu


def spent(meter, ask):
    """Processor and wall seconds of one answer, and the answer.

    The system counts processor time in hundredths of a second: the question is put
    until some tenths are together.
    """
    ask()  # plans, caches and code are warm on either side
    cpu = wall = rounds = 0
    while cpu < ENOUGH and rounds < ROUNDS:
        with meter.watch():
            answer = ask()
        cpu, wall, rounds = cpu + meter.cpu, wall + meter.wall, rounds + 1
    return cpu / rounds, wall / rounds, answer


def fill(env, count):
    month = Month(count)
    create_customers(env, month.customers)
    source = create_source(env, "bench")
    for rows in month.batches():
        send(env, source, rows)
    env.cr.execute("ANALYZE")
    env.cr.commit()


def ship_all(env, driver, meter):
    """Ship everything and compare it, as the job does."""
    with meter.watch():
        while ship.enqueue_history(exact_cursor(env.cr), env.company.id):
            env.cr.commit()
        waiting = env["usage.shipment"].search([("state", "!=", "done")], order="id")
        if waiting._ship(driver) != len(waiting):
            raise RuntimeError(waiting.filtered("error")[:1].error)
    return meter.cpu


def clickhouse_sum(env, driver, periods):
    snapshot = Snapshot.load(exact_cursor(env.cr), env.company.id)
    source, tables = snapshot.read(
        driver, ["period_id", "type", "dimset_id", "value"], "1", periods, None
    )
    return driver.query(
        "SELECT period_id, type, dimset_id, sum(value), count()"
        f" FROM ({source}) GROUP BY type, period_id, dimset_id"
        " SETTINGS optimize_aggregation_in_order = 1",
        tables,
    )


def measure(env, _size):
    env = env(user=env.ref("base.user_admin"))
    env.cr.execute("SET max_parallel_workers_per_gather = 0")
    directory = tempfile.mkdtemp(prefix="chdb-bench-")
    env["ir.config_parameter"].set_param(URL, f"chdb://{directory}")
    env.cr.commit()
    driver = driver_of(env)
    try:
        return _measure(env, driver, directory)
    finally:
        driver.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _measure(env, driver, directory):
    fill(env, EVENTS)
    shipping = ship_all(env, driver, Meter(env.cr, directory))
    driver.execute("OPTIMIZE TABLE usage_event FINAL")
    driver.execute("SYSTEM DROP MARK CACHE")
    periods = env["usage.period"].search([])
    meters = env["usage.meter"].search([("aggregation", "=", "sum")])
    spans, specs = Store(env, env.company)._specs(periods, meters)
    cursor = exact_cursor(env.cr)
    cursor.execute("SET max_parallel_workers_per_gather = 0")

    def by_postgres():
        cursor.execute(_FLOOR, [env.company.id, periods.ids])
        return cursor.fetchall()

    def by_postgres_bare():
        cursor.execute(_BARE)
        return cursor.fetchall()

    plain, both = Meter(env.cr), Meter(env.cr, directory)
    bare, bare_wall, _rows = spent(plain, by_postgres_bare)
    floor, floor_wall, wanted = spent(plain, by_postgres)
    figure, wall, found = spent(
        both, lambda: clickhouse_sum(env, driver, set(periods.ids))
    )
    if sorted(map(tuple, found)) != sorted(map(tuple, wanted)):
        raise RuntimeError("the engines do not agree")
    postgres, clickhouse = PostgresStore(cursor), clickhouse_of(env, env.company)
    store_floor, _wall, wanted = spent(
        plain, lambda: postgres.aggregate(spans, specs, as_of=LATER)
    )
    store, _wall, found = spent(both, lambda: clickhouse.aggregate(spans, specs))
    if found != wanted:
        raise RuntimeError("the stores do not agree")
    ((size, parts),) = driver.query(
        "SELECT sum(bytes_on_disk), count() FROM system.parts"
        " WHERE table = 'usage_event' AND active"
    )
    return Result(
        figure=figure,
        unit="processor seconds",
        floor=floor,
        ratio=wall / floor_wall,
        cpu_ratio=figure / floor,
        goal=1 / 23,
        minimum=1 / 15,
        higher_is_better=False,
        extra={
            "events": EVENTS,
            "rows": len(found),
            "wall": wall,
            "floor_wall": floor_wall,
            "bare": bare,
            "bare_wall": bare_wall,
            "bare_ratio": figure / bare,
            "store": store,
            "store_floor": store_floor,
            "store_ratio": store / store_floor,
            "ship_us_per_event": 1e6 * shipping / EVENTS,
            "bytes_per_event": int(size) / EVENTS,
            "parts_on_disk": parts,
            "equal": True,
        },
    )
