# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo import models

from odoo.addons.usage_billing.fields_exact import Exact

from ..bridge import exact, line_tax
from ..einvoice.tva import SCOPE_MARGIN


class AccountMoveLine(models.Model):
    """What was paid for what is sold under the margin scheme.

    It is no part of the invoice, which must not show it (CGI 297 E), and may be entered
    after posting: the operation is held back until it is known.
    """

    _inherit = "account.move.line"

    fr_margin_cost = Exact(
        string="Purchase Price (Margin Scheme)",
        help="What was paid, TVA included, for what this line sells, in the currency "
        "of the company. E-reporting tells the margin. When posting it is taken from "
        "the cost of the product; zero is a price, empty is not known.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "fr_margin_cost" in vals:
            self.move_id.filtered(
                lambda move: move.state == "posted"
            )._fr_ereporting_enqueue()
        return result


class AccountMove(models.Model):
    _inherit = "account.move"

    def _post(self, soft=True):
        """Note what was paid for what is sold under the margin scheme."""
        for move in self.filtered(lambda move: move._fr_may_have_margin()):
            memo = {}
            for line in move.invoice_line_ids:
                cost = exact(line.product_id.standard_price)
                if (
                    line.fr_margin_cost is None
                    and cost
                    and line.display_type == "product"
                    and line_tax(line, memo).scope == SCOPE_MARGIN
                ):
                    line.fr_margin_cost = _cost_of(line, cost)
        return super()._post(soft)

    def _fr_may_have_margin(self):
        """Say whether a sale has a line without VAT, so that it pays to look closer."""
        return self.is_sale_document(include_receipts=True) and not all(
            self.invoice_line_ids.tax_ids.mapped("amount")
        )


def _cost_of(line, cost):
    """Give the cost of a line's quantity, in the unit the product is stocked in."""
    quantity = line.product_uom_id._compute_quantity(
        abs(line.quantity), line.product_id.uom_id
    )
    return (cost * exact(quantity)).quantize(Decimal("0.01"))
