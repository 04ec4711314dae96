"""Give the events after an instant to the period that begins there.

A running period that is cut in two, by a change of plan, may hold events of its second
part already. What an event says never changes; which period it counts in follows its
own time. Corrections go with their events.
"""

from . import schema

#: routes of a period that have events of its second part
_ROUTES = """
    SELECT DISTINCT r.id, r.company_id, r.source_id, r.subscription_id, r.dimset_id,
           r.kind, r.currency, r.type, r.subject
      FROM usage_store_route r
      JOIN usage_store_fact f ON f.route_id = r.id
     WHERE r.period_id = %s AND f.time >= %s
"""


def recut(store, period_id, rest_id, instant):
    """Move the later events of a period to the period of the rest.

    The caller makes the rollups of both periods again. Nobody stores events meanwhile.

    :param PostgresStore store: its cursor and its dictionary of routes
    :param int period_id: ends at the instant by now
    :param int rest_id: begins at it
    :param datetime instant: naive UTC
    :return: number of events that went over
    """
    cursor = store.cursor
    cursor.execute("LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(_ROUTES, [period_id, instant])
    keys = {}
    for row in cursor.fetchall():
        route_id, company, source, subscription, *rest = row
        keys[route_id] = (company, source, subscription, rest_id, *rest)
    if not keys:
        return 0
    schema.note_remade(cursor, [period_id, rest_id])
    numbers = store.route_ids(list(keys.values()))
    for column, event in (("period_id", "target_id"), ("row_period_id", "row_id")):
        cursor.execute(
            f"UPDATE usage_store_correction c SET {column} = %s"
            f"  FROM usage_store_fact f WHERE f.id = c.{event}"
            f"   AND c.{column} = %s AND f.time >= %s",
            [rest_id, period_id, instant],
        )
    moved = 0
    for route_id, key in keys.items():
        cursor.execute(
            "UPDATE usage_store_fact SET route_id = %s"
            " WHERE route_id = %s AND time >= %s",
            [numbers[key], route_id, instant],
        )
        moved += cursor.rowcount
    return moved
