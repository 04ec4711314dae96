from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import ormcache

from .. import row_words
from ..api.events import EventReader
from ..fields_exact import Exact
from ..metering.jsonform import event_from_json
from ..metering.values import EventRow, RejectedRow, UnitRow

REASONS = [
    ("unknown_subject", "Unknown subject"),
    ("unknown_meter", "No meter for this type"),
    ("before_start", "Before the subscription starts"),
    ("after_end", "After the subscription ended"),
    ("no_period", "No billing period"),
    ("future", "In the future"),
    ("conflict", "Same id, other content"),
    ("currency", "Other currency than the subscription"),
    ("invalid_value", "Invalid value"),
    ("invalid_time", "Invalid time"),
    ("late", "Too late"),
    ("archived", "Of a month that is archived"),
    ("id_time", "Time in the id is missing or another"),
    ("missing_field", "Missing field"),
    ("unknown_unit", "Unknown unit"),
    ("unreadable", "Unreadable row"),
]


class UsageQuarantine(models.Model):
    """A row that could not become usage, kept as received until somebody decides.

    What it says never changes. It leaves the quarantine by a replay, when the reason is
    gone, by being ignored for a reason that a person gives, or because its event came
    again, corrected, and was accepted.
    """

    _name = "usage.quarantine"
    _description = "Quarantined Usage"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    batch_id = fields.Many2one(
        "usage.batch",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    row_number = fields.Integer(string="Row", readonly=True, aggregator=None)

    # the event, as far as it could be read
    event_id = fields.Char(readonly=True)
    subject = fields.Char(readonly=True, index="btree_not_null")
    event_type = fields.Char(string="Type", readonly=True)
    event_time = fields.Datetime(string="Time", readonly=True)
    amount_at_stake = Exact(
        readonly=True, help="Amount the event brings with it, where it brings one."
    )
    raw = fields.Text(readonly=True, help="As received.")
    is_event = fields.Boolean(
        readonly=True, help="The row could be read; only its match is missing."
    )
    dedupe_key = fields.Char(readonly=True)

    reason_code = fields.Selection(
        REASONS, string="Reason", required=True, readonly=True, index=True
    )
    detail = fields.Char(readonly=True, help="What is wrong, as it was noted.")
    detail_text = fields.Char(
        string="What Is Wrong",
        compute="_compute_detail_text",
        help="In the language of the reader.",
    )
    cause_id = fields.Many2one(
        "usage.quarantine.cause",
        readonly=True,
        check_company=True,
        ondelete="restrict",
        help="Rows held for the same reason and the same name wait together.",
    )
    decision_id = fields.Many2one(
        "usage.quarantine.decision",
        string="Last Decision",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Who last decided on this row, and what became of it.",
    )
    state = fields.Selection(
        [
            ("open", "Open"),
            ("replayed", "Replayed"),
            ("ignored", "Ignored"),
            ("superseded", "Sent Again"),
        ],
        required=True,
        default="open",
        readonly=True,
        index=True,
    )
    story_html = fields.Html(
        string="Story", compute="_compute_story_html", sanitize=False
    )
    resolution_reason = fields.Char(string="Decision", readonly=True)
    resolved_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    resolved_at = fields.Datetime(readonly=True)
    replay_batch_id = fields.Many2one(
        "usage.batch",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )

    # A row sent again while it waits, or after it was ignored, is not held twice.
    _held_once = models.UniqueIndex(
        "(company_id, source_id, dedupe_key) "
        "WHERE dedupe_key IS NOT NULL AND state IN ('open', 'ignored')"
    )
    _waiting = models.Index("(cause_id, id) WHERE state = 'open'")
    _left_out = models.Index("(cause_id, id) WHERE state = 'ignored'")

    @api.depends_context("lang")
    @api.depends("reason_code", "row_number", "event_id")
    def _compute_display_name(self):
        reasons = dict(self._fields["reason_code"]._description_selection(self.env))
        for row in self:
            row.display_name = self.env._(
                "%(reason)s: %(event)s",
                reason=reasons.get(row.reason_code, ""),
                event=row.event_id or row.row_number,
            )

    @api.depends_context("lang")
    @api.depends("reason_code", "detail")
    def _compute_detail_text(self):
        for row in self:
            row.detail_text = self._say_detail(row.reason_code, row.detail)

    @api.depends_context("lang", "tz")
    @api.depends("state", "reason_code", "detail", "decision_id")
    def _compute_story_html(self):
        Story = self.env["usage.event.story"]
        for row in self:
            row.story_html = Story._render(Story._get_held_steps(row))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Quarantined usage is not deleted: replay it or ignore it.")
        )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_replay(self):
        """Send the open rows through the store again.

        Those that pass are marked replayed; the others stay open with what holds them
        now.

        :return: notification with the counts
        """
        decision = self.env["usage.quarantine.decision"]._decide("replay", rows=self)
        return decision._get_notification()

    def action_ignore(self):
        """Ask why these rows are left out for good."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ignore"),
            "res_model": "usage.quarantine.ignore",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_quarantine_ids": self.filtered(
                    lambda row: row.state == "open"
                ).ids
            },
        }

    def action_take_back(self):
        """Let ignored rows wait for a decision again."""
        decision = self.env["usage.quarantine.decision"]._decide("take_back", rows=self)
        return decision._get_notification()

    def action_view_story(self):
        """Everything known about the event, on one page."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.event_id or self.display_name,
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _prepare_replay_row(self):
        """The event to send again.

        Add-ons that keep rows as their source wrote them override this and read the row
        with the mapping of today.

        :return: EventRow, or None while the row cannot be read
        """
        self.ensure_one()
        if self.is_event:
            return event_from_json(self.raw, self.row_number)
        if self.reason_code != "unknown_unit":
            return None
        return self._read_with_unit()

    def _read_with_unit(self):
        """The event of a row held for its unit, None while that is not known."""
        reader = EventReader(EventRow, RejectedRow, unit_row=UnitRow)
        try:
            [row] = reader.read(self.raw.encode(), "application/x-ndjson").rows
        except ValueError:
            return None
        [row] = self.env["usage.alias"]._in_source_units(
            self.company_id.id, self.source_id.id, [row]
        )
        return row if type(row) is EventRow else None

    @api.model
    def _say_detail(self, code, detail, lang=None):
        """What is wrong with a row, in the language of the reader.

        :param str code: reason; :param str detail: as it was noted
        :param str lang: another language than the environment's, such as "fr_FR"
        """
        return self._get_row_words().say(code, detail, lang or self.env.lang or "en_US")

    @api.model
    @ormcache()
    def _get_row_words(self):
        return row_words.RowWords(self._get_row_sentences())

    @api.model
    def _get_row_sentences(self):
        """All sentences that rows are held with.

        Add-ons that hold rows with sentences of their own add them.

        :rtype: list[LazyGettext]
        """
        return list(row_words.SENTENCES)

    def _set_ignored(self, reason):
        """Leave open rows out for good.

        :param str reason: why, shown to the auditor
        """
        self.filtered(lambda row: row.state == "open").sudo().write(
            {
                "state": "ignored",
                "resolution_reason": reason,
                "resolved_by_id": self.env.uid,
                "resolved_at": fields.Datetime.now(),
            }
        )
