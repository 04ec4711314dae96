from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..bridge import check_charge

VERSION_STATES = [
    ("draft", "Draft"),
    ("approved", "Approved"),
    ("active", "Active"),
    ("retired", "Retired"),
]


class UsagePlanVersion(models.Model):
    """The prices of a plan from a date on.

    A version is written while it is a draft; once approved its charges are frozen,
    and once something was billed with it, it can never go back to draft: a change
    of price is another version.
    """

    _name = "usage.plan.version"
    _description = "Usage Price Plan Version"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "plan_id, valid_from desc, number desc"
    _check_company_auto = True

    plan_id = fields.Many2one(
        "usage.plan", required=True, index=True, ondelete="cascade", check_company=True
    )
    company_id = fields.Many2one(related="plan_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="plan_id.currency_id", store=True)
    number = fields.Integer(required=True, readonly=True, copy=False, default=0)
    valid_from = fields.Date(
        required=True,
        tracking=True,
        default=fields.Date.context_today,
        help="First local day priced by this version. A billing period takes the "
        "version in force on its first day.",
    )
    state = fields.Selection(
        VERSION_STATES,
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
        index=True,
    )
    charge_ids = fields.One2many("usage.charge", "version_id", copy=True)
    charge_count = fields.Integer(compute="_compute_charge_count")
    note = fields.Text(help="Why this version exists, for the person who approves it.")
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    approved_at = fields.Datetime(readonly=True, copy=False)
    is_used = fields.Boolean(
        compute="_compute_is_used",
        help="Something was billed with this version: it can no longer change.",
    )

    _number_unique = models.Constraint(
        "UNIQUE(plan_id, number)", "This plan already has a version of that number."
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("plan_id.name", "number", "valid_from")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._(
                "%(plan)s, version %(number)s from %(date)s",
                plan=version.plan_id.name or "",
                number=version.number,
                date=format_date(self.env, version.valid_from),
            )

    @api.depends("charge_ids")
    def _compute_charge_count(self):
        for version in self:
            version.charge_count = len(version.charge_ids)

    def _compute_is_used(self):
        used = {
            version.id
            for [version] in self.env["usage.rated.line"]
            .sudo()  # a fact about the version, no figure leaves
            ._read_group(
                [
                    ("version_id", "in", self.ids),
                    ("state", "in", ["rated", "approved", "posted"]),
                ],
                ["version_id"],
            )
        }
        for version in self:
            version.is_used = version.id in used

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("valid_from", "state")
    def _check_valid_from(self):
        for version in self.filtered(lambda version: version.state != "draft"):
            twin = version.plan_id.version_ids.filtered(
                lambda other, version=version: (
                    other != version
                    and other.state != "draft"
                    and other.valid_from == version.valid_from
                )
            )
            if twin:
                raise ValidationError(
                    self.env._(
                        "%(version)s and %(other)s would be in force from the same "
                        "day. Choose another date for one of them.",
                        version=version.display_name,
                        other=twin[0].display_name,
                    )
                )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        next_number = {}
        for vals in vals_list:
            if vals.get("number"):
                continue
            plan_id = vals.get("plan_id")
            if plan_id not in next_number:
                next_number[plan_id] = max(
                    self.env["usage.plan"].browse(plan_id).version_ids.mapped("number"),
                    default=0,
                )
            next_number[plan_id] += 1
            vals["number"] = next_number[plan_id]
        return super().create(vals_list)

    def write(self, vals):
        if {"valid_from", "plan_id"} & vals.keys():
            self._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self._check_editable()

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_approve(self):
        """Freeze the prices; from ``valid_from`` on they are in force."""
        self._check_approver()
        for version in self.filtered(lambda version: version.state == "draft"):
            if not version.charge_ids:
                raise UserError(
                    self.env._(
                        "%(version)s has no charge. Add at least one before approving.",
                        version=version.display_name,
                    )
                )
            for charge in version.charge_ids:
                check_charge(charge)
            version._set_state("approved")
        self.plan_id._update_version_states()
        return True

    def action_draft(self):
        """Reopen a version nothing was billed with."""
        self._check_approver()
        for version in self:
            if version.is_used:
                raise UserError(
                    self.env._(
                        "%(version)s has already priced usage and cannot change any "
                        "more. Create a new version instead.",
                        version=version.display_name,
                    )
                )
            version._set_state("draft")
        self.plan_id._update_version_states()
        return True

    def action_new_version(self):
        """Copy this version into a draft that can be changed."""
        self.ensure_one()
        version = self.copy({"valid_from": fields.Date.context_today(self)})
        return {
            "type": "ir.actions.act_window",
            "res_model": "usage.plan.version",
            "view_mode": "form",
            "res_id": version.id,
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _check_approver(self):
        if not (
            self.env.su
            or self.env.user.has_group("usage_billing.group_usage_billing_approver")
        ):
            raise UserError(
                self.env._(
                    "Only an approver of usage billing may approve or reopen prices. "
                    "Ask one of them, or your administrator for the right."
                )
            )

    def _check_editable(self):
        for version in self.filtered(lambda version: version.state != "draft"):
            raise UserError(
                self.env._(
                    "%(version)s is approved: its prices cannot change. Create a new "
                    "version, or reopen this one if nothing was billed with it.",
                    version=version.display_name,
                )
            )

    def _set_state(self, state):
        """The one place where a version changes state; harmless when already there."""
        for version in self.filtered(lambda version: version.state != state):
            vals = {"state": state}
            if state == "approved":
                vals.update(
                    approved_by_id=self.env.user.id, approved_at=fields.Datetime.now()
                )
            elif state == "draft":
                vals.update(approved_by_id=False, approved_at=False)
            version.write(vals)
