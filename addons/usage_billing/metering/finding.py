"""Finding stored events one by one: by their id, or page by page.

Not for quantities: nothing here knows of meters. What is found says whether it counts.
"""

import json
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import NamedTuple

from . import archive, monthfile, parts, schema
from .errors import StoreError
from .facts import CORRECTED, COUNTS
from .instants import to_microseconds
from .keys import identity_function, key_function

_COLUMNS = (
    "e.id, e.event_id, e.type, e.subject, e.time, e.value, e.amount, e.currency,"
    " d.dims, coalesce(e.properties, '{}'), e.kind, e.source_id, e.batch_id,"
    " e.subscription_id, e.period_id, e.received_at,"
    f" {COUNTS}, gone.kind, gone.batch_id"
)
_FROM = (
    " FROM usage_store_event e JOIN usage_store_dimset d ON d.id = e.dimset_id"
    f"{CORRECTED}"
    " WHERE e.company_id = %(company)s"
)


class FoundEvent(NamedTuple):
    """A stored event as it is kept.

    kind: "u" usage, "v" void, "a" amendment
    is_live: counts; it was neither corrected nor its delivery replaced
    corrected: "v" voided or "a" amended, None as long as neither happened
    corrected_by: batch of that correction
    """

    id: int
    event_id: str
    type: str
    subject: str
    time: datetime
    value: object
    amount: object
    currency: str | None
    dimensions: dict
    properties: dict
    kind: str
    source_id: int
    batch_id: int
    subscription_id: int
    period_id: int
    received_at: datetime
    is_live: bool
    corrected: str | None
    corrected_by: int | None

    @property
    def cursor(self):
        return (self.time, self.id)


class Search(NamedTuple):
    """Which events to page through; times are naive UTC, half-open.

    None for no restriction; ``after`` is the ``cursor`` of the last event before (not
    with ``newest_first``).
    period_ids: makes a search for few subscriptions fast, they are indexed by it
    """

    company_id: int
    start: datetime
    end: datetime
    type: str | None = None
    subject: str | None = None
    source_ids: list[int] | None = None
    batch_id: int | None = None
    subscription_ids: list[int] | None = None
    period_ids: list[int] | None = None
    after: tuple[datetime, int] | None = None
    newest_first: bool = False


def page(cursor, search, limit):
    """Events of a search by time, at most ``limit``.

    :param cursor: from :func:`~.connection.exact_cursor`
    :rtype: list[FoundEvent]
    """
    parameters = {
        "company": search.company_id,
        "start": search.start,
        "end": search.end,
        "limit": limit,
    }
    conditions = " AND e.time >= %(start)s AND e.time < %(end)s"
    for name, condition in (
        ("type", "e.type = %(type)s"),
        ("subject", "e.subject = %(subject)s"),
        ("source_ids", "e.source_id = ANY(%(source_ids)s)"),
        ("batch_id", "e.batch_id = %(batch_id)s"),
        ("subscription_ids", "e.subscription_id = ANY(%(subscription_ids)s)"),
        ("period_ids", "e.period_id = ANY(%(period_ids)s)"),
    ):
        value = getattr(search, name)
        if value is not None:
            conditions += f" AND {condition}"
            parameters[name] = value
    if search.after:
        conditions += " AND (e.time, e.id) > (%(after_time)s, %(after_id)s)"
        parameters["after_time"], parameters["after_id"] = search.after
        parameters["start"] = max(search.start, search.after[0])
    order = "e.time DESC, e.id DESC" if search.newest_first else "e.time, e.id"
    cursor.execute(
        f"SELECT {_COLUMNS}{_FROM}{conditions} ORDER BY {order} LIMIT %(limit)s",
        parameters,
    )
    return [FoundEvent(*row) for row in cursor.fetchall()]


def by_id(cursor, company_id, sources, event_id, around=None):
    """Events with an id, from any of these sources.

    Found by their key, which is unique in the store. The registry knows the time of a
    strict source's event; other ids carry their time, or the caller knows it.

    :param sources: list of (id, mode), see :func:`.keys.key_function`
    :param datetime around: time of the event (naive UTC), None when unknown
    :rtype: list[FoundEvent]
    """
    given = None if around is None else to_microseconds(around)
    keys = set()
    for source_id, mode in sources:
        moments = [given] if given is not None else []
        try:
            if mode == "strict":
                identity = identity_function(company_id, source_id)(event_id)[1]
                cursor.execute(
                    "SELECT time FROM usage_store_identity WHERE identity = %s::uuid",
                    [identity.hex()],
                )
                moments = [to_microseconds(time) for (time,) in cursor.fetchall()]
            elif mode != "composed":
                moments = [0]  # the id alone decides
            key_of = key_function(mode, company_id, source_id)
            keys.update(key_of(event_id, moment)[2].hex() for moment in moments)
        except ValueError:
            continue  # no id of this source
    cursor.execute(
        f"SELECT {_COLUMNS}{_FROM} AND e.key = ANY(%(keys)s::uuid[])"
        " AND e.event_id = %(event)s ORDER BY e.time, e.id",
        {"company": company_id, "keys": sorted(keys), "event": event_id},
    )
    return [FoundEvent(*row) for row in cursor.fetchall()]


def deliveries(cursor, company_id, wanted):
    """In which deliveries events with these ids came that are stored, if they are.

    Found by their keys, all in two statements.

    :param list wanted: (source id, mode, event id, time or None); ids that mean nothing
        without a time need theirs
    :return: {position: (batch id, row number)}; not of replaced deliveries
    """
    identities, keys = {}, {}
    for place, (source_id, mode, event_id, time) in enumerate(wanted):
        # else no id of this source, or a time that no key can hold
        with suppress(ValueError, ArithmeticError):
            if mode == "strict":
                identity = identity_function(company_id, source_id)(event_id)[1]
                identities.setdefault(identity.hex(), []).append(place)
            elif time is not None or mode != "composed":
                moment = to_microseconds(time) if mode == "composed" else 0
                key_of = key_function(mode, company_id, source_id)
                keys[place] = key_of(event_id, moment)[2].hex()
    if identities:
        cursor.execute(
            "SELECT replace(identity::text, '-', ''), time FROM usage_store_identity"
            " WHERE identity = ANY(%s::uuid[])",
            [list(identities)],
        )
        for identity, time in cursor.fetchall():
            for place in identities[identity]:
                source_id, mode, event_id, _time = wanted[place]
                key_of = key_function(mode, company_id, source_id)
                keys[place] = key_of(event_id, to_microseconds(time))[2].hex()
    if not keys:
        return {}
    cursor.execute(
        "SELECT k.place, e.batch_id, e.row_number"
        "  FROM unnest(%s::int[], %s::uuid[], %s::text[], %s::int[])"
        "       AS k(place, key, event_id, source_id)"
        "  JOIN usage_store_event e ON e.key = k.key AND e.event_id = k.event_id"
        "   AND e.source_id = k.source_id AND e.company_id = %s"
        "  JOIN usage_batch b ON b.id = e.batch_id"
        " WHERE e.kind = 'u' AND b.state <> 'superseded'",
        [
            list(keys),
            list(keys.values()),
            [wanted[place][2] for place in keys],
            [wanted[place][0] for place in keys],
            company_id,
        ],
    )
    return {place: (batch_id, row) for place, batch_id, row in cursor.fetchall()}


def corrections(cursor, company_id, ids):
    """Rows that void or amend these events, amendments of amendments too, in order.

    :param ids: of events as they were received
    :rtype: list[FoundEvent]
    """
    cursor.execute(
        f"SELECT {_COLUMNS}{_FROM} AND made.root_id = ANY(%(ids)s) ORDER BY e.id",
        {"company": company_id, "ids": list(ids)},
    )
    return [FoundEvent(*row) for row in cursor.fetchall()]


def archived(cursor, company_id, sources, event_id, around=None):
    """Events of an id in archived months, read from the archives.

    Of strict sources the registry knows of them, even when the archive is away.

    :param sources: list of (id, mode)
    :param datetime around: time of the event (naive UTC), None when unknown
    :return: list of (source id, time to the millisecond, FoundEvent or None)
    """
    found = []
    for source_id, mode in sources:
        spec = SimpleNamespace(mode=mode, company_id=company_id, source_id=source_id)
        keys = parts.keys_of(cursor, spec, [(event_id, around)]).keys()
        cursor.execute(
            "SELECT replace(key::text, '-', '') FROM usage_store_fact"
            " WHERE key = ANY(%s::uuid[])",
            [list(keys)],
        )
        keys = keys - {key for (key,) in cursor.fetchall()}
        months = archive.archived(cursor, map(parts.month_of, keys))
        keys = [key for key in keys if parts.month_of(key) in months]
        rows = {}
        with suppress(StoreError):  # it came all the same
            rows = parts.seek(cursor, keys)
        events = _of_archive(cursor, company_id, list(rows.values()))
        found += [
            (source_id, parts.time_of(key), events.get(key))
            for key in keys
            if mode == "strict" or key in rows
        ]
    return found


def subjects(cursor, subscription_ids, event_type, start, end):
    """Whose events of a type subscriptions have in their periods of a span of time.

    Of routes, not of events: archived months are known too, and somebody whose events
    all went elsewhere since may be named.

    :param datetime start, end: naive UTC, half-open; no start: from the beginning
    :return: {subscription id: set of subjects}, those without events left out
    """
    cursor.execute(
        "SELECT p.subscription_id, array_agg(DISTINCT r.subject)"
        "  FROM usage_period p JOIN usage_store_route r ON r.period_id = p.id"
        " WHERE p.subscription_id = ANY(%s) AND r.type = %s AND p.start_at < %s"
        "   AND (%s::timestamp IS NULL OR p.end_at > %s)"
        " GROUP BY 1",
        [list(subscription_ids), event_type, end, start, start],
    )
    return {number: set(found) for number, found in cursor.fetchall()}


def holders(cursor, company_id, subjects):
    """Subscriptions that have, or had, events of subjects, whoever is mapped today.

    :return: list of subscription ids
    """
    cursor.execute(
        "SELECT DISTINCT subscription_id FROM usage_store_route"
        " WHERE company_id = %s AND subject = ANY(%s)",
        [company_id, list(subjects)],
    )
    return [number for (number,) in cursor.fetchall()]


def _of_archive(cursor, company_id, rows):
    """Events of rows that were found in archives, as if they were in the store.

    :return: {key as hexadecimal text: FoundEvent}
    """
    if not rows:
        return {}
    names = [name.strip() for name in monthfile.COLUMNS.split(",")]
    facts = (
        "unnest(%(id)s::bigint[], %(time)s::timestamp[], %(payload_hash)s::bigint[],"
        " %(key)s::uuid[], %(route_id)s::int[], %(row_number)s::int[],"
        " %(event_id)s::text[], %(value)s::numeric[], %(amount)s::numeric[],"
        f" %(properties)s::jsonb[]) AS f({monthfile.COLUMNS})"
    )
    events = schema.events_of(facts)
    cursor.execute(
        f"SELECT replace(e.key::text, '-', ''), {_COLUMNS}"
        + _FROM.replace("usage_store_event e", f"({events}) e"),
        {
            "company": company_id,
            **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)),
        },
    )
    return {key: FoundEvent(*row) for key, *row in cursor.fetchall()}


def as_json(text):
    """Dimensions or properties, which psycopg2 gives as text or as mapping."""
    return json.loads(text) if isinstance(text, str) else dict(text)
