# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""From readings to a quantity: streaming, the order of input does not matter.

Additive aggregates (sum, count, max, min, average) can also be merged from
buckets; the others need the readings.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .errors import RatingError
from .rounding import ZERO, divide, exact_arithmetic
from .values import HUNDRED, decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """One event as a meter sees it.

    at: event time, aware or naive as long as all are alike
    value: the metered property; None where the meter only counts
    item: what unique count compares; group: where it is unique
    tie: decides between readings of one instant (the event's id)
    """

    at: datetime
    value: Decimal | None = None
    item: str | None = None
    group: tuple = ()
    tie: str = ""

    def __post_init__(self):
        if self.value is not None:
            object.__setattr__(self, "value", decimal(self.value, "value"))


class Sum:
    """Sum of the values; corrections may be negative."""

    def __init__(self):
        self.total = ZERO

    def add(self, reading):
        self.total += reading.value

    def result(self):
        return self.total


class Count:
    """Number of readings."""

    def __init__(self):
        self.number = 0

    def add(self, reading):
        self.number += 1

    def result(self):
        return Decimal(self.number)


class Maximum:
    """Highest value, zero without readings."""

    def __init__(self):
        self.best = None

    def add(self, reading):
        self.best = reading.value if self.best is None else self.pick(reading.value)

    def pick(self, value):
        return max(self.best, value)

    def result(self):
        return ZERO if self.best is None else self.best


class Minimum(Maximum):
    """Lowest value, zero without readings."""

    def pick(self, value):
        return min(self.best, value)


class Average:
    """Mean of the values, zero without readings."""

    def __init__(self):
        self.total, self.number = ZERO, 0

    def add(self, reading):
        self.total += reading.value
        self.number += 1

    def result(self):
        return divide(self.total, self.number) if self.number else ZERO


class Latest:
    """Value of the last reading by event time; a negative one counts as 0."""

    def __init__(self):
        self.last = None

    def add(self, reading):
        mark = (reading.at, reading.tie)
        if self.last is None or mark >= (self.last.at, self.last.tie):
            self.last = reading

    def result(self):
        return ZERO if self.last is None else max(self.last.value, ZERO)


class UniqueCount:
    """Different items; the same item in two groups counts twice."""

    def __init__(self):
        self.seen = set()

    def add(self, reading):
        self.seen.add((reading.group, reading.item))

    def result(self):
        return Decimal(len(self.seen))


class WeightedSum:
    """Level x time over the time of the period; values change the level.

    Each change counts for the time from its own instant to the end, so the
    order of the readings does not matter.
    """

    def __init__(self, start, end, opening=ZERO):
        if end <= start:
            raise RatingError("period_backwards", start=start, end=end)
        self.start, self.end = start, end
        self.area = opening * _microseconds(end - start)

    def add(self, reading):
        if not self.start <= reading.at < self.end:
            raise RatingError("reading_outside_period", at=reading.at)
        self.area += reading.value * _microseconds(self.end - reading.at)

    def result(self):
        return divide(self.area, _microseconds(self.end - self.start))


class Percentile:
    """Nearest rank: the ceil(p x n)-th smallest value (95 for bandwidth)."""

    def __init__(self, percent):
        self.percent = decimal(percent, "percent")
        if not 0 < self.percent <= HUNDRED:
            raise RatingError("percentile_out_of_range", value=self.percent)
        self.values = []

    def add(self, reading):
        self.values.append(reading.value)

    def result(self):
        if not self.values:
            return ZERO
        exact_rank = self.percent * len(self.values) / HUNDRED
        rank = int(exact_rank.to_integral_value(rounding="ROUND_CEILING"))
        return sorted(self.values)[rank - 1]


AGGREGATIONS = {
    "sum": Sum,
    "count": Count,
    "max": Maximum,
    "min": Minimum,
    "average": Average,
    "latest": Latest,
    "unique_count": UniqueCount,
    "weighted_sum": WeightedSum,
    "percentile": Percentile,
}


def aggregate(aggregation, readings, **parameters):
    """Quantity of the readings of one period, in one pass.

    :param str aggregation: one of AGGREGATIONS
    :param readings: iterable of Reading, any order
    :param parameters: start, end, opening for weighted_sum; percent for
        percentile
    :rtype: Decimal
    :raise RatingError: unknown_aggregation
    """
    if aggregation not in AGGREGATIONS:
        raise RatingError("unknown_aggregation", aggregation=aggregation)
    with exact_arithmetic():
        state = AGGREGATIONS[aggregation](**parameters)
        for reading in readings:
            state.add(reading)
        return state.result()


def merge(aggregation, left, right):
    """Quantity of two parts of a whole: days, periods or dimension sets.

    :param str aggregation: sum, count, max or min; the others do not add up
    :raise RatingError: quantity_not_additive
    """
    if aggregation in ("sum", "count"):
        with exact_arithmetic():
            return left + right
    if aggregation == "max":
        return max(left, right)
    if aggregation == "min":
        return min(left, right)
    raise RatingError("quantity_not_additive", aggregation=aggregation)


def _microseconds(duration):
    whole = (duration.days * 86400 + duration.seconds) * 1_000_000
    return whole + duration.microseconds
