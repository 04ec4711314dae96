from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..pricebook import check_charge

VERSION_STATES = [
    ("draft", "Draft"),
    ("simulated", "Simulated"),
    ("approved", "Approved"),
    ("scheduled", "Scheduled"),
    ("active", "Active"),
    ("retired", "Retired"),
]

#: states in which prices may still be written
EDITABLE = ("draft", "simulated")

#: states in which a version prices the periods of everybody on the plan
RELEASED = ("scheduled", "active", "retired")


class UsagePlanVersion(models.Model):
    """The prices of a plan from a date on.

    draft -> simulated -> approved -> scheduled -> active -> retired

    A version is written while it is a draft; "simulated" says that somebody looked at
    its impact and nothing changed since. Once approved its prices are frozen, by the
    model and by the database. "Approved" means agreed but only for some: the pilot
    group, or the subscriptions it is reserved to; released to everybody it is
    scheduled, then active, then retired. Once something was billed with it, it never
    goes back to draft: a change of price is another version.
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
    is_editable = fields.Boolean(compute="_compute_is_editable")
    charge_ids = fields.One2many("usage.charge", "version_id", copy=True)
    charge_count = fields.Integer(compute="_compute_charge_count")
    based_on_id = fields.Many2one(
        "usage.plan.version",
        string="Replaces",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The version this one was made from.",
    )
    is_correction = fields.Boolean(
        string="Corrects Past Prices",
        readonly=True,
        copy=False,
        help="The version it replaces was wrong: this one counts from its first day "
        "even where the other one began on the same day, and what was billed since is "
        "put right.",
    )
    note = fields.Text(
        string="Reason",
        copy=False,
        help="Why the prices change. It stands in the change log beside each price, "
        "and the person who approves reads it.",
    )
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

    @api.depends("state")
    def _compute_is_editable(self):
        for version in self:
            version.is_editable = version.state in EDITABLE

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
        """Two versions for everybody cannot begin on one day, unless one corrects."""
        for version in self.filtered(lambda version: version.state in RELEASED):
            twin = version.plan_id.version_ids.filtered(
                lambda other, version=version: (
                    other != version
                    and other.state in RELEASED
                    and other.valid_from == version.valid_from
                    and not (version.is_correction or other.is_correction)
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
        if self._get_frozen_fields() & vals.keys():
            self._check_editable()
        return super().write(vals)

    def _get_frozen_fields(self):
        """Fields that cannot change after approval, besides the charges themselves."""
        return {"valid_from", "plan_id", "note"}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self._check_editable()

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_approve(self):
        """Freeze the prices and publish them; see ``_publish``."""
        self._check_approver()
        for version in self.filtered(lambda version: version.state in EDITABLE):
            version._check_ready()
            version._log_prices()
            version._set_state("approved")
            version._publish()
        self.plan_id._update_version_states()
        return True

    def action_draft(self):
        """Reopen a version nothing was billed with."""
        self._check_approver()
        for version in self.filtered(lambda version: version.state != "draft"):
            if version.is_used:
                raise UserError(
                    self.env._(
                        "%(version)s has already priced usage and cannot change any "
                        "more. Create a new version instead.",
                        version=version.display_name,
                    )
                )
            version._unpublish()
            version._set_state("draft")
        self.plan_id._update_version_states()
        return True

    def action_new_version(self):
        """Copy this version into a draft that can be changed."""
        self.ensure_one()
        return self._open_copy({"valid_from": fields.Date.context_today(self)})

    def action_correct(self):
        """Copy this version into a draft that puts last month's prices right.

        Journey: the wrong price is found after the month was billed. The draft counts
        from the first day of last month, or from this version's own first day if that
        is later.
        """
        self.ensure_one()
        today = fields.Date.context_today(self)
        last_month = fields.Date.subtract(today.replace(day=1), months=1)
        return self._open_copy(
            {
                "valid_from": max(last_month, self.valid_from),
                "is_correction": True,
            }
        )

    def _open_copy(self, vals):
        version = self.copy({"based_on_id": self.id, **vals})
        return {
            "type": "ir.actions.act_window",
            "res_model": "usage.plan.version",
            "view_mode": "form",
            "res_id": version.id,
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _check_ready(self):
        """Refuse to approve what could not be billed or was not explained.

        :raise UserError: no charge, no reason, or approved by who made it
        :raise ValidationError: a charge that the core cannot rate
        """
        self.ensure_one()
        if not self.charge_ids:
            raise UserError(
                self.env._(
                    "%(version)s has no charge. Add at least one before approving.",
                    version=self.display_name,
                )
            )
        for charge in self.charge_ids:
            check_charge(charge)
        self._check_reason()
        self._check_second_person()

    def _check_reason(self):
        """A change of prices says why; the first prices of a plan need no reason."""
        if self._get_predecessor() and not (self.note or "").strip():
            raise UserError(
                self.env._(
                    "Say why the prices change before approving %(version)s: fill in "
                    "its reason. It stays in the change log.",
                    version=self.display_name,
                )
            )

    def _check_second_person(self):
        """Where the company wants two persons, the author does not approve."""
        if not self.company_id.usage_second_person or self.env.user._is_superuser():
            return
        authors = self.create_uid | self.charge_ids.create_uid
        authors |= self.charge_ids.write_uid | self.charge_ids.tier_ids.write_uid
        if self.env.user in authors:
            raise UserError(
                self.env._(
                    "%(version)s was prepared by you. Prices are approved by a second "
                    "person: ask another approver.",
                    version=self.display_name,
                )
            )

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
        """Refuse to write frozen prices; writing simulated ones makes them a draft."""
        for version in self.filtered(lambda version: version.state not in EDITABLE):
            raise UserError(
                self.env._(
                    "%(version)s is approved: its prices cannot change. Create a new "
                    "version, or reopen this one if nothing was billed with it.",
                    version=version.display_name,
                )
            )
        self._set_state("draft")

    def _get_predecessor(self):
        """The version whose prices this one replaces, empty for the first."""
        self.ensure_one()
        if self.based_on_id.plan_id == self.plan_id:
            return self.based_on_id
        return self.plan_id.version_ids.filtered(
            lambda other: other.state in RELEASED and other.number < self.number
        ).sorted("number")[-1:]

    def _set_state(self, state):
        """The one place where a version changes state; harmless when already there."""
        moving = self.filtered(lambda version: version.state != state)
        # prices are written before the state freezes them, and the other way round
        moving.env.flush_all()
        for version in moving:
            vals = {"state": state}
            if state == "approved":
                vals.update(
                    approved_by_id=self.env.user.id, approved_at=fields.Datetime.now()
                )
            elif state == "draft":
                vals.update(approved_by_id=False, approved_at=False)
            version.write(vals)
        moving.flush_recordset(["state"])
