# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.tools.image import image_data_uri

from ..einvoice.page.look import Look


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_get_look(self, is_french):
        """Give how the page of this invoice looks.

        :rtype: Look
        """
        self.ensure_one()
        company = self.company_id
        has_logo = company.logo and not company.uses_default_logo
        return Look(
            colour=company.primary_color or "",
            logo=image_data_uri(company.logo) if has_logo else "",
        )
