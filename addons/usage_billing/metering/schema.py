"""Tables of the event store in PostgreSQL.

``usage_store_event``
    one row per event, append-only, partitioned by month of ``time`` (naive UTC). Each
    month has a unique index on ``key`` alone, which is global because a key begins with
    its time, and BRIN indexes on what a drill-down asks for. BRIN costs a thousandth of
    a B-tree here, and works because a batch is written period by period.
``usage_store_identity``
    registry that makes (company, source, event id) unique across all months
``usage_store_dimset``
    dictionary of dimension sets
``usage_store_rollup``
    sums by (period, meter, dimension set) and bucket: '-infinity' is the whole period,
    a date one local day of it

No foreign key leads here or away: the ORM side refuses to delete what events refer to.
"""

ADVISORY_LOCK = 0x75736167  # "usag"

_TABLES = """
CREATE TABLE IF NOT EXISTS usage_store_event (
    id bigint NOT NULL,
    time timestamp(6) NOT NULL,
    event_time timestamp(6),
    received_at timestamp(6) NOT NULL,
    payload_hash bigint NOT NULL,
    key uuid NOT NULL,
    company_id integer NOT NULL,
    source_id integer NOT NULL,
    batch_id integer NOT NULL,
    subscription_id integer NOT NULL,
    period_id integer NOT NULL,
    dimset_id integer NOT NULL,
    row_number integer NOT NULL,
    kind "char" NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    event_id text NOT NULL,
    value numeric,
    amount numeric,
    currency text,
    properties jsonb
) PARTITION BY RANGE (time);

CREATE TABLE IF NOT EXISTS usage_store_identity (
    identity uuid PRIMARY KEY,
    payload_hash bigint NOT NULL,
    time timestamp(6) NOT NULL
);

CREATE TABLE IF NOT EXISTS usage_store_dimset (
    id serial PRIMARY KEY,
    hash uuid NOT NULL UNIQUE,
    dims jsonb NOT NULL
);

CREATE TABLE IF NOT EXISTS usage_store_rollup (
    first_time timestamp(6) NOT NULL,
    last_time timestamp(6) NOT NULL,
    event_count bigint NOT NULL,
    subscription_id integer NOT NULL,
    period_id integer NOT NULL,
    meter_id integer NOT NULL,
    dimset_id integer NOT NULL,
    bucket date NOT NULL,
    watermark timestamp(6) NOT NULL,
    value_sum numeric,
    value_min numeric,
    value_max numeric,
    PRIMARY KEY (period_id, meter_id, dimset_id, bucket)
) WITH (fillfactor = 85);
"""


def create(cursor):
    """Create what is missing; keeps what exists."""
    cursor.execute(_TABLES)


def drop(cursor):
    """Drop the store with everything in it (uninstall of the add-on)."""
    cursor.execute("DROP VIEW IF EXISTS usage_event")
    for table in ("event", "identity", "dimset", "rollup"):
        cursor.execute(f"DROP TABLE IF EXISTS usage_store_{table} CASCADE")


def leaf(month):
    """Name of the table of a month.

    :param int month: year * 100 + month
    """
    return f"usage_store_event_{month:06d}"


def bounds(month):
    """First day of a month and of the next, as ISO texts."""
    year, number = divmod(month, 100)
    after = (year + number // 12, number % 12 + 1)
    return f"{year:04d}-{number:02d}-01", f"{after[0]:04d}-{after[1]:02d}-01"


def missing_leaves(cursor, months):
    """Which of these months have no table yet."""
    cursor.execute(
        "SELECT month FROM unnest(%s) AS month"
        " WHERE to_regclass('usage_store_event_' || to_char(month, 'FM000000')) IS NULL"
        " ORDER BY month",
        [sorted(months)],
    )
    return [month for (month,) in cursor.fetchall()]


def create_leaves(cursor, months):
    """Create and attach tables of months. Call in a transaction of its own, and commit.

    ATTACH takes a lock that lets reading and writing of the other months go on;
    creating the table as a partition right away would stop them (PostgreSQL
    documentation, "Table Partitioning", partition maintenance).
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    for month in missing_leaves(cursor, months):
        name = leaf(month)
        start, end = bounds(month)
        cursor.execute(
            f"CREATE TABLE {name} (LIKE usage_store_event INCLUDING DEFAULTS);"
            f"CREATE UNIQUE INDEX {name}_key ON {name} (key);"
            f"CREATE INDEX {name}_brin ON {name}"
            " USING brin (time, period_id, id, batch_id)"
            " WITH (pages_per_range = 16, autosummarize = on);"
            f"ALTER TABLE usage_store_event ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{start}') TO ('{end}');"
        )
