# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..sealing import content
from ..sealing.canonical import canonical, sha256

#: receipts are sealed like invoices: they record sales to consumers
SALE_TYPES = ("out_invoice", "out_refund", "out_receipt")


def is_changed(record, name, value):
    """Say whether writing this value would change what a record has."""
    field = record._fields[name]
    cached = field.convert_to_cache(value, record)
    return field.convert_to_record(cached, record) != record[name]


def refuse_changes(record, move, vals, names):
    """Raise when one of these values is not what a sealed record has.

    :param record: the entry or a line of it
    :param move: the sealed entry
    :param names: fields of vals that are frozen
    """
    for name in names:
        field = record._fields[name]
        if is_changed(record, name, vals[name]):
            raise UserError(
                record.env._(
                    "%(document)s was posted and sealed: “%(field)s” cannot be "
                    "changed (CGI art. 286 I 3° bis). Make a credit note instead.",
                    document=move.name,
                    field=field.get_description(record.env)["string"],
                )
            )


class AccountMove(models.Model):
    """Seals customer documents when they are posted, and keeps them so.

    What the document says of the sale never changes again; what people rightly add
    afterwards (reference, due date, note) may change, and each change is sealed.
    """

    _inherit = "account.move"

    fr_sealed_at = fields.Datetime(
        string="Sealed on",
        readonly=True,
        copy=False,
        help="From then on the document cannot be changed (CGI art. 286 I 3° bis).",
    )
    fr_seal_entry_count = fields.Integer(
        compute="_compute_fr_seal_entry_count",
        groups="account.group_account_readonly,account.group_account_invoice",
    )

    def _compute_fr_seal_entry_count(self):
        entries = self.env["fr.seal.entry"].sudo()  # a number, of a readable invoice
        counts = dict(
            entries._read_group(
                [("model", "=", self._name), ("res_id", "in", self.ids)],
                ["res_id"],
                ["__count"],
            )
        )
        for move in self:
            move.fr_seal_entry_count = counts.get(move.id, 0)

    @api.depends("fr_sealed_at")
    def _compute_show_reset_to_draft_button(self):
        super()._compute_show_reset_to_draft_button()
        for move in self:
            if move.fr_sealed_at:
                move.show_reset_to_draft_button = False

    # === Sealing === #

    def _fr_is_sealable(self):
        """Say whether this document is sealed when it is posted.

        Documents issued to customers, and those issued in a partner's name.
        """
        self.ensure_one()
        return (
            self.move_type in SALE_TYPES or self.fr_is_concerned
        ) and self.company_id._fr_is_sealing()

    def _post(self, soft=True):
        sealable = self.filtered(lambda move: move._fr_is_sealable())
        for company in sealable.company_id:
            # before anything is posted: what is posted now is not history
            self.env["fr.seal.chain"]._get(company)
        posted = super()._post(soft)
        posted.filtered(lambda move: move._fr_is_sealable())._fr_seal_entries()
        return posted

    def _fr_seal_entries(self):
        """Seal the exact content of posted entries, in a few statements for all.

        Run again, it seals only what was amended since.

        :rtype: fr.seal.entry
        """
        entries = self.env["fr.seal.entry"]
        moves = self.filtered(lambda move: move.state == "posted")
        if not moves:
            return entries
        self.env.flush_all()
        contents = content.Reader(self.env.cr).moves(moves.ids)
        latest = moves._fr_get_sealed_contents()
        sealed_ids = []
        for company, group in moves.grouped("company_id").items():
            chain = self.env["fr.seal.chain"]._get(company)
            rows = []
            for move in group.sorted("id"):
                revision, before = latest.get(move.id, (0, None))
                if before and not any(
                    content.compare(move.name, "", before, contents[move.id])
                ):
                    continue
                text = canonical(contents[move.id])
                rows.append(
                    {
                        "kind": "entry",
                        "key": f"{self._name},{move.id}",
                        "model": self._name,
                        "res_id": move.id,
                        "revision": revision + 1,
                        "name": move.name,
                        "payload": text.decode(),
                        "payload_sha256": sha256(text),
                        "size": len(text),
                    }
                )
            if chain:
                sealed_ids += chain._insert_entries(rows)
        new = moves.filtered(lambda move: not move.fr_sealed_at)
        if new:
            self.env.cr.execute(
                SQL(
                    "UPDATE account_move SET fr_sealed_at = %s WHERE id IN %s",
                    fields.Datetime.now(),
                    new._ids,
                )
            )
            new.invalidate_recordset(["fr_sealed_at"], flush=False)
        return entries.browse(sealed_ids)

    def _fr_get_sealed_contents(self):
        """Give what was sealed last of each entry.

        :return: {id: (revision, payload)}
        """
        sealed = self.filtered("fr_sealed_at")
        if not sealed:
            return {}
        self.env["fr.seal.entry"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT ON (res_id) res_id, revision, payload
                     FROM fr_seal_entry
                    WHERE model = 'account.move' AND kind = 'entry' AND res_id IN %s
                    ORDER BY res_id, revision DESC""",
                sealed._ids,
            )
        )
        return {move: (revision, json.loads(text)) for move, revision, text in rows}

    def _fr_after_issue(self, pdf_bytes, xml_bytes):
        """Archive and seal the files just attached, byte for byte."""
        result = super()._fr_after_issue(pdf_bytes, xml_bytes)
        if self._fr_is_sealable():
            self._fr_seal_file("pdf", "invoice_pdf_report_file", pdf_bytes)
            self._fr_seal_file("xml", "fr_facturx_xml_file", xml_bytes)
        return result

    def _fr_seal_file(self, kind, field, file_bytes):
        self.ensure_one()
        # the file of an invoice this user may issue
        source = self.env["ir.attachment"].sudo()._fr_of_field(self, field)
        self.env["fr.archive.entry"]._store(
            kind, self, source.name, file_bytes, source.mimetype, source
        )
        return self.env["fr.seal.entry"]._append(
            kind, self, file_bytes, name=source.name, mimetype=source.mimetype
        )

    # === Keeping === #

    def write(self, vals):
        sealed = self.filtered("fr_sealed_at")
        if "fr_sealed_at" in vals:
            raise UserError(self.env._("A seal is not set or taken off by hand."))
        if sealed:
            frozen = [name for name in content.MOVE_FROZEN if name in vals]
            for move in sealed:
                refuse_changes(move, move, vals, frozen)
        result = super().write(vals)
        if sealed and not vals.keys().isdisjoint(content.MOVE_AMENDABLE):
            sealed._fr_seal_entries()
        return result

    def _fr_refuse_line(self):
        """Raise when there is one: its lines are what they were when it was posted."""
        for move in self:
            raise UserError(
                self.env._(
                    "%(document)s was posted and sealed: no line can be added or "
                    "deleted (CGI art. 286 I 3° bis). Make a credit note instead.",
                    document=move.name,
                )
            )

    def button_draft(self):
        self._fr_refuse_reopening()
        return super().button_draft()

    def button_cancel(self):
        self._fr_refuse_reopening()
        return super().button_cancel()

    def _fr_refuse_reopening(self):
        for move in self:
            if move.fr_sealed_at:
                raise UserError(
                    self.env._(
                        "%(document)s was posted and sealed: it cannot be reopened or "
                        "cancelled (CGI art. 286 I 3° bis). Make a credit note "
                        "instead.",
                        document=move.name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_fr_sealed(self):
        for move in self:
            if move.fr_sealed_at:
                raise UserError(
                    self.env._(
                        "%(document)s was posted and sealed: it cannot be deleted "
                        "(CGI art. 286 I 3° bis).",
                        document=move.name,
                    )
                )

    def _can_be_unlinked(self):
        return not self.fr_sealed_at and super()._can_be_unlinked()

    def action_view_fr_seal_entries(self):
        """Open what was sealed of this document."""
        self.ensure_one()
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "fr_invoicing.fr_seal_entry_action"
            ),
            "name": self.env._("Seal of %(document)s", document=self.name),
            "domain": [("model", "=", self._name), ("res_id", "=", self.id)],
            "context": {"search_default_kind": False},
        }
