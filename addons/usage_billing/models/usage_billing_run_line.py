from odoo import api, fields, models
from odoo.exceptions import UserError

from ..fields_exact import Exact

LINE_STATES = [
    ("pending", "Pending"),
    ("rated", "Rated"),
    ("held", "Held"),
    ("approved", "Approved"),
    ("invoiced", "Invoiced"),
]


class UsageBillingRunLine(models.Model):
    """What a run did for one subscription.

    Written by the run only: no group may create or change one.
    """

    _name = "usage.billing.run.line"
    _description = "Usage Billing Run Result"
    _order = "run_id, id"
    _check_company_auto = True

    run_id = fields.Many2one(
        "usage.billing.run",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
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
    plan_id = fields.Many2one(related="subscription_id.plan_id", store=True)
    currency_id = fields.Many2one(related="subscription_id.currency_id", store=True)
    state = fields.Selection(
        LINE_STATES, required=True, default="pending", readonly=True, index=True
    )
    reason = fields.Text(readonly=True, help="Why the subscription is held.")

    amount = Exact(readonly=True, help="Untaxed, sum of the rated lines.")
    previous_amount = Exact(
        readonly=True, help="Untaxed, of the last posted run of the subscription."
    )
    variance = Exact(
        string="Exact Variance", readonly=True, help="Amount less the previous one."
    )
    amount_currency = fields.Monetary(
        string="To Bill", compute="_compute_shown", store=True, help="Untaxed."
    )
    previous_amount_currency = fields.Monetary(
        string="Previous", compute="_compute_shown", store=True, help="Untaxed."
    )
    variance_currency = fields.Monetary(
        string="Variance", compute="_compute_shown", store=True
    )
    variance_percent = fields.Float(
        string="Variance %",
        compute="_compute_shown",
        store=True,
        digits=(16, 1),
        aggregator="avg",
        help="Against the last posted run of the subscription, for sorting; empty "
        "when there is none.",
    )

    coverage = fields.Json(
        readonly=True,
        help="Periods closed by this result, with what their quantities were made "
        "from.",
    )
    rated_line_ids = fields.One2many("usage.rated.line", "run_line_id", readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    _subscription_unique = models.Constraint(
        "UNIQUE(run_id, subscription_id)",
        "A subscription appears once in a billing run.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("subscription_id.name")
    def _compute_display_name(self):
        for line in self:
            line.display_name = line.subscription_id.display_name

    @api.depends("amount", "previous_amount", "variance")
    def _compute_shown(self):
        """Figures the client can add up and sort; the exact ones stay beside."""
        for line in self:
            line.update(_shown(line.amount, line.previous_amount, line.variance))

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_retry(self):
        """Rate held lines again, or post them again when they were rated."""
        for run, lines in self.grouped("run_id").items():
            run.check_access("write")
            held = lines.sudo().filtered(lambda line: line.state == "held")
            if run.state in ("computing", "review"):
                held._discard()
                run._rate_lines(held)
                run._finish_retry()
            elif run.state in ("posting", "posted"):
                run._check_approver()
                waiting = held.filtered(
                    lambda line: "approved" in line.rated_line_ids.mapped("state")
                )
                if held - waiting:
                    raise UserError(
                        self.env._(
                            "Run %(run)s is being posted: what is held in it is "
                            "billed by the next run.",
                            run=run.name,
                        )
                    )
                waiting.write({"state": "approved", "reason": False})
                run._set_state("posting")
                run._run_to_end("_post_slice")
            else:
                raise UserError(
                    self.env._(
                        "Put run %(run)s back to review to retry what is held.",
                        run=run.name,
                    )
                )
        return True

    def action_hold(self):
        """A person sets a result aside; the others can be approved."""
        for run, lines in self.grouped("run_id").items():
            run.check_access("write")
            if run.state != "review":
                raise UserError(
                    self.env._(
                        "Lines of run %(run)s can be held in review only.",
                        run=run.name,
                    )
                )
            rated = lines.sudo().filtered(lambda line: line.state == "rated")
            rated._discard()
            rated._hold(self.env._("Held by %(user)s.", user=self.env.user.name))
        return True

    def action_leave_out(self):
        """Give up the amounts of held lines here: the next run bills them."""
        for run, lines in self.grouped("run_id").items():
            run._check_approver()
            held = lines.sudo().filtered(lambda line: line.state == "held")
            held.rated_line_ids.filtered(
                lambda rated: rated.state in ("rated", "approved")
            ).write({"state": "cancelled"})
            held.write({"amount": None, "variance": None, "coverage": False})
        return True

    def action_view_rated_lines(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rated lines of %(line)s", line=self.display_name),
            "res_model": "usage.rated.line",
            "view_mode": "list,form",
            "domain": [("run_line_id", "=", self.id)],
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

    # ------------------------------------------------------------------
    # business: called by the run with its own rights
    # ------------------------------------------------------------------
    def _prepare_result_vals(self, amount, previous, coverage):
        """Values of a rated result.

        :param Decimal amount: sum of the rated lines, rounded to the currency
        :param Decimal previous: of the last posted run, None when there is none
        :param dict coverage: fingerprint of the usage by period id
        """
        variance = None if previous is None else amount - previous
        return {
            "state": "rated",
            "reason": False,
            "amount": amount,
            "previous_amount": previous,
            "variance": variance,
            "coverage": coverage,
            **_shown(amount, previous, variance),
        }

    def _hold(self, reason):
        """Set the line aside with a sentence a person can act on."""
        self.write({"state": "held", "reason": reason})

    def _discard(self):
        """Forget results that were not approved, so that they can be made again."""
        lines = self.filtered(lambda line: line.state != "invoiced")
        lines.rated_line_ids.filtered(
            lambda rated: rated.state in ("simulated", "rated")
        ).unlink()
        lines.write(
            {
                "state": "pending",
                "reason": False,
                "amount": None,
                "variance": None,
                "coverage": False,
            }
        )

    def _approve(self):
        """Approve what is rated; the held stay held."""
        lines = self.filtered(lambda line: line.state == "rated")
        lines.rated_line_ids.filtered(lambda rated: rated.state == "rated").write(
            {"state": "approved"}
        )
        lines.write({"state": "approved"})

    def _unapprove(self):
        lines = self.filtered(lambda line: line.state == "approved")
        lines.rated_line_ids.filtered(lambda rated: rated.state == "approved").write(
            {"state": "rated"}
        )
        lines.write({"state": "rated"})


def _shown(amount, previous, variance):
    """Figures the client can add up and sort, from the exact ones."""
    percent = 0
    if variance is not None and previous:
        percent = float(100 * variance / previous)
    return {
        "amount_currency": float(amount or 0),
        "previous_amount_currency": float(previous or 0),
        "variance_currency": float(variance or 0),
        "variance_percent": percent,
    }
