"""Events for the benchmarks of the store: one month of a provider's usage.

The distribution that the bars were measured on: per batch in the order of arrival,
customers of very different weight, five meters, quantities of three decimals, three
dimensions of few values, ids of 36 characters that are UUIDs of version 7, and 100
events for each customer and meter. The same in every run.
"""

import random
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from types import MappingProxyType
from uuid import UUID

from run import Watch, backend_seconds
from scene import create_plan, create_subscriptions

from odoo.addons.usage_billing.metering import EventRow, connection

START = datetime(2026, 10, 1)
SECONDS = 31 * 86_400
TYPES = ("vm.hours", "disk.gb", "net.egress", "api.calls", "backup.gb")
#: events of one customer and meter, on average
DENSITY = 100
BATCH = 100_000
_EPOCH_MS = int((START - datetime(1970, 1, 1)).total_seconds() * 1000)


class Month:
    """A month of events: ``customers`` follows from how many there are.

    :param int count: events of the month
    :param int seed: another seed makes other events with other ids
    """

    def __init__(self, count, seed=1):
        self.count = count
        self.seed = seed
        self.customers = max(1, count // (DENSITY * len(TYPES)))
        self.step = SECONDS / count
        self.dimensions = [
            MappingProxyType({"region": region, "class": kind, "zone": zone})
            for region in ("fr-par", "fr-lyo", "nl-ams")
            for kind in ("s", "m")
            for zone in ("a", "b")
        ]

    def batches(self, size=BATCH):
        """Lists of rows, one batch after the other, made when asked for."""
        for number in range(-(-self.count // size)):
            yield self.rows(number * size, min(self.count, (number + 1) * size))

    def rows(self, start, end):
        """Rows by position. Each customer's resources stay in one place."""
        draw = random.Random(f"{self.seed} {start}")
        shapes, rows = self.dimensions, []
        for number in range(start, end):
            moment = START + timedelta(seconds=number * self.step)
            milliseconds = _EPOCH_MS + int(number * self.step * 1000)
            customer = int(self.customers * draw.random() ** 2)
            kind = draw.randrange(len(TYPES))
            bits = milliseconds << 80 | 7 << 76 | 2 << 62 | draw.getrandbits(62)
            rows.append(
                EventRow(
                    event_id=str(UUID(int=bits | draw.getrandbits(12) << 64)),
                    type=TYPES[kind],
                    subject=f"account-{customer:06d}",
                    time=moment,
                    value=Decimal(draw.randrange(1, 1_000_000)).scaleb(-3),
                    dimensions=shapes[(customer * 7 + kind) % len(shapes)],
                    row_number=number + 1,
                )
            )
        return rows


def create_customers(env, count):
    """Subscriptions with the subjects of a month, and its five meters."""
    subscriptions = create_subscriptions(
        env, create_plan(env), count, date_start="2026-09-01"
    )
    for number, subscription in enumerate(subscriptions):
        subscription.subject_ids.subject = f"account-{number:06d}"
    subscriptions._ensure_periods(START + timedelta(days=62))
    env["usage.meter"].create(
        [
            {"name": kind, "code": kind, "event_type": kind, "aggregation": "sum"}
            for kind in TYPES
        ]
    )
    env.cr.commit()
    return subscriptions


def create_source(env, code, strict=False):
    """A source whose ids carry their time, or one with a register of ids."""
    vals = {"identity_mode": "strict"} if strict else {"identity_mode": "time_keyed"}
    source = env["usage.source"].create(
        {
            "name": code,
            "code": code,
            "id_format": "uuid7",
            "future_tolerance_min": -1,
            **vals,
        }
    )
    env.cr.commit()
    return source


def send(env, source, rows, rollups=False):
    """Store one batch and commit it, as an import does.

    :return: metering.AppendResult
    """
    with connection(env(su=True)) as import_env:
        batch = import_env["usage.batch"].create(
            {"name": "Bench", "source_id": source.id}
        )
        result = batch._append(rows, rollups=rollups)
    return result


@contextmanager
def watch_all(env):
    """Measure a block: processor time of this process and of all the server processes
    that work for its database, which Odoo keeps open between transactions.
    """
    spent = Watch()
    before = _server_seconds(env)
    wall, cpu = perf_counter(), process_time()
    yield spent
    spent.wall = perf_counter() - wall
    spent.cpu = process_time() - cpu
    after = _server_seconds(env)
    spent.cpu += sum(after[pid] - before.get(pid, 0) for pid in after)


def _server_seconds(env):
    """{pid: processor seconds} of the server processes of this database."""
    env.cr.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    )
    pids = [pid for (pid,) in env.cr.fetchall()]
    env.cr.commit()
    return {
        pid: backend_seconds([pid]) for pid in pids if Path(f"/proc/{pid}").exists()
    }
