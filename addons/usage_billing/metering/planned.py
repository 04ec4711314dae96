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
_KEY = "period_id, meter_id, dimset_id"
#: Figures of a row of sums, and of the day that a row of a whole period holds itself.
_FIGURES = (
    "event_count", "value_sum", "value_min", "value_max", "first_time", "last_time",
    "watermark",
)  # fmt: skip
_DAY = tuple(
    f"day_{name}"
    for name in ("count", "sum", "min", "max", "first", "last", "watermark")
)
_HOLDING = ("day", *_DAY)
DAY_COLUMNS = ", ".join(_HOLDING)
#: Values of a whole period out of a query with COLUMNS; and with the day that it holds.
_WHOLE = f"subscription_id, {_KEY}, '-infinity', {', '.join(_FIGURES)}"
_WHOLE_AND_DAY = f"{_WHOLE}, bucket, {', '.join(_FIGURES)}"

#: The rows that everybody reads, whichever row holds the figures of a day. A branch
#: with a condition would not be planned as part of the reader's query, which then reads
#: all of a meter: so a row that holds no day is one without a bucket here, and a reader
#: asks for buckets.
VIEW = f"""
CREATE OR REPLACE VIEW usage_store_rollup AS
SELECT first_time, last_time, event_count, subscription_id, {_KEY}, bucket, watermark,
       value_sum, value_min, value_max
  FROM usage_store_sum
 UNION ALL
SELECT day_first, day_last, day_count, subscription_id, {_KEY}, day, day_watermark,
       day_sum, day_min, day_max
  FROM usage_store_sum
"""


def _merged(have, new, into=_FIGURES, columns=_FIGURES):
    """SQL that adds figures to those of a row.

    :param str have, new: aliases
    :param into: names of the row's figures; columns: of the new ones
    """
    count, total, low, high, first, last, watermark = into
    count_, total_, low_, high_, first_, last_, watermark_ = columns
    return (
        f"{count} = {have}.{count} + {new}.{count_},"
        f" {total} = coalesce({have}.{total} + {new}.{total_}, {new}.{total_}),"
        f" {low} = least({have}.{low}, {new}.{low_}),"
        f" {high} = greatest({have}.{high}, {new}.{high_}),"
        f" {first} = least({have}.{first}, {new}.{first_}),"
        f" {last} = greatest({have}.{last}, {new}.{last_}),"
        f" {watermark} = greatest({have}.{watermark}, {new}.{watermark_})"
    )


_CONFLICT = "ON CONFLICT (period_id, meter_id, dimset_id, bucket) DO UPDATE SET"
#: What becomes of a row of sums that is there already.
MERGE = f"{_CONFLICT} {_merged('r', 'excluded')}"
#: The same of a whole period and the day it holds, unless it holds another one: then
#: nothing is added, and the row is locked.
_MERGE_OPEN = (
    f"{_CONFLICT} {_merged('r', 'excluded')}, {_merged('r', 'excluded', _DAY, _DAY)}"
    " WHERE r.day = excluded.day"
)
#: The day that the row of a whole period holds, which is there.
_MERGE_HELD = f"{_CONFLICT} {_merged('r', 'excluded', _DAY, _DAY)}"
_SUMMED = (
    "sum(event_count), sum(value_sum), min(value_min), max(value_max),"
    " min(first_time), max(last_time), max(watermark)"
)
#: The row of a period whose key is in ``s``. Statistics know nothing of the periods of
#: a month that has just begun: no query joins this table, whose plan could then compare
#: all with all. Rows are found by conflict or one by one, so by the index.
_ROW = f"({_KEY}, bucket) = (s.period_id, s.meter_id, s.dimset_id, '-infinity')"
_HELD = (
    "EXISTS (SELECT FROM unnest(held_periods, held_meters, held_dimsets, held_days)"
    " AS h(p, m, d, b)"
    " WHERE (p, m, d, b) = (s.period_id, s.meter_id, s.dimset_id, s.bucket))"
)


def _with(beside):
    """WITH, or the one of other queries, to go on with."""
    return f"{beside}," if beside else "WITH"


def _add_any(days, beside=""):
    """Statements that add sums of any days to the rollups: to those of the whole
    periods, to the days that their rows hold, and to the rows of the other days.

    Rows are written in the order of their keys: that keeps two appends that meet from
    waiting for each other in a circle. Rows of days wait for nobody: who adds to one
    has the row of its period.

    :param str days: table or query with COLUMNS; beside: of a WITH that it needs
    """
    return f"""
        {_with(beside)} written AS (
            INSERT INTO usage_store_sum AS r ({COLUMNS})
            SELECT subscription_id, {_KEY}, '-infinity', {_SUMMED} FROM {days}
             GROUP BY subscription_id, {_KEY} ORDER BY {_KEY} {MERGE}
            RETURNING {_KEY}, day)
        SELECT array_agg(period_id), array_agg(meter_id), array_agg(dimset_id),
               array_agg(day)
          INTO held_periods, held_meters, held_dimsets, held_days
          FROM written WHERE day IS NOT NULL;
        IF held_days IS NOT NULL THEN
            {beside} INSERT INTO usage_store_sum AS r ({COLUMNS}, {DAY_COLUMNS})
            SELECT {_WHOLE_AND_DAY}
              FROM {days} s WHERE {_HELD} {_MERGE_HELD};
        END IF;
        {beside} INSERT INTO usage_store_sum AS r ({COLUMNS})
        SELECT {COLUMNS} FROM {days} s WHERE NOT {_HELD}
         ORDER BY {_KEY}, bucket {MERGE};
    """


def _moment(column):
    """SQL of a time from its microseconds since 2000-01-01.

    Factors of an interval are floats: seconds and the rest by themselves are exact.
    """
    return (
        f"'2000-01-01'::timestamp + {column} / 1000000 * '1 second'::interval"
        f" + {column} % 1000000 * '1 microsecond'::interval"
    )


def _microseconds(moment):
    """The other way round: exact, because EXTRACT is numeric."""
    since = f"{moment} - '2000-01-01'::timestamp"
    return f"(extract(epoch FROM {since}) * 1000000)::bigint"


_STAGED = f"""staged ({COLUMNS}) AS MATERIALIZED (
        SELECT s, p, m, d, b, n, t, l, h, {_moment("f")}, {_moment("a")}, received_at
          FROM unnest(subscriptions, periods, meters, dimsets, days, counts, sums, lows,
                      highs, firsts, lasts) AS g(s, p, m, d, b, n, t, l, h, f, a))"""
_TURNED = ", ".join(f"{name} = excluded.{name}" for name in _HOLDING)


def _add(days, beside=""):
    """Statements that add sums to the rollups, where ``is_once`` says that no key has
    two days, and ``first`` is one of their rows. See :func:`_add_any` for the arguments
    and the order of rows.

    First come the rows of periods that hold the day: nearly always, that is all there
    is to be written. The others are locked by then. What they hold becomes a row of its
    own, unless that day is a newer one, or this one has its row: a row goes on to a
    newer day. Rows are looked up one by one, see above.
    """
    return f"""
    -- one tells whether this is a day that is over; if not of all, it is slow
    IF NOT is_once OR EXISTS (
        SELECT FROM usage_store_sum
         WHERE ({_KEY}, bucket)
               = (first.period_id, first.meter_id, first.dimset_id, '-infinity')
           AND day > first.bucket)
    THEN
        {_add_any(days, beside)}
        RETURN;
    END IF;
    {_with(beside)} written AS (
        INSERT INTO usage_store_sum AS r ({COLUMNS}, {DAY_COLUMNS})
        SELECT {_WHOLE_AND_DAY}
          FROM {days} ORDER BY {_KEY} {_MERGE_OPEN}
        RETURNING {_KEY})
    SELECT count(*), array_agg(period_id), array_agg(meter_id), array_agg(dimset_id)
      INTO found, found_periods, found_meters, found_dimsets FROM written;
    IF found = total THEN
        RETURN;
    END IF;
    {_with(beside)} known AS MATERIALIZED (
        SELECT s.*,
               (SELECT h FROM usage_store_sum h WHERE {_ROW}) AS held,
               (SELECT true FROM usage_store_sum WHERE ({_KEY}, bucket)
                    = (s.period_id, s.meter_id, s.dimset_id, s.bucket)) AS has_row
          FROM {days} s WHERE NOT EXISTS (
            SELECT FROM unnest(found_periods, found_meters, found_dimsets)
                   AS w(p, m, d)
             WHERE (p, m, d) = (s.period_id, s.meter_id, s.dimset_id))
    ), turning AS (
        SELECT * FROM known
         WHERE has_row IS NULL AND coalesce((held).day < bucket, true)
    ), late AS (
        SELECT * FROM known WHERE has_row OR (held).day > bucket
    ), flushed AS (
        INSERT INTO usage_store_sum ({COLUMNS})
        SELECT (held).subscription_id, {_KEY},
               {", ".join(f"(held).{name}" for name in _HOLDING)}
          FROM turning WHERE (held).day IS NOT NULL
    ), turned AS (
        INSERT INTO usage_store_sum AS r ({COLUMNS}, {DAY_COLUMNS})
        SELECT {_WHOLE_AND_DAY} FROM turning
        {_CONFLICT} {_merged("r", "excluded")}, {_TURNED}
    ), whole AS (
        INSERT INTO usage_store_sum AS r ({COLUMNS}) SELECT {_WHOLE} FROM late {MERGE}
    )
    INSERT INTO usage_store_sum AS r ({COLUMNS}) SELECT {COLUMNS} FROM late {MERGE};"""


_DECLARE = """
    first usage_store_sum;
    total bigint;
    found bigint;
    found_periods int[];
    found_meters int[];
    found_dimsets int[];
    held_periods int[];
    held_meters int[];
    held_dimsets int[];
    held_days date[];"""
_SETTINGS = "LANGUAGE plpgsql SET enable_seqscan = off"

#: Few sums, as parallel arrays, times in microseconds since 2000-01-01; each key and
#: day once, ``is_once`` when no key has two days.
_ADD = f"""
CREATE OR REPLACE FUNCTION usage_store_add(
    subscriptions int[], periods int[], meters int[], dimsets int[], days date[],
    counts bigint[], sums numeric[], lows numeric[], highs numeric[], firsts bigint[],
    lasts bigint[], received_at timestamp, is_once bool
) RETURNS void {_SETTINGS} AS $$
#variable_conflict use_column
DECLARE{_DECLARE}
BEGIN
    total := array_length(periods, 1);
    first.period_id := periods[1];
    first.meter_id := meters[1];
    first.dimset_id := dimsets[1];
    first.bucket := days[1];
    {_add("staged", f"WITH {_STAGED}")}
END $$;
"""

#: Many sums come by COPY into a table of the session, which costs neither text nor
#: arrays. It is empty whenever a transaction begins.
_STAGE = f"""
CREATE OR REPLACE FUNCTION usage_store_stage() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('pg_temp.usage_stage_sum') IS NULL THEN
        CREATE TEMP TABLE usage_stage_sum (LIKE usage_store_sum) ON COMMIT DELETE ROWS;
    ELSIF EXISTS (SELECT FROM usage_stage_sum) THEN
        TRUNCATE usage_stage_sum;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION usage_store_add_staged(is_once bool) RETURNS void
{_SETTINGS} AS $$
#variable_conflict use_column
DECLARE{_DECLARE}
BEGIN
    SELECT count(*) INTO total FROM usage_stage_sum;
    SELECT * INTO first FROM usage_stage_sum LIMIT 1;
    {_add("usage_stage_sum")}
END $$;
"""
STAGE = "SELECT usage_store_stage()"
COPY_STAGED = (
    "COPY usage_stage_sum (period_id, meter_id, dimset_id, bucket, subscription_id,"
    " event_count, value_sum, value_min, value_max, first_time, last_time, watermark)"
    " FROM STDIN (FORMAT binary)"
)
ADD_STAGED = "SELECT usage_store_add_staged(%s)"

#: Rows of periods give up the days they hold: each day has its row then, for who writes
#: these rows by themselves. The rows of the periods are locked, and those alone are
#: written: a statement that looked again could see one more. Their keys come back: who
#: has the row of a period has the rows of its days.
_SHUT = f"""
CREATE OR REPLACE FUNCTION usage_store_shut(periods int[], meters int[])
RETURNS SETOF int[] {_SETTINGS} AS $$
DECLARE
    s record;
BEGIN
    FOR s IN
        SELECT {_KEY}, day FROM usage_store_sum
         WHERE period_id = ANY(periods) AND meter_id = ANY(meters)
           AND bucket = '-infinity' ORDER BY {_KEY} FOR UPDATE
    LOOP
        RETURN NEXT ARRAY[s.period_id, s.meter_id, s.dimset_id];
        CONTINUE WHEN s.day IS NULL;
        INSERT INTO usage_store_sum ({COLUMNS})
        SELECT subscription_id, {_KEY}, {DAY_COLUMNS} FROM usage_store_sum WHERE {_ROW};
        UPDATE usage_store_sum SET {", ".join(f"{name} = NULL" for name in _HOLDING)}
         WHERE {_ROW};
    END LOOP;
END $$;
"""
SHUT = "SELECT usage_store_shut(%s::int[], %s::int[])"

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
#: query. ``subscriptions`` and what follows are sums of one day for each key, in the
#: order of the keys; the batch is what ``ingesting`` writes otherwise.
_FEW = f"""
CREATE OR REPLACE FUNCTION usage_store_put(
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
            INSERT INTO usage_store_sum AS r ({COLUMNS}, {DAY_COLUMNS})
            VALUES (
                subscriptions[i], periods[i], meters[i], dimsets[i], '-infinity',
                counts[i], sums[i], lows[i], highs[i], firsts[i], lasts[i], arrived,
                days[i], counts[i], sums[i], lows[i], highs[i], firsts[i], lasts[i],
                arrived)
            {_MERGE_OPEN};
            IF NOT FOUND THEN  -- another day
                PERFORM usage_store_add(
                    subscriptions[i:i], periods[i:i], meters[i:i], dimsets[i:i],
                    days[i:i], counts[i:i], sums[i:i], lows[i:i], highs[i:i],
                    ARRAY[{_microseconds("firsts[i]")}],
                    ARRAY[{_microseconds("lasts[i]")}], arrived, true);
            END IF;
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
           AND proname IN ('usage_store_add', 'usage_store_shut', 'usage_store_state',
                          'usage_store_put', 'usage_store_few', 'usage_store_stage',
                          'usage_store_add_staged')
    LOOP
        EXECUTE 'DROP FUNCTION ' || found;
    END LOOP;
END $$;
"""


def create(cursor):
    """Create the functions, in the form of today."""
    cursor.execute(_DROP + _ADD + _STAGE + _SHUT + _STATE + _FEW)


def drop(cursor):
    """Drop the functions (uninstall of the add-on)."""
    cursor.execute(_DROP)
