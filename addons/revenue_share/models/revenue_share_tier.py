from odoo import fields, models

from odoo.addons.usage_billing.fields_exact import Exact


class RevenueShareTier(models.Model):
    """A slice of the scale of a rule: up to a limit, included, at a rate."""

    _name = "revenue.share.tier"
    _description = "Revenue Share Tier"
    _order = "rule_id, sequence, id"
    _check_company_auto = True

    rule_id = fields.Many2one(
        "revenue.share.rule", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        related="rule_id.company_id", store=True, index=True, readonly=True
    )
    sequence = fields.Integer(default=10)
    up_to = Exact(
        help="Upper limit of the tier, in the unit of the scale. Leave it empty on the "
        "last tier, which has no limit.",
    )
    rate = Exact(
        required=True,
        help="Percentage of the slice, or amount per unit, as the rule says.",
    )

    def write(self, vals):
        self.rule_id.version_id._check_editable()
        return super().write(vals)

    def unlink(self):
        self.rule_id.version_id._check_editable()
        return super().unlink()
