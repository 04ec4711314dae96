# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL


class FrArchiveEntry(models.Model):
    """Destroys what need not be kept any more, on purpose, and keeps the proof.

    Nothing obliges a company to destroy an archive when its retention ends (C. com.
    L123-22 says how long to keep, not to erase), but personal data may not be kept
    without a reason (GDPR art. 5-1-e). So a person decides, with a reason; the record
    with its SHA-256 stays, and the destruction is a link of the chain.
    """

    _inherit = "fr.archive.entry"

    destroyed_by_id = fields.Many2one(
        "res.users", string="Destroyed by", readonly=True, index="btree_not_null"
    )
    destruction_reason = fields.Char(readonly=True)

    @api.model
    def _get_over_domain(self, company):
        """Give what may be destroyed today: files of customers' documents."""
        return [
            ("company_id", "=", company.id),
            ("is_over", "=", True),
            # what proves the chain stays as long as the chain
            ("kind", "not in", ("anchor", "key", "destruction")),
        ]

    def _destroy(self, reason):
        """Destroy the bytes of these files for ever and seal that it was done.

        :param str reason: in the words of the person who decides
        """
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why these documents are destroyed."))
        today = fields.Date.today()
        for entry in self:
            if entry.retention_until >= today:
                raise UserError(
                    self.env._(
                        "%(document)s has to be kept until %(date)s.",
                        document=entry.name,
                        date=entry.retention_until,
                    )
                )
        entries = self.sudo().filtered(lambda entry: not entry.destroyed_at)
        for entry in entries:
            self.env["fr.seal.entry"]._append(
                "destruction",
                entry,
                {
                    "kind": entry.kind,
                    "key": f"{entry.model},{entry.res_id}",
                    "name": entry.name,
                    "sha256": entry.sha256,
                    "size": entry.size,
                    "document_date": entry.document_date,
                    "archived_at": entry.archived_at,
                    "retention_until": entry.retention_until,
                    "reason": reason,
                },
            )
            own, source = entry._get_attachment(), entry.source_attachment_id
            # past the guard of the model: the database checks the retention once more
            models.Model.write(
                entry,
                {
                    "destroyed_at": fields.Datetime.now(),
                    "destroyed_by_id": self.env.uid,
                    "destruction_reason": reason,
                    "source_attachment_id": False,
                },
            )
            entry.flush_recordset()
            (own | source)._fr_destroy()
        return entries


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    def _fr_destroy(self):
        """Delete archived bytes after their retention.

        By SQL: Odoo's restricted audit trail refuses to delete, for ever, a PDF or XML
        of a posted document. Ours ends with the retention, and the trigger of the table
        refuses every row whose archive is still to be kept.
        """
        if not self:
            return
        paths = set(self.filtered("store_fname").mapped("store_fname"))
        self.flush_recordset()
        self.env.execute_query(
            SQL("DELETE FROM ir_attachment WHERE id IN %s RETURNING id", self._ids)
        )
        self.env.invalidate_all()
        for path in paths:
            self._file_delete(path)


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class FrArchiveDestruction(models.TransientModel):
    """Asks why, says what, and destroys what is past its retention."""

    _name = "fr.archive.destruction"
    _description = "Destroy Archived Documents"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    entry_ids = fields.Many2many("fr.archive.entry", string="Documents")
    entry_count = fields.Integer(
        string="Documents to Destroy", compute="_compute_entry_count"
    )
    kept_count = fields.Integer(
        string="Documents Still to Keep", compute="_compute_entry_count"
    )
    reason = fields.Char(
        required=True,
        help="Sealed with the destruction: the decision, its date, who took it.",
    )
    is_sure = fields.Boolean(string="I know that this cannot be undone")

    @api.model
    def default_get(self, fields):
        """Take the lines chosen in the archive, or all that are past their date."""
        values = super().default_get(fields)
        archive = self.env["fr.archive.entry"]
        chosen = self.env.context.get("active_model") == archive._name
        if chosen and self.env.context.get("active_ids"):
            found = archive.browse(self.env.context["active_ids"])
        else:
            found = archive.search(archive._get_over_domain(self.env.company))
        values["entry_ids"] = [(6, 0, found.ids)]
        return values

    @api.depends("entry_ids", "company_id")
    def _compute_entry_count(self):
        for wizard in self:
            over = wizard._get_entries()
            wizard.entry_count = len(over)
            wizard.kept_count = len(wizard.entry_ids) - len(over)

    def _get_entries(self):
        archive = self.env["fr.archive.entry"]
        return self.entry_ids.filtered_domain(archive._get_over_domain(self.company_id))

    def action_destroy(self):
        """Destroy; only an accounting manager may."""
        self.ensure_one()
        if not self.env.user.has_group("account.group_account_manager"):
            raise AccessError(
                self.env._("Only an accounting manager destroys archived documents.")
            )
        self.env["fr.archive.entry"].check_access("read")
        if not self.is_sure:
            raise UserError(
                self.env._("Tick that you know that this cannot be undone.")
            )
        entries = self._get_entries()
        if not entries:
            raise UserError(
                self.env._("None of these documents is past its retention.")
            )
        destroyed = entries._destroy(self.reason)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(count)s documents destroyed; their records stay in the chain.",
                    count=len(destroyed),
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
