# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays the cases of prices, events, levels and rating again in Odoo."""

from datetime import timedelta
from decimal import Decimal

from harness import BadCase, compare
from odoo_charges import charge_vals, price_vals
from odoo_metering import Metered
from odoo_story import ZERO, Story, dates_in, result, subtotal, zone_of
from rating_case import bounds, local_dates, model_of, only_charge, read_events

# -- one quantity ------------------------------------------------------------


def add_charge(story, fields, key):
    """A charge of the story with the meters it reads; its meters by name."""
    vals = charge_vals(fields)
    if vals["model"] == "stairstep":
        return add_stairstep(story, fields, key, vals)
    chooser = fields.number("tier_quantity", None)
    meters = {"": story.meter(key)}
    if chooser is not None:
        meters["tier"] = story.meter(f"{key}-tier")
        vals["tier_meter_id"] = meters["tier"].id
    story.charge(key, meters[""], **vals)
    return {"": key} | ({"tier": f"{key}-tier"} if chooser is not None else {})


def add_stairstep(story, fields, key, vals):
    """Steps with a limit for each of several meters, the first one the charge's."""
    tiers = fields.objects("tiers")
    limits = [(tier.object("limits"), tier.number("price")) for tier in tiers]
    names = list(
        dict.fromkeys(name for limit, _price in limits for name in limit.names())
    )
    meters = {name: story.meter(f"{key}-{name}") for name in names}
    vals["tier_ids"] = [
        (
            0,
            0,
            {
                "sequence": number,
                "flat_fee": price,
                "up_to": limit.number(names[0], None),
                "limit_ids": [
                    (0, 0, {"meter_id": meters[name].id, "up_to": limit.number(name)})
                    for name in names[1:]
                    if name in limit
                ],
            },
        )
        for number, (limit, price) in enumerate(limits)
    ]
    story.charge(key, meters[names[0]], **vals)
    return {name: f"{key}-{name}" for name in names}


def use(story, usage, fields, key, codes):
    """Send the usage of a charge: a quantity, or an object of quantities."""
    if isinstance(usage.raw(key), dict):
        quantities = usage.object(key)
        for name in quantities.names():
            if name not in codes:
                raise BadCase(f"{usage.where}: no limit for {name}")
            story.use(codes[name], quantities.number(name))
        return
    story.use(codes[""], usage.number(key))
    if "tier" in codes:
        story.use(codes["tier"], fields.number("tier_quantity"))


def price(session, case):
    """Each charge for its usage, one event a meter."""
    story = Story(session, case)
    usage = case.object("usage")
    charges = {}
    for fields in case.objects("charges"):
        key = fields.text("key")
        charges[key] = (fields, add_charge(story, fields, key))
    first, end = local_dates(case)
    story.subscribe(first, max(end, first + timedelta(days=1)), bounds(case)[2])
    for key, (fields, codes) in charges.items():
        use(story, usage, fields, key, codes)
    return result(story.bill(), charges)


def split(session, case):
    """A part of a period: what was used before is billed first, by an interim run.

    What the case says was billed and the product would not have is entered as billed
    by another system.
    """
    story = Story(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    codes = add_charge(story, fields, key)
    usage = case.object("usage")
    position, before = "single", ZERO
    segment = case.object("segment", None)
    if segment is not None:
        position = segment.text("position", "single")
        before = segment.number("quantity_before", ZERO)
    if position not in ("single", "first", "mid", "last"):
        raise BadCase(f"{case.where}: unknown position {position}")
    already = case.object("already_billed", None)
    already = already.number("amount") if already is not None else ZERO
    first, end = local_dates(case)
    story.subscribe(first, max(end, first + timedelta(days=1)), bounds(case)[2])
    billed = ZERO
    if before:
        story.use(codes[""], before)
        billed = story.bill(interim=True).total()
    if already != billed:
        story.env["usage.opening.amount"].create(
            {
                "subscription_id": story.subscription.id,
                "period_id": story.periods[0].id,
                "charge_key": key,
                "amount": already - billed,
            }
        )
    use(story, usage, fields, key, codes)
    closes = position in ("single", "last")
    return result(story.bill(interim=not closes), [key])


def rerate(session, case):
    """The period is billed while it runs, closed, and billed again when usage moves."""
    story = Story(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    codes = add_charge(story, fields, key)
    phases = [
        (phase.number("cumulative_quantity"), phase.flag("final", False))
        for phase in case.objects("phases")
    ]
    first, end = local_dates(case)
    story.subscribe(first, max(end, first + timedelta(days=1)), bounds(case)[2])
    totals, known, is_closed = [], ZERO, False
    for quantity, final in phases:
        if quantity != known:
            story.use(codes[""], quantity - known)
        known = quantity
        is_closed = is_closed or final
        totals.append({"total": story.bill(interim=not is_closed).total()})
    return {"phases": totals, "total": sum((t["total"] for t in totals), ZERO)}


def late_events(session, case):
    """Parts of one span of prices: monthly bills of tiers that count over the contract.

    Usage of an earlier part that comes later moves what the later parts add. The last
    part closes the span when the contract ends with it.
    """
    story = Story(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    story.charge(key, story.meter(key), accumulate="contract", **charge_vals(fields))
    runs = [
        (run.numbers("cumulative_by_period"), run.flag("final", False))
        for run in case.objects("runs")
    ]
    count = max(len(quantities) for quantities, _final in runs)
    first, _end = local_dates(case)
    ends = not any(len(q) == count and not final for q, final in runs)
    last = months_later(first, count if ends else count + 1)
    story.subscribe(first, last, bounds(case)[2], period_unit="month")
    known, found, closed = [ZERO] * (count + 1), [], False
    for quantities, final in runs:
        before = [ZERO, *quantities[:-1]]
        own = [now - then for now, then in zip(quantities, before, strict=True)]
        for index, quantity in enumerate(own):
            if quantity != known[index]:
                moved = quantity - known[index]
                story.use(key, moved, story.periods[index].start_at)
                known[index] = quantity
        closed = closed or final
        shown = len(story.periods) if closed else len(quantities)
        cutoff = story.periods[shown - 1].local_end - timedelta(days=1)
        found.append(_by_part(story, story.bill(cutoff), len(quantities)))
    return {"runs": found, "total": sum((run["total"] for run in found), ZERO)}


def _by_part(story, bill, count):
    """Amounts of a run by part; what closes the span is of its last part."""
    amounts = [ZERO] * count
    starts = story.periods.mapped("start_at")
    for rated in bill.rated:
        index = min(starts.index(rated.period_id.start_at), count - 1)
        amounts[index] += bill.lines_of(rated)[0]
    return {"by_period": amounts, "total": sum(amounts, ZERO)}


def months_later(first, count):
    """Date so many months on; parts of a case have no dates of their own."""
    index = first.year * 12 + first.month - 1 + count
    return first.replace(year=index // 12, month=index % 12 + 1, day=min(first.day, 28))


# -- time windows ------------------------------------------------------------


def windowed(session, case):
    """Each hour or day with usage is priced alone."""
    story = Story(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    quantities = case.numbers("window_quantities")
    zone = zone_of(case)
    first, end = dates_in(case, zone)
    days = (end - first).days
    window = "day" if len(quantities) <= days else "hour"
    story.charge(key, story.meter(key), window=window, **charge_vals(fields))
    story.subscribe(first, end, zone)
    begin = story.periods[0].start_at
    for index, quantity in enumerate(quantities):
        hours = index * (24 if window == "day" else 1)
        story.use(
            key,
            quantity,
            begin + timedelta(hours=hours, minutes=90 * (window == "day")),
        )
    return result(story.bill(), [key])


def windowed_commitment(session, case):
    """A subscription of as many days as the case has windows; each day owes its own."""
    story = Story(session, case)
    promise = case.object("commitment")
    windows = [window.number("quantity") for window in case.objects("windows")]
    story.charge(
        "c1",
        story.meter("c1"),
        model="per_unit",
        unit_price=case.number("unit_price"),
        window="day",
        window_commitment=promise.number("amount"),
        window_overage_factor=promise.number("overage_factor", Decimal(1)),
        window_true_up=promise.flag("true_up", False),
    )
    first = local_dates(case)[0]
    end = first + timedelta(days=len(windows))
    story.subscribe(first, end, "UTC", period_unit="day", period_every=len(windows))
    begin = story.periods[0].start_at
    for index, quantity in enumerate(windows):
        story.use("c1", quantity, begin + timedelta(days=index, hours=12))
    bill = story.bill()
    days = {rated.dimensions["window"]: bill.lines_of(rated) for rated in bill.rated}
    lines = [
        days.get(str(first + timedelta(days=index)), (ZERO, ZERO))
        for index in range(len(windows))
    ]
    return {
        "amounts": [
            {"charge": "c1", "label": None, "amount": amount, "exact": exact}
            for amount, exact in lines
        ],
        "total": bill.total(),
    }


# -- events ------------------------------------------------------------------


def send_events(story, case, key, dimensions=()):
    """Send every event of a case; the store decides which period holds it.

    :param dimensions: names of properties that are dimensions
    """
    rows = []
    for index, event in enumerate(read_events(case)):
        properties = {name: str(v) for name, v in event.properties.items()}
        row = story.row(
            f"{index:06}-{event.id}",
            key,
            event.at,
            amount=event.amount,
            properties=properties,
        )
        kept = {name: properties.pop(name) for name in dimensions if name in properties}
        rows.append((key, row._replace(dimensions=kept)))
    story.send(rows)


def summed_property(fields):
    meter = fields.object("meter")
    if meter.text("aggregation") != "sum":
        raise BadCase(f"{meter.where}: a sum was expected")
    return meter.text("property")


def percentage(session, case):
    """A percentage of each event, read from the store in time order."""
    story, zone = Story(session, case), zone_of(case)
    keys = []
    for fields in case.objects("charges"):
        keys.append(fields.text("key"))
        meter = story.meter(
            keys[-1], value_source="property", value_property=summed_property(fields)
        )
        story.charge(keys[-1], meter, **charge_vals(fields))
    story.subscribe(*dates_in(case, zone), zone)
    for key in keys:
        send_events(story, case, key)
    return result(story.bill(), keys)


def event_priced(session, case):
    """The events' own amounts, passed through."""
    story, zone = Story(session, case), zone_of(case)
    keys = []
    for fields in case.objects("charges"):
        keys.append(fields.text("key"))
        meter = fields.object("meter", None)
        if meter is not None:
            # what else is counted of the events decides no amount
            meter.text("aggregation")
            meter.text("property", None)
            meter.raw("group_by", None)
        story.charge(
            keys[-1],
            story.meter(keys[-1], value_source="amount"),
            **charge_vals(fields),
        )
    story.subscribe(*dates_in(case, zone), zone)
    for key in keys:
        send_events(story, case, key)
    return result(story.bill(), keys)


def filtered(session, case):
    """Special prices by dimension, in their order; then groups."""
    story, zone = Story(session, case), zone_of(case)
    charges = {}
    for fields in case.objects("charges"):
        key, model = fields.text("key"), model_of(fields)
        name = summed_property(fields)
        names = list(fields.raw("group_by", None) or [])
        prices = []
        for number, special in enumerate(fields.objects("filters")):
            match = special.raw("match")
            groups = special.raw("group_by", None) or []
            names += [*match, *groups]
            vals = {
                "sequence": number,
                "key": f"price-{number}",
                "name": f"price-{number}",
                "match": match or False,
                "group_keys": ",".join(groups),
            }
            prices.append((0, 0, vals | price_vals(model, special)))
        names = list(dict.fromkeys(names))
        meter = story.meter(
            key,
            value_source="property",
            value_property=name,
            dimension_keys=",".join(names),
        )
        groups = fields.raw("group_by", None) or []
        story.charge(
            key,
            meter,
            price_ids=prices,
            group_keys=",".join(groups),
            **charge_vals(fields),
        )
        charges[key] = names
    story.subscribe(*dates_in(case, zone), zone)
    for key, names in charges.items():
        send_events(story, case, key, names)
    bill = story.bill()
    lines = []
    for rated in bill.rated:
        amount, exact = bill.lines_of(rated)
        lines.append({"charge": rated.charge_id.key, "amount": amount, "exact": exact})
    # a filter has no name of its own in the README: a label there is free text
    expected = dict(case.raw("expected"))
    if "amounts" in expected:
        expected["amounts"] = [
            {name: value for name, value in line.items() if name != "label"}
            for line in expected["amounts"]
        ]
    compare(expected, {"amounts": lines, "total": bill.total()})


# -- levels ------------------------------------------------------------------


def level_vals(fields, how):
    """Values of the graduated charge of a level; `prorate` says how it is cut."""
    if fields.text("prorate", how) != how or model_of(fields) != "graduated":
        raise BadCase(f"{fields.where}: a graduated level prorated {how}")
    return charge_vals(fields, "graduated_level")


def level_changes(session, case):
    """Changes of a level that say themselves how much of them counts."""
    story = Story(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    meter = story.meter(key, value_source="property", value_property="quantity")
    vals = level_vals(fields, "per_change")
    story.charge(key, meter, level_share_property="prorated_quantity", **vals)
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    begin = story.periods[0].start_at
    rows = [
        story.row(
            f"{index:06}",
            key,
            begin + timedelta(minutes=index),
            properties={
                "quantity": format(change.number("quantity"), "f"),
                "prorated_quantity": format(change.number("prorated_quantity"), "f"),
            },
        )
        for index, change in enumerate(case.objects("changes"))
    ]
    story.send((key, row) for row in rows)
    return result(story.bill(), [key])


def level_events(session, case):
    """A level that lasts: what the period opens with came in the period before."""
    story = Metered(session, case)
    fields = only_charge(case)
    key = fields.text("key")
    meter = fields.object("meter")
    meter.flag("carries_over", True)
    if meter.text("aggregation") != "sum":
        raise BadCase(f"{meter.where}: a sum was expected")
    name = meter.text("property")
    opening = case.number("opening_quantity", ZERO)
    full_days = case.integer("full_days", None)
    record = story.meter(
        key,
        value_source="property",
        value_property=name,
        level_base="part" if full_days is None else "whole",
    )
    story.charge(key, record, **level_vals(fields, "per_day"))
    moments = [event.at for event in read_events(case)]
    if opening:
        moments.append(bounds(case)[0] - timedelta(hours=1))
    story.begin(case, moments, full_days)
    story.send((key, row) for row in story.open_level(key, opening, name))
    send_events(story, case, key)
    bill = story.bill_period()
    return {
        "amounts": result(bill, [key])["amounts"],
        "total": sum((subtotal(line) for line in bill.lines), ZERO),
    }


KINDS = {
    "price": price,
    "split": split,
    "rerate": rerate,
    "late_events": late_events,
    "windowed": windowed,
    "windowed_commitment": windowed_commitment,
    "percentage": percentage,
    "event_priced": event_priced,
    "filtered": filtered,
    "level_changes": level_changes,
    "level_events": level_events,
}
