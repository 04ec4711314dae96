from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

import pytz

from odoo import models

from .. import bridge, messages
from .usage_explorer import ZERO

EVENTS_PER_PAGE = 80
RESOLUTION = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1)
LAST_ID = 2**62


class UsageExplorer(models.AbstractModel):
    """Pages of the usage: subscriptions, one period by day, the events of a day."""

    _inherit = "usage.explorer"

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
            "unit": messages.unit(self.env, line.unit, line.quantity),
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
        self._store(period).have_events(period)
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
        names = self._get_customer_names(meter)
        shown = page[:EVENTS_PER_PAGE]
        return {
            "events": [self._prepare_event(event, zone, names) for event in shown],
            "next": self._write_cursor(shown[-1].cursor)
            if len(page) > EVENTS_PER_PAGE
            else None,
        }

    def _find_event(self, period, meter, place):
        """One event behind a quantity, by the place it has in its pages.

        :param str place: ``place`` of a prepared event
        :return: metering.StoredEvent, None when there is none
        """
        cursor = self._read_cursor(place)
        if cursor is None:
            return None
        at, event_id = cursor
        self._store(period).have_events(period)
        found = self._store(period).explain(
            period, meter, limit=1, after=(at, event_id - 1)
        )
        return next((event for event in found if event.cursor == cursor), None)

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

    def _get_customer_names(self, meter):
        """Names of the details a customer may read; all others stay inside.

        An event may hold what a supplier charges or how a customer is rated.
        """
        names = f"{meter.dimension_keys or ''},{meter.customer_keys or ''}"
        return {name.strip() for name in names.split(",")} - {""}

    def _prepare_event(self, event, zone, names):
        at = pytz.utc.localize(event.time).astimezone(zone)
        return {
            "time": at.strftime("%Y-%m-%d %H:%M:%S"),
            "zone": at.tzname(),
            "id": event.event_id,
            "place": self._write_cursor(event.cursor),
            "subject": event.subject,
            "value": self._format_quantity(event.value),
            "details": self._format_dimensions(
                {
                    name: value
                    for name, value in {**event.dimensions, **event.properties}.items()
                    if name in names
                }
            ),
        }
