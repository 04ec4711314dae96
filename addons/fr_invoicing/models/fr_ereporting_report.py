# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import hashlib
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..bridge import exact
from ..bridge.ereporting import Share
from ..einvoice import validate
from ..einvoice.errors import ValidatorError
from ..einvoice.findings import FATAL, Finding, has_fatal
from ..ereporting import aggregate, known_bugs, report
from ..ereporting.errors import EreportingError

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
            siren = record.company_id.partner_id.fr_siren or record.company_id.id
            record.name = (
                f"{siren}-{letters.get(period.kind)}"
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
        self.sudo()._set_answer("accepted")
        return True

    def action_mark_rejected(self):
        """Note that the platform refused a report deposited by hand."""
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
        if self.state != "ready":
            raise UserError(
                self.env._(
                    "%(report)s cannot be sent: only a report that is ready can.",
                    report=self.name,
                )
            )
        period = self.period_id
        if fields.Date.context_today(self) <= period.date_end:
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
        attachment = (
            self.env["ir.attachment"]
            .sudo()  # the file belongs to the field of a record the caller reads
            .search(
                [
                    ("res_model", "=", self._name),
                    ("res_field", "=", "xml_file"),
                    ("res_id", "=", self.id),
                ],
                limit=1,
            )
        )
        return attachment.raw or b""

    # === Writing === #

    def _write_and_check(self):
        """Write the XML of the period as it stands, and run the official rules."""
        for record in self:
            rectifies = record.period_id.report_ids.filtered(
                lambda found: found.state in ("sent", "accepted")
            )
            record.type_code = "RE" if rectifies else "IN"
            totals = record.period_id._totals().get(record.period_id.id, {})
            values = {
                "operation_count": totals.get("operations", 0),
                "basis": totals.get("basis") or 0,
                "tax": totals.get("tax") or 0,
                "amount": totals.get("amount") or 0,
                "made_at": fields.Datetime.now(),
                "xml_file": False,
                "sha256": False,
                "state": "draft",
            }
            try:
                xml = record._xml()
            except EreportingError as error:
                values["findings"] = [record._own_finding(error)]
            else:
                findings = record._check(xml)
                values |= {
                    "findings": [asdict(finding) for finding in findings],
                    "xml_file": base64.b64encode(xml),
                    "sha256": hashlib.sha256(xml).hexdigest(),
                    "state": "draft" if has_fatal(findings) else "ready",
                }
            record.write(values)

    def _check(self, xml):
        """Run XSD and Schematron; what could not run is a fatal finding.

        :rtype: list[Finding]
        """
        try:
            findings = validate.check_rules("flux10", {self.name: xml})[self.name]
        except ValidatorError as error:
            return [Finding("VALIDATOR", FATAL, "", str(error), source="flux10")]
        return known_bugs.waive(findings, xml)

    def _own_finding(self, error):
        sentences = {
            "platform_code": self.env._(
                "The number of the approved platform is missing: four characters, in "
                "the settings of French invoices. Your platform tells it."
            ),
            "company_siren": self.env._(
                "The SIREN of the company is missing: settings, Company Identity."
            ),
        }
        return {
            "rule": error.code,
            "severity": FATAL,
            "location": "",
            "message": sentences.get(error.code, str(error)),
            "source": "settings",
        }

    def _xml(self):
        """Write the XML of the period as it stands.

        :rtype: bytes
        :raise EreportingError: something a report needs is missing
        """
        self.ensure_one()
        period = self.period_id
        header = self._header()
        if period.kind == "payment":
            return report.write_payments(header, self._receipts())
        return report.write_transactions(
            header, self._invoices(), self._day_sales() if period.kind == "sale" else ()
        )

    def _header(self):
        company, period = self.company_id, self.period_id
        code, platform = company._fr_platform_identity()
        now = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC"))
        return report.Header(
            identifier=self.name,
            name=self.name,
            issued_at=now.astimezone(PARIS),
            is_rectifying=self.type_code == "RE",
            platform_code=code,
            platform_name=platform or code,
            siren=company.partner_id.fr_siren or "",
            company=company.name,
            is_buyer=period.kind == "purchase",
            start=period.date_start,
            end=period.date_end,
        )

    def _day_sales(self):
        """Sum consumers' sales in the database (10.3): they may be many."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT day, currency.name, category, coalesce(due_code, ''), rate,
                       sum(basis_currency), sum(tax)
                  FROM fr_ereporting_item AS item
                  JOIN res_currency AS currency ON currency.id = item.currency_id
                 WHERE period_id = %s AND flow = '10.3' AND %s
                 GROUP BY day, currency.name, category, coalesce(due_code, ''), rate
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        counts = self.env.execute_query(
            SQL(
                """
                SELECT day, currency.name, category, coalesce(due_code, ''),
                       count(DISTINCT source_key)
                  FROM fr_ereporting_item AS item
                  JOIN res_currency AS currency ON currency.id = item.currency_id
                 WHERE period_id = %s AND flow = '10.3' AND %s
                 GROUP BY day, currency.name, category, coalesce(due_code, '')
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        return aggregate.day_sales(
            (
                aggregate.Sale(
                    day,
                    currency,
                    category,
                    due,
                    _rate(rate),
                    _cents(basis),
                    _cents(tax),
                )
                for day, currency, category, due, rate, basis, tax in rows
            ),
            {tuple(group): count for *group, count in counts},
        )

    def _invoices(self):
        """Give the documents of 10.1, in the order of their dates and numbers."""
        items = self.env["fr.ereporting.item"].search(
            [
                ("period_id", "=", self.period_id.id),
                ("flow", "=", "10.1"),
                ("is_live", "=", True),
                ("exclusion", "=", False),
                ("held_reason", "=", False),
            ]
        )
        collector = self.env["fr.ereporting.collector"]
        return tuple(
            collector._invoice(move, [_share(item) for item in found])
            for move, found in sorted(
                items.grouped("move_id").items(),
                key=lambda pair: (pair[0].invoice_date or date.min, pair[0].name),
            )
        )

    def _receipts(self):
        """Sum payments in the database (10.2 by document, 10.4 by day)."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT item.day, item.rate, sum(item.amount),
                       CASE WHEN item.flow = '10.2' THEN move.name ELSE '' END,
                       CASE WHEN item.flow = '10.2' THEN move.invoice_date END
                  FROM fr_ereporting_item AS item
                  LEFT JOIN account_move AS move ON move.id = item.move_id
                 WHERE item.period_id = %s AND %s
                 GROUP BY 1, 2, 4, 5
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        return aggregate.day_receipts(
            aggregate.Receipt(day, _rate(rate), _cents(amount), number or "", issued)
            for day, rate, amount, number, issued in rows
        )


def _share(item):
    """Give a recorded share as the bridge gave it."""
    return Share(
        category=item.category or "",
        vat_category=item.vat_category or "",
        vatex=item.vatex_code or "",
        mention=item.mention_code or "",
        due=item.due_code or "",
        rate=_rate(item.rate),
        basis_currency=_cents(item.basis_currency),
        tax_currency=_cents(item.tax_currency),
        basis=_cents(item.basis),
        tax=_cents(item.tax),
    )


def _cents(value):
    return exact(value).quantize(Decimal("0.01"))


def _rate(value):
    return exact(value).normalize() + 0
