# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays the cases about quantities in Odoo: aggregation, identity, levels by day.

Events go through the store's append and quantities are read from rated lines, as in
:mod:`odoo_rating`, whose story this tells.
"""

import json
from datetime import time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from harness import BadCase, Unsupported
from odoo_rating import (
    UNITS,
    ZERO,
    Bill,
    Story,
    after,
    charge_vals,
    result,
)
from rating_case import bounds, local_dates, read_events, rounding_of

AGGREGATIONS = frozenset(
    "sum count max min average latest unique_count weighted_sum percentile".split()
)
OPENING = "opening"


class Metered(Story):
    """A story about one period that usage may come before and after, too."""

    def begin(self, case, moments, full_days=None):
        """Subscribe from the first of the moments to the last, at least the period.

        Events outside the period are usage of other periods, so that the store knows
        them and their identities as it would in life.

        :param moments: aware instants
        :param int full_days: days of the period that the case's one is cut out of
        """
        start, end, zone = bounds(case)
        self.start, self.end, self.zone = start, end, ZoneInfo(zone)
        first, last = local_dates(case)
        vals = length_of(first, last)
        if full_days is not None and full_days != (last - first).days:
            vals = cut_out_of(first, last, full_days)
        else:
            latest = max([end, *moments]).astimezone(self.zone).date()
            vals["date_end"] = latest + timedelta(days=1) if latest > last else last
        self.opens_before = vals.get("date_start", first) == first
        vals.setdefault("date_start", first)
        if self.opens_before:
            earliest = min([start, *moments]).astimezone(self.zone).date()
            vals["date_start"] = before(first, vals, earliest)
        self.subscribe(first, last, zone, **vals)

    @property
    def period(self):
        """The stored period of the case."""
        found = self.subscription.period_ids.filtered(
            lambda period: (
                aware(period.start_at) == self.start
                and aware(period.end_at) == self.end
            )
        )
        if not found:
            raise Unsupported("a period no calendar has")
        return found

    def bill_period(self):
        """Bill until the period is over and look at what was rated for it.

        :rtype: Bill
        """
        period = self.period
        run = self.env["usage.billing.run"].create(
            {
                "cutoff_date": period.local_end - timedelta(days=1),
                "invoice_date": period.local_end,
                "subscription_ids": [(6, 0, self.subscription.ids)],
            }
        )
        run.action_compute()
        self._refuse_held(run)
        run.action_approve()
        run.action_post()
        self._refuse_held(run)
        bill = Bill(run)
        bill.rated = bill.rated.filtered(lambda line: line.period_id == period)
        bill.lines = bill.lines.filtered(
            lambda line: line.usage_rated_line_id in bill.rated
        )
        return bill

    def open_level(self, code, quantity, name):
        """The level a period opens with: a change in the period before it.

        Where nothing can be before, the change is in the first instant.
        """
        if not quantity:
            return []
        moment = self.start
        if self.subscription.date_start < self.period.local_start:
            moment -= timedelta(hours=1)
        properties = {name: format(quantity, "f")}
        return [self.row(f"{OPENING}-{code}", code, moment, properties=properties)]


def aware(moment):
    """Instant of a naive UTC time as Odoo stores it."""
    return moment.replace(tzinfo=ZoneInfo("UTC"))


def length_of(first, last):
    """Values of a billing period that goes from a date to another one, end excluded:
    one of the calendar where there is one, else so many days."""
    for unit in UNITS:
        if after(first, unit) == last:
            return {"period_unit": unit}
    return {"period_unit": "day", "period_every": (last - first).days}


def before(first, length, earliest):
    """Start of the period, in steps of whole periods before a date, that holds one."""
    start, step = first, 0
    while start > earliest:
        step += 1
        count = step * length.get("period_every", 1)
        start = steps_back(first, length["period_unit"], count)
    return start


def steps_back(first, unit, count):
    """The date so many periods earlier, on the same anchor."""
    if unit in ("day", "week"):
        return first - timedelta(days={"day": 1, "week": 7}[unit] * count)
    months = {"month": 1, "quarter": 3, "year": 12}[unit] * count
    year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    days = (first.replace(year=year, month=1, day=1), month)
    following = after(days[0].replace(month=month + 1, day=1), "month")
    return min(
        following - timedelta(days=1),
        days[0].replace(month=month + 1, day=1) + timedelta(days=first.day - 1),
    )


def cut_out_of(first, last, full_days):
    """A subscription whose period is a part of one with that many days.

    It ends early in a period that begins with it, or begins late in one that ends with
    it.

    :raise BadCase: the part is longer than the whole
    """
    for unit in UNITS:
        if (after(first, unit) - first).days == full_days:
            return {"period_unit": unit, "date_end": last}
    whole = last - timedelta(days=full_days)
    for unit in UNITS:
        if after(whole, unit) == last:
            return {
                "period_unit": unit,
                "anchor_day": whole.day,
                "date_start": first,
                "date_end": last,
            }
    if full_days < (last - first).days:
        raise BadCase(f"a part of {full_days} days cannot last longer than they do")
    return {"period_unit": "day", "period_every": full_days, "date_end": last}


def check_midnight(case):
    """Where instants of events count, the period must begin and end at midnight."""
    start, end, zone = bounds(case)
    for moment in (start, end):
        if moment.astimezone(ZoneInfo(zone)).time() != time():
            raise Unsupported("a period that does not begin at midnight")


# -- kinds ---------------------------------------------------------------------------


def aggregate(session, case):
    """Every event is sent; the case says nothing of identity, so each is its own."""
    events = read_events(case)
    return _metered(
        session,
        case,
        [(f"{index:06}-{event.id}", event, True) for index, event in enumerate(events)],
    )


def rollup(session, case):
    """The source makes its ids of what identifies an event in the case."""
    key, code = case.raw("dedupe_key", None), case.text("code", None)
    rows = []
    for index, event in enumerate(read_events(case)):
        for name in key or ():
            if name not in event.identity:
                raise BadCase(f"{case.where}: unknown part of identity {name}")
        identity = json.dumps(
            [event.identity[name] for name in key] if key else [index, event.id]
        )
        rows.append((identity, event, code in (None, event.identity["code"])))
    return _metered(session, case, rows)


def _metered(session, case, events):
    """Send events, bill the period, read quantities and amounts.

    :param events: (event id, event, whether its code is the measured one)
    """
    check_midnight(case)
    story = Metered(session, case)
    charges = {}
    for fields in case.objects("charges"):
        key, vals = fields.text("key"), charge_vals(fields)
        meter, decimals, opening = meter_vals(case, fields.object("meter"))
        story.charge(key, story.meter(key, **meter), **vals)
        charges[key] = (decimals, opening, meter.get("value_property"))
    story.meter("other", aggregation="count")
    moments = [event.at for _id, event, _measured in events]
    if any(opening for _decimals, opening, _name in charges.values()):
        moments.append(bounds(case)[0] - timedelta(hours=1))
    story.begin(case, moments)
    for key, (_decimals, opening, name) in charges.items():
        rows = story.open_level(key, opening, name)
        rows += [
            story.row(
                event_id,
                key if measured else "other",
                event.at,
                properties=dict(event.properties),
            )
            for event_id, event, measured in events
        ]
        story.send((key, row) for row in rows)
    bill = story.bill_period()
    quantities = bill.quantities(charges)
    for key, (places, _opening, _name) in charges.items():
        if places is not None:
            step = Decimal(1).scaleb(-places)
            quantities[key] = quantities[key].quantize(step, ROUND_HALF_UP)
    return {"quantities": quantities} | result(bill, charges)


def meter_vals(case, fields):
    """Values of a meter from the fields of the README.

    :return: (vals, decimals that are asserted or None, level to open with)
    """
    aggregation = fields.text("aggregation")
    if aggregation not in AGGREGATIONS:
        raise BadCase(f"{fields.where}: unknown aggregation {aggregation}")
    name = fields.text("property", None)
    groups = fields.raw("group_by", None) or []
    carries_over = fields.flag("carries_over", None)
    mode, decimals = rounding_of(fields.object("rounding", None))
    vals, opening = {"aggregation": aggregation}, ZERO
    if aggregation == "unique_count":
        vals |= {"unique_property": name, "unique_within": ",".join(groups)}
    elif aggregation != "count":
        vals |= {"value_source": "property", "value_property": name}
    if aggregation == "percentile":
        vals["percentile"] = fields.number("percentile")
    if aggregation == "weighted_sum":
        vals["carries_over"] = carries_over is not False
        vals["level_base"] = "part"
        opening = case.number("opening_quantity", ZERO)
        opening = ZERO if carries_over is False else opening
    if mode is not None:
        vals |= {"rounding_mode": mode, "rounding_decimals": decimals}
    return vals, fields.integer("quantity_decimals", None), opening


def prorated_quantity(session, case):
    """The average level by the day, rounded as the meter says."""
    check_midnight(case)
    opening = case.number("opening_quantity", ZERO)
    mode, decimals = rounding_of(case.object("quantity_rounding", None))
    full_days = case.integer("full_days", None)
    story = Metered(session, case)
    meter = story.meter(
        "c1",
        aggregation="weighted_sum",
        weighting="day",
        level_base="part" if full_days is None else "whole",
        value_source="property",
        value_property="amount",
        rounding_mode=mode or False,
        rounding_decimals=decimals,
    )
    story.charge("c1", meter, model="per_unit", unit_price=Decimal(1))
    events = read_events(case)
    moments = [event.at for event in events]
    if opening:
        moments.append(bounds(case)[0] - timedelta(hours=1))
    story.begin(case, moments, full_days)
    rows = story.open_level("c1", opening, "amount")
    rows += [
        story.row(
            f"{index:06}-{event.id}", "c1", event.at, properties=dict(event.properties)
        )
        for index, event in enumerate(events)
    ]
    story.send(("c1", row) for row in rows)
    return {"quantities": story.bill_period().quantities(["c1"])}


KINDS = {
    "aggregate": aggregate,
    "rollup": rollup,
    "prorated_quantity": prorated_quantity,
}
