from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import rater
from ..fields_exact import Exact
from .usage_quarantine_cause import what_of

ZERO = Decimal(0)
#: Rows that go to the store at once.
SLICE_ROWS = 100_000
#: Problems kept as text; more are counted only.
PROBLEMS_SHOWN = 100


@dataclass(slots=True)
class Moved:
    """What carrying out a correction did.

    done: orders carried out, by kind; outcomes: of those that were not, as dicts
    results: what became of each event to void or to amend, as the store tells it
    period_ids: whose usage moved
    """

    done: dict = field(default_factory=lambda: defaultdict(int))
    outcomes: list = field(default_factory=list)
    results: list = field(default_factory=list)
    period_ids: set = field(default_factory=set)


class _Undo(Exception):
    """Leaves the savepoint of a dry run."""


class UsageCorrection(models.Model):
    """A correction of stored usage: who, when, why, and what it moves.

    Events are void, amended or filled in by rows of their own (see
    ``metering/corrections.py``); this record is the order and its trail. The
    difference is found by carrying out the correction and undoing it, so the dry run
    and the real one are the same code.
    """

    _name = "usage.correction"
    _description = "Usage Correction"
    _inherit = ["mail.thread", "usage.upload.mixin"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(readonly=True, copy=False, default="/")
    kind = fields.Selection(
        [("void", "Void"), ("amend", "Amendment"), ("backfill", "Backfill")],
        required=True,
        readonly=True,
        default="backfill",
    )
    state = fields.Selection(
        [("draft", "To Check"), ("checked", "Checked"), ("applied", "Applied")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=True,
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        default=lambda self: self.env.company,
    )
    reason = fields.Char(
        tracking=True, help="Why: kept with every event, for whoever audits the usage."
    )
    applied_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    applied_at = fields.Datetime(readonly=True, copy=False)
    orders = fields.Json(readonly=True, help="Events to void and to amend, by source.")
    batch_ids = fields.One2many("usage.batch", "correction_id", readonly=True)
    line_ids = fields.One2many(
        "usage.correction.line", "correction_id", string="Difference", readonly=True
    )

    # what was done, or would be
    voided_count = fields.Integer(string="Voided", readonly=True, copy=False)
    amended_count = fields.Integer(string="Amended", readonly=True, copy=False)
    added_count = fields.Integer(string="Added", readonly=True, copy=False)
    problem_count = fields.Integer(string="Left Out", readonly=True, copy=False)
    problems = fields.Text(readonly=True, copy=False)
    difference_text = fields.Char(compute="_compute_difference_text")

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for correction in self:
            is_new = correction.name in (False, "/")
            correction.display_name = self.env._("New") if is_new else correction.name

    @api.depends("line_ids.amount_difference", "line_ids.currency_id")
    @api.depends_context("lang")
    def _compute_difference_text(self):
        for correction in self:
            totals = defaultdict(Decimal)
            for line in correction.line_ids:
                totals[line.currency_id] += line.amount_difference or ZERO
            correction.difference_text = " + ".join(
                currency.format(float(total)) for currency, total in totals.items()
            )

    # ------------------------------------------------------------------
    # create / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", "/") == "/":
                vals["name"] = self._next_name()
        return super().create(vals_list)

    @api.model
    def _next_name(self):
        """Number of a new order, of the system's sequence."""
        return self.env["ir.sequence"].sudo().next_by_code("usage.correction") or "/"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_applied(self):
        for correction in self:
            if correction.state == "applied":
                raise UserError(
                    self.env._(
                        "Correction %(name)s was applied: it is the trail of what "
                        "moved, and stays.",
                        name=correction.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_check(self):
        """Find the difference; nothing moves."""
        for correction in self:
            correction._check_open()
            correction._keep(*correction._simulate())
            correction.state = "checked"
        return True

    def action_apply(self):
        """Carry out the correction, with the difference as it is at this moment."""
        for correction in self:
            correction.lock_for_update()
            correction.invalidate_recordset(["state"])
            correction._check_open()
            if not (correction.reason or "").strip():
                raise UserError(
                    self.env._(
                        "Say why %(name)s is made: the reason stays with the events.",
                        name=correction.name,
                    )
                )
            correction._apply(correction._simulate()[1])
        return True

    def action_view_events(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(correction)s", correction=self.name),
            "res_model": "usage.event",
            "view_mode": "list,form",
            "domain": [("batch_id", "in", self.batch_ids.ids)],
        }

    def _apply(self, line_vals):
        """Carry out the order and write down what it did.

        :param list line_vals: the difference, from :meth:`_simulate`
        :rtype: Moved
        """
        moved = self._carry_out()
        self._keep(moved, line_vals)
        self.write(
            {
                "state": "applied",
                "applied_by_id": self.env.uid,
                "applied_at": fields.Datetime.now(),
            }
        )
        return moved

    def _check_open(self):
        self.ensure_one()
        if self.state == "applied":
            raise UserError(
                self.env._("Correction %(name)s was applied already.", name=self.name)
            )

    # ------------------------------------------------------------------
    # carrying out
    # ------------------------------------------------------------------
    def _get_orders(self):
        """What to do, by source.

        :return: list of dicts: ``source_id``; ``void``, events as ``Store.void`` takes
            them; ``amend``, rows, and ``times`` beside them; ``add``, rows;
            ``problems``, outcomes known beforehand
        """
        self.ensure_one()
        return [self._read_order(order) for order in self.orders or []]

    def _get_store(self):
        return self.env["usage.batch"].with_company(self.company_id)._store()

    def _carry_out(self):
        """Do it, in this transaction.

        :rtype: Moved
        """
        self.ensure_one()
        moved = Moved()
        for order in self._get_orders():
            moved.outcomes += order.get("problems", ())
            source = self.env["usage.source"].browse(order["source_id"])
            if order.get("void"):
                self._give(moved, source, "void", order["void"])
            if order.get("amend"):
                self._give(moved, source, "amend", order["amend"], order.get("times"))
            if order.get("add"):
                self._add(moved, source, order["add"])
        return moved

    def _bring_back(self):
        """Have archived events that are concerned in the store, to compare with."""
        if not self._get_store().has_archive():
            return
        for order in self._get_orders():
            source = self.env["usage.source"].browse(order["source_id"])
            self._get_store().bring_back(
                source,
                order.get("void") or (),
                order.get("amend") or (),
                order.get("times"),
            )

    def _give(self, moved, source, kind, *arguments):
        """Give an order to void or amend to the store."""
        store, batch = self._get_store(), self._create_batch(source)
        events, *times = arguments
        if kind == "void":
            result = store.void(batch, events, self.reason)
        else:
            result = store.amend(batch, events, self.reason, *times)
        moved.period_ids.update(result.period_ids)
        moved.results += result.outcomes
        for outcome in result.outcomes:
            if outcome.status in ("voided", "amended"):
                moved.done[outcome.status] += 1
            else:
                moved.outcomes.append(
                    {
                        "event_id": outcome.event_id,
                        "status": outcome.status,
                        "code": outcome.code,
                        "detail": outcome.detail,
                    }
                )

    def _add(self, moved, source, rows):
        """Append rows that were missing; what fits nowhere is told, not kept."""
        held = []

        def hold(_batch, found):
            held.extend(found)
            return set()

        batch, added = self._create_batch(source), 0
        for start in range(0, len(rows), SLICE_ROWS):
            part = [
                row._replace(row_number=start + number)
                for number, row in enumerate(rows[start : start + SLICE_ROWS], 1)
            ]
            result = self._get_store().append(batch, part, hold, report=True)
            added += result.accepted
            moved.outcomes += [
                {
                    "event_id": row.event_id,
                    "status": "known" if outcome.status == "duplicate" else "refused",
                    "code": outcome.code,
                    "detail": outcome.detail,
                    "about": _about(outcome.code, row),
                }
                for outcome in result.outcomes
                for row in [rows[outcome.row_number - 1]]
            ]
        # what was left out is told by the correction, not by its batch
        batch.write({"rows_read": added, "quarantined_count": 0, "duplicate_count": 0})
        moved.done["added"] += added
        moved.period_ids.update(self._get_store().periods_of(batch).ids)

    def _create_batch(self, source):
        Batch = self.env["usage.batch"].sudo()  # deliveries are made by the system
        return Batch.with_company(self.company_id).create(
            {
                "name": f"{self.name} {source.name}",
                "source_id": source.id,
                "company_id": self.company_id.id,
                "correction_id": self.id,
                "reason": self.reason,
            }
        )

    # ------------------------------------------------------------------
    # the difference
    # ------------------------------------------------------------------
    def _simulate(self):
        """Carry out, look, undo, and look again.

        :return: (Moved, vals of the lines)
        """
        self.ensure_one()
        self._bring_back()
        self.env.flush_all()
        try:
            with self.env.cr.savepoint():
                moved = self._carry_out()
                periods = self._get_periods(moved.period_ids)
                after = self._measure(periods)
                raise _Undo
        except _Undo:
            self.env.invalidate_all(flush=False)
        self._get_store().bring_back_periods(periods)  # an amendment may lead there
        before = self._measure(periods)
        return moved, self._prepare_line_vals(periods, before, after)

    def _get_periods(self, period_ids):
        """Periods whose quantities may move: levels go on into the later ones."""
        periods = self.env["usage.period"].sudo().browse(sorted(period_ids))
        carries = self.env["usage.meter"].search_count(
            [
                ("company_id", "=", self.company_id.id),
                ("aggregation", "=", "weighted_sum"),
                ("carries_over", "=", True),
            ],
            limit=1,
        )
        if not (carries and periods):
            return periods
        firsts = {}
        for period in periods.sorted("start_at"):
            firsts.setdefault(period.subscription_id.id, period.start_at)
        later = periods.search(
            [
                ("subscription_id", "in", list(firsts)),
                ("start_at", "<=", fields.Datetime.now()),
            ]
        )
        return periods | later.filtered(
            lambda period: period.start_at > firsts[period.subscription_id.id]
        )

    def _measure(self, periods):
        """Quantities and amounts by (period id, meter id).

        :return: {(period id, meter id): [quantity, amount or None]}
        """
        found = {
            key: [quantity, None]
            for key, quantity in self._get_store().quantities(periods).items()
        }
        dues, now = [], datetime.now()
        for period in periods:
            version = period.subscription_id._get_version_at(period.local_start)
            if version:
                reason = rater.CLOSE if period.end_at <= now else rater.OPEN
                if period.state == "billed":
                    reason = rater.LATE
                dues.append(rater.Due(period, reason, version))
        rated = rater.rate_periods(self.env(su=True), dues, keep_zero=True).rated
        for items in rated.values():
            for item in items:
                if item.charge.meter_id:
                    key = (item.period.id, item.charge.meter_id.id)
                    have = found.setdefault(key, [ZERO, None])
                    have[1] = (have[1] or ZERO) + item.line.cumulative_amount
        return found

    def _prepare_line_vals(self, periods, before, after):
        """One line for each period and meter that moves."""
        by_id = {period.id: period for period in periods}
        vals_list = []
        for key in sorted(before.keys() | after.keys()):
            old, new = before.get(key, [ZERO, None]), after.get(key, [ZERO, None])
            if old == new:
                continue
            period = by_id[key[0]]
            amounts = [old[1], new[1]]
            if amounts != [None, None]:
                amounts = [amount or ZERO for amount in amounts]
            vals_list.append(
                {
                    "subscription_id": period.subscription_id.id,
                    "period_id": period.id,
                    "meter_id": key[1],
                    "quantity_before": old[0],
                    "quantity_after": new[0],
                    "amount_before": amounts[0],
                    "amount_after": amounts[1],
                }
            )
        return vals_list

    def _keep(self, moved, line_vals):
        """Write the result on the order."""
        self.ensure_one()
        self.line_ids.sudo().unlink()  # the figures are the system's
        self.env["usage.correction.line"].sudo().create(
            [{"correction_id": self.id, **vals} for vals in line_vals]
        )
        self.write(
            {
                "voided_count": moved.done["voided"],
                "amended_count": moved.done["amended"],
                "added_count": moved.done["added"],
                "problem_count": len(moved.outcomes),
                "problems": "\n".join(
                    self._say_problem(outcome)
                    for outcome in moved.outcomes[:PROBLEMS_SHOWN]
                ),
            }
        )


def _about(code, row):
    """The name that keeps an event from counting, "" where its reason says it all."""
    return what_of(code, row.subject, row.type, "")


class UsageCorrectionLine(models.Model):
    """What a correction moves in one period by one meter."""

    _name = "usage.correction.line"
    _description = "Difference of a Usage Correction"
    _order = "correction_id, subscription_id, period_id, meter_id"

    correction_id = fields.Many2one(
        "usage.correction", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="correction_id.company_id",
        store=True,
        precompute=True,
        index=True,
        required=True,
    )
    subscription_id = fields.Many2one(
        "usage.subscription", required=True, index=True, ondelete="cascade"
    )
    period_id = fields.Many2one(
        "usage.period", required=True, index=True, ondelete="cascade"
    )
    period_state = fields.Selection(related="period_id.state", string="Period State")
    meter_id = fields.Many2one(
        "usage.meter", required=True, index=True, ondelete="restrict"
    )
    unit_label = fields.Char(related="meter_id.unit_label")
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    quantity_before = Exact(readonly=True)
    quantity_after = Exact(readonly=True)
    quantity_difference = Exact(string="Quantity Moved", compute="_compute_differences")
    amount_before = Exact(readonly=True)
    amount_after = Exact(readonly=True, help="Untaxed, of the charges on the meter.")
    amount_difference = Exact(string="Amount Moved", compute="_compute_differences")

    @api.depends("quantity_before", "quantity_after", "amount_before", "amount_after")
    def _compute_differences(self):
        for line in self:
            line.quantity_difference = (line.quantity_after or ZERO) - (
                line.quantity_before or ZERO
            )
            line.amount_difference = None
            if line.amount_after is not None:
                line.amount_difference = line.amount_after - line.amount_before
