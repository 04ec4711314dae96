# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models

from .. import messages


class UsageQuarantine(models.Model):
    _inherit = "usage.quarantine"

    @api.model
    def _get_row_sentences(self):
        """Rows of files are held with sentences of their own."""
        return [*super()._get_row_sentences(), *messages.ROW_ERRORS.values()]
