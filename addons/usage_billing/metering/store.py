"""The interface to an event store. PostgreSQL implements it in :mod:`.postgres`.

These calls are all that the rest of the suite may use. ``metering_bridge`` in the
add-on puts records in front of them; here everything is a value, so that another store
can stand behind the same interface.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from .meters import MeterSpec
from .places import PeriodSpan
from .values import (
    Aggregate,
    AppendResult,
    DayAggregate,
    Difference,
    EventRow,
    RejectedRow,
    StoredEvent,
    UsageRow,
    UsageSpan,
)

__all__ = ["AppendResult", "BatchSpec", "EventRow", "EventStore", "RejectedRow"]


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """Where the rows of an append come from.

    mode: how events are told apart, see :func:`.keys.key_function`; only "strict" needs
        the registry
    id_tolerance: microseconds that an event's time and the time of its id may differ
    first_row: rows of the batch that earlier appends took
    latest: events after this instant are held as "future"; None for no limit
    oldest: events before this instant are held as "late"; None for no limit
    ignored: reasons for which a row is set aside for good instead of waiting
    report: tell the outcome of each row that is not plainly accepted
    rollups: add up; without, the caller rebuilds the rollups of the periods afterwards
    """

    id: int
    company_id: int
    source_id: int
    received_at: datetime
    first_row: int = 0
    mode: str = "strict"
    id_tolerance: int | None = None
    latest: datetime | None = None
    oldest: datetime | None = None
    ignored: frozenset[str] = frozenset()
    report: bool = False
    rollups: bool = True


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row that goes to quarantine, with all that a person or a replay needs.

    identity: hex text, "" when the event has no id; with ``payload_hash``, hex too, it
        tells a re-sent row from a new one
    raw: canonical JSON of the event, or the row as received
    is_event: raw is the canonical JSON
    is_ignored: it waits for nobody: a rule of its source sets such rows aside
    """

    row_number: int
    reason: str
    detail: str
    raw: str
    is_event: bool
    event_id: str = ""
    type: str = ""
    subject: str = ""
    time: datetime | None = None
    amount: object = None
    identity: str = ""
    payload_hash: str = ""
    is_ignored: bool = False


class EventStore(Protocol):
    def append(
        self, batch: BatchSpec, rows: Iterable[EventRow | RejectedRow]
    ) -> AppendResult:
        """Identify, match, store and add up events; hold what cannot be.

        All in the caller's transaction. Rows are read once, in chunks.

        :raise psycopg2.errors.SerializationFailure: the transaction is REPEATABLE READ
            and somebody else stored one of the events since it began: try again
        """

    def aggregate(
        self,
        periods: Sequence[PeriodSpan],
        meters: Sequence[MeterSpec],
        dimensions: bool = True,
        as_of: datetime | None = None,
    ) -> list[Aggregate]:
        """Quantities by period, meter and dimension set; nothing for no events."""

    def quantities(
        self,
        period_ids: Sequence[int],
        spans: Callable[[], Sequence[PeriodSpan]],
        meters: Sequence[MeterSpec],
        as_of: datetime | None = None,
    ) -> dict[tuple[int, int], Decimal]:
        """Quantities of ``aggregate`` without dimensions, by (period id, meter id).

        :param spans: gives the periods, for what needs to know more than their ids
        """

    def fingerprints(
        self, period_ids: Sequence[int], carrying: Sequence[int] = ()
    ) -> dict[int, str]:
        """What a period's quantities were made from, as a short text.

        Another text means other events: usage came late, or a delivery was replaced.
        Periods without events are left out.

        :param carrying: ids of meters whose level goes on from earlier periods: events
            of these count too
        """

    def daily(
        self, periods: Sequence[PeriodSpan], meters: Sequence[MeterSpec]
    ) -> list[DayAggregate]:
        """Quantities by local day; they add up to ``aggregate`` for sum and count."""

    def explain(
        self,
        period: PeriodSpan,
        meter: MeterSpec,
        dimensions: Mapping[str, str] | None = None,
        limit: int = 80,
        after: tuple[datetime, int] | None = None,
    ) -> list[StoredEvent]:
        """Events behind a quantity, by time; ``after`` is the last one's ``cursor``."""

    def stream(
        self,
        period: PeriodSpan,
        meter: MeterSpec,
        dimensions: Mapping[str, str] | None = None,
    ) -> Iterator[StoredEvent]:
        """All events behind a quantity, by time, then event id and source.

        The order is the same whatever the order of arrival. Memory is constant; read
        it to the end, or close the iterator, before the transaction ends.
        """

    def sample(
        self,
        meter: MeterSpec,
        like: Sequence[int],
        limit: int,
        subscription_id: int | None = None,
    ) -> list[StoredEvent]:
        """The last events a meter counts, oldest first; ``like`` are ids of meters
        that count events of the same type."""

    def usage(
        self,
        spans: Sequence[UsageSpan],
        meter: MeterSpec,
        bucket: str,
        group_by: Sequence[str] = (),
    ) -> list[UsageRow]:
        """Quantities by bucket of time and, where asked, dimension or property.

        Buckets are of the span's zone, clock changes included, and are left out where
        nothing was used. Quantities are in the meter's unit, not rounded: sums and
        counts of buckets add up to those of the span. Ordered by span, time, group.

        :param bucket: "hour", "day", "month" or "total"
        """

    def verify(
        self, periods: Sequence[PeriodSpan], meters: Sequence[MeterSpec]
    ) -> list[Difference]:
        """Rollups that do not equal their events. Empty is well."""

    def rebuild(
        self, periods: Sequence[PeriodSpan], meters: Sequence[MeterSpec]
    ) -> None:
        """Make the rollups of these periods and meters again from their events."""
