from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import messages, rater
from ..fields_exact import Exact


class UsageQuoteWizard(models.TransientModel):
    """Price a basket on the screen, by the function that bills; nothing is kept."""

    _name = "usage.quote.wizard"
    _description = "Usage Quote"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", help="For its exceptions and taxes."
    )
    subscription_id = fields.Many2one(
        "usage.subscription",
        domain="[('state', '=', 'active')]",
        help="Its dates, coupons, credits and free units kept from last month count.",
    )
    plan_id = fields.Many2one("usage.plan", help="Its fees count too.")
    date = fields.Date(
        string="Prices of", required=True, default=fields.Date.context_today
    )
    with_fees = fields.Boolean(
        string="Fees and Minimums",
        default=True,
        help="Off: only what the basket names, such as a ticket.",
    )
    line_ids = fields.One2many("usage.quote.wizard.line", "quote_id")
    result_html = fields.Html(compute="_compute_result_html", sanitize=False)

    @api.depends(
        "partner_id",
        "subscription_id",
        "plan_id",
        "date",
        "with_fees",
        "line_ids.charge_id",
        "line_ids.quantity",
        "line_ids.dimensions_text",
        "line_ids.product_id",
        "line_ids.price",
    )
    @api.depends_context("lang")
    def _compute_result_html(self):
        for wizard in self:
            quote, problem = wizard._get_quote()
            wizard.result_html = self.env["ir.qweb"]._render(
                "usage_billing.quote_result",
                {
                    "quote": quote,
                    "problem": problem,
                    "amount": lambda value, quote=quote: messages.amounts(
                        self.env, [(quote.currency, value)]
                    ),
                    "number": lambda value: messages.number(self.env, value),
                },
            )

    @api.onchange("subscription_id")
    def _onchange_subscription_id(self):
        if self.subscription_id:
            self.plan_id = self.subscription_id.plan_id
            self.partner_id = self.subscription_id.partner_id
            if not self.line_ids:
                self._onchange_plan_id()

    @api.onchange("plan_id")
    def _onchange_plan_id(self):
        """A line for each metered charge of the plan, ready for its quantity."""
        charges = self._get_version(self.plan_id).charge_ids.filtered("meter_id")
        if self.plan_id and not self.line_ids:
            self.line_ids = [(0, 0, {"charge_id": charge.id}) for charge in charges]

    def _get_version(self, plan):
        if not plan or not self.date:
            return self.env["usage.plan.version"]
        if self.subscription_id.plan_id == plan:
            return self.subscription_id._get_version_at(self.date)
        return plan._get_version_at(self.date) or plan.version_ids[:1]

    def _get_quote(self):
        """The quote of what is on the screen, or why there is none."""
        self.ensure_one()
        items, products = [], []
        for line in self.line_ids:
            if line.charge_id and line.quantity is not None:
                items.append((line.charge_id.version_id, line._get_item()))
            elif line.product_id:
                products.append((line.product_id, line.quantity or 1, line.price))
        version = self._get_version(self.plan_id)
        fees_of = version if self.with_fees else version.browse()
        if not items and not products and not fees_of:
            return None, None
        try:
            return (
                self.env["usage.quote"]._quote(
                    self.company_id,
                    items,
                    products,
                    day=self.date,
                    partner=self.partner_id._origin,
                    fees_of=fees_of._origin,
                    subscription=self.subscription_id._origin,
                ),
                None,
            )
        except (UserError, ValidationError) as error:
            return None, str(error)


class UsageQuoteWizardLine(models.TransientModel):
    """One item of the basket: usage of a charge, or a fixed item."""

    _name = "usage.quote.wizard.line"
    _description = "Usage Quote Line"
    _order = "id"

    quote_id = fields.Many2one(
        "usage.quote.wizard", required=True, index=True, ondelete="cascade"
    )
    charge_id = fields.Many2one(
        "usage.charge",
        string="Usage of",
        domain="[('version_state', 'not in', ['retired']), ('meter_id', '!=', False)]",
    )
    product_id = fields.Many2one(
        "product.product", string="or Fixed Item", domain="[('sale_ok', '=', True)]"
    )
    quantity = Exact()
    unit_label = fields.Char(related="charge_id.unit_label")
    dimensions_text = fields.Char(
        string="Dimensions", help="Such as: region = eu-1 ; operator = rail."
    )
    price = Exact(help="Of the fixed item; empty: its list price.")

    def _get_item(self):
        dimensions = {}
        for part in (self.dimensions_text or "").split(";"):
            key, equals, value = part.partition("=")
            if equals and key.strip():
                dimensions[key.strip()] = value.strip()
        quantity = self.quantity
        return rater.Item(
            self.charge_id.key,
            quantity,
            dimensions,
            values=(quantity,),
            amount=quantity,
        )
