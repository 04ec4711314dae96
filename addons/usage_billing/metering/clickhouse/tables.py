"""The tables in ClickHouse.

``usage_event``
    one row per event, in the order a bill reads it: company, type, period. Times are
    microseconds since 1970 in UTC, so that no type of date can cut or shift them;
    ``at`` and ``received_at`` show them to people.
``usage_owner``
    which database's events these are: two databases number their rows alike, and a copy
    of one must not write into the tables of the other

Numbers: ``value`` and ``amount`` hold what nearly all events have, up to 15 digits
before the point and 12 after it; what does not fit there stands in ``value_wide`` and
``amount_wide``, 38 before and 38 after, and the narrow column is empty then.
"""

from ..errors import StoreError
from .driver import text

NARROW_WHOLE, NARROW_DECIMALS = 15, 12
WIDE_WHOLE, WIDE_DECIMALS = 38, 38

#: name, type, codec
_COLUMNS = (
    ("company_id", "Int32", ""),
    ("period_id", "Int32", ""),
    ("type", "LowCardinality(String)", ""),
    ("dimset_id", "Int32", ""),
    ("time", "Int64", "CODEC(Delta, ZSTD(1))"),
    ("id", "Int64", "CODEC(Delta, ZSTD(1))"),
    ("subscription_id", "Int32", ""),
    ("source_id", "Int32", ""),
    ("batch_id", "Int32", ""),
    ("shipment_id", "Int64", ""),
    ("attempt_id", "Int64", ""),
    ("row_number", "Int32", "CODEC(Delta, ZSTD(1))"),
    ("kind", "LowCardinality(String)", ""),
    ("subject", "String", "CODEC(ZSTD(1))"),
    ("event_id", "String", "CODEC(ZSTD(1))"),
    ("payload_hash", "Int64", ""),
    ("received", "Int64", ""),
    ("value", f"Nullable(Decimal(38, {NARROW_DECIMALS}))", ""),
    ("amount", f"Nullable(Decimal(38, {NARROW_DECIMALS}))", ""),
    ("currency", "LowCardinality(String)", ""),
    ("prop_keys", "Array(LowCardinality(String))", ""),
    ("prop_values", "Array(String)", "CODEC(ZSTD(1))"),
    ("value_wide", f"Nullable(Decimal(76, {WIDE_DECIMALS}))", ""),
    ("amount_wide", f"Nullable(Decimal(76, {WIDE_DECIMALS}))", ""),
)
_KEY = "company_id, type, period_id, dimset_id, time, id"
_SHOWN = (
    ", at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(time, 'UTC'),"
    " received_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(received, 'UTC')"
)


def columns(modern=True):
    """(name, type) of the event columns, in the order rows are sent in.

    Servers older than 21.8 have no 256-bit numbers and no dictionary-coded columns by
    default: there, events that need the wide columns cannot be shipped.
    """
    if modern:
        return [(name, kind) for name, kind, _codec in _COLUMNS]
    return [
        (name, kind.replace("LowCardinality(String)", "String"))
        for name, kind, _codec in _COLUMNS
        if not name.endswith("_wide")
    ]


def statements(modern=True, table="usage_event", engine="MergeTree"):
    """DDL of the tables; for a cluster see the documentation of the engine."""
    codecs = {name: codec for name, _kind, codec in _COLUMNS}
    body = ", ".join(
        f"{name} {kind} {codecs[name] if modern else ''}".rstrip()
        for name, kind in columns(modern)
    )
    return [
        "CREATE TABLE IF NOT EXISTS usage_owner (database String, since Int64)"
        " ENGINE = MergeTree ORDER BY since",
        f"CREATE TABLE IF NOT EXISTS {table} ({body}{_SHOWN if modern else ''})"
        f" ENGINE = {engine}"
        " PARTITION BY toYYYYMM(toDateTime(intDiv(time, 1000000)))"
        f" ORDER BY ({_KEY})"
        + (" SETTINGS non_replicated_deduplication_window = 1000" if modern else ""),
    ]


def prepare(driver, database):
    """Make the tables when they are missing, and claim them for a database.

    :param str database: identity of the Odoo database
    :raise StoreError: "foreign_store", they hold another database's events
    """
    there = {
        name
        for (name,) in driver.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase()"
        )
    }
    if not {"usage_owner", "usage_event"} <= there:
        for statement in statements(driver.modern):
            driver.execute(statement)
    check_owner(driver, database, claim=True)


def check_owner(driver, database, claim=False):
    """Refuse tables that are another database's; see :func:`prepare`."""
    owners = {name for (name,) in driver.query("SELECT database FROM usage_owner")}
    if not owners and claim:
        driver.execute(f"INSERT INTO usage_owner SELECT {text(database)}, 1")
        return check_owner(driver, database)
    if owners != {database}:
        raise StoreError("foreign_store", owner=", ".join(sorted(owners)))
    return None
