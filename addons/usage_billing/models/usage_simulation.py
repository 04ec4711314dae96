from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import messages
from ..fields_exact import Exact

#: subscriptions rated together, twice: as they were and as they would be
SLICE = 200

#: simulations of at most this many subscriptions are computed while one waits
SMALL = 50

#: customers and products listed on the version's form
SHOWN = 10

ZERO = Decimal(0)


class UsageSimulation(models.Model):
    """What-if: real usage of real periods under other prices, kept with the version.

    Each subscription is rated twice by the function that bills: under the prices its
    periods have, and under the candidate. Nothing is billed. The same record answers
    what one customer would pay on another plan. Works in slices; each slice commits
    with its job, and running it again finishes what is left.
    """

    _name = "usage.simulation"
    _description = "Usage Price Simulation"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        readonly=True,
    )
    plan_id = fields.Many2one(
        "usage.plan",
        required=True,
        check_company=True,
        ondelete="cascade",
        index=True,
        help="Prices that are tried.",
    )
    version_id = fields.Many2one(
        "usage.plan.version",
        string="Prices to Try",
        required=True,
        compute="_compute_version_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        index=True,
        ondelete="cascade",
        domain="[('plan_id', '=', plan_id)]",
    )
    currency_id = fields.Many2one(related="version_id.currency_id")
    subscription_ids = fields.Many2many(
        "usage.subscription",
        string="Only These Subscriptions",
        check_company=True,
        help="Empty: all subscriptions of the plan.",
    )
    date_from = fields.Date(
        string="From",
        required=True,
        default=lambda self: self._default_dates()[0],
        help="Billing periods that begin on this day or later,",
    )
    date_to = fields.Date(
        string="To",
        required=True,
        default=lambda self: self._default_dates()[1],
        help="and that are over on this day.",
    )
    state = fields.Selection(
        [("new", "New"), ("running", "Computing"), ("done", "Done")],
        required=True,
        default="new",
        readonly=True,
        copy=False,
        index=True,
    )
    fingerprint = fields.Char(
        readonly=True, copy=False, help="What the prices were when they were tried."
    )
    is_stale = fields.Boolean(
        string="Prices Changed Since", compute="_compute_is_stale"
    )
    result_ids = fields.One2many(
        "usage.simulation.result", "simulation_id", readonly=True
    )
    line_ids = fields.One2many("usage.simulation.line", "simulation_id", readonly=True)
    total_count = fields.Integer(compute="_compute_progress", string="Subscriptions")
    done_count = fields.Integer(compute="_compute_progress", string="Done")
    held_count = fields.Integer(compute="_compute_progress", string="Not Rated")
    progress = fields.Float(compute="_compute_progress")
    before_amount = Exact(compute="_compute_totals", string="Before")
    after_amount = Exact(compute="_compute_totals", string="After")
    delta_amount = Exact(compute="_compute_totals", string="Impact")
    impact_text = fields.Char(compute="_compute_totals", string="In Words")
    impact_html = fields.Html(
        compute="_compute_impact_html", string="Impact in Detail", sanitize=False
    )

    _dates_order = models.Constraint(
        "CHECK(date_to >= date_from)", "The simulation would end before it begins."
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.model
    def _default_dates(self):
        """First and last day of the month before this one."""
        first = fields.Date.context_today(self).replace(day=1)
        return fields.Date.subtract(first, months=1), fields.Date.subtract(
            first, days=1
        )

    @api.depends("plan_id")
    def _compute_version_id(self):
        for simulation in self:
            if simulation.version_id.plan_id != simulation.plan_id:
                simulation.version_id = simulation.plan_id.current_version_id

    @api.depends("version_id", "date_from", "date_to")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for simulation in self:
            if not simulation.version_id:
                simulation.display_name = self.env._("What-if")
                continue
            simulation.display_name = self.env._(
                "%(version)s on usage from %(start)s to %(end)s",
                version=simulation.version_id.display_name,
                start=messages.day(self.env, simulation.date_from),
                end=messages.day(self.env, simulation.date_to),
            )

    @api.depends("fingerprint", "version_id.charge_ids")
    def _compute_is_stale(self):
        for simulation in self:
            simulation.is_stale = bool(simulation.fingerprint) and (
                simulation.fingerprint != simulation.version_id._get_price_fingerprint()
            )

    @api.depends("result_ids.state", "state")
    def _compute_progress(self):
        counts = defaultdict(dict)
        for simulation, state, count in self.env["usage.simulation.result"]._read_group(
            [("simulation_id", "in", self.ids)], ["simulation_id", "state"], ["__count"]
        ):
            counts[simulation.id][state] = count
        for simulation in self:
            found = counts[simulation.id]
            total = sum(found.values())
            simulation.total_count = total
            simulation.done_count = total - found.get("pending", 0)
            simulation.held_count = found.get("held", 0)
            simulation.progress = 100 * simulation.done_count / total if total else 0

    @api.depends("result_ids.after_amount", "result_ids.before_amount")
    @api.depends_context("lang")
    def _compute_totals(self):
        for simulation in self:
            done = simulation.result_ids.filtered(lambda line: line.state == "done")
            before = sum(done.mapped("before_amount"), ZERO)
            after = sum(done.mapped("after_amount"), ZERO)
            simulation.before_amount = before
            simulation.after_amount = after
            simulation.delta_amount = after - before
            simulation.impact_text = simulation._get_impact_text(done, before, after)

    def _get_impact_text(self, done, before, after):
        if self.state != "done":
            return ""
        moved = done.filtered("delta_amount").partner_id
        return self.env._(
            "%(before)s → %(after)s (%(delta)s%(percent)s), %(moved)s of %(count)s "
            "customers pay another amount",
            before=self._amount_words(before),
            after=self._amount_words(after),
            delta=self._amount_words(after - before, signed=True),
            percent=_percent_words(self.env, before, after),
            moved=len(moved),
            count=len(done.partner_id),
        )

    def _amount_words(self, value, signed=False):
        text = messages.amounts(self.env, [(self.currency_id, value)])
        return f"+{text}" if signed and value > 0 else text

    @api.depends("line_ids", "state")
    @api.depends_context("lang")
    def _compute_impact_html(self):
        for simulation in self:
            simulation.impact_html = self.env["ir.qweb"]._render(
                "usage_billing.simulation_impact",
                {"simulation": simulation, "tables": simulation._prepare_tables()}
                if simulation.state == "done"
                else {"simulation": simulation, "tables": []},
            )

    def _prepare_tables(self):
        """Impact by customer and by product, the largest first.

        :return: [(title, rows, number left out)]
        """
        self.ensure_one()
        tables = []
        for title, field in (
            (self.env._("By customer"), "partner_id"),
            (self.env._("By product"), "product_id"),
        ):
            rows = []
            for record, lines in self.line_ids.grouped(field).items():
                before = sum(lines.mapped("before_amount"), ZERO)
                after = sum(lines.mapped("after_amount"), ZERO)
                rows.append((record.display_name, before, after))
            rows.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
            tables.append(
                (
                    title,
                    [
                        {
                            "name": name,
                            "before": self._amount_words(before),
                            "after": self._amount_words(after),
                            "delta": self._amount_words(after - before, signed=True),
                            "percent": _percent_words(self.env, before, after),
                            "is_more": after > before,
                            "is_less": after < before,
                        }
                        for name, before, after in rows[:SHOWN]
                    ],
                    max(0, len(rows) - SHOWN),
                )
            )
        return tables

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_compute(self):
        """Rate afresh; few subscriptions at once, many in the background."""
        for simulation in self:
            simulation.check_access("write")
            simulation._start()
            if simulation.total_count <= SMALL:
                simulation._run_to_end()
            else:
                simulation._enqueue()
        return True

    def action_view_results(self):
        self.ensure_one()
        return self._open_list("usage.simulation.result", self.env._("By customer"))

    def action_view_lines(self):
        self.ensure_one()
        return self._open_list("usage.simulation.line", self.env._("By charge"))

    def _open_list(self, model, name):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "list,pivot,graph",
            "domain": [("simulation_id", "=", self.id)],
            "context": {"create": False},
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _start(self):
        """Forget earlier results and list the subscriptions to rate."""
        self.ensure_one()
        subscriptions = self._get_subscriptions()
        wrong = subscriptions.filtered(lambda sub: sub.currency_id != self.currency_id)
        if wrong:
            raise UserError(
                self.env._(
                    "%(version)s is in %(currency)s, but %(subscription)s pays in "
                    "%(other)s: the two cannot be compared.",
                    version=self.version_id.display_name,
                    currency=self.currency_id.name,
                    subscription=wrong[0].name,
                    other=wrong[0].currency_id.name,
                )
            )
        self.line_ids.sudo().unlink()  # results are written by the simulation only
        self.result_ids.sudo().unlink()
        self.write(
            {
                "state": "running",
                "fingerprint": self.version_id._get_price_fingerprint(),
            }
        )
        self.env["usage.simulation.result"].sudo().create(
            [
                {"simulation_id": self.id, "subscription_id": subscription.id}
                for subscription in subscriptions
            ]
        )
        self.invalidate_recordset(["result_ids", "total_count"])
        if not subscriptions:
            self._finish()

    def _get_subscriptions(self):
        """Subscriptions that are rated: those chosen, else all of the plan."""
        if self.subscription_ids:
            return self.subscription_ids
        if self.version_id.reserved_subscription_ids:
            return self.version_id.reserved_subscription_ids
        return self.env["usage.subscription"].search(
            [
                ("plan_id", "=", self.plan_id.id),
                ("state", "!=", "draft"),
                ("date_start", "<=", self.date_to),
            ]
        )

    def _simulate_slice(self, limit=SLICE):
        """Rate the next subscriptions; safe to kill and to run again.

        :return: how many were worked on; 0 when none is left to take
        """
        self.ensure_one()
        results = (
            self.env["usage.simulation.result"]
            .sudo()  # results are written by the simulation only
            .search(
                [("simulation_id", "=", self.id), ("state", "=", "pending")],
                limit=limit,
            )
            .try_lock_for_update(allow_referencing=True)
        )
        if results:
            results._rate(self)
        self._finish()
        return len(results)

    def _finish(self):
        if self.state == "running" and not self.env[
            "usage.simulation.result"
        ].search_count(
            [("simulation_id", "=", self.id), ("state", "=", "pending")], limit=1
        ):
            self.state = "done"
            self.invalidate_recordset()
            self.version_id._note_simulated(self)

    def _run_to_end(self):
        while self._simulate_slice():
            pass

    def _enqueue(self):
        """One job for each slice; a job that finds nothing ends at once."""
        for number in range(-(-self.total_count // SLICE)):
            self.with_delay(
                channel="root.billing",
                description=self.env._(
                    "Price simulation, part %(number)s", number=number + 1
                ),
                identity_key=f"usage_billing.simulation.{self.id}.{number}",
            )._job_slice()

    def _job_slice(self):
        """Body of a job: one slice, no commit (the job engine commits)."""
        self.ensure_one()
        if self.state == "running":
            self._simulate_slice()

    @api.model
    def _cron_continue(self):
        """Go on with simulations that no job carries on."""
        cron = self.env["ir.cron"]
        for simulation in self.search([("state", "=", "running")]):
            simulation = simulation.with_user(simulation.write_uid or self.env.user)
            while done := simulation._simulate_slice():
                left = simulation.total_count - simulation.done_count
                if not cron._commit_progress(done, remaining=left):
                    return


def _percent_words(env, before, after):
    """ ", +2.6 %" of a change, empty when there was nothing before."""
    if not before:
        return ""
    percent = ((after - before) * 100 / before).quantize(Decimal("0.1"))
    sign = "+" if percent > 0 else ""
    return f", {sign}{messages.number(env, percent)} %"
