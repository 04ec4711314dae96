# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""A month's bill for every customer and meter: from rollups, and from the events.

Floor: ``sum ... group by`` of the same events in a bare table, read the same way.
Figure: processor time of the quantities from rollups, as a share of the floor. Both
ways must give the same quantities to the last digit, and the same amounts to the cent
when each is priced in two tiers and rounded half up.
"""

from decimal import ROUND_HALF_UP, Decimal

from events import Month, create_customers, create_source, send, watch_all
from run import Part, Result

from odoo import fields

#: At any size: with fewer, what does not grow with them outweighs the sums.
ROWS = 5_000_000
#: The server's processor time comes in hundredths of a second: each way is repeated.
TIMES = {"rollups": 10, "events": 5, "floor": 5}
TIER, CHEAP, DEAR = Decimal(1000), Decimal("0.0017"), Decimal("0.0029")


def priced(quantity):
    """Amount of a quantity in two tiers, rounded once."""
    low = min(quantity, TIER)
    exact = low * DEAR + (quantity - low) * CHEAP
    return exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def measure(env, _size):
    month = Month(ROWS)
    subscriptions = create_customers(env, month.customers)
    source = create_source(env, "bill")
    for rows in month.batches():
        send(env, source, rows, rollups=True)
    env.cr.execute(
        "CREATE TABLE bench_bare AS SELECT subscription_id, type, time, value"
        " FROM usage_store_event WHERE source_id = %s",
        [source.id],
    )
    env.cr.execute("ANALYZE")
    env.cr.commit()
    store = env["usage.batch"]._store()
    periods = subscriptions.period_ids.filtered(
        lambda period: str(period.local_start) in ("2026-10-01", "2026-11-01")
    )
    meters = env["usage.meter"].search([("code", "like", ".")])
    ever = fields.Datetime.to_datetime("2100-01-01")
    ways = {"rollups": {}, "events": {"as_of": ever}}
    # The processor time of parallel workers is nobody's once they are gone.
    env.cr.execute("SET max_parallel_workers_per_gather = 0")
    spent, found = {}, {}
    for way, options in ways.items():
        store.quantities(periods[:1], meters, **options)
        with watch_all(env) as watch:
            for _time in range(TIMES[way]):
                found[way] = store.quantities(periods, meters, **options)
        watch.cpu, watch.wall = watch.cpu / TIMES[way], watch.wall / TIMES[way]
        spent[way] = watch
        env.cr.commit()
    with watch_all(env) as evidence:
        aggregates = store.aggregate(periods, meters, dimensions=False)
    if len(aggregates) != len(found["rollups"]):
        raise RuntimeError("aggregates and quantities are of other periods")
    with watch_all(env) as floor:
        for _time in range(TIMES["floor"]):
            env.cr.execute(
                "SELECT subscription_id, type, sum(value) FROM bench_bare GROUP BY 1, 2"
            )
            bare = env.cr.fetchall()
        env.cr.commit()
    floor.cpu, floor.wall = floor.cpu / TIMES["floor"], floor.wall / TIMES["floor"]
    if found["rollups"] != found["events"] or not found["events"]:
        raise RuntimeError("rollups and events give other quantities")
    amounts = {
        way: sum(map(priced, quantities.values())) for way, quantities in found.items()
    }
    if amounts["rollups"] != amounts["events"]:
        raise RuntimeError(f"amounts differ: {amounts}")
    rollups, events = spent["rollups"], spent["events"]
    env.cr.execute("DROP TABLE bench_bare")
    env.cr.commit()
    return Result(
        figure=rollups.cpu / floor.cpu,
        unit="of the floor's processor time",
        floor=1.0,
        ratio=rollups.wall / floor.wall,
        cpu_ratio=rollups.cpu / floor.cpu,
        goal=0.05,
        minimum=0.05,
        higher_is_better=False,
        parts={
            "events_to_bare_sum": Part(
                events.cpu / floor.cpu, 1.3, 1.3, higher_is_better=False
            )
        },
        extra={
            "events": month.count,
            "groups": len(found["events"]),
            "bare_groups": len(bare),
            "rollups_cpu_s": rollups.cpu,
            "events_cpu_s": events.cpu,
            "aggregates_cpu_s": evidence.cpu,
            "floor_cpu_s": floor.cpu,
            "share_of_events": rollups.cpu / events.cpu,
            "amount": str(amounts["events"]),
        },
    )
