# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _post_load_data(self, template_code, company, template_data):
        """Give the taxes of a French chart their regime as soon as it is loaded."""
        result = super()._post_load_data(template_code, company, template_data)
        self.env["account.tax"]._fr_assign_profiles(company or self.env.company)
        return result
