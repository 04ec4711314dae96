# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models

from .. import fixes

CHECKS = {
    "account.move": "_fr_preflight",
    "res.partner": "_fr_check",
    "res.company": "_fr_check",
    "account.tax": "_fr_check",
}


class FrFixDialog(models.TransientModel):
    """Lists what has to be corrected on one record, each with a button.

    The findings are those of now: opened again after a correction, it is shorter.
    """

    _name = "fr.fix.dialog"
    _description = "What to Correct"

    res_model = fields.Selection(
        [
            ("account.move", "Invoice"),
            ("res.partner", "Customer"),
            ("res.company", "Company"),
            ("account.tax", "Tax"),
        ],
        required=True,
        readonly=True,
    )
    res_id = fields.Many2oneReference(model_field="res_model", required=True)
    to_fix = fields.Json(compute="_compute_to_fix")
    fatal_count = fields.Integer(compute="_compute_to_fix")

    @api.depends("res_model", "res_id")
    def _compute_to_fix(self):
        for dialog in self:
            record = self.env[dialog.res_model].browse(dialog.res_id).exists()
            record.check_access("read")
            found = getattr(record, CHECKS[dialog.res_model])() if record else []
            dialog.to_fix = fixes.alerts(self.env, found) or False
            dialog.fatal_count = sum(finding.is_fatal for finding in found)
