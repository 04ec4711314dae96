from odoo import fields, models
from odoo.exceptions import UserError

from ..fields_exact import Exact

#: what a credit note keeps of the line it reverses
REVERSED_FIELDS = (
    "usage_component_id",
    "usage_rated_line_id",
    "usage_period_start",
    "usage_period_end",
    "usage_quantity",
    "usage_unit_price",
    "usage_exact_amount",
    "usage_unit_label",
)


class AccountMoveLine(models.Model):
    """Invoice lines that come from a rated component, with its true figures."""

    _inherit = "account.move.line"

    # The precision "Product Price" is 6 for what electronic invoices round to; on the
    # screen a price of 9.9 stays 9.90 and one of 0.000137 keeps its digits.
    price_unit = fields.Float(min_display_digits=2)
    usage_component_id = fields.Many2one(
        "usage.rated.component",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    usage_rated_line_id = fields.Many2one(
        "usage.rated.line",
        string="Rated Line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    usage_period_start = fields.Date(readonly=True, copy=False)
    usage_period_end = fields.Date(
        readonly=True, copy=False, help="First local day after the period."
    )
    usage_quantity = Exact(
        readonly=True, copy=False, help="Billed units with every decimal."
    )
    usage_unit_price = Exact(
        readonly=True, copy=False, help="Price of one billed unit, exact."
    )
    usage_exact_amount = Exact(readonly=True, copy=False, help="Before rounding.")
    usage_unit_label = fields.Char(readonly=True, copy=False)

    # ------------------------------------------------------------------
    # copy / unlink
    # ------------------------------------------------------------------
    def _copy_data_extend_business_fields(self, values):
        """A credit note keeps the way to the usage; a plain copy does not."""
        super()._copy_data_extend_business_fields(values)
        for name in REVERSED_FIELDS:
            value = self[name]
            values[name] = value.id if hasattr(value, "id") else value

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_usage_events(self):
        """From an invoice line to its events, one click."""
        self.ensure_one()
        if not self.usage_rated_line_id:
            raise UserError(self.env._("This line does not come from usage."))
        return self.usage_rated_line_id.action_view_events()

    def action_view_usage_rated_line(self):
        """The price, the tiers and the rounding behind an invoice line."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "usage.rated.line",
            "view_mode": "form",
            "res_id": self.usage_rated_line_id.id,
        }
