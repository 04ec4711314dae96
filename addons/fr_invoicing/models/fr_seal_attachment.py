# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models
from odoo.exceptions import UserError

from .ir_attachment import PROTECTED_FIELDS

CONTENT = {
    "raw",
    "datas",
    "db_datas",
    "store_fname",
    "checksum",
    "res_model",
    "res_id",
    "res_field",
}


class IrAttachment(models.Model):
    """The bytes of an archived document stay as they are (and fr_seal_guard.py)."""

    _inherit = "ir.attachment"

    @api.model_create_multi
    def create(self, vals_list):
        self._fr_refuse_beside(
            {
                (vals.get("res_id"), vals["res_field"])
                for vals in vals_list
                if vals.get("res_model") == "account.move"
                and vals.get("res_field") in PROTECTED_FIELDS
            }
        )
        return super().create(vals_list)

    def unlink(self):
        # before Odoo only detaches the PDF of a restricted audit trail
        self._fr_refuse_archived()
        return super().unlink()

    def _fr_step_aside(self):
        """Leave the place of the invoice's file to one made again.

        The bytes stay on the invoice and in the archive.
        """
        # past our guard, no byte changes: pylint: disable-next=super-method-mismatch
        return super().write({"res_field": False})

    def write(self, vals):
        if not CONTENT.isdisjoint(vals):
            self._fr_refuse_archived()
        return super().write(vals)

    def _fr_refuse_beside(self, places):
        """Raise when a file would be shown in the place of an archived one.

        :param places: {(id of the invoice, name of the binary field)}
        """
        if not places:
            return
        issued = (
            self.env["fr.archive.entry"]
            .sudo()  # whether it is there, no more
            .search(
                [
                    ("model", "=", "account.move"),
                    ("res_id", "in", [move_id for move_id, _field in places]),
                ]
            )
            .source_attachment_id
        )
        for attachment in issued:
            if (attachment.res_id, attachment.res_field) in places:
                self._fr_raise_archived(attachment)

    def _fr_refuse_archived(self):
        archive = self.env["fr.archive.entry"].sudo()  # whether it is there, no more
        sources = archive.search([("source_attachment_id", "in", self.ids)])
        issued = sources.source_attachment_id
        own = self.filtered(
            lambda attachment: (
                attachment.res_model == "fr.archive.entry" and attachment.res_id
            )
        )
        gone = archive.browse(own.mapped("res_id")).exists().filtered("destroyed_at")
        for attachment in self:
            if attachment in issued or (
                attachment in own and attachment.res_id not in gone.ids
            ):
                self._fr_raise_archived(attachment)

    def _fr_raise_archived(self, attachment):
        raise UserError(
            self.env._(
                "%(document)s is archived as it was issued: it cannot be "
                "changed or deleted. Make a credit note instead.",
                document=attachment.name,
            )
        )
