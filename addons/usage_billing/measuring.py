"""What the event store says of the charges to rate: a few reads, however many.

Additive quantities of all periods come in one call for each way of reading; prices
that look at single events (percentages, levels) read them one after another, in
constant memory.
"""

import heapq
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from . import bridge, pricebook
from .rating import Usage, UsagePart
from .rating.aggregation import merge
from .rating.levels import level_changes
from .rating.rounding import exact_arithmetic
from .rating.schedules import hours_match
from .rating.values import LevelChange, Stream

ZERO = Decimal(0)

#: columns of a meter that say how its usage is added up
SPEC_FIELDS = (
    "company_id",
    "event_type",
    "aggregation",
    "value_source",
    "value_property",
    "dimension_keys",
    "rounding_mode",
    "rounding_decimals",
    "unit_divisor",
    "percentile",
    "unique_property",
    "unique_within",
    "carries_over",
    "weighting",
    "level_base",
)


@dataclass(slots=True)
class Measured:
    """What the store says of one charge, period and dimension set.

    dimensions: as the customer reads them; price: the special price that takes it
    before: quantity of earlier periods that fills the same tiers
    readings: events behind single-event prices, made when they are read
    """

    dimensions: dict = field(default_factory=dict)
    price: pricebook.SpecialPrice | None = None
    quantity: Decimal = ZERO
    before: Decimal = ZERO
    tier_quantity: Decimal | None = None
    parts: list | None = None
    quantities: dict | None = None
    windows: list | None = None
    values: Stream | None = None
    changes: tuple | None = None
    event_count: int = 0
    watermark: datetime | None = None

    def note(self, count, watermark):
        """Count events, remember the newest arrival."""
        self.event_count += count
        if watermark and (self.watermark is None or watermark > self.watermark):
            self.watermark = watermark

    def usage(self, reading):
        """Value of the core for a way of reading.

        :rtype: rating.Usage | None
        """
        if reading in (pricebook.NOTHING, pricebook.SPENT):
            return None
        if reading == pricebook.AMOUNTS:
            return Usage(quantity=self.quantity, parts=tuple(self.parts or ()))
        if reading == pricebook.VALUES:
            return Usage(quantity=self.quantity, values=self.values or ())
        if reading == pricebook.CHANGES:
            return Usage(quantity=self.quantity, changes=self.changes or ())
        if reading == pricebook.SEVERAL:
            return Usage(quantities=tuple((self.quantities or {}).items()))
        if reading == pricebook.WINDOWS and self.windows is not None:
            return Usage(quantity=self.quantity, windows=tuple(self.windows))
        return Usage(quantity=self.quantity, tier_quantity=self.tier_quantity)


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


def price_of(priced, dimensions, local=None):
    """The special price of a dimension set: the first that fits, None for the base.

    :param datetime local: time of the usage in the customer's zone; without one no
        price by hour fits
    """
    return next(
        (
            one
            for one in priced.prices
            if one.fits(dimensions)
            and (
                one.hours is None
                or (local is not None and hours_match(local, *one.hours))
            )
        ),
        None,
    )


def place_at(priced, dimensions, price):
    """Key, shown dimensions and special price of the line a dimension set goes to."""
    names = price.group_keys if price else priced.group_keys
    if priced.split:
        names = tuple(dimensions)
    group = {name: dimensions.get(name) for name in names}
    shown = {name: value for name, value in group.items() if value is not None}
    if price:
        group["@price"] = price.key
    return dimension_key(group), shown, price


class Measuring:
    """Reads the usage of charges in periods.

    :param env: environment that may read the usage of these periods
    :param wanted: (period, Priced, first date, end date) with the dates inside the
        period from which the charge counts
    :param earlier: {(period id, charge id): earlier periods that fill the same tiers}
    """

    def __init__(self, env, wanted, earlier=None):
        self.env = env
        self.wanted = wanted
        self.earlier = earlier or {}
        self._rows = {True: defaultdict(list), False: defaultdict(list)}
        self._days = defaultdict(list)
        self._meters = {}

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, expected=()):
        """Usage by (period id, charge id), then by dimension key; and what failed.

        :param expected: errors that one period's data can cause; the others go on
        :return: (usage, {period id: error})
        :rtype: tuple[dict[tuple[int, int], dict[str, Measured]], dict]
        """
        found, broken = {}, {}
        self._load_apart(self.wanted, expected, broken)
        for period, priced, first, end in self.wanted:
            reader = _READERS.get(priced.reading)
            if reader is None or period.id in broken:
                continue
            sets = {}
            try:
                reader(self, period, priced, (first, end), sets)
            except expected as error:
                broken[period.id] = error
            found[period.id, priced.id] = sets
        return found, broken

    # -- reading in bulk -------------------------------------------------------

    def _load_apart(self, wanted, expected, broken):
        """Read everything together; a period that needs archived events is set apart.

        :param dict broken: such periods are entered here
        """
        try:
            self._load(wanted)
        except expected as error:
            if getattr(error, "store_code", "") != "events_archived":
                raise
            period_ids = sorted({period.id for period, *_rest in wanted})
            if len(period_ids) == 1:
                broken[period_ids[0]] = error
                return
            middle = period_ids[len(period_ids) // 2]
            for is_low in (True, False):
                part = [one for one in wanted if (one[0].id < middle) is is_low]
                self._load_apart(part, expected, broken)

    def _load(self, wanted):
        """Read the added-up rows of every charge, one call for each way.

        Nothing is kept of a reading that fails half-way, and what two readings have in
        common counts once.
        """
        pairs = {True: defaultdict(set), False: defaultdict(set)}
        amounts, days = defaultdict(set), defaultdict(set)
        for period, priced, first, end in wanted:
            meter_ids = {meter_id for meter_id, _name in priced.meters}
            if priced.reading == pricebook.AMOUNTS:
                amounts[priced.meter_id].add(period.id)
            elif self._is_by_day(priced, period, first, end):
                days[period.id] |= meter_ids
            elif priced.reading not in (pricebook.NOTHING, pricebook.SPENT):
                split = self._is_split(priced)
                for one in (period, *self.earlier.get((period.id, priced.id), ())):
                    pairs[split][one.id] |= meter_ids
        Period, Meter = self.env["usage.period"], self.env["usage.meter"]
        rows = {True: defaultdict(list), False: defaultdict(list)}
        by_day = defaultdict(list)
        for split, of_periods in pairs.items():
            if of_periods:
                meters = Meter.browse(set().union(*of_periods.values()))
                bridge.warm(meters, SPEC_FIELDS)
                found = self._store(meters).aggregate(
                    Period.browse(of_periods), meters, dimensions=split
                )
                self._keep(rows[split], found)
        for meter_id, period_ids in amounts.items():
            meter = Meter.browse(meter_id)
            found = self._store(meter).amounts(Period.browse(period_ids), meter)
            self._keep(rows[True], found)
        if days:
            meters = Meter.browse(set().union(*days.values()))
            self._keep(by_day, self._store(meters).daily(Period.browse(days), meters))
        for split, found in rows.items():
            self._rows[split].update(found)
        self._days.update(by_day)

    def _keep(self, rows, found):
        for row in found:
            rows[row.period_id, row.meter_id].append(row)

    def _store(self, records):
        return self.env["usage.batch"].with_company(records.company_id[:1])._store()

    def _is_split(self, priced):
        return priced.split or priced.reading in (
            pricebook.GROUPED,
            pricebook.VALUES if priced.prices else pricebook.GROUPED,
        )

    def _is_by_day(self, priced, period, first, end):
        """Whether local days are read: day windows, or a charge that counts for a
        part of the period only."""
        if priced.reading == pricebook.WINDOWS:
            return priced.window == "day"
        partial = (first, end) != (period.local_start, period.local_end)
        return partial and priced.reading in (pricebook.QUANTITY, pricebook.GROUPED)

    def _meter(self, meter_id):
        if meter_id not in self._meters:
            self._meters[meter_id] = self.env["usage.meter"].browse(meter_id)
        return self._meters[meter_id]

    def _rows_of(self, period, priced, dates):
        """Added-up rows of a period, or of the days of it that count."""
        if self._is_by_day(priced, period, *dates):
            first, end = dates
            return [
                row
                for row in self._days[period.id, priced.meter_id]
                if first <= row.day < end
            ]
        return self._rows[self._is_split(priced)][period.id, priced.meter_id]

    # -- one way of reading each -------------------------------------------------

    def _read_quantity(self, period, priced, dates, sets):
        for row in self._rows_of(period, priced, dates):
            dimensions = dict(row.dimensions) if priced.split else {}
            found = sets.setdefault(dimension_key(dimensions), Measured(dimensions))
            self._add(found, row, priced.meter_id)
        if priced.tier_meter_id:
            for row in self._rows[False][period.id, priced.tier_meter_id]:
                for found in sets.values():
                    found.tier_quantity = row.quantity
        self._read_earlier(period, priced, sets)

    def _read_earlier(self, period, priced, sets):
        """Quantities of the periods before that fill the same tiers."""
        for one in self.earlier.get((period.id, priced.id), ()):
            rows = self._rows[self._is_split(priced)][one.id, priced.meter_id]
            for row in rows:
                key, dimensions, price = self._place(priced, dict(row.dimensions))
                found = sets.setdefault(key, Measured(dimensions, price))
                found.before = self._merge(
                    found.before, row.quantity, priced.meter_id, found.before is ZERO
                )

    def _read_grouped(self, period, priced, dates, sets):
        for row in self._rows_of(period, priced, dates):
            key, dimensions, price = self._place(priced, dict(row.dimensions))
            found = sets.setdefault(key, Measured(dimensions, price))
            self._add(found, row, priced.meter_id)
        self._read_earlier(period, priced, sets)

    def _place(self, priced, dimensions):
        """Key, shown dimensions and special price of a dimension set."""
        if priced.reading == pricebook.QUANTITY:
            shown = dimensions if priced.split else {}
            return dimension_key(shown), shown, None
        return place_at(priced, dimensions, price_of(priced, dimensions))

    def _add(self, found, row, meter_id):
        """Add a row; the first one is taken as it is."""
        first = not found.event_count
        found.quantity = self._merge(found.quantity, row.quantity, meter_id, first)
        found.note(row.count, getattr(row, "watermark", None))

    def _merge(self, left, right, meter_id, first):
        """Quantity of two dimension sets, days or periods together.

        :raise RatingError: quantity_not_additive
        """
        if first:
            return right
        return merge(self._meter(meter_id).aggregation, left, right)

    def _read_amounts(self, period, priced, dates, sets):
        """Amounts the events bring themselves, one part for each dimension set."""
        for row in self._rows[True][period.id, priced.meter_id]:
            dimensions = dict(row.dimensions)
            shown = dimensions if priced.split else {}
            found = sets.setdefault(dimension_key(shown), Measured(shown, parts=[]))
            part_key = "" if priced.split else _part_key(dimensions)
            # a meter of amounts measures money: there is no other quantity to show
            found.parts.append(UsagePart(part_key, ZERO, row.quantity))
            with exact_arithmetic():
                found.quantity += row.quantity
            found.note(row.count, row.watermark)

    def _read_several(self, period, priced, dates, sets):
        found = Measured(quantities={})
        for meter_id, name in priced.meters:
            for row in self._rows[False][period.id, meter_id]:
                found.quantities[name] = row.quantity
                found.note(row.count, row.watermark)
                if meter_id == priced.meter_id:
                    found.quantity = row.quantity
        if found.quantities:
            sets[""] = found

    def _read_values(self, period, priced, dates, sets):
        """One stream of values for each group; read when it is priced."""
        members = defaultdict(list)
        for row in self._rows[self._is_split(priced)][period.id, priced.meter_id]:
            dimensions = dict(row.dimensions)
            if priced.prices or priced.split:
                price = next((p for p in priced.prices if p.fits(dimensions)), None)
                key, shown, price = place_at(priced, dimensions, price)
            else:
                key, shown, price = "", {}, None
            found = sets.setdefault(key, Measured(shown, price))
            found.quantity += row.quantity
            found.note(row.count, row.watermark)
            members[key].append(dimensions if self._is_split(priced) else None)
        for key, found in sets.items():
            found.values = Stream(
                (
                    value
                    for _time, value in self._events(
                        period, self._meter(priced.meter_id), members[key]
                    )
                ),
                found.event_count,
            )

    def _events(self, period, meter, dimension_sets):
        """Yield (time, value) of the events of dimension sets, in time order."""
        spec = meter._get_spec()
        streams = [
            events_of(self._store(meter), period, meter, dimensions)
            for dimensions in dimension_sets
        ]
        if len(streams) == 1:
            events = streams[0]
        else:
            events = heapq.merge(*streams, key=_order)
        for event in events:
            yield event.time, value_of(event, spec)

    def _read_changes(self, period, priced, dates, sets):
        """The level at the beginning and how it changed."""
        meter = self._meter(priced.meter_id)
        opening = ZERO
        for one in self.earlier.get((period.id, priced.id), ()):
            for row in self._rows[False][one.id, priced.meter_id]:
                opening += row.quantity
        rows = self._rows[False][period.id, priced.meter_id]
        found = Measured(quantity=opening)
        for row in rows:
            found.quantity += row.quantity
            found.note(row.count, row.watermark)
        if not rows and not opening:
            return
        events = events_of(self._store(meter), period, meter, None) if rows else ()
        spec = meter._get_spec()
        if priced.share_property:
            found.changes = _own_shares(priced, opening, events, spec)
        else:
            whole = meter.level_base != "part" and bridge.whole_period(period).days
            found.changes = level_changes(
                bridge.period_of(period),
                opening,
                ((bridge.aware(e.time), value_of(e, spec)) for e in events),
                whole or None,
            )
        sets[""] = found

    def _read_windows(self, period, priced, dates, sets):
        windows = defaultdict(Measured)
        for begin, row in self._window_rows(period, priced, dates):
            self._add(windows[begin], row, priced.meter_id)
        if priced.promise is None:
            found = Measured(windows=[windows[b].quantity for b in sorted(windows)])
            for one in windows.values():
                found.quantity += one.quantity
                found.note(one.event_count, one.watermark)
            if windows:
                sets[""] = found
            return
        if priced.promise.true_up:
            for begin in _windows_of(period, priced.window, dates):
                windows[begin]  # pylint: disable=pointless-statement
        for begin in sorted(windows):
            one = windows[begin]
            one.dimensions = {"window": begin}
            sets[dimension_key(one.dimensions)] = one

    def _window_rows(self, period, priced, dates):
        """Yield (name of the window in local time, row)."""
        if priced.window == "day":
            for row in self._rows_of(period, priced, dates):
                yield row.day.isoformat(), row
            return
        meter = self._meter(priced.meter_id)
        zone = ZoneInfo(period.tz)
        for row in self._store(meter).usage(
            period.subscription_id,
            meter,
            period.start_at,
            period.end_at,
            priced.window,
        ):
            local = row.start.replace(tzinfo=UTC).astimezone(zone)
            yield _window_name(local, priced.window), row

    def _read_hours(self, period, priced, dates, sets):
        """Usage by hour, each hour under the price of its time and dimensions."""
        meter = self._meter(priced.meter_id)
        zone = ZoneInfo(period.tz)
        for row in self._store(meter).usage(
            period.subscription_id,
            meter,
            period.start_at,
            period.end_at,
            "hour",
            meter._get_dimension_keys(),
        ):
            local = row.start.replace(tzinfo=UTC).astimezone(zone)
            dimensions = dict(row.dimensions)
            price = price_of(priced, dimensions, local)
            key, shown, price = place_at(priced, dimensions, price)
            found = sets.setdefault(key, Measured(shown, price))
            self._add(found, row, priced.meter_id)


_READERS = {
    pricebook.QUANTITY: Measuring._read_quantity,
    pricebook.GROUPED: Measuring._read_grouped,
    pricebook.AMOUNTS: Measuring._read_amounts,
    pricebook.SEVERAL: Measuring._read_several,
    pricebook.VALUES: Measuring._read_values,
    pricebook.CHANGES: Measuring._read_changes,
    pricebook.WINDOWS: Measuring._read_windows,
    pricebook.HOURS: Measuring._read_hours,
}


# ----------------------------------------------------------------------
# events one by one
# ----------------------------------------------------------------------
def events_of(store, period, meter, dimensions=None):
    """The events of a quantity in an order that no delivery changes, one by one.

    :param dict dimensions: as the meter keeps them apart; None for all
    """
    return store.stream(period, meter, dimensions)


def value_of(event, spec):
    """The figure a meter reads of an event.

    :param metering.StoredEvent event: as stored
    :param metering.meters.MeterSpec spec: of the meter
    :rtype: Decimal
    """
    if not spec.needs_value:
        return Decimal(1)
    if spec.value_source == "property":
        text = event.properties.get(spec.value_property)
        if text is None:
            text = event.dimensions.get(spec.value_property)
        return ZERO if text is None else Decimal(str(text))
    value = event.amount if spec.value_source == "amount" else event.value
    return ZERO if value is None else value


def _own_shares(priced, opening, events, spec):
    """Changes of a source that says itself how much of each counts."""
    changes = [LevelChange(opening, opening)] if opening else []
    for event in events:
        quantity = value_of(event, spec)
        text = event.properties.get(priced.share_property)
        prorated = quantity if text is None else Decimal(str(text))
        if quantity:
            changes.append(LevelChange(quantity, prorated))
    return tuple(changes)


def _order(event):
    """Events of several dimension sets together, in the order of the stream."""
    return event.time, event.event_id


def _part_key(dimensions):
    return "|".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


# ----------------------------------------------------------------------
# windows
# ----------------------------------------------------------------------
def _window_name(local, window):
    return {
        "hour": lambda: local.strftime("%Y-%m-%d %H:00%z"),
        "day": lambda: local.date().isoformat(),
        "month": lambda: local.strftime("%Y-%m"),
    }[window]()


def _windows_of(period, window, dates):
    """Names of every window of a period, whether it was used or not."""
    first, end = dates
    if window == "hour":
        zone = ZoneInfo(period.tz)
        at = period.start_at.replace(tzinfo=UTC)
        while at < period.end_at.replace(tzinfo=UTC):
            yield _window_name(at.astimezone(zone), window)
            at += timedelta(hours=1)
        return
    seen = set()
    day = first
    while day < end:
        name = day.isoformat() if window == "day" else day.strftime("%Y-%m")
        if name not in seen:
            seen.add(name)
            yield name
        day += timedelta(days=1)
