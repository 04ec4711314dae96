"""Rate the charges of billing periods: a few reads, the core, no write.

The billing run, the current month on a subscription, the portal and a simulation are
all this one function; only what they do with the result differs.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from . import bridge, isolation
from .rating import RatedLine, Usage, UsagePart, rate

LIVE_STATES = ("rated", "approved", "posted")

#: why a period is rated
CLOSE = "close"  # it is over: everything is due, minimum included
ADVANCE = "advance"  # it begins: fees billed in advance
LATE = "late"  # it was billed and usage came afterwards
OPEN = "open"  # it runs: what it would cost so far, nothing is kept


@dataclass(frozen=True, slots=True)
class Due:
    """A period to rate and why.

    period: ``usage.period`` record; reason: one of CLOSE, ADVANCE, LATE, OPEN
    version: ``usage.plan.version`` that prices it
    """

    period: object
    reason: str
    version: object


@dataclass(frozen=True, slots=True)
class Rated:
    """What one charge costs for one period and dimension set.

    period, charge: records; dimensions: of the set, empty when not split
    revision: the number the rated line would take; line: result of the core
    watermark: arrival of the newest usage in it; event_count: events behind it
    before: live components of the earlier revisions
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


@dataclass(slots=True)
class Outcome:
    """rated: by subscription id, in the order of periods and charges
    problems: sentence by subscription id; such a subscription has nothing rated
    """

    rated: dict = field(default_factory=lambda: defaultdict(list))
    problems: dict = field(default_factory=dict)


@dataclass(slots=True)
class _Measured:
    """What the store says of one charge, period and dimension set."""

    dimensions: dict = field(default_factory=dict)
    quantity: Decimal = Decimal(0)
    parts: list | None = None
    event_count: int = 0
    watermark: datetime | None = None


def dimension_key(dimensions):
    """Stable text of a dimension set, empty for none.

    >>> dimension_key({"b": "2", "a": "1"})
    '{"a":"1","b":"2"}'
    """
    if not dimensions:
        return ""
    return json.dumps(
        dict(dimensions), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )


def rate_periods(env, dues, keep_zero=False):
    """Rate periods under the prices of their version.

    A few queries however many periods: aggregates of the store, live rated lines.

    :param env: environment that may read the usage of these periods
    :param list[Due] dues: what to rate
    :param bool keep_zero: give back lines without quantity and amount too
    :rtype: Outcome
    """
    outcome = Outcome()
    measured = _measure(env, dues)
    live = _live_components(env, dues)
    core_charges = {}
    for due in sorted(dues, key=lambda due: (due.period.start_at, due.period.id)):
        subscription_id = due.period.subscription_id.id
        if subscription_id in outcome.problems:
            continue
        try:
            rated = list(_rate_period(due, measured, live, core_charges))
        except isolation.EXPECTED as error:
            outcome.problems[subscription_id] = isolation.reason_of(env, error)
            outcome.rated.pop(subscription_id, None)
            continue
        outcome.rated[subscription_id] += [
            item for item in rated if keep_zero or _is_worth_keeping(item)
        ]
    return outcome


def _is_worth_keeping(item):
    return bool(item.line.components) and (
        item.line.amount
        or item.line.metered_quantity
        or any(part.amount or part.quantity for part in item.line.components)
    )


def charges_of(due):
    """Charges of the version that count for the reason the period is rated."""
    charges = due.version.charge_ids
    if due.reason == ADVANCE:
        return charges.filtered(lambda charge: charge.timing == "advance")
    return charges


def _rate_period(due, measured, live, core_charges):
    """Rate each charge of one period.

    :param dict core_charges: values of the core by charge id, made once for all
        periods of the call
    """
    period = due.period
    currency = bridge.currency_of(due.version.currency_id)
    share = bridge.share_of(period)
    value = bridge.period_of(period)
    for charge in charges_of(due):
        sets = measured.get((period.id, charge.id), {})
        billed_sets = live.get((period.id, charge.id), {})
        keys = sorted(sets.keys() | billed_sets.keys())
        if not keys and not charge.group_by_dimensions:
            keys = [""]
        for key in keys:
            found = sets.get(key) or _Measured()
            billed = billed_sets.get(key)
            with bridge.naming_charge(charge):
                if charge.id not in core_charges:
                    core_charges[charge.id] = bridge.charge_of(charge)
                line = rate(
                    core_charges[charge.id],
                    _usage_of(charge, found),
                    currency,
                    period=value,
                    share=share,
                    closes=due.reason in (CLOSE, LATE),
                    billed=bridge.billed_of(billed.components) if billed else None,
                )
            yield Rated(
                period=period,
                charge=charge,
                dimension_key=key,
                dimensions=found.dimensions or (json.loads(key) if key else {}),
                revision=billed.revision + 1 if billed else 0,
                line=line,
                watermark=found.watermark,
                event_count=found.event_count,
                before=tuple(billed.components) if billed else (),
            )


def _usage_of(charge, found):
    if charge.model == "flat":
        return None
    if charge.model == "pass_through":
        return Usage(quantity=found.quantity, parts=tuple(found.parts or ()))
    return Usage(quantity=found.quantity)


# ----------------------------------------------------------------------
# reading
# ----------------------------------------------------------------------
def _measure(env, dues):
    """Quantities by (period id, charge id), then by dimension key.

    :rtype: dict[tuple[int, int], dict[str, _Measured]]
    """
    wanted = {True: defaultdict(list), False: defaultdict(list)}
    pass_through = defaultdict(list)
    for due in dues:
        if due.reason == ADVANCE:
            continue
        for charge in charges_of(due):
            if charge.model == "pass_through":
                pass_through[charge.meter_id].append((due.period, charge))
            elif charge.meter_id:
                split = charge.group_by_dimensions
                wanted[split][due.period.id, charge.meter_id.id].append(charge)
    measured = defaultdict(dict)
    for split, charges in wanted.items():
        _measure_quantities(env, charges, split, measured)
    for meter, pairs in pass_through.items():
        _measure_amounts(env, meter, pairs, measured)
    return measured


def _store(env, records):
    return env["usage.batch"].with_company(records.company_id[:1])._store()


def _measure_quantities(env, charges, split, measured):
    if not charges:
        return
    periods = env["usage.period"].browse({period_id for period_id, _meter in charges})
    meters = env["usage.meter"].browse({meter_id for _period, meter_id in charges})
    for row in _store(env, meters).aggregate(periods, meters, dimensions=split):
        for charge in charges.get((row.period_id, row.meter_id), ()):
            key = dimension_key(row.dimensions) if split else ""
            measured[row.period_id, charge.id][key] = _Measured(
                dimensions=dict(row.dimensions) if split else {},
                quantity=row.quantity,
                event_count=row.count,
                watermark=row.watermark,
            )


def _measure_amounts(env, meter, pairs, measured):
    """Amounts the events bring themselves, one part for each dimension set."""
    charges = defaultdict(list)
    for period, charge in pairs:
        charges[period.id].append(charge)
    periods = env["usage.period"].browse(charges)
    for row in _store(env, meter).amounts(periods, meter):
        for charge in charges[row.period_id]:
            split = charge.group_by_dimensions
            key = dimension_key(row.dimensions) if split else ""
            found = measured[row.period_id, charge.id].setdefault(
                key,
                _Measured(dimensions=dict(row.dimensions) if split else {}, parts=[]),
            )
            part_key = "" if split else _part_key(row.dimensions)
            # a meter of amounts measures money: there is no other quantity to show
            found.parts.append(UsagePart(part_key, Decimal(0), row.quantity))
            found.quantity += row.quantity
            found.event_count += row.count
            found.watermark = max(found.watermark or row.watermark, row.watermark)


def _part_key(dimensions):
    return "|".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


@dataclass(slots=True)
class _Live:
    revision: int = -1
    components: list = field(default_factory=list)


def _live_components(env, dues):
    """Live rated components by (period id, charge id), then by dimension key."""
    live = defaultdict(dict)
    lines = (
        env["usage.rated.line"]
        .sudo()  # what was billed counts, whoever asks what is due
        .search(
            [
                ("period_id", "in", list({due.period.id for due in dues})),
                ("state", "in", LIVE_STATES),
            ],
            order="id",
        )
    )
    for line in lines:
        sets = live[line.period_id.id, line.charge_id.id]
        found = sets.setdefault(line.dimension_key, _Live())
        found.revision = max(found.revision, line.revision)
        found.components += line.component_ids
    return live
