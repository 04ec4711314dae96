# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ledger import fec_check
from ..ledger.fec_messages import SENTENCES, sentence


class FrFecExport(models.Model):
    """A FEC that was made here or brought for a check, with what the check found."""

    _name = "fr.fec.export"
    _description = "FEC File"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(string="File Name", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    origin = fields.Selection(
        [
            ("official", "Official"),
            ("nonofficial", "With drafts"),
            ("test", "Test"),
            ("brought", "Brought for a check"),
        ],
        required=True,
        default="brought",
        readonly=True,
    )
    date_from = fields.Date(string="Start of the Year")
    date_to = fields.Date(string="End of the Year")
    file = fields.Binary(attachment=True, required=True)
    sha256 = fields.Char(string="Fingerprint (SHA-256)", readonly=True)
    state = fields.Selection(
        [
            ("new", "Not checked"),
            ("valid", "No finding"),
            ("warning", "To look at"),
            ("error", "Wrong"),
        ],
        string="Check",
        default="new",
        required=True,
        readonly=True,
    )
    encoding = fields.Char(readonly=True)
    line_count = fields.Integer(string="Lines", readonly=True)
    entry_count = fields.Integer(string="Entries", readonly=True)
    journal_count = fields.Integer(string="Journals", readonly=True)
    total_debit = fields.Monetary(readonly=True)
    total_credit = fields.Monetary(readonly=True)
    error_count = fields.Integer(string="Errors", readonly=True)
    warning_count = fields.Integer(string="Warnings", readonly=True)
    finding_ids = fields.One2many("fr.fec.finding", "export_id", readonly=True)

    @api.model
    def _keep(self, name, content, **values):
        """Keep a file that was just made, and check it.

        :param str name: file name
        :param bytes content: the file
        """
        export = self.create(
            {"name": name, "file": base64.b64encode(content), **values}
        )
        export._check(content)
        return export

    def action_check(self):
        """Check the file again."""
        for export in self:
            export._check(base64.b64decode(export.file))

    def _check(self, content):
        self.ensure_one()
        # a file with drafts is not given to anybody: its name is free
        name = self.name if self.origin != "nonofficial" else ""
        report = fec_check.check(content, name, self.date_from, self.date_to)
        self.finding_ids.unlink()
        state = "warning" if report.warnings else "valid"
        self.write(
            {
                "sha256": hashlib.sha256(content).hexdigest(),
                "state": "error" if report.errors else state,
                "encoding": report.encoding,
                "line_count": report.lines,
                "entry_count": report.entries,
                "journal_count": report.journals,
                "total_debit": fec_check.money(report.debit).replace(",", "."),
                "total_credit": fec_check.money(report.credit).replace(",", "."),
                "error_count": report.errors,
                "warning_count": report.warnings,
            }
        )
        self.env["fr.fec.finding"].create(
            [
                {
                    "export_id": self.id,
                    "code": finding.code,
                    "severity": finding.severity,
                    "line": finding.line,
                    "column": finding.column,
                    "facts": finding.facts,
                    "seen": report.counts[finding.code],
                }
                for finding in report.findings
            ]
        )

    def action_download(self):
        """Download the file."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/file/{self.name}"
            "?download=true",
            "target": "download",
        }

    @api.ondelete(at_uninstall=False)
    def _unlink_except_official(self):
        if any(export.origin == "official" for export in self):
            raise UserError(
                self.env._(
                    "An official FEC is kept: it proves what was given to the tax "
                    "office. Make a new one beside it."
                )
            )

    def write(self, vals):
        """A file that was made here does not change."""
        if "file" in vals and any(export.origin != "brought" for export in self):
            raise UserError(
                self.env._("This FEC was made here: its file cannot be replaced.")
            )
        return super().write(vals)


class FrFecFinding(models.Model):
    """One finding of the check: where and what."""

    _name = "fr.fec.finding"
    _description = "Finding in a FEC"
    _order = "severity, line, id"

    export_id = fields.Many2one(
        "fr.fec.export", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="export_id.company_id", store=True)
    code = fields.Char(string="Rule", required=True)
    severity = fields.Selection(
        [("error", "Error"), ("warning", "Warning")], required=True
    )
    line = fields.Integer(help="Number of the line in the file; the header is line 1.")
    column = fields.Char()
    facts = fields.Json()
    message = fields.Char(compute="_compute_message")
    seen = fields.Integer(
        string="Same Kind", help="How often this kind of finding occurs in the file."
    )

    @api.depends("code", "facts")
    @api.depends_context("lang")
    def _compute_message(self):
        for finding in self:
            finding.message = (
                sentence(finding.code, finding.facts or {}, self.env.lang)
                if finding.code in SENTENCES
                else finding.code
            )
