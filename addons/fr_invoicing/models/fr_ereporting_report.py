# Part of Relevé. See LICENSE file for full copyright and licensing details.
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

STATES = [
    ("draft", "To mend"),
    ("ready", "Ready"),
    ("sent", "Sent"),
    ("accepted", "Accepted"),
    ("rejected", "Refused"),
]
OPEN = ("draft", "ready")
# what may still be written once a report left
ANSWER_FIELDS = frozenset({"state", "reason_code", "reason_text", "answered_at"})
PARIS = ZoneInfo("Europe/Paris")
REPORTED = SQL("is_live AND exclusion IS NULL AND held_reason IS NULL")


class FrEreportingReport(models.Model):
    """One transmission of a period: its XML, the check of it, and the answer.

    The first of a period is initial (IN); one that follows a report that was not
    refused is rectifying (RE): it says the whole period again, and annuls and replaces
    the former ones. Immutable once sent.
    """

    _name = "fr.ereporting.report"
    _description = "E-reporting Report"
    _order = "period_id desc, revision desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", store=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    period_id = fields.Many2one(
        "fr.ereporting.period",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    kind = fields.Selection(related="period_id.kind")
    deadline = fields.Date(related="period_id.deadline")
    revision = fields.Integer(required=True, readonly=True)
    type_code = fields.Selection(
        [("IN", "Initial"), ("RE", "Rectifying")],
        string="Type",
        readonly=True,
        help="A rectifying report annuls and replaces the former ones of the period.",
    )
    state = fields.Selection(STATES, default="draft", required=True, readonly=True)
    xml_file = fields.Binary(string="XML", attachment=True, readonly=True, copy=False)
    xml_filename = fields.Char(compute="_compute_xml_filename")
    sha256 = fields.Char(string="SHA-256", readonly=True, copy=False)
    findings = fields.Json(readonly=True, copy=False)
    findings_html = fields.Html(compute="_compute_findings_html", sanitize=False)
    made_at = fields.Datetime(readonly=True, copy=False)
    sent_at = fields.Datetime(readonly=True, copy=False)
    sent_by = fields.Char(
        string="Sent through", readonly=True, copy=False, help="Platform, or by hand."
    )
    answered_at = fields.Datetime(readonly=True, copy=False)
    reason_code = fields.Char(readonly=True, copy=False)
    reason_text = fields.Char(string="Reason", readonly=True, copy=False)
    operation_count = fields.Integer(string="Operations", readonly=True)
    basis = fields.Monetary(string="Without TVA", readonly=True)
    tax = fields.Monetary(string="TVA", readonly=True)
    amount = fields.Monetary(string="Collected", readonly=True)

    _unique_revision = models.Constraint(
        "UNIQUE (period_id, revision)", "This report exists already."
    )
    _one_open = models.UniqueIndex(
        "(period_id) WHERE state IN ('draft', 'ready')",
        "The period has a report that is not sent yet.",
    )

    # === Compute === #

    @api.depends("period_id", "revision")
    def _compute_name(self):
        letters = {"sale": "S", "purchase": "P", "payment": "R"}
        for record in self:
            period = record.period_id
            company = record.company_id
            siren = company._fr_get_siren() or company.id
            # a branch reports beside its parent: the same SIREN, a name of its own
            branch = f"B{company.id}-" if company._fr_get_legal() != company else ""
            record.name = (
                f"{siren}-{branch}{letters.get(period.kind)}"
                f"{period.date_start:%Y%m%d}-{record.revision}"
            )

    @api.depends("name")
    def _compute_xml_filename(self):
        for record in self:
            record.xml_filename = f"{record.name}.xml"

    @api.depends("findings")
    @api.depends_context("lang")
    def _compute_findings_html(self):
        for record in self:
            record.findings_html = self.env["ir.qweb"]._render(
                "fr_invoicing.fr_ereporting_findings",
                {"findings": record.findings or []},
            )

    # === Immutability === #

    def write(self, vals):
        if vals.keys() - ANSWER_FIELDS and any(
            record.state not in OPEN for record in self
        ):
            raise UserError(
                self.env._(
                    "A report that was sent is not changed. What has changed since "
                    "goes into a rectifying report."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sent(self):
        if any(record.state not in OPEN for record in self):
            raise UserError(self.env._("A report that was sent is kept."))

    # === Actions === #

    def action_rewrite(self):
        """Write and check an open report again."""
        self.period_id._check_may_report()
        for record in self:
            if record.state in OPEN:
                record.period_id.action_refresh()
                record.sudo()._write_and_check()  # written by code only
        return True

    def action_send(self):
        """Give the report to the approved platform."""
        for record in self:
            record._check_can_send()
            if not record._send_to_platform():
                raise UserError(
                    self.env._(
                        "No platform is set up to send %(report)s. Download it, "
                        "deposit it with your platform, then mark it as sent.",
                        report=record.name,
                    )
                )
        return True

    def action_mark_sent(self):
        """Note that somebody deposited the report with the platform."""
        for record in self:
            record._check_can_send()
            record.sudo()._mark_sent(
                self.env._("By hand: %(user)s", user=self.env.user.name)
            )
        return True

    def action_mark_accepted(self):
        """Note that the platform accepted a report deposited by hand."""
        self.period_id._check_may_report()
        self.sudo()._set_answer("accepted")
        return True

    def action_mark_rejected(self):
        """Note that the platform refused a report deposited by hand."""
        self.period_id._check_may_report()
        self.sudo()._set_answer("rejected")
        return True

    def action_download(self):
        """Download the XML."""
        self.ensure_one()
        if not self.xml_file:
            raise UserError(self.env._("%(report)s is not made yet.", report=self.name))
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/fr.ereporting.report/{self.id}/xml_file"
            f"?download=true&filename={self.xml_filename}",
            "target": "self",
        }

    def action_view_items(self):
        """Open the operations the report says."""
        self.ensure_one()
        if self.state in OPEN:
            return self.period_id.action_view_items()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "fr.ereporting.item",
            "view_mode": "list,pivot",
            "domain": [
                ("period_id", "=", self.period_id.id),
                ("from_revision", ">", 0),
                ("from_revision", "<=", self.revision),
                "|",
                ("until_revision", "=", 0),
                ("until_revision", ">", self.revision),
            ],
            "context": {"create": False},
        }

    # === States === #

    def _check_can_send(self):
        self.ensure_one()
        self.period_id._check_may_report()
        if self.state != "ready":
            raise UserError(
                self.env._(
                    "%(report)s cannot be sent: only a report that is ready can.",
                    report=self.name,
                )
            )
        period = self.period_id
        if period.company_id._usage_get_today() <= period.date_end:
            raise UserError(
                self.env._(
                    "%(report)s cannot be sent before its period is over, on %(date)s.",
                    report=self.name,
                    date=period.date_end,
                )
            )

    def _send_if_wanted(self):
        """Send a report that is ready, when the company lets it leave by itself."""
        for record in self:
            if record.state == "ready" and record.company_id.fr_ereporting_auto:
                record._send_to_platform()

    def _send_to_platform(self):
        """Hand the report to the platform's outbox; another room does.

        An override returns True when it took the report over, and has called
        `_mark_sent`.
        """
        self.ensure_one()
        return False

    def _mark_sent(self, how):
        """Freeze the report and what it says.

        :param str how: through whom it left, for people
        """
        for record in self:
            period = record.period_id
            record.write(
                {"state": "sent", "sent_at": fields.Datetime.now(), "sent_by": how}
            )
            record.flush_recordset()  # the next report may be made at once
            record._freeze_items()
            period.revision = record.revision
            period._refresh_state()

    def _set_answer(self, state, reason_code="", reason_text=""):
        """Note the answer of the platform or the tax office. Harmless when repeated.

        A refused report was never received: what it said is to be reported anew.

        :param str state: "accepted" or "rejected"
        """
        for record in self:
            if record.state == state:
                continue
            if record.state in OPEN:
                raise UserError(
                    self.env._(
                        "%(report)s was not sent, so nobody answered.",
                        report=record.name,
                    )
                )
            record.write(
                {
                    "state": state,
                    "answered_at": fields.Datetime.now(),
                    "reason_code": reason_code or False,
                    "reason_text": reason_text or False,
                }
            )
            if state == "rejected":
                record._thaw_items()
            record.period_id._refresh_state()

    def _freeze_items(self):
        self.env.cr.execute(
            SQL(
                "UPDATE fr_ereporting_item SET from_revision = %s"
                " WHERE period_id = %s AND from_revision IS NULL AND %s",
                self.revision,
                self.period_id.id,
                REPORTED,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE fr_ereporting_item SET until_revision = %s WHERE period_id = %s"
                " AND NOT is_live AND until_revision IS NULL",
                self.revision,
                self.period_id.id,
            )
        )
        self.env["fr.ereporting.item"].invalidate_model()

    def _thaw_items(self):
        self.env.cr.execute(
            SQL(
                "UPDATE fr_ereporting_item SET until_revision = NULL"
                " WHERE period_id = %s AND until_revision = %s",
                self.period_id.id,
                self.revision,
            )
        )
        self.env.cr.execute(
            SQL(
                "DELETE FROM fr_ereporting_item"
                " WHERE period_id = %s AND from_revision = %s AND NOT is_live",
                self.period_id.id,
                self.revision,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE fr_ereporting_item SET from_revision = NULL"
                " WHERE period_id = %s AND from_revision = %s",
                self.period_id.id,
                self.revision,
            )
        )
        self.env["fr.ereporting.item"].invalidate_model()

    def _get_xml(self):
        """Give the file as it was checked.

        :rtype: bytes
        """
        self.ensure_one()
        # the file belongs to the field of a record the caller reads
        attachment = self.env["ir.attachment"].sudo()._fr_of_field(self, "xml_file")
        return attachment.raw or b""
