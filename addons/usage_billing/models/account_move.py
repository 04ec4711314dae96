from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import bridge


class AccountMove(models.Model):
    """Invoices made by a billing run, and the way back to the usage behind them."""

    _inherit = "account.move"

    usage_run_id = fields.Many2one(
        "usage.billing.run",
        string="Billing Run",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    usage_group_key = fields.Char(
        readonly=True,
        copy=False,
        help="Payer, currency and purchase order: one invoice for each in a run.",
    )
    usage_rated_line_ids = fields.One2many(
        "usage.rated.line", "move_id", string="Rated Lines", readonly=True
    )
    usage_line_ids = fields.One2many(
        "account.move.line",
        "move_id",
        string="Usage Lines",
        readonly=True,
        domain=[("usage_rated_line_id", "!=", False)],
    )
    usage_rated_line_count = fields.Integer(compute="_compute_usage_counts")
    usage_event_count = fields.Integer(compute="_compute_usage_counts")

    _usage_group_unique = models.UniqueIndex(
        "(usage_run_id, usage_group_key) WHERE usage_run_id IS NOT NULL",
        "This run has already invoiced this payer.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("usage_rated_line_ids.event_count")
    def _compute_usage_counts(self):
        counts = {
            move: (count, events)
            for move, count, events in self.env["usage.rated.line"]
            .sudo()  # two counts for the buttons; the lists behind have their rules
            ._read_group(
                [("move_id", "in", self.ids)],
                ["move_id"],
                ["__count", "event_count:sum"],
            )
        }
        for move in self:
            lines, events = counts.get(move, (0, 0))
            move.usage_rated_line_count = lines
            move.usage_event_count = events

    def _compute_show_reset_to_draft_button(self):
        """No button for what :meth:`button_draft` refuses."""
        super()._compute_show_reset_to_draft_button()
        for move in self.filtered("usage_run_id"):
            move.show_reset_to_draft_button = False

    # ------------------------------------------------------------------
    # tax
    # ------------------------------------------------------------------
    def _prepare_product_base_line_for_taxes_computation(self, product_line):
        """The tax engine adds up the amounts that stand on the usage lines.

        With taxes rounded globally Odoo adds quantity x price unrounded, and the
        untaxed total can differ from the sum of the lines by cents. EN 16931
        (BR-CO-10) wants the sum of the rounded lines, and so does the equation
        "rated = invoiced"; the quantity stays, for taxes per unit.
        """
        base_line = super()._prepare_product_base_line_for_taxes_computation(
            product_line
        )
        quantity = base_line["quantity"]
        if product_line.usage_rated_line_id and quantity and self.is_invoice():
            net = bridge.line_net(
                quantity,
                base_line["price_unit"],
                base_line["discount"],
                product_line.currency_id.decimal_places,
            )
            base_line.update(price_unit=float(net) / quantity, discount=0.0)
        return base_line

    # ------------------------------------------------------------------
    # write / unlink
    # ------------------------------------------------------------------
    def button_draft(self):
        """A posted usage invoice is history: it is corrected by a credit note."""
        for move in self.filtered("usage_run_id"):
            if move.state == "posted":
                raise UserError(
                    self.env._(
                        "Invoice %(invoice)s was made by run %(run)s and cannot go "
                        "back to draft. Correct it with a credit note.",
                        invoice=move.name,
                        run=move.usage_run_id.name,
                    )
                )
        return super().button_draft()

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_usage_rated_lines(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Usage of %(invoice)s", invoice=self.name),
            "res_model": "usage.rated.line",
            "view_mode": "list,form,pivot",
            "domain": [("move_id", "=", self.id)],
            "context": {"create": False},
        }

    def action_view_usage_events(self):
        """Events of all the periods of the invoice, meter by meter."""
        self.ensure_one()
        rated = self.usage_rated_line_ids
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(invoice)s", invoice=self.name),
            "res_model": "usage.event",
            "view_mode": "list,pivot,form",
            "domain": [
                ("period_id", "in", rated.period_id.ids),
                ("type", "in", rated.meter_id.mapped("event_type")),
            ],
            "context": {"create": False},
        }
