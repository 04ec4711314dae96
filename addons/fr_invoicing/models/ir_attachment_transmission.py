# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models
from odoo.exceptions import UserError

from .ir_attachment import CONTENT


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_transmitted(self):
        self._fr_check_transmitted()

    def write(self, vals):
        if CONTENT & vals.keys():
            self._fr_check_transmitted()
        return super().write(vals)

    def _fr_check_transmitted(self):
        """Refuse to change the file of a transmitted document."""
        kept = self.filtered(
            lambda attachment: (
                attachment.res_model == "fr.einvoice.flow"
                and attachment.res_field == "content"
            )
        )
        if kept:
            raise UserError(
                self.env._(
                    "%(file)s is kept as it was transmitted: it cannot be changed or "
                    "deleted.",
                    file=kept[:1].name,
                )
            )
