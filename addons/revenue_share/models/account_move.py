from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    revenue_share_item_ids = fields.One2many(
        "revenue.share.item", "move_id", string="Shared revenue", copy=False
    )
    revenue_share_count = fields.Integer(
        string="Shares", compute="_compute_revenue_share_count"
    )

    def _compute_revenue_share_count(self):
        counts = dict(
            self.env["revenue.share.line"]._read_group(
                [("move_id", "in", self.ids)], ["move_id"], ["__count"]
            )
        )
        for move in self:
            move.revenue_share_count = counts.get(move, 0)

    def _post(self, soft=True):
        posted = super()._post(soft)
        posted._record_revenue_shares()
        return posted

    def button_draft(self):
        documents = self.filtered(
            lambda move: move.state == "posted" and move._can_share_revenue()
        )
        result = super().button_draft()
        if not documents:  # Odoo asks for none at every change of a line
            return result
        # Posting rights do not include the sub-ledger of partners: hence sudo.
        self.env["revenue.share.item"].sudo()._undo(documents)
        return result

    def action_record_revenue_shares(self):
        """Share posted documents again: adds what is missing, and nothing twice."""
        self.filtered(lambda move: move.state == "posted")._record_revenue_shares()
        return True

    def action_view_revenue_shares(self):
        """Show the shares of the documents."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shares"),
            "res_model": "revenue.share.line",
            "view_mode": "list,pivot,form",
            "domain": [("move_id", "in", self.ids)],
        }

    def _can_share_revenue(self):
        self.ensure_one()
        return self.move_type in ("out_invoice", "out_refund")

    def _record_revenue_shares(self):
        documents = self.filtered(lambda move: move._can_share_revenue())
        if documents:
            # Posting rights do not include the sub-ledger of partners: hence sudo.
            self.env["revenue.share.item"].sudo()._record(documents)
