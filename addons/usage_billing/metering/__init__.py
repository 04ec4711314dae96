"""The event store: what was measured, once, and the sums of it.

Owns: the tables ``usage_store_*`` (events by month, registry of identities, dictionary
of dimension sets, rollups) and the way in and out of them. Does not own: prices, money,
customers; subscriptions, periods, meters and subjects come in as values
(:class:`~.routing.Catalogue`), bad rows go out to the caller's quarantine.

Invariants
    - (company, source, event id) is stored once for ever; the database enforces it in
    the
      transaction that stores the event
    - a rollup equals the aggregate of its events; ``verify`` recomputes it another way
    - an event stored is an event matched: its subscription and period are on its row

Dates: ``time`` is when the usage happened (naive UTC, decides the period),
``received_at`` is when its batch arrived. Periods and days are half-open.

No import of Odoo here. ``values``, ``eventcolumns`` and ``routing`` are pure; SQL is in
``postgres`` and ``schema`` only.
"""

from .compiled import ReadEvents, read_events
from .connection import connection
from .eventcolumns import EventColumns
from .values import (
    Aggregate,
    AppendResult,
    DayAggregate,
    Difference,
    EventRow,
    RejectedRow,
    RowOutcome,
    StoredEvent,
    UnitRow,
    UsageRow,
    UsageSpan,
)

__all__ = [
    "Aggregate",
    "AppendResult",
    "DayAggregate",
    "Difference",
    "EventColumns",
    "EventRow",
    "ReadEvents",
    "RejectedRow",
    "RowOutcome",
    "StoredEvent",
    "UnitRow",
    "UsageRow",
    "UsageSpan",
    "connection",
    "read_events",
]
