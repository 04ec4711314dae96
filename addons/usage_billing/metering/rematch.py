"""Give stored events of a subject to another subscription, where nothing is billed yet.

What an event says never changes; whose it is, is a conclusion, and follows the mapping
of its subject as long as no invoice rests on it. Events that were corrected stay, with
their corrections.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from . import schema

#: The far ends of a stretch that has none.
BEGINNING, END = datetime(1, 1, 1), datetime(9999, 12, 31)

_UNCORRECTED = (
    "NOT EXISTS (SELECT FROM usage_store_correction c"
    " WHERE c.target_id = f.id OR c.row_id = f.id)"
)
_IN_USE = (
    "({0}.state = 'billed' OR EXISTS (SELECT FROM usage_rated_line l"
    " WHERE l.period_id = {0}.id AND l.state IN ('rated', 'approved', 'posted')))"
)


class Stretch(NamedTuple):
    """A subject's events of one subscription and time, to go to another one.

    source_id: only events of this source, None for every one
    start, end: naive UTC, half-open
    """

    company_id: int
    subject: str
    source_id: int | None
    old_subscription_id: int
    new_subscription_id: int
    start: datetime = BEGINNING
    end: datetime = END


class Part(NamedTuple):
    """Events of a stretch that share a route and go to one period.

    why: "" when they go; "billed": an invoice rests on the period they are in or would
        come to; "no_period": the other subscription has none at that time
    """

    route_id: int
    period_id: int
    new_period_id: int | None
    type: str
    count: int
    total: Decimal | None
    first: datetime
    last: datetime
    why: str


def parts(cursor, stretch):
    """What would become of the events of a stretch; nothing is changed.

    :param cursor: from :func:`~.connection.exact_cursor`
    :rtype: list[Part]
    """
    cursor.execute(
        f"""
        SELECT r.id, p.id, t.id, r.type, count(*), sum(f.value), min(f.time),
               max(f.time),
               CASE WHEN {_IN_USE.format("p")} THEN 'billed'
                    WHEN t.id IS NULL THEN 'no_period'
                    WHEN {_IN_USE.format("t")} THEN 'billed'
                    ELSE '' END
          FROM usage_period p
          JOIN usage_store_route r ON r.period_id = p.id
          JOIN usage_store_fact f ON f.route_id = r.id
          LEFT JOIN usage_period t ON t.subscription_id = %(new)s
               AND f.time >= t.start_at AND f.time < t.end_at
         WHERE p.subscription_id = %(old)s
           AND r.subscription_id = p.subscription_id
           AND p.start_at < %(end)s AND p.end_at > %(start)s
           AND r.company_id = %(company)s AND r.subject = %(subject)s
           AND (%(source)s::int IS NULL OR r.source_id = %(source)s)
           AND f.time >= %(start)s AND f.time < %(end)s AND {_UNCORRECTED}
         GROUP BY r.id, p.id, t.id
         ORDER BY min(f.time), r.id
        """,
        {
            "company": stretch.company_id,
            "subject": stretch.subject,
            "source": stretch.source_id,
            "old": stretch.old_subscription_id,
            "new": stretch.new_subscription_id,
            "start": stretch.start,
            "end": stretch.end,
        },
    )
    return [Part(*row) for row in cursor.fetchall()]


def move(store, stretch, going):
    """Give events to the other subscription. The caller makes the rollups again.

    :param PostgresStore store: its cursor and its dictionary of routes
    :param list[Part] going: of ``parts``, those with an empty ``why``
    :return: ids of the periods whose quantities changed
    """
    cursor = store.cursor
    # Who counts a new meter must see all of this or nothing of it.
    cursor.execute("LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(
        "SELECT id, company_id, source_id, dimset_id, kind, currency, type, subject"
        "  FROM usage_store_route WHERE id = ANY(%s)",
        [[part.route_id for part in going]],
    )
    routes = {row[0]: row[1:] for row in cursor.fetchall()}
    keys = {}
    for part in going:
        company, source, dimset, kind, currency, etype, subject = routes[part.route_id]
        keys[part] = (
            company, source, stretch.new_subscription_id, part.new_period_id, dimset,
            kind, currency, etype, subject,
        )  # fmt: skip
    numbers = store.route_ids(list(dict.fromkeys(keys.values())))
    for part, key in keys.items():
        cursor.execute(
            "UPDATE usage_store_fact f SET route_id = %s FROM usage_period t"
            " WHERE f.route_id = %s AND t.id = %s AND f.time >= t.start_at"
            " AND f.time < t.end_at AND f.time >= %s AND f.time < %s"
            f" AND {_UNCORRECTED}",
            [
                numbers[key],
                part.route_id,
                part.new_period_id,
                stretch.start,
                stretch.end,
            ],
        )
    period_ids = sorted(
        {id_ for part in going for id_ in (part.period_id, part.new_period_id)}
    )
    schema.note_remade(cursor, period_ids)
    return period_ids
