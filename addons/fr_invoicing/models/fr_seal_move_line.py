# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models

from ..sealing import content
from .fr_seal_move import refuse_changes

FROZEN = {*content.LINE_FROZEN, *content.LINE_RELATIONS}


class AccountMoveLine(models.Model):
    """Lines of a sealed entry stay; their due date may move, and that is sealed."""

    _inherit = "account.move.line"

    @api.model_create_multi
    def create(self, vals_list):
        ids = {vals["move_id"] for vals in vals_list if vals.get("move_id")}
        moves = self.env["account.move"].browse(ids)
        moves.filtered("fr_sealed_at")._fr_refuse_line()
        return super().create(vals_list)

    def write(self, vals):
        frozen = [name for name in vals if name in FROZEN]
        amended = not vals.keys().isdisjoint({*content.LINE_AMENDABLE, "name"})
        sealed = self.browse()
        if frozen or amended:
            sealed = self.filtered("move_id.fr_sealed_at")
        for line in sealed:
            names = frozen
            if line.display_type == "payment_term":
                # Odoo writes the payment reference there
                names = [name for name in frozen if name != "name"]
            refuse_changes(line, line.move_id, vals, names)
        result = super().write(vals)
        if sealed and amended:
            sealed.move_id._fr_seal_entries()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_fr_sealed(self):
        self.move_id.filtered("fr_sealed_at")._fr_refuse_line()
