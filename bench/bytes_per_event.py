# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Bytes of disk that one stored event takes, with everything that belongs to it.

Counted: the tables of the months with all indexes, the dictionaries of routes and
dimension sets with theirs, and for strict identity the registry. Ids have 36
characters and are kept as they came. Figure: for ids that carry their time.
``filled`` in the facts is the same for the months alone.
"""

from events import Month, create_customers, create_source, send
from ingest import forget
from run import Result

ROWS = {"small": 300_000, "full": 5_000_000}


def measure(env, size):
    month = Month(ROWS[size])
    create_customers(env, month.customers)
    found = {}
    for strict in (True, False):
        source = create_source(env, f"strict-{strict}", strict=strict)
        for rows in month.batches():
            send(env, source, rows)
        found[strict] = sizes(env, month.count)
        forget(env)
    keyed = found[False]
    total = sum(keyed.values())
    env.cr.execute(
        "SELECT attname || ' ' || format_type(atttypid, atttypmod)"
        "  FROM pg_attribute WHERE attrelid = 'usage_store_fact'::regclass"
        "   AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    columns = [name for (name,) in env.cr.fetchall()]
    return Result(
        figure=total,
        unit="bytes/event",
        goal=175.0,
        minimum=190.0,
        higher_is_better=False,
        judges_figure=True,
        extra={
            "rows": month.count,
            "customers": month.customers,
            "filled": keyed["heap"] + keyed["indexes"],
            **keyed,
            "strict": sum(found[True].values()),
            "strict_registry": found[True]["registry"],
            "columns": ", ".join(columns),
        },
    )


def sizes(env, count):
    """Bytes an event, by part."""
    env.cr.execute(
        "SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid))"
        "  FROM pg_inherits WHERE inhparent = 'usage_store_fact'::regclass"
    )
    heap, indexes = env.cr.fetchone()
    env.cr.execute(
        "SELECT pg_total_relation_size('usage_store_route')"
        " + pg_total_relation_size('usage_store_dimset'),"
        " pg_total_relation_size('usage_store_identity')"
    )
    dictionaries, registry = env.cr.fetchone()
    env.cr.commit()
    return {
        "heap": float(heap) / count,
        "indexes": float(indexes) / count,
        "dictionaries": float(dictionaries) / count,
        "registry": float(registry) / count,
    }
