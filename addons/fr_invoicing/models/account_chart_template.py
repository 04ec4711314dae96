# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _post_load_data(self, template_code, company, template_data):
        """Complete a French chart as soon as it is loaded: regimes, territories."""
        result = super()._post_load_data(template_code, company, template_data)
        company = company or self.env.company
        self.env["account.tax"]._fr_assign_profiles(company)
        company._fr_ensure_territories()
        return result
