from odoo import api, fields, models
from odoo.exceptions import UserError


class UsageQuarantineIgnore(models.TransientModel):
    """Ask for the reason before quarantined rows are left out for good."""

    _name = "usage.quarantine.ignore"
    _description = "Ignore Quarantined Usage"

    quarantine_ids = fields.Many2many("usage.quarantine", readonly=True)
    cause_ids = fields.Many2many("usage.quarantine.cause", readonly=True)
    row_count = fields.Integer(compute="_compute_row_count")
    reason = fields.Char(required=True, help="Shown to whoever audits the usage.")
    is_lasting = fields.Boolean(
        string="Also What Comes Later",
        help="Rows of the same cause that arrive from now on are ignored at once, with "
        "this reason, until somebody takes the decision back.",
    )

    @api.depends("quarantine_ids", "cause_ids")
    def _compute_row_count(self):
        for wizard in self:
            wizard.row_count = len(wizard.quarantine_ids)
            if wizard.cause_ids:
                wizard.row_count = self.env["usage.quarantine"].search_count(
                    [("cause_id", "in", wizard.cause_ids.ids), ("state", "=", "open")]
                )

    def action_confirm(self):
        self.ensure_one()
        if not self.reason.strip():
            raise UserError(self.env._("Say why these rows are left out."))
        decision = self.env["usage.quarantine.decision"]._decide(
            "ignore",
            causes=self.cause_ids or None,
            rows=None if self.cause_ids else self.quarantine_ids,
            note=self.reason,
        )
        if self.is_lasting and self.cause_ids:
            # the right to decide was checked just before
            self.cause_ids.sudo().write({"is_muted": True, "mute_reason": self.reason})
        return decision._get_notification()
