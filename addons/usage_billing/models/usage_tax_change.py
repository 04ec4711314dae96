from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

from .. import bridge, messages
from ..rating.rounding import ZERO, allocate, exact_arithmetic

#: aggregations whose days add up to the period
ADDITIVE = ("sum", "count")


class UsageTaxChange(models.Model):
    """From a day on, one rate of tax takes the place of another.

    A period over such days has one line for each rate: what was used before the day
    under the old one, the rest under the new one. Whether the products carry the old
    or the new tax when the invoice is made does not matter: the day of the usage
    decides. Rates may follow each other, back to an earlier one too.
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
        "UNIQUE(company_id, from_tax_id, date)", "A tax is replaced once on a day."
    )
    _one_origin = models.Constraint(
        "UNIQUE(company_id, to_tax_id, date)",
        "On a day a tax takes the place of one other; give each new rate its own tax.",
    )

    @api.constrains("from_tax_id", "to_tax_id")
    def _check_two_taxes(self):
        for change in self:
            if change.from_tax_id == change.to_tax_id:
                raise ValidationError(
                    self.env._(
                        "%(tax)s cannot replace itself: choose the new tax.",
                        tax=change.from_tax_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.model
    def _of_company(self, company):
        """Every change of a company, the first one first; asked for each line.

        A branch follows those of the companies above it, whose taxes it may use.
        """
        changes = self.sudo()  # the rates of a company are no secret to its invoices
        return changes.browse(changes._ids_of_company(company.id))

    @ormcache("company_id")
    def _ids_of_company(self, company_id):
        domain = [("company_id", "parent_of", company_id)]
        return self.search(domain, order="date, id").ids

    def _taxes_on(self, taxes, day):
        """Taxes of a product as they are on a day.

        Back to the tax that stood before the first change, then on to the day, so
        that it does not matter which of them the product carries now.

        :param account.tax taxes: of the product now, before or after any change
        :param datetime.date day: of the usage
        """
        timeline = self.sorted(lambda change: (change.date, change.id))
        for change in reversed(timeline):
            if change.to_tax_id in taxes:
                taxes = taxes - change.to_tax_id | change.from_tax_id
        for change in timeline:
            if change.date <= day and change.from_tax_id in taxes:
                taxes = taxes - change.from_tax_id | change.to_tax_id
        return taxes

    def _spans(self, taxes, start, end):
        """Parts of a period, each with the taxes of its days.

        :param datetime.date start, end: of the period, end excluded
        :return: [(first day, day after the last, taxes)], at least one
        """
        days = sorted({change.date for change in self if start < change.date < end})
        found = []
        for first, after in pairwise([start, *days, end]):
            now = self._taxes_on(taxes, first)
            if found and found[-1][2] == now:
                first = found.pop()[0]
            found.append((first, after, now))
        return found


class UsageBillingRun(models.Model):
    """Invoice lines under the tax of the day of the usage."""

    _inherit = "usage.billing.run"

    def _prepare_component_lines(self, env, rated, component, sign):
        """One line, or one for each rate of the tax that the period saw."""
        vals_list = super()._prepare_component_lines(env, rated, component, sign)
        changes = self.env["usage.tax.change"]._of_company(self.company_id)
        if not changes or len(vals_list) != 1:
            return vals_list
        taxes = rated.charge_id.product_id.taxes_id
        taxes = taxes._filter_taxes_by_company(self.company_id)
        period = rated.period_id
        spans = changes._spans(taxes, period.local_start, period.local_end)
        if len(spans) == 1:
            now = spans[0][2]
            if now == taxes:
                return vals_list
            return [vals_list[0] | {"tax_ids": self._tax_command(rated, now)}]
        return self._split_line(env, vals_list[0], rated, component, sign, spans)

    def _tax_command(self, rated, taxes):
        """Taxes of a line, as the fiscal position of the payer maps them."""
        position = (
            self.env["account.fiscal.position"]
            .with_company(self.company_id)
            ._get_fiscal_position(rated.subscription_id.payer_id)
        )
        return [(6, 0, position.map_tax(taxes).ids)]

    def _split_line(self, env, vals, rated, component, sign, spans):
        """Values of a line for each span of the period, with the taxes of its days.

        A correction is the difference span by span, so that late usage of the first
        days has the tax of the first days.
        """
        decimals = rated.currency_id.decimal_places
        weights = self._get_weights(rated, spans)
        billed = self._get_billed_spans(rated, component, spans, weights)
        amounts = self._less(component.amount, billed[0], weights, decimals)
        exacts = self._less(component.exact_amount, billed[1], weights)
        quantities = [None] * len(spans)
        if component.quantity is not None:
            quantities = self._less(component.quantity, billed[2], weights)
        lines = []
        for number, (start, end, taxes) in enumerate(spans):
            if not amounts[number]:
                continue
            shown = bridge.present_part(
                quantities[number] if component.quantity not in (1, -1) else None,
                component.unit_price,
                amounts[number],
                decimals,
            )
            lines.append(
                self._prepare_move_line_vals(env, rated, component, sign, shown)
                | {
                    "tax_ids": self._tax_command(rated, taxes),
                    "usage_period_start": start,
                    "usage_period_end": end,
                    "usage_quantity": quantities[number],
                    "usage_exact_amount": exacts[number],
                }
            )
            lines[-1]["name"] = env._(
                "%(line)s (from %(start)s to %(end)s)",
                line=lines[-1]["name"],
                start=messages.day(env, start),
                end=messages.day(env, end - timedelta(days=1)),
            )
        return lines or [vals]

    def _get_billed_spans(self, rated, component, spans, weights):
        """What earlier revisions billed of a component in each span.

        A line that was not cut then (the change was entered later) is shared out like
        the usage; its tax is not touched again.

        :return: amounts, exact amounts and quantities, each parallel to the spans
        """
        found = [[ZERO] * len(spans) for _figure in range(3)]
        if not rated.revision:
            return found
        earlier = self.env["usage.rated.component"].sudo()  # what was billed counts
        earlier = earlier.search(
            [
                ("key", "=", component.key),
                ("rated_line_id.subscription_id", "=", rated.subscription_id.id),
                ("rated_line_id.charge_id", "=", rated.charge_id.id),
                ("rated_line_id.period_id", "=", rated.period_id.id),
                ("rated_line_id.dimension_key", "=", rated.dimension_key),
                ("rated_line_id.revision", "<", rated.revision),
                ("rated_line_id.state", "=", "posted"),
            ]
        )
        lines = self.env["account.move.line"].sudo()  # of the same subscription
        decimals = rated.currency_id.decimal_places
        places = {(start, end): place for place, (start, end, _t) in enumerate(spans)}
        for line in lines.search([("usage_component_id", "in", earlier.ids)]):
            if line.move_id != line.usage_rated_line_id.move_id:
                continue  # a credit note of the whole, which cancelled the rating
            sign = -1 if line.move_id.move_type == "out_refund" else 1
            figures = (
                (bridge.money(line.price_subtotal) * sign, decimals),
                (line.usage_exact_amount or ZERO, None),
                (line.usage_quantity or ZERO, None),
            )
            place = places.get((line.usage_period_start, line.usage_period_end))
            for sums, (figure, digits) in zip(found, figures, strict=True):
                parts = {place: figure}
                if place is None:
                    parts = dict(enumerate(self._cut(figure, weights, digits)))
                with exact_arithmetic():
                    for here, part in parts.items():
                        sums[here] += part
        return found

    def _less(self, figure, billed, weights, decimals=None):
        """Parts of what is billed and due together, less what was billed of each."""
        with exact_arithmetic():
            parts = self._cut(figure + sum(billed, ZERO), weights, decimals)
            return [part - one for part, one in zip(parts, billed, strict=True)]

    def _get_weights(self, rated, spans):
        """How much of the line falls into each span: usage by day, else days.

        :rtype: list[Decimal]
        """
        days = [Decimal((end - start).days) for start, end, _taxes in spans]
        meter = rated.charge_id.meter_id
        if meter.aggregation not in ADDITIVE:
            return days
        used = [ZERO for _span in spans]
        for row in self._get_store().daily(rated.period_id, meter):
            if rated.dimensions and dict(row.dimensions) != rated.dimensions:
                continue
            for number, (start, end, _taxes) in enumerate(spans):
                if start <= row.day < end:
                    used[number] += row.quantity
        return used if sum(used) > 0 and min(used) >= 0 else days

    def _cut(self, figure, weights, decimals=None):
        """Parts of a figure by weight that add up to it; the last has the rest.

        :param int decimals: of the currency, for an amount to the cent; None: exact
        """
        with exact_arithmetic():
            total = sum(weights, ZERO)
            parts = [
                (figure * weight / total).quantize(Decimal("1e-24"))
                for weight in weights[:-1]
            ]
            parts.append(figure - sum(parts, ZERO))
        return parts if decimals is None else allocate(figure, parts, decimals)
