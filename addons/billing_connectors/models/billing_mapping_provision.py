# Part of Relevé. See LICENSE file for full copyright and licensing details.
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from odoo import Command, api, models
from odoo.exceptions import UserError

from odoo.addons.usage_billing.bridge import midnight

from .. import bridge, messages
from ..feeds.parsers import open_feed
from ..feeds.survey import currency_for, load_rule, meters_for, survey
from ..feeds.values import FeedError, MappingError

#: prices made by rule hold for every period; a later version begins a day later
FIRST_VERSION_DATE = date(2000, 1, 1)


@dataclass
class Provision:
    """What a file needed and what was made for it.

    subscriptions: those of the file's customers, old and new
    cutoff_date: last local day of the last period with usage; a run with this cut-off
        bills the whole file
    notes: sentences a person should read (a currency without rate)
    created: number of new records by model
    """

    plan: object
    subscriptions: object
    source: object
    first: datetime
    last: datetime
    cutoff_date: date
    notes: list = field(default_factory=list)
    created: dict = field(default_factory=dict)


class BillingMapping(models.Model):
    _inherit = "billing.mapping"

    # ------------------------------------------------------------------
    # business: finding a mapping by what an operator wrote
    # ------------------------------------------------------------------
    @api.model
    def _find(self, text, company):
        """Mapping named by an operator: a JSON file, a record's name, a template key.

        :param str text: empty for none
        :return: a mapping, empty when ``text`` is empty
        :raise UserError: there is none of that name
        """
        if not text:
            return self.browse()
        path = Path(text)
        if path.suffix == ".json" and path.is_file():
            content = path.read_text(encoding="utf-8-sig")
            return self._from_text(content, company)
        found = self.search(
            [("company_id", "=", company.id), ("name", "=", text)],
            order="version desc",
            limit=1,
        )
        if not found and text in bridge.templates():
            found = self._from_template(text, company)
        if not found:
            raise UserError(
                self.env._(
                    "There is no mapping named %(name)s. Ready-made ones are: "
                    "%(templates)s.",
                    name=text,
                    templates=", ".join(bridge.templates()),
                )
            )
        return found

    # ------------------------------------------------------------------
    # business: what a file needs before it can be billed
    # ------------------------------------------------------------------
    def _provision(self, raw, name=None):
        """Create what is missing to bill a file, by the rule of the mapping.

        Customers, subjects, meters, a plan with approved prices and active monthly
        subscriptions from the first month of each customer's usage. What exists is
        found by its key and left as it is, so that running again changes nothing.

        :param bytes | str | Path raw: the content of the file, or its path
        :param str name: file name, needed for bytes
        :rtype: Provision
        :raise UserError: no rule, no price, several currencies, no right to approve
        """
        self.ensure_one()
        self = self.with_company(self.company_id)
        content = self.env["billing.delivery"]._inspect(raw, name, self)
        try:
            spec = self._spec()
            rule = load_rule(spec)
            found = survey(open_feed(content, spec))
            currency_name = currency_for(rule, found)
            meter_rules = meters_for(rule, found.types)
        except (FeedError, MappingError) as error:
            raise UserError(messages.sentence(self.env, error)) from error
        if not found.customers:
            raise UserError(
                self.env._(
                    "No row of %(file)s can be read by the mapping %(mapping)s.",
                    file=content.name,
                    mapping=self.name,
                )
            )
        return _Provisioner(self, rule, found).run(currency_name, meter_rules)


class _Provisioner:
    """Creates by rule; lives for one file."""

    def __init__(self, mapping, rule, found):
        self.mapping = mapping
        self.env = mapping.env
        self.company = mapping.company_id
        self.rule = rule
        self.found = found
        self.zone = ZoneInfo(rule.time_zone)
        self.created = {}
        self.notes = []

    def run(self, currency_name, meter_rules):
        source = self.mapping._get_source()
        currency = self._currency(currency_name)
        meters = self._meters(meter_rules)
        plan = self._plan(currency, meter_rules, meters)
        partners = self._partners()
        subscriptions = self._subscriptions(plan, partners)
        self._subjects(source, subscriptions)
        return Provision(
            plan=plan,
            subscriptions=self.env["usage.subscription"].concat(
                *subscriptions.values()
            ),
            source=source,
            first=self.found.first,
            last=self.found.last,
            cutoff_date=self._month_end(self.found.last),
            notes=self.notes,
            created=self.created,
        )

    def _create(self, model, vals_list):
        if vals_list:
            self.created[model] = self.created.get(model, 0) + len(vals_list)
        return self.env[model].create(vals_list)

    # -- dates -----------------------------------------------------------------

    def _local_day(self, instant):
        aware = instant.replace(tzinfo=ZoneInfo("UTC"))
        return aware.astimezone(self.zone).date()

    def _month_start(self, instant):
        return self._local_day(instant).replace(day=1)

    def _month_end(self, instant):
        following = self._month_start(instant) + timedelta(days=32)
        return following.replace(day=1) - timedelta(days=1)

    # -- records ---------------------------------------------------------------

    def _currency(self, name):
        if not name:
            return self.company.currency_id
        currency = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", name)])
        )
        if not currency:
            raise UserError(
                self.env._("“%(currency)s” is not a currency.", currency=name)
            )
        if not currency.active:
            currency.sudo().active = (
                True  # a billing manager may bill in a new currency
            )
            self.created["res.currency"] = 1
        if currency != self.company.currency_id and not currency.rate_ids:
            self.notes.append(
                self.env._(
                    "No exchange rate is known for %(currency)s: the ledger converts "
                    "it at 1.0 until you enter one.",
                    currency=name,
                )
            )
        return currency

    def _meters(self, rules):
        """Meters by code, the missing ones made."""
        Meter = self.env["usage.meter"]
        domain = [
            ("company_id", "=", self.company.id),
            ("code", "in", [rule.code for rule in rules]),
        ]
        known = {meter.code: meter for meter in Meter.search(domain)}
        missing = [rule for rule in rules if rule.code not in known]
        created = self._create("usage.meter", [self._meter_vals(r) for r in missing])
        known.update((meter.code, meter) for meter in created)
        return known

    def _meter_vals(self, rule):
        return {
            "name": rule.name,
            "code": rule.code,
            "company_id": self.company.id,
            "event_type": rule.event_type,
            "aggregation": rule.aggregation,
            "value_source": rule.value_source,
            "value_property": rule.value_property or False,
            "dimension_keys": ",".join(rule.dimension_keys) or False,
            "unit_label": rule.unit or False,
            "unit_code": rule.unit_code,
        }

    def _plan(self, currency, rules, meters):
        """The plan by code, with an approved version that prices every meter."""
        # a plan has one currency: the same costs in another one are another plan
        codes = [self.rule.plan_code, f"{self.rule.plan_code}-{currency.name}"]
        plans = self.env["usage.plan"].search(
            [("company_id", "=", self.company.id), ("code", "in", codes)]
        )
        plan = plans.filtered(lambda plan: plan.currency_id == currency)[:1]
        code = codes[1] if codes[0] in plans.mapped("code") else codes[0]
        if not plan:
            plan = self._create(
                "usage.plan",
                [
                    {
                        "name": self.rule.plan_name,
                        "code": code,
                        "company_id": self.company.id,
                        "currency_id": currency.id,
                    }
                ],
            )
        version = plan._get_version_at(date.max)
        priced = version.charge_ids.meter_id
        missing = [rule for rule in rules if meters[rule.code] not in priced]
        if missing:
            self._version(plan, version, missing, meters)
        return plan

    def _version(self, plan, before, rules, meters):
        """Approve a version with the charges there were and those that were missing."""
        product = self._product(plan, before)
        charges = [
            Command.create(vals)
            for charge in before.charge_ids
            for vals in charge.copy_data({"version_id": False})
        ]
        charges += [
            Command.create(self._charge_vals(rule, meters[rule.code], product, number))
            for number, rule in enumerate(rules, len(charges) + 1)
        ]
        valid_from = (
            before.valid_from + timedelta(days=1) if before else FIRST_VERSION_DATE
        )
        version = self._create(
            "usage.plan.version",
            [
                {
                    "plan_id": plan.id,
                    "valid_from": valid_from,
                    "note": self.env._("Charges for what a file brought."),
                    "charge_ids": charges,
                }
            ],
        )
        version.action_approve()

    def _product(self, plan, before):
        product = before.charge_ids.product_id[:1]
        return product or self._create(
            "product.product",
            [
                {
                    "name": plan.name,
                    "type": "service",
                    "list_price": 0,
                    "default_code": plan.code,
                    "sale_ok": True,
                    "purchase_ok": False,
                    "company_id": self.company.id,
                }
            ],
        )

    def _charge_vals(self, rule, meter, product, number):
        is_passed = self.rule.prices == "pass_through"
        return {
            "name": rule.name,
            "key": rule.code,
            "sequence": number * 10,
            "product_id": product.id,
            "model": "pass_through" if is_passed else "per_unit",
            "meter_id": meter.id,
            "unit_price": None if is_passed else rule.unit_price,
            "unit_label": rule.unit or False,
        }

    def _partners(self):
        """Customers by key (their reference), the missing ones made."""
        Partner = self.env["res.partner"]
        keys = list(self.found.customers)
        domain = [
            ("ref", "in", keys),
            ("company_id", "in", [False, self.company.id]),
            ("parent_id", "=", False),
        ]
        known = {
            partner.ref: partner for partner in Partner.search(domain, order="id desc")
        }
        country = (
            self.env["res.country"].search([("code", "=", self.rule.country)])
            if self.rule.country
            else self.company.country_id
        )
        missing = [key for key in keys if key not in known]
        created = self._create(
            "res.partner",
            [
                {
                    "name": self.found.customers[key].name,
                    "ref": key,
                    "is_company": True,
                    "customer_rank": 1,
                    "company_id": self.company.id,
                    "country_id": country.id,
                }
                for key in missing
            ],
        )
        known.update(zip(missing, created, strict=True))
        return known

    def _subscriptions(self, plan, partners):
        """Subscription of each customer on the plan, by customer key."""
        Subscription = self.env["usage.subscription"]
        domain = [
            ("company_id", "=", self.company.id),
            ("plan_id", "=", plan.id),
            ("partner_id", "in", [partner.id for partner in partners.values()]),
            ("state", "!=", "closed"),
        ]
        by_partner = {sub.partner_id: sub for sub in Subscription.search(domain)}
        missing = [
            key for key, partner in partners.items() if partner not in by_partner
        ]
        created = self._create(
            "usage.subscription",
            [
                {
                    "partner_id": partners[key].id,
                    "plan_id": plan.id,
                    "company_id": self.company.id,
                    "date_start": self._month_start(self.found.customers[key].first),
                    "period_unit": "month",
                    "calendar_aligned": True,
                    "anchor_day": 1,
                    "tz": self.rule.time_zone,
                }
                for key in missing
            ],
        )
        known = {key: by_partner.get(partner) for key, partner in partners.items()}
        known.update(zip(missing, created, strict=True))
        subscriptions = Subscription.concat(*known.values())
        subscriptions.filtered(lambda sub: sub.state == "draft").action_activate()
        return known

    def _subjects(self, source, subscriptions):
        """Dated mapping of each subject of the file that nobody owns yet."""
        Subject = self.env["usage.subject"]
        wanted = {
            subject: subscriptions[key]
            for key, customer in self.found.customers.items()
            for subject in customer.subjects
        }
        domain = [
            ("company_id", "=", self.company.id),
            ("subject", "in", list(wanted)),
            ("source_id", "in", [False, source.id]),
        ]
        known = set(Subject.search(domain).mapped("subject"))
        self._create(
            "usage.subject",
            [
                {
                    "subject": subject,
                    "company_id": self.company.id,
                    "subscription_id": subscription.id,
                    "source_id": source.id,
                    "valid_from": midnight(subscription.date_start, subscription.tz),
                }
                for subject, subscription in wanted.items()
                if subject not in known
            ],
        )
