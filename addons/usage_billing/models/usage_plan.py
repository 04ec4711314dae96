from odoo import api, fields, models

from .. import bridge
from .usage_plan_version import RELEASED

#: columns of a version that decide whether it is the one in force
VERSION_FIELDS = ("state", "valid_from", "number", "plan_id", "currency_id")


class UsagePlan(models.Model):
    """A price catalogue entry: what customers subscribe to.

    The plan itself carries no price: its dated versions do, so that a change of
    price is a new version and never moves what was billed.
    """

    _name = "usage.plan"
    _description = "Usage Price Plan"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True, tracking=True)
    code = fields.Char(
        required=True,
        index=True,
        copy=False,
        tracking=True,
        help="Stable short name, unique in the company. Files and the API use it.",
    )
    description = fields.Text(translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="Currency of every price of the plan, of its subscriptions and of "
        "their invoices.",
    )

    version_ids = fields.One2many("usage.plan.version", "plan_id", copy=True)
    version_count = fields.Integer(compute="_compute_version_count")
    current_version_id = fields.Many2one(
        "usage.plan.version",
        compute="_compute_current_version_id",
        string="Version in Force",
    )
    subscription_ids = fields.One2many("usage.subscription", "plan_id")
    subscription_count = fields.Integer(compute="_compute_subscription_count")

    _code_unique = models.Constraint(
        "UNIQUE(company_id, code)",
        "Another price plan of this company already has this code.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("version_ids")
    def _compute_version_count(self):
        for plan in self:
            plan.version_count = len(plan.version_ids)

    @api.depends("version_ids.state", "version_ids.valid_from")
    def _compute_current_version_id(self):
        today = fields.Date.context_today(self)
        for plan in self:
            plan.current_version_id = plan._get_version_at(today)

    def _compute_subscription_count(self):
        counts = dict(
            self.env["usage.subscription"]._read_group(
                [("plan_id", "in", self.ids)], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.subscription_count = counts.get(plan, 0)

    # ------------------------------------------------------------------
    # create
    # ------------------------------------------------------------------
    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for plan, vals in zip(self, vals_list, strict=True):
            if "name" not in (default or {}):
                vals["name"] = self.env._("%(name)s (copy)", name=plan.name)
            vals.setdefault("code", f"{plan.code}-copy")
        return vals_list

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_versions(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Versions of %(plan)s", plan=self.name),
            "res_model": "usage.plan.version",
            "view_mode": "list,form",
            "domain": [("plan_id", "=", self.id)],
            "context": {"default_plan_id": self.id},
        }

    def action_view_subscriptions(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Subscriptions on %(plan)s", plan=self.name),
            "res_model": "usage.subscription",
            "view_mode": "list,form",
            "domain": [("plan_id", "=", self.id)],
            "context": {"default_plan_id": self.id},
        }

    def action_new_version(self):
        """A draft made from the version in force."""
        self.ensure_one()
        return self.current_version_id.action_new_version()

    def action_correct(self):
        """A draft that corrects the version in force, see ``usage.plan.version``."""
        self.ensure_one()
        return self.current_version_id.action_correct()

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_version_at(self, date):
        """Version that prices a period beginning on this local date.

        The latest one released to everybody and valid from that date or earlier; a
        retired version still prices the periods it was in force for. A correction
        wins over the version it corrects where both begin on the same day.

        :param datetime.date date: first local day of the period
        :return: a ``usage.plan.version``, empty when the plan has none yet
        """
        self.ensure_one()
        if not self.env.su:
            bridge.warm(self, ["company_id"])  # the access rule reads it
        bridge.warm(self.version_ids, VERSION_FIELDS)
        candidates = self.version_ids.filtered(
            lambda version: version.state in RELEASED and version.valid_from <= date
        )
        return candidates.sorted(lambda version: (version.valid_from, version.number))[
            -1:
        ]

    def _update_version_states(self):
        """Active is the version in force today, retired those it replaced."""
        today = fields.Date.context_today(self)
        for plan in self:
            current = plan._get_version_at(today)
            for version in plan.version_ids.filtered(lambda v: v.state in RELEASED):
                if version == current:
                    version._set_state("active")
                elif version.valid_from <= today:
                    version._set_state("retired")
                else:
                    version._set_state("scheduled")

    @api.model
    def _cron_update_versions(self):
        """Daily: a version scheduled for today becomes the one in force."""
        scheduled = self.env["usage.plan.version"].search([("state", "=", "scheduled")])
        for company, plans in scheduled.plan_id.grouped("company_id").items():
            company._usage_at_home(plans)._update_version_states()
