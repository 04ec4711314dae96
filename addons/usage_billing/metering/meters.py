"""What the store knows of a meter: values, no SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
)

from .errors import StoreError

#: Room for every digit of sums of 100-digit numbers.
EXACT = Context(prec=999, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_HALF_UP)

ROUNDINGS = {"half_up": ROUND_HALF_UP, "up": ROUND_CEILING, "down": ROUND_FLOOR}

#: Aggregations that add up from parts: rollups answer them.
ADDITIVE = frozenset(("sum", "count", "max", "min", "average"))
#: Aggregations that need the events themselves.
EXACT_ONLY = frozenset(("latest", "unique_count", "weighted_sum", "percentile"))

#: Decimals kept of a quotient without end; the same as in ``rating.rounding``.
QUOTIENT_DECIMALS = 24
_QUOTIENT_STEP = Decimal(1).scaleb(-QUOTIENT_DECIMALS)


def divide(dividend, divisor):
    """Quotient to 24 decimals, half up; exact where it has no more.

    >>> divide(Decimal(1), Decimal(8))
    Decimal('0.125')
    """
    quotient = EXACT.divide(dividend, divisor)
    if -quotient.as_tuple().exponent <= QUOTIENT_DECIMALS:
        return quotient
    return quotient.quantize(_QUOTIENT_STEP, context=EXACT)


def figure_of(sums, aggregation):
    """The figure of sums that add up: an object with count, total, low and high.

    :raise StoreError: the aggregation is none that sums tell
    """
    match aggregation:
        case "count":
            return Decimal(sums.count)
        case "sum":
            return sums.total
        case "max":
            return sums.high
        case "min":
            return sums.low
        case "average":
            return divide(sums.total, Decimal(sums.count))
    raise StoreError("aggregation", aggregation=aggregation)


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """What the store must know of a meter.

    aggregation: one of ADDITIVE or EXACT_ONLY
    filters: (key, value) pairs an event must all show, as dimension, else as property
    dimension_keys: dimensions kept apart; others are added up
    value_source: "value", "amount" or "property" (then ``value_property`` names it)
    rounding, decimals: rounding of the aggregated quantity, None for none
    percentile: of "percentile", in percent, above 0 and at most 100
    unique_property: what "unique_count" compares, a property, else a dimension
    group_by: within what "unique_count" is unique: the same item in two groups counts
        twice; these keys do not keep the quantity apart
    carries_over: the level of "weighted_sum" goes on from one period into the next
    weighting: "time" weighs a level by the microsecond, "day" by local calendar days,
        the day of a change included
    of_whole: the level of a period that is cut short is weighed against the calendar
        period it is a part of, as a fee of it would be, not against the part itself
    divide_by: source units of one unit of the meter, None for the same unit
    subject: only events of this subject, for questions about one of several; None for
        all. Rollups know no subjects: what asks this reads the events
    """

    id: int
    event_type: str
    aggregation: str
    value_source: str = "value"
    value_property: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    dimension_keys: tuple[str, ...] = ()
    rounding: str | None = None
    decimals: int = 0
    percentile: Decimal | None = None
    unique_property: str = ""
    group_by: tuple[str, ...] = ()
    carries_over: bool = True
    weighting: str = "time"
    of_whole: bool = False
    divide_by: Decimal | None = None
    subject: str | None = None

    @property
    def needs_value(self):
        return self.aggregation not in ("count", "unique_count")

    @property
    def is_additive(self):
        return self.aggregation in ADDITIVE

    def split_filters(self, dimensions: Mapping[str, str]):
        """Decide the filters that dimensions decide.

        :return: None when a dimension excludes the event, else the pairs its properties
            must still show
        """
        left = []
        for key, value in self.filters:
            if key not in dimensions:
                left.append((key, value))
            elif dimensions[key] != value:
                return None
        return tuple(left)

    def project(self, dimensions: Mapping[str, str]):
        """The dimensions this meter keeps, in the order of their names."""
        return {
            key: dimensions[key]
            for key in sorted(self.dimension_keys)
            if key in dimensions
        }

    def convert(self, quantity: Decimal):
        """A quantity of the source's unit in the unit of the meter."""
        return quantity if self.divide_by is None else divide(quantity, self.divide_by)

    def round(self, quantity: Decimal):
        """Round an aggregated quantity as the meter says (decimals may be negative)."""
        if not self.rounding:
            return quantity
        rounded = quantity.quantize(
            Decimal(1).scaleb(-self.decimals),
            rounding=ROUNDINGS[self.rounding],
            context=EXACT,
        )
        # 1E+2 is a number that nobody wants to read
        return rounded.quantize(1, context=EXACT) if self.decimals < 0 else rounded

    def quantity(self, figure: Decimal):
        """What is billed of an aggregated figure: converted, then rounded once."""
        return self.round(self.convert(figure))
