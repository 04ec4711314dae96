"""Events on their way out of PostgreSQL: the only reader of its event rows here.

A row is a tuple in the order of :func:`.tables.columns`.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5

from ..errors import StoreError
from ..meters import EXACT
from . import tables
from .driver import Table
from .tables import NARROW_DECIMALS, NARROW_WHOLE, WIDE_DECIMALS, WIDE_WHOLE

_UNIX = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_NARROW = Decimal(1).scaleb(NARROW_WHOLE)
_MASK = (1 << 64) - 1

_SELECT = (
    "SELECT e.company_id, e.period_id, e.type, e.dimset_id, e.time, e.id,"
    " e.subscription_id, e.source_id, e.batch_id, s.id, coalesce(s.attempt_id, 0),"
    " e.row_number, e.kind, e.subject, e.event_id, e.payload_hash, e.received_at,"
    " e.value, e.amount, e.currency, e.properties"
    " FROM usage_shipment s JOIN usage_store_event e ON e.batch_id = s.batch_id"
    "  AND e.id > (s.batch_id::bigint << 31) + s.first_row"
    "  AND e.id <= (s.batch_id::bigint << 31) + s.last_row"
)


def microseconds(moment):
    """Microseconds since 1970 of a naive UTC datetime."""
    return (moment - _UNIX) // _MICROSECOND


def moment(number):
    """Naive UTC datetime of microseconds since 1970."""
    return _UNIX + timedelta(microseconds=number)


def read(cursor, shipment_id, size):
    """Rows of one shipment, in the order of their numbers, in pages.

    :param cursor: exact psycopg2 cursor
    :return: iterator of lists of rows
    """
    last = None
    while True:
        cursor.execute(
            f"{_SELECT} WHERE s.id = %s AND (%s IS NULL OR e.id > %s)"
            " ORDER BY e.id LIMIT %s",
            [shipment_id, last, last, size],
        )
        found = [_row(*row) for row in cursor.fetchall()]
        if found:
            last = found[-1][5]
            yield found
        if len(found) < size:
            return


def read_pending(cursor, shipment_ids, period_ids, types, limit):
    """Rows of several shipments that fall into these periods.

    :param types: event types, None for all
    """
    cursor.execute(
        f"{_SELECT} WHERE s.id = ANY(%s) AND e.period_id = ANY(%s)"
        " AND (%s::text[] IS NULL OR e.type = ANY(%s)) LIMIT %s",
        [shipment_ids, period_ids, types, types, limit],
    )
    return [_row(*row) for row in cursor.fetchall()]


def pending_periods(cursor, shipment_ids):
    """Periods that events of these shipments fell into."""
    if not shipment_ids:
        return []
    cursor.execute(
        "SELECT DISTINCT e.period_id"
        f" FROM {_SELECT.partition(' FROM ')[2]} WHERE s.id = ANY(%s)",
        [shipment_ids],
    )
    return [period_id for (period_id,) in cursor.fetchall()]


def _row(*fields):
    (
        *head,
        kind,
        subject,
        event_id,
        content,
        received,
        value,
        amount,
        currency,
        props,
    ) = fields
    head[4] = microseconds(head[4])
    try:
        value, value_wide = split(value)
        amount, amount_wide = split(amount)
    except ValueError as error:
        # Stored while PostgreSQL was the engine, which takes more digits: whoever moves
        # the company has to know which event it is.
        raise StoreError("too_many_digits", event=event_id) from error
    props = props or {}
    return (
        *head,
        kind,
        subject,
        event_id,
        content,
        microseconds(received),
        value,
        amount,
        currency or "",
        list(props),
        list(props.values()),
        value_wide,
        amount_wide,
    )


def split(number):
    """A number as (narrow, wide), one of them None.

    :raise ValueError: it does not fit into the wide column either
    """
    if number is None:
        return None, None
    decimals = -number.as_tuple().exponent
    if decimals > NARROW_DECIMALS:
        number = number.normalize(EXACT)
        decimals = -number.as_tuple().exponent
    if decimals <= NARROW_DECIMALS and -_NARROW < number < _NARROW:
        return number, None
    if not fits(number):
        raise ValueError(
            f"more than {WIDE_WHOLE} digits before or {WIDE_DECIMALS} after the point"
        )
    return None, number


def fits(number):
    """Whether ClickHouse can hold a number to the last digit."""
    if not number:
        return True
    return (
        number.adjusted() < WIDE_WHOLE
        and -number.normalize(EXACT).as_tuple().exponent <= WIDE_DECIMALS
    )


def is_wide(row):
    """Whether a row needs the wide columns."""
    return row[-1] is not None or row[-2] is not None


def fit(found, columns):
    """Rows cut to the columns that a server has.

    :return: (columns, rows)
    :raise StoreError: "old_server", some event needs a column it does not have
    """
    if len(columns) == len(tables.columns()):
        return columns, found
    if any(is_wide(row) for row in found):
        raise StoreError("old_server")
    return columns, [row[: len(columns)] for row in found]


def period_table(period_ids):
    """Periods as a table that travels with a query."""
    return Table("wanted_period", [("id", "Int32")], [(n,) for n in sorted(period_ids)])


class Checksum:
    """Count and checksum of rows, whatever their order.

    The checksum is the sum, modulo 2^64, of the first eight bytes of MD5 over each
    row's text: every column that a quantity or its evidence rests on. ClickHouse
    computes the same from what it stored.
    """

    def __init__(self):
        self.count = self.total = 0
        self.low = self.high = None

    def add(self, rows):
        total = self.total
        for row in rows:
            line = "\x1f".join(map(_text, row[:9] + row[11:]))
            total += int.from_bytes(md5(line.encode()).digest()[:8], "big")
        times = [row[4] for row in rows]
        self.low = min(times) if self.low is None else min(self.low, *times)
        self.high = max(times) if self.high is None else max(self.high, *times)
        self.total = total & _MASK
        self.count += len(rows)

    @property
    def figures(self):
        return self.count, self.total


def _text(value):
    if value.__class__ is str:
        return value
    if value is None:
        return "-"
    if value.__class__ is Decimal:
        digits = format(value, "f")
        if "." in digits:
            digits = digits.rstrip("0").rstrip(".")
        return "0" if digits == "-0" else digits
    if value.__class__ is list:
        return "\x1e".join(value)
    return str(value)


def checksum_sql(columns):
    """Count and checksum of the selected rows as two expressions of ClickHouse."""
    parts = [_text_sql(name, kind) for name, kind in columns]
    parts += ["'-'"] * (len(tables.columns()) - len(parts))  # an older server
    del parts[9:11]  # the numbers of shipment and attempt are not the event's
    joined = ", '\\x1f', ".join(parts)
    return f"count(), sum(halfMD5(concat({joined})))"


def _text_sql(name, kind):
    if kind.startswith("Array"):
        return f"arrayStringConcat({name}, '\\x1e')"
    if kind.startswith("Nullable"):
        # older servers write the zeros at the end
        plain = f"toString({name})"
        short = f"replaceRegexpOne({plain}, '(\\\\.[0-9]*?)0+$', '\\\\1')"
        return f"ifNull(replaceRegexpOne({short}, '\\\\.$', ''), '-')"
    if "Int" in kind:
        return f"toString({name})"
    return name
