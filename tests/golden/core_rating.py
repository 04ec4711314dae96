# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays rating cases on the pure package: fields of the README to its values."""

import re
from datetime import date, timedelta

from harness import BadCase, compare
from rating_case import (
    DECIMALS,
    bounds,
    instant,
    local_dates,
    model_of,
    only_charge,
    open_case,
    read_events,
    rounding_of,
)

from rating import (
    Billed,
    Charge,
    Conversion,
    Currency,
    Share,
    Tier,
    Usage,
    UsagePart,
    aggregation,
    commitments,
    coupons,
    documents,
    grants,
    levels,
    pricers,
    progressive,
    rate,
    wallets,
)
from rating.periods import (
    Period,
    Schedule,
    add_months,
    calendar_days,
    days30,
    periods,
)
from rating.rounding import ZERO, exact_arithmetic, round_money, round_quantity
from rating.values import BilledPart, LevelChange, PricingUnit


def play(data):
    """What the core makes of a case, in the shape of its `expected`."""
    case, kind = open_case(data)
    code = case.text("currency")
    got = KINDS[kind](case, Currency(code, DECIMALS.get(code, 2)))
    case.done()
    return got


def _period(case):
    """The period of a case; its instants as given, its dates in its zone."""
    start, end, zone = bounds(case)
    first, last = local_dates(case)
    return Period(first, max(last, first + timedelta(days=1)), zone, start, end)


# -- charges -----------------------------------------------------------------


def _tier(fields):
    return Tier(
        fields.number("up_to"),
        fields.number("unit_price"),
        fields.number("flat_fee", ZERO),
        fields.number("tier_cap", None),
    )


def _percent_tier(fields):
    return pricers.PercentTier(
        fields.number("up_to"),
        fields.number("rate_percent"),
        fields.number("flat_fee", ZERO),
        fields.number("tier_cap", None),
    )


def _block_tier(fields):
    return pricers.BlockTier(
        fields.number("block_size"),
        fields.number("max_blocks"),
        fields.number("block_price"),
    )


def _stairstep_tier(fields):
    limits = fields.object("limits")
    return pricers.StairstepTier(
        tuple((name, limits.number(name)) for name in limits.names()),
        fields.number("price"),
    )


def _tiers(read):
    return lambda fields: {"tiers": tuple(map(read, fields.objects("tiers")))}


def _percentage(fields):
    return {
        "rate_percent": fields.number("rate_percent"),
        "fixed_fee_per_event": fields.number("fixed_fee_per_event", ZERO),
        "min_per_event": fields.number("min_per_event", None),
        "max_per_event": fields.number("max_per_event", None),
        "included_events": fields.integer("included_events", None),
        "included_amount": fields.number("included_amount", None),
    }


def _package(fields):
    return {
        "package_size": fields.number("package_size"),
        "package_price": fields.number("package_price"),
        "rounding": fields.text("rounding", "up"),
    }


MODELS = {
    "per_unit": lambda fields: {"unit_price": fields.number("unit_price")},
    "package": _package,
    "graduated": _tiers(_tier),
    "volume": _tiers(_tier),
    "graduated_blocks": _tiers(_block_tier),
    "volume_blocks": _tiers(_block_tier),
    "stairstep": _tiers(_stairstep_tier),
    "percentage": _percentage,
    "graduated_percentage": _tiers(_percent_tier),
    "event_priced": lambda fields: {},
    "cost_plus": lambda fields: {"multiplier": fields.number("multiplier")},
}


def _price(fields):
    model = model_of(fields)
    return pricers.build(model, **MODELS[model](fields))


def _charge(fields, price=None):
    """The charge of the core with the steps of the README."""
    return Charge(
        fields.text("key"),
        price or _price(fields),
        convert=_conversion(fields.object("convert", None)),
        included_units=fields.number("included_units", ZERO),
        pricing_unit=_pricing_unit(fields.object("pricing_unit", None)),
        discount_percent=fields.number("discount_percent", ZERO),
        maximum_amount=fields.number("maximum_amount", None),
        minimum_amount=fields.number("minimum_amount", None),
    )


def _conversion(fields):
    if fields is None:
        return None
    return Conversion(
        fields.number("divide_by"),
        fields.text("rounding", None),
        fields.integer("decimals", 0),
    )


def _pricing_unit(fields):
    if fields is None:
        return None
    return PricingUnit(fields.text("code"), fields.number("conversion_rate"))


def _rounding(fields):
    """Function that rounds a quantity as a `rounding` object says, or not."""
    mode, decimals = rounding_of(fields)
    if mode is None:
        return lambda quantity: quantity
    return lambda quantity: round_quantity(quantity, decimals, mode)


def _share(fields):
    return Share(fields.integer("days"), fields.integer("of"))


# -- results -----------------------------------------------------------------


def _line(charge, amount, exact=None, label=None):
    return {"charge": charge, "label": label, "amount": amount, "exact": exact}


def _labelled(line):
    """Lines of a rated line: the usage, then each adjustment by its label."""
    usage = ("usage", "flat_fee")
    found = [
        _line(
            line.key,
            line.role_amount(*usage),
            sum((c.exact for c in line.components if c.role in usage), ZERO),
        )
    ]
    found += [
        _line(line.key, component.amount, component.exact, component.role)
        for component in line.components
        if component.role not in usage
    ]
    return found


def _amounts(lines):
    return {"amounts": lines, "total": sum((line["amount"] for line in lines), ZERO)}


def _net(rated):
    return _amounts([_line(r.key, r.amount, r.exact) for r in rated])


# -- kinds: prices -----------------------------------------------------------


def _usage(usage, fields, key):
    """Usage of a charge: a quantity, or an object of quantities."""
    if isinstance(usage.raw(key), dict):
        quantities = usage.object(key)
        pairs = tuple((name, quantities.number(name)) for name in quantities.names())
        return Usage(quantities=pairs)
    chooser = fields.number("tier_quantity", None)
    return Usage(quantity=usage.number(key), tier_quantity=chooser)


def price(case, currency):
    usage = case.object("usage")
    lines = []
    for fields in case.objects("charges"):
        charge = _charge(fields)
        lines += _labelled(rate(charge, _usage(usage, fields, charge.key), currency))
    return _amounts(lines)


def split(case, currency):
    """Usage line now = all due now less the adjustments that follow it."""
    fields = only_charge(case)
    charge = _charge(fields)
    usage = _usage(case.object("usage"), fields, charge.key)
    segment = case.object("segment", None)
    position, before = "single", ZERO
    if segment is not None:
        position = segment.text("position", "single")
        before = segment.number("quantity_before", ZERO)
    if position not in ("single", "first", "mid", "last"):
        raise BadCase(f"{case.where}: unknown position {position}")
    already = case.object("already_billed", None)
    amount = already.number("amount") if already is not None else ZERO
    if usage.quantity is not None:
        usage = Usage(usage.quantity + before, usage.tier_quantity)
    billed = _billed_before(charge, before, amount, currency)
    closes = position in ("single", "last")
    line = rate(charge, usage, currency, closes=closes, billed=billed)
    return _amounts(_merged(_labelled(line)))


def _billed_before(charge, before, amount, currency):
    """Earlier parts by component: adjustments as rated then, the rest usage."""
    if not before and not amount:
        return None
    parts = []
    if charge.price.reads == "quantity":
        earlier = rate(charge, before, currency, closes=False)
        parts = [
            BilledPart(c.key, c.amount, c.exact, role=c.role, label=c.label)
            for c in earlier.components
            if c.role not in ("usage", "flat_fee")
        ]
    adjusted = sum((part.amount for part in parts), ZERO)
    return Billed((*parts, BilledPart("earlier", amount - adjusted)))


def _merged(lines):
    """Lines of one label added up."""
    found = {}
    for line in lines:
        known = found.get(line["label"])
        if known is None:
            found[line["label"]] = line
        else:
            known["amount"] += line["amount"]
            known["exact"] += line["exact"]
    return list(found.values())


def rerate(case, currency):
    charge = _charge(only_charge(case))
    lines, totals = [], []
    for phase in case.objects("phases"):
        line = rate(
            charge,
            phase.number("cumulative_quantity"),
            currency,
            closes=phase.flag("final", False),
            billed=Billed.of(*lines),
        )
        lines.append(line)
        totals.append({"total": line.amount})
    return {"phases": totals, "total": sum((t["total"] for t in totals), ZERO)}


def late_events(case, currency):
    """Net at the end of each part less net at its start less billed for it."""
    charge = _charge(only_charge(case))
    billed, runs = [], []
    for run in case.objects("runs"):
        quantities = run.numbers("cumulative_by_period")
        final = run.flag("final", False)
        billed += [ZERO] * (len(quantities) - len(billed))
        deltas, start = [], ZERO
        for index, quantity in enumerate(quantities):
            closes = final and index == len(quantities) - 1
            end = rate(charge, quantity, currency, closes=closes).amount
            deltas.append(end - start - billed[index])
            billed[index] = end - start
            start = end
        runs.append({"by_period": deltas, "total": sum(deltas, ZERO)})
    return {"runs": runs, "total": sum((run["total"] for run in runs), ZERO)}


def windowed(case, currency):
    """Each window priced alone, the charge rounded once."""
    charge = _charge(only_charge(case))
    with exact_arithmetic():
        costs = [
            rate(charge, q, currency).exact for q in case.numbers("window_quantities")
        ]
        exact = sum(costs, ZERO)
    amount = round_money(exact, currency.decimals)
    return _amounts([_line(charge.key, amount, exact)])


def windowed_commitment(case, currency):
    promise = case.object("commitment")
    commitment = commitments.WindowCommitment(
        promise.number("amount"),
        promise.number("overage_factor", 1),
        promise.flag("true_up", False),
    )
    charge = Charge("c1", pricers.PerUnit(case.number("unit_price")))
    windows = [window.number("quantity") for window in case.objects("windows")]
    costs = [rate(charge, quantity, currency).exact for quantity in windows]
    found = commitments.windowed_commitment(commitment, costs, currency)
    return _amounts([_line("c1", line.amount, line.exact) for line in found])


# -- kinds: events -----------------------------------------------------------


def _events(case):
    """Events of the period in time order, then as listed."""
    period = _period(case)
    found = (event for event in read_events(case) if event.at in period)
    return sorted(found, key=lambda event: event.at)


def _meter(fields):
    return fields.object("meter")


def percentage(case, currency):
    events = _events(case)
    rated = []
    for fields in case.objects("charges"):
        name = _sum_property(fields)
        values = tuple(event.number(name) for event in events)
        rated.append(rate(_charge(fields), Usage(values=values), currency))
    return _net(rated)


def _sum_property(fields):
    meter = _meter(fields)
    if meter.text("aggregation") != "sum":
        raise BadCase(f"{meter.where}: a sum was expected")
    return meter.text("property")


def event_priced(case, currency):
    events = _events(case)
    rated = []
    for fields in case.objects("charges"):
        if "meter" in fields:
            _readings(_meter(fields), events)
        parts = tuple(UsagePart("", ZERO, event.amount) for event in events)
        rated.append(rate(_charge(fields), Usage(parts=parts), currency))
    return _net(rated)


def _readings(meter, events):
    """Readings of a meter object; rounding and the like are left unread."""
    kind, name = meter.text("aggregation"), meter.text("property", None)
    groups = meter.raw("group_by", None) or []
    found = []
    for index, event in enumerate(events):
        group = tuple(event.properties.get(key) for key in groups)
        item = value = None
        if kind == "unique_count":
            item = event.properties.get(name)
        elif kind != "count":
            value = event.number(name)
        found.append(
            aggregation.Reading(event.at, value, item, group, tie=f"{index:09}")
        )
    return kind, found


def _quantity(case, meter, events):
    """Aggregate of a meter and how many of its decimals are asserted."""
    kind, readings = _readings(meter, events)
    parameters = {}
    carries_over = meter.flag("carries_over", None)
    if kind == "percentile":
        parameters["percent"] = meter.number("percentile")
    elif kind == "weighted_sum":
        start, end, _zone = bounds(case)
        opening = case.number("opening_quantity", ZERO)
        opening = ZERO if carries_over is False else opening
        parameters = {"start": start, "end": end, "opening": opening}
    quantity = aggregation.aggregate(kind, readings, **parameters)
    quantity = _rounding(meter.object("rounding", None))(quantity)
    return quantity, meter.integer("quantity_decimals", None)


def aggregate(case, currency):
    events = _events(case)
    quantities, rated = {}, []
    for fields in case.objects("charges"):
        quantity, decimals = _quantity(case, _meter(fields), events)
        charge = _charge(fields)
        rated.append(rate(charge, quantity, currency))
        quantities[charge.key] = (
            quantity
            if decimals is None
            else round_quantity(quantity, decimals, "half_up")
        )
    return {"quantities": quantities} | _net(rated)


def rollup(case, currency):
    """Of each identity the first event counts, whenever it happened."""
    key = case.raw("dedupe_key", None)
    code = case.text("code", None)
    period, seen, events = _period(case), set(), []
    for event in read_events(case):
        for name in key or ():
            if name not in event.identity:
                raise BadCase(f"{case.where}: unknown part of identity {name}")
        identity = tuple(event.identity[name] for name in key) if key else id(event)
        known = identity in seen
        seen.add(identity)
        if not known and event.at in period and code in (None, event.identity["code"]):
            events.append(event)
    quantities, rated = {}, []
    for fields in case.objects("charges"):
        quantity, _decimals = _quantity(case, _meter(fields), events)
        charge = _charge(fields)
        quantities[charge.key] = quantity
        rated.append(rate(charge, quantity, currency))
    return {"quantities": quantities} | _net(rated)


def filtered(case, currency):
    """First filter whose match fits, else the default price; then groups."""
    events = _events(case)
    lines = []
    for fields in case.objects("charges"):
        name = _sum_property(fields)
        lines += _filtered_charge(fields, name, events, currency)
    # a filter has no name of its own in the README: a label there is free text
    expected = dict(case.raw("expected"))
    if "amounts" in expected:
        expected["amounts"] = [
            {name: value for name, value in line.items() if name != "label"}
            for line in expected["amounts"]
        ]
    compare(expected, _amounts(lines))


def _filtered_charge(fields, name, events, currency):
    default = _charge(fields)
    model = default.price.model
    filters = []
    for found in fields.objects("filters"):
        price = pricers.build(model, **MODELS[model](found))
        groups = found.raw("group_by", None) or []
        filters.append((found.raw("match"), groups, Charge(default.key, price)))
    default_groups = fields.raw("group_by", None) or []
    filters.append(({}, default_groups, default))
    sums = {}
    for event in events:
        for index, (match, groups, _charge_of_filter) in enumerate(filters):
            if all(_fits(event.properties.get(k), v) for k, v in match.items()):
                group = tuple(event.properties.get(key) for key in groups)
                key = (index, group)
                sums[key] = sums.get(key, ZERO) + event.number(name)
                break
    lines = []
    for (index, _group), quantity in sorted(sums.items(), key=lambda s: s[0][0]):
        line = rate(filters[index][2], quantity, currency)
        lines.append(_line(line.key, line.amount, line.exact))
    return lines


def _fits(value, wanted):
    return value in wanted if isinstance(wanted, list) else value == wanted


# -- kinds: levels -----------------------------------------------------------


def _level_charge(fields, how):
    """The graduated charge of a level; `prorate` says how it is cut."""
    if fields.text("prorate", how) != how or model_of(fields) != "graduated":
        raise BadCase(f"{fields.where}: a graduated level prorated {how}")
    return _charge(fields, pricers.GraduatedLevel(**MODELS["graduated"](fields)))


def level_changes(case, currency):
    charge = _level_charge(only_charge(case), "per_change")
    changes = tuple(
        LevelChange(change.number("quantity"), change.number("prorated_quantity"))
        for change in case.objects("changes")
    )
    return _net([rate(charge, Usage(changes=changes), currency)])


def _level_readings(events, name):
    return [(event.at, event.number(name)) for event in events]


def level_events(case, currency):
    fields = only_charge(case)
    meter = _meter(fields)
    meter.flag("carries_over", True)
    if meter.text("aggregation") != "sum":
        raise BadCase(f"{meter.where}: a sum was expected")
    readings = _level_readings(_events(case), meter.text("property"))
    changes = levels.level_changes(
        _period(case),
        case.number("opening_quantity", ZERO),
        readings,
        case.integer("full_days", None),
    )
    charge = _level_charge(fields, "per_day")
    return _net([rate(charge, Usage(changes=changes), currency)])


def prorated_quantity(case, currency):
    changes = levels.level_changes(
        _period(case),
        case.number("opening_quantity", ZERO),
        _level_readings(_events(case), "amount"),
        case.integer("full_days", None),
    )
    rounded = _rounding(case.object("quantity_rounding", None))
    return {"quantities": {"c1": rounded(levels.prorated_quantity(changes))}}


# -- kinds: time -------------------------------------------------------------


def _prorated(case, currency, share):
    charge = Charge("c1", pricers.Flat(case.number("base_amount")))
    return {"factor": share.factor()} | _net(
        [rate(charge, None, currency, share=share)]
    )


def prorate(case, currency):
    return _prorated(case, currency, _share(case.object("active")))


def prorate_dates(case, currency):
    first = date.fromisoformat(case.text("from_date"))
    end = date.fromisoformat(case.text("to_date"))
    divisor = case.text("divisor")
    if divisor == "days_of_month_starting_at_from_date":
        whole = (add_months(first, 1, first.day) - first).days
        return _prorated(case, currency, Share((end - first).days, whole))
    if re.fullmatch(r"\D*30\D*", divisor):
        return _prorated(case, currency, Share(days30(first, end), 30))
    raise BadCase(f"{case.where}: unknown divisor {divisor}")


def plan_change(case, currency):
    share = _share(case.object("active"))
    lines = []
    for name, label, sign in (("old", "credit", -1), ("new", "charge", 1)):
        charge = Charge("c1", pricers.Flat(case.number(f"{name}_amount")))
        line = rate(charge, None, currency, share=share)
        lines.append(_line("c1", sign * line.amount, sign * line.exact, label))
    return _amounts(lines)


def days(case, currency):
    start, end, zone = bounds(case)
    return {"days": calendar_days(start, end, zone)}


def anchors(case, currency):
    period = _period(case)
    interval = case.text("interval")
    schedule = Schedule(date.fromisoformat(case.text("anchor")), interval)
    found = periods(schedule, period.zone, period.first_date, period.end_date)
    return {
        "periods": [[str(p.first_date), str(p.last_date)] for p in found],
    }


# -- kinds: commitments, credits, documents ----------------------------------


def true_up(case, currency):
    share = _share(case.object("active"))
    found = commitments.true_up(
        case.number("minimum_amount"),
        case.number("used_amount"),
        currency,
        share,
        case.flag("round_used_first", False),
    )
    return _amounts([_line("c1", p.amount, p.exact, p.label) for p in found])


def plan_commitment(case, currency):
    found = commitments.plan_commitment(
        case.number("commitment_amount"),
        case.number("base_fee"),
        case.number("usage_amount"),
        currency,
        _share(case.object("active")),
    )
    return _amounts([_line("c1", p.amount, p.exact, p.label) for p in found])


def _coupon(fields):
    kind = fields.text("type")
    if kind == "percent":
        return coupons.Coupon(percent=fields.number("percent"))
    if kind == "fixed":
        return coupons.Coupon(amount=fields.number("amount"))
    raise BadCase(f"{fields.where}: unknown coupon {kind}")


def coupons_in_order(case, currency):
    base = case.number("base_amount")
    found = [_coupon(fields) for fields in case.objects("coupons")]
    taken = coupons.apply_coupons(base, found, currency, case.text("order", "given"))
    discount = sum(taken, ZERO)
    return {"discount": discount, "total": base - discount}


def spread(case, currency):
    lines = case.numbers("lines")
    parts = coupons.spread(case.number("discount"), lines, currency)
    left = [line - part for line, part in zip(lines, parts, strict=True)]
    return {"lines": left, "total": sum(left, ZERO)}


def invoice(case, currency):
    """Totals of a document that does not exist yet, as a quote shows them."""
    lines = [
        (fields.number("amount"), fields.number("tax_percent"))
        for fields in case.objects("lines")
    ]
    found = documents.totals(lines, case.number("fixed_discount", ZERO), currency)
    return {
        "lines": [{"coupon": line.coupon, "tax": line.tax} for line in found.lines],
        "subtotal": found.subtotal,
        "discount": found.discount,
        "tax": found.tax,
        "total": found.total,
    }


def credit_note(case, currency):
    subtotal, tax, total = documents.credit(
        case.number("base_amount"),
        _share(case.object("unused")),
        case.number("tax_percent"),
        currency,
    )
    return {"subtotal": subtotal, "tax": tax, "total": total}


def sum_rounded(case, currency):
    rounded = [round_money(a, currency.decimals) for a in case.numbers("line_amounts")]
    return {"total": sum(rounded, ZERO)}


def wallets_pay(case, currency):
    found = []
    for fields in case.objects("wallets"):
        kinds = fields.raw("applies_to", None)
        found.append(
            wallets.Wallet(
                fields.text("id"),
                fields.number("balance"),
                fields.integer("priority", 0),
                None if kinds is None else frozenset(kinds),
            )
        )
    lines = [
        (fields.text("type", None), fields.number("amount"))
        for fields in case.objects("invoice_lines")
    ]
    taken, due = wallets.draw(found, lines)
    balances = {wallet.key: wallet.balance - taken[wallet.key] for wallet in found}
    return {"consumed": taken, "balances": balances, "amount_due": due}


def _time(fields, name):
    text = fields.text(name, None)
    return None if text is None else instant(text)


def _grant(fields):
    recurs = fields.object("recurs", None)
    return grants.Grant(
        fields.text("id"),
        fields.number("amount"),
        instant(fields.text("effective_at")),
        priority=fields.integer("priority", 0),
        expires_at=_time(fields, "expires_at"),
        voided_at=_time(fields, "voided_at"),
        recurs=None if recurs is None else recurs.text("every"),
        anchor=None if recurs is None else _time(recurs, "anchor"),
        rollover_min=fields.number("rollover_min", ZERO),
        rollover_max=fields.number("rollover_max", ZERO),
    )


def grants_burn(case, currency):
    start, _end, _zone = bounds(case)
    found = [_grant(fields) for fields in case.objects("grants")]
    usage = [
        (instant(fields.text("timestamp")), fields.number("quantity"))
        for fields in case.objects("usage")
    ]
    usage = [(at, quantity) for at, quantity in usage if at >= start]
    resets = [
        (instant(fields.text("at")), fields.flag("preserve_overage", False))
        for fields in case.objects("resets", [])
    ]
    until = instant(case.text("balance_at"))
    balances, overage = grants.burn_down(found, usage, until, resets)
    return {"balances": balances, "overage": overage}


def progressive_invoices(case, currency):
    """Interim invoices at thresholds; the last bills all and credits them."""
    unit = Charge("c1", pricers.PerUnit(case.number("unit_price")))
    costs = []
    for event in _events(case):
        quantity = sum((event.number(name) for name in event.properties), ZERO)
        costs.append((event.id, rate(unit, quantity, currency).exact))
    base_fee = case.number("base_fee", ZERO)
    found = progressive.interim_invoices(costs, case.numbers("thresholds"), currency)
    with exact_arithmetic():
        usage = round_money(sum((c for _e, c in costs), ZERO), currency.decimals)
    fees = usage + round_money(base_fee, currency.decimals)
    credit = sum((interim.amount for interim in found), ZERO)
    return {
        "interim_invoices": [
            {"after_event": interim.after, "total": interim.amount} for interim in found
        ],
        "final": {"fees": fees, "credit": credit, "total": fees - credit},
    }


KINDS = {
    "price": price,
    "filtered": filtered,
    "percentage": percentage,
    "event_priced": event_priced,
    "split": split,
    "true_up": true_up,
    "plan_commitment": plan_commitment,
    "windowed": windowed,
    "windowed_commitment": windowed_commitment,
    "rerate": rerate,
    "late_events": late_events,
    "aggregate": aggregate,
    "rollup": rollup,
    "level_changes": level_changes,
    "level_events": level_events,
    "prorated_quantity": prorated_quantity,
    "prorate": prorate,
    "prorate_dates": prorate_dates,
    "plan_change": plan_change,
    "days": days,
    "anchors": anchors,
    "grants": grants_burn,
    "wallets": wallets_pay,
    "coupons": coupons_in_order,
    "spread": spread,
    "sum_rounded": sum_rounded,
    "invoice": invoice,
    "credit_note": credit_note,
    "progressive": progressive_invoices,
}
