# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

# states of a flow (transmission/delivery.py) -> what they mean for the report
ANSWERS = {"accepted": "accepted", "rejected": "rejected", "cancelled": "rejected"}


class FrEreportingReport(models.Model):
    """Reports leave through the outbox of the approved platform."""

    _inherit = "fr.ereporting.report"

    def _send_to_platform(self):
        """Put the report in the outbox: from now on it does not change.

        :return: False when the company has no platform
        """
        self.ensure_one()
        platform = self.company_id.sudo().fr_platform_id  # settings of the company
        if not platform:
            return super()._send_to_platform()
        self.sudo()._mark_sent(platform.name)  # written by code only
        self.env["fr.einvoice.flow"]._enqueue(
            platform,
            "report",
            self._get_xml(),
            self.xml_filename,
            "FRR",
            f"report/{self.name}",
            record_model=self._name,
            record_id=self.id,
            processing_rule="NotApplicable",
            deadline_at=fields.Datetime.to_datetime(self.deadline),
        )
        return True

    def _fr_flow_state_changed(self, flow):
        """Note what the platform answered; one that never left is as if refused."""
        for record in self.sudo():
            state = ANSWERS.get(flow.state)
            if state and record.state in ("sent", "accepted"):
                record._set_answer(state, flow.error_code or "", flow.error or "")
