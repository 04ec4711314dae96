from datetime import timedelta
from decimal import Decimal

from odoo import fields, models

from .. import messages
from ..rating.rounding import ZERO, allocate, exact_arithmetic

#: aggregations whose days add up to the period
ADDITIVE = ("sum", "count")


class UsageTaxChange(models.Model):
    """From a day on, one rate of tax takes the place of another.

    A period over that day has two lines: what was used before it under the old rate,
    the rest under the new one. Whether the products carry the old or the new tax when
    the invoice is made does not matter: the day of the usage decides.
    """

    _name = "usage.tax.change"
    _description = "Usage Tax Change"
    _order = "date desc, id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    date = fields.Date(required=True, help="First day of the new rate.")
    from_tax_id = fields.Many2one(
        "account.tax",
        string="Old Tax",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        domain="[('type_tax_use', '=', 'sale')]",
    )
    to_tax_id = fields.Many2one(
        "account.tax",
        string="New Tax",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        domain="[('type_tax_use', '=', 'sale')]",
    )

    _once = models.Constraint(
        "UNIQUE(company_id, from_tax_id)", "A tax is replaced once."
    )

    def _taxes_on(self, taxes, day):
        """Taxes of a product as they are on a day.

        :param account.tax taxes: of the product now, before or after the change
        :param datetime.date day: of the usage
        """
        for change in self:
            if not taxes & (change.from_tax_id | change.to_tax_id):
                continue
            old = day < change.date
            gone = change.to_tax_id if old else change.from_tax_id
            here = change.from_tax_id if old else change.to_tax_id
            taxes = taxes - gone | here
        return taxes


class UsageBillingRun(models.Model):
    """Invoice lines under the tax of the day of the usage."""

    _inherit = "usage.billing.run"

    def _prepare_component_lines(self, env, rated, component, sign):
        """One line, or two where the rate of the tax changes inside the period."""
        vals_list = super()._prepare_component_lines(env, rated, component, sign)
        changes = self.env["usage.tax.change"].search(
            [("company_id", "=", self.company_id.id)], order="date"
        )
        taxes = rated.charge_id.product_id.taxes_id.filtered(
            lambda tax: tax.company_id == self.company_id
        )
        changes = changes.filtered(
            lambda change: change.from_tax_id in taxes or change.to_tax_id in taxes
        )
        if not changes or len(vals_list) != 1:
            return vals_list
        period = rated.period_id
        inside = changes.filtered(
            lambda change: period.local_start < change.date < period.local_end
        )[:1]
        spans = [(period.local_start, period.local_end)]
        if inside:
            spans = [
                (period.local_start, inside.date),
                (inside.date, period.local_end),
            ]
        if not inside and changes._taxes_on(taxes, period.local_start) == taxes:
            return vals_list
        return self._split_line(env, vals_list[0], rated, component, sign, spans)

    def _split_line(self, env, vals, rated, component, sign, spans):
        """Values of a line for each span of the period, with the taxes of its days."""
        taxes = rated.charge_id.product_id.taxes_id.filtered(
            lambda tax: tax.company_id == self.company_id
        )
        changes = self.env["usage.tax.change"].search(
            [("company_id", "=", self.company_id.id)], order="date"
        )
        position = (
            self.env["account.fiscal.position"]
            .with_company(self.company_id)
            ._get_fiscal_position(rated.subscription_id.payer_id)
        )
        if len(spans) == 1:
            now = changes._taxes_on(taxes, spans[0][0])
            return [vals | {"tax_ids": [(6, 0, position.map_tax(now).ids)]}]
        weights = self._get_weights(rated, spans)
        decimals = rated.currency_id.decimal_places
        amounts = self._cut(component.amount, weights, decimals)
        exacts = self._share_out(component.exact_amount, weights)
        quantities = self._share_out(component.quantity, weights)
        lines = []
        for number, (start, end) in enumerate(spans):
            if not amounts[number]:
                continue
            now = changes._taxes_on(taxes, start)
            lines.append(
                vals
                | {
                    "name": env._(
                        "%(line)s (from %(start)s to %(end)s)",
                        line=vals["name"],
                        start=messages.day(env, start),
                        end=messages.day(env, end - timedelta(days=1)),
                    ),
                    "quantity": float(sign),
                    "price_unit": float(amounts[number]),
                    "tax_ids": [(6, 0, position.map_tax(now).ids)],
                    "usage_period_start": start,
                    "usage_period_end": end,
                    "usage_quantity": quantities[number],
                    "usage_exact_amount": exacts[number],
                }
            )
        return lines or [vals]

    def _get_weights(self, rated, spans):
        """How much of the line falls into each span: usage by day, else days.

        :rtype: list[Decimal]
        """
        days = [Decimal((end - start).days) for start, end in spans]
        meter = rated.charge_id.meter_id
        if meter.aggregation not in ADDITIVE:
            return days
        used = [ZERO for _span in spans]
        for row in self._get_store().daily(rated.period_id, meter):
            if rated.dimensions and dict(row.dimensions) != rated.dimensions:
                continue
            for number, (start, end) in enumerate(spans):
                if start <= row.day < end:
                    used[number] += row.quantity
        return used if sum(used) > 0 and min(used) >= 0 else days

    def _cut(self, amount, weights, decimals):
        """Parts of an amount by weight that add up to it, to the cent."""
        return allocate(amount, self._share_out(amount, weights), decimals)

    def _share_out(self, value, weights):
        """Exact parts of a figure by weight; the last has the rest."""
        if value is None:
            return [None for _weight in weights]
        with exact_arithmetic():
            total = sum(weights, ZERO)
            parts = [
                (value * weight / total).quantize(Decimal("1e-24"))
                for weight in weights[:-1]
            ]
            return [*parts, value - sum(parts, ZERO)]
