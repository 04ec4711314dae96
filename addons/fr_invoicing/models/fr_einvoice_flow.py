# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.usage_billing.models.usage_price_guard import CHANGES, install_guard

from ..transmission import delivery
from ..transmission_words import NEXT, error_text
from .fr_einvoice_flow_guard import GUARD

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
#: the platform may have it
BUSY = (delivery.SENDING, delivery.SENT, delivery.ACCEPTED)
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
        install_guard(self, GUARD, "fr_einvoice_flow_guard", CHANGES)

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


def _positive(operator, value, domain):
    """Give the domain of a boolean search, turned round when asked for the others."""
    wanted = (True in value) if operator in ("in", "not in") else bool(value)
    if operator in ("not in", "!="):
        wanted = not wanted
    return domain if wanted else ["!", *(["&"] * (len(domain) - 1)), *domain]
