# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.exceptions import UserError

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

    def _fr_refuse_archived(self):
        archive = self.env["fr.archive.entry"].sudo()  # whether it is there, no more
        sources = archive.search([("source_attachment_id", "in", self.ids)])
        issued = sources.source_attachment_id
        for attachment in self:
            if attachment in issued or (
                attachment.res_model == "fr.archive.entry" and attachment.res_id
            ):
                raise UserError(
                    self.env._(
                        "%(document)s is archived as it was issued: it cannot be "
                        "changed or deleted. Make a credit note instead.",
                        document=attachment.name,
                    )
                )
