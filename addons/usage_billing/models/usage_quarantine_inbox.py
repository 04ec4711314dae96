from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import messages
from ..fields_exact import Exact
from .usage_quarantine_cause import BY_SUBJECT

#: reasons that a person can clear away from the inbox
FIXABLE = (*BY_SUBJECT, "unknown_meter", "unknown_unit")


class UsageQuarantineInbox(models.Model):
    """Causes with what waits for them now: the page on which somebody decides.

    The same ids as ``usage.quarantine.cause``. Counted when it is read, from the rows
    that are open or ignored; replayed ones are history and cost nothing here.
    """

    _name = "usage.quarantine.inbox"
    _description = "Usage Inbox"
    _auto = False
    _log_access = False
    _order = "open_count desc, id desc"
    _rec_name = "what"

    company_id = fields.Many2one("res.company", readonly=True)
    source_id = fields.Many2one("usage.source", readonly=True)
    reason_code = fields.Selection(
        lambda self: (
            self.env["usage.quarantine"]
            ._fields["reason_code"]
            ._description_selection(self.env)
        ),
        string="Reason",
        readonly=True,
    )
    what = fields.Char(string="About", readonly=True)
    open_count = fields.Integer(string="Rows", readonly=True, aggregator="sum")
    ignored_count = fields.Integer(string="Ignored", readonly=True, aggregator="sum")
    first_seen = fields.Datetime(readonly=True, help="Arrival of the first row.")
    last_seen = fields.Datetime(readonly=True, help="Arrival of the newest row.")
    usage_from = fields.Datetime(readonly=True, help="When the usage happened: first.")
    usage_to = fields.Datetime(readonly=True, help="When the usage happened: last.")
    is_muted = fields.Boolean(string="Ignored from Now on", readonly=True)
    mute_reason = fields.Char(string="Why Ignored", readonly=True)
    suggested_subscription_id = fields.Many2one("usage.subscription", readonly=True)
    suggested_meter_id = fields.Many2one("usage.meter", readonly=True)
    suggested_name = fields.Char(readonly=True)
    suggestion_score = fields.Integer(readonly=True, aggregator=None)
    stake_amount = Exact(string="Amount at Stake", readonly=True)
    stake_currency_id = fields.Many2one("res.currency", readonly=True)
    stake_basis = fields.Json(readonly=True)
    progress = fields.Integer(
        readonly=True,
        aggregator=None,
        help="Per cent done of a decision that is worked on in the background.",
    )

    headline = fields.Char(compute="_compute_texts", string="What It Is")
    suggestion = fields.Char(
        compute="_compute_texts", help="What the closest known name stands for."
    )
    stake_text = fields.Char(compute="_compute_texts", string="At Stake")
    stake_note = fields.Char(compute="_compute_texts")
    advice = fields.Char(compute="_compute_texts", help="What to do, in one sentence.")
    can_accept = fields.Boolean(compute="_compute_texts")
    can_fix = fields.Boolean(compute="_compute_texts")
    row_ids = fields.Many2many("usage.quarantine", compute="_compute_rows")
    decision_ids = fields.Many2many(
        "usage.quarantine.decision", compute="_compute_decisions"
    )

    _depends = {
        "usage.quarantine": ["cause_id", "state", "event_time", "create_date"],
        "usage.quarantine.cause": [
            "company_id",
            "source_id",
            "reason_code",
            "what",
            "is_muted",
            "mute_reason",
            "suggested_subscription_id",
            "suggested_meter_id",
            "suggested_name",
            "suggestion_score",
            "stake_amount",
            "stake_currency_id",
            "stake_basis",
        ],
        "usage.quarantine.decision": [
            "state",
            "done_count",
            "total_count",
            "cause_ids",
        ],
    }

    def init(self):
        """Rows of an older database get their cause."""
        self.env["usage.quarantine.cause"]._assign()

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT c.id, c.company_id, c.source_id, c.reason_code, c.what,
                   q.open_count::int, q.ignored_count::int, q.first_seen, q.last_seen,
                   q.usage_from, q.usage_to, c.is_muted, c.mute_reason,
                   c.suggested_subscription_id, c.suggested_meter_id, c.suggested_name,
                   c.suggestion_score, c.stake_amount, c.stake_currency_id,
                   c.stake_basis, d.progress
              FROM usage_quarantine_cause c
              JOIN (SELECT cause_id,
                           count(*) FILTER (WHERE state = 'open') AS open_count,
                           count(*) FILTER (WHERE state = 'ignored') AS ignored_count,
                           min(create_date) AS first_seen,
                           max(create_date) AS last_seen,
                           min(event_time) AS usage_from,
                           max(event_time) AS usage_to
                      FROM usage_quarantine
                     WHERE state IN ('open', 'ignored')
                     GROUP BY cause_id) q ON q.cause_id = c.id
              LEFT JOIN (SELECT r.cause_id,
                                min(100 * d.done_count / greatest(d.total_count, 1))
                                    AS progress
                           FROM usage_quarantine_decision d
                           JOIN usage_quarantine_decision_cause_rel r
                             ON r.decision_id = d.id
                          WHERE d.state = 'running'
                          GROUP BY r.cause_id) d ON d.cause_id = c.id
            """
        )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("reason_code", "what", "source_id")
    def _compute_display_name(self):
        for cause in self:
            cause.display_name = cause.headline

    @api.depends("reason_code", "what", "suggested_subscription_id", "open_count")
    @api.depends_context("lang")
    def _compute_texts(self):
        for cause in self:
            cause.headline = cause._get_headline()
            meter, subscription = (
                cause.suggested_meter_id,
                cause.suggested_subscription_id,
            )
            is_guess = cause.reason_code in ("unknown_subject", "unknown_meter")
            cause.suggestion = (meter or subscription).display_name if is_guess else ""
            cause.can_accept = bool(cause.open_count and cause.suggestion)
            cause.can_fix = bool(cause.open_count and cause.reason_code in FIXABLE)
            cause.advice = cause._get_advice()
            cause.stake_note = self.env["usage.quarantine.cause"]._say_basis(
                cause.stake_basis
            )
            cause.stake_text = (
                messages.amounts(
                    self.env, [(cause.stake_currency_id, cause.stake_amount)]
                )
                if cause.stake_amount is not None and cause.stake_currency_id
                else ""
            )

    def _get_headline(self):
        what = self.what or self.source_id.name or ""
        said = self.env["usage.quarantine"]._say_detail(self.reason_code, what)
        sentences = {
            "unknown_subject": self.env._("Who is “%(what)s”?", what=what),
            "unknown_meter": self.env._("No meter counts “%(what)s”", what=what),
            "before_start": self.env._(
                "“%(what)s” was used before its start", what=what
            ),
            "after_end": self.env._("“%(what)s” was used after its end", what=what),
            "no_period": self.env._("“%(what)s” has no period at that time", what=what),
            "future": self.env._("Dates in the future from %(what)s", what=what),
            "conflict": self.env._("Same id, other content from %(what)s", what=what),
            "currency": self.env._("Other currency: %(what)s", what=said),
            "invalid_value": self.env._("Unusable values from %(what)s", what=what),
            "invalid_time": self.env._("Unreadable times from %(what)s", what=what),
            "missing_field": self.env._("Missing: %(what)s", what=said),
            "unknown_unit": self.env._("Unknown unit: %(what)s", what=what),
            "unreadable": self.env._("Unreadable rows from %(what)s", what=what),
            "late": self.env._("Older than allowed, from %(what)s", what=what),
            "archived": self.env._("Of archived months, from %(what)s", what=what),
            "id_time": self.env._("Ids with another time, from %(what)s", what=what),
        }
        return sentences.get(self.reason_code, what)

    def _get_advice(self):
        sentences = {
            "unknown_subject": self.env._("Say whose it is: all rows become usage."),
            "unknown_meter": self.env._(
                "Make a meter, or say which type of event is meant."
            ),
            "before_start": self.env._(
                "Let the subscription start earlier, or ignore."
            ),
            "after_end": self.env._("Let the subscription last longer, or ignore."),
            "no_period": self.env._("Let the subscription cover that time, or ignore."),
            "future": self.env._(
                "They become usage by themselves when their time has come."
            ),
            "conflict": self.env._(
                "What came first counts. Ignore these, or have the source send a "
                "correction under a new id."
            ),
            "currency": self.env._(
                "The plan is in another currency: change the plan or ignore."
            ),
            "unknown_unit": self.env._("Say how much it is in the unit of the meter."),
            "late": self.env._(
                "Allow older events on the form of the source and send these again, or "
                "ignore."
            ),
            "archived": self.env._(
                "Bring the month back under Configuration, Months of Events, then send "
                "these again."
            ),
            "id_time": self.env._(
                "Have the source make its ids at the time of the event, then ignore "
                "these."
            ),
        }
        return sentences.get(
            self.reason_code,
            self.env._(
                "Have the source correct and send them again, then ignore these."
            ),
        )

    def _compute_rows(self):
        for cause in self:
            cause.row_ids = self.env["usage.quarantine"].search(
                [("cause_id", "=", cause.id), ("state", "in", ("open", "ignored"))],
                limit=80,
            )

    def _compute_decisions(self):
        for cause in self:
            cause.decision_ids = self.env["usage.quarantine.decision"].search(
                [("cause_ids", "in", cause.ids)], limit=40
            )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    @api.model
    def action_open(self):
        """Open the page, with suggestions and amounts of today."""
        self.check_access("read")
        self.env["usage.quarantine.cause"].sudo()._assess_stale()  # kept for everybody
        return self.env["ir.actions.act_window"]._for_xml_id(
            "usage_billing.usage_quarantine_inbox_action"
        )

    def action_accept(self):
        """Do what is suggested and send the rows again."""
        self.env["usage.quarantine"].check_access("write")
        guessed = self.filtered("can_accept")
        if not guessed:
            raise UserError(
                self.env._("Nothing is suggested here: open it and say what it is.")
            )
        changes = [cause._accept() for cause in guessed]
        decision = self.env["usage.quarantine.decision"]._decide(
            "replay", causes=guessed._get_causes(), changes="; ".join(changes)
        )
        return decision._get_notification()

    def _accept(self):
        """Create what is suggested.

        :return: sentence of what was created
        """
        self.ensure_one()
        Fix = self.env["usage.quarantine.fix"]
        if self.suggested_meter_id:
            fix = Fix.create(
                {
                    "cause_id": self.id,
                    "meter_choice": "alias",
                    "meter_id": self.suggested_meter_id.id,
                }
            )
        else:
            fix = Fix.create(
                {
                    "cause_id": self.id,
                    "subscription_id": self.suggested_subscription_id.id,
                }
            )
        return fix._apply()

    def action_fix(self):
        """Ask what it is, show what follows, then apply it to all rows."""
        self.ensure_one()
        self.env["usage.quarantine"].check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.headline,
            "res_model": "usage.quarantine.fix",
            "view_mode": "form",
            "target": "new",
            "context": {"default_cause_id": self.id},
        }

    def action_replay(self):
        """Send all waiting rows of these causes again."""
        decision = self.env["usage.quarantine.decision"]._decide(
            "replay", causes=self._get_causes()
        )
        return decision._get_notification()

    def action_ignore(self):
        """Ask why all waiting rows of these causes are left out."""
        self.env["usage.quarantine"].check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ignore"),
            "res_model": "usage.quarantine.ignore",
            "view_mode": "form",
            "target": "new",
            "context": {"default_cause_ids": self.ids},
        }

    def action_take_back(self):
        """Let the ignored rows of these causes wait again."""
        decision = self.env["usage.quarantine.decision"]._decide(
            "take_back", causes=self._get_causes()
        )
        return decision._get_notification()

    def action_view_rows(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.headline,
            "res_model": "usage.quarantine",
            "view_mode": "list,form",
            "domain": [("cause_id", "=", self.id)],
            "context": {"search_default_open": 1},
        }

    def _get_causes(self):
        return self.env["usage.quarantine.cause"].browse(self.ids)
