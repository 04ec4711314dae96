from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .. import bridge, messages
from ..metering.usage import Clock

ZERO = Decimal(0)
BUCKETS = ("hour", "day", "month")
#: lines of the table and columns beside each other that a person still reads
ROWS_SHOWN = 800
COLUMNS_SHOWN = 8
#: subscriptions whose rated amounts are listed one by one
RATED_SHOWN = 100
#: what a report can be grouped by besides dimensions and properties
BY_SUBSCRIPTION = "@subscription"
BY_CUSTOMER = "@customer"
#: columns that stand for no value: of events without one, and of the smaller ones
MISSING, OTHERS = ("missing",), ("others",)
ADDITIVE = ("sum", "count")
#: events looked at to find out what they can be grouped by
LOOKED_AT = 400


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What a usage report shows.

    subscriptions: sudo records the reader may see
    start, end: local days of each subscription, end excluded
    group: name of a dimension or property, or BY_SUBSCRIPTION, BY_CUSTOMER, or ""
    """

    subscriptions: object
    meter: object
    start: date
    end: date
    bucket: str = "day"
    group: str = ""


@dataclass(slots=True)
class Cells:
    """Quantities of one report by bucket and column.

    A column is a value of the group, or the id of a record; what it is called is for
    those who show it.
    """

    by_bucket: dict = field(default_factory=dict)
    by_column: dict = field(default_factory=dict)


class UsageReport(models.AbstractModel):
    """Usage by hour, day or month, per machine, data centre or service.

    Quantities come from the event store bucket by bucket; at the foot stand the billing
    periods that lie inside, with what was rated of the same events. Every method but
    ``get_page`` and ``get_choices`` is private: the portal calls them after it decided
    who is asking.
    """

    _name = "usage.report"
    _description = "Usage Report"

    # ------------------------------------------------------------------
    # back office
    # ------------------------------------------------------------------
    @api.model
    def get_choices(self):
        """What the page of the back office can be asked for.

        :return: ``meters`` and where to begin: the running month, or the last month
            with usage
        """
        self._check_reader()
        meters = self.env["usage.meter"].search(
            [("company_id", "=", self.env.company.id)]
        )
        today = fields.Date.context_today(self)
        last = self.env["usage.batch"].search(
            [("company_id", "=", self.env.company.id), ("accepted_count", ">", 0)],
            limit=1,
        )
        first = today.replace(day=1)
        names = self._get_meter_names(meters)
        return {
            "meters": [
                {
                    "id": meter.id,
                    "name": names[meter.id],
                    "unit": meter.unit_label or "",
                }
                for meter in meters
            ],
            "start": first.isoformat(),
            "last_day": (
                (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            ).isoformat(),
            "is_empty": not last,
        }

    @api.model
    def get_page(self, options):
        """The report a user of the back office asked for, as texts and numbers.

        :param dict options: ``meter_id``, ``start`` and ``end`` (ISO days, end
            included), ``bucket``, ``group``, ``subscription_id``, ``partner_id``
        :return: see ``_prepare_report``
        """
        query = self._read_options(options)
        return self.sudo()._prepare_report(query)  # what was asked for was looked up

    def _check_reader(self):
        self.env["usage.event"].check_access("read")

    def _read_options(self, options):
        """The question of a user, looked up with the user's own rights.

        :raise UserError: it makes no sense
        """
        self._check_reader()
        meter = self.env["usage.meter"].search(
            [("id", "=", int(options.get("meter_id") or 0))]
        )
        if not meter:
            raise UserError(self.env._("Choose a meter."))
        domain = Domain("company_id", "=", meter.company_id.id) & Domain(
            "state", "!=", "draft"
        )
        if options.get("subscription_id"):
            domain &= Domain("id", "=", int(options["subscription_id"]))
        if options.get("partner_id"):
            domain &= Domain("partner_id", "child_of", int(options["partner_id"]))
        start = self._read_day(options.get("start"))
        end = self._read_day(options.get("end")) + timedelta(days=1)
        return self._check_query(
            ReportQuery(
                self.env["usage.subscription"].search(domain).sudo(),  # looked up
                meter.sudo(),
                start,
                end,
                options.get("bucket") or "day",
                options.get("group") or "",
            )
        )

    def _read_day(self, text):
        try:
            return date.fromisoformat(text or "")
        except ValueError as error:
            raise UserError(self.env._("Choose a first and a last day.")) from error

    def _check_query(self, query):
        if query.bucket not in BUCKETS:
            raise UserError(self.env._("Choose hours, days or months."))
        if query.start >= query.end:
            raise UserError(self.env._("The last day is before the first one."))
        return query

    # ------------------------------------------------------------------
    # the page
    # ------------------------------------------------------------------
    def _prepare_report(self, query, amounts=True):
        """Everything a page shows, as texts and numbers.

        :param bool amounts: whether the reader may see prices
        :return: ``columns``, ``rows`` (``label``, ``cells``, ``total``), ``footer``,
            ``chart``, ``rated``; ``is_cut`` when only the file holds all of it
        """
        explorer = self.env["usage.explorer"]
        cells = self._count(query)
        buckets = self._get_buckets(query, cells)
        call = self._get_names(query)
        columns = self._get_columns(query, cells, call)
        names = [call(column) for column in columns]
        is_additive = query.meter.aggregation in ADDITIVE
        labels = {bucket: self._format_bucket(query, bucket) for bucket in buckets}
        rows = []
        for bucket in buckets:
            values = [
                self._get_cell(query, cells, bucket, column) for column in columns
            ]
            known = [value for value in values if value is not None]
            rows.append(
                {
                    "label": labels[bucket],
                    "cells": [explorer._format_quantity(value) for value in values],
                    "total": explorer._format_quantity(sum(known, ZERO))
                    if is_additive
                    else "",
                }
            )
        footer = [self._get_footer(query, cells, column) for column in columns]
        total = sum((value for value in footer if value is not None), ZERO)
        unit = query.meter.unit_label or ""
        return {
            "meter": query.meter.name,
            "unit": unit,
            "bucket": query.bucket,
            "columns": names,
            "rows": rows,
            "footer": [explorer._format_quantity(value) for value in footer],
            "total": explorer._format_quantity(total) if is_additive else "",
            "is_additive": is_additive,
            "is_cut": len(cells.by_bucket) > len(buckets),
            "is_empty": not cells.by_bucket,
            "zone": ", ".join(sorted(set(query.subscriptions.mapped("tz")))[:3]),
            "groups": self._get_groups(query),
            "rated": self._prepare_rated(query, cells, amounts),
            "chart": {
                "labels": [self._format_tick(query, bucket) for bucket in buckets],
                "titles": [labels[bucket] for bucket in buckets],
                "series": [
                    {
                        "name": names[number],
                        "values": [
                            str(self._get_cell(query, cells, bucket, column) or ZERO)
                            for bucket in buckets
                        ],
                        "texts": [row["cells"][number] for row in rows],
                    }
                    for number, column in enumerate(columns)
                ],
                "unit": unit,
                "title": self.env._(
                    "%(meter)s over time. The table below holds the same numbers.",
                    meter=query.meter.name,
                ),
            },
        }

    # ------------------------------------------------------------------
    # quantities
    # ------------------------------------------------------------------
    def _read_usage(self, query, bucket, subscriptions=None):
        """Rows of the store: one call for each time zone.

        :rtype: iterator of (usage.subscription, metering.UsageRow)
        """
        store = (
            self.env["usage.batch"].with_company(query.meter.company_id).sudo()._store()
        )
        group = [query.group] if query.group and query.group[0] != "@" else []
        subscriptions = subscriptions or query.subscriptions
        for zone, part in subscriptions.grouped("tz").items():
            by_id = {subscription.id: subscription for subscription in part}
            for row in store.usage(
                part,
                query.meter,
                bridge.midnight(query.start, zone),
                bridge.midnight(query.end, zone),
                bucket,
                group,
            ):
                yield by_id[row.subscription_id], row

    def _count(self, query):
        """Read the quantities and put them into cells."""
        cells = Cells()
        is_additive = query.meter.aggregation in ADDITIVE
        for subscription, row in self._read_usage(query, query.bucket):
            bucket = self._get_bucket_key(query, subscription, row)
            column = self._get_column(query, subscription, row)
            line = cells.by_bucket.setdefault(bucket, {})
            line.setdefault(column, []).append(row.quantity)
            if is_additive:
                cells.by_column.setdefault(column, []).append(row.quantity)
        if not is_additive:
            # a maximum of maxima would do, an average of averages would not
            for subscription, row in self._read_usage(query, "total"):
                column = self._get_column(query, subscription, row)
                cells.by_column.setdefault(column, []).append(row.quantity)
        return cells

    def _get_bucket_key(self, query, subscription, row):
        """An hour is an instant; a day or a month is a date of the customer's zone."""
        if query.bucket == "hour":
            return row.start
        zone = ZoneInfo(subscription.tz)
        return row.start.replace(tzinfo=UTC).astimezone(zone).date()

    def _get_column(self, query, subscription, row):
        if query.group == BY_SUBSCRIPTION:
            return subscription.id
        if query.group == BY_CUSTOMER:
            return subscription.partner_id.id
        return row.dimensions.get(query.group, MISSING) if query.group else ""

    def _get_buckets(self, query, cells):
        """Buckets to show, oldest first: also the empty ones between, for the chart."""
        found = sorted(cells.by_bucket)
        if not found:
            return []
        zone = (query.subscriptions.mapped("tz") or ["UTC"])[0]
        clock = Clock(bridge.midnight(query.start, zone), zone, query.bucket)
        buckets, at = [], clock.begin(clock.start)
        last = found[-1]
        while len(buckets) <= ROWS_SHOWN:
            key = at if query.bucket == "hour" else clock.local(at).date()
            if key > last:
                break
            buckets.append(key)
            at = clock.next(at)
        missing = set(found) - set(buckets)
        return sorted({*buckets, *missing})[:ROWS_SHOWN]

    def _get_columns(self, query, cells, call):
        """Columns to show, the largest first; the last may stand for all others.

        :param call: function: column -> text, see ``_get_names``
        """
        totals = {
            column: sum(map(abs, values), ZERO)
            for column, values in cells.by_column.items()
        }
        columns = sorted(totals, key=lambda column: (-totals[column], call(column)))
        if len(columns) > COLUMNS_SHOWN + 1 and query.meter.aggregation in ADDITIVE:
            self._merge_others(cells, columns[COLUMNS_SHOWN:])
            return [*columns[:COLUMNS_SHOWN], OTHERS]
        return columns

    def _merge_others(self, cells, columns):
        for line in (*cells.by_bucket.values(), cells.by_column):
            merged = [value for column in columns for value in line.pop(column, ())]
            if merged:
                line[OTHERS] = merged

    def _get_cell(self, query, cells, bucket, column):
        values = cells.by_bucket.get(bucket, {}).get(column)
        return self._join(query, values)

    def _get_footer(self, query, cells, column):
        return self._join(query, cells.by_column.get(column))

    def _join(self, query, values):
        """One figure of several subscriptions': each is billed for its own."""
        if not values:
            return ZERO if query.meter.aggregation in ADDITIVE else None
        if len(values) == 1 or query.meter.aggregation in ADDITIVE:
            return sum(values, ZERO)
        if query.meter.aggregation == "max":
            return max(values)
        if query.meter.aggregation == "min":
            return min(values)
        return None

    # ------------------------------------------------------------------
    # choices
    # ------------------------------------------------------------------
    def _get_groups(self, query):
        """What the report can be grouped by: of the meter, and of recent events."""
        names = self._get_event_names(query)
        choices = [(name, name) for name in sorted(names)]
        if len(query.subscriptions) > 1:
            choices = [
                (BY_CUSTOMER, self.env._("Customer")),
                (BY_SUBSCRIPTION, self.env._("Subscription")),
                *choices,
            ]
        return [{"key": key, "name": name} for key, name in choices]

    def _get_event_names(self, query):
        """Names of dimensions and properties that some events of the span carry."""
        names = set(query.meter._get_dimension_keys())
        period = self.env["usage.period"].search(
            [
                ("subscription_id", "in", query.subscriptions.ids),
                ("local_start", "<", query.end),
                ("local_end", ">", query.start),
                ("start_at", "<=", fields.Datetime.now()),
            ],
            order="start_at desc",
            limit=1,
        )
        if period:
            store = (
                self.env["usage.batch"].with_company(query.meter.company_id)._store()
            )
            for event in store.explain(period, query.meter, limit=LOOKED_AT):
                names |= {*event.dimensions, *event.properties}
        return names

    # ------------------------------------------------------------------
    # rated
    # ------------------------------------------------------------------
    def _get_whole_periods(self, query):
        """Billing periods that lie inside the report, oldest first."""
        return self.env["usage.period"].search(
            [
                ("subscription_id", "in", query.subscriptions.ids),
                ("local_start", ">=", query.start),
                ("local_end", "<=", query.end),
                ("start_at", "<=", fields.Datetime.now()),
            ],
            order="start_at, id",
        )

    def _prepare_rated(self, query, cells, amounts):
        """What was rated of the usage above, period by period, and that it agrees.

        ``used`` + ``difference`` = ``quantity`` on each line; the difference is the
        rounding of the meter, or what came after the invoice.
        """
        periods = self._get_whole_periods(query)
        explorer = self.env["usage.explorer"]
        names = self._get_subscription_names(query.subscriptions)
        rows = []
        for line in self._iter_rated(query, periods[:RATED_SHOWN], amounts):
            difference = line["quantity"] - line["used"]
            rows.append(
                {
                    "subscription": names[line["subscription"].id],
                    "period": explorer._prepare_period(line["period"])["label"],
                    "charge": line["charge"],
                    "used": explorer._format_quantity(line["used"]),
                    "difference": explorer._format_quantity(difference)
                    if difference
                    else "",
                    "quantity": explorer._format_quantity(line["quantity"]),
                    "unit": messages.unit(
                        self.env, query.meter.unit_label, line["quantity"]
                    ),
                    "amount": explorer._format_money(
                        line["amount"], line["subscription"].currency_id
                    ),
                    "invoice": line["invoice"],
                }
            )
        return {
            "rows": rows,
            "is_cut": len(periods) > RATED_SHOWN,
            "is_part": not periods,
            "amounts": amounts,
        }

    def _iter_rated(self, query, periods, amounts):
        """Rated charges of whole periods beside the usage that the store holds of them.

        :return: dicts of ``period``, ``subscription``, ``charge``, ``used``,
            ``quantity``, ``amount``, ``invoice``
        """
        if not periods:
            return
        store = self.env["usage.batch"].with_company(query.meter.company_id)._store()
        lines = self.env["usage.explorer"]._get_lines(periods, amounts)
        for period in periods:
            whole = self._read_whole_period(query, period, store)
            by_charge = {}
            for line in lines[period]:
                if line.meter_id == query.meter.id:
                    by_charge.setdefault((line.charge_id, line.name), []).append(line)
            for (_charge, name), parts in by_charge.items():
                moves = (
                    self.env["usage.rated.line"]
                    .browse([id_ for part in parts for id_ in part.source])
                    .move_id
                )
                yield {
                    "period": period,
                    "subscription": period.subscription_id,
                    "charge": name,
                    "used": whole,
                    "quantity": sum((part.quantity or ZERO for part in parts), ZERO),
                    "amount": sum((part.amount or ZERO for part in parts), ZERO)
                    if amounts
                    else None,
                    "invoice": ", ".join(move.name for move in moves if move.name),
                }

    def _read_whole_period(self, query, period, store):
        """Sum of the buckets of one period, from the same question as the table."""
        bucket = query.bucket
        if query.meter.aggregation not in ADDITIVE:
            bucket = "total"
        rows = store.usage(
            period.subscription_id,
            query.meter,
            period.start_at,
            period.end_at,
            bucket,
        )
        return sum((row.quantity for row in rows), ZERO)

    # ------------------------------------------------------------------
    # texts
    # ------------------------------------------------------------------
    def _format_bucket(self, query, bucket):
        explorer = self.env["usage.explorer"]
        if query.bucket == "hour":
            zone = ZoneInfo((query.subscriptions.mapped("tz") or ["UTC"])[0])
            local = bucket.replace(tzinfo=UTC).astimezone(zone)
            text = f"{explorer._format_day(local.date())} {local:%H:%M}"
            return f"{text} {local.tzname()}" if _comes_twice(local) else text
        if query.bucket == "month":
            return messages.month_label(self.env, bucket)
        return explorer._format_day(bucket)

    def _format_tick(self, query, bucket):
        """Short text under a bar: the day of the month and, of an hour, the hour."""
        if query.bucket == "hour":
            zone = ZoneInfo((query.subscriptions.mapped("tz") or ["UTC"])[0])
            local = bucket.replace(tzinfo=UTC).astimezone(zone)
            return f"{local.day}, {local:%H:%M}"
        if query.bucket == "month":
            return messages.month_label(self.env, bucket)
        return str(bucket.day)


def _comes_twice(local):
    """Whether this hour of the clock is one that the change to winter time repeats."""
    return local.replace(fold=0).utcoffset() > local.replace(fold=1).utcoffset()
