"""What rows in quarantine would be measured and cost; an estimate, nothing is kept."""

import json
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from . import isolation, rater

ZERO = Decimal(0)


@dataclass(slots=True)
class HeldSum:
    """Rows of one cause, day, type and dimension set, added up.

    total, low, high: of the values, None where no row has one; amount: of the amounts
    """

    cause_id: int
    day: object
    event_type: str
    dimensions: dict
    count: int
    total: Decimal | None
    low: Decimal | None
    high: Decimal | None
    amount: Decimal | None


def quantities(meter, sums):
    """What a meter would count of held rows, by the dimensions it keeps apart.

    Filters that only properties decide are taken as passed. Meters that read a
    property, or need the events one by one, say nothing.

    :param list[HeldSum] sums: any rows
    :return: {key of the dimensions: (dimensions, quantity)}, empty when none counts
    """
    spec = meter._get_spec()
    found = {}
    for item in sums:
        if item.event_type != meter.event_type:
            continue
        if spec.split_filters(item.dimensions) is None:
            continue
        figure = _figure(meter, item)
        if figure is not None:
            _add(found, spec.project(item.dimensions), spec.convert(figure), meter)
    return found


def quantity(meter, sums):
    """The same without dimensions; None when the meter counts none of the rows."""
    found = [value for _dims, value in quantities(meter, sums).values()]
    if not found:
        return None
    return max(found) if meter.aggregation == "max" else sum(found, ZERO)


def amounts(version, sums, stored, period=None, subscription=None):
    """What the charges of a version would put on held rows.

    :param dict stored: {meter id: [(dimensions, quantity)]} that the period has anyway
    :param usage.subscription subscription: whose exceptions count
    :return: an amount for each charge that counts any of the rows
    :rtype: list[Decimal]
    """
    found = []
    for charge in version.charge_ids.filtered("meter_id"):
        meter = charge.meter_id
        held = quantities(meter, sums)
        if not held:
            continue
        before = {}
        for dimensions, value in stored.get(meter.id, ()):
            _add(before, dimensions, value, meter)
        after = dict(before)
        for dimensions, value in held.values():
            _add(after, dimensions, value, meter)
        # a price that cannot rate this by itself says nothing
        with suppress(*isolation.EXPECTED):
            found.append(
                _amount(version, charge, after, period, subscription)
                - _amount(version, charge, before, period, subscription)
            )
    return found


def _amount(version, charge, by_key, period, subscription):
    basket = [
        rater.Item(charge.key, quantity=value, dimensions=dimensions)
        for dimensions, value in by_key.values()
    ]
    rated = rater.quote(
        version,
        basket,
        period,
        subscription=subscription,
        closes=False,
        charges=charge,
    )
    return sum((item.line.amount for item in rated), ZERO)


def _add(found, dimensions, value, meter):
    """Put a quantity to the others of its dimensions."""
    key = json.dumps(dimensions, sort_keys=True)
    if key not in found:
        found[key] = (dimensions, value)
    elif meter.aggregation == "max":
        found[key] = (dimensions, max(found[key][1], value))
    else:
        found[key] = (dimensions, found[key][1] + value)


def _figure(meter, item):
    if meter.aggregation == "count":
        return Decimal(item.count)
    if meter.value_source == "amount":
        return item.amount
    if meter.value_source != "value":
        return None
    return {"sum": item.total, "max": item.high}.get(meter.aggregation)
