# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays rating cases on a database, as a billing manager would.

Creates the records, sends the events through the store's append, presses the
buttons of the billing run and reads invoice lines. Never imports the core.
"""

import contextlib
import itertools
import uuid
from datetime import date, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from harness import BadCase, Unsupported
from rating_case import (
    bounds,
    local_dates,
    model_of,
    only_charge,
    open_case,
    read_events,
)

ZERO = Decimal(0)

#: what the product sells today, by the names of the case README
MODELS = {
    "per_unit": "per_unit",
    "package": "package",
    "graduated": "graduated",
    "event_priced": "pass_through",
}
ADJUSTMENTS = ("discount", "maximum", "minimum")

#: lengths a billing period can have, shortest first
UNITS = ("day", "week", "month", "quarter", "year")


@contextlib.contextmanager
def open_session(dbname, config):
    """Yield a Session on a database; each case commits, nothing is rolled back."""
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", dbname], setup_logging=True)
    with Registry(dbname).cursor() as cr:
        yield Session(api.Environment(cr, SUPERUSER_ID, {}))


class Session:
    """One database, the billing manager at work, and what all cases share."""

    def __init__(self, admin):
        self.admin = admin
        self.run_id = uuid.uuid4().hex[:8]
        self.numbers = itertools.count(1)
        self.cr = admin.cr
        user = admin["res.users"].create(
            {
                "name": "Golden billing manager",
                "login": f"golden-{self.run_id}",
                "group_ids": [
                    (4, admin.ref(group).id)
                    for group in (
                        "usage_billing.group_usage_billing_approver",
                        "base.group_partner_manager",
                    )
                ],
            }
        )
        self.env = admin(user=user.id)
        self.product = admin["product.product"].create(
            {"name": "Golden usage", "type": "service", "list_price": 0}
        )
        self.cr.commit()

    def unique(self, word):
        """A text no other case uses, on however many runs of one database."""
        return f"{word}-{self.run_id}-{next(self.numbers)}"

    def currency(self, code):
        """Active currency of that code."""
        found = (
            self.admin["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", code)])
        )
        if not found:
            raise Unsupported(f"currency {code}")
        found.active = True
        return found

    def play(self, data):
        """What the product makes of a case, in the shape of its `expected`."""
        import odoo_metering  # it tells the stories of this module

        kinds = KINDS | odoo_metering.KINDS
        case, kind = open_case(data)
        if kind not in kinds:
            raise Unsupported(f"kind {kind}")
        try:
            got = kinds[kind](self, case)
            case.done()
            self.cr.commit()
        except BaseException:
            self.cr.rollback()
            self.env.invalidate_all(flush=False)
            raise
        return got


class Story:
    """Customer, plan, meters and subscription of one case."""

    def __init__(self, session, case):
        self.session = session
        self.env = session.env
        self.currency = session.currency(case.text("currency"))
        self.source = {}
        self.subject = session.unique("subject")
        self.charges = []
        self.subscription = None

    # -- setting up --------------------------------------------------------------

    def meter(self, code, **vals):
        """Meter of the events of one type; the type is ours alone."""
        return self.env["usage.meter"].create(
            {
                "name": code,
                "code": self.session.unique(code),
                "event_type": f"{self.subject}-{code}",
                **vals,
            }
        )

    def charge(self, key, meter, **vals):
        """Remember one charge of the plan to come."""
        self.charges.append(
            {
                "key": key,
                "name": key,
                "product_id": self.session.product.id,
                "meter_id": meter.id if meter else False,
                "prorate": False,
                **vals,
            }
        )

    def subscribe(self, first, end, zone, **vals):
        """Approve the plan and activate the customer's subscription to it.

        :param date first, end: local dates, end excluded
        """
        plan = self.env["usage.plan"].create(
            {
                "name": self.session.unique("plan"),
                "code": self.session.unique("plan"),
                "currency_id": self.currency.id,
                "version_ids": [
                    (
                        0,
                        0,
                        {
                            "valid_from": "2000-01-01",
                            "charge_ids": [(0, 0, charge) for charge in self.charges],
                        },
                    )
                ],
            }
        )
        plan.version_ids.action_approve()
        partner = self.env["res.partner"].create(
            {
                "name": self.session.unique("customer"),
                "country_id": self.env.ref("base.fr").id,
            }
        )
        self.subscription = self.env["usage.subscription"].create(
            {
                "partner_id": partner.id,
                "plan_id": plan.id,
                "date_start": first,
                "date_end": end,
                "tz": zone,
                "calendar_aligned": False,
                "anchor_day": first.day,
                "period_unit": unit_for(first, end),
                "subject_ids": [(0, 0, {"subject": self.subject})],
                **vals,
            }
        )
        self.subscription.action_activate()
        return self.subscription

    # -- living ------------------------------------------------------------------

    def send(self, rows):
        """Send (source, event row) pairs through the store, a batch a source."""
        by_source = {}
        for source, row in rows:
            by_source.setdefault(source, []).append(row)
        for source, found in by_source.items():
            batch = self.env["usage.batch"].sudo()  # made by an import, not a person
            batch = batch.create(
                {
                    "name": self.session.unique("batch"),
                    "source_id": self._source(source).id,
                    "company_id": self.env.company.id,
                }
            )
            batch._append(found)

    def _source(self, name):
        """Source of a name, this story's own."""
        if name not in self.source:
            sources = self.env["usage.source"].sudo()  # set up by an administrator
            self.source[name] = sources.create(
                {
                    "name": self.session.unique("source"),
                    "code": self.session.unique("source"),
                    "kind": "manual",
                    "future_tolerance_min": -1,
                }
            )
        return self.source[name]

    def row(self, event_id, code, at, value=None, amount=None, properties=None):
        """Event of this customer, of the type that belongs to a meter's code."""
        from odoo.addons.usage_billing.metering import EventRow

        return EventRow(
            event_id=event_id,
            type=f"{self.subject}-{code}",
            subject=self.subject,
            time=at,
            value=value,
            amount=amount,
            currency=self.currency.name if amount is not None else None,
            properties=properties or {},
        )

    def use(self, code, quantity):
        """One event of a quantity at the start of the first period."""
        period = self.subscription.period_ids.sorted("start_at")[0]
        event_id = self.session.unique("event")
        self.send([("", self.row(event_id, code, period.start_at, quantity))])

    def bill(self):
        """Compute, approve and post; a held subscription is an error of the case."""
        last = self.subscription.period_ids.sorted("start_at")[-1]
        run = self.env["usage.billing.run"].create(
            {
                "cutoff_date": last.local_end - timedelta(days=1),
                "invoice_date": last.local_end,
                "subscription_ids": [(6, 0, self.subscription.ids)],
            }
        )
        run.action_compute()
        self._refuse_held(run)
        run.action_approve()
        run.action_post()
        self._refuse_held(run)
        if run.state != "posted":
            raise RuntimeError(f"the run ended {run.state}")
        return Bill(run)

    def _refuse_held(self, run):
        held = run.line_ids.filtered(lambda line: line.state == "held")
        if held:
            raise RuntimeError(f"held: {held[0].reason}")


class Bill:
    """What one run wrote into the ledger."""

    def __init__(self, run):
        self.rated = run.rated_line_ids
        moves = run.move_ids
        if any(move.state != "posted" for move in moves):
            raise RuntimeError("an invoice was not posted")
        self.lines = moves.invoice_line_ids.filtered("usage_rated_line_id")

    def amounts(self):
        """Lines by charge and adjustment, read from the posted invoice lines."""
        found = {}
        for rated in self.rated:
            for component in rated.component_ids:
                label = component.role if component.role in ADJUSTMENTS else None
                key = (rated.charge_id.key, label)
                amount, exact = found.get(key, (ZERO, ZERO))
                found[key] = (
                    amount + self._posted(component),
                    exact + component.exact_amount,
                )
        return [
            {"charge": charge, "label": label, "amount": amount, "exact": exact}
            for (charge, label), (amount, exact) in found.items()
        ]

    def _posted(self, component):
        """Amount of the invoice lines of a component; a credit note is negative."""
        lines = self.lines.filtered(lambda line: line.usage_component_id == component)
        return sum((subtotal(line) for line in lines), ZERO)

    def total(self):
        """Untaxed total of the invoices, credit notes negative."""
        return sum((subtotal(line) for line in self.lines), ZERO)

    def quantities(self, keys):
        """Metered quantity of each charge; nothing rated is zero."""
        found = dict.fromkeys(keys, ZERO)
        for rated in self.rated:
            found[rated.charge_id.key] += rated.quantity or ZERO
        return found


def subtotal(line):
    """Untaxed amount of an invoice line as a Decimal, its sign as the customer's."""
    sign = -1 if line.move_id.move_type == "out_refund" else 1
    return sign * Decimal(str(line.price_subtotal))


def unit_for(first, end):
    """Shortest billing period that holds the dates.

    :raise Unsupported: they are further apart than the longest one
    """
    for unit in UNITS:
        if after(first, unit) >= end:
            return unit
    raise Unsupported("a period longer than a year")


def after(first, unit):
    """Date one period later, the day clamped to short months."""
    if unit in ("day", "week"):
        return first + timedelta(days={"day": 1, "week": 7}[unit])
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return min(
        date(year, month + 1, 1) + timedelta(days=first.day - 1), last_day(year, month)
    )


def last_day(year, month):
    """Last day of the month with that index, January 0."""
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return following - timedelta(days=1)


def period_of_days(days):
    """A calendar period with that many days: its first date and unit.

    :raise Unsupported: no calendar period is that long
    """
    for month in range(24):
        first = date(2023 + month // 12, month % 12 + 1, 1)
        for unit in UNITS:
            aligned = {"quarter": month % 3 == 0, "year": month % 12 == 0}
            if aligned.get(unit, True) and unit != "week":
                if (after(first, unit) - first).days == days:
                    return first, unit
    if days == 7:
        return date(2024, 1, 1), "week"  # a Monday
    raise Unsupported("a period no calendar has")


# -- charges -----------------------------------------------------------------


def charge_vals(fields):
    """Values of a charge from the fields of the README.

    :raise Unsupported: a model or step that is not sold yet
    """
    model = model_of(fields)
    if model not in MODELS:
        raise Unsupported(f"model {model}")
    if "pricing_unit" in fields:
        raise Unsupported("prices in a unit of one's own")
    vals = {"model": MODELS[model]} | PRICES[model](fields)
    vals |= convert_vals(fields.object("convert", None))
    for name in (
        "included_units",
        "discount_percent",
        "minimum_amount",
        "maximum_amount",
    ):
        number = fields.number(name, None)
        if number is not None:
            vals[name] = number
    return vals


def convert_vals(fields):
    if fields is None:
        return {}
    if fields.integer("decimals", 0):
        raise Unsupported("conversion rounded to decimals")
    return {
        "convert_divisor": fields.number("divide_by"),
        "convert_rounding": fields.text("rounding", "none"),
    }


def package_vals(fields):
    return {
        "package_size": fields.number("package_size"),
        "package_price": fields.number("package_price"),
        "package_rounding": fields.text("rounding", "up"),
    }


def tier_vals(fields):
    tiers = []
    for sequence, tier in enumerate(fields.objects("tiers")):
        tiers.append(
            {
                "sequence": sequence,
                "up_to": tier.number("up_to"),
                "unit_price": tier.number("unit_price"),
                "flat_fee": tier.number("flat_fee", ZERO),
                "tier_cap": tier.number("tier_cap", None),
            }
        )
    return {"tier_ids": [(0, 0, tier) for tier in tiers]}


PRICES = {
    "per_unit": lambda fields: {"unit_price": fields.number("unit_price")},
    "package": package_vals,
    "graduated": tier_vals,
    "event_priced": lambda fields: {},
}


def has_minimum(fields):
    return "minimum_amount" in fields


# -- kinds -------------------------------------------------------------------


def price(session, case):
    """Each charge for its usage, one event a charge."""
    story = Story(session, case)
    usage = case.object("usage")
    quantities = {}
    for fields in case.objects("charges"):
        key, vals = fields.text("key"), charge_vals(fields)
        quantities[key] = usage.number(key)
        story.charge(key, story.meter(key), **vals)
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    for key, quantity in quantities.items():
        story.use(key, quantity)
    return result(story.bill(), quantities)


def result(bill, keys):
    """Amounts and total of a bill; a charge without line costs nothing."""
    lines = bill.amounts()
    seen = {line["charge"] for line in lines}
    lines += [
        {"charge": key, "label": None, "amount": ZERO, "exact": ZERO}
        for key in keys
        if key not in seen
    ]
    return {"amounts": lines, "total": bill.total()}


def split(session, case):
    """A part of a period: what was used before is billed first, by ourselves."""
    story = Story(session, case)
    fields = only_charge(case)
    key, vals = fields.text("key"), charge_vals(fields)
    quantity = case.object("usage").number(key)
    position, before = "single", ZERO
    segment = case.object("segment", None)
    if segment is not None:
        position = segment.text("position", "single")
        before = segment.number("quantity_before", ZERO)
    already = case.object("already_billed", None)
    already = already.number("amount") if already is not None else ZERO
    if position == "mid" and has_minimum(fields) or (before and has_minimum(fields)):
        raise Unsupported("billing inside a period with a minimum")
    story.charge(key, story.meter(key), **vals)
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    if before or already:
        story.use(key, before)
        if story.bill().total() != already:
            raise Unsupported("amounts billed by another system")
    story.use(key, quantity)
    return result(story.bill(), [key])


def rerate(session, case):
    """The period is billed, usage comes or is corrected, and it is billed again."""
    story = Story(session, case)
    fields = only_charge(case)
    key, vals = fields.text("key"), charge_vals(fields)
    phases = [
        (phase.number("cumulative_quantity"), phase.flag("final", False))
        for phase in case.objects("phases")
    ]
    if has_minimum(fields) and not all(final for _quantity, final in phases):
        raise Unsupported("billing inside a period with a minimum")
    story.charge(key, story.meter(key), **vals)
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    totals, known = [], ZERO
    for quantity, _final in phases:
        if quantity != known:
            story.use(key, quantity - known)
        known = quantity
        totals.append({"total": story.bill().total()})
    return {"phases": totals, "total": sum((t["total"] for t in totals), ZERO)}


def check_midnight(case):
    """Where instants of events count, the period must begin and end at midnight."""
    start, end, zone = bounds(case)
    for moment in (start, end):
        if moment.astimezone(ZoneInfo(zone)).time() != time():
            raise Unsupported("a period that does not begin at midnight")


def event_priced(session, case):
    """The events' own amounts, passed through."""
    check_midnight(case)
    story = Story(session, case)
    keys = []
    for fields in case.objects("charges"):
        keys.append(fields.text("key"))
        if "meter" in fields:
            raise Unsupported("a meter on a price from events")
        story.charge(
            keys[-1],
            story.meter(keys[-1], value_source="amount"),
            **charge_vals(fields),
        )
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    story.send(
        ((key, None), story.row(event.id, key, event.at, amount=event.amount))
        for key in keys
        for event in read_events(case)
    )
    return result(story.bill(), keys)


def share_of(fields):
    """Days active and days of the whole; a part of nothing is not subscribed."""
    days, of = fields.integer("days"), fields.integer("of")
    if not 0 < days <= of:
        raise Unsupported("no day of the period subscribed")
    return days, of


def subscribe_for(story, days, of):
    """A subscription that starts so late that these days of the period are left."""
    first, unit = period_of_days(of)
    end = after(first, unit)
    story.subscribe(
        end - timedelta(days=days),
        end,
        "UTC",
        calendar_aligned=True,
        period_unit=unit,
    )


def prorate(session, case):
    """A flat fee for a cut period."""
    story = Story(session, case)
    amount = case.number("base_amount")
    days, of = share_of(case.object("active"))
    story.charge("c1", None, model="flat", unit_price=amount, prorate=True)
    subscribe_for(story, days, of)
    return prorated(story.bill())


def prorate_dates(session, case):
    """A flat fee from a date to a date, monthly from the first one."""
    story = Story(session, case)
    amount = case.number("base_amount")
    first = date.fromisoformat(case.text("from_date"))
    end = date.fromisoformat(case.text("to_date"))
    if case.text("divisor") != "days_of_month_starting_at_from_date":
        raise Unsupported("proration on 30-day months")
    if not first < end <= after(first, "month"):
        raise Unsupported("no day of the period subscribed")
    story.charge("c1", None, model="flat", unit_price=amount, prorate=True)
    story.subscribe(first, end, "UTC", period_unit="month")
    return prorated(story.bill())


def prorated(bill):
    """Amounts and the factor that the evidence of the rated line states."""
    part, whole = bill.rated.evidence["share"].split("/")
    factor = Decimal(part) / Decimal(whole)
    factor = factor.quantize(Decimal("1e-9"), ROUND_HALF_UP)
    return {"factor": factor} | result(bill, ["c1"])


def true_up(session, case):
    """A minimum on a charge of one currency unit for each unit used."""
    story = Story(session, case)
    used, minimum = case.number("used_amount"), case.number("minimum_amount")
    days, of = share_of(case.object("active"))
    case.flag("round_used_first", False)
    story.charge(
        "c1",
        story.meter("c1"),
        model="per_unit",
        unit_price=Decimal(1),
        minimum_amount=minimum,
        prorate=True,
    )
    subscribe_for(story, days, of)
    story.use("c1", used)
    lines = {line["label"]: line for line in result(story.bill(), ["c1"])["amounts"]}
    nothing = {"charge": "c1", "amount": ZERO, "exact": ZERO}
    amounts = [
        lines.get(None, nothing) | {"label": "usage"},
        lines.get("minimum", nothing) | {"label": "true_up"},
    ]
    return {"amounts": amounts, "total": sum(line["amount"] for line in amounts)}


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
    subscription = story.subscribe(anchor, end, zone, period_unit=interval)
    found = subscription.period_ids.sorted("start_at")
    return {
        "periods": [
            [str(period.local_start), str(period.local_end - timedelta(days=1))]
            for period in found
            if period.local_end > first
        ]
    }


def sum_rounded(session, case):
    """Fees of one invoice, each line rounded, the invoice their sum."""
    story = Story(session, case)
    for index, amount in enumerate(case.numbers("line_amounts")):
        if amount < 0:
            raise Unsupported("negative fees")
        story.charge(f"line-{index}", None, model="flat", unit_price=amount)
    first, end = local_dates(case)
    story.subscribe(first, end, bounds(case)[2])
    return {"total": story.bill().total()}


def invoice(session, case):
    """Odoo's own invoice and taxes, rounded per line as the case README says."""
    if case.number("fixed_discount", ZERO):
        raise Unsupported("discount over a whole invoice")
    lines = [
        (fields.number("amount"), fields.number("tax_percent"))
        for fields in case.objects("lines")
    ]
    company = session.admin.company.sudo()
    usual = company.tax_calculation_rounding_method
    company.tax_calculation_rounding_method = "round_per_line"
    try:
        move = session.admin["account.move"].create(
            {
                "move_type": "out_invoice",
                "currency_id": session.currency(case.text("currency")).id,
                "invoice_date": local_dates(case)[0],
                "partner_id": session.env["res.partner"]
                .create({"name": session.unique("customer")})
                .id,
                "invoice_line_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": session.product.id,
                            "quantity": 1,
                            "price_unit": float(amount),
                            "tax_ids": [(6, 0, tax(session, percent).ids)],
                        },
                    )
                    for amount, percent in lines
                ],
            }
        )
        move.action_post()
    finally:
        company.tax_calculation_rounding_method = usual
    return {
        "lines": [
            {
                "coupon": ZERO,
                "tax": Decimal(str(line.price_total))
                - Decimal(str(line.price_subtotal)),
            }
            for line in move.invoice_line_ids
        ],
        "subtotal": Decimal(str(move.amount_untaxed)),
        "discount": ZERO,
        "tax": Decimal(str(move.amount_tax)),
        "total": Decimal(str(move.amount_total)),
    }


def tax(session, percent):
    """A sales tax of that rate, none for zero."""
    if not percent:
        return session.admin["account.tax"]
    return session.admin["account.tax"].create(
        {
            "name": session.unique(f"Tax {percent} %"),
            "amount": float(percent),
            "type_tax_use": "sale",
            "price_include_override": "tax_excluded",
        }
    )


KINDS = {
    "price": price,
    "split": split,
    "rerate": rerate,
    "event_priced": event_priced,
    "prorate": prorate,
    "prorate_dates": prorate_dates,
    "true_up": true_up,
    "anchors": anchors,
    "sum_rounded": sum_rounded,
    "invoice": invoice,
}
