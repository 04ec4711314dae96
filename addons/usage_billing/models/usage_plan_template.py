import json

from odoo import Command, api, fields, models
from odoo.tools import file_open

#: language of the texts of a template file besides English
FRENCH = "fr_FR"

#: terms of a charge that are taken from the file as they are
NAMED = {"key", "name", "product", "meter", "tiers", "prices"}


class UsagePlanTemplate(models.Model):
    """A price plan of an industry, ready to install: products, meters, plan, charges.

    What is installed belongs to the company: the version is a draft, to be looked at,
    changed and approved. Installing twice opens what is there.
    """

    _name = "usage.plan.template"
    _description = "Usage Price Plan Template"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True, readonly=True)
    code = fields.Char(
        required=True, readonly=True, help="Name of the file with the definition."
    )
    description = fields.Text(translate=True, readonly=True)
    icon = fields.Char(readonly=True)
    sequence = fields.Integer(readonly=True)
    plan_id = fields.Many2one("usage.plan", compute="_compute_plan_id")

    _code_unique = models.Constraint("UNIQUE(code)", "A template is there once.")

    @api.depends_context("company")
    def _compute_plan_id(self):
        plans = self.env["usage.plan"].search(
            [
                ("company_id", "=", self.env.company.id),
                ("code", "in", self.mapped("code")),
            ]
        )
        by_code = {plan.code: plan for plan in plans}
        for template in self:
            template.plan_id = by_code.get(template.code)

    def action_install(self):
        """Install into the current company and open the plan."""
        self.ensure_one()
        plan = self.plan_id or self._install(self.env.company)
        return {
            "type": "ir.actions.act_window",
            "res_model": "usage.plan",
            "view_mode": "form",
            "res_id": plan.id,
        }

    def _install(self, company):
        """Make the records of the template; those that are there are used.

        :return: the plan
        :rtype: usage.plan
        """
        self.ensure_one()
        company_self = self.with_company(company).with_context(lang="en_US")
        facts = self._read()
        meters = {
            item["code"]: company_self._get_meter(company, item)
            for item in facts["meters"]
        }
        products = {
            item["code"]: company_self._get_product(company, item, meters)
            for item in facts["products"]
        }
        plan = company_self.env["usage.plan"].create(
            {
                "name": facts["name"]["en"],
                "code": self.code,
                "company_id": company.id,
                "currency_id": company.currency_id.id,
            }
        )
        version = company_self.env["usage.plan.version"].create(
            {
                "plan_id": plan.id,
                "valid_from": fields.Date.context_today(self).replace(day=1),
                "charge_ids": [
                    Command.create(self._prepare_charge(item, meters, products, place))
                    for place, item in enumerate(facts["charges"], 1)
                ],
            }
        )
        self._translate(plan, facts["name"])
        for charge, item in zip(version.charge_ids, facts["charges"], strict=True):
            self._translate(charge, item["name"])
            charge.unit_label = charge.meter_id.unit_label
            for price, one in zip(
                charge.price_ids, item.get("prices", ()), strict=True
            ):
                self._translate(price, one["name"])
            product = charge.product_id.product_tmpl_id
            if not product.usage_charge_id:
                product.usage_charge_id = charge
        return plan

    def _read(self):
        """Definition of the template, as written in its file."""
        path = f"usage_billing/data/plan_templates/{self.code}.json"
        with file_open(path, "rb") as file:
            return json.load(file)

    def _get_meter(self, company, item):
        Meter = self.env["usage.meter"]
        found = Meter.search(
            [("code", "=", item["code"]), ("company_id", "=", company.id)]
        )
        if found:
            return found
        vals = dict(item, name=item["name"]["en"], unit_label=item["unit_label"]["en"])
        meter = Meter.create(vals | {"company_id": company.id})
        self._translate(meter, item["name"])
        self._translate(meter, item["unit_label"], "unit_label")
        return meter

    def _get_product(self, company, item, meters):
        Product = self.env["product.product"]
        found = Product.search(
            [
                ("default_code", "=", item["code"]),
                ("company_id", "in", [company.id, False]),
            ],
            limit=1,
        )
        if found:
            return found
        product = Product.create(
            {
                "name": item["name"]["en"],
                "default_code": item["code"],
                "type": "service",
                "list_price": 0,
                "company_id": company.id,
                "usage_meter_id": meters[item["meter"]].id if "meter" in item else None,
            }
        )
        self._translate(product, item["name"])
        return product

    def _prepare_charge(self, item, meters, products, number):
        """Values of a charge of the file."""
        vals = {name: value for name, value in item.items() if name not in NAMED}
        return vals | {
            "sequence": 10 * number,
            "key": item["key"],
            "name": item["name"]["en"],
            "product_id": products[item["product"]].id,
            "meter_id": meters[item["meter"]].id if "meter" in item else False,
            "tier_ids": [
                Command.create(dict(tier, sequence=10 * place))
                for place, tier in enumerate(item.get("tiers", ()), 1)
            ],
            "price_ids": [
                Command.create(dict(price, name=price["name"]["en"]))
                for price in item.get("prices", ())
            ],
        }

    def _translate(self, record, texts, name="name"):
        """Write the French text where French is installed."""
        if self.env["res.lang"]._lang_get(FRENCH):
            record.with_context(lang=FRENCH)[name] = texts["fr"]


class ProductTemplate(models.Model):
    """A metered product: what counts it, and the charge it comes with."""

    _inherit = "product.template"

    usage_meter_id = fields.Many2one(
        "usage.meter",
        string="Meter",
        company_dependent=True,
        check_company=True,
        help="What counts the usage of this product.",
    )
    usage_charge_id = fields.Many2one(
        "usage.charge",
        string="Default Charge",
        company_dependent=True,
        check_company=True,
        help="A charge of this product on a plan begins with a copy of these terms.",
    )


class UsageCharge(models.Model):
    _inherit = "usage.charge"

    @api.onchange("product_id")
    def _onchange_product_id(self):
        """A new charge begins with the meter and the default terms of its product."""
        template = self.product_id.product_tmpl_id
        if not template or self._origin or self.meter_id:
            return
        default = template.usage_charge_id
        if default:
            vals = default.copy_data()[0]
            for name in ("version_id", "key", "product_id", "sequence"):
                vals.pop(name, None)
            self.update(vals)
        elif template.usage_meter_id:
            self.meter_id = template.usage_meter_id
