"""What :mod:`.rater` is asked and what it answers: values that name records."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .rating import RatedLine

#: why a period is rated
CLOSE = "close"  # it is over: everything is due, minimum included
ADVANCE = "advance"  # it begins: fees billed in advance
LATE = "late"  # it was billed and usage came afterwards
INTERIM = "interim"  # it runs, and its usage so far is billed
OPEN = "open"  # it runs: what it would cost so far, nothing is kept

#: reasons after which the period is still to be closed
KEEPS_OPEN = (ADVANCE, INTERIM, OPEN)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Due:
    """A period to rate and why.

    period: ``usage.period`` record; reason: one of the words above
    version: ``usage.plan.version`` that prices it
    """

    period: object
    reason: str
    version: object

    @property
    def closes(self):
        return self.reason in (CLOSE, LATE)


@dataclass(frozen=True, slots=True)
class Rated:
    """What one charge costs for one period and dimension set.

    period, charge: records (a quote has no period); dimensions: of the set, empty when
        not split; price: the special price that was taken, a record, mostly empty
    revision: the number the rated line would take; line: result of the core
    watermark: arrival of the newest usage in it; event_count: events behind it
    before: live components of the earlier revisions
    allowance_left: free units that the next period may use, None where none go on
    override_id: of the ``usage.override`` that gave the price, None for the list price
    """

    period: object
    charge: object
    dimension_key: str
    dimensions: dict
    revision: int
    line: RatedLine
    watermark: datetime | None
    event_count: int
    before: tuple = ()
    price: object = None
    allowance_left: Decimal | None = None
    override_id: int | None = None


@dataclass(slots=True)
class Outcome:
    """rated: by subscription id, in the order of periods and charges
    problems: sentence by subscription id; such a subscription has nothing rated
    """

    rated: dict = field(default_factory=lambda: defaultdict(list))
    problems: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a basket to quote.

    charge: key of the charge, or code of its meter
    quantity: metered units; dimensions: they choose the special price
    values: value of each event, for percentages; amount: what the events bring
        themselves; quantities: by meter code, for steps over several meters
    at: local time of the usage, for prices by hour; None: the price outside them
    """

    charge: str
    quantity: Decimal = ZERO
    dimensions: dict = field(default_factory=dict)
    values: tuple | None = None
    amount: Decimal | None = None
    quantities: dict | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a subscription brings to a quote.

    kept: free units the period before left over, {(charge key, dimension key): units}
    credits: units of prepaid credits by charge key, before any conversion
    """

    kept: dict = field(default_factory=dict)
    credits: dict = field(default_factory=dict)
