# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.exceptions import UserError


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Merging writes the other partner on documents: sealed ones keep theirs."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        # the documents of every company stand in the way, also those nobody here reads
        lines = self.env["account.move.line"].sudo()
        sealed = lines.search(
            [
                ("partner_id", "in", src_partners.ids),
                ("move_id.fr_sealed_at", "!=", False),
            ],
            limit=1,
        )
        if sealed:
            raise UserError(
                self.env._(
                    "%(partner)s stands on sealed documents (%(document)s, for "
                    "example), which cannot be changed (CGI art. 286 I 3° bis). Merge "
                    "the other way round, or archive this contact.",
                    partner=sealed.partner_id.display_name,
                    document=sealed.move_id.name,
                )
            )
        return super()._update_foreign_keys(src_partners, dst_partner)
