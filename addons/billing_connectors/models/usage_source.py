# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models


class UsageSource(models.Model):
    _inherit = "usage.source"

    def _erase_batches(self, batches):
        """The files a forgotten source sent are forgotten with it."""
        deliveries = self.env["billing.delivery"].search(
            [("source_id", "in", self.ids)]
        )
        batches.delivery_id = False
        deliveries.batch_id = False
        deliveries.unlink()
        return super()._erase_batches(batches)
