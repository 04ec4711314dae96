from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import held_usage, messages
from ..fields_exact import Exact
from ..models.usage_quarantine_cause import BY_SUBJECT, LONGEST


class UsageQuarantineFix(models.TransientModel):
    """Say once what a name means; all rows that wait for it become usage."""

    _name = "usage.quarantine.fix"
    _description = "Settle Quarantined Usage"

    cause_id = fields.Many2one("usage.quarantine.inbox", required=True, readonly=True)
    reason_code = fields.Selection(related="cause_id.reason_code")
    what = fields.Char(related="cause_id.what")
    open_count = fields.Integer(related="cause_id.open_count")
    company_id = fields.Many2one(related="cause_id.company_id")

    # who a subject is
    subscription_id = fields.Many2one(
        "usage.subscription",
        compute="_compute_subscription_id",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id)]",
    )
    is_covered = fields.Boolean(compute="_compute_is_covered")
    is_own_source = fields.Boolean(
        string="Only in This Source",
        help="The same name in another source would be somebody else.",
    )
    is_longer = fields.Boolean(
        string="Lengthen the Subscription",
        compute="_compute_is_longer",
        store=True,
        readonly=False,
        help="The rows lie outside of the subscribed days: move the start or the end "
        "so that they are covered. Without it they would wait on.",
    )
    lacks_days = fields.Boolean(compute="_compute_lacks_days")

    # what a type means
    meter_choice = fields.Selection(
        [
            ("create", "Make a meter for it"),
            ("alias", "It is another name for a type that is counted"),
        ],
        compute="_compute_meter_choice",
        store=True,
        readonly=False,
    )
    meter_id = fields.Many2one(
        "usage.meter",
        string="Counted as",
        compute="_compute_meter_choice",
        store=True,
        readonly=False,
        domain="[('company_id', '=', company_id)]",
    )
    meter_name = fields.Char(
        compute="_compute_meter_choice", store=True, readonly=False
    )
    aggregation = fields.Selection(
        lambda self: (
            self.env["usage.meter"]
            ._fields["aggregation"]
            ._description_selection(self.env)
        ),
        default="sum",
    )
    unit_label = fields.Char(string="Unit", help="Shown beside quantities: GB, call.")

    # how much a unit is
    factor = Exact(
        string="Times", help="1024 when the source says GB and you count MB."
    )

    preview_html = fields.Html(compute="_compute_preview_html", sanitize=False)

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("cause_id")
    def _compute_subscription_id(self):
        for fix in self:
            fix.subscription_id = fix.cause_id.suggested_subscription_id

    @api.depends("cause_id")
    def _compute_is_covered(self):
        """Whose the subject is then is known: only the subscription's days lack."""
        Subject = self.env["usage.subject"]
        for fix in self:
            cause = fix.cause_id
            fix.is_covered = (
                cause.reason_code in BY_SUBJECT
                and cause.usage_from
                and Subject._is_covered(cause.what, cause.source_id, cause.usage_from)
            )

    @api.depends("cause_id", "subscription_id")
    def _compute_lacks_days(self):
        for fix in self:
            first, last = fix.cause_id.usage_from, fix.cause_id.usage_to
            fix.lacks_days = bool(
                fix.reason_code in BY_SUBJECT
                and fix.subscription_id
                and first
                and fix.subscription_id._lacks(first, last)
            )

    @api.depends("lacks_days", "reason_code")
    def _compute_is_longer(self):
        """A stranger's rows are no reason to move the dates of a contract unasked."""
        for fix in self:
            fix.is_longer = fix.lacks_days and fix.reason_code != "unknown_subject"

    @api.depends("cause_id")
    def _compute_meter_choice(self):
        for fix in self:
            fix.meter_id = fix.cause_id.suggested_meter_id
            fix.meter_choice = "alias" if fix.meter_id else "create"
            words = (fix.what or "").replace("_", " ").replace(".", ", ")
            fix.meter_name = words[:1].upper() + words[1:]

    @api.depends("cause_id", "subscription_id", "meter_id", "meter_choice")
    def _compute_preview_html(self):
        for fix in self:
            fix.preview_html = self.env["ir.qweb"]._render(
                "usage_billing.quarantine_fix_preview", fix._prepare_preview()
            )

    def _prepare_preview(self):
        """What waits, and what it would come to, as texts."""
        cause = self.env["usage.quarantine.cause"].browse(self.cause_id.id).sudo()
        sums = cause._read_sums()
        meters = self.env["usage.meter"].search(
            [("company_id", "=", cause.company_id.id)]
        )
        rows = []
        for event_type in sorted({item.event_type for item in sums}):
            items = [item for item in sums if item.event_type == event_type]
            wanted = event_type
            if self.reason_code == "unknown_meter" and self.meter_choice == "alias":
                wanted = self.meter_id.event_type
                for item in items:
                    item.event_type = wanted
            counted = [
                (meter.unit_label or "", quantity)
                for meter in meters
                if meter.event_type == wanted
                and (quantity := held_usage.quantity(meter, items)) is not None
            ]
            rows.append(
                {
                    "type": event_type,
                    "count": sum(item.count for item in items),
                    "quantities": [
                        messages.with_unit(self.env, quantity, unit)
                        for unit, quantity in counted
                    ],
                }
            )
        stake = cause._estimate(sums, self.subscription_id)
        return {
            "rows": rows,
            "amount": messages.amounts(
                self.env,
                [(self.env["res.currency"].browse(stake.currency_id), stake.amount)],
            )
            if stake.amount is not None
            else "",
            "note": cause._say_basis(stake.basis),
            "is_meter": self.reason_code == "unknown_meter",
            "is_new_meter": self.meter_choice == "create",
        }

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_apply(self):
        """Do it, and send all rows of the cause again."""
        self.ensure_one()
        self.env["usage.quarantine"].check_access("write")
        changes = self._apply()
        decision = self.env["usage.quarantine.decision"]._decide(
            "replay", causes=self._get_causes(), changes=changes
        )
        return decision._get_notification()

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_causes(self):
        """This cause, and the same name in other sources where it means the same."""
        cause = self.env["usage.quarantine.cause"].browse(self.cause_id.id)
        if self.is_own_source or self.reason_code not in (
            "unknown_subject",
            "unknown_meter",
        ):
            return cause
        return cause.search(
            [
                ("company_id", "=", self.company_id.id),
                ("reason_code", "=", self.reason_code),
                ("what", "=", self.what),
            ]
        )

    def _apply(self):
        """Create or correct what the rows wait for.

        :return: sentence of what was done
        :rtype: str
        """
        self.ensure_one()
        if len(self.what or "") >= LONGEST:
            raise UserError(
                self.env._("This name is too long to be a name: ignore these rows.")
            )
        if self.reason_code in BY_SUBJECT:
            return self._apply_subject()
        if self.reason_code == "unknown_meter":
            return self._apply_meter()
        if self.reason_code == "unknown_unit":
            return self._apply_unit()
        raise UserError(
            self.env._("There is nothing to settle here: replay these rows or ignore.")
        )

    def _apply_subject(self):
        if not self.subscription_id:
            raise UserError(
                self.env._(
                    "Choose the subscription that “%(name)s” is.", name=self.what
                )
            )
        cause, subscription = self.cause_id, self.subscription_id
        changes = []
        if not self.is_covered:
            source = cause.source_id if self.is_own_source else None
            self.env["usage.subject"]._cover(
                self.what, subscription, cause.usage_from, source
            )
            changes.append(
                self.env._(
                    "“%(subject)s” is %(subscription)s",
                    subject=self.what,
                    subscription=subscription.name,
                )
            )
        if self.is_longer and self.lacks_days:
            changes += subscription._cover_times(cause.usage_from, cause.usage_to)
        return ", ".join(changes)

    def _apply_meter(self):
        if self.meter_choice == "alias":
            if not self.meter_id:
                raise UserError(
                    self.env._("Choose what “%(name)s” is counted as.", name=self.what)
                )
            self.env["usage.alias"].create(
                {
                    "kind": "type",
                    "name": self.what,
                    "event_type": self.meter_id.event_type,
                    "company_id": self.company_id.id,
                    "source_id": self.cause_id.source_id.id
                    if self.is_own_source
                    else False,
                }
            )
            return self.env._(
                "“%(name)s” is counted as %(meter)s",
                name=self.what,
                meter=self.meter_id.name,
            )
        meter = self.env["usage.meter"].create(
            {
                "name": self.meter_name or self.what,
                "code": self.what,
                "event_type": self.what,
                "aggregation": self.aggregation or "sum",
                "unit_label": self.unit_label,
                "company_id": self.company_id.id,
            }
        )
        return self.env._("Meter %(meter)s was made", meter=meter.name)

    def _apply_unit(self):
        alias = self.env["usage.alias"].create(
            {
                "kind": "unit",
                "name": self.what,
                "factor": self.factor,
                "company_id": self.company_id.id,
                "source_id": self.cause_id.source_id.id,
            }
        )
        return self.env._(
            "One %(unit)s counts %(factor)s",
            unit=alias.name,
            factor=messages.number(self.env, alias.factor),
        )
