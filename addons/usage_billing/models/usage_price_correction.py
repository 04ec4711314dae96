from decimal import Decimal

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .. import rater
from .usage_billing_run_post import QUIET

ZERO = Decimal(0)


class UsagePeriod(models.Model):
    _inherit = "usage.period"

    is_correction_due = fields.Boolean(
        readonly=True,
        help="Its prices were corrected after it was billed: the next run credits what "
        "was billed and bills it again.",
    )

    _correction_index = models.Index("(subscription_id) WHERE is_correction_due")


class UsagePlanVersion(models.Model):
    """Wrong prices were billed: this version puts them right."""

    _inherit = "usage.plan.version"

    correction_policy = fields.Selection(
        [
            ("rerate", "Only what is not invoiced yet"),
            ("next", "Difference on the next invoice"),
            ("rebill", "Credit the invoices and invoice again now"),
        ],
        string="What Was Billed",
        default="next",
        copy=False,
        help="Drafts are rated again in any case. Invoices that are posted never "
        "change: a credit note and a new invoice, or lines on the next one.",
    )
    correction_run_id = fields.Many2one(
        "usage.billing.run",
        string="Correction",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    def _get_frozen_fields(self):
        return super()._get_frozen_fields() | {"correction_policy"}

    def _publish(self):
        result = super()._publish()
        for version in self.filtered("is_correction"):
            # what follows asks which version is in force
            version.plan_id._update_version_states()
            version._put_right()
        return result

    def _put_right(self):
        """Rate drafts again; have what is posted corrected as chosen."""
        self.ensure_one()
        lines = self._get_wrong_lines()
        self._rate_drafts_again(lines.filtered(lambda line: line.state != "posted"))
        if self.correction_policy == "rerate":
            return
        periods = lines.filtered(lambda line: line.state == "posted").period_id
        # sudo: made by the system only
        periods.sudo().write({"version_id": self.id, "is_correction_due": True})
        if self.correction_policy == "rebill" and periods:
            self._bill_correction(periods)

    def _get_wrong_lines(self):
        """Live rated lines that took the wrong prices since the correction counts."""
        return (
            self.env["usage.rated.line"]
            .sudo()  # what was billed decides, whoever corrects
            .search(
                Domain("version_id", "=", self._get_predecessor().id)
                & Domain("state", "in", rater.LIVE_STATES)
                & Domain("period_id.local_start", ">=", self.valid_from)
            )
        )

    def _rate_drafts_again(self, lines):
        """Results of runs that are not posted are made anew under these prices."""
        run_lines = lines.run_line_id.filtered(lambda line: line.state != "invoiced")
        for run, some in run_lines.grouped("run_id").items():
            if run.state == "approved":
                run.action_unapprove()
            if run.state == "review":
                some._discard()
                run._rate_lines(some)
                run._finish_retry()

    def _bill_correction(self, periods):
        """Credit notes and new invoices at once, in a run of their own."""
        run = self.env["usage.billing.run"].create(
            {
                "company_id": self.company_id.id,
                "cutoff_date": max(periods.mapped("last_day")),
                "subscription_ids": [(6, 0, periods.subscription_id.ids)],
                "correction_version_id": self.id,
            }
        )
        self.correction_run_id = run
        run.action_compute()
        if run.state == "review":
            run.action_approve()
            run.action_post()


class UsageBillingRun(models.Model):
    """Runs find corrected periods; a run of a correction bills nothing else."""

    _inherit = "usage.billing.run"

    correction_version_id = fields.Many2one(
        "usage.plan.version",
        string="Corrects Prices",
        readonly=True,
        copy=False,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )

    # ------------------------------------------------------------------
    # what is due
    # ------------------------------------------------------------------
    def _query_unbilled_periods(self, scope):
        if self.correction_version_id:
            return []
        return super()._query_unbilled_periods(scope)

    def _query_late_periods(self, scope):
        corrected = self._query_corrected_periods(scope)
        if self.correction_version_id:
            return corrected
        known = {period_id for _sub, period_id, _reason in corrected}
        late = super()._query_late_periods(scope)
        return corrected + [row for row in late if row[1] not in known]

    def _query_corrected_periods(self, scope):
        """Billed periods whose prices were corrected since."""
        return [
            (sub_id, period_id, rater.LATE)
            for sub_id, period_id in self.env.execute_query(
                SQL(
                    """SELECT s.id, p.id
                         FROM usage_period p
                         JOIN usage_subscription s ON s.id = p.subscription_id
                        WHERE %s AND p.is_correction_due
                          AND %s
                     ORDER BY s.id, p.start_at""",
                    scope,
                    self._sql_unclaimed(),
                )
            )
        ]

    def _get_versions_billed(self, due_periods):
        """The prices decided for a period win over those that billed it."""
        versions = super()._get_versions_billed(due_periods)
        period_ids = [pid for some in due_periods.values() for pid, _reason in some]
        for period in self.env["usage.period"].sudo().browse(period_ids):
            if period.version_id:
                versions[period.id] = period.version_id
        return versions

    def _close_periods(self, lines):
        result = super()._close_periods(lines)
        period_ids = [
            int(period_id) for line in lines for period_id in line.coverage or {}
        ]
        self.env.execute_query(
            SQL(
                "UPDATE usage_period SET is_correction_due = false"
                " WHERE id = ANY(%s) AND is_correction_due RETURNING id",
                period_ids,
            )
        )
        return result

    # ------------------------------------------------------------------
    # a credit note and an invoice, not one document with both
    # ------------------------------------------------------------------
    def _invoice_groups(self, groups):
        """Credits apart from charges, each credit note naming its invoice."""
        if not self.correction_version_id:
            return super()._invoice_groups(groups)
        key_of = {line: key for key, lines in groups for line in lines}
        rated = self._get_approved_rated_lines(groups)
        vals_list, owners = [], []
        for key, lines in groups:
            own = rated.filtered(lambda item, key=key: key_of[item.run_line_id] == key)
            credit = own.filtered(lambda item: item.amount < ZERO)
            for part, some in (("credit", credit), ("", own - credit)):
                vals = self._prepare_move_vals(key, lines, some)
                if vals:
                    if part:
                        vals["usage_group_key"] = f"{key}/{part}"
                        vals["reversed_entry_id"] = self._get_credited_move(some).id
                    vals_list.append(vals)
                    owners.append(lines)
        moves = (
            self.env["account.move"]
            .with_company(self.company_id)
            .with_context(**QUIET)
            .create(vals_list)
        )
        self._check_moves(moves)
        moves.action_post()
        for move, lines in zip(moves, owners, strict=True):
            lines.write({"move_id": move.id})
        every_line = self.env["usage.billing.run.line"].sudo()
        every_line = every_line.concat(*(lines for _key, lines in groups))
        self._link_invoiced(every_line, moves)
        return None

    def _get_credited_move(self, rated):
        """The invoice that these lines credit, empty when there are several."""
        moves = (
            self.env["usage.rated.line"]
            .sudo()  # what was billed decides
            .search(
                Domain("period_id", "in", rated.period_id.ids)
                & Domain("charge_id", "in", rated.charge_id.ids)
                & Domain("state", "=", "posted")
                & Domain("amount", ">", 0)
            )
            .move_id
        )
        return moves if len(moves) == 1 else moves.browse()

    def _link_rated_lines(self, lines):
        """Lines on a credit note and on an invoice of one result go to their own."""
        super()._link_rated_lines(lines)
        if not self.correction_version_id:
            return
        self.env.execute_query(
            SQL(
                """UPDATE usage_rated_line r SET move_id = m.move_id
                     FROM usage_rated_component c
                     JOIN account_move_line m ON m.id = c.move_line_id
                    WHERE c.rated_line_id = r.id AND r.run_line_id = ANY(%s)
                RETURNING r.id""",
                lines.ids,
            )
        )
