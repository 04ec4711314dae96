from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, config

#: rows done in one transaction, by kind of decision
SLICE = {"replay": 5_000, "ignore": 20_000, "take_back": 20_000}
#: decisions about more rows than this run in the background
AT_ONCE = 5_000

KINDS = [
    ("replay", "Sent again"),
    ("ignore", "Ignored"),
    ("take_back", "Taken back"),
]


class UsageQuarantineDecision(models.Model):
    """What somebody decided about quarantined rows: the trace, and the job for it.

    Rows are done slice by slice; each slice is one transaction and takes rows that no
    other one has, so that several workers may work on one decision, and a killed one is
    finished by the next. A row that is done carries the decision: it is taken once.
    """

    _name = "usage.quarantine.decision"
    _description = "Decision on Quarantined Usage"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    kind = fields.Selection(KINDS, string="Decision", required=True, readonly=True)
    note = fields.Char(string="Why", readonly=True)
    changes = fields.Char(
        string="Changed First",
        readonly=True,
        help="What was created or corrected so that the rows can become usage.",
    )
    cause_ids = fields.Many2many(
        "usage.quarantine.cause",
        "usage_quarantine_decision_cause_rel",
        "decision_id",
        "cause_id",
        readonly=True,
    )
    row_ids = fields.Json(readonly=True, help="Only these rows, when some were chosen.")
    last_row_id = fields.Integer(
        readonly=True, help="Rows that arrived after the decision are not in it."
    )
    state = fields.Selection(
        [("running", "Running"), ("done", "Done")],
        required=True,
        default="running",
        readonly=True,
        index=True,
    )
    total_count = fields.Integer(string="Rows", readonly=True)
    done_count = fields.Integer(string="Done so Far", readonly=True)
    passed_count = fields.Integer(
        string="Became Usage",
        readonly=True,
        help="Rows that are usage now, or were known already.",
    )
    progress = fields.Float(compute="_compute_progress", help="Per cent of the rows.")
    finished_at = fields.Datetime(readonly=True)

    @api.depends("kind", "cause_ids", "total_count")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for decision in self:
            decision.display_name = self.env._(
                "%(kind)s: %(count)s rows",
                kind=kinds.get(decision.kind, ""),
                count=decision.total_count,
            )

    @api.depends("done_count", "total_count", "state")
    def _compute_progress(self):
        for decision in self:
            total = decision.total_count or 1
            decision.progress = 100 * min(decision.done_count, total) / total
            if decision.state == "done":
                decision.progress = 100

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_rows(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": "usage.quarantine",
            "view_mode": "list,form",
            "domain": [("decision_id", "=", self.id)],
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _decide(self, kind, causes=None, rows=None, note=None, changes=None):
        """Decide about all waiting rows of causes, or about some rows.

        Few rows are done before this returns, many in the background.

        :param str kind: "replay", "ignore" (with the note why) or "take_back"
        :param usage.quarantine.cause causes: of one company
        :param usage.quarantine rows: instead of causes
        :return: the decision; empty when there is nothing to decide
        :raise AccessError: the user may not decide
        """
        self.env["usage.quarantine"].check_access("write")
        if rows is not None:
            rows.check_access("write")
        subject = causes if rows is None else rows
        decisions = self.browse()
        for company, part in subject.grouped("company_id").items():
            decision = self.sudo().create(  # written by decisions only
                {
                    "company_id": company.id,
                    "kind": kind,
                    "note": note,
                    "changes": changes,
                    "cause_ids": (part if rows is None else part.sudo().cause_id).ids,
                    "row_ids": None if rows is None else part.ids,
                }
            )
            decision._count()
            decision._start()
            decisions += decision
        return decisions.sudo(False)

    def _count(self):
        """How many rows there are to do, and the last one."""
        self.env["usage.quarantine"].flush_model()
        [[total, last]] = self.env.execute_query(
            SQL("SELECT count(*), max(id) FROM usage_quarantine q %s", self._where())
        )
        self.write({"total_count": total, "last_row_id": last or 0})

    def _where(self):
        """Rows still to do, as SQL on ``q``."""
        state = "ignored" if self.kind == "take_back" else "open"
        if self.row_ids:
            scope = SQL("q.id = ANY(%s)", self.row_ids)
        else:
            scope = SQL("q.cause_id = ANY(%s)", self.cause_ids.ids)
        if self.last_row_id:
            scope = SQL("%s AND q.id <= %s", scope, self.last_row_id)
        return SQL(
            "WHERE q.company_id = %s AND q.state = %s AND %s"
            " AND q.decision_id IS DISTINCT FROM %s",
            self.company_id.id,
            state,
            scope,
            self.id,
        )

    def _start(self):
        if self.total_count <= AT_ONCE:
            while self._slice():
                pass
            return
        for number in range(-(-self.total_count // SLICE[self.kind])):
            self.with_delay(
                channel="root.billing",
                description=self.env._(
                    "Quarantine, %(decision)s, part %(number)s",
                    decision=self.display_name,
                    number=number + 1,
                ),
                identity_key=f"usage_billing.quarantine.{self.id}.{number}",
            )._slice()
        self.env.ref("usage_billing.ir_cron_continue_decisions")._trigger()

    def _slice(self):
        """Do the next rows; the caller commits.

        :return: how many are left
        :rtype: int
        """
        self.ensure_one()
        if self.state == "done":
            return 0
        rows = self._take_rows()
        if rows:
            passed = getattr(self, f"_do_{self.kind}")(rows)
            self.write(
                {
                    "done_count": self.done_count + len(rows),
                    "passed_count": self.passed_count + passed,
                }
            )
        if not rows or self.done_count >= self.total_count:
            self.write({"state": "done", "finished_at": fields.Datetime.now()})
            return 0
        return self.total_count - self.done_count

    def _take_rows(self):
        """Lock the next rows that nobody else works on."""
        self.env["usage.quarantine"].flush_model()
        taken = self.env.execute_query(
            SQL(
                "SELECT q.id FROM usage_quarantine q %s ORDER BY q.id LIMIT %s"
                " FOR NO KEY UPDATE SKIP LOCKED",
                self._where(),
                SLICE[self.kind],
            )
        )
        return self.env["usage.quarantine"].browse(id_ for [id_] in taken)

    def _do_replay(self, rows):
        return rows.with_user(self.create_uid)._replay(self)

    def _do_ignore(self, rows):
        return self._set_state(rows, "ignored", self.note)

    def _do_take_back(self, rows):
        self.cause_ids.write({"is_muted": False, "mute_reason": False})
        return self._set_state(rows, "open", None)

    def _set_state(self, rows, state, reason):
        """One statement for a slice of many rows."""
        self.env.cr.execute(
            SQL(
                """UPDATE usage_quarantine SET state = %s, resolution_reason = %s,
                          resolved_by_id = %s, resolved_at = now() AT TIME ZONE 'UTC',
                          decision_id = %s
                    WHERE id = ANY(%s)""",
                state,
                reason or None,
                None if state == "open" else self.create_uid.id,
                self.id,
                rows.ids,
            )
        )
        self.env["usage.quarantine"].invalidate_model()
        return len(rows)

    @api.model
    def _cron_continue(self):
        """Go on with decisions that no job carries on: killed, or no runner set up."""
        cron = self.env["ir.cron"]
        for decision in self.search([("state", "=", "running")], order="id"):
            while left := decision._slice():
                if not cron._commit_progress(processed=1, remaining=left):
                    return
            cron._commit_progress(processed=1)

    @api.model
    def _is_job_runner_loaded(self):
        """Whether this server loads the job runner."""
        return "queue_job" in (config.get("server_wide_modules") or [])

    # ------------------------------------------------------------------
    # answers to a person
    # ------------------------------------------------------------------
    def _get_notification(self):
        """Say what became of the rows, and reload the list."""
        if not self:
            raise UserError(self.env._("Nothing waits here any more: reload the page."))
        total = sum(self.mapped("total_count"))
        passed = sum(self.mapped("passed_count"))
        kind = "success"
        if any(decision.state == "running" for decision in self):
            message = self.env._(
                "%(total)s rows are worked on in the background: the progress is "
                "under Usage, Decisions.",
                total=total,
            )
        elif self[0].kind == "replay":
            kind = "success" if passed == total else "warning"
            message = self.env._(
                "%(passed)s of %(total)s rows became usage.", passed=passed, total=total
            )
        elif self[0].kind == "ignore":
            message = self.env._("%(total)s rows are ignored.", total=total)
        else:
            message = self.env._(
                "%(total)s rows wait for a decision again.", total=total
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
