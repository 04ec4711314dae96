from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    revenue_share_statement_count = fields.Integer(
        string="Statements", compute="_compute_revenue_share_statement_count"
    )

    def _compute_revenue_share_statement_count(self):
        counts = dict(
            self.env["revenue.share.statement"]._read_group(
                [("partner_id", "in", self.commercial_partner_id.ids)],
                ["partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            partner.revenue_share_statement_count = counts.get(
                partner.commercial_partner_id, 0
            )

    def action_view_revenue_share_statements(self):
        """Show the statements of the company of the contact."""
        statements = self.env["revenue.share.statement"].search(
            [("partner_id", "in", self.commercial_partner_id.ids)]
        )
        return statements._get_list_action(self.env._("Statements"))
