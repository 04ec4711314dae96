from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .. import messages

RUN_STATES = [
    ("new", "New"),
    ("computing", "Computing"),
    ("review", "Review"),
    ("approved", "Approved"),
    ("posting", "Posting"),
    ("posted", "Posted"),
]

#: a run of at most so many subscriptions is done at once, in the user's request
SMALL_RUN = 100


class UsageBillingRun(models.Model):
    """One execution of billing over many subscriptions.

    new -> computing -> review -> approved -> posting -> posted, with a result for
    each subscription: a bad one is held with its reason and the others go on.

    Computing and posting work in slices that may be killed and run again at any
    moment: a slice takes lines nobody else holds, and the unique keys of rated
    lines and invoices refuse whatever would bill twice. Jobs run the slices; where
    no job runner is set up, the scheduled action does.
    """

    _name = "usage.billing.run"
    _description = "Usage Billing Run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "cutoff_date desc, id desc"
    _check_company_auto = True

    # what
    name = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    cutoff_date = fields.Date(
        required=True,
        tracking=True,
        default=lambda self: self._default_cutoff_date(),
        help="Every period whose last day is this one or earlier is billed, once its "
        "grace days are over.",
    )
    invoice_date = fields.Date(
        tracking=True, help="Date of the invoices. Empty: the day of posting."
    )
    is_dry_run = fields.Boolean(
        string="Dry Run",
        tracking=True,
        help="Shows what the run would bill; nothing is kept for the invoices.",
    )
    is_interim = fields.Boolean(
        string="Interim",
        tracking=True,
        help="Bills what running periods have used so far and closes none of them: "
        "fees, minimums and commitments wait for the end of the period.",
    )
    subscription_ids = fields.Many2many(
        "usage.subscription",
        check_company=True,
        string="Only These Subscriptions",
        help="Empty: every subscription of the company with something to bill.",
    )

    # state and results
    state = fields.Selection(
        RUN_STATES,
        required=True,
        default="new",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    line_ids = fields.One2many("usage.billing.run.line", "run_id", readonly=True)
    held_line_ids = fields.One2many(
        "usage.billing.run.line",
        "run_id",
        readonly=True,
        domain=[("state", "=", "held")],
    )
    rated_line_ids = fields.One2many("usage.rated.line", "run_id", readonly=True)
    move_ids = fields.One2many("account.move", "usage_run_id", readonly=True)
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    approved_at = fields.Datetime(readonly=True, copy=False)
    started_at = fields.Datetime(readonly=True, copy=False)
    finished_at = fields.Datetime(readonly=True, copy=False)

    # progress and totals
    total_count = fields.Integer(compute="_compute_progress", string="Subscriptions")
    done_count = fields.Integer(compute="_compute_progress", string="Done")
    held_count = fields.Integer(compute="_compute_progress", string="Held")
    progress = fields.Float(compute="_compute_progress", help="Percentage done.")
    rated_line_count = fields.Integer(compute="_compute_counts")
    move_count = fields.Integer(compute="_compute_counts", string="Invoices")
    total_text = fields.Char(compute="_compute_totals", string="Total")
    previous_total_text = fields.Char(
        compute="_compute_totals", string="Previous Period"
    )
    has_job_runner = fields.Boolean(compute="_compute_has_job_runner")

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    def _default_cutoff_date(self):
        """Last day of the month before this one."""
        first = fields.Date.context_today(self).replace(day=1)
        return fields.Date.subtract(first, days=1)

    @api.depends("line_ids.state", "state")
    def _compute_progress(self):
        counts = {run: {} for run in self}
        for run, state, count in self.env["usage.billing.run.line"]._read_group(
            [("run_id", "in", self.ids)], ["run_id", "state"], ["__count"]
        ):
            counts[run][state] = count
        for run in self:
            by_state = counts[run] if run in counts else {}
            total = sum(by_state.values())
            waiting = by_state.get("pending", 0)
            if run.state == "posting":
                waiting = by_state.get("approved", 0)
            run.total_count = total
            run.done_count = total - waiting
            run.held_count = by_state.get("held", 0)
            run.progress = 100 * run.done_count / total if total else 0

    @api.depends("rated_line_ids", "move_ids")
    def _compute_counts(self):
        rated = dict(
            self.env["usage.rated.line"]._read_group(
                [("run_id", "in", self.ids), ("state", "!=", "cancelled")],
                ["run_id"],
                ["__count"],
            )
        )
        moves = dict(
            self.env["account.move"]._read_group(
                [("usage_run_id", "in", self.ids)], ["usage_run_id"], ["__count"]
            )
        )
        for run in self:
            run.rated_line_count = rated.get(run, 0)
            run.move_count = moves.get(run, 0)

    @api.depends("line_ids.amount", "line_ids.previous_amount")
    @api.depends_context("lang")
    def _compute_totals(self):
        totals = self._get_totals()
        for run in self:
            amounts = totals.get(run.id, [])
            run.total_text = messages.amounts(
                self.env, [(code, now) for code, now, _before in amounts]
            )
            run.previous_total_text = messages.amounts(
                self.env, [(code, before) for code, _now, before in amounts]
            )

    def _get_totals(self):
        """Totals of each run by currency, computed in SQL, exact.

        :return: {run id: [(currency record, Decimal now, Decimal before)]}
        """
        self.env["usage.billing.run.line"].flush_model()
        totals = {}
        for run_id, currency_id, now, before in self.env.execute_query(
            SQL(
                """SELECT run_id, currency_id,
                          COALESCE(SUM(amount), 0)::text,
                          COALESCE(SUM(previous_amount), 0)::text
                     FROM usage_billing_run_line
                    WHERE run_id = ANY(%s) AND state != 'held'
                 GROUP BY run_id, currency_id
                 ORDER BY run_id, currency_id""",
                self.ids,
            )
        ):
            currency = self.env["res.currency"].browse(currency_id)
            totals.setdefault(run_id, []).append((currency, now, before))
        return totals

    def _compute_has_job_runner(self):
        loaded = self._is_job_runner_loaded()
        for run in self:
            run.has_job_runner = loaded

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        new = self.env._("New")
        for vals in vals_list:
            if vals.get("name", new) == new:
                company_id = vals.get("company_id", self.env.company.id)
                vals["name"] = (
                    self.env["ir.sequence"]
                    .with_company(company_id)
                    .next_by_code("usage.billing.run")
                    or new
                )
        return super().create(vals_list)

    def write(self, vals):
        scope = {
            "cutoff_date",
            "company_id",
            "is_dry_run",
            "is_interim",
            "subscription_ids",
        }
        if scope & vals.keys():
            for run in self.filtered(lambda run: run.state not in ("new", "review")):
                raise UserError(
                    self.env._(
                        "The scope of run %(run)s cannot change any more.",
                        run=run.name,
                    )
                )
            self.filtered(lambda run: run.state == "review")._restart()
        return super().write(vals)

    def _restart(self):
        """Forget the results: the scope they were made for has changed."""
        for run in self:
            run.sudo().line_ids._discard()  # results belong to the run
            run._set_state("new")

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for run in self:
            if run.state not in ("new", "review") or run.move_count:
                raise UserError(
                    self.env._(
                        "Run %(run)s has been approved and cannot be deleted.",
                        run=run.name,
                    )
                )
        self.sudo().line_ids._discard()  # results belong to the run

    # ------------------------------------------------------------------
    # state
    # ------------------------------------------------------------------
    def _set_state(self, state):
        """The one place where a run changes state; harmless when already there."""
        allowed = {
            "new": ("computing",),
            "computing": ("review",),
            "review": ("new", "computing", "approved"),
            "approved": ("review", "posting"),
            "posting": ("posted",),
            "posted": ("posting",),  # a held line that was rated is tried again
        }
        for run in self.filtered(lambda run: run.state != state):
            if state not in allowed[run.state]:
                raise UserError(
                    self.env._(
                        "Run %(run)s cannot go from %(from)s to %(to)s.",
                        **{
                            "run": run.name,
                            "from": run._get_state_label(run.state),
                            "to": run._get_state_label(state),
                        },
                    )
                )
            run.state = state

    def _get_state_label(self, state):
        return dict(self._fields["state"]._description_selection(self.env))[state]

    def _check_approver(self):
        """Only approvers approve and post, whatever screen or call it comes from."""
        if not (
            self.env.su
            or self.env.user.has_group("usage_billing.group_usage_billing_approver")
        ):
            raise AccessError(
                self.env._(
                    "Only an approver of usage billing may approve or post a run. Ask "
                    "one of them to go on with it."
                )
            )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_compute(self):
        """Rate everything due, afresh; small runs at once, others in the background."""
        for run in self:
            run.check_access("write")
            run._start_computing()
            if run.total_count <= SMALL_RUN:
                run._run_to_end("_compute_slice")
            else:
                run._enqueue("_compute_slice")
        return True

    def action_approve(self):
        """Approve all but the held."""
        self._check_approver()
        for run in self:
            if run.is_dry_run:
                raise UserError(
                    self.env._(
                        "Run %(run)s is a dry run. Untick the box and compute it again "
                        "to bill it.",
                        run=run.name,
                    )
                )
            run._set_state("approved")
            run.sudo().line_ids._approve()  # results belong to the run
            run.write(
                {
                    "approved_by_id": self.env.user.id,
                    "approved_at": fields.Datetime.now(),
                }
            )
        return True

    def action_unapprove(self):
        """Back to review, as long as nothing was posted."""
        self._check_approver()
        for run in self:
            run._set_state("review")
            run.sudo().line_ids._unapprove()  # results belong to the run
            run.write({"approved_by_id": False, "approved_at": False})
        return True

    def action_post(self):
        """Make and post the invoices; small runs at once, others in the background."""
        self._check_approver()
        for run in self:
            run._set_state("posting")
            if run.total_count <= SMALL_RUN:
                run._run_to_end("_post_slice")
            else:
                run._enqueue("_post_slice")
        return True

    def action_retry_held(self):
        """Try again every line that is held."""
        self.line_ids.filtered(lambda line: line.state == "held").action_retry()
        return True

    def action_view_lines(self):
        self.ensure_one()
        return self._get_list_action(
            self.env._("Results of %(run)s", run=self.name), "usage.billing.run.line"
        )

    def action_view_rated_lines(self):
        self.ensure_one()
        return self._get_list_action(
            self.env._("Rated lines of %(run)s", run=self.name), "usage.rated.line"
        )

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        action.update(
            name=self.env._("Invoices of %(run)s", run=self.name),
            domain=[("usage_run_id", "=", self.id)],
            context={"create": False},
        )
        if self.move_count == 1:
            action.update(
                views=[(False, "form")], res_id=self.move_ids.id, view_mode="form"
            )
        return action

    def _get_list_action(self, name, model):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "list,form,pivot,graph",
            "domain": [("run_id", "=", self.id)],
            "context": {"create": False},
        }
