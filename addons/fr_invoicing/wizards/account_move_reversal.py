# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models


class AccountMoveReversal(models.TransientModel):
    """Dates a credit note like its invoice: by the seller's day, and not before it.

    The invoice may bear tomorrow's date for the person who credits it: it was made in
    another time zone, or ahead. A credit note before what it corrects is refused (BT-2
    against BT-26 of EN 16931).
    """

    _inherit = "account.move.reversal"

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if "date" in values and "move_ids" in values:
            moves = self.env["account.move"].browse(values["move_ids"][0][2])
            days = moves.filtered("fr_is_concerned").mapped("invoice_date")
            values["date"] = max([values["date"], *filter(None, days)])
        return values

    def reverse_moves(self, is_modify=False):
        # what is of today for the seller is not of the future for its reader
        if self.move_ids.filtered("fr_is_concerned"):
            self = self.with_context(tz=self.company_id._usage_get_zone())
        return super().reverse_moves(is_modify)
