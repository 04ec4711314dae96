"""Values that enter and leave the event store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

_EMPTY: Mapping[str, str] = MappingProxyType({})


class EventRow(NamedTuple):
    """One usage event as it enters the store.

    A named tuple and not a dataclass: a file brings millions of them, and building one
    costs a fifth. Treat it as immutable, the mappings too.

    event_id: identity within the source, not empty
    type: what was measured, matched with the meters' event type
    subject: who used it, as the source says it
    time: when it was used; naive means UTC, an aware time is converted
    value: quantity in the source's unit, exact; None for events that are only counted
    amount: what the event itself costs, in ``currency``; for pass-through charges
    dimensions: few distinct values ("region": "fr-1"); dictionary-coded, for prices
    properties: anything else worth keeping, texts (numbers written in full)
    row_number: line of the file it comes from, 0 when unknown
    """

    event_id: str
    type: str
    subject: str
    time: datetime
    value: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    dimensions: Mapping[str, str] = _EMPTY
    properties: Mapping[str, str] = _EMPTY
    row_number: int = 0


class UnitRow(NamedTuple):
    """An event whose value is in a unit that its source names, not yet converted.

    unit: as the source writes it; raw: the event as received
    """

    event: EventRow
    unit: str
    raw: str


class RejectedRow(NamedTuple):
    """A row that could not be read as an event; may stand among the rows of an append.

    reason: code of the quarantine reason
    detail: the facts, for a person
    raw: the row as received, for the replay
    """

    row_number: int
    reason: str
    detail: str
    raw: str
    event_id: str = ""
    type: str = ""
    subject: str = ""
    time: datetime | None = None
    amount: Decimal | None = None


class RowOutcome(NamedTuple):
    """What became of one row that was not plainly accepted.

    status: "duplicate" (known with the same content), "conflict" (known with other
        content), "quarantined", or "ignored" (left out by a rule before the store)
    code: reason code of the quarantine; of a duplicate "" when the event is stored, and
        the reason it waits for when it was held before
    detail: the facts, for a person
    """

    row_number: int
    status: str
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class AppendResult:
    """What became of the rows of one append; ``rows`` is the sum of the others.

    quarantined: number of rows by reason code
    outcomes: rows not plainly accepted, in the order of their numbers; only filled for
        a batch that asks for a report
    """

    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    outcomes: list[RowOutcome] = field(default_factory=list)

    @property
    def quarantined_count(self) -> int:
        return sum(self.quarantined.values())


class CorrectionOutcome(NamedTuple):
    """What became of the order to correct one event.

    number: its position in the order, from 0
    status: "voided", "amended"; "already" (corrected by somebody meanwhile, or
        before), "unchanged" (it says this already), "unknown" (no such event),
        "replaced" (its delivery was), or "refused" with the code of a quarantine
        reason: the amendment fits nowhere
    """

    number: int
    event_id: str
    status: str
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class CorrectionResult:
    """Outcomes in the order of the orders; ids of the periods whose usage moved."""

    outcomes: list[CorrectionOutcome] = field(default_factory=list)
    period_ids: list[int] = field(default_factory=list)

    def count(self, *statuses):
        """Number of orders with one of these statuses."""
        return sum(1 for outcome in self.outcomes if outcome.status in statuses)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Quantity of one meter in one period for one set of dimensions.

    quantity: in the meter's unit, by its aggregation and rounding, exact
    count: number of events behind it; first, last: their times (UTC)
    watermark: arrival of the newest batch in it (UTC), evidence of what was known
    """

    subscription_id: int
    period_id: int
    meter_id: int
    dimensions: Mapping[str, str]
    quantity: Decimal
    count: int
    first: datetime | None
    last: datetime | None
    watermark: datetime


@dataclass(frozen=True, slots=True)
class DayAggregate:
    """Quantity of one meter on one local day of the subscription."""

    period_id: int
    meter_id: int
    day: date
    dimensions: Mapping[str, str]
    quantity: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A rollup row that does not equal its events; day None is the whole period."""

    period_id: int
    meter_id: int
    dimset_id: int
    day: date | None
    rollup: tuple | None
    events: tuple | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of the store, as evidence. ``cursor`` continues the page after it."""

    id: int
    event_id: str
    type: str
    subject: str
    time: datetime
    value: Decimal | None
    amount: Decimal | None
    currency: str | None
    dimensions: Mapping[str, str]
    properties: Mapping[str, str]
    source_id: int
    batch_id: int
    row_number: int
    received_at: datetime

    @property
    def cursor(self) -> tuple[datetime, int]:
        return (self.time, self.id)


@dataclass(frozen=True, slots=True)
class UsageSpan:
    """A stretch of time of one subscription to report (naive UTC, half-open).

    tz: zone of the buckets' hours, days and months
    """

    subscription_id: int
    start: datetime
    end: datetime
    tz: str


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Quantity of one bucket of time and one set of the dimensions asked for.

    start: beginning of the bucket (naive UTC); of the span for the total
    quantity: in the meter's unit, exact; the rounding of the meter is for what is
        billed of a period, not for its hours
    count: number of events behind it
    """

    subscription_id: int
    start: datetime
    dimensions: Mapping[str, str]
    quantity: Decimal
    count: int
