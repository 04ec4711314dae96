from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools.misc import format_date

from .. import bridge
from ..const import USER_GROUPS
from ..splitting.allocate import half_up
from ..splitting.totals import roll_forward

# From -> to: the only moves a statement makes.
MOVES = {
    "draft": {"sent", "cancelled"},
    "sent": {"accepted"},
    "accepted": set(),
    "cancelled": {"draft"},
}
# What may be written once a statement is with the partner.
OPEN_FIELDS = {"state", "accepted_at", "accepted_by_id"}
MONEY = (
    "amount_opening",
    "amount_shares",
    "amount_credits",
    "amount_total",
    "amount_due",
    "amount_carried",
)


class RevenueShareStatement(models.Model):
    """What one partner earned in one period, in one currency.

    A draft is brought up to date by settling its period; once sent it does not
    change. A negative balance is never due: it is carried to the next statement.
    ``period_end`` is the first day after the period.
    """

    _name = "revenue.share.statement"
    _description = "Revenue Share Statement"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "period_start desc, name desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True, copy=False, default="/")
    agreement_id = fields.Many2one(
        "revenue.share.agreement",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
        check_company=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, readonly=True
    )
    partner_id = fields.Many2one(
        "res.partner", required=True, ondelete="restrict", index=True, readonly=True
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    period_start = fields.Date(string="From", required=True, readonly=True)
    period_end = fields.Date(
        string="Until",
        required=True,
        readonly=True,
        help="First day after the period: it belongs to the next one.",
    )
    period_label = fields.Char(string="Period", compute="_compute_period_label")
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("sent", "Sent"),
            ("accepted", "Accepted"),
            ("cancelled", "Cancelled"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
        index=True,
    )
    sent_at = fields.Datetime(string="Sent on", readonly=True, copy=False)
    due_date = fields.Date(string="Due on", readonly=True, copy=False)
    accepted_at = fields.Datetime(string="Accepted on", readonly=True, copy=False)
    accepted_by_id = fields.Many2one(
        "res.users", string="Accepted by", readonly=True, copy=False
    )

    line_ids = fields.One2many(
        "revenue.share.line", "statement_id", string="Lines", groups=USER_GROUPS
    )
    line_count = fields.Integer(compute="_compute_line_count", compute_sudo=True)

    # amounts, written when the period is settled
    amount_opening = fields.Monetary(
        string="Carried from before",
        readonly=True,
        help="Negative balance of the statement before this one.",
    )
    amount_shares = fields.Monetary(string="Shares", readonly=True)
    amount_credits = fields.Monetary(string="Taken back by credit notes", readonly=True)
    amount_total = fields.Monetary(string="Earned", readonly=True, tracking=True)
    amount_due = fields.Monetary(string="Due", readonly=True)
    amount_carried = fields.Monetary(
        string="Carried forward",
        readonly=True,
        help="Negative balance that the next statement starts with.",
    )
    shortfall_amount = fields.Monetary(
        string="Not covered",
        readonly=True,
        groups=USER_GROUPS,
        help="Part of fixed amounts that the revenue of the period could not pay, "
        "where a rule takes at most what is left.",
    )
    base_amount = fields.Monetary(
        string="Shared revenue",
        readonly=True,
        groups=USER_GROUPS,
        help="Base of all items of the period, for all partners of the agreement.",
    )
    residual_amount = fields.Monetary(
        string="Kept by us",
        readonly=True,
        groups=USER_GROUPS,
        help="What we keep of the shared revenue once all partners have their share.",
    )

    _period_once = models.UniqueIndex(
        "(agreement_id, partner_id, currency_id, period_start) "
        "WHERE state != 'cancelled'",
        "A partner has one statement per agreement, period and currency.",
    )
    _name_once = models.UniqueIndex(
        "(company_id, name) WHERE name != '/'",
        "A statement number is used once in a company.",
    )

    @api.depends("period_start", "period_end")
    @api.depends_context("lang")
    def _compute_period_label(self):
        for statement in self:
            if not statement.period_start or not statement.period_end:
                statement.period_label = False
                continue
            last = statement.period_end - timedelta(days=1)
            statement.period_label = self.env._(
                "%(first)s to %(last)s",
                first=format_date(self.env, statement.period_start),
                last=format_date(self.env, last),
            )

    def _compute_line_count(self):
        counts = dict(
            self.env["revenue.share.line"]._read_group(
                [("statement_id", "in", self.ids)], ["statement_id"], ["__count"]
            )
        )
        for statement in self:
            statement.line_count = counts.get(statement, 0)

    def write(self, vals):
        if set(vals) - OPEN_FIELDS - self._get_thread_fields():
            for statement in self:
                if statement.state in ("sent", "accepted"):
                    raise UserError(
                        self.env._(
                            "The statement %(statement)s was sent and cannot change: "
                            "what comes later goes to the next one.",
                            statement=statement.name,
                        )
                    )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_told(self):
        for statement in self:
            if statement.state != "cancelled":
                raise UserError(
                    self.env._(
                        "The statement %(statement)s cannot be deleted: cancel it "
                        "first, while it is a draft.",
                        statement=statement.name,
                    )
                )

    def _get_thread_fields(self):
        """Return the fields that the chatter and activities write on their own."""
        own = set(self.env["mail.thread"]._fields)
        return own | set(self.env["mail.activity.mixin"]._fields)

    # actions

    def action_send(self):
        """Give drafts to the partner: numbered, dated, and final from now on.

        :raise AccessError: the user is not an approver
        """
        self._check_approver()
        for statement in self.filtered(lambda statement: statement.state == "draft"):
            today = fields.Date.context_today(statement)
            statement.write(
                {
                    "name": statement._get_next_name(),
                    "sent_at": fields.Datetime.now(),
                    "due_date": today + timedelta(days=statement.agreement_id.due_days),
                }
            )
            statement._set_state("sent")
        return True

    def action_accept(self):
        """Record that the partner agrees with the statement."""
        for statement in self.filtered(lambda statement: statement.state == "sent"):
            statement.write(
                {"accepted_at": fields.Datetime.now(), "accepted_by_id": self.env.uid}
            )
            statement._set_state("accepted")
        return True

    def action_cancel(self):
        """Set drafts aside and free their lines for another statement."""
        for statement in self.filtered(lambda statement: statement.state == "draft"):
            statement.line_ids.sudo().write({"statement_id": False})
            statement._set_state("cancelled")
        return True

    def action_refresh(self):
        """Bring drafts up to date with what was posted since."""
        for statement in self.filtered(lambda statement: statement.state == "draft"):
            statement.agreement_id._settle(statement.period_start, statement.period_end)
        return True

    def action_view_lines(self):
        """Show the lines of the statements."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shares"),
            "res_model": "revenue.share.line",
            "view_mode": "list,pivot,form",
            "domain": [("statement_id", "in", self.ids)],
        }

    def action_download_pdf(self):
        """Download the statement as the partner gets it."""
        return self._get_download_action("pdf")

    def action_download_csv(self):
        """Download the lines of the statement as a table."""
        return self._get_download_action("csv")

    def _get_download_action(self, kind):
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/revenue_share/statements/{self.id}/{kind}",
            "target": "self",
        }

    def _get_list_action(self, title):
        action = {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": self._name,
            "view_mode": "list,form,pivot",
            "domain": [("id", "in", self.ids)],
        }
        if len(self) == 1:
            action |= {"view_mode": "form", "res_id": self.id}
        return action

    # business

    def _check_approver(self):
        """Refuse what binds the company to anyone who is not an approver."""
        approver = "usage_billing.group_usage_billing_approver"
        if not self.env.su and not self.env.user.has_group(approver):
            raise AccessError(
                self.env._("Only an approver can send a statement to a partner.")
            )

    def _set_state(self, state):
        """Move to a state, if the life cycle allows it; harmless when already there."""
        for statement in self.filtered(lambda statement: statement.state != state):
            if state not in MOVES[statement.state]:
                states = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "The statement %(statement)s is %(now)s and cannot become "
                        "%(wanted)s.",
                        statement=statement.name,
                        now=states[statement.state],
                        wanted=states[state],
                    )
                )
            statement.state = state

    def _get_next_name(self):
        if self.name != "/":
            return self.name
        number = (
            self.env["ir.sequence"]
            .sudo()  # the approver numbers a document, without rights on sequences
            .with_company(self.company_id)
            .next_by_code(self._name, sequence_date=self.period_start)
        )
        if not number:
            raise UserError(
                self.env._(
                    "There is no sequence to number revenue share statements of "
                    "%(company)s: create one with the code %(code)s.",
                    company=self.company_id.name,
                    code=self._name,
                )
            )
        return number

    @api.model
    def _collect(self, agreement, period_start, period_end, shortfalls):
        """Put the shares of a period that are on no statement on the drafts.

        :param dict shortfalls: (partner, currency) -> amount not covered
        :return: all live statements of the period
        """
        lines = self.env["revenue.share.line"].search(
            [
                ("agreement_id", "=", agreement.id),
                ("statement_id", "=", False),
                "|",
                ("item_id.statement_period_start", "=", period_start),
                "&",
                ("item_id", "=", False),
                ("period_start", "=", period_start),
            ]
        )
        statements = self.search(
            [
                ("agreement_id", "=", agreement.id),
                ("period_start", "=", period_start),
                ("state", "!=", "cancelled"),
            ]
        )
        existing = {(s.partner_id, s.currency_id): s for s in statements}
        groups = defaultdict(lambda: self.env["revenue.share.line"])
        for line in lines:
            groups[line.partner_id, line.currency_id] |= line
        missing = [key for key in {**groups, **shortfalls} if key not in existing]
        created = self.create(
            [
                {
                    "agreement_id": agreement.id,
                    "company_id": agreement.company_id.id,
                    "partner_id": partner.id,
                    "currency_id": currency.id,
                    "period_start": period_start,
                    "period_end": period_end,
                }
                for partner, currency in missing
            ]
        )
        existing.update(zip(missing, created, strict=True))
        for key, own in groups.items():
            own.write({"statement_id": existing[key].id})
        statements |= created
        for key, statement in existing.items():
            if statement.state == "draft":
                statement.shortfall_amount = shortfalls.get(key, 0)
        statements._refresh_amounts()
        return statements

    def _refresh_amounts(self):
        """Write the totals of drafts from their lines."""
        sums = defaultdict(float)
        for statement, kind, amount in self.env["revenue.share.line"]._read_group(
            [("statement_id", "in", self.ids)],
            ["statement_id", "kind"],
            ["amount:sum"],
        ):
            sums[statement, kind == "reversal"] += amount
        for statement in self.filtered(lambda statement: statement.state == "draft"):
            places = statement.currency_id.decimal_places
            shares, credits, opening = (
                half_up(bridge.to_decimal(amount), places)
                for amount in (
                    sums[statement, False],
                    sums[statement, True],
                    statement._get_previous().amount_carried,
                )
            )
            closing = roll_forward(opening, shares, credits, 0, 0)
            base, shared = statement._get_period_totals()
            statement.write(
                {
                    "amount_opening": opening,
                    "amount_shares": shares,
                    "amount_credits": credits,
                    "amount_total": shares + credits,
                    "amount_due": max(closing, 0),
                    "amount_carried": min(closing, 0),
                    "base_amount": base,
                    "residual_amount": base - shared,
                }
            )

    def _get_previous(self):
        """Return the statement whose negative balance this one starts with."""
        self.ensure_one()
        return self.search(
            [
                ("agreement_id", "=", self.agreement_id.id),
                ("partner_id", "=", self.partner_id.id),
                ("currency_id", "=", self.currency_id.id),
                ("period_start", "<", self.period_start),
                ("state", "!=", "cancelled"),
            ],
            order="period_start desc",
            limit=1,
        )

    def _get_period_totals(self):
        """Return (base, shares of all partners) of the period in the currency."""
        domain = [
            ("agreement_id", "=", self.agreement_id.id),
            ("currency_id", "=", self.currency_id.id),
        ]
        [[base]] = self.env["revenue.share.item"]._read_group(
            domain + [("statement_period_start", "=", self.period_start)],
            aggregates=["base:sum"],
        )
        [[shared]] = self.env["revenue.share.line"]._read_group(
            domain
            + [
                "|",
                ("item_id.statement_period_start", "=", self.period_start),
                "&",
                ("item_id", "=", False),
                ("period_start", "=", self.period_start),
            ],
            aggregates=["amount:sum"],
        )
        places = self.currency_id.decimal_places
        return tuple(
            half_up(bridge.to_decimal(amount), places) for amount in (base, shared)
        )
