from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from .. import bridge

POLICIES = [
    ("follow", "Move when the version comes into force"),
    ("renewal", "Move when their contract renews"),
    ("date", "Move on a date"),
    ("keep", "Keep the version they have"),
]

#: subscriptions listed on the form; the button shows them all
SHOWN = 100


class UsagePlanVersion(models.Model):
    """Who moves to a version and when: decided with the approval, listed before it."""

    _inherit = "usage.plan.version"

    existing_policy = fields.Selection(
        POLICIES,
        string="Existing Subscriptions",
        required=True,
        default="follow",
        help="What becomes of the subscriptions that run on other prices of the plan.",
    )
    include_kept = fields.Boolean(
        string="Older Prices Too",
        copy=False,
        help="Also move the subscriptions that an earlier publication left on older "
        "prices.",
    )
    move_date = fields.Date(
        string="Move On",
        copy=False,
        help="Subscriptions move with their first period that begins on this day or "
        "later.",
    )
    pilot_category_id = fields.Many2one(
        "res.partner.category",
        string="Pilot Group",
        copy=False,
        ondelete="restrict",
        help="Only customers with this tag get the prices at first; the others follow "
        "when the version is released to all.",
    )
    reserved_subscription_ids = fields.Many2many(
        "usage.subscription",
        "usage_plan_version_reserved_rel",
        string="Reserved to",
        copy=False,
        check_company=True,
        help="Prices of these contracts alone; the plan's other customers and new ones "
        "never get them.",
    )
    notice_days = fields.Integer(
        string="Notice in Days",
        default=lambda self: self.env.company.usage_notice_days,
        help="Customers are told by mail this many days before the new prices count "
        "for them; their move waits for it. 0: nobody is told.",
    )
    concerned_count = fields.Integer(compute="_compute_concerned")
    concerned_html = fields.Html(
        string="Subscriptions Concerned", compute="_compute_concerned", sanitize=False
    )
    price_move_ids = fields.One2many(
        "usage.price.move", "publication_id", string="Moves", readonly=True
    )

    _notice_days_positive = models.Constraint(
        "CHECK(notice_days >= 0)", "A notice cannot be negative."
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends(
        "plan_id",
        "valid_from",
        "state",
        "existing_policy",
        "move_date",
        "pilot_category_id",
        "reserved_subscription_ids",
        "notice_days",
        "include_kept",
    )
    @api.depends_context("lang")
    def _compute_concerned(self):
        for version in self:
            concerned = version._get_concerned_subscriptions()
            version.concerned_count = len(concerned)
            version.concerned_html = self.env["ir.qweb"]._render(
                "usage_billing.price_concerned",
                {
                    "rows": version._prepare_concerned_rows(concerned[:SHOWN]),
                    "left_out": max(0, len(concerned) - SHOWN),
                },
            )

    def _prepare_concerned_rows(self, concerned):
        today = fields.Date.context_today(self)
        rows = []
        for subscription in concerned:
            day = self._get_effective_date(subscription)
            rows.append(
                {
                    "name": subscription.name,
                    "customer": subscription.partner_id.display_name,
                    "now": subscription._get_version_at(
                        min(today, self.valid_from or today)
                    ).number
                    or "–",
                    "day": format_date(self.env, day) if day else "",
                }
            )
        return rows

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_release(self):
        """After the pilot: the version counts for everybody on the plan."""
        self._check_approver()
        today = fields.Date.context_today(self)
        for version in self.filtered(lambda version: version.state == "approved"):
            if version.reserved_subscription_ids:
                raise UserError(
                    self.env._(
                        "%(version)s is reserved to some contracts and is not released "
                        "to all.",
                        version=version.display_name,
                    )
                )
            version._move_subscriptions(not_before=today)
            version._set_state("scheduled")
        self.plan_id._update_version_states()
        return True

    def action_view_concerned(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "Subscriptions concerned by %(version)s", version=self.display_name
            ),
            "res_model": "usage.subscription",
            "view_mode": "list,form",
            "domain": [("id", "in", self._get_concerned_subscriptions().ids)],
            "context": {"create": False},
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_frozen_fields(self):
        return super()._get_frozen_fields() | {
            "pilot_category_id",
            "reserved_subscription_ids",
        }

    def _check_ready(self):
        result = super()._check_ready()
        if self.existing_policy == "date" and not self.move_date:
            raise UserError(
                self.env._(
                    "Choose the day on which subscriptions move to %(version)s.",
                    version=self.display_name,
                )
            )
        return result

    def _publish(self):
        """Carry out what was decided: for all, a pilot group or some contracts."""
        for version in self:
            version._move_subscriptions()
            if not (version.pilot_category_id or version.reserved_subscription_ids):
                version._set_state("scheduled")

    def _unpublish(self):
        """Take back the moves of a version that is reopened."""
        self.price_move_ids.sudo().unlink()  # written by publications only

    def _get_concerned_subscriptions(self, releasing=None):
        """Subscriptions that this version may move, by the choices made.

        :param bool releasing: to everybody after a pilot; by default when it runs

        A subscription with a pinned version is left alone, except where the pinned
        version is the wrong one that is corrected.
        """
        self.ensure_one()
        if self.reserved_subscription_ids:
            return self.reserved_subscription_ids._origin or (
                self.reserved_subscription_ids
            )
        if not self.valid_from:
            return self.env["usage.subscription"]
        plan = self.plan_id._origin or self.plan_id
        subscriptions = self.env["usage.subscription"].search(
            [("plan_id", "in", plan.ids), ("state", "!=", "draft")]
        )
        if self.is_correction:
            wrong = self.based_on_id
            return subscriptions.filtered(
                lambda sub: (
                    sub._get_version_at(max(self.valid_from, sub.date_start))
                    in wrong | self._origin
                )
            )
        tag = self.pilot_category_id._origin
        releasing = self.state == "approved" if releasing is None else releasing
        is_pilot = tag and not releasing
        return subscriptions.filtered(
            lambda sub: (
                not sub.version_id
                and (self.include_kept or is_pilot or not self._is_kept(sub))
                and (not is_pilot or tag in sub.partner_id.category_id)
            )
        )

    def _is_kept(self, subscription):
        """Whether an earlier publication left the subscription on older prices."""
        last = subscription.price_move_ids.filtered(
            lambda move: move.date_from <= self.valid_from
        ).sorted("date_from")[-1:]
        return bool(last.version_id) and last.version_id != self._origin

    def _get_effective_date(self, subscription, not_before=None):
        """First day on which a subscription is priced by this version.

        :param datetime.date not_before: earliest day, for a release after a pilot
        :return: None when it keeps its prices
        :rtype: datetime.date | None
        """
        self.ensure_one()
        if not self.valid_from:
            return None
        day = max(self.valid_from, not_before or self.valid_from)
        day = max(day, subscription.date_start)
        if self.is_correction:
            return day
        is_open = not (self.pilot_category_id or self.reserved_subscription_ids)
        policy = self.existing_policy if is_open or not_before else "follow"
        if policy == "keep":
            return None
        if self.notice_days:
            today = fields.Date.context_today(self)
            day = max(day, today + timedelta(days=self.notice_days))
        if policy == "date" and self.move_date:
            day = max(day, self.move_date)
        if policy == "renewal":
            return bridge.renewal_after(subscription, day)
        return bridge.period_begin(subscription, day)

    def _move_subscriptions(self, not_before=None):
        """Write from when each concerned subscription is priced by this version.

        Those that move later, or never, stay on the prices they have until then.
        """
        self.ensure_one()
        vals_list, moving = [], []
        concerned = self._get_concerned_subscriptions(bool(not_before))
        for subscription in concerned:
            day = self._get_effective_date(subscription, not_before)
            vals_list += self._prepare_moves(subscription, day, not_before)
            if day:
                moving.append((subscription, day))
        # sudo: written by publications only
        self.env["usage.price.move"].sudo()._set(vals_list)
        concerned.invalidate_recordset(["price_move_ids"])
        if not self.is_correction:
            self._announce(moving)

    def _prepare_moves(self, subscription, day, not_before):
        """Values of the moves of one subscription, oldest first."""
        begin = max(self.valid_from, subscription.date_start)
        base = {"subscription_id": subscription.id, "publication_id": self.id}
        before = subscription._get_version_at(begin)
        if self.is_correction:
            if subscription.version_id:
                subscription.version_id = self
            is_dated = subscription.price_move_ids.version_id & before
            return (
                [base | {"date_from": begin, "version_id": self.id}] if is_dated else []
            )
        is_open = not (self.pilot_category_id or self.reserved_subscription_ids)
        if not is_open and not not_before:
            return [base | {"date_from": day, "version_id": self.id}]
        moves = []
        if day != begin and before:
            moves.append(base | {"date_from": begin, "version_id": before.id})
        if day and (moves or subscription.price_move_ids):
            moves.append(base | {"date_from": day, "version_id": False})
        return moves

    def _announce(self, moving):
        """Tell the customers; see ``usage.price.notice``.

        :param moving: [(subscription, first day of the new prices)]
        """
        if self.notice_days:
            self.env["usage.price.notice"]._prepare_for(self, moving)
