# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Events with the rollups of their periods and days kept up in the same transaction.

Floor: the same rows into the same store without rollups. Both take turns batch by
batch, in sources of their own. Afterwards the rollups are compared with the events.
"""

from events import BATCH, Month, create_customers, create_source, send, watch_all
from run import Result

ROWS = {"small": 300_000, "full": 5_000_000}


def measure(env, size):
    month = Month(ROWS[size])
    subscriptions = create_customers(env, month.customers)
    sources = {
        rollups: create_source(env, f"rollups-{rollups}") for rollups in (True, False)
    }
    spent = {True: [0.0, 0.0], False: [0.0, 0.0]}
    # The other source's events count in no rollup: its month comes with other ids.
    for rows in month.batches():
        for rollups, source in sources.items():
            with watch_all(env) as watch:
                result = send(env, source, rows, rollups=rollups)
            if result.accepted != len(rows):
                raise RuntimeError(f"{result} and not {len(rows)} new rows")
            spent[rollups][0] += watch.wall
            spent[rollups][1] += watch.cpu
    env.cr.execute(
        "SELECT sum(event_count), sum(value_sum), count(*) FROM usage_store_rollup"
        " WHERE bucket = '-infinity'"
    )
    counted, total, groups = env.cr.fetchone()
    env.cr.execute(
        "SELECT count(*), sum(value) FROM usage_store_event WHERE source_id = %s",
        [sources[True].id],
    )
    stored, stored_total = env.cr.fetchone()
    if (counted, total) != (stored, stored_total) or stored != month.count:
        raise RuntimeError(f"rollups {counted}, {total}: events {stored_total}")
    env.cr.execute("SELECT count(*) FROM usage_store_rollup WHERE bucket IS NOT NULL")
    (rollup_rows,) = env.cr.fetchone()
    (wall, cpu), (floor_wall, floor_cpu) = spent[True], spent[False]
    return Result(
        figure=month.count / wall,
        unit="rows/s",
        floor=month.count / floor_wall,
        ratio=floor_wall / wall,
        cpu_ratio=floor_cpu / cpu,
        goal=0.6,
        minimum=0.35,
        extra={
            "rows": month.count,
            "batch": BATCH,
            "subscriptions": len(subscriptions),
            "groups": groups,
            "rollup_rows": rollup_rows,
            "cpu_us_per_row": cpu / month.count * 1e6,
            "floor_cpu_us_per_row": floor_cpu / month.count * 1e6,
        },
    )
