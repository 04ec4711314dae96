import csv
import io
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

from odoo import models

from ..annex import usage_csv
from .usage_report import ADDITIVE, ReportQuery

ZERO = Decimal(0)
COLUMNS = (
    "line", "start", "subscription", "customer", "meter", "group", "quantity", "unit",
    "events", "charge", "amount", "currency", "invoice",
)  # fmt: skip
#: subscriptions read together: what is kept in memory at a time
TOGETHER = 20


class UsageReport(models.AbstractModel):
    """The same report as a file for machines, written while it is read."""

    _inherit = "usage.report"

    def _iter_file(self, query, amounts=True):
        """Lines of the file: the buckets, then totals, then what was rated.

        Machine format in every language: UTF-8, commas, decimal points, ISO times with
        their offset, exact numbers. ``line`` says what a line is: ``hour``, ``day`` or
        ``month``, ``total`` (one for each subscription and group) or ``rated`` (one
        for each charge and whole billing period inside).

        :return: iterator of texts
        """
        yield _line(COLUMNS)
        call = self._get_names(query, for_file=True) if query.group else str
        subscriptions = query.subscriptions.sorted("code")
        for start in range(0, len(subscriptions), TOGETHER):
            part = subscriptions[start : start + TOGETHER]
            yield from self._iter_usage_lines(_of(query, part), call)
            self.env.invalidate_all()
        for start in range(0, len(subscriptions), TOGETHER):
            part = _of(query, subscriptions[start : start + TOGETHER])
            yield from self._iter_rated_lines(part, amounts)
            self.env.invalidate_all()

    def _iter_usage_lines(self, query, call):
        """Lines of usage, then their totals.

        :param call: function: column -> text, see ``_get_names``
        """
        meter, totals = query.meter, {}
        is_additive = meter.aggregation in ADDITIVE
        for subscription, row in self._read_usage(query, query.bucket):
            column = self._get_column(query, subscription, row)
            if is_additive:
                have = totals.setdefault((subscription, column), [ZERO, 0])
                have[0] += row.quantity
                have[1] += row.count
            zone = ZoneInfo(subscription.tz)
            start = row.start.replace(tzinfo=UTC).astimezone(zone).isoformat()
            yield self._usage_line(
                query.bucket,
                start,
                subscription,
                meter,
                call(column),
                row.quantity,
                row.count,
            )
        if not is_additive:
            for subscription, row in self._read_usage(query, "total"):
                column = self._get_column(query, subscription, row)
                totals[subscription, column] = (row.quantity, row.count)
        for (subscription, column), (quantity, count) in totals.items():
            yield self._usage_line(
                "total", "", subscription, meter, call(column), quantity, count
            )

    def _usage_line(self, kind, start, subscription, meter, column, quantity, count):
        return _line(
            (
                kind,
                start,
                usage_csv.inert(subscription.code or ""),
                usage_csv.inert(subscription.partner_id.name or ""),
                usage_csv.inert(meter.code),
                usage_csv.inert(column),
                usage_csv.number(quantity),
                usage_csv.inert(meter.unit_label or ""),
                count,
                "",
                "",
                "",
                "",
            )
        )

    def _iter_rated_lines(self, query, amounts):
        periods = self._get_whole_periods(query)
        for line in self._iter_rated(query, periods, amounts):
            subscription = line["subscription"]
            yield _line(
                (
                    "rated",
                    line["period"].local_start.isoformat(),
                    usage_csv.inert(subscription.code or ""),
                    usage_csv.inert(subscription.partner_id.name or ""),
                    usage_csv.inert(query.meter.code),
                    "",
                    usage_csv.number(line["quantity"]),
                    usage_csv.inert(query.meter.unit_label or ""),
                    "",
                    usage_csv.inert(line["charge"]),
                    "" if line["amount"] is None else usage_csv.number(line["amount"]),
                    subscription.currency_id.name if amounts else "",
                    usage_csv.inert(line["invoice"]),
                )
            )

    def _get_file_name(self, query):
        code = query.meter.code
        if len(query.subscriptions) == 1:
            code = f"{query.subscriptions.code}_{code}"
        return usage_csv.file_name(code, query.start)


def _of(query, subscriptions):
    """The same question about some of the subscriptions."""
    return ReportQuery(
        subscriptions, query.meter, query.start, query.end, query.bucket, query.group
    )


def _line(cells):
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
