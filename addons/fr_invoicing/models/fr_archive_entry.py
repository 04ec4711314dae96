# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import mimetypes
from datetime import date

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import SEAL_KINDS
from ..sealing.beside import RETENTION_YEARS
from ..sealing.canonical import sha256


class FrArchiveEntry(models.Model):
    """One document kept as it was issued: the original bytes, never made again.

    Append-only until its retention date, by this model and by triggers. The SHA-256 is
    in the chain of the company too.
    """

    _name = "fr.archive.entry"
    _description = "Archived Document"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    name = fields.Char(required=True, readonly=True)
    kind = fields.Selection(SEAL_KINDS, required=True, readonly=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="model", required=True, readonly=True
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True, index="btree_not_null"
    )
    document_date = fields.Date(required=True, readonly=True)
    sha256 = fields.Char(string="SHA-256", required=True, readonly=True)
    size = fields.Integer(string="Size (bytes)", required=True, readonly=True)
    mimetype = fields.Char(required=True, readonly=True)
    archived_at = fields.Datetime(required=True, readonly=True)
    retention_until = fields.Date(
        string="Keep until",
        required=True,
        readonly=True,
        help="Ten years from the end of the financial year of the document (C. com. "
        "L123-22). It can be prolonged, never shortened.",
    )
    content = fields.Binary(attachment=True, readonly=True)
    source_attachment_id = fields.Many2one(
        "ir.attachment", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    destroyed_at = fields.Datetime(string="Destroyed on", readonly=True)
    is_over = fields.Boolean(
        string="Past Its Retention",
        compute="_compute_is_over",
        search="_search_is_over",
    )

    _file_unique = models.UniqueIndex("(company_id, kind, model, res_id, sha256)")
    _record_index = models.Index("(model, res_id)")

    @api.depends("retention_until", "destroyed_at")
    def _compute_is_over(self):
        today = fields.Date.today()
        for entry in self:
            entry.is_over = not entry.destroyed_at and entry.retention_until < today

    def _search_is_over(self, operator, value):
        if operator != "in":
            return NotImplemented
        over = fields.Domain("retention_until", "<", fields.Date.today())
        over &= fields.Domain("destroyed_at", "=", False)
        return over if True in value else ~over

    # === Keeping === #

    @api.model
    def _store(self, kind, record, name, content, mimetype=None, source=None):
        """Keep a file; the same file of the same record is kept once.

        :param str kind: of SEAL_KINDS
        :param record: what it belongs to
        :param bytes content: exactly as issued or received
        :param source: ir.attachment it was taken from, guarded from now on too
        :rtype: fr.archive.entry, in sudo
        """
        company = (
            record.company_id
            if "company_id" in record._fields and record.company_id
            else self.env.company
        )
        digest = sha256(content)
        archive = self.sudo()  # whoever issues a document may not write the archive
        known = archive.search(
            [
                ("company_id", "=", company.id),
                ("kind", "=", kind),
                ("model", "=", record._name),
                ("res_id", "=", record.id),
                ("sha256", "=", digest),
            ],
            limit=1,
        )
        if known:
            return known
        day = self._get_document_date(company, record)
        partner = (
            record.commercial_partner_id
            if "commercial_partner_id" in record._fields
            else self.env["res.partner"]
        )
        # past our own guard: pylint: disable-next=super-method-mismatch
        return super(FrArchiveEntry, archive).create(
            [
                {
                    "company_id": company.id,
                    "name": name,
                    "kind": kind,
                    "model": record._name,
                    "res_id": record.id,
                    "partner_id": partner.id,
                    "document_date": day,
                    "sha256": digest,
                    "size": len(content),
                    "mimetype": mimetype
                    or mimetypes.guess_type(name)[0]
                    or "application/octet-stream",
                    "archived_at": fields.Datetime.now(),
                    "retention_until": self._get_retention_date(company, day),
                    "content": base64.b64encode(content),
                    "source_attachment_id": source and source.id,
                }
            ]
        )

    @api.model
    def _get_document_date(self, company, record):
        for name in ("invoice_date", "date", "date_stop"):
            if name in record._fields and isinstance(record[name], date):
                return record[name]
        return company._usage_get_today()

    @api.model
    def _get_retention_date(self, company, day):
        """Give the last day a document of that day must be kept.

        C. com. L123-22: from the end of the financial year (LPF L102 B asks six years).
        """
        year = company.sudo().compute_fiscalyear_dates(day)
        return year["date_to"] + relativedelta(years=RETENTION_YEARS)

    def _get_attachment(self):
        """Give the attachment that holds the bytes."""
        self.ensure_one()
        # access was checked on the archive entry
        return self.env["ir.attachment"].sudo()._fr_of_field(self, "content")

    # === Guards (and fr_seal_guard.py in the database) === #

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("The archive is filled by the software alone."))

    def write(self, vals):
        """Allow a longer retention only."""
        until = fields.Date.to_date(vals.get("retention_until"))
        if vals.keys() != {"retention_until"} or any(
            not until or until < entry.retention_until for entry in self
        ):
            raise UserError(
                self.env._(
                    "An archived document cannot be changed; its retention can only "
                    "be prolonged."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(
            self.env._(
                "%(document)s is archived until %(date)s and cannot be deleted.",
                document=self[:1].name,
                date=self[:1].retention_until,
            )
        )

    # === Actions === #

    def action_download(self):
        """Download the original bytes."""
        self.ensure_one()
        if self.destroyed_at:
            raise UserError(
                self.env._(
                    "%(document)s was destroyed on %(date)s, after its retention.",
                    document=self.name,
                    date=self.destroyed_at.date(),
                )
            )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/fr.archive.entry/{self.id}/content"
            f"?download=true&filename={self.name.replace('/', '_')}",
            "target": "download",
        }
