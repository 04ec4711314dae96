from decimal import Decimal

from odoo import api, fields, models

from .. import bridge, messages, rater

ZERO = Decimal(0)

#: read together with the search, one query less
PERIOD_FIELDS = (
    "subscription_id",
    "company_id",
    "local_start",
    "local_end",
    "start_at",
    "end_at",
    "tz",
    "full_end",
    "state",
)
#: columns of a charge that a row shows
CHARGE_FIELDS = ("name", "meter_id", "unit_label")


class UsageSubscription(models.Model):
    """What the running period comes to so far, rated by the same function as bills."""

    _inherit = "usage.subscription"

    current_amount = fields.Monetary(
        compute="_compute_current_usage",
        help="Untaxed, of the running period so far. Minimums count when it ends.",
    )
    current_usage_html = fields.Html(
        compute="_compute_current_usage", string="Current Usage", sanitize=False
    )
    rated_line_count = fields.Integer(compute="_compute_document_counts")
    move_count = fields.Integer(
        compute="_compute_document_counts", string="Invoice Count"
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("company_id")
    @api.depends_context("lang")
    def _compute_current_usage(self):
        for subscription in self:
            rated, problem = subscription._get_current_usage()
            charges = self.env["usage.charge"].union(*(item.charge for item in rated))
            bridge.warm(charges, CHARGE_FIELDS)
            amounts = [item.line.cumulative_amount for item in rated]
            subscription.current_amount = float(sum(amounts, ZERO))
            subscription.current_usage_html = self.env["ir.qweb"]._render(
                "usage_billing.current_usage",
                {
                    "rows": [subscription._prepare_usage_row(item) for item in rated],
                    "problem": problem,
                },
            )

    def _get_current_usage(self, instant=None):
        """Rate the period that holds an instant, as it stands; nothing is kept.

        :param datetime.datetime instant: naive UTC, now by default
        :return: ([rater.Rated], sentence of what cannot be rated or None)
        """
        self.ensure_one()
        instant = instant or fields.Datetime.now()
        period = (
            self.env["usage.period"]
            .sudo()  # who sees the subscription sees what it costs
            .search_fetch(
                [
                    ("subscription_id", "=", self.id),
                    ("start_at", "<=", instant),
                    ("end_at", ">", instant),
                ],
                PERIOD_FIELDS,
                limit=1,
            )
        )
        if not period:
            return [], None
        bridge.warm(self, bridge.SUBSCRIPTION_FIELDS)
        version = self._get_version_at(period.local_start)
        if not version:
            return [], None
        outcome = rater.rate_periods(
            self.env, [rater.Due(period, rater.OPEN, version)], keep_zero=True
        )
        return outcome.rated.get(self.id, []), outcome.problems.get(self.id)

    def _prepare_usage_row(self, item):
        """One row of the table, as a person reads it.

        :param rater.Rated item: of the running period
        """
        quantity = item.line.metered_quantity if item.charge.meter_id else None
        return {
            "name": item.charge.name,
            "dimensions": ", ".join(
                f"{name} {value}" for name, value in sorted(item.dimensions.items())
            ),
            "quantity": "" if quantity is None else messages.number(self.env, quantity),
            "unit": messages.unit(self.env, item.charge.unit_label, quantity),
            "events": item.event_count or "",
            "amount": messages.amounts(
                self.env, [(self.currency_id, item.line.cumulative_amount)]
            ),
        }

    def _compute_document_counts(self):
        counts = {
            subscription: (count, moves)
            for subscription, count, moves in self.env["usage.rated.line"]._read_group(
                [("subscription_id", "in", self.ids), ("state", "!=", "simulated")],
                ["subscription_id"],
                ["__count", "move_id:count_distinct"],
            )
        }
        for subscription in self:
            lines, moves = counts.get(subscription, (0, 0))
            subscription.rated_line_count = lines
            subscription.move_count = moves

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_events(self):
        """Events of the running period; the filter can be widened."""
        self.ensure_one()
        period = self.current_period_id
        domain = [("subscription_id", "=", self.id)]
        if period:
            domain += [("time", ">=", period.start_at), ("time", "<", period.end_at)]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(subscription)s", subscription=self.name),
            "res_model": "usage.event",
            "view_mode": "list,pivot,form",
            "domain": domain,
            "context": {"create": False},
        }

    def action_view_rated_lines(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rated lines of %(line)s", line=self.name),
            "res_model": "usage.rated.line",
            "view_mode": "list,pivot,graph,form",
            "domain": [("subscription_id", "=", self.id), ("state", "!=", "simulated")],
            "context": {"create": False},
        }

    def action_view_invoices(self):
        self.ensure_one()
        moves = self.env["usage.rated.line"].search(
            [("subscription_id", "=", self.id), ("move_id", "!=", False)]
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices of %(subscription)s", subscription=self.name),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.move_id.ids)],
            "context": {"create": False},
        }
