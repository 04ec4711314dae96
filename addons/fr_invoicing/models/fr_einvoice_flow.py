# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib
import uuid
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import mute_logger

from ..transmission import delivery
from ..transmission_words import NEXT, error_text

STATES = [
    ("waiting", "Waiting"),
    ("sending", "Answer Unknown"),
    ("sent", "Handed Over"),
    ("accepted", "Accepted"),
    ("rejected", "Rejected"),
    ("held", "To Solve"),
    ("cancelled", "Cancelled"),
    ("received", "Received"),
    ("processed", "Processed"),
    ("failed", "Not Processed"),
]
OPEN = (delivery.WAITING, delivery.SENDING, delivery.HELD)
PROBLEMS = (delivery.HELD, delivery.REJECTED, delivery.FAILED)
LIVE = (delivery.WAITING, delivery.SENDING, delivery.SENT, delivery.ACCEPTED)
#: never changes once written
IDENTITY = (
    "company_id",
    "platform_id",
    "direction",
    "kind",
    "tracking_id",
    "request_id",
    "sha256",
    "size",
    "syntax",
    "filename",
    "content",
)
MAX_NAME = 255

#: the database's own guard, for what does not pass by the ORM
GUARD = """
CREATE OR REPLACE FUNCTION fr_einvoice_flow_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a transmitted document is kept (flow %)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.company_id, NEW.platform_id, NEW.direction, NEW.kind, NEW.tracking_id,
        NEW.request_id, NEW.sha256, NEW.size, NEW.syntax, NEW.filename)
       IS DISTINCT FROM
       (OLD.company_id, OLD.platform_id, OLD.direction, OLD.kind, OLD.tracking_id,
        OLD.request_id, OLD.sha256, OLD.size, OLD.syntax, OLD.filename)
       OR (OLD.remote_id IS NOT NULL AND NEW.remote_id IS DISTINCT FROM OLD.remote_id)
       OR (OLD.move_id IS NOT NULL AND NEW.move_id IS DISTINCT FROM OLD.move_id)
    THEN
        RAISE EXCEPTION 'a document in the outbox does not change (flow %)', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state IS DISTINCT FROM OLD.state AND (
        OLD.state IN ('rejected', 'cancelled', 'processed')
        OR (OLD.state = 'sent' AND NEW.state NOT IN ('accepted', 'rejected'))
        OR (OLD.state = 'accepted' AND NEW.state <> 'rejected')
    ) THEN
        RAISE EXCEPTION 'flow % does not go from % back to %',
            OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS fr_einvoice_flow_guard ON fr_einvoice_flow;
CREATE TRIGGER fr_einvoice_flow_guard BEFORE UPDATE OR DELETE ON fr_einvoice_flow
FOR EACH ROW EXECUTE FUNCTION fr_einvoice_flow_guard();
"""


class FrEinvoiceFlow(models.Model):
    """A document exchanged with an approved platform: its bytes, what became of them.

    Outgoing rows are written in the transaction that issues the document and sent
    later by the exchange (fr_platform_exchange.py). Incoming rows keep what the
    platform delivered, byte for byte. The file never changes; states move only as
    transmission/delivery.py allows, which a trigger repeats in the database.
    """

    _name = "fr.einvoice.flow"
    _description = "Transmitted Document"
    _order = "id desc"
    _rec_name = "filename"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _check_company_auto = True

    # identity
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    platform_id = fields.Many2one(
        "fr.platform",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    direction = fields.Selection(
        [("out", "Outgoing"), ("in", "Incoming")], required=True, readonly=True
    )
    kind = fields.Selection(
        [
            ("invoice", "Invoice"),
            ("status", "Status"),
            ("report", "E-reporting"),
            ("other", "Other"),
        ],
        required=True,
        readonly=True,
    )
    tracking_id = fields.Char(
        string="Tracking ID",
        readonly=True,
        help="Our own key of the document, kept by the platform too.",
    )
    request_id = fields.Char(string="Request ID", readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )
    record_model = fields.Char(readonly=True)
    record_id = fields.Many2oneReference(model_field="record_model", readonly=True)
    supplier_key = fields.Char(readonly=True, copy=False)

    # the file
    filename = fields.Char(string="File", required=True, readonly=True)
    syntax = fields.Char(string="Format", required=True, readonly=True)
    flow_type = fields.Char(string="Type", readonly=True)
    processing_rule = fields.Char(readonly=True)
    profile = fields.Char(readonly=True)
    content = fields.Binary(
        string="Document", attachment=True, readonly=True, copy=False
    )
    sha256 = fields.Char(string="SHA-256", required=True, readonly=True)
    size = fields.Integer(readonly=True)

    # what becomes of it
    state = fields.Selection(
        STATES, required=True, readonly=True, index=True, tracking=True
    )
    remote_id = fields.Char(
        string="ID at the Platform", readonly=True, copy=False, index="btree_not_null"
    )
    attempt_count = fields.Integer(string="Attempts", readonly=True, copy=False)
    attempted_at = fields.Datetime(string="Last Attempt", readonly=True, copy=False)
    next_attempt_at = fields.Datetime(string="Next Attempt", readonly=True, copy=False)
    handed_over_at = fields.Datetime(string="Handed Over on", readonly=True, copy=False)
    answered_at = fields.Datetime(string="Answered on", readonly=True, copy=False)
    asked_at = fields.Datetime(readonly=True, copy=False)
    error_code = fields.Char(readonly=True, copy=False)
    error_facts = fields.Json(readonly=True, copy=False)
    error = fields.Text(string="Reason", compute="_compute_error")
    answer = fields.Json(readonly=True, copy=False)
    deadline_at = fields.Datetime(
        string="Deadline", readonly=True, help="When it should have been handed over."
    )
    attempt_ids = fields.One2many("fr.einvoice.flow.attempt", "flow_id", readonly=True)

    # for lists
    is_open = fields.Boolean(compute="_compute_flags", search="_search_is_open")
    is_problem = fields.Boolean(compute="_compute_flags", search="_search_is_problem")
    is_late = fields.Boolean(
        string="Late", compute="_compute_flags", search="_search_is_late"
    )
    next_action = fields.Char(
        string="What to Do", compute="_compute_error", help="The next step."
    )
    partner_id = fields.Many2one(related="move_id.partner_id", string="Partner")

    _tracking_unique = models.Constraint(
        "UNIQUE (company_id, tracking_id)",
        "A document is in the outbox once.",
    )
    _remote_unique = models.UniqueIndex(
        "(platform_id, remote_id) WHERE remote_id IS NOT NULL",
        "A document of the platform is kept once.",
    )
    _invoice_unique = models.UniqueIndex(
        "(move_id) WHERE direction = 'out' AND kind = 'invoice'"
        " AND state NOT IN ('rejected', 'cancelled')",
        "An invoice is transmitted once.",
    )
    _supplier_unique = models.UniqueIndex(
        "(company_id, supplier_key) WHERE supplier_key IS NOT NULL",
        "A supplier's invoice becomes a bill once.",
    )
    _due_idx = models.Index(
        "(platform_id, next_attempt_at, id) WHERE state IN ('waiting', 'sending')"
    )

    def init(self):
        """Put the guard on the table."""
        self.env.cr.execute(GUARD)

    # === Compute === #

    @api.depends("error_code", "error_facts", "state")
    @api.depends_context("lang")
    def _compute_error(self):
        for flow in self:
            flow.error = error_text(self.env, flow.error_code, flow.error_facts)
            sentence = NEXT.get(flow.state)
            flow.next_action = self.env._(sentence) if sentence else False

    @api.depends("state", "deadline_at")
    def _compute_flags(self):
        now = fields.Datetime.now()
        for flow in self:
            flow.is_open = flow.direction == "out" and flow.state in OPEN
            flow.is_problem = flow.state in PROBLEMS
            flow.is_late = (
                flow.is_open and bool(flow.deadline_at) and flow.deadline_at < now
            )

    def _search_is_open(self, operator, value):
        domain = [("direction", "=", "out"), ("state", "in", OPEN)]
        return _positive(operator, value, domain)

    def _search_is_problem(self, operator, value):
        return _positive(operator, value, [("state", "in", PROBLEMS)])

    def _search_is_late(self, operator, value):
        domain = [
            ("direction", "=", "out"),
            ("state", "in", OPEN),
            ("deadline_at", "<", fields.Datetime.now()),
        ]
        return _positive(operator, value, domain)

    # === Create, write, unlink === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            raw = vals.pop("raw", None)
            if raw is None:
                raise ValidationError(
                    self.env._("A transmitted document cannot be without a file.")
                )
            vals["sha256"] = hashlib.sha256(raw).hexdigest()
            vals["size"] = len(raw)
            vals["_raw"] = raw
        contents = [vals.pop("_raw") for vals in vals_list]
        flows = super().create(vals_list)
        attachments = self.env["ir.attachment"].sudo()  # the field's own files
        attachments.create(
            [
                {
                    "name": flow.filename,
                    "raw": raw,
                    "res_model": self._name,
                    "res_field": "content",
                    "res_id": flow.id,
                    "company_id": flow.company_id.id,
                }
                for flow, raw in zip(flows, contents, strict=True)
            ]
        )
        flows.invalidate_recordset(["content"])
        return flows

    def write(self, vals):
        if changed := [name for name in IDENTITY if name in vals]:
            raise UserError(
                self.env._(
                    "%(flow)s is kept as it was transmitted: %(fields)s cannot change.",
                    flow=self[:1].filename,
                    fields=", ".join(changed),
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        raise UserError(
            self.env._(
                "Transmitted documents are kept: they are evidence of what left."
            )
        )

    def copy_data(self, default=None):
        raise UserError(self.env._("A transmitted document cannot be copied."))

    # === Actions === #

    def action_retry(self):
        """Try again what a person repaired: to be sent, or to be read."""
        self._check_may_act()
        flows = self.sudo()  # nobody writes flows but these methods
        for flow in flows:
            if flow.state == delivery.HELD:
                flow._set_state(delivery.WAITING, next_attempt_at=False)
            elif flow.state == delivery.FAILED:
                flow._set_state(delivery.RECEIVED)
            elif flow.state in (delivery.WAITING, delivery.SENDING):
                flow.next_attempt_at = False
            elif flow.state == delivery.REJECTED and flow.kind == "invoice":
                flow.move_id._fr_transmit()
            else:
                raise UserError(
                    self.env._("There is nothing to try again for %s.", flow.filename)
                )
        flows.platform_id.retry_at = False
        self.env["fr.platform"]._trigger()
        return True

    def action_cancel(self):
        """Take a document out of the outbox before it leaves."""
        self._check_may_act()
        for flow in self.sudo():  # nobody writes flows but these methods
            if not delivery.may_move(flow.state, delivery.CANCELLED):
                raise UserError(
                    self.env._(
                        "%(flow)s may have left: it cannot be cancelled. Make a credit "
                        "note instead.",
                        flow=flow.filename,
                    )
                )
            flow._set_state(delivery.CANCELLED)
        return True

    def action_confirm_sent(self):
        """Say that the platform has it (answer lost, platform cannot be asked)."""
        self._check_may_act()
        for flow in self.sudo().filtered(  # nobody writes flows but these methods
            lambda flow: flow.error_code == "uncertain"
        ):
            flow._set_state(delivery.SENT, handed_over_at=fields.Datetime.now())
        return True

    def action_open_invoice(self):
        """Open the invoice or bill."""
        self.ensure_one()
        return self.move_id._get_records_action(name=self.move_id.display_name)

    def action_download(self):
        """Download the file as it was transmitted."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/content"
            f"?download=true&filename_field=filename",
            "target": "download",
        }

    def _check_may_act(self):
        """Let those who bill act on the documents they see."""
        self.check_access("read")
        if not self.env.user.has_group("account.group_account_invoice"):
            raise UserError(self.env._("Only those who issue invoices may do this."))

    # === Outbox === #

    @api.model
    def _enqueue(self, platform, kind, content, filename, syntax, key, **more):
        """Put a document in the outbox, in the transaction that issues it.

        Harmless when done again: the key is unique in the database.

        :param fr.platform platform: where it will go
        :param str kind: "invoice", "status" or "report"
        :param bytes content: the file as it will leave
        :param str syntax: FlowSyntax ("Factur-X", "CII", "UBL", "CDAR", "FRR")
        :param str key: what the document is, stable for ever within the company; at
            most 64 characters of ASCII
        :param more: move_id, record_model, record_id, processing_rule, profile,
            deadline_at (naive UTC; by default the platform's limit for late ones)
        :return: the row of this key, new or not
        :rtype: fr.einvoice.flow
        """
        flows = self.sudo()  # the outbox is nobody's to write
        known = [("company_id", "=", platform.company_id.id), ("tracking_id", "=", key)]
        if found := flows.search(known):
            return found
        now = fields.Datetime.now()
        values = {
            "company_id": platform.company_id.id,
            "platform_id": platform.id,
            "direction": "out",
            "kind": kind,
            "state": delivery.WAITING,
            "raw": content,
            "filename": filename[-MAX_NAME:],
            "syntax": syntax,
            "tracking_id": key,
            "request_id": str(uuid.uuid4()),
            "deadline_at": now + timedelta(hours=platform.alert_after_h or 24),
            **more,
        }
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                flow = flows.create(values)
        except psycopg2.errors.UniqueViolation:
            return flows.search(known)
        self._append_to_seal(flow)
        self.env["fr.platform"]._trigger()
        return flow

    @api.model
    def _append_to_seal(self, flow):
        """Let the sealed chain know the bytes, where it is kept."""
        if "fr.seal.entry" in self.env:
            self.env["fr.seal.entry"]._append("flow", flow, flow._get_bytes())

    def _get_bytes(self):
        """Give the file as stored.

        :rtype: bytes
        """
        self.ensure_one()
        # the file belongs to the field of a row the caller reads
        attachment = self.env["ir.attachment"].sudo()._fr_of_field(self, "content")
        return attachment.raw or b""

    def _is_unchanged(self):
        """Say whether the stored file is still the one that was put in."""
        self.ensure_one()
        return hashlib.sha256(self._get_bytes()).hexdigest() == self.sha256

    def _set_state(self, state, **values):
        """Move to a state, if that is allowed; the only place that does.

        Harmless when already there. Tells the record the document is of.
        """
        self.ensure_one()
        if state != self.state and not delivery.may_move(self.state, state):
            raise UserError(
                self.env._(
                    "%(flow)s does not go from “%(old)s” to “%(new)s”.",
                    flow=self.filename,
                    old=self.state,
                    new=state,
                )
            )
        if state not in PROBLEMS and "error_code" not in values:
            values = {**values, "error_code": False, "error_facts": False}
        self.sudo().write({**values, "state": state})
        self._after_state()

    def _after_state(self):
        """Tell who wants to know: one activity while a person must act."""
        self.ensure_one()
        if self.state in PROBLEMS:
            self._ask_for_help()
        else:
            # whoever was asked need not act any more
            self.sudo().activity_unlink(["mail.mail_activity_data_warning"])
        if self.record_model and self.record_id:
            record = self.env[self.record_model].browse(self.record_id).exists()
            if hasattr(record, "_fr_flow_state_changed"):
                record._fr_flow_state_changed(self)

    def _ask_for_help(self):
        if self.activity_ids:
            return
        user = self.move_id.invoice_user_id or self.move_id.create_uid
        if not user or user.id == api.SUPERUSER_ID or not user.active:
            return
        self.sudo().activity_schedule(  # for the one in charge, whoever found it
            "mail.mail_activity_data_warning",
            summary=self.env._("Transmission: %s", self.filename),
            note=self.error,
            user_id=user.id,
        )


class FrEinvoiceFlowAttempt(models.Model):
    """One try to hand a document over, and what came of it. Rows are only added."""

    _name = "fr.einvoice.flow.attempt"
    _description = "Transmission Attempt"
    _order = "id desc"
    _rec_name = "outcome"

    flow_id = fields.Many2one(
        "fr.einvoice.flow", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    at = fields.Datetime(string="On", required=True, readonly=True)
    outcome = fields.Char(required=True, readonly=True)
    http_status = fields.Integer(string="HTTP", readonly=True)
    facts = fields.Json(readonly=True)
    text = fields.Text(string="What Happened", compute="_compute_text")

    @api.depends("outcome", "facts")
    @api.depends_context("lang")
    def _compute_text(self):
        words = {
            "sent": self.env._("Handed over"),
            "found": self.env._("The platform has it"),
            "not_found": self.env._("The platform does not have it"),
            "resumed": self.env._("Interrupted before the answer was stored"),
        }
        for attempt in self:
            attempt.text = words.get(attempt.outcome) or error_text(
                self.env, attempt.outcome, attempt.facts
            )


def _positive(operator, value, domain):
    """Give the domain of a boolean search, turned round when asked for the others."""
    wanted = (True in value) if operator in ("in", "not in") else bool(value)
    if operator in ("not in", "!="):
        wanted = not wanted
    return domain if wanted else ["!", *(["&"] * (len(domain) - 1)), *domain]
