from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from odoo import models

from ..annex import usage_csv
from .usage_explorer import ZERO


class UsageExplorer(models.AbstractModel):
    """The usage behind an invoice, and the files a customer takes away."""

    _inherit = "usage.explorer"

    # ------------------------------------------------------------------
    # invoices
    # ------------------------------------------------------------------
    def _prepare_invoice_usage(self, move):
        """The usage behind a posted invoice, by subscription and period.

        :return: groups with ``period``, ``subscription`` and ``lines``
        """
        groups = []
        by_period = move.usage_rated_line_ids.grouped("period_id")
        for period in sorted(
            by_period, key=lambda item: (item.subscription_id.code, item.start_at)
        ):
            lines = self._merge_rated_lines(by_period[period])
            groups.append(
                {
                    "subscription": period.subscription_id.name,
                    "period": self._prepare_period(period),
                    "lines": [
                        self._prepare_line(line, move.currency_id) for line in lines
                    ],
                    "total_text": self._format_money(
                        self._sum(lines), move.currency_id
                    ),
                }
            )
        return groups

    def _prepare_invoice_line_page(self, rated_line):
        """The days behind one rated line of an invoice, from what was invoiced."""
        period, currency = rated_line.period_id, rated_line.currency_id
        siblings = rated_line.move_id.usage_rated_line_ids.filtered(
            lambda line: (
                line.period_id == period
                and line.charge_id == rated_line.charge_id
                and line.dimension_key == rated_line.dimension_key
            )
        )
        [line] = self._merge_rated_lines(siblings)
        cuts = self._split_by_day(period, [line], currency.decimal_places)
        by_day = defaultdict(list)
        for cut in cuts:
            by_day[cut.day].append(cut)
        is_maximum = rated_line.meter_id.aggregation == "max"
        days = []
        for day in sorted(by_day, key=lambda day: day or date.min):
            quantities = [cut.quantity or ZERO for cut in by_day[day]]
            quantity = max(quantities) if is_maximum else sum(quantities, ZERO)
            days.append(
                {
                    "day": day.isoformat() if day else "",
                    "label": self._format_day(day) if day else "",
                    "quantity": quantity,
                    "quantity_text": self._format_quantity(quantity)
                    if rated_line.meter_id
                    else "",
                    "amount_text": self._format_money(
                        sum((cut.amount for cut in by_day[day]), ZERO), currency
                    ),
                }
            )
        return {
            "subscription": period.subscription_id.name,
            "period": self._prepare_period(period),
            "line": self._prepare_line(line, currency),
            "components": self._prepare_steps(rated_line)
            + [
                self._prepare_component(component, currency)
                for component in siblings.component_ids
            ],
            "sentence": rated_line.explanation_text,
            "rounding_text": self._prepare_rounding(siblings, currency),
            "days": days,
            "chart": {
                "labels": [row["day"][-2:].lstrip("0") for row in days if row["day"]],
                "titles": [row["label"] for row in days if row["day"]],
                "series": [
                    {
                        "name": line.name,
                        "values": [str(row["quantity"]) for row in days if row["day"]],
                        "texts": [row["quantity_text"] for row in days if row["day"]],
                    }
                ],
                "unit": line.unit,
                "title": self._get_chart_title(line.name, period),
            },
        }

    def _prepare_steps(self, rated_line):
        """What was done to the quantity before it was priced, from the evidence.

        The quantities add up to what the components price.
        """
        rows = []
        for step in (rated_line.evidence or {}).get("steps", []):
            if step["step"] not in ("convert", "included"):
                continue
            before = Decimal(step.get("before") or step.get("metered"))
            after = Decimal(step["quantity"])
            if not rows:
                rows.append((self.env._("Measured"), before))
            if step["step"] == "convert":
                rows.append((self.env._("Converted"), after))
            else:
                rows.append((self.env._("Included, free of charge"), after - before))
        return [
            {
                "name": name,
                "quantity_text": self._format_quantity(quantity),
                "price_text": "",
                "amount_text": "",
            }
            for name, quantity in rows
        ]

    def _prepare_rounding(self, rated_lines, currency):
        """What rounding did to the amount, empty where nothing."""
        parts = rated_lines.component_ids
        exact = sum(parts.mapped("exact_amount"), ZERO)
        rounding = sum(rated_lines.mapped("amount"), ZERO) - exact
        if not rounding:
            return ""
        return f"{self._format_quantity(rounding)} {currency.name}"

    def _prepare_component(self, component, currency):
        """One step of the price, in words and figures."""
        return {
            "name": component.name or "",
            "quantity_text": self._format_quantity(component.quantity),
            "price_text": self._format_quantity(component.unit_price),
            "amount_text": self._format_money(component.amount, currency),
        }

    def _get_chart_title(self, name, period):
        return self.env._(
            "%(what)s by day, %(period)s. The table below holds the same numbers.",
            what=name,
            period=self._prepare_period(period)["label"],
        )

    # ------------------------------------------------------------------
    # files
    # ------------------------------------------------------------------
    def _prepare_period_file(self, period, amounts=True):
        """Usage of one subscription and period as CSV: ``(file name, bytes)``."""
        lines = self._get_period_lines(period, amounts)
        content = self._write_file([(period, lines)], amounts)
        code = period.subscription_id.code
        return usage_csv.file_name(code, period.local_start), content

    def _prepare_invoice_file(self, move):
        """Usage behind an invoice as CSV; the amounts add up to its usage lines."""
        grouped = move.usage_rated_line_ids.grouped("period_id")
        parts = [
            (period, self._merge_rated_lines(rated))
            for period, rated in sorted(
                grouped.items(),
                key=lambda item: (item[0].subscription_id.code, item[0].start_at),
            )
        ]
        first = min((period.local_start for period in grouped), default=None)
        name = usage_csv.file_name(move.name, first or move.invoice_date)
        return name, self._write_file(parts, amounts=True)

    def _write_file(self, parts, amounts):
        columns = [
            self.env._("Subscription"),
            self.env._("Period from"),
            self.env._("Period to"),
            self.env._("Time zone"),
            self.env._("Charge"),
            self.env._("Meter"),
            self.env._("Details"),
            self.env._("Day"),
            self.env._("Quantity"),
            self.env._("Unit"),
        ]
        if amounts:
            columns += [self.env._("Amount before tax"), self.env._("Currency")]
        rows = []
        for period, lines in parts:
            rows += self._get_file_rows(period, lines, amounts)
        return usage_csv.write(columns, rows, self._get_decimal_sign())

    def _get_file_rows(self, period, lines, amounts):
        subscription = period.subscription_id
        currency = subscription.currency_id
        meters = self.env["usage.meter"].browse(
            {line.meter_id for line in lines} - {False}
        )
        names = {meter.id: meter.name for meter in meters}
        for cut in self._split_by_day(period, lines, currency.decimal_places):
            row = [
                subscription.code,
                period.local_start,
                period.local_end - timedelta(days=1),
                period.tz,
                cut.line.name,
                names.get(cut.line.meter_id, ""),
                self._format_dimensions(cut.dimensions),
                cut.day,
                cut.quantity,
                cut.line.unit,
            ]
            yield row + [cut.amount, currency.name] if amounts else row
