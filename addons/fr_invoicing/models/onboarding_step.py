# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models


class OnboardingStep(models.Model):
    _inherit = "onboarding.onboarding.step"

    @api.model
    def action_open_step_fr_setup(self):
        """Open the French set-up from the first steps of the dashboard."""
        return self.env["fr.setup"].action_open()
