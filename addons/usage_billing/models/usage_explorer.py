from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain

import pytz

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_amount, format_date
from odoo.tools.misc import get_lang

from .. import bridge, rater
from ..annex import usage_csv
from ..rating import rounding

ZERO = Decimal(0)
PERIODS_SHOWN = 24
EVENTS_PER_PAGE = 80
RESOLUTION = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1)
LAST_ID = 2**62


@dataclass(frozen=True, slots=True)
class ExplorerLine:
    """One charge of one period as a customer may see it.

    source: ``usage.rated.line`` ids behind it, empty while the period runs
    quantity: units measured, exact; None for a fee that counts nothing
    amount: currency units, rounded; None where the reader may not see prices
    dimensions: the set the line is for, empty when it is not split
    """

    charge_id: int
    name: str
    meter_id: int
    quantity: Decimal | None
    unit: str
    amount: Decimal | None
    dimensions: dict = field(default_factory=dict)
    source: tuple = ()


@dataclass(frozen=True, slots=True)
class ExplorerDay:
    """What one line counted on one local day; ``amount`` is the day's part of it."""

    line: ExplorerLine
    day: date | None
    dimensions: dict
    quantity: Decimal | None
    amount: Decimal | None


class UsageExplorer(models.AbstractModel):
    """What a customer may read about the own usage, as plain values.

    Every method is private: controllers call them after they have decided who is
    asking. The subscriptions, periods and invoices they pass are sudo records; what
    comes back are dicts and lists of texts and numbers, field by field, so that no
    template ever holds a record it could read more from.
    """

    _name = "usage.explorer"
    _description = "Usage Explorer"

    # ------------------------------------------------------------------
    # who sees what
    # ------------------------------------------------------------------
    @api.model
    def _get_own_domain(self, partner):
        """Subscriptions a contact may see: its company is the customer or the payer."""
        commercial = partner.sudo().commercial_partner_id  # the visitor's own
        return Domain("state", "!=", "draft") & (
            Domain("partner_id.commercial_partner_id", "=", commercial.id)
            | Domain("payer_id.commercial_partner_id", "=", commercial.id)
        )

    @api.model
    def _can_see_amounts(self, user, subscription):
        """Prices are the payer's business, and not that of a user for usage only.

        Where a reseller pays, the end customer must not learn what the reseller pays.
        """
        payer = subscription.payer_id.commercial_partner_id
        return (
            not self._is_usage_only(user)
            and payer == user.partner_id.commercial_partner_id
        )

    @api.model
    def _is_usage_only(self, user):
        return user.has_group(
            "usage_billing.group_usage_billing_portal_usage"
        ) and not user.has_group("usage_billing.group_usage_billing_portal_invoices")

    # ------------------------------------------------------------------
    # periods
    # ------------------------------------------------------------------
    def _get_periods(self, subscription, period_id=None):
        """Periods that have begun, newest first; just one when its id is given."""
        domain = Domain("subscription_id", "in", subscription.ids) & Domain(
            "start_at", "<=", fields.Datetime.now()
        )
        if period_id is not None:
            domain &= Domain("id", "=", period_id)
        return self.env["usage.period"].search(
            domain, order="start_at desc", limit=PERIODS_SHOWN
        )

    def _prepare_period(self, period):
        """Texts of a period: ``label`` names the local days and the time zone."""
        last = period.local_end - timedelta(days=1)
        return {
            "id": period.id,
            "label": self.env._(
                "%(start)s to %(end)s (%(zone)s)",
                start=format_date(self.env, period.local_start),
                end=format_date(self.env, last),
                zone=period.tz,
            ),
            "zone": period.tz,
            "is_billed": period.state == "billed",
            "is_running": period.end_at > fields.Datetime.now(),
        }

    def _get_local_days(self, period):
        """Local days of the period that have begun, oldest first."""
        zone = pytz.timezone(period.tz)
        today = pytz.utc.localize(fields.Datetime.now()).astimezone(zone).date()
        stop = min(period.local_end, today + timedelta(days=1))
        return [
            period.local_start + timedelta(days=number)
            for number in range((stop - period.local_start).days)
        ]

    # ------------------------------------------------------------------
    # figures
    # ------------------------------------------------------------------
    def _get_period_lines(self, period, amounts=True):
        """Charges of one period; see ``_get_lines``."""
        return self._get_lines(period, amounts)[period]

    def _get_lines(self, periods, amounts=True):
        """Charges of periods: what was invoiced, or what they come to so far.

        A few queries however many periods.

        :param bool amounts: whether the reader may see prices
        :rtype: dict[usage.period, list[ExplorerLine]]
        """
        billed = periods.filtered(lambda period: period.state == "billed")
        rated = self.env["usage.rated.line"].search(
            [("period_id", "in", billed.ids), ("state", "=", "posted")]
        )
        by_period = rated.grouped("period_id")
        lines = {
            period: self._merge_rated_lines(
                by_period.get(period, rated.browse()), amounts
            )
            for period in billed
        }
        lines.update(self._get_running_lines(periods - billed, amounts))
        return lines

    def _merge_rated_lines(self, rated_lines, amounts=True):
        """One line per charge and dimension set, all revisions together."""
        merged = []
        grouped = rated_lines.sorted(
            lambda line: (line.charge_id.sequence, line.charge_id.id, line.revision)
        ).grouped(lambda line: (line.period_id, line.charge_id, line.dimension_key))
        for lines in grouped.values():
            last = lines[-1]
            merged.append(
                ExplorerLine(
                    charge_id=last.charge_id.id,
                    name=last.charge_id.name,
                    meter_id=last.meter_id.id,
                    quantity=last.quantity if last.meter_id else None,
                    unit=last.charge_id.unit_label or last.unit_label or "",
                    amount=sum((line.amount for line in lines), ZERO)
                    if amounts
                    else None,
                    dimensions=last.dimensions or {},
                    source=tuple(lines.ids),
                )
            )
        return merged

    def _get_running_lines(self, periods, amounts=True):
        """What periods come to so far, rated by the same function as an invoice.

        :rtype: dict[usage.period, list[ExplorerLine]]
        """
        now = fields.Datetime.now()
        dues = []
        for period in periods:
            version = period.subscription_id._get_version_at(period.local_start)
            reason = rater.CLOSE if period.end_at <= now else rater.OPEN
            if version:
                dues.append(rater.Due(period, reason, version))
        outcome = rater.rate_periods(self.env, dues, keep_zero=True)
        lines = {period: [] for period in periods}
        for rated in chain.from_iterable(outcome.rated.values()):
            lines[rated.period].append(self._prepare_running_line(rated, amounts))
        return lines

    def _prepare_running_line(self, rated, amounts):
        charge, line = rated.charge, rated.line
        return ExplorerLine(
            charge_id=charge.id,
            name=charge.name,
            meter_id=charge.meter_id.id,
            quantity=line.metered_quantity if charge.meter_id else None,
            unit=charge.unit_label or "",
            # what was billed in advance is part of what the period costs
            amount=line.amount + (line.billed_amount or ZERO) if amounts else None,
            dimensions=dict(rated.dimensions or {}),
        )

    def _split_by_day(self, period, lines, decimals):
        """Cut the lines into local days.

        The amount of a line is spread over its days in proportion to the quantity, by
        largest remainder, so that the days add up to the line to the cent. A line
        without usage, such as a fee, is one row without a day.

        :rtype: list[ExplorerDay]
        """
        meters = self.env["usage.meter"].browse({line.meter_id for line in lines} - {0})
        counted = defaultdict(list)
        for row in self._store(period).daily(period, meters) if meters else ():
            counted[row.meter_id].append(row)
        days = []
        for line in lines:
            rows = [
                row
                for row in counted.get(line.meter_id, ())
                if line.dimensions.items() <= dict(row.dimensions).items()
            ]
            days += self._spread_line(line, rows, decimals)
        return days

    def _spread_line(self, line, rows, decimals):
        if not any(row.quantity > 0 for row in rows):
            return [
                ExplorerDay(line, None, line.dimensions, line.quantity, line.amount)
            ]
        rows = sorted(rows, key=lambda row: (row.day, sorted(row.dimensions.items())))
        amounts = [None] * len(rows)
        if line.amount is not None:
            weights = [max(row.quantity, ZERO) for row in rows]
            amounts = rounding.apportion(line.amount, weights, decimals)
        return [
            ExplorerDay(line, row.day, dict(row.dimensions), row.quantity, amount)
            for row, amount in zip(rows, amounts, strict=True)
        ]

    def _store(self, record):
        return self.env["usage.batch"].with_company(record.company_id)._store()

    # ------------------------------------------------------------------
    # pages
    # ------------------------------------------------------------------
    def _prepare_overview(self, subscriptions, user):
        """Rows of the list of subscriptions, with what each comes to so far."""
        periods = {
            subscription: subscription.current_period_id
            or self._get_periods(subscription)[:1]
            for subscription in subscriptions
        }
        priced = [
            period
            for subscription, period in periods.items()
            if period and self._can_see_amounts(user, subscription)
        ]
        lines = self._get_lines(self.env["usage.period"].concat(*priced))
        return [
            self._prepare_overview_row(subscription, period, lines.get(period))
            for subscription, period in periods.items()
        ]

    def _prepare_overview_row(self, subscription, period, lines):
        """One subscription; ``lines`` None where the reader may not see prices."""
        currency = subscription.currency_id
        amount = None if lines is None else self._sum(lines)
        return {
            "id": subscription.id,
            "name": subscription.name,
            "code": subscription.code,
            "plan": subscription.plan_id.name,
            "customer": subscription.partner_id.name,
            "is_closed": subscription.state == "closed",
            "period": self._prepare_period(period) if period else None,
            "amount": amount,
            "currency_id": currency.id,
            "amount_text": self._format_money(amount, currency),
        }

    def _prepare_month_text(self, rows):
        """Amount so far of a list of rows, one text per currency, for the home page."""
        totals = defaultdict(Decimal)
        for row in rows:
            if row["amount"] is not None:
                totals[row["currency_id"]] += row["amount"]
        return " + ".join(
            self._format_money(total, self.env["res.currency"].browse(currency_id))
            for currency_id, total in totals.items()
        )

    def _prepare_page(self, subscription, period, amounts, view=None):
        """Everything the usage page of one period shows, as texts and numbers.

        :param view: "amount" or the code of a meter; anything else falls back
        """
        lines = self._get_period_lines(period, amounts)
        views = self._prepare_views(lines, amounts)
        chosen = next((item for item in views if item["key"] == view), None)
        chosen = chosen or next(iter(views), None)
        currency = subscription.currency_id
        return {
            "subscription": {
                "id": subscription.id,
                "name": subscription.name,
                "code": subscription.code,
                "plan": subscription.plan_id.name,
                "customer": subscription.partner_id.name,
            },
            "period": self._prepare_period(period),
            "periods": [
                self._prepare_period(item) for item in self._get_periods(subscription)
            ],
            "amounts": amounts,
            "lines": [self._prepare_line(line, currency) for line in lines],
            "total_text": self._format_money(self._sum(lines), currency)
            if amounts
            else "",
            "views": views,
            "view": chosen,
            "table": self._prepare_table(period, lines, chosen, currency)
            if chosen
            else None,
        }

    def _prepare_views(self, lines, amounts):
        """What the chart can show: the amount of all meters, or one meter."""
        meters = self.env["usage.meter"].browse(
            dict.fromkeys(line.meter_id for line in lines if line.meter_id)
        )
        views = [
            {
                "key": meter.code,
                "meter_id": meter.id,
                "name": meter.name,
                "unit": meter.unit_label or "",
            }
            for meter in meters
        ]
        if amounts and views:
            views.insert(
                0,
                {
                    "key": "amount",
                    "meter_id": False,
                    "name": self.env._("Amount, all meters"),
                    "unit": "",
                },
            )
        return views

    def _prepare_line(self, line, currency):
        return {
            "name": line.name,
            "dimensions": self._format_dimensions(line.dimensions),
            "quantity_text": self._format_quantity(line.quantity),
            "unit": line.unit,
            "amount_text": self._format_money(line.amount, currency),
            "meter_id": line.meter_id,
            "source": list(line.source),
        }

    def _prepare_table(self, period, lines, view, currency):
        """The day table and the chart, from the same numbers.

        :return: ``columns`` (series names), ``rows`` (one per local day: ``day``
            ISO, ``label``, ``cells`` as texts, ``total``), ``footer``, ``chart``
        """
        if view["key"] == "amount":
            series, totals = self._get_amount_series(period, lines, currency)
        else:
            series, totals = self._get_meter_series(period, view, lines)
        money = currency if view["key"] == "amount" else None
        days = self._get_local_days(period)
        rows = []
        for day in days:
            values = [values.get(day, ZERO) for values in series.values()]
            rows.append(
                {
                    "day": day.isoformat(),
                    "label": self._format_day(day),
                    "cells": [self._format_value(value, money) for value in values],
                    "total": self._format_value(sum(values, ZERO), money),
                    "is_empty": not any(values),
                }
            )
        return {
            "columns": list(series),
            "rows": rows,
            "footer": [self._format_value(totals.get(name), money) for name in series],
            "footer_total": self._format_value(totals.get(None), money),
            "is_additive": totals.get(None) is not None,
            "chart": {
                "labels": [str(day.day) for day in days],
                "titles": [row["label"] for row in rows],
                "series": [
                    {
                        "name": name,
                        "values": [str(values.get(day, ZERO)) for day in days],
                        "texts": [row["cells"][number] for row in rows],
                    }
                    for number, (name, values) in enumerate(series.items())
                ],
                "unit": currency.symbol if money else view["unit"],
                "title": self._get_chart_title(view["name"], period),
            },
        }

    def _get_amount_series(self, period, lines, currency):
        """Amount by charge and local day, and the totals the days add up to."""
        series, totals = {}, {None: ZERO}
        for cut in self._split_by_day(period, lines, currency.decimal_places):
            if cut.day is None:
                continue
            values = series.setdefault(cut.line.name, defaultdict(Decimal))
            values[cut.day] += cut.amount
            totals[cut.line.name] = totals.get(cut.line.name, ZERO) + cut.amount
            totals[None] += cut.amount
        return series, totals

    def _get_meter_series(self, period, view, lines):
        """Quantity of one meter by local day, one series per dimension set."""
        meter = self.env["usage.meter"].browse(view["meter_id"])
        store = self._store(period)
        series = {}
        for row in store.daily(period, meter):
            name = self._format_dimensions(row.dimensions) or view["name"]
            values = series.setdefault(name, {})
            values[row.day] = values.get(row.day, ZERO) + row.quantity
        totals = {}
        for row in store.aggregate(period, meter):
            name = self._format_dimensions(row.dimensions) or view["name"]
            totals[name] = totals.get(name, ZERO) + row.quantity
        if meter.aggregation in ("sum", "count"):
            totals[None] = sum(totals.values(), ZERO)
        return dict(sorted(series.items())), totals

    def _prepare_events(self, period, meter, day=None, after=None, dimensions=None):
        """One page of the events behind a day, oldest first.

        :param day: local day, None for the whole period
        :param after: ``next`` of the page before
        :param dimensions: only the events of this set
        :return: ``events`` as dicts of texts, ``next`` or None
        """
        start, end = period.start_at, period.end_at
        if day is not None:
            start = max(start, bridge.midnight(day, period.tz))
            end = min(end, bridge.midnight(day + timedelta(days=1), period.tz))
        # the page begins after the last instant before the day, whatever the id
        cursor = self._read_cursor(after) or (start - RESOLUTION, LAST_ID)
        page = [
            event
            for event in self._store(period).explain(
                period,
                meter,
                dimensions=dimensions or None,
                limit=EVENTS_PER_PAGE + 1,
                after=cursor,
            )
            if event.time < end
        ]
        zone = pytz.timezone(period.tz)
        shown = page[:EVENTS_PER_PAGE]
        return {
            "events": [self._prepare_event(event, zone) for event in shown],
            "next": self._write_cursor(shown[-1].cursor)
            if len(page) > EVENTS_PER_PAGE
            else None,
        }

    def _write_cursor(self, cursor):
        at, event_id = cursor
        return f"{(at - EPOCH) // RESOLUTION}.{event_id}"

    def _read_cursor(self, text):
        """Cursor of a page; None for none or one that nobody here wrote."""
        at, _sign, event_id = (text or "").partition(".")
        try:
            return EPOCH + int(at) * RESOLUTION, int(event_id)
        except (ValueError, OverflowError):
            return None

    def _prepare_event(self, event, zone):
        at = pytz.utc.localize(event.time).astimezone(zone)
        return {
            "time": at.strftime("%Y-%m-%d %H:%M:%S"),
            "zone": at.tzname(),
            "id": event.event_id,
            "subject": event.subject,
            "value": self._format_quantity(event.value),
            "details": self._format_dimensions(
                {**event.dimensions, **event.properties}
            ),
        }

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
        meters = self.env["usage.meter"].browse({line.meter_id for line in lines} - {0})
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

    # ------------------------------------------------------------------
    # texts
    # ------------------------------------------------------------------
    def _sum(self, lines):
        return sum((line.amount for line in lines if line.amount is not None), ZERO)

    def _format_day(self, day):
        return format_date(self.env, day)

    def _format_money(self, amount, currency):
        if amount is None:
            return ""
        return format_amount(self.env, float(amount), currency)  # display only

    def _format_value(self, value, currency):
        if value is None:
            return ""
        if currency:
            return self._format_money(value, currency)
        return self._format_quantity(value)

    def _format_quantity(self, value):
        """Write a quantity in full, in the reader's language."""
        if value is None:
            return ""
        lang = self.env["res.lang"].browse(get_lang(self.env).id)
        whole, _sign, rest = usage_csv.number(value).partition(".")
        text = lang.format("%d", abs(int(whole)), grouping=True)
        if whole.startswith("-"):
            text = f"-{text}"
        return f"{text}{lang.decimal_point}{rest}" if rest else text

    def _format_dimensions(self, dimensions):
        return ", ".join(
            f"{name}: {value}" for name, value in sorted(dimensions.items())
        )

    def _get_decimal_sign(self):
        return get_lang(self.env).decimal_point
