# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Customer, plan, usage and bill of a rating case in Odoo, as a manager would work.

Creates the records, sends the events through the store's append, presses the buttons
of the billing run and reads posted invoice lines. Never imports the core.
"""

import contextlib
import itertools
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from harness import Fields, Unsupported
from rating_case import bounds, instant, open_case

ZERO = Decimal(0)
ADJUSTMENTS = ("discount", "maximum", "minimum")

#: lengths a billing period can have, shortest first
UNITS = ("day", "week", "month", "quarter", "year")

#: kinds for which only instants count, and no local date
OF_INSTANTS = frozenset(
    "aggregate rollup percentage event_priced filtered windowed".split()
)
#: members of a case that are instants
INSTANTS = ("start", "end", "timestamp")


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
        import odoo_documents  # they tell stories with this module
        import odoo_metering
        import odoo_prices

        kinds = odoo_prices.KINDS | odoo_documents.KINDS | odoo_metering.KINDS
        case, kind = open_case(at_midnight(data))
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

    def plan(self):
        """Approved plan of the charges so far; the next one begins without any."""
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
        self.charges = []
        return plan

    def subscribe(self, first, end, zone, **vals):
        """Activate the customer's subscription to a plan of the charges so far.

        :param date first, end: local dates, end excluded
        """
        plan = self.plan()
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
                **({} if "period_unit" in vals else length_for(first, end)),
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

    @property
    def periods(self):
        """Periods of the subscription, oldest first."""
        return self.subscription.period_ids.sorted("start_at")

    def use(self, code, quantity, at=None):
        """One event of a quantity, at the start of the first period or when given."""
        event_id = self.session.unique("event")
        at = at or self.periods[0].start_at
        self.send([("", self.row(event_id, code, at, quantity))])

    def bill(self, cutoff=None, interim=False):
        """Compute, approve and post; a held subscription is an error of the case.

        :param date cutoff: last day of what is billed; all periods by default
        :param bool interim: what was used so far, without closing the period
        :rtype: Bill
        """
        cutoff = cutoff or self.periods[-1].local_end - timedelta(days=1)
        run = self.env["usage.billing.run"].create(
            {
                "cutoff_date": cutoff,
                "invoice_date": cutoff + timedelta(days=1),
                "is_interim": interim,
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
        self.moves = moves = run.move_ids
        if any(move.state != "posted" for move in moves):
            raise RuntimeError("an invoice was not posted")
        self.lines = moves.invoice_line_ids.filtered("usage_rated_line_id")

    def amounts(self, names=None):
        """Lines by charge and adjustment, read from the posted invoice lines.

        :param dict names: (charge, label) of each charge key, in place of its own
        """
        found = {}
        for rated in self.rated:
            for component in rated.component_ids:
                label = component.role if component.role in ADJUSTMENTS else None
                key = (rated.charge_id.key, label)
                if names:
                    key = names[rated.charge_id.key]
                amount, exact = found.get(key, (ZERO, ZERO))
                found[key] = (
                    amount + self._posted(component),
                    exact + component.exact_amount,
                )
        return [
            {"charge": charge, "label": label, "amount": amount, "exact": exact}
            for (charge, label), (amount, exact) in found.items()
        ]

    def lines_of(self, rated):
        """Amount and exact amount of one rated line, as posted."""
        parts = rated.component_ids
        return (
            sum((self._posted(part) for part in parts), ZERO),
            sum(parts.mapped("exact_amount"), ZERO),
        )

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
        with localcontext(prec=96):  # every digit, like the product
            for rated in self.rated:
                found[rated.charge_id.key] += rated.quantity or ZERO
        return found


def subtotal(line):
    """Untaxed amount of an invoice line as a Decimal, its sign as the customer's."""
    sign = -1 if line.move_id.move_type == "out_refund" else 1
    return sign * Decimal(str(line.price_subtotal))


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


def length_for(first, end):
    """Values of a subscription whose first period holds the dates; no end, none."""
    if end is None:
        return {}
    try:
        return {"period_unit": unit_for(first, end)}
    except Unsupported:
        return {"period_unit": "year", "period_every": end.year - first.year + 1}


def zone_of(case):
    """A zone in which the period of a case begins and ends at midnight.

    The case's own where it does; where only the instants matter, another one has the
    same period.

    :raise Unsupported: no zone has midnight there
    """
    start, end, zone = bounds(case)
    others = [f"Etc/GMT{hours:+d}" for hours in range(-14, 13)]
    for name in (zone, "UTC", *others):
        local = ZoneInfo(name)
        if all(moment.astimezone(local).time() == time() for moment in (start, end)):
            return name
    raise Unsupported("a period that does not begin at midnight")


def at_midnight(data):
    """The same case with its period from midnight to midnight.

    The product's periods are local days. Where a case of instants begins at another
    time of day, all its instants move by the same time, which changes no distance
    between them: quantities, orders and shares of the period stay what they are. A
    case whose kind looks at local dates is left as it is.
    """
    if data.get("kind") not in OF_INSTANTS:
        return data
    start, end, zone = bounds(Fields(data, data.get("id", "case")))
    local = ZoneInfo(zone)
    if all(moment.astimezone(local).time() == time() for moment in (start, end)):
        return data
    if (end - start) % timedelta(days=1):
        return data
    begin = datetime.combine(start.astimezone(UTC).date(), time(), UTC)
    period = data["period"] | {"timezone": "UTC"}
    return _moved(data | {"period": period}, begin - start)


def _moved(value, by):
    """A JSON value with every instant in it moved."""
    if isinstance(value, dict):
        return {
            name: (instant(one) + by).isoformat()
            if name in INSTANTS and isinstance(one, str)
            else _moved(one, by)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_moved(one, by) for one in value]
    return value


def dates_in(case, zone):
    """Local dates of the bounds of a period in a zone."""
    start, end, _zone = bounds(case)
    local = ZoneInfo(zone)
    return start.astimezone(local).date(), end.astimezone(local).date()


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
