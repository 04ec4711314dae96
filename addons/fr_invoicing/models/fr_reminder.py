# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, formatLang

_logger = logging.getLogger(__name__)

SLICE = 50  # customers prepared in one transaction of the job


class FrReminderLevel(models.Model):
    """One step of the dunning: from how many days late, with which text."""

    _name = "fr.reminder.level"
    _description = "Reminder Level"
    _order = "days, id"

    name = fields.Char(required=True, translate=True)
    company_id = fields.Many2one(
        "res.company", index=True, help="Empty: every company without its own levels."
    )
    days = fields.Integer(
        string="Days after the Due Date", required=True, default=5, aggregator=None
    )
    with_penalties = fields.Boolean(
        string="State Penalties",
        help="The reminder names the interest and the 40 EUR. They are charged by a "
        "debit note only.",
    )
    template_id = fields.Many2one(
        "mail.template",
        string="Text",
        required=True,
        domain="[('model', '=', 'fr.reminder')]",
        ondelete="restrict",
    )
    active = fields.Boolean(default=True)

    @api.model
    def _get_levels(self, company):
        """Give the levels of a company, the gentlest first."""
        levels = self.sudo().search([("company_id", "in", (False, company.id))])
        return levels.filtered("company_id") or levels


class FrReminder(models.Model):
    """A reminder to one customer, with the invoices it names: the dated log."""

    _name = "fr.reminder"
    _description = "Payment Reminder"
    _inherit = ["mail.thread", "portal.mixin"]
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", store=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True, index=True
    )
    recipient_id = fields.Many2one("res.partner", string="Sent to", required=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    level_id = fields.Many2one("fr.reminder.level", required=True, ondelete="restrict")
    date = fields.Date(required=True, readonly=True)
    state = fields.Selection(
        [
            ("draft", "To send"),
            ("sent", "Sent"),
            ("failed", "Not sent"),
            ("cancel", "Dropped"),
        ],
        default="draft",
        required=True,
        readonly=True,
        tracking=True,
    )
    sent_at = fields.Datetime(string="Sent on", readonly=True)
    failure = fields.Char(string="Why Not", readonly=True)
    line_ids = fields.One2many("fr.reminder.line", "reminder_id", readonly=True)
    total = fields.Monetary(string="Unpaid", compute="_compute_totals", store=True)
    interest = fields.Monetary(compute="_compute_totals", store=True)
    indemnity = fields.Monetary(compute="_compute_totals", store=True)
    is_provisional = fields.Boolean(
        readonly=True,
        help="A reference rate was not recorded yet: the last known one was taken.",
    )

    @api.depends("partner_id", "level_id", "date")
    def _compute_name(self):
        for reminder in self:
            reminder.name = " – ".join(
                part
                for part in (
                    reminder.level_id.name,
                    reminder.partner_id.name,
                    str(reminder.date or ""),
                )
                if part
            )

    @api.depends("partner_id", "level_id", "date")
    @api.depends_context("lang")
    def _compute_display_name(self):
        """The stored name in the reader's language, its date in words."""
        for reminder in self:
            parts = (
                reminder.level_id.name,
                reminder.partner_id.name,
                reminder.date and format_date(self.env, reminder.date),
            )
            reminder.display_name = " – ".join(part for part in parts if part)

    @api.depends("line_ids.unpaid", "line_ids.interest", "line_ids.indemnity")
    def _compute_totals(self):
        for reminder in self:
            lines = reminder.line_ids
            reminder.total = sum(lines.mapped("unpaid"))
            reminder.interest = sum(lines.mapped("interest"))
            reminder.indemnity = sum(lines.mapped("indemnity"))

    def _compute_access_url(self):
        for reminder in self:
            reminder.access_url = f"/my/reminders/{reminder.id}"

    # === Preparing === #

    @api.model
    @api.private
    def _prepare_for(self, company, today, partners=None, limit=None):
        """Prepare the reminders that are due; nobody is reminded twice of a level.

        :param today: day of the calculation
        :param partners: only these commercial partners
        :param limit: at most so many customers
        :return: reminders in draft
        """
        levels = self.env["fr.reminder.level"]._get_levels(company)
        made = self.browse()
        if not levels:
            return made
        moves = self._find_late(company, today, levels[0], partners)
        sent = self._find_sent(moves)
        for (partner, currency), own in moves.grouped(
            lambda move: (move.commercial_partner_id, move.currency_id)
        ).items():
            level = self._choose_level(own, levels, today, sent)
            if not level or self._is_too_soon(company, partner, level, today):
                continue
            made += self._make(company, partner, currency, level, own, today)
            if limit and len(made) >= limit:
                break
        return made

    def _find_late(self, company, today, first_level, partners):
        """Find the unpaid invoices late enough for the first level."""
        domain = [
            ("company_id", "=", company.id),
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("payment_state", "in", ("not_paid", "partial")),
            ("amount_residual", ">", 0),
            (
                "invoice_date_due",
                "<=",
                fields.Date.subtract(today, days=first_level.days),
            ),
            ("fr_reminder_stop", "=", False),
            ("commercial_partner_id.fr_no_reminder", "=", False),
        ]
        if partners is not None:
            domain.append(("commercial_partner_id", "in", partners.ids))
        moves = self.env["account.move"].search(domain, order="invoice_date_due, id")
        return moves.filtered(lambda move: not move._fr_is_disputed())

    def _find_sent(self, moves):
        """Give the levels each invoice had: {move: {level id}}."""
        found = {}
        lines = self.env["fr.reminder.line"].search(
            [
                ("move_id", "in", moves.ids),
                ("reminder_id.state", "in", ("draft", "sent")),
            ]
        )
        for line in lines:
            found.setdefault(line.move_id, set()).add(line.reminder_id.level_id.id)
        return found

    def _choose_level(self, moves, levels, today, sent):
        """Give the highest level one of the invoices reached and did not have yet."""
        reached = self.env["fr.reminder.level"]
        for move in moves:
            days = (today - move.invoice_date_due).days
            for level in levels:
                if days >= level.days and level.id not in sent.get(move, ()):
                    # a gentler text never follows a firmer one
                    had = levels.filtered(
                        lambda had, move=move: had.id in sent.get(move, ())
                    )
                    if not had or level.days > max(had.mapped("days")):
                        reached |= level
        return max(reached, key=lambda level: level.days, default=None)

    def _is_too_soon(self, company, partner, level, today):
        """Leave some days between two reminders of the same or a gentler level."""
        return bool(
            self.search_count(
                [
                    ("company_id", "=", company.id),
                    ("partner_id", "=", partner.id),
                    ("state", "in", ("draft", "sent")),
                    (
                        "date",
                        ">",
                        fields.Date.subtract(today, days=company.fr_reminder_spacing),
                    ),
                    ("level_id.days", ">=", level.days),
                ],
                limit=1,
            )
        )

    def _make(self, company, partner, currency, level, moves, today):
        late = moves._fr_get_late(today)
        recipient = moves[0].partner_id
        contact = self.env["res.partner"].browse(
            partner.address_get(["invoice"])["invoice"]
        )
        return self.create(
            {
                "company_id": company.id,
                "partner_id": partner.id,
                "recipient_id": (contact if contact.email else recipient).id,
                "currency_id": currency.id,
                "level_id": level.id,
                "date": today,
                "is_provisional": level.with_penalties
                and any(found.is_provisional for found in late.values()),
                "line_ids": [
                    Command.create(
                        {
                            "move_id": move.id,
                            "due": move.invoice_date_due,
                            "days": (today - move.invoice_date_due).days,
                            "unpaid": move.amount_residual,
                            "interest": float(late[move].interest)
                            if level.with_penalties and move in late
                            else 0,
                            "indemnity": float(late[move].indemnity)
                            if level.with_penalties and move in late
                            else 0,
                        }
                    )
                    for move in moves
                ],
            }
        )

    # === Sending === #

    def action_send(self):
        """Send by e-mail; what was paid or disputed meanwhile is left out."""
        for reminder in self.filtered(lambda r: r.state in ("draft", "failed")):
            reminder._send()

    def _send(self):
        self.ensure_one()
        open_lines = self.line_ids.filtered(
            lambda line: (
                line.move_id.amount_residual and not line.move_id._fr_is_disputed()
            )
        )
        (self.line_ids - open_lines).unlink()
        if not open_lines:
            self.write(
                {
                    "state": "cancel",
                    "failure": self.env._("Paid or disputed before it was sent."),
                }
            )
            return
        if not self.recipient_id.email:
            self.write(
                {
                    "state": "failed",
                    "failure": self.env._(
                        "%(partner)s has no e-mail address.",
                        partner=self.recipient_id.display_name,
                    ),
                }
            )
            return
        # the mail leaves by Odoo's outgoing queue, written in this transaction
        self.level_id.template_id.send_mail(
            self.id,
            email_layout_xmlid="mail.mail_notification_light",
        )
        self.write(
            {"state": "sent", "sent_at": fields.Datetime.now(), "failure": False}
        )
        for line in open_lines:
            line.move_id.message_post(
                body=self.env._(
                    "Reminder “%(level)s” sent to %(recipient)s: %(days)s days late, "
                    "%(amount)s unpaid.",
                    level=self.level_id.name,
                    recipient=self.recipient_id.display_name,
                    days=line.days,
                    amount=formatLang(
                        self.env, line.unpaid, currency_obj=self.currency_id
                    ),
                )
            )

    def action_cancel(self):
        """Drop a reminder that was not sent."""
        if any(reminder.state == "sent" for reminder in self):
            raise UserError(self.env._("A reminder that was sent stays in the log."))
        self.write({"state": "cancel"})

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sent(self):
        if any(reminder.state == "sent" for reminder in self):
            raise UserError(self.env._("A reminder that was sent stays in the log."))

    @api.model
    def action_prepare(self):
        """Prepare what is due now and show it."""
        today = fields.Date.context_today(self)
        for company in self.env.companies.filtered(lambda c: c._fr_is_french()):
            self.with_company(company)._prepare_for(company, today)
        return self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_reminder_action"
        )

    @api.model
    def _cron_remind(self):
        """Prepare and send, some customers at a time."""
        companies = self.env["res.company"].search([("fr_reminder_auto", "=", True)])
        for company in companies.filtered(lambda c: c._fr_is_french()):
            local = company._usage_at_home(self)
            today = fields.Date.context_today(local)
            while True:
                made = local._prepare_for(company, today, limit=SLICE)
                made.action_send()
                # committed by the job: killed here, the next night goes on
                if not self.env["ir.cron"]._commit_progress(len(made)) or not made:
                    break
            _logger.info("reminders of %s are up to date", company.name)


class FrReminderLine(models.Model):
    """One late invoice as the reminder told it."""

    _name = "fr.reminder.line"
    _description = "Line of a Payment Reminder"
    _order = "due, id"

    reminder_id = fields.Many2one(
        "fr.reminder", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="reminder_id.company_id", store=True)
    currency_id = fields.Many2one(related="reminder_id.currency_id")
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        ondelete="restrict",
        index=True,
    )
    due = fields.Date(string="Due Date")
    days = fields.Integer(string="Days Late", aggregator=None)
    unpaid = fields.Monetary()
    interest = fields.Monetary()
    indemnity = fields.Monetary()


class AccountMove(models.Model):
    _inherit = "account.move"

    fr_reminder_line_ids = fields.One2many(
        "fr.reminder.line", "move_id", string="Reminders", readonly=True
    )
    fr_reminder_level_id = fields.Many2one(
        "fr.reminder.level", string="Last Reminder", compute="_compute_fr_reminder"
    )

    @api.depends("fr_reminder_line_ids.reminder_id.state")
    def _compute_fr_reminder(self):
        for move in self:
            sent = move.fr_reminder_line_ids.reminder_id.filtered(
                lambda reminder: reminder.state == "sent"
            )
            move.fr_reminder_level_id = sent.sorted("date")[-1:].level_id
