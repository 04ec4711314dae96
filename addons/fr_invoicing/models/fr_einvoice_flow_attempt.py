# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models

from ..transmission_words import error_text


class FrEinvoiceFlowAttempt(models.Model):
    """One try to hand a document over, and what came of it. Rows are only added."""

    _name = "fr.einvoice.flow.attempt"
    _description = "Transmission Attempt"
    _order = "id desc"
    _rec_name = "outcome"

    flow_id = fields.Many2one(
        "fr.einvoice.flow", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    at = fields.Datetime(string="On", required=True, readonly=True)
    outcome = fields.Char(required=True, readonly=True)
    http_status = fields.Integer(string="HTTP", readonly=True)
    facts = fields.Json(readonly=True)
    text = fields.Text(string="What Happened", compute="_compute_text")

    @api.depends("outcome", "facts")
    @api.depends_context("lang")
    def _compute_text(self):
        words = {
            "sent": self.env._("Handed over"),
            "found": self.env._("The platform has it"),
            "not_found": self.env._("The platform does not have it"),
            "resumed": self.env._("Interrupted before the answer was stored"),
        }
        for attempt in self:
            attempt.text = words.get(attempt.outcome) or error_text(
                self.env, attempt.outcome, attempt.facts
            )
