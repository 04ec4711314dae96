from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import bulk, messages
from ..fields_exact import Exact

RATED_STATES = [
    ("simulated", "Dry run"),
    ("rated", "Rated"),
    ("approved", "Approved"),
    ("posted", "Posted"),
    ("cancelled", "Cancelled"),
]

#: states whose amount counts as billed or about to be; the unique key covers them
LIVE_STATES = ("rated", "approved", "posted")

#: the only fields that may still change when a line is posted, set at that moment
LINK_FIELDS = {"move_id", "state"}


class UsageRatedLine(models.Model):
    """What one charge costs for one period, with the evidence of the figure.

    Revision 0 is the first rating; revision n is the n-th difference, made when
    usage arrived or was corrected after the period was billed: cumulative amount
    now minus amount billed so far. The database refuses a second live line of the
    same subscription, charge, period, dimension set and revision.

    Lines are written by a billing run only, and never change once posted.
    """

    _name = "usage.rated.line"
    _description = "Usage Rated Line"
    _order = "period_id desc, subscription_id, charge_id, dimension_key, revision"
    _check_company_auto = True

    # where it comes from
    run_id = fields.Many2one(
        "usage.billing.run",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    run_line_id = fields.Many2one(
        "usage.billing.run.line",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    partner_id = fields.Many2one(
        related="subscription_id.partner_id", store=True, index=True
    )
    plan_id = fields.Many2one(related="version_id.plan_id")
    version_id = fields.Many2one(
        "usage.plan.version",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    charge_id = fields.Many2one(
        "usage.charge",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    meter_id = fields.Many2one(
        "usage.meter", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    period_id = fields.Many2one(
        "usage.period", required=True, readonly=True, index=True, ondelete="restrict"
    )
    dimension_key = fields.Char(
        required=True,
        readonly=True,
        default="",
        help="Stable text of the dimension set, empty when the charge is not split.",
    )
    dimensions = fields.Json(readonly=True)
    price_id = fields.Many2one(
        "usage.charge.price",
        string="Special Price",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The price of the charge that took this usage, where it has several.",
    )
    override_id = fields.Many2one(
        "usage.override",
        string="Price Exception",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The exception that gave the price. Empty: the list price.",
    )
    revision = fields.Integer(
        required=True,
        readonly=True,
        default=0,
        help="0 for the first rating of the period, then one more for each "
        "difference billed later.",
    )

    # the figures
    quantity = Exact(
        readonly=True, help="Units measured in the period, all revisions together."
    )
    exact_amount = Exact(readonly=True, help="Amount of this revision before rounding.")
    amount = Exact(
        readonly=True,
        help="Amount of this revision, rounded once, half up, to the currency.",
    )
    amount_currency = fields.Monetary(
        string="Amount Billed",
        compute="_compute_amount_currency",
        store=True,
        help="The same amount, for sums in lists and pivots.",
    )
    already_billed = Exact(
        readonly=True, help="Amount the earlier revisions of this period billed."
    )
    unit_label = fields.Char(readonly=True)
    allowance_left = Exact(
        readonly=True, help="Free units that were not used and serve the next period."
    )

    # the evidence
    evidence = fields.Json(readonly=True)
    watermark = fields.Datetime(
        readonly=True, help="Arrival of the newest usage in the quantity."
    )
    event_count = fields.Integer(
        string="Events", readonly=True, help="Events behind the quantity."
    )
    explanation_html = fields.Html(
        string="Why This Amount", compute="_compute_explanation_html", sanitize=False
    )
    component_ids = fields.One2many(
        "usage.rated.component", "rated_line_id", readonly=True
    )

    state = fields.Selection(
        RATED_STATES, required=True, default="rated", readonly=True, index=True
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    _live_unique = models.UniqueIndex(
        "(subscription_id, charge_id, period_id, dimension_key, revision) "
        "WHERE state IN ('rated', 'approved', 'posted')",
        "This charge was already rated for this period by another run.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("charge_id.name", "period_id", "revision")
    def _compute_display_name(self):
        for line in self:
            name = f"{line.charge_id.name}, {line.period_id.display_name}"
            if line.revision:
                name = self.env._(
                    "%(name)s, revision %(revision)s",
                    name=name,
                    revision=line.revision,
                )
            line.display_name = name

    @api.depends("amount", "currency_id")
    def _compute_amount_currency(self):
        for line in self:
            line.amount_currency = float(line.amount or 0)

    @api.depends_context("lang")
    def _compute_explanation_html(self):
        for line in self:
            line.explanation_html = self.env["ir.qweb"]._render(
                "usage_billing.rated_line_explanation",
                {"rows": line._prepare_explanation_rows()},
            )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.private
    def _create_rated(self, rows):
        """Write rated lines with their components, all of them together.

        :param list[dict] rows: values of lines by field name; ``components`` is a list
            of values of theirs. Company, currency and customer are those of the
            subscription.
        :return: the lines, in the order of the rows
        """
        lines = bulk.copy_records(
            self,
            [
                {name: value for name, value in row.items() if name != "components"}
                for row in rows
            ],
        )
        bulk.copy_records(
            self.env["usage.rated.component"],
            [
                {"rated_line_id": line_id, "company_id": row["company_id"], **part}
                for line_id, row in zip(lines._ids, rows, strict=True)
                for part in row["components"]
            ],
        )
        return lines

    def write(self, vals):
        """Refuse to change history: a posted line stays as it was invoiced."""
        if any(line.state == "posted" for line in self):
            raise UserError(
                self.env._(
                    "A rated line on a posted invoice cannot change. Correct it with "
                    "a credit note or with new usage."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_posted(self):
        if any(line.state in ("approved", "posted") for line in self):
            raise UserError(
                self.env._("An approved or posted rated line cannot be deleted.")
            )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_events(self):
        """Open the events behind the line: same meter, period, dimensions."""
        self.ensure_one()
        domain = [
            ("subscription_id", "=", self.subscription_id.id),
            ("period_id", "=", self.period_id.id),
            # the store is indexed by time
            ("time", ">=", self.period_id.start_at),
            ("time", "<", self.period_id.end_at),
            ("is_live", "=", True),
        ]
        if self.meter_id:
            domain.append(("type", "=", self.meter_id.event_type))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(line)s", line=self.display_name),
            "res_model": "usage.event",
            "view_mode": "list,pivot,form",
            "domain": domain,
            "context": {"create": False},
        }

    def action_view_invoice(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "view_mode": "form",
            "res_id": self.move_id.id,
        }


class UsageRatedComponent(models.Model):
    """One part of a rated line (a tier, a fee, a minimum): one invoice line."""

    _name = "usage.rated.component"
    _description = "Usage Rated Component"
    _order = "sequence, id"

    rated_line_id = fields.Many2one(
        "usage.rated.line", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one(related="rated_line_id.currency_id")
    sequence = fields.Integer(readonly=True)
    key = fields.Char(
        required=True, readonly=True, help="Stable within the line, such as tier-2."
    )
    role = fields.Char(readonly=True)
    label = fields.Char(readonly=True, help="Code of the words that name it.")
    dimension = fields.Char(readonly=True)
    tier = fields.Integer(readonly=True)
    lower = Exact(readonly=True, help="The tier begins after this unit.")
    upper = Exact(readonly=True, help="Last unit of the tier, included.")
    quantity = Exact(readonly=True, help="Billed units, exact.")
    unit_price = Exact(readonly=True, help="Price of one billed unit, exact.")
    exact_amount = Exact(readonly=True, help="Before rounding.")
    amount = Exact(readonly=True, help="Rounded; the parts add up to the line.")
    presented_quantity = Exact(
        readonly=True, help="Quantity of the invoice line, at most 4 decimals."
    )
    presented_price = Exact(
        readonly=True, help="Price of the invoice line, at most 6 decimals."
    )
    unit_scale = fields.Integer(
        readonly=True,
        default=1,
        help="Billed units in one unit of the invoice line, for example 1000.",
    )
    move_line_id = fields.Many2one(
        "account.move.line",
        string="Invoice Line",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    name = fields.Char(compute="_compute_name")

    _key_unique = models.Constraint(
        "UNIQUE(rated_line_id, key)", "A component appears once in a rated line."
    )

    @api.depends("label", "tier", "lower", "upper", "dimension")
    @api.depends_context("lang")
    def _compute_name(self):
        for component in self:
            component.name = (
                messages.component_label(self.env, component)
                or component.rated_line_id.charge_id.name
            )

    def write(self, vals):
        if any(component.rated_line_id.state == "posted" for component in self):
            raise UserError(
                self.env._("A component on a posted invoice cannot change.")
            )
        return super().write(vals)
