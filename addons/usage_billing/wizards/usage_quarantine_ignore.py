from odoo import fields, models


class UsageQuarantineIgnore(models.TransientModel):
    """Ask for the reason before quarantined rows are left out for good."""

    _name = "usage.quarantine.ignore"
    _description = "Ignore Quarantined Usage"

    quarantine_ids = fields.Many2many("usage.quarantine", required=True, readonly=True)
    reason = fields.Char(required=True, help="Shown to whoever audits the usage.")

    def action_confirm(self):
        self.ensure_one()
        self.quarantine_ids.check_access("write")
        self.quarantine_ids._set_ignored(self.reason)
        return {"type": "ir.actions.act_window_close"}
