"""Tables of the event store in PostgreSQL.

``usage_store_fact``
    one row per event, append-only, partitioned by month on ``key``, which begins with
    the time of the event (or of its id, where ids carry their time). So the unique
    index on the key holds for the whole store and a batch lands at one place of it.
``usage_store_route``
    what events have in common, once: company, source, subscription, period, dimension
    set, kind, type, subject, currency. It saves half of the bytes of an event.
``usage_store_event``
    both together, and when the batch arrived: a view, which everyone reads
``usage_store_identity``
    registry that makes (company, source, event id) unique across all months
``usage_store_dimset``
    dictionary of dimension sets
``usage_store_sum``
    sums by (period, meter, dimension set) and bucket: '-infinity' is the whole period,
    a date one local day of it. The row of the whole period holds one day itself, the
    newest as a rule, which has no row of its own: what comes in today writes one row
``usage_store_rollup``
    the same with a row for each day: a view, which everyone reads
``usage_store_gate``
    holds nothing: who adds to sums goes through it (ROW EXCLUSIVE), who makes them
    again or moves events closes it (SHARE ROW EXCLUSIVE); its lock and no other comes
    first, so that sums of a new meter may be written while others go through
``usage_store_correction``
    which row a void or an amendment is about, see :mod:`.corrections`
``usage_store_month``
    months that left the store for an archive, see :mod:`.archive`
``usage_store_month_period``
    periods with events in those months: they cannot be added up again
``usage_store_closing``
    totals of periods as they were when these were closed, see :mod:`.closing`
``usage_store_change``
    transactions that changed what routes are made of, so that a process may keep them
    from one batch to the next, see :mod:`.pool`
``usage_store_remade``
    periods whose events changed otherwise than by new ones, for who counts them at the
    same time, see :mod:`.beside`

No foreign key leads here or away: the ORM side refuses to delete what events refer to.
"""

from datetime import date, timedelta

from . import planned
from .keys import MS_BEFORE_2000

ADVISORY_LOCK = 0x75736167  # "usag"

_TABLES = """
CREATE TABLE IF NOT EXISTS usage_store_fact (
    id bigint NOT NULL,
    time timestamp(6) NOT NULL,
    payload_hash bigint NOT NULL,
    key uuid NOT NULL,
    route_id integer NOT NULL,
    row_number integer NOT NULL,
    event_id text NOT NULL,
    value numeric,
    amount numeric,
    properties jsonb
) PARTITION BY RANGE (key);

CREATE TABLE IF NOT EXISTS usage_store_route (
    id serial PRIMARY KEY,
    hash uuid NOT NULL UNIQUE,
    company_id integer NOT NULL,
    source_id integer NOT NULL,
    subscription_id integer NOT NULL,
    period_id integer NOT NULL,
    dimset_id integer NOT NULL,
    kind "char" NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    currency text
);
CREATE INDEX IF NOT EXISTS usage_store_route_period
    ON usage_store_route (period_id);
CREATE INDEX IF NOT EXISTS usage_store_route_subject
    ON usage_store_route (subject);

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

CREATE TABLE IF NOT EXISTS usage_store_sum (
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
);
ALTER TABLE usage_store_sum
    ADD COLUMN IF NOT EXISTS day_first timestamp(6),
    ADD COLUMN IF NOT EXISTS day_last timestamp(6),
    ADD COLUMN IF NOT EXISTS day_watermark timestamp(6),
    ADD COLUMN IF NOT EXISTS day_count bigint,
    -- who asks for whole periods is spared a look at the days they hold
    ADD COLUMN IF NOT EXISTS day date
        CONSTRAINT usage_store_sum_day CHECK (day > '-infinity'),
    ADD COLUMN IF NOT EXISTS day_sum numeric,
    ADD COLUMN IF NOT EXISTS day_min numeric,
    ADD COLUMN IF NOT EXISTS day_max numeric;
-- A request adds to most rows of the pages it meets: half a page is left for their next
-- versions, so that they stay there and no index learns of them.
ALTER TABLE usage_store_sum SET (fillfactor = 50);
-- With the whole key: a single row is found by it before there are statistics.
CREATE INDEX IF NOT EXISTS usage_store_sum_period
    ON usage_store_sum (period_id, meter_id, dimset_id) WHERE bucket = '-infinity';
DROP INDEX IF EXISTS usage_store_rollup_period;

CREATE TABLE IF NOT EXISTS usage_store_gate ();

CREATE TABLE IF NOT EXISTS usage_store_correction (
    target_id bigint PRIMARY KEY,
    row_id bigint NOT NULL UNIQUE,
    root_id bigint NOT NULL,
    kind "char" NOT NULL,
    company_id integer NOT NULL,
    batch_id integer NOT NULL,
    origin_batch_id integer NOT NULL,
    period_id integer NOT NULL,
    row_period_id integer NOT NULL,
    received_at timestamp(6) NOT NULL
);
CREATE INDEX IF NOT EXISTS usage_store_correction_root
    ON usage_store_correction (root_id);
CREATE INDEX IF NOT EXISTS usage_store_correction_period
    ON usage_store_correction (period_id);
CREATE INDEX IF NOT EXISTS usage_store_correction_row_period
    ON usage_store_correction (row_period_id);

CREATE TABLE IF NOT EXISTS usage_store_month (
    month integer PRIMARY KEY,
    path text NOT NULL,
    sha256 text NOT NULL,
    event_count bigint NOT NULL,
    size bigint NOT NULL,
    archived_at timestamp NOT NULL
);

CREATE TABLE IF NOT EXISTS usage_store_month_period (
    period_id integer NOT NULL,
    month integer NOT NULL,
    PRIMARY KEY (period_id, month)
);

CREATE TABLE IF NOT EXISTS usage_store_closing (
    period_id integer NOT NULL,
    closed_at timestamp(6) NOT NULL,
    meter_id integer NOT NULL,
    dimset_id integer NOT NULL,
    watermark timestamp(6),
    quantity numeric NOT NULL,
    event_count bigint NOT NULL,
    PRIMARY KEY (period_id, closed_at, meter_id, dimset_id)
);

CREATE TABLE IF NOT EXISTS usage_store_change (
    xid xid8 PRIMARY KEY,
    at timestamp NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS usage_store_remade (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    period_id integer NOT NULL,
    at timestamp NOT NULL DEFAULT now()
);
CREATE OR REPLACE FUNCTION usage_store_note_change() RETURNS trigger AS $$
BEGIN
    INSERT INTO usage_store_change (xid) VALUES (pg_current_xact_id())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
"""

_EVENTS = """
SELECT f.id, f.time, b.received_at, f.payload_hash, f.key, f.route_id,
       r.company_id, r.source_id, (f.id >> 31)::integer AS batch_id,
       r.subscription_id, r.period_id, r.dimset_id, f.row_number, r.kind, r.type,
       r.subject, f.event_id, f.value, f.amount, r.currency, f.properties
  FROM {}
  JOIN usage_store_route r ON r.id = f.route_id
  LEFT JOIN usage_batch b ON b.id = (f.id >> 31)::integer
"""

#: Tables whose rows make routes, or say how events of a source are taken, and the
#: columns that matter of them.
WATCHED = {
    "usage_source": "company_id, code, identity_mode, id_format, id_tolerance_min,"
    " future_tolerance_min, late_tolerance_days, future_policy, late_policy,"
    " before_start_policy, after_end_policy",
    "res_company": "usage_store_engine, usage_store_target",
    "usage_subject": "subject, company_id, source_id, subscription_id, valid_from,"
    " valid_to",
    "usage_period": "subscription_id, start_at, end_at, tz",
    "usage_subscription": "currency_id, date_end",
    "usage_meter": "",
    "usage_meter_filter": "",
}


def create(cursor):
    """Create what is missing; keeps what exists, in the layout of today."""
    old = _relation_kind(cursor, "usage_store_event") == "p"
    if old:
        cursor.execute("DROP VIEW IF EXISTS usage_event")
        _rename_old(cursor)
    # before, each day had a row of its own, and the table this name
    if _relation_kind(cursor, "usage_store_rollup") == "r":
        cursor.execute("ALTER TABLE usage_store_rollup RENAME TO usage_store_sum")
    cursor.execute(_TABLES + planned.VIEW)
    planned.create(cursor)
    if old:
        _take_over(cursor)


def create_view(cursor):
    """The view on the events; needs the table of batches."""
    events = events_of("usage_store_fact f")
    cursor.execute(f"CREATE OR REPLACE VIEW usage_store_event AS {events}")


def events_of(facts):
    """SQL of a SELECT of whole events.

    :param str facts: table of facts ``f``, or what stands for one in a FROM
    """
    return _EVENTS.format(facts)


def watch(cursor):
    """Note changes of what routes are made of (see WATCHED), by triggers."""
    for table, columns in WATCHED.items():
        if _relation_kind(cursor, table) != "r":
            continue
        of = f" OF {columns}" if columns else ""
        cursor.execute(
            f"CREATE OR REPLACE TRIGGER usage_store_change"
            f" AFTER INSERT OR DELETE OR UPDATE{of} ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION usage_store_note_change()"
        )


def drop(cursor):
    """Drop the store with everything in it (uninstall of the add-on)."""
    # a table still, if this code never updated the database
    kind = "TABLE" if _relation_kind(cursor, "usage_store_rollup") == "r" else "VIEW"
    cursor.execute(f"DROP {kind} IF EXISTS usage_store_rollup CASCADE")
    for view in ("usage_event", "usage_store_event", "usage_store_months"):
        cursor.execute(f"DROP VIEW IF EXISTS {view} CASCADE")
    for table in (
        "fact",
        "route",
        "identity",
        "dimset",
        "sum",
        "gate",
        "month",
        "month_period",
        "change",
        "remade",
        "correction",
        "closing",
    ):
        cursor.execute(f"DROP TABLE IF EXISTS usage_store_{table} CASCADE")
    cursor.execute("DROP FUNCTION IF EXISTS usage_store_note_change CASCADE")
    planned.drop(cursor)


def _relation_kind(cursor, name):
    cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", [name])
    found = cursor.fetchone()
    return found and found[0]


# -- months -----------------------------------------------------------------------


def leaf(month):
    """Name of the table of a month.

    :param int month: year * 100 + month
    """
    return f"usage_store_fact_{month:06d}"


def first_key(month):
    """Smallest key of a month, 16 bytes."""
    year, number = divmod(month, 100)
    if year > date.max.year:
        return b"\xff" * 16
    days = (date(year, number, 1) - date(2000, 1, 1)).days
    milliseconds = days * 86_400_000 + MS_BEFORE_2000
    return milliseconds.to_bytes(6, "big") + bytes(10)


def month_after(month):
    """The month that follows, as year * 100 + month."""
    year, number = divmod(month, 100)
    return (year + number // 12) * 100 + number % 12 + 1


def month_of(moment):
    """Month of a time, as year * 100 + month."""
    return moment.year * 100 + moment.month


def month_text(month):
    """A month for people: 2026-09 of 202609."""
    return f"{month // 100:04d}-{month % 100:02d}"


def month_of_key(key):
    """Month of a key, as year * 100 + month."""
    milliseconds = int.from_bytes(key[:6], "big") - MS_BEFORE_2000
    moment = date(2000, 1, 1) + timedelta(milliseconds // 86_400_000)
    return month_of(moment)


#: Tables of months that this transaction knows and that are gone: names are looked up
#: as they are now, rows as the transaction sees them.
_GONE = """
    SELECT EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'usage_store_fact'::regclass
           AND to_regclass(c.relname::text) IS DISTINCT FROM c.oid)
"""
_BEGIN_AGAIN = """
    DO $$ BEGIN
        RAISE EXCEPTION 'events of a month were archived meanwhile'
              USING ERRCODE = 'serialization_failure';
    END $$
"""


def be_current(cursor):
    """Keep months from leaving, and end a transaction that missed one that left.

    Its snapshot says that the month is here, its table is not: events would be said
    not to have come, figures would be too small without a word.

    :raise psycopg2.errors.SerializationFailure: a month left since this transaction
        began: try again
    """
    cursor.execute("LOCK TABLE ONLY usage_store_fact IN ACCESS SHARE MODE")
    cursor.execute(_GONE)
    if cursor.fetchone()[0]:
        cursor.execute(_BEGIN_AGAIN)


def archived_until(cursor):
    """End of the months that left the store (microseconds since 2000-01-01)."""
    cursor.execute("SELECT max(month) FROM usage_store_month")
    ((month,),) = cursor.fetchall()
    return -(2**62) if month is None else first_microsecond(month_after(month))


def first_microsecond(month):
    """First instant of a month, in microseconds since 2000-01-01."""
    year, number = divmod(month, 100)
    return (date(year, number, 1) - date(2000, 1, 1)).days * 86_400_000_000


def note_change(cursor):
    """Let no process rely on what it knows of months and routes."""
    cursor.execute(
        "INSERT INTO usage_store_change (xid) VALUES (pg_current_xact_id())"
        " ON CONFLICT DO NOTHING"
    )


def note_remade(cursor, period_ids):
    """Tell who counts events of these periods that some moved, or count no more."""
    cursor.execute(
        "INSERT INTO usage_store_remade (period_id) SELECT unnest(%s::int[])",
        [list(period_ids)],
    )


def missing_leaves(cursor, months):
    """Which of these months have no table yet."""
    cursor.execute(
        "SELECT month FROM unnest(%s) AS month"
        " WHERE to_regclass('usage_store_fact_' || to_char(month, 'FM000000')) IS NULL"
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
        cursor.execute(
            f"CREATE TABLE {name} (LIKE usage_store_fact INCLUDING DEFAULTS);"
            + index_leaf(name)
        )
        attach(cursor, month)


def index_leaf(name):
    """SQL of the indexes of a month's table.

    Unique is the key. What a drill-down asks for is a route: that index holds many rows
    of one value and so costs seven bytes an event. BRIN on time and number costs next
    to nothing, because rows are written in the order of time.
    """
    return (
        f"CREATE UNIQUE INDEX {name}_key ON {name} (key);"
        f"CREATE INDEX {name}_route ON {name} (route_id);"
        f"CREATE INDEX {name}_brin ON {name}"
        " USING brin (time, id, ((id >> 31)::integer))"
        " WITH (pages_per_range = 32, autosummarize = on);"
    )


def attach(cursor, month):
    """Make the table of a month part of the store."""
    low, high = first_key(month).hex(), first_key(month_after(month)).hex()
    cursor.execute(
        f"ALTER TABLE usage_store_fact ATTACH PARTITION {leaf(month)}"
        f" FOR VALUES FROM ('{low}') TO ('{high}')"
    )


# -- databases made before routes -------------------------------------------------


def _rename_old(cursor):
    """Put the events of the former layout aside."""
    cursor.execute("ALTER TABLE usage_store_event RENAME TO usage_store_event_old")


def _take_over(cursor):
    """Move the events of the former layout, month by month, and drop it.

    Keys and hashes stay as they are, so a re-sent event is still known.
    """
    cursor.execute(
        "INSERT INTO usage_store_route (hash, company_id, source_id, subscription_id,"
        " period_id, dimset_id, kind, type, subject, currency)"
        f" SELECT DISTINCT {_ROUTE_HASH}, company_id, source_id, subscription_id,"
        " period_id, dimset_id, kind, type, subject, currency"
        " FROM usage_store_event_old e"
    )
    cursor.execute(
        "SELECT DISTINCT to_char(time, 'YYYYMM')::int FROM usage_store_event_old"
    )
    create_leaves(cursor, [month for (month,) in cursor.fetchall()])
    cursor.execute(
        "INSERT INTO usage_store_fact (id, time, payload_hash, key, route_id,"
        " row_number, event_id, value, amount, properties)"
        " SELECT e.id, e.time, e.payload_hash, e.key, r.id, e.row_number, e.event_id,"
        " e.value, e.amount, e.properties FROM usage_store_event_old e"
        f" JOIN usage_store_route r ON r.hash = {_ROUTE_HASH} ORDER BY e.key"
    )
    cursor.execute("DROP TABLE usage_store_event_old CASCADE")


#: The same as :func:`.keys.route_hash`, in SQL.
_ROUTE_HASH = (
    "md5(concat_ws('|', e.company_id, e.source_id, e.subscription_id, e.period_id,"
    " e.dimset_id, e.kind, coalesce(e.currency, ''), char_length(e.type), e.type,"
    " e.subject))::uuid"
)
