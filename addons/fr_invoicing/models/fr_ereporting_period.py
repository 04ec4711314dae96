# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_date

from ..ereporting import periods

KINDS = [
    ("sale", "Sales"),
    ("purchase", "Purchases abroad"),
    ("payment", "Payments received"),
]
STATES = [
    ("open", "Running"),
    ("nothing", "Nothing to report"),
    ("to_send", "To send"),
    ("sent", "Sent"),
    ("accepted", "Accepted"),
    ("rejected", "Refused"),
    ("rectify", "To rectify"),
]
# who writes and sends reports
REPORTERS = (
    "usage_billing.group_usage_billing_manager",
    "account.group_account_user",
    "account.group_account_manager",
)
# computed from the operations, which are written in SQL
TOTALS = [
    "operation_count",
    "held_count",
    "excluded_count",
    "change_count",
    "basis",
    "tax",
    "amount",
    "summary",
]
# periods made ahead of the running one
AHEAD_DAYS = 45


class FrEreportingPeriod(models.Model):
    """Days of one kind of operations, reported together (flux 10).

    Made ahead from the table of deadlines; what happened in them comes by itself
    (fr.ereporting.collector). A period that was sent and has changed since is to be
    rectified: the next report annuls and replaces the former ones.
    """

    _name = "fr.ereporting.period"
    _description = "E-reporting Period"
    _order = "date_start desc, kind"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(KINDS, required=True, readonly=True)
    regime = fields.Char(required=True, readonly=True)
    date_start = fields.Date(string="First Day", required=True, readonly=True)
    date_end = fields.Date(
        string="Last Day", required=True, readonly=True, help="Last day, included."
    )
    deadline = fields.Date(required=True, readonly=True)
    source = fields.Char(readonly=True, help="Where the deadline comes from.")
    state = fields.Selection(
        STATES, default="open", required=True, readonly=True, index=True
    )
    revision = fields.Integer(
        readonly=True, help="Number of the last report that was sent."
    )
    light = fields.Selection(
        [("grey", "Running"), ("green", "Done"), ("orange", "To do"), ("red", "Late")],
        string="Urgency",
        compute="_compute_light",
    )
    report_ids = fields.One2many("fr.ereporting.report", "period_id", string="Reports")
    item_ids = fields.One2many("fr.ereporting.item", "period_id", string="Operations")
    # what would be reported now
    operation_count = fields.Integer(compute="_compute_totals", string="Operations #")
    held_count = fields.Integer(compute="_compute_totals", string="Held Back")
    excluded_count = fields.Integer(compute="_compute_totals", string="Left Out")
    change_count = fields.Integer(
        compute="_compute_totals",
        string="Changes",
        help="Operations that came, changed or went since the last report was sent.",
    )
    basis = fields.Monetary(compute="_compute_totals", string="Without TVA")
    tax = fields.Monetary(compute="_compute_totals", string="TVA")
    amount = fields.Monetary(compute="_compute_totals", string="Collected")
    summary = fields.Html(compute="_compute_summary", sanitize=False)

    _unique_start = models.Constraint(
        "UNIQUE (company_id, kind, date_start)",
        "This period exists already.",
    )

    # === Compute === #

    @api.depends("kind", "date_start", "date_end")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for period in self:
            period.display_name = self.env._(
                "%(kind)s %(start)s to %(end)s",
                kind=labels.get(period.kind, ""),
                start=format_date(self.env, period.date_start),
                end=format_date(self.env, period.date_end),
            )

    @api.depends("state", "date_end", "deadline")
    def _compute_light(self):
        for period in self:
            period.light = period.deadline and periods.light(
                period.state,
                period.company_id._usage_get_today(),
                period.date_end,
                period.deadline,
            )

    def _compute_totals(self):
        found = self._totals()
        for period in self:
            values = found.get(period.id, {})
            period.operation_count = values.get("operations", 0)
            period.held_count = values.get("held", 0)
            period.excluded_count = values.get("excluded", 0)
            period.change_count = values.get("added", 0) + values.get("removed", 0)
            period.basis = values.get("basis") or 0
            period.tax = values.get("tax") or 0
            period.amount = values.get("amount") or 0

    @api.depends_context("lang")
    def _compute_summary(self):
        for period in self:
            period.summary = self.env["ir.qweb"]._render(
                "fr_invoicing.fr_ereporting_summary",
                {"period": period, "rows": period._summary_rows()},
            )

    # === Constraints === #

    @api.constrains("company_id", "kind", "date_start", "date_end")
    def _check_no_overlap(self):
        for period in self:
            if self.search_count(
                [
                    ("company_id", "=", period.company_id.id),
                    ("kind", "=", period.kind),
                    ("date_start", "<=", period.date_end),
                    ("date_end", ">=", period.date_start),
                    ("id", "!=", period.id),
                ],
                limit=1,
            ):
                raise ValidationError(
                    self.env._(
                        "The period %(period)s overlaps another one: an operation "
                        "would be reported twice.",
                        period=period.display_name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_reported(self):
        if self.report_ids.filtered("sent_at"):
            raise UserError(
                self.env._("A period that was reported is kept with its reports.")
            )

    # === Actions === #

    def action_refresh(self):
        """Take up what happened since, and say the state again."""
        self._check_may_report()
        self.env["fr.ereporting.collector"].sudo()._collect(self.company_id)
        self._refresh_state()
        return True

    def _check_may_report(self):
        """Let those who bill or keep the books report what they see.

        :raise AccessError: somebody else
        """
        self.check_access("read")
        if not any(map(self.env.user.has_group, REPORTERS)):
            raise AccessError(
                self.env._("Only billing managers and accountants may report.")
            )

    def action_make_report(self):
        """Write and check the report of the period, and open it."""
        self.ensure_one()
        self.action_refresh()
        report = self._make_report()
        return report._get_records_action(name=report.display_name)

    def action_view_items(self):
        """Open the operations that the next report holds."""
        name = self.env._("Operations")
        return self._view_items(
            name, [("is_live", "=", True), ("exclusion", "=", False)]
        )

    def action_view_held(self):
        """Open the operations held back, with what is to be mended."""
        name = self.env._("Held Back")
        return self._view_items(
            name, [("is_live", "=", True), ("held_reason", "!=", False)]
        )

    def action_view_changes(self):
        """Open what came, changed or went since the last report was sent."""
        name = self.env._("Changes since the last report")
        return self._view_items(
            name,
            [("exclusion", "=", False), ("held_reason", "=", False)]
            + ["|", "&", ("is_live", "=", True), ("from_revision", "=", 0)]
            + ["&", ("is_live", "=", False), ("until_revision", "=", 0)],
        )

    def _view_items(self, name, domain):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "fr.ereporting.item",
            "view_mode": "list,pivot",
            "domain": [("period_id", "in", self.ids), *domain],
            "context": {"create": False},
        }

    # === Making periods === #

    @api.model
    def _ensure(self, company, until):
        """Make the periods of a company up to a day, without hole or overlap.

        :param until: a day; the period that holds it is made too
        """
        if not company._fr_has_ereporting():
            return
        last = dict(
            self._read_group(
                [("company_id", "=", company.id)], ["kind"], ["date_end:max"]
            )
        )
        regime = company._fr_ereporting_regime()
        values = []
        for kind in periods.KINDS:
            first = company.fr_ereporting_from
            if last.get(kind):
                first = last[kind] + timedelta(days=1)
            values += [
                {
                    "company_id": company.id,
                    "kind": kind,
                    "regime": regime,
                    "date_start": period.start,
                    "date_end": period.end,
                    "deadline": period.deadline,
                    "source": period.source,
                }
                for period in periods.periods(regime, kind, first, until)
            ]
        self.create(values)

    @api.model
    def _adapt(self, companies):
        """Remake the periods that have not begun, after a change of regime or start.

        Periods already begun keep the regime they began under: what was made ahead and
        holds neither report nor operation goes, and comes again under the new one.
        """
        for company in companies:
            today = company._usage_get_today()
            ahead = self.search(
                [
                    ("company_id", "=", company.id),
                    ("date_start", ">", today),
                    ("report_ids", "=", False),
                    ("item_ids", "=", False),
                ]
            )
            if not self.search_count(
                [("company_id", "=", company.id), ("item_ids", "!=", False)], limit=1
            ) and not self.env["fr.ereporting.report"].search_count(
                [("company_id", "=", company.id)], limit=1
            ):
                ahead = self.search([("company_id", "=", company.id)])
            ahead.unlink()
            self._ensure(company, today + timedelta(days=AHEAD_DAYS))

    @api.model
    def _by_day(self, company, days_by_kind):
        """Give the period of each day, making those that are missing.

        :param dict days_by_kind: kind -> set of days
        :return: (kind, day) -> period id; days before the obligation are absent
        :rtype: dict
        """
        days = set().union(*days_by_kind.values()) if days_by_kind else set()
        if not days:
            return {}
        self._ensure(company, max(days))
        found = {}
        for period in self.search(
            [
                ("company_id", "=", company.id),
                ("date_end", ">=", min(days)),
                ("date_start", "<=", max(days)),
            ]
        ):
            for day in days_by_kind.get(period.kind, ()):
                if period.date_start <= day <= period.date_end:
                    found[period.kind, day] = period.id
        return found

    # === State === #

    def _totals(self):
        """Count and sum the operations of the periods, in one statement.

        :return: period id -> operations, held, excluded, added, removed, basis, tax,
            amount
        :rtype: dict[int, dict]
        """
        if not self.ids:
            return {}
        self.env["fr.ereporting.item"].flush_model()
        reported = SQL("is_live AND exclusion IS NULL AND held_reason IS NULL")
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT period_id,
                       count(DISTINCT source_key) FILTER (WHERE %(reported)s)
                           AS operations,
                       count(DISTINCT source_key) FILTER (
                           WHERE is_live AND held_reason IS NOT NULL) AS held,
                       count(DISTINCT source_key) FILTER (
                           WHERE is_live AND exclusion != 'e_invoice') AS excluded,
                       count(DISTINCT source_key) FILTER (
                           WHERE %(reported)s AND from_revision IS NULL) AS added,
                       count(DISTINCT source_key) FILTER (
                           WHERE NOT is_live AND from_revision IS NOT NULL
                                 AND until_revision IS NULL) AS removed,
                       sum(basis) FILTER (WHERE %(reported)s) AS basis,
                       sum(tax) FILTER (WHERE %(reported)s) AS tax,
                       sum(amount) FILTER (WHERE %(reported)s) AS amount
                  FROM fr_ereporting_item
                 WHERE period_id IN %(ids)s
                 GROUP BY period_id
                """,
                reported=reported,
                ids=tuple(self.ids),
            )
        )
        return {row["period_id"]: row for row in rows}

    def _refresh_state(self):
        """Say the state of the periods again from their reports and operations."""
        self.invalidate_recordset(TOTALS, flush=False)
        totals = self._totals()
        for period in self:
            today = period.company_id._usage_get_today()
            values = totals.get(period.id, {})
            state = period._state_of(values, today)
            if period.state != state:
                period.sudo().state = state  # nobody writes it by hand

    def _state_of(self, totals, today):
        sent = self.report_ids.filtered("sent_at").sorted("revision")[-1:]
        valid = self.report_ids.filtered(
            lambda report: report.state in ("sent", "accepted")
        )
        if sent.state == "rejected":
            return "rejected"
        if valid:
            if totals.get("added") or totals.get("removed"):
                return "rectify"
            return sent.state
        if today <= self.date_end:
            return "open"
        if totals.get("operations") or totals.get("held"):
            return "to_send"
        return "nothing"

    # === Reports === #

    def _make_report(self):
        """Write and check the next report of a period; give the open one.

        :rtype: fr.ereporting.report
        """
        self.ensure_one()
        reports = self.env["fr.ereporting.report"].sudo()  # written by code only
        report = self.report_ids.filtered(
            lambda found: found.state in ("draft", "ready")
        )
        if not report:
            report = reports.create(
                {
                    "period_id": self.id,
                    "company_id": self.company_id.id,
                    "revision": self.revision + 1,
                }
            )
        report.sudo()._write_and_check()
        return report.sudo(False)

    def _summary_rows(self):
        """Give what the next report says, by flow, category, rate and currency.

        :rtype: list[dict]
        """
        self.ensure_one()
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT flow, category, rate, currency.name AS currency,
                       count(DISTINCT source_key) AS count,
                       sum(basis_currency) AS basis_currency,
                       sum(basis) AS basis, sum(tax) AS tax, sum(amount) AS amount
                  FROM fr_ereporting_item AS item
                  JOIN res_currency AS currency ON currency.id = item.currency_id
                 WHERE period_id = %s AND is_live AND exclusion IS NULL
                       AND held_reason IS NULL
                 GROUP BY flow, category, rate, currency.name
                 ORDER BY flow, category, rate DESC, currency.name
                """,
                self.id,
            )
        )

    # === Cron === #

    @api.model
    def _cron_ereporting(self):
        """Every day: make periods ahead, take up operations, prepare what is due."""
        cron = self.env["ir.cron"]
        for company in self.env["res.company"].search(
            [("fr_ereporting_from", "!=", False)]
        ):
            if not company._fr_has_ereporting():
                continue
            self = company._usage_at_home(self)
            today = company._usage_get_today()
            self._ensure(company, today + timedelta(days=AHEAD_DAYS))
            self.env["fr.ereporting.collector"]._collect(company, commit=True)
            self.search(
                [("company_id", "=", company.id), ("date_start", "<=", today)]
            )._refresh_state()
            cron._commit_progress(0)
            due = self.search(
                [
                    ("company_id", "=", company.id),
                    ("date_end", "<", today),
                    ("state", "in", ("to_send", "rectify")),
                ],
                order="deadline, id",
            )
            for period in due:
                period._make_report()._send_if_wanted()
                cron._commit_progress(1)
