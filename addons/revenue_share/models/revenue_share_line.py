from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.usage_billing.fields_exact import Exact

# The only thing that happens to a share after it was computed: it is told.
OPEN_FIELDS = {"statement_id"}


class RevenueShareLine(models.Model):
    """One computed share of one partner. Append-only: a correction is a new line.

    The sum of a partner's lines is what the partner earned; the sum of all lines of
    an item is what left the operator. A share carved out of another is two lines:
    a plus for the partner and a minus for who pays it.
    """

    _name = "revenue.share.line"
    _description = "Revenue Share Line"
    _order = "date desc, id desc"
    _rec_name = "line_key"
    _check_company_auto = True

    agreement_id = fields.Many2one(
        "revenue.share.agreement",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, readonly=True
    )
    version_id = fields.Many2one(
        "revenue.share.agreement.version",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
    )
    rule_id = fields.Many2one(
        "revenue.share.rule",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
    )
    item_id = fields.Many2one(
        "revenue.share.item",
        string="Shared revenue",
        ondelete="restrict",
        index="btree_not_null",
        readonly=True,
        help="Empty for an amount that is due once per statement.",
    )
    move_id = fields.Many2one(
        related="item_id.move_id", store=True, index="btree_not_null", readonly=True
    )
    statement_id = fields.Many2one(
        "revenue.share.statement",
        ondelete="restrict",
        index="btree_not_null",
        readonly=True,
        check_company=True,
    )
    partner_id = fields.Many2one(
        "res.partner", required=True, ondelete="restrict", index=True, readonly=True
    )
    kind = fields.Selection(
        [
            ("share", "Share"),
            ("settlement", "Settled for the period"),
            ("rounding", "Rounding of the period"),
            ("reversal", "Credit note"),
        ],
        required=True,
        readonly=True,
    )
    date = fields.Date(required=True, index=True, readonly=True)
    period_start = fields.Date(
        readonly=True, help="Period of an amount that is due once per statement."
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    basis = Exact(
        string="Base", readonly=True, help="Amount to which the rule was applied."
    )
    exact_amount = Exact(readonly=True, help="Share before rounding.")
    amount = fields.Monetary(readonly=True)
    reversal_of_id = fields.Many2one(
        "revenue.share.line",
        string="Takes back",
        ondelete="restrict",
        index="btree_not_null",
        readonly=True,
    )
    trace = fields.Json(readonly=True, help="How the amount was computed.")
    explanation = fields.Char(compute="_compute_explanation")
    line_key = fields.Char(
        required=True,
        readonly=True,
        help="Identity of the share: what makes a second computation add nothing.",
    )

    _line_once = models.Constraint(
        "UNIQUE (agreement_id, line_key)", "This share is already recorded."
    )
    _item_rule_index = models.Index("(item_id, rule_id, partner_id)")

    @api.depends("kind", "basis", "rule_id", "reversal_of_id")
    @api.depends_context("lang")
    def _compute_explanation(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for line in self:
            words = line.rule_id.sudo()._get_words()  # clauses the line was made from
            line.explanation = (
                words if line.kind == "share" else (f"{kinds[line.kind]} ({words})")
            )

    def write(self, vals):
        if set(vals) - OPEN_FIELDS:
            raise UserError(
                self.env._(
                    "A computed share cannot be changed: a correction is a new line."
                )
            )
        for line in self:
            if line.statement_id and line.statement_id.state != "draft":
                raise UserError(
                    self.env._(
                        "The statement %(statement)s was sent: its lines cannot "
                        "change.",
                        statement=line.statement_id.name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._(
                "A computed share cannot be deleted: a correction is a new line."
            )
        )

    def action_view_invoice(self):
        """Open the invoice that a share comes from."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }
