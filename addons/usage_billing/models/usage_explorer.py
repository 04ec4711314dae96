from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
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
from .usage_subscription_current import CHARGE_FIELDS, PERIOD_FIELDS

ZERO = Decimal(0)
PERIODS_SHOWN = 24


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
        visitor = partner.sudo()  # only for the own company
        bridge.warm(visitor, ["commercial_partner_id"])
        commercial = visitor.commercial_partner_id
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
        return self.env["usage.period"].search_fetch(
            domain, PERIOD_FIELDS, order="start_at desc", limit=PERIODS_SHOWN
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
        rated = self.env["usage.rated.line"]
        if billed:
            rated = rated.search(
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
        return lines if amounts else self._hide_money(lines)

    def _hide_money(self, lines):
        """Leave out the lines whose very quantity is an amount of money."""
        meters = self.env["usage.meter"].browse(
            {line.meter_id for line in chain.from_iterable(lines.values())} - {False}
        )
        hidden = set(meters.filtered(lambda item: item.value_source == "amount").ids)
        return {
            period: [line for line in items if line.meter_id not in hidden]
            for period, items in lines.items()
        }

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
        bridge.warm(periods.subscription_id, bridge.SUBSCRIPTION_FIELDS)
        dues = []
        for period in periods:
            version = period.subscription_id._get_version_at(period.local_start)
            reason = rater.CLOSE if period.end_at <= now else rater.OPEN
            if version:
                dues.append(rater.Due(period, reason, version))
        outcome = rater.rate_periods(self.env, dues, keep_zero=True)
        lines = {period: [] for period in periods}
        found = list(chain.from_iterable(outcome.rated.values()))
        charges = self.env["usage.charge"].union(*(rated.charge for rated in found))
        bridge.warm(charges, CHARGE_FIELDS)
        for rated in found:
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
        meters = self.env["usage.meter"].browse(
            {line.meter_id for line in lines} - {False}
        )
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
