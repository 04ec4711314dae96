"""Statements that every request executes, as functions of the database.

PostgreSQL plans a statement that it is sent anew each time: for the sums of one event
that costs three times what carrying it out does. Statements of a PL/pgSQL function are
planned once a session (PostgreSQL documentation, "Plan Caching" of PL/pgSQL), whichever
way connections are shared.
"""

COLUMNS = (
    "subscription_id, period_id, meter_id, dimset_id, bucket, event_count, value_sum,"
    " value_min, value_max, first_time, last_time, watermark"
)


def adding(days):
    """SQL that adds sums of days to the rollups: to those of the days, and to those of
    the whole periods.

    Rows are written in the order of their keys: that keeps two appends that meet from
    waiting for each other in a circle.

    :param str days: table or query name with COLUMNS
    """
    return (
        f"INSERT INTO usage_store_rollup AS r ({COLUMNS})"
        f" SELECT {COLUMNS} FROM {days} UNION ALL"
        " SELECT subscription_id, period_id, meter_id, dimset_id, '-infinity',"
        " sum(event_count), sum(value_sum), min(value_min), max(value_max),"
        f" min(first_time), max(last_time), max(watermark) FROM {days}"
        " GROUP BY subscription_id, period_id, meter_id, dimset_id"
        " ORDER BY period_id, meter_id, dimset_id, bucket"
        " ON CONFLICT (period_id, meter_id, dimset_id, bucket) DO UPDATE SET"
        " event_count = r.event_count + excluded.event_count,"
        " value_sum = r.value_sum + excluded.value_sum,"
        " value_min = least(r.value_min, excluded.value_min),"
        " value_max = greatest(r.value_max, excluded.value_max),"
        " first_time = least(r.first_time, excluded.first_time),"
        " last_time = greatest(r.last_time, excluded.last_time),"
        " watermark = greatest(r.watermark, excluded.watermark)"
    )


def _moment(column):
    """SQL of a time from its microseconds since 2000-01-01.

    Factors of an interval are floats: seconds and the rest by themselves are exact.
    """
    return (
        f"'2000-01-01'::timestamp + {column} / 1000000 * '1 second'::interval"
        f" + {column} % 1000000 * '1 microsecond'::interval"
    )


#: Parallel arrays of sums of days, times in microseconds since 2000-01-01.
_ADD = f"""
CREATE OR REPLACE FUNCTION usage_store_add(
    subscriptions int[], periods int[], meters int[], dimsets int[], days date[],
    counts bigint[], sums numeric[], lows numeric[], highs numeric[], firsts bigint[],
    lasts bigint[], received_at timestamp
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    WITH staged ({COLUMNS}) AS (
        SELECT s, p, m, d, b, n, t, l, h, {_moment("f")}, {_moment("a")}, received_at
          FROM unnest(subscriptions, periods, meters, dimsets, days, counts, sums, lows,
                      highs, firsts, lasts) AS g(s, p, m, d, b, n, t, l, h, f, a))
    {adding("staged")};
END $$;
"""

#: What a process kept since a snapshot still holds: nothing noted since then. Neither a
#: rebuild of rollups nor the cut of a period may pass between this look and the append
#: that follows; so the lock comes first.
_STATE = """
CREATE OR REPLACE FUNCTION usage_store_state(
    seen pg_snapshot, OUT database oid, OUT snapshot text, OUT is_read_committed bool,
    OUT is_changed bool
) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE usage_store_rollup IN ROW EXCLUSIVE MODE;
    SELECT d.oid, pg_current_snapshot()::text,
           current_setting('transaction_isolation') = 'read committed',
           EXISTS (SELECT FROM usage_store_change c
                   WHERE c.xid >= pg_snapshot_xmin(seen)
                     AND NOT pg_visible_in_snapshot(c.xid, seen))
      INTO database, snapshot, is_read_committed, is_changed
      FROM pg_database d WHERE d.datname = current_database();
END $$;
"""
STATE = "SELECT * FROM usage_store_state(%s::pg_snapshot)"


def create(cursor):
    """Create the functions, or replace them by those of today."""
    cursor.execute(_ADD + _STATE)


def drop(cursor):
    """Drop the functions (uninstall of the add-on)."""
    for name in ("add", "state"):
        cursor.execute(f"DROP FUNCTION IF EXISTS usage_store_{name}")
