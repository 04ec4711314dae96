# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.usage_billing.fields_exact import Exact

from ..sealing import closing


class FrSealClosing(models.Model):
    """Totals of a day, month or financial year, and the perpetual total.

    Made by the schedule, never again afterwards; sealed in the chain.
    """

    _name = "fr.seal.closing"
    _description = "Closing"
    _order = "date_stop desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    period = fields.Selection(
        [("day", "Day"), ("month", "Month"), ("year", "Financial year")],
        required=True,
        readonly=True,
    )
    date_start = fields.Date(string="From", required=True, readonly=True)
    date_stop = fields.Date(string="To", required=True, readonly=True)
    sequence_from = fields.Integer(string="First Link", required=True, readonly=True)
    sequence_to = fields.Integer(string="Last Link", required=True, readonly=True)
    documents = fields.Integer(required=True, readonly=True)
    untaxed = Exact(string="Untaxed", required=True, readonly=True)
    tax = Exact(string="TVA", required=True, readonly=True)
    total = Exact(string="Total", required=True, readonly=True)
    collected = Exact(required=True, readonly=True)
    consumer = Exact(
        string="Paid by Consumers",
        required=True,
        readonly=True,
        help="Payments of customers who are not taxable (CGI art. 286 I 3° bis).",
    )
    turnover = Exact(
        string="Perpetual Total",
        required=True,
        readonly=True,
        help="Total of all documents since the seal began; nothing resets it.",
    )
    closed_at = fields.Datetime(string="Closed on", required=True, readonly=True)

    _period_unique = models.UniqueIndex("(company_id, period, date_start)")

    # === Closing === #

    @api.model
    def _get_last(self, company, period="day"):
        return self.sudo().search(
            [("company_id", "=", company.id), ("period", "=", period)],
            order="date_stop desc",
            limit=1,
        )

    @api.model
    def _close_due(self, chain):
        """Make the closings of every day that is over, and of months and years.

        :param chain: fr.seal.chain in sudo
        :rtype: fr.seal.closing
        """
        chain._link()
        company = chain.company_id
        zone = ZoneInfo(company._usage_get_zone())
        last = self._get_last(company)
        if last:
            day = last.date_stop + timedelta(days=1)
        else:
            day = chain.started_at.replace(tzinfo=UTC).astimezone(zone).date()
        today = fields.Datetime.now().replace(tzinfo=UTC).astimezone(zone).date()
        made = self.sudo().browse()
        while day < today:
            made |= self._close_day(chain, day, zone, last)
            last = made[-1]
            if (day + timedelta(days=1)).day == 1:
                made |= self._close_longer(chain, "month", day.replace(day=1), last)
            year = company.sudo().compute_fiscalyear_dates(day)
            if year["date_to"] == day:
                made |= self._close_longer(chain, "year", year["date_from"], last)
            day += timedelta(days=1)
        chain._link()
        return made

    def _close_day(self, chain, day, zone, last):
        """Close what was linked since the closing before and sealed up to midnight."""
        midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        limit = midnight.astimezone(UTC).replace(tzinfo=None)
        first = (last.sequence_to or 0) + 1
        ((stop,),) = self.env.execute_query(
            SQL(
                "SELECT max(sequence) FROM fr_seal_entry WHERE company_id = %s"
                " AND sequence >= %s AND sealed_at < %s",
                chain.company_id.id,
                first,
                limit,
            )
        )
        stop = stop or first - 1
        totals = closing.NOTHING
        rows = self.env.execute_query(
            SQL(
                "SELECT kind, revision, payload FROM fr_seal_entry"
                " WHERE company_id = %s AND sequence BETWEEN %s AND %s"
                " AND kind IN ('entry', 'payment') ORDER BY sequence",
                chain.company_id.id,
                first,
                stop,
            )
        )
        for kind, revision, payload in rows:
            totals += closing.totals_of(kind, revision, json.loads(payload))
        return self._record(
            chain,
            "day",
            str(day),
            (day, day),
            (first, stop),
            totals,
            (last.turnover or closing.ZERO) + totals.total,
        )

    def _close_longer(self, chain, period, start, last):
        """Close a month or a financial year out of its days."""
        days = self.sudo().search(
            [
                ("company_id", "=", chain.company_id.id),
                ("period", "=", "day"),
                ("date_start", ">=", start),
                ("date_stop", "<=", last.date_stop),
            ],
            order="date_start",
        )
        totals = closing.NOTHING
        for day in days:
            totals += closing.Totals(*(day[name] for name in closing.NAMES))
        stop = last.date_stop
        name = f"{start:%Y-%m}" if period == "month" else f"{start} / {stop}"
        links = (days[0].sequence_from, last.sequence_to)
        return self._record(
            chain, period, name, (start, stop), links, totals, last.turnover
        )

    def _record(self, chain, period, name, dates, links, totals, turnover):
        values = {
            "name": name,
            "period": period,
            "date_start": dates[0],
            "date_stop": dates[1],
            "sequence_from": links[0],
            "sequence_to": links[1],
            **totals.as_dict(),
            "turnover": turnover,
        }
        # nobody may write a closing, whoever presses the button
        # past our own guard: pylint: disable-next=super-method-mismatch
        record = super(FrSealClosing, self.sudo()).create(
            [
                {
                    **values,
                    "company_id": chain.company_id.id,
                    "closed_at": fields.Datetime.now(),
                }
            ]
        )
        self.env["fr.seal.entry"]._append("closing", record, values)
        return record

    # === Guards === #

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("Closings are made by the software."))

    # always refused: pylint: disable-next=method-required-super
    def write(self, vals):
        raise UserError(self.env._("A closing cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A closing cannot be deleted."))
