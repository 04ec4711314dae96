import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import CAPACITIES, CYCLE_MONTHS, CYCLES
from ..splitting.clauses import version_in_force

_logger = logging.getLogger(__name__)


class RevenueShareAgreement(models.Model):
    """A contract by which billed revenue is shared with one or more partners.

    Its terms are in dated versions. Shares are computed from posted invoice lines
    (``revenue.share.item``) and told to each partner in statements, one per period
    and currency.
    """

    _name = "revenue.share.agreement"
    _description = "Revenue Share Agreement"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="Currency of the fixed amounts and caps. Shares are in the currency of "
        "the invoice, with one statement per currency.",
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("ended", "Ended"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )

    # clauses outside the calculation
    capacity = fields.Selection(
        CAPACITIES,
        required=True,
        default="principal",
        tracking=True,
        help="Who sells to the customer. It decides the documents and the ledger "
        "entries of the settlement, not the amount of the shares.",
    )
    applies_to = fields.Selection(
        [
            ("attributed", "Attributed customers only"),
            ("all", "All customers"),
        ],
        string="Applies to",
        required=True,
        default="attributed",
        tracking=True,
    )
    date_basis = fields.Selection(
        [
            ("invoice", "Date of the invoice"),
            ("usage", "First day of the usage"),
        ],
        string="Version and period by",
        required=True,
        default="invoice",
        tracking=True,
        help="Which date of an invoice line decides the version of the terms and the "
        "period of the statement. Lines without usage go by the invoice.",
    )
    cycle = fields.Selection(CYCLES, required=True, default="month", tracking=True)
    due_days = fields.Integer(
        string="Payment term (days)",
        default=30,
        help="Days between sending a statement and the day on which it is due. "
        "Commercial law allows at most 60 days (art. L441-10 C. com.).",
    )
    show_customers = fields.Boolean(
        string="Partner sees customer names",
        tracking=True,
        help="Whether statements name the customer and the invoice of each line.",
    )

    version_ids = fields.One2many(
        "revenue.share.agreement.version", "agreement_id", string="Versions"
    )
    attribution_ids = fields.One2many(
        "revenue.share.attribution", "agreement_id", string="Attributed customers"
    )
    statement_ids = fields.One2many(
        "revenue.share.statement", "agreement_id", string="Statements"
    )
    partner_ids = fields.Many2many(
        "res.partner",
        string="Partners",
        compute="_compute_partner_ids",
        search="_search_partner_ids",
    )
    statement_count = fields.Integer(compute="_compute_counts")
    item_count = fields.Integer(compute="_compute_counts")

    _due_days_not_negative = models.Constraint(
        "CHECK (due_days >= 0)", "A payment term cannot be negative."
    )

    @api.depends("version_ids.rule_ids.partner_id")
    def _compute_partner_ids(self):
        for agreement in self:
            agreement.partner_ids = agreement.version_ids.rule_ids.partner_id

    def _search_partner_ids(self, operator, value):
        return [("version_ids.rule_ids.partner_id", operator, value)]

    def _compute_counts(self):
        statements = dict(
            self.env["revenue.share.statement"]._read_group(
                [("agreement_id", "in", self.ids)], ["agreement_id"], ["__count"]
            )
        )
        items = dict(
            self.env["revenue.share.item"]._read_group(
                [("agreement_id", "in", self.ids)], ["agreement_id"], ["__count"]
            )
        )
        for agreement in self:
            agreement.statement_count = statements.get(agreement, 0)
            agreement.item_count = items.get(agreement, 0)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for agreement in self:
            if agreement.item_count or agreement.statement_count:
                raise UserError(
                    self.env._(
                        "The agreement %(agreement)s already shared revenue and cannot "
                        "be deleted: end it, or archive it.",
                        agreement=agreement.name,
                    )
                )

    # actions

    def action_activate(self):
        """Share what is posted from now on."""
        self.filtered(lambda agreement: agreement.state != "active").state = "active"
        return True

    def action_suspend(self):
        """Stop sharing what is posted, until it is activated again."""
        self.filtered(lambda agreement: agreement.state == "active").state = "suspended"
        return True

    def action_end(self):
        """Stop sharing for good; credit notes still mirror what was shared."""
        self.filtered(lambda agreement: agreement.state != "draft").state = "ended"
        return True

    def action_prepare_statements(self):
        """Prepare a draft statement for every period with shares, and show them."""
        statements = self.env["revenue.share.statement"]
        for agreement in self:
            for period in agreement._get_open_periods():
                statements |= agreement._settle(*period)
        return statements._get_list_action(self.env._("Statements"))

    def action_view_statements(self):
        """Show the statements of the agreements."""
        return self.statement_ids._get_list_action(self.env._("Statements"))

    def action_view_items(self):
        """Show the shared invoice lines of the agreements."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shared revenue"),
            "res_model": "revenue.share.item",
            "view_mode": "list,pivot,form",
            "domain": [("agreement_id", "in", self.ids)],
        }

    # business

    def _get_version(self, day):
        """Return the active version in force on a day, or an empty recordset."""
        self.ensure_one()
        active = self.version_ids.filtered(lambda version: version.state == "active")
        return version_in_force(active, day) or self.version_ids.browse()

    def _get_attribution(self, line, customer, day):
        """Return the attribution that covers an invoice line, or an empty recordset."""
        self.ensure_one()
        for attribution in self.attribution_ids:
            if attribution._covers(line, customer, day):
                return attribution
        return self.attribution_ids.browse()

    def _get_period(self, day):
        """Return (first day, first day after) of the settlement period of a day."""
        self.ensure_one()
        months = CYCLE_MONTHS[self.cycle]
        start = day.replace(month=(day.month - 1) // months * months + 1, day=1)
        return start, start + relativedelta(months=months)

    def _get_open_periods(self, before=None):
        """Return the periods that have shares on no sent statement, oldest first.

        Revenue that came late to a closed period counts for the next open one.

        :param date before: leave out periods that end after this day
        """
        self.ensure_one()
        rows = (
            self.env["revenue.share.item"]
            .sudo()  # the periods to settle are facts of the agreement, not of its user
            ._read_group(
                [
                    ("agreement_id", "=", self.id),
                    ("statement_period_start", "=", False),
                ],
                ["date:day"],
            )
        )
        drafts = self.statement_ids.filtered(lambda s: s.state == "draft")
        told = self.statement_ids.filtered(lambda s: s.state in ("sent", "accepted"))
        closed = set(told.mapped("period_start"))
        days = [fields.Date.to_date(day) for (day,) in rows]
        periods = set()
        for day in days + drafts.mapped("period_start"):
            start, end = self._get_period(day)
            while start in closed and day in days:
                start, end = self._get_period(end)
            periods.add((start, end))
        return sorted(p for p in periods if before is None or p[1] <= before)

    def _settle(self, period_start, period_end):
        """Compute the shares of a period and prepare its draft statements.

        Late items of earlier periods come along. Running it again brings the drafts
        up to date and changes nothing when nothing was posted; a period of which a
        statement was sent is closed, and its late items wait for the next one.

        :param date period_end: first day after the period
        :return: the statements of the period
        """
        self.ensure_one()
        self.lock_for_update(allow_referencing=True)
        statements = self.env["revenue.share.statement"].search(
            [
                ("agreement_id", "=", self.id),
                ("period_start", "=", period_start),
                ("state", "!=", "cancelled"),
            ]
        )
        # Shares are made by settling only, whoever may press the button: hence sudo.
        items_sudo = self.env["revenue.share.item"].sudo()
        if all(statement.state == "draft" for statement in statements):
            items_sudo = items_sudo._take_for_period(self, period_start, period_end)
            missing = items_sudo._share_for_period(self, period_start, period_end)
        else:
            missing = {}
        collected = statements.sudo()._collect(self, period_start, period_end, missing)
        return collected.with_env(self.env)

    def _prepare_ended_periods(self, today):
        """Prepare the drafts of the periods that ended on or before a day."""
        for agreement in self:
            for period in agreement._get_open_periods(before=today):
                agreement._settle(*period)

    # cron

    @api.model
    def _cron_prepare_statements(self):
        """Prepare the drafts of every period that has ended, agreement by agreement."""
        agreements = self.search([("state", "!=", "draft")])
        self.env["ir.cron"]._commit_progress(remaining=len(agreements))
        for agreement in agreements:
            agreement = agreement.company_id._usage_at_home(agreement)
            agreement._prepare_ended_periods(fields.Date.context_today(agreement))
            if not self.env["ir.cron"]._commit_progress(1):
                break
        _logger.info("Revenue share statements: %d agreements seen", len(agreements))
