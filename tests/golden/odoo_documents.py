# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays the cases of time, commitments, credits and whole invoices in Odoo."""

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from harness import BadCase, Unsupported
from odoo_story import UNITS, ZERO, Story, length_for, result, subtotal
from rating_case import bounds, instant, local_dates, read_events

#: a first day for stories whose case has a number of days and no dates
DAY = date(2024, 1, 1)


def naive(moment):
    """Naive UTC of an aware instant."""
    return moment.replace(tzinfo=None) - moment.utcoffset()


# -- a part of a period ------------------------------------------------------


def share_of(fields):
    """Days active and days of the whole."""
    days, of = fields.integer("days"), fields.integer("of")
    if not 0 <= days <= of or not of:
        raise Unsupported("more days than the period has")
    return days, of


def subscribe_for(story, days, of):
    """A subscription to periods of so many days that ends within the first one.

    With no day at all, its fees and promises end before it begins.
    """
    if not days:
        for charge in story.charges:
            if not charge["meter_id"]:
                charge["date_to"] = DAY - timedelta(days=1)
    end = DAY + timedelta(days=days or of)
    story.subscribe(DAY, end, "UTC", period_unit="day", period_every=of)


def prorate(session, case):
    """A flat fee for a cut period."""
    story = Story(session, case)
    days, of = share_of(case.object("active"))
    story.charge(
        "c1", None, model="flat", unit_price=case.number("base_amount"), prorate=True
    )
    subscribe_for(story, days, of)
    return prorated(story.bill())


def prorate_dates(session, case):
    """A flat fee from a date to a date, monthly from the first one."""
    story = Story(session, case)
    first = date.fromisoformat(case.text("from_date"))
    end = date.fromisoformat(case.text("to_date"))
    divisor = case.text("divisor")
    method = "days"
    if re.fullmatch(r"\D*30\D*", divisor):
        method = "fixed30"
    elif divisor != "days_of_month_starting_at_from_date":
        raise BadCase(f"{case.where}: unknown divisor {divisor}")
    story.charge(
        "c1",
        None,
        model="flat",
        unit_price=case.number("base_amount"),
        prorate=True,
        proration_method=method,
    )
    story.subscribe(first, end, "UTC", period_unit="month")
    return prorated(story.bill())


def prorated(bill):
    """Amounts and the factor that the evidence of the rated line states."""
    factor = ZERO
    for rated in bill.rated:
        part, whole = rated.evidence["share"].split("/")
        factor += Decimal(part) / Decimal(whole)
    factor = factor.quantize(Decimal("1e-9"), ROUND_HALF_UP)
    return {"factor": factor} | result(bill, ["c1"])


def plan_change(session, case):
    """A fee billed in advance, then another plan for the days left."""
    story = Story(session, case)
    days, of = share_of(case.object("active"))
    fee = {"model": "flat", "timing": "advance", "prorate": True}
    story.charge("new", None, unit_price=case.number("new_amount"), **fee)
    new = story.plan()
    story.charge("old", None, unit_price=case.number("old_amount"), **fee)
    end = DAY + timedelta(days=of)
    story.subscribe(DAY, None, "UTC", period_unit="day", period_every=of)
    story.bill(DAY - timedelta(days=1))
    change = story.env["usage.plan.change"].create(
        {
            "subscription_id": story.subscription.id,
            "plan_id": new.id,
            "date": end - timedelta(days=days),
        }
    )
    change.action_apply()
    bill = story.bill(change.date - timedelta(days=1))
    bill.rated = bill.rated.filtered(lambda line: line.period_id.local_start < end)
    names = {"old": ("c1", "credit"), "new": ("c1", "charge")}
    amounts = labelled(bill, names)["amounts"]
    return {
        "amounts": amounts,
        "total": sum((line["amount"] for line in amounts), ZERO),
    }


def credit_note(session, case):
    """A fee paid in advance, and the contract ends early: a credit note of Odoo."""
    story = Story(session, case)
    unused, of = share_of(case.object("unused"))
    product = product_with_tax(session, case.number("tax_percent"))
    story.charge(
        "c1",
        None,
        model="flat",
        timing="advance",
        prorate=True,
        unit_price=case.number("base_amount"),
        product_id=product.id,
    )
    end = DAY + timedelta(days=of)
    story.subscribe(DAY, None, "UTC", period_unit="day", period_every=of)
    story.bill(DAY - timedelta(days=1))
    if not unused:
        return {"subtotal": ZERO, "tax": ZERO, "total": ZERO}
    if unused == of:
        # nothing was used at all: the whole invoice is reversed
        return reversed_invoice(story)
    story.subscription.date_end = end - timedelta(days=unused)
    moves = story.bill().moves
    if moves.move_type != "out_refund":
        raise RuntimeError(f"a credit note was expected, not {moves.move_type}")
    return amounts_of(moves)


def reversed_invoice(story):
    """Credit note of everything that was invoiced, by Odoo's own reversal."""
    moves = (
        story.subscription.env["usage.rated.line"]
        .search([("subscription_id", "=", story.subscription.id)])
        .move_id
    )
    return amounts_of(moves.sudo()._reverse_moves(cancel=True))


def amounts_of(moves):
    return {
        "subtotal": exact(moves.amount_untaxed),
        "tax": exact(moves.amount_tax),
        "total": exact(moves.amount_total),
    }


def exact(number):
    """Decimal of a float of the ledger."""
    return Decimal(str(number))


def days(session, case):
    """Daily periods that hold the two instants and all between them."""
    story = Story(session, case)
    start, end, zone = bounds(case)
    first = local_dates(case)[0] - timedelta(days=1)
    story.charge("c1", None, model="flat", unit_price=ZERO)
    subscription = story.subscribe(first, None, zone, period_unit="day")
    subscription._ensure_periods(naive(end))
    touched = subscription.period_ids.filtered(
        lambda period: period.end_at > naive(start) and period.start_at <= naive(end)
    )
    return {"days": len(touched)}


def anchors(session, case):
    """The billing periods of a subscription that begins on the anchor."""
    story = Story(session, case)
    anchor = date.fromisoformat(case.text("anchor"))
    interval = case.text("interval")
    if interval not in UNITS:
        raise BadCase(f"{case.where}: unknown interval {interval}")
    story.charge("c1", None, model="flat", unit_price=Decimal(1))
    first, end = local_dates(case)
    zone = bounds(case)[2]
    begin, vals = anchor, {}
    if first > anchor and interval == "month":
        # the first period is cut: the contract begins after the anchor
        begin, vals = first, {"anchor_day": anchor.day}
    vals |= {"period_unit": interval, "period_every": 1}
    subscription = story.subscribe(begin, end, zone, **vals)
    subscription._ensure_periods(naive(bounds(case)[1]))
    found = subscription.period_ids.sorted("start_at")
    return {
        "periods": [
            [
                str(max(period.local_start, first)),
                str(period.local_end - timedelta(days=1)),
            ]
            for period in found
            if period.local_end > first
        ]
    }


# -- commitments -------------------------------------------------------------


def true_up(session, case):
    """One currency unit for each unit used, and a commitment beside it."""
    story = Story(session, case)
    rounded = case.flag("round_used_first", False)
    days_active, of = share_of(case.object("active"))
    story.charge("used", story.meter("used"), model="per_unit", unit_price=Decimal(1))
    story.charge(
        "promise",
        None,
        model="commitment",
        unit_price=case.number("minimum_amount"),
        commitment_basis="rounded" if rounded else "exact",
        prorate=True,
    )
    subscribe_for(story, days_active, of)
    story.use("used", case.number("used_amount"))
    names = {"used": ("c1", "usage"), "promise": ("c1", "true_up")}
    return labelled(story.bill(), names)


def plan_commitment(session, case):
    """Base fee, usage and the commitment of the whole plan."""
    story = Story(session, case)
    days_active, of = share_of(case.object("active"))
    story.charge(
        "fee", None, model="flat", unit_price=case.number("base_fee"), prorate=True
    )
    story.charge("used", story.meter("used"), model="per_unit", unit_price=Decimal(1))
    story.charge(
        "promise",
        None,
        model="commitment",
        unit_price=case.number("commitment_amount"),
        prorate=True,
    )
    subscribe_for(story, days_active, of)
    story.use("used", case.number("usage_amount"))
    names = {
        "fee": ("c1", "base_fee"),
        "used": ("c1", "usage"),
        "promise": ("c1", "commitment"),
    }
    return labelled(story.bill(), names)


def labelled(bill, names):
    """Amounts by label; what was not billed is zero."""
    lines = bill.amounts(names)
    seen = {line["label"] for line in lines}
    lines += [
        {"charge": charge, "label": label, "amount": ZERO, "exact": ZERO}
        for charge, label in names.values()
        if label not in seen
    ]
    return {"amounts": lines, "total": bill.total()}


# -- credits -----------------------------------------------------------------


def grants(session, case):
    """Credits of units, and the usage of one meter that takes them."""
    story = Story(session, case)
    start, _end, zone = bounds(case)
    until = instant(case.text("balance_at"))
    meter = story.meter("c1")
    story.charge("c1", meter, model="per_unit", unit_price=Decimal(1))
    first = local_dates(case)[0]
    last = until.date() + timedelta(days=2)
    story.subscribe(first, last, zone, **length_for(first, last))
    records = {}
    for number, fields in enumerate(case.objects("grants")):
        records[fields.text("id")] = story.env["usage.grant"].create(
            grant_vals(story, meter, number, fields)
        )
    for fields in case.objects("resets", []):
        story.env["usage.grant.reset"].create(
            {
                "subscription_id": story.subscription.id,
                "reset_at": naive(instant(fields.text("at"))),
                "preserve_overage": fields.flag("preserve_overage", False),
            }
        )
    for fields in case.objects("usage"):
        at, quantity = instant(fields.text("timestamp")), fields.number("quantity")
        if at >= start:
            story.use("c1", quantity, at)
    balances, overage = story.subscription._get_credit_balances(naive(until))
    return {
        "balances": {name: balances[grant.id] for name, grant in records.items()},
        "overage": overage,
    }


def grant_vals(story, meter, number, fields):
    recurs = fields.object("recurs", None)
    times = {
        "effective_at": fields.text("effective_at"),
        "expires_at": fields.text("expires_at", None),
        "voided_at": fields.text("voided_at", None),
        "anchor_at": recurs.text("anchor", None) if recurs is not None else None,
    }
    vals = {name: naive(instant(text)) for name, text in times.items() if text}
    return vals | {
        "name": fields.text("id"),
        "subscription_id": story.subscription.id,
        "sequence": number,
        "unit": "units",
        "meter_id": meter.id,
        "amount": fields.number("amount"),
        "priority": fields.integer("priority", 0),
        "recurs": recurs.text("every") if recurs is not None else False,
        "rollover_min": fields.number("rollover_min", ZERO),
        "rollover_max": fields.number("rollover_max", ZERO),
    }


def fee(story, key, amount, **vals):
    """A charge of an amount: a fee, or a credit counted by a meter."""
    if amount >= 0:
        story.charge(key, None, model="flat", unit_price=amount, **vals)
        return None
    story.charge(key, story.meter(key), model="per_unit", unit_price=Decimal(1), **vals)
    return amount


def bill_fees(story, case, amounts, vals=None, before=None):
    """Bill one charge for each amount.

    :param dict amounts: by charge key; vals: further values by charge key
    :param before: called with the story before the bill
    """
    vals = vals or {}
    counted = {
        key: fee(story, key, amount, **vals.get(key, {}))
        for key, amount in amounts.items()
    }
    first, end = local_dates(case)
    story.subscribe(first, max(end, first + timedelta(days=1)), bounds(case)[2])
    for key, amount in counted.items():
        if amount is not None:
            story.use(key, amount)
    if before:
        before(story)
    return story.bill()


def wallets(session, case):
    """Credits of money that pay what an invoice says, line by line."""
    story = Story(session, case)
    amounts, keys = {}, {}
    for number, fields in enumerate(case.objects("invoice_lines")):
        key = f"line-{number}"
        amounts[key] = fields.number("amount")
        keys.setdefault(fields.text("type", None), []).append(key)
    records = {}

    def give(told):
        for number, fields in enumerate(case.objects("wallets")):
            kinds = fields.raw("applies_to", None)
            chosen = [key for kind in kinds or () for key in keys.get(kind, ())]
            records[fields.text("id")] = told.env["usage.grant"].create(
                {
                    "name": fields.text("id"),
                    "subscription_id": told.subscription.id,
                    "sequence": number,
                    "amount": fields.number("balance"),
                    "priority": fields.integer("priority", 0),
                    "effective_at": told.periods[0].start_at,
                    "charge_keys": False if kinds is None else ",".join(chosen) or "-",
                }
            )

    bill = bill_fees(story, case, amounts, before=give)
    at = story.periods[-1].end_at
    left, _overage = story.subscription._get_credit_balances(at)
    due = [bill.lines_of(rated)[0] for rated in bill.rated]
    return {
        "consumed": {
            name: grant.amount - left[grant.id] for name, grant in records.items()
        },
        "balances": {name: left[grant.id] for name, grant in records.items()},
        "amount_due": sum((amount for amount in due if amount > 0), ZERO),
    }


def coupons(session, case):
    """Coupons of a subscription with one fee, in the order of the company."""
    story = Story(session, case)
    base = case.number("base_amount")
    order = case.text("order", "given")
    company = session.admin.company.sudo()
    usual = company.usage_coupon_order
    company.usage_coupon_order = order

    def give(told):
        for number, fields in enumerate(case.objects("coupons")):
            add_coupon(told, number, coupon_vals(fields))

    try:
        bill = bill_fees(story, case, {"c1": base}, before=give)
    finally:
        company.usage_coupon_order = usual
    return {"discount": base - bill.total(), "total": bill.total()}


def add_coupon(story, number, vals):
    story.env["usage.coupon"].create(
        {
            "name": f"Coupon {number}",
            "subscription_id": story.subscription.id,
            "sequence": number,
            **vals,
        }
    )


def coupon_vals(fields):
    kind = fields.text("type")
    if kind == "percent":
        return {"kind": "percent", "percent": fields.number("percent")}
    if kind == "fixed":
        return {"kind": "amount", "amount": fields.number("amount")}
    raise BadCase(f"{fields.where}: unknown coupon {kind}")


def spread(session, case):
    """A discount over the fees of one invoice."""
    story = Story(session, case)
    amounts = {f"line-{n}": amount for n, amount in enumerate(case.numbers("lines"))}
    discount = case.number("discount")

    def give(told):
        add_coupon(told, 0, {"kind": "amount", "amount": discount})

    bill = bill_fees(story, case, amounts, before=give)
    left = {rated.charge_id.key: bill.lines_of(rated)[0] for rated in bill.rated}
    return {"lines": [left.get(key, ZERO) for key in amounts], "total": bill.total()}


# -- documents ---------------------------------------------------------------


def sum_rounded(session, case):
    """Fees of one invoice, each line rounded, the invoice their sum."""
    story = Story(session, case)
    amounts = {f"line-{n}": a for n, a in enumerate(case.numbers("line_amounts"))}
    return {"total": bill_fees(story, case, amounts).total()}


def invoice(session, case):
    """An invoice with a discount over its lines, taxes of Odoo rounded per line."""
    story = Story(session, case)
    discount = case.number("fixed_discount", ZERO)
    amounts, vals = {}, {}
    for number, fields in enumerate(case.objects("lines")):
        key = f"line-{number}"
        amounts[key] = fields.number("amount")
        product = product_with_tax(session, fields.number("tax_percent"))
        vals[key] = {"product_id": product.id}

    def give(told):
        if discount:
            add_coupon(told, 0, {"kind": "amount", "amount": discount})

    company = session.admin.company.sudo()
    usual = company.tax_calculation_rounding_method
    company.tax_calculation_rounding_method = "round_per_line"
    try:
        bill = bill_fees(story, case, amounts, vals, give)
    finally:
        company.tax_calculation_rounding_method = usual
    lines = [document_line(bill, key) for key in amounts]
    taken = sum((line.pop("taken") for line in lines), ZERO)
    return {
        "lines": lines,
        "subtotal": bill.total() + taken,
        "discount": taken,
        "tax": exact(sum(bill.moves.mapped("amount_tax"))),
        "total": exact(sum(bill.moves.mapped("amount_total"))),
    }


def document_line(bill, key):
    """Discount and tax of what one charge has on the invoice."""
    rated = bill.rated.filtered(lambda line: line.charge_id.key == key)
    lines = bill.lines.filtered(lambda line: line.usage_rated_line_id in rated)
    parts = rated.component_ids.filtered(lambda part: part.role == "coupon")
    taxes = [exact(line.price_total) - exact(line.price_subtotal) for line in lines]
    return {
        "coupon": -sum(parts.mapped("exact_amount"), ZERO),
        "taken": -sum(parts.mapped("amount"), ZERO),
        "tax": sum(taxes, ZERO),
    }


def product_with_tax(session, percent):
    """A service with a sales tax of that rate, none for zero."""
    taxes = session.admin["account.tax"]
    if percent:
        taxes = taxes.create(
            {
                "name": session.unique(f"Tax {percent} %"),
                "amount": float(percent),
                "type_tax_use": "sale",
                "price_include_override": "tax_excluded",
            }
        )
    return session.admin["product.product"].create(
        {
            "name": session.unique("Golden service"),
            "type": "service",
            "list_price": 0,
            "taxes_id": [(6, 0, taxes.ids)],
        }
    )


def progressive(session, case):
    """Usage event by event; thresholds are looked at after each one."""
    story = Story(session, case)
    story.charge(
        "usage",
        story.meter("usage"),
        model="per_unit",
        unit_price=case.number("unit_price"),
    )
    base = case.number("base_fee", ZERO)
    story.charge("fee", None, model="flat", unit_price=base)
    first, end = local_dates(case)
    thresholds = "; ".join(format(one, "f") for one in case.numbers("thresholds"))
    story.subscribe(first, end, bounds(case)[2], billing_thresholds=thresholds or False)
    period = story.periods[0]
    found = []
    for event in sorted(read_events(case), key=lambda event: event.at):
        quantity = sum((event.number(name) for name in event.properties), ZERO)
        story.use("usage", quantity, event.at)
        if not period.start_at <= naive(event.at) < period.end_at:
            continue
        for run in story.subscription._bill_thresholds(naive(event.at)):
            total = sum(
                (subtotal(line) for line in run.move_ids.invoice_line_ids), ZERO
            )
            found.append({"after_event": event.id, "total": total})
    bill = story.bill(period.local_end - timedelta(days=1))
    credit = sum((interim["total"] for interim in found), ZERO)
    return {
        "interim_invoices": found,
        "final": {
            "fees": bill.total() + credit,
            "credit": credit,
            "total": bill.total(),
        },
    }


KINDS = {
    "prorate": prorate,
    "prorate_dates": prorate_dates,
    "plan_change": plan_change,
    "credit_note": credit_note,
    "days": days,
    "anchors": anchors,
    "true_up": true_up,
    "plan_commitment": plan_commitment,
    "grants": grants,
    "wallets": wallets,
    "coupons": coupons,
    "spread": spread,
    "sum_rounded": sum_rounded,
    "invoice": invoice,
    "progressive": progressive,
}
