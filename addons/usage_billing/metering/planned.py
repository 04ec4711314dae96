"""Statements that every request executes, as functions of the database.

PostgreSQL plans a statement that it is sent anew each time: for the sums of one event
that costs three times what carrying it out does. Statements of a PL/pgSQL function are
planned once a session (PostgreSQL documentation, "Plan Caching" of PL/pgSQL); requests
that store events keep theirs, see :mod:`.sessions`.
"""

COLUMNS = (
    "subscription_id, period_id, meter_id, dimset_id, bucket, event_count, value_sum,"
    " value_min, value_max, first_time, last_time, watermark"
)

#: What becomes of a row of sums that is there already.
MERGE = (
    "ON CONFLICT (period_id, meter_id, dimset_id, bucket) DO UPDATE SET"
    " event_count = r.event_count + excluded.event_count,"
    " value_sum = r.value_sum + excluded.value_sum,"
    " value_min = least(r.value_min, excluded.value_min),"
    " value_max = greatest(r.value_max, excluded.value_max),"
    " first_time = least(r.first_time, excluded.first_time),"
    " last_time = greatest(r.last_time, excluded.last_time),"
    " watermark = greatest(r.watermark, excluded.watermark)"
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
        f" {MERGE}"
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

#: Neither a rebuild of rollups nor the cut of a period may pass between a look at what
#: changed and the append that follows; so the lock comes first.
_LOCK = "LOCK TABLE usage_store_gate IN ROW EXCLUSIVE MODE"
#: Whether something was noted since a snapshot.
_IS_CHANGED = """EXISTS (
        SELECT FROM usage_store_change c
         WHERE c.xid >= pg_snapshot_xmin(seen)
           AND NOT pg_visible_in_snapshot(c.xid, seen))"""
#: What a process kept since a snapshot still holds: nothing noted since then.
_STATE = f"""
CREATE OR REPLACE FUNCTION usage_store_state(
    seen pg_snapshot, OUT database oid, OUT snapshot text, OUT is_read_committed bool,
    OUT is_changed bool
) LANGUAGE plpgsql AS $$
BEGIN
    {_LOCK};
    SELECT d.oid, pg_current_snapshot()::text,
           current_setting('transaction_isolation') = 'read committed',
           {_IS_CHANGED}
      INTO database, snapshot, is_read_committed, is_changed
      FROM pg_database d WHERE d.datname = current_database();
END $$;
"""
STATE = "SELECT * FROM usage_store_state(%s::pg_snapshot)"

#: A few rows of one request, with their sums and their batch, see :mod:`.few`. Either
#: all of them are stored, and ``number`` is the batch; or nothing is, because what the
#: process knows of this database since a snapshot does not hold any more
#: (``is_changed``), or a row is not new. Without a snapshot nobody looks what changed.
#:
#: ``wanted`` are routes that may be new; a row names the n-th by -n, and ``given`` are
#: their numbers. A new one is written last: who waits for it waits for a commit only.
#:
#: One row after the other: for a few, that costs less than to unfold arrays into a
#: query. ``subscriptions`` and what follows are rows of rollups, those of whole periods
#: too, in the order of their keys; the batch is what ``ingesting`` writes otherwise.
_FEW = f"""
CREATE OR REPLACE FUNCTION usage_store_few(
    known oid, seen pg_snapshot, batch int, source int, company int, title text,
    arrived timestamp, seconds float8,
    identities uuid[], keys uuid[], moments timestamp[], contents bigint[],
    ordinals int[], routes int[], wanted jsonb, lines int[], event_ids text[],
    quantities numeric[], amounts numeric[], documents text[],
    subscriptions int[], periods int[], meters int[], dimsets int[], days date[],
    counts bigint[], sums numeric[], lows numeric[], highs numeric[],
    firsts timestamp[], lasts timestamp[],
    OUT snapshot text, OUT is_changed bool, OUT number int, OUT given int[]
) LANGUAGE plpgsql AS $$
DECLARE
    has_new bool[];
    total CONSTANT int := array_length(keys, 1);
BEGIN
    {_LOCK};
    SELECT pg_current_snapshot()::text, d.oid <> known OR {_IS_CHANGED}
      INTO snapshot, is_changed
      FROM pg_database d WHERE d.datname = current_database();
    IF is_changed THEN
        RETURN;
    END IF;
    batch := coalesce(batch, nextval('usage_batch_id_seq'));
    BEGIN
        IF wanted IS NOT NULL THEN
            SELECT array_agg(coalesce(
                       r.id, nextval('usage_store_route_id_seq')::int) ORDER BY w.n),
                   array_agg(r.id IS NULL ORDER BY w.n)
              INTO given, has_new
              FROM jsonb_array_elements(wanted) WITH ORDINALITY AS w(facts, n)
              LEFT JOIN usage_store_route r ON r.hash = (w.facts->>'hash')::uuid;
            FOR i IN 1..total LOOP
                IF routes[i] < 0 THEN
                    routes[i] := given[-routes[i]];
                END IF;
            END LOOP;
        END IF;
        FOR i IN 1..total LOOP
            IF identities IS NOT NULL THEN
                INSERT INTO usage_store_identity (identity, payload_hash, time)
                VALUES (identities[i], contents[i], moments[i]);
            END IF;
            INSERT INTO usage_store_fact (
                id, time, payload_hash, key, route_id, row_number, event_id, value,
                amount, properties)
            VALUES (
                (batch::bigint << 31) + ordinals[i], moments[i], contents[i], keys[i],
                routes[i], lines[i], event_ids[i], quantities[i], amounts[i],
                documents[i]::jsonb);
        END LOOP;
        FOR i IN 1..coalesce(array_length(days, 1), 0) LOOP
            INSERT INTO usage_store_rollup AS r ({COLUMNS})
            VALUES (
                subscriptions[i], periods[i], meters[i], dimsets[i], days[i], counts[i],
                sums[i], lows[i], highs[i], firsts[i], lasts[i], arrived)
            {MERGE};
        END LOOP;
        IF wanted IS NOT NULL THEN
            INSERT INTO usage_store_route (
                id, hash, company_id, source_id, subscription_id, period_id, dimset_id,
                kind, currency, type, subject)
            SELECT given[w.n], w.hash, company, source, w.subscription_id, w.period_id,
                   w.dimset_id, w.kind, w.currency, w.type, w.subject
              FROM ROWS FROM (jsonb_to_recordset(wanted) AS (
                       hash uuid, subscription_id int, period_id int, dimset_id int,
                       kind "char", currency text, type text, subject text))
                   WITH ORDINALITY AS w(
                       hash, subscription_id, period_id, dimset_id, kind, currency,
                       type, subject, n)
             WHERE has_new[w.n];
        END IF;
    EXCEPTION WHEN unique_violation OR check_violation THEN
        RETURN;
    END;
    seconds := seconds
        + extract(epoch FROM clock_timestamp() - statement_timestamp());
    INSERT INTO usage_batch (
        id, name, source_id, company_id, state, is_replay, received_at, duration_s,
        rows_read, accepted_count, duplicate_count, quarantined_count, ignored_count,
        create_date, write_date)
    VALUES (
        batch, title, source, company, 'done', false, arrived, seconds,
        total, total, 0, 0, 0, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC');
    number := batch;
END $$;
"""


#: In whatever form they were made.
_DROP = """
DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN
        SELECT oid FROM pg_proc WHERE pronamespace = current_schema::regnamespace
           AND proname IN ('usage_store_add', 'usage_store_state', 'usage_store_few')
    LOOP
        EXECUTE 'DROP FUNCTION ' || found;
    END LOOP;
END $$;
"""


def create(cursor):
    """Create the functions, in the form of today."""
    cursor.execute(_DROP + _ADD + _STATE + _FEW)


def drop(cursor):
    """Drop the functions (uninstall of the add-on)."""
    cursor.execute(_DROP)
