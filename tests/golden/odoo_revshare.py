"""Plays the neutral revenue-share cases in Odoo, as a billing manager would.

The case becomes partners, products, an agreement with its version and rules, and
posted customer invoices and credit notes; the figures are read from the statements
and from the shared lines. Nothing here computes a share.
"""

import contextlib
from datetime import date, timedelta
from decimal import Decimal

from harness import BadCase, Mismatch, Unsupported
from reading import Read

# Families whose facts do not come from an invoice, or whose clauses are not built.
UNSUPPORTED = {
    *("posting", "clearing_posting", "collected", "guarantee", "chain", "dimension"),
    *("clearing", "refund", "clawback", "payout", "das2", "fx", "fx_payout"),
    *("statements", "amendment", "usage", "wholesale", "dispute", "statement"),
    *("late", "isolation", "batch", "bundle", "selfbill"),
}
KINDS = {"percent", "fixed", "weight", "per_unit", "tiered_percent", "tiered_unit"}
LOGIN = "golden-billing-manager"
GROUPS = (
    "usage_billing.group_usage_billing_approver",
    "base.group_partner_manager",
    "product.group_product_manager",
)
# Months of the calendar that have the days of a prorated period.
MONTH_OF_DAYS = {28: date(2026, 2, 1), 30: date(2026, 6, 1), 31: date(2026, 7, 1)}
FIRST_MONTH = date(2026, 1, 1)


@contextlib.contextmanager
def open_session(database, config):
    """Open a database and act on it as a billing manager, each case committed.

    :param str database: a database that has the add-ons and may be written
    :param str config: path of an odoo.conf
    """
    import odoo.init  # noqa: F401  the order in which Odoo wants to be loaded
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", str(config), "-d", database], setup_logging=True)
    with Registry(database).cursor() as cr:
        manager = _manager(api.Environment(cr, SUPERUSER_ID, {}))
        cr.commit()
        yield Session(api.Environment(cr, manager.id, {}))


def _manager(env):
    groups = [env.ref(name).id for name in GROUPS]
    found = env["res.users"].search([("login", "=", LOGIN)])
    return found or env["res.users"].create(
        {"name": "Billing manager", "login": LOGIN, "group_ids": [(6, 0, groups)]}
    )


class Session:
    """Plays cases one after the other on one database."""

    def __init__(self, env):
        self.env = env

    def play(self, case):
        """Return the figures of one case; what it made stays in the database."""
        family = case["family"]
        if family in UNSUPPORTED:
            raise Unsupported(family)
        try:
            figures = FAMILIES[family](Story(self.env, case))
        except BaseException:
            self.env.cr.rollback()
            self.env.invalidate_all()
            raise
        self.env.cr.commit()
        return figures


class Story:
    """The records of one case."""

    def __init__(self, env, case):
        self.env = env
        self.id = case["id"]
        self.case = Read(case["agreement"], "agreement")
        self.events = [
            Read(data, f"transactions[{index}]")
            for index, data in enumerate(case["transactions"])
        ]
        self.currency = self._get_currency()
        self.customer = self._create_company("customer")
        self.partners, self.products, self.moves = {}, {}, {}
        self.agreement = None

    def done(self):
        """Refuse what the case says and nobody read."""
        for read in (self.case, *self.events):
            read.done()

    # master data

    def _get_currency(self):
        self.case.get("operator")
        if self.case.get("trigger", "invoiced") != "invoiced":
            raise Unsupported("trigger")
        name = self.case["currency"]
        currency = self.env["res.currency"].search(
            [("name", "=", name), ("active", "in", (True, False))]
        )
        if not currency:
            raise BadCase(f"currency {name} is unknown")
        if not currency.active:
            currency.sudo().active = True  # as the administrator would, once
        if currency.decimal_places != int(self.case["decimals"]):
            raise BadCase(f"{name} has {currency.decimal_places} decimals here")
        return currency

    def _create_company(self, name):
        return self.env["res.partner"].create(
            {"name": f"{self.id} {name}", "is_company": True}
        )

    def partner(self, name):
        if name not in self.partners:
            self.partners[name] = self._create_company(name)
        return self.partners[name]

    def product(self, name, cost=Decimal(0)):
        key = (name, cost)
        if key not in self.products:
            self.products[key] = self.env["product.product"].create(
                {
                    "name": f"{self.id} {name}",
                    "type": "service",
                    "taxes_id": [(5, 0, 0)],
                    "standard_price": float(cost),
                }
            )
        return self.products[key]

    def products_named(self, name):
        """Return the products of a name, one for each cost; at least one."""
        found = [p.id for (own, _cost), p in self.products.items() if own == name]
        return found or self.product(name).ids

    # agreement

    def create_agreement(self, versions, customers=None, **values):
        """Create an agreement and put its versions in force, one after the other.

        :param versions: list of (values of the version, list of rule values)
        """
        attribution = {"customer_id": self.customer.id, **(customers or {})}
        self.agreement = self.env["revenue.share.agreement"].create(
            {
                "name": self.id,
                "currency_id": self.currency.id,
                "attribution_ids": [(0, 0, attribution)],
                **values,
            }
        )
        for version, rules in versions:
            self.env["revenue.share.agreement.version"].create(
                {
                    "agreement_id": self.agreement.id,
                    **version,
                    "rule_ids": [(0, 0, rule) for rule in rules],
                }
            ).action_activate()

    def read_version(self, day):
        """Return the clauses of the case as the values of a version and its rules."""
        if "deductions" in self.case:
            raise Unsupported("deductions")
        rules = [self._read_rule(data) for data in self.case["rules"]]
        version = {
            "date_from": day,
            "base": self.case.get("base", "net"),
            "granularity": self.case.get("granularity", "settlement"),
        }
        return version, rules

    def _read_rule(self, data):
        if data["type"] not in KINDS:
            raise Unsupported(data["type"])
        on, other = data.get("on", "base"), False
        if on.startswith("share:"):
            on, other = "share", self.partner(on.removeprefix("share:")).id
        match = data.get("match", {})
        if set(match) - {"product"}:
            raise Unsupported("match on another field than the product")
        prorate = data.get("prorate")
        if prorate:
            prorate.get("days"), prorate.get("of")
        values = {
            "partner_id": self.partner(data["partner"]).id,
            "kind": data["type"],
            "value": data.get("value", "0"),
            "priority": data["priority"],
            "on": on,
            "on_partner_id": other,
            "deduct": data.get("deduct", False),
            "prorate": bool(prorate),
            "limited_to_available": data.get("limited_to_available", False),
        }
        if match:
            values["product_ids"] = [(6, 0, self.products_named(match["product"]))]
        if data.get("cap"):
            values["cap_amount"] = data["cap"]["amount"]
            values["cap_per"] = data["cap"]["per"]
        if data.get("reset") == "year" and on != "base":
            raise Unsupported("yearly tiers on another amount than the base")
        if data.get("tiers"):
            values["tier_mode"] = data.get("tier_mode", "graduated")
            values["tier_basis"] = data.get("tier_basis", "amount")
            values["tier_bound"] = data.get("bound", "upper_inclusive")
            values["tier_reset"] = data.get("reset", "period")
            values["tier_ids"] = [
                (0, 0, {"sequence": n, "up_to": tier["up_to"], "rate": tier["rate"]})
                for n, tier in enumerate(data["tiers"])
            ]
        return values

    # documents

    def prepare_products(self):
        """Create the products first: rules name them."""
        for data in self.events:
            self.product(data.get("product", "service"), self._cost(data))

    def _cost(self, data):
        return Decimal(data.get("cost") or 0)

    def invoice(self, data, day, **line):
        """Post the invoice of one event: one line of the given net and VAT."""
        net = Decimal(data["net"])
        product = self.product(data.get("product", "service"), self._cost(data))
        if "quantity" in data:
            # A credit note shows its quantity without a sign, as it does its amount.
            quantity = Decimal(data["quantity"])
            line["usage_quantity"] = quantity if net >= 0 else -quantity
        if "events" in data:
            raise Unsupported("per_event")
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice" if net >= 0 else "out_refund",
                "partner_id": self.customer.id,
                "currency_id": self.currency.id,
                "invoice_date": day,
                "invoice_line_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": product.id,
                            "quantity": 1,
                            "price_unit": float(abs(net)),
                            "tax_ids": self._tax(abs(Decimal(data.get("vat") or 0))),
                            **line,
                        },
                    )
                ],
            }
        )
        move.action_post()
        if "id" in data:
            self.moves[data["id"]] = move
        return move

    def _tax(self, amount):
        """Return the tax that makes exactly this VAT, as a command."""
        if not amount:
            return [(5, 0, 0)]
        tax = self.env["account.tax"].sudo()  # set up by the administrator
        name = f"VAT of {amount}"
        found = tax.search([("name", "=", name), ("amount_type", "=", "fixed")])
        found = found or tax.create(
            {
                "name": name,
                "amount_type": "fixed",
                "amount": float(amount),
                "type_tax_use": "sale",
            }
        )
        return [(6, 0, found.ids)]

    def credit(self, data, day):
        """Post a credit note of a part of an invoice, from the invoice's button."""
        move = self.moves[data["invoice"]]
        wizard = self.env["account.move.reversal"]
        wizard = wizard.with_context(active_model="account.move", active_ids=move.ids)
        action = wizard.create({"date": day, "journal_id": move.journal_id.id})
        refund = self.env["account.move"].browse(action.reverse_moves()["res_id"])
        refund.invoice_date = day
        refund.invoice_line_ids.write(
            {
                "price_unit": float(Decimal(data["net"])),
                "tax_ids": self._tax(Decimal(data.get("vat") or 0)),
            }
        )
        refund.action_post()

    # figures

    def settle(self, send=False):
        """Prepare the statements from the agreement's button, and send them."""
        self.agreement.action_prepare_statements()
        statements = self.agreement.statement_ids
        if send:
            statements.action_send()
        return statements

    def figures(self, statements, items=None):
        """Return shares, residual and base of some statements of the agreement."""
        shares = {name: self.amount(0) for name in self.partners}
        for name, partner in self.partners.items():
            for statement in statements.filtered(
                lambda s, own=partner: s.partner_id == own
            ):
                shares[name] += self.amount(statement.amount_total)
        if items is None:
            items = self.env["revenue.share.item"].search(
                [("agreement_id", "=", self.agreement.id)]
            )
        base = sum((self.amount(item.base) for item in items), self.amount(0))
        shortfall = {
            name: self.amount(statement.shortfall_amount)
            for name, partner in self.partners.items()
            for statement in statements
            if statement.partner_id == partner and statement.shortfall_amount
        }
        residual = base - sum(shares.values(), self.amount(0))
        self._check_kept(statements, items)
        figures = {"shares": shares, "residual": residual, "base": base}
        if shortfall:
            figures["shortfall"] = shortfall
        return figures

    def _check_kept(self, statements, items):
        """Check what statements say we keep against the shared lines themselves."""
        for start in set(statements.mapped("period_start")):
            own = items.filtered(lambda i, day=start: i.statement_period_start == day)
            told = statements.filtered(lambda s, day=start: s.period_start == day)
            base = sum(self.amount(item.base) for item in own)
            shared = sum(self.amount(s.amount_total) for s in told)
            if {self.amount(s.residual_amount) for s in told} != {base - shared}:
                raise Mismatch(base - shared, told.mapped("residual_amount"), "kept")
            if {self.amount(s.base_amount) for s in told} != {base}:
                raise Mismatch(base, told.mapped("base_amount"), "base of the period")

    def amount(self, value):
        unit = Decimal(1).scaleb(-self.currency.decimal_places)
        return Decimal(str(value)).quantize(unit)


def month_after(day, months=1):
    """Return the first day of a later month."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _prorated(story):
    """Return (first day of the version, month) that make the prorated part true."""
    parts = {
        (rule["prorate"]["days"], rule["prorate"]["of"])
        for rule in story.case["rules"]
        if rule.get("prorate")
    }
    if not parts:
        return FIRST_MONTH, FIRST_MONTH
    if len(parts) > 1 or not all(int(of) in MONTH_OF_DAYS for _days, of in parts):
        raise Unsupported("prorate on another period than a month")
    [(days, of)] = parts
    month = MONTH_OF_DAYS[int(of)]
    return month_after(month) - timedelta(days=int(days)), month


def _split(story):
    if any("period" in data for data in story.events):
        return _periods(story)
    _only(story, {"line"})
    story.prepare_products()
    first, month = _prorated(story)
    story.create_agreement([story.read_version(first)])
    last = month_after(month) - timedelta(days=1)
    duplicates = 0
    for data in story.events:
        if data.get("id") in story.moves:
            duplicates += _again(story, data)
        else:
            story.invoice(data, last)
    statements = story.settle()
    story.done()
    return {**story.figures(statements), "duplicates": duplicates}


def _again(story, data):
    """Share a posted invoice a second time; return 1 when it added nothing."""
    move = story.moves[data["id"]]
    if Decimal(data["net"]) != story.amount(move.amount_untaxed):
        raise BadCase(f"{data.where}: another content under the same id")
    before = move.revenue_share_item_ids
    move.action_record_revenue_shares()
    return int(move.revenue_share_item_ids == before)


def _periods(story):
    _only(story, {"line", "invoice", "credit_note", "payment", "write_off"})
    story.prepare_products()
    first, _month = _prorated(story)
    story.create_agreement([story.read_version(first)])
    periods = {}
    for data in story.events:
        periods.setdefault(data["period"], []).append(data)
    figures = []
    seen = story.env["revenue.share.statement"]
    for number, (period, events) in enumerate(periods.items()):
        day = _day_of_period(period, number)
        for data in events:
            _play_event(story, data, day)
        statements = story.settle(send=True) - seen
        seen |= statements
        items = story.env["revenue.share.item"].search(
            [
                ("agreement_id", "=", story.agreement.id),
                ("statement_period_start", "=", day.replace(day=1)),
            ]
        )
        figures.append({"period": period, **story.figures(statements, items)})
    story.done()
    return {**story.figures(seen), "periods": figures}


def _day_of_period(period, number):
    """Return a day of a period: its own month, or the next one of the story."""
    with contextlib.suppress(ValueError):
        return date.fromisoformat(f"{period}-15")
    return month_after(FIRST_MONTH, number).replace(day=15)


def _play_event(story, data, day):
    if data["type"] in ("line", "invoice"):
        story.invoice(data, day)
    elif data["type"] == "credit_note":
        story.credit(data, day)
    else:
        raise Unsupported(data["type"])


def _invoiced(story):
    if "bad_debt" in story.case:
        raise Unsupported("bad_debt")
    for number, data in enumerate(story.events):
        data.setdefault("period", f"event {number}")
    return _periods(story)


def _versions(story):
    _only(story, {"line"})
    partner = story.partner(story.case["partner"])
    versions = []
    for data in sorted(story.case["versions"], key=lambda v: v["from"]):
        rule = {"partner_id": partner.id, "kind": "percent", "value": data["rate"]}
        values = {"date_from": data["from"], "date_to": data["to"] or False}
        versions.append((values, [rule]))
        data.get("version")
    story.create_agreement(versions, date_basis=story.case["date_basis"])
    unmatched = story.amount(0)
    for data in story.events:
        move = story.invoice(
            data, data["invoice_date"], usage_period_start=data["usage_date"]
        )
        if not move.revenue_share_item_ids:
            unmatched += Decimal(data["net"])
    figures = story.figures(story.settle())
    by_version = {}
    for line in story.env["revenue.share.line"].search(
        [("agreement_id", "=", story.agreement.id)]
    ):
        number = str(line.version_id.number)
        before = by_version.get(number, story.amount(0))
        by_version[number] = before + story.amount(line.amount)
    story.done()
    figures["residual"] += unmatched
    return {**figures, "by_version": by_version, "unmatched": unmatched}


def _attribution(story):
    _only(story, {"line"})
    clause = story.case["attribution"]
    if clause["mode"] == "first_purchase":
        limits = {"is_first_purchase_only": True}
    elif clause["mode"] == "months":
        start = date.fromisoformat(clause.get("customer_start") or "")
        end = month_after(start, int(clause["months"]))
        last_day = month_after(end) - timedelta(days=1)
        end = min(end + timedelta(days=start.day - 1), last_day)
        limits = {"date_from": start, "date_to": end - timedelta(days=1)}
    else:
        raise BadCase(f"attribution {clause['mode']} is unknown")
    partner = story.partner(story.case["partner"])
    rule = {"partner_id": partner.id, "kind": "percent", "value": story.case["rate"]}
    story.create_agreement([({"date_from": FIRST_MONTH}, [rule])], limits)
    others = story.amount(0)
    for data in story.events:
        move = story.invoice(data, data["date"])
        if not move.revenue_share_item_ids:
            others += Decimal(data["net"])
    figures = story.figures(story.settle())
    story.done()
    return {**figures, "residual": figures["residual"] + others}


def _only(story, types):
    for data in story.events:
        if data["type"] not in types:
            raise BadCase(f"{data.where}: {data['type']} is unknown here")


FAMILIES = {
    "split": _split,
    "idempotent": _split,
    "periods": _periods,
    "invoiced": _invoiced,
    "versions": _versions,
    "attribution": _attribution,
}
