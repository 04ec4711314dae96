"""What the registry knows of events, by the ids their source gave them."""

from .keys import identity_function

#: Locks for events that come without a time: enough that two requests seldom meet,
#: few enough for one transaction to hold them all.
BUCKETS = 64
_LOCK_CLASS = 0x7573


def known_times(cursor, company_id, source_id, event_ids):
    """Times of events stored earlier.

    :param cursor: plain cursor
    :param event_ids: ids as the source gave them
    :return: {event id: naive UTC datetime}, unknown ones left out
    """
    identity = identity_function(company_id, source_id)
    by_identity = {identity(event_id)[1].hex(): event_id for event_id in event_ids}
    if not by_identity:
        return {}
    cursor.execute(
        "SELECT replace(identity::text, '-', ''), time FROM usage_store_identity"
        " WHERE identity = ANY(%s::uuid[])",
        [list(by_identity)],
    )
    return {by_identity[hexed]: moment for hexed, moment in cursor.fetchall()}


def lock_ids(cursor, company_id, source_id, event_ids):
    """Let one transaction at a time decide the time of these events.

    Two requests with one event and no time would otherwise give it two times, and the
    second would look like another event with the same id. Held until the end of the
    transaction; always taken in one order.
    """
    identity = identity_function(company_id, source_id)
    wanted = {
        (source_id * BUCKETS + identity(event_id)[1][-1] % BUCKETS) & 0x7FFFFFFF
        for event_id in event_ids
    }
    for number in sorted(wanted):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, number])
