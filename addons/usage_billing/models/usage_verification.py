import logging
import time

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: Periods compared at once: one read of the events and one of the rollups.
SLICE = 500
#: Differences written down; more are counted only.
SHOWN = 200


class UsageVerification(models.Model):
    """The rollups that bills use, compared with the events they are made of.

    Every night what received usage since the last time, and everything by the command
    ``odoo usage_verify``. Zero differences are kept too: they are the proof that
    somebody looked.
    """

    _name = "usage.verification"
    _description = "Verification of Usage"
    _order = "id desc"
    _rec_name = "started_at"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    started_at = fields.Datetime(required=True, readonly=True)
    since = fields.Datetime(
        readonly=True, help="Only periods with usage received since. Empty: all."
    )
    duration_s = fields.Float(string="Duration (s)", readonly=True, aggregator=None)
    period_count = fields.Integer(string="Periods", readonly=True)
    difference_count = fields.Integer(string="Differences", readonly=True)
    details = fields.Text(readonly=True)
    period_ids = fields.Json(readonly=True, help="Periods that differ.")
    is_repaired = fields.Boolean(string="Made Again", readonly=True)

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_repair(self):
        """Make the rollups of the periods that differ again from their events."""
        self.check_access("write")
        for verification in self:
            verification._repair()
        return True

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _run(self, company, since=None, commit=False, say=None):
        """Compare a company's rollups with its events.

        Each slice is read from one snapshot, so usage that comes in meanwhile is no
        difference.

        :param res.company company: whose usage
        :param since: only periods with usage received since then; None for all
        :param bool commit: end the transaction after each slice, for callers without
            one of their own
        :param say: function that is told each difference, a text
        :return: the record of it
        """
        started, clock = fields.Datetime.now(), time.monotonic()
        since = fields.Datetime.to_datetime(since) if since else None
        period_ids = self._find_periods(company, since)
        texts, wrong, number = [], [], 0
        for start in range(0, len(period_ids), SLICE):
            part = self.env["usage.period"].browse(period_ids[start : start + SLICE])
            store = self.env["usage.batch"].with_company(company)._store()
            for difference in store.verify(part):
                number += 1
                wrong.append(difference.period_id)
                text = self._say(difference)
                if say:
                    say(text)
                if len(texts) < SHOWN:
                    texts.append(text)
            if commit:
                # a new snapshot for the next slice; pylint: disable-next=E8102
                self.env.cr.commit()
        verification = self.sudo().create(
            {
                "company_id": company.id,
                "started_at": started,
                "since": since,
                "duration_s": time.monotonic() - clock,
                "period_count": len(period_ids),
                "difference_count": number,
                "details": "\n".join(texts),
                "period_ids": sorted(set(wrong)),
            }
        )
        log = _logger.error if number else _logger.info
        log(
            "Usage of %s verified: %s differences in %s periods",
            company.name, number, len(period_ids),
        )  # fmt: skip
        return verification

    def _find_periods(self, company, since):
        """Ids of the periods to look at, in order; archived ones cannot be."""
        self.env.flush_all()
        # of months in the archive the rollups are all that is left
        stored = SQL(
            """NOT EXISTS (SELECT FROM usage_store_month m
                WHERE m.month BETWEEN to_char(p.start_at, 'YYYYMM')::int
                  AND to_char(p.end_at - interval '1 second', 'YYYYMM')::int)"""
        )
        if since:
            query = SQL(
                """SELECT DISTINCT r.period_id FROM usage_store_rollup r
                     JOIN usage_period p ON p.id = r.period_id
                    WHERE p.company_id = %s AND r.watermark >= %s AND %s
                 ORDER BY r.period_id""",
                company.id,
                since,
                stored,
            )
        else:
            query = SQL(
                """SELECT p.id FROM usage_period p
                    WHERE p.company_id = %s AND %s
                      AND (EXISTS (SELECT FROM usage_store_route o
                                    WHERE o.period_id = p.id)
                        OR EXISTS (SELECT FROM usage_store_rollup r
                                    WHERE r.period_id = p.id))
                 ORDER BY p.id""",
                company.id,
                stored,
            )
        return [period_id for [period_id] in self.env.execute_query(query)]

    def _say(self, difference):
        """One line for a difference, figures of both sides."""
        period = self.env["usage.period"].browse(difference.period_id)
        meter = self.env["usage.meter"].browse(difference.meter_id)
        figures = [
            " ".join(str(figure) for figure in side[:4]) if side else "-"
            for side in (difference.rollup, difference.events)
        ]
        return (
            f"{period.subscription_id.code} {period.local_start}"
            f" {difference.day or ''} {meter.code} [{difference.dimset_id}]:"
            f" rollup {figures[0]}, events {figures[1]}"
        )

    def _repair(self):
        self.ensure_one()
        store = self.env["usage.batch"].with_company(self.company_id)._store()
        store.rebuild(self.env["usage.period"].browse(self.period_ids or []).exists())
        self.sudo().is_repaired = True

    # ------------------------------------------------------------------
    # cron
    # ------------------------------------------------------------------
    @api.model
    def _cron_verify(self):
        """Verify what received usage since the last time, company by company."""
        # all of them: pylint: disable-next=no-search-all
        companies = self.env["usage.source"].search([]).company_id
        for number, company in enumerate(companies, 1):
            last = self.search([("company_id", "=", company.id)], limit=1)
            self._run(company, since=last.started_at)
            self.env["ir.cron"]._commit_progress(1, remaining=len(companies) - number)
