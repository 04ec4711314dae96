import hashlib

from odoo import api, fields, models


class UsagePeriod(models.Model):
    _inherit = "usage.period"

    def _get_price_version(self):
        """Version that prices the period: decided for it, or in force on its day.

        :return: a ``usage.plan.version``, empty when the plan has none
        """
        self.ensure_one()
        return self.version_id or self.subscription_id._get_version_at(self.local_start)


class UsagePlanVersion(models.Model):
    """The impact of a version before anybody approves it."""

    _inherit = "usage.plan.version"

    simulation_ids = fields.One2many("usage.simulation", "version_id")
    simulation_count = fields.Integer(compute="_compute_simulation_count")
    simulation_id = fields.Many2one(
        "usage.simulation",
        string="Impact",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The last simulation of these prices on all subscriptions concerned.",
    )
    impact_text = fields.Char(related="simulation_id.impact_text", string="Impact Text")
    impact_html = fields.Html(related="simulation_id.impact_html", sanitize=False)
    impact_is_stale = fields.Boolean(related="simulation_id.is_stale")

    @api.depends("simulation_ids")
    def _compute_simulation_count(self):
        for version in self:
            version.simulation_count = len(version.simulation_ids)

    def action_simulate(self):
        """Show what these prices would have meant for the periods that are over."""
        self.ensure_one()
        simulation = self.simulation_id
        if not simulation:
            simulation = self.env["usage.simulation"].create(
                self._prepare_simulation_vals()
            )
            self.simulation_id = simulation
        simulation.action_compute()
        return True

    def _prepare_simulation_vals(self):
        """All over periods since a correction began, else last month."""
        start, end = self.env["usage.simulation"]._default_dates()
        if self.is_correction:
            start = self.valid_from
            end = max(end, start)
        return {
            "plan_id": self.plan_id.id,
            "version_id": self.id,
            "company_id": self.company_id.id,
            "date_from": start,
            "date_to": end,
        }

    def action_view_simulations(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Simulations of %(version)s", version=self.display_name),
            "res_model": "usage.simulation",
            "view_mode": "list,form",
            "domain": [("version_id", "=", self.id)],
            "context": {
                "default_plan_id": self.plan_id.id,
                "default_version_id": self.id,
            },
        }

    def _get_price_fingerprint(self):
        """Short text that changes when a price does."""
        self.ensure_one()
        text = repr(sorted(self._get_terms().items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _note_simulated(self, simulation):
        """Somebody looked at the impact: the draft is simulated."""
        for version in self:
            if not simulation.subscription_ids:
                version.simulation_id = simulation
            if version.state == "draft":
                version._set_state("simulated")


class UsageSubscription(models.Model):
    _inherit = "usage.subscription"

    def action_what_if(self):
        """What would this customer pay on other prices?"""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What would %(name)s pay?", name=self.partner_id.name),
            "res_model": "usage.simulation",
            "view_mode": "form",
            "context": {
                "default_plan_id": self.plan_id.id,
                "default_subscription_ids": self.ids,
            },
        }
