from odoo import api, fields, models
from odoo.exceptions import UserError

from ..metering_bridge import Store

BATCH_STATES = [
    ("new", "New"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("superseded", "Replaced"),
]


class UsageBatch(models.Model):
    """One delivery of usage events: a file, a page, a call.

    The batch and its events are stored in one transaction: a batch that is done has all
    its rows accepted, recognised as duplicates, quarantined or ignored, and no other
    batch has half of them.
    """

    _name = "usage.batch"
    _description = "Usage Batch"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True)
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        default=lambda self: self.env.company,
    )
    state = fields.Selection(
        BATCH_STATES,
        required=True,
        default="new",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    correction_id = fields.Many2one(
        "usage.correction", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    reason = fields.Char(
        readonly=True, help="Why the events of a correction were corrected."
    )
    is_replay = fields.Boolean(
        readonly=True,
        help="Rows of earlier batches, sent again from the quarantine. Their first "
        "batch counts them among the rows read.",
    )

    # what was delivered
    scope = fields.Char(
        readonly=True,
        help="What the delivery covers, for sources that replace: billing month and "
        "account, for example.",
    )
    version = fields.Char(readonly=True, help="Version of the scope.")
    file_name = fields.Char(readonly=True)
    attachment_id = fields.Many2one(
        "ir.attachment", readonly=True, ondelete="set null", copy=False
    )
    content_sha256 = fields.Char(
        string="Content Hash", readonly=True, copy=False, index="btree_not_null"
    )
    received_at = fields.Datetime(
        required=True, readonly=True, copy=False, default=fields.Datetime.now
    )
    duration_s = fields.Float(
        string="Duration (s)", readonly=True, copy=False, aggregator=None
    )
    superseded_by_id = fields.Many2one(
        "usage.batch",
        string="Replaced by",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
    )

    # what became of it
    rows_read = fields.Integer(required=True, readonly=True, copy=False, default=0)
    accepted_count = fields.Integer(
        string="Accepted", required=True, readonly=True, copy=False, default=0
    )
    duplicate_count = fields.Integer(
        string="Duplicates",
        required=True,
        readonly=True,
        copy=False,
        default=0,
        help="Rows that were known already, with the same content: nothing to do.",
    )
    quarantined_count = fields.Integer(
        string="Quarantined",
        required=True,
        readonly=True,
        copy=False,
        default=0,
        help="Rows held at arrival. How many still wait is the count of open ones.",
    )
    ignored_count = fields.Integer(
        string="Ignored",
        required=True,
        readonly=True,
        copy=False,
        default=0,
        help="Left out by a mapping rule.",
    )
    quarantine_ids = fields.One2many("usage.quarantine", "batch_id")
    open_quarantine_count = fields.Integer(
        string="Still Quarantined", compute="_compute_open_quarantine_count"
    )

    _counts_add_up = models.Constraint(
        "CHECK(state = 'new' OR state = 'failed' OR rows_read = "
        "accepted_count + duplicate_count + quarantined_count + ignored_count)",
        "Every row read is accepted, a duplicate, quarantined or ignored.",
    )
    _scope_index = models.Index("(source_id, scope) WHERE scope IS NOT NULL")
    # who makes a meter asks for the newest, see recounting; all but free to write
    _write_date_index = models.Index(
        "USING brin (write_date) WITH (pages_per_range = 32, autosummarize = on)"
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("quarantine_ids.state")
    def _compute_open_quarantine_count(self):
        counts = dict(
            self.env["usage.quarantine"]._read_group(
                [("batch_id", "in", self.ids), ("state", "=", "open")],
                ["batch_id"],
                ["__count"],
            )
        )
        for batch in self:
            batch.open_quarantine_count = counts.get(batch, 0)

    # ------------------------------------------------------------------
    # unlink
    # ------------------------------------------------------------------
    @api.ondelete(at_uninstall=False)
    def _unlink_except_delivered(self):
        for batch in self:
            if batch.rows_read:
                raise UserError(
                    self.env._(
                        "Batch %(batch)s holds usage and cannot be deleted.",
                        batch=batch.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_events(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(batch)s", batch=self.name),
            "res_model": "usage.event",
            "view_mode": "list,pivot,form",
            "domain": [("batch_id", "=", self.id)],
        }

    def action_view_quarantine(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "usage_billing.usage_quarantine_action"
        )
        return {
            **action,
            "domain": [("batch_id", "=", self.id)],
            "context": {"search_default_group_reason": 1},
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _store(self):
        """The event store of the company in force.

        :rtype: odoo.addons.usage_billing.metering_bridge.Store
        """
        return Store(self.env, self.env.company)

    def _append(self, rows, hold=None, report=False, rollups=True):
        """Store events as this batch; see ``Store.append``."""
        self.ensure_one()
        store = self.with_company(self.company_id)._store()
        return store.append(self, rows, hold, report, rollups)

    def _add_result(self, result, duration_s):
        """Count the result of an append and close the batch.

        :param metering.AppendResult result: of rows of this batch
        """
        self.ensure_one()
        self.write(
            {
                "state": "done",
                "rows_read": self.rows_read + result.rows,
                "accepted_count": self.accepted_count + result.accepted,
                "duplicate_count": self.duplicate_count + result.duplicate,
                "quarantined_count": self.quarantined_count + result.quarantined_count,
                "duration_s": self.duration_s + duration_s,
            }
        )

    def _add_ignored(self, count):
        """Count rows that a mapping rule left out before the store saw them."""
        self.ensure_one()
        self.write(
            {
                "rows_read": self.rows_read + count,
                "ignored_count": self.ignored_count + count,
            }
        )

    def _supersede(self):
        """Let this batch take the place of the other versions of its scope.

        Their events stay stored and visible, but count in no quantity any more; the
        rollups they were in are made again. For sources that replace.

        :return: the batches that were replaced
        """
        self.ensure_one()
        replaced = self.search(
            [
                ("source_id", "=", self.source_id.id),
                ("scope", "=", self.scope),
                ("state", "=", "done"),
                ("id", "!=", self.id),
                ("is_replay", "=", False),
            ]
        )
        if not (self.scope and replaced):
            return self.browse()
        replays = self.env["usage.quarantine"].search(
            [("batch_id", "in", replaced.ids), ("replay_batch_id", "!=", False)]
        )
        self.env["usage.quarantine"].search(
            [("batch_id", "in", replaced.ids), ("state", "=", "open")]
        )._set_ignored(self.env._("Replaced by %(batch)s", batch=self.name))
        (replaced | replays.replay_batch_id).write(
            {"state": "superseded", "superseded_by_id": self.id}
        )
        self._store().supersede(replaced | replays.replay_batch_id)
        return replaced
