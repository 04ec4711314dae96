from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import price_terms, price_words, rater
from ..fields_exact import Exact

#: tables of a charge whose terms the calculator depends on
TABLES = ("tier_ids", "price_ids")


def _terms(model):
    """Everything a price depends on: the calculator follows what is typed."""
    charge = model.env["usage.charge"]
    names = ["calculator_quantity", "name", "key", "version_id"]
    names += [field.name for field in price_terms.term_fields(charge)]
    for table in TABLES:
        rows = model.env[charge._fields[table].comodel_name]
        names += [
            f"{table}.{field.name}"
            for field in price_terms.term_fields(rows)
            if field.type != "one2many"
        ]
    return names


class UsageCharge(models.Model):
    """A calculator on the form: for a quantity, the amount and how it comes about.

    It works on what is written on the screen, saved or not, by the function that
    bills; nothing of it is stored.
    """

    _inherit = "usage.charge"

    calculator_quantity = Exact(
        string="For a Quantity of",
        store=False,
        help="What would this much cost in a closed period?",
    )
    calculator_html = fields.Html(
        string="It Costs", compute="_compute_calculator_html", sanitize=False
    )

    @api.depends(lambda self: _terms(self))
    @api.depends_context("lang")
    def _compute_calculator_html(self):
        for charge in self:
            rows, problem = charge._calculate(charge.calculator_quantity)
            charge.calculator_html = self.env["ir.qweb"]._render(
                "usage_billing.charge_calculator",
                {"rows": rows, "problem": problem},
            )

    def _calculate(self, quantity):
        """Rate a quantity under the charge as it is written.

        :param Decimal quantity: None for nothing typed yet
        :return: ([(sentence, figure)], why it cannot be rated or None)
        """
        self.ensure_one()
        is_counted = bool(self.meter_id)
        if not self.key or not self.model or (is_counted and quantity is None):
            return [], None
        version = self.version_id or self.env["usage.plan.version"].new({})
        if self.model == "commitment":
            return [], None
        basket = []
        if is_counted:
            basket.append(
                rater.Item(self.key, quantity, values=(quantity,), amount=quantity)
            )
        try:
            rated = rater.quote(version, basket, charges=self)
        except ValidationError as error:
            return [], str(error)
        rows = []
        for item in rated:
            rows += price_words.steps_of(self.env, self, item)
        return rows, None
