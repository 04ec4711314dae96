from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .. import bridge
from ..const import BASES, GRANULARITIES

# What may still be written on a version in force: its end, and its life cycle.
OPEN_FIELDS = {"state", "date_to"}


class RevenueShareAgreementVersion(models.Model):
    """The clauses of an agreement between two dates; never edited once active.

    A change is a new version. The last day (``date_to``) is included.
    """

    _name = "revenue.share.agreement.version"
    _description = "Revenue Share Agreement Version"
    _order = "agreement_id, number desc, id desc"
    _check_company_auto = True

    agreement_id = fields.Many2one(
        "revenue.share.agreement",
        required=True,
        ondelete="cascade",
        index=True,
        check_company=True,
    )
    company_id = fields.Many2one(
        related="agreement_id.company_id", store=True, index=True, readonly=True
    )
    currency_id = fields.Many2one(related="agreement_id.currency_id")
    number = fields.Integer(required=True, readonly=True, copy=False)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("retired", "Retired")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    date_from = fields.Date(
        string="From", required=True, default=fields.Date.context_today
    )
    date_to = fields.Date(string="To", help="Last day on which the version applies.")
    base = fields.Selection(
        BASES,
        string="Shared base",
        required=True,
        default="net",
        help="What is shared of each invoice line.",
    )
    granularity = fields.Selection(
        GRANULARITIES,
        string="Rounding",
        required=True,
        default="settlement",
        help="Whether amounts are rounded once per statement, or on each invoice line. "
        "In both cases the parts add up to the whole, to the cent.",
    )
    rule_ids = fields.One2many("revenue.share.rule", "version_id", string="Rules")

    _number_once = models.Constraint(
        "UNIQUE (agreement_id, number)",
        "An agreement has one version with each number.",
    )
    _dates_in_order = models.Constraint(
        "CHECK (date_to IS NULL OR date_from <= date_to)",
        "The last day of a version cannot be before its first day.",
    )

    @api.depends("number", "agreement_id.name")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._(
                "%(agreement)s, version %(number)s",
                agreement=version.agreement_id.name or "",
                number=version.number,
            )

    @api.constrains("state", "date_from", "date_to")
    def _check_overlap(self):
        for version in self.filtered(lambda version: version.state == "active"):
            others = version.agreement_id.version_ids.filtered(
                lambda other, own=version: other != own and other.state == "active"
            )
            for other in others:
                if version._overlaps(other):
                    raise ValidationError(
                        self.env._(
                            "Versions %(first)s and %(second)s of the agreement "
                            "%(agreement)s are in force on the same days: end the "
                            "earlier one first.",
                            first=min(version.number, other.number),
                            second=max(version.number, other.number),
                            agreement=version.agreement_id.name,
                        )
                    )

    @api.model_create_multi
    def create(self, vals_list):
        agreements = {vals.get("agreement_id") for vals in vals_list}
        highest = {
            agreement.id: number
            for agreement, number in self.sudo()._read_group(  # numbers never repeat
                [("agreement_id", "in", list(agreements))],
                ["agreement_id"],
                ["number:max"],
            )
        }
        for vals in vals_list:
            number = highest.get(vals.get("agreement_id"), 0) + 1
            highest[vals.get("agreement_id")] = vals["number"] = number
        return super().create(vals_list)

    def write(self, vals):
        if set(vals) - OPEN_FIELDS:
            self._check_editable()
        return super().write(vals)

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for version, vals in zip(self, vals_list, strict=True):
            vals["rule_ids"] = [
                fields.Command.create(rule_vals)
                for rule_vals in version.rule_ids.copy_data()
            ]
        return vals_list

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._check_editable()

    # actions

    def action_activate(self):
        """Put drafts into force; the version before ends the day before.

        :raise AccessError: the user is not an approver
        """
        approver = "usage_billing.group_usage_billing_approver"
        if not self.env.su and not self.env.user.has_group(approver):
            raise AccessError(
                self.env._(
                    "Only an approver can put the terms of an agreement in force."
                )
            )
        for version in self.filtered(lambda version: version.state == "draft"):
            if not version.rule_ids:
                raise UserError(
                    self.env._(
                        "%(version)s has no rule: add what each partner gets.",
                        version=version.display_name,
                    )
                )
            bridge.terms_of(version)
            version._end_previous()
            version.state = "active"
            if version.agreement_id.state == "draft":
                version.agreement_id.action_activate()
        return True

    def action_retire(self):
        """Take versions out of force: they share nothing more."""
        self.filtered(lambda version: version.state == "active").state = "retired"
        return True

    def action_new_version(self):
        """Open a copy of this version to prepare a change of terms."""
        self.ensure_one()
        copy = self.copy(
            {"date_from": fields.Date.context_today(self), "date_to": False}
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": copy.id,
            "view_mode": "form",
        }

    # business

    def _check_editable(self):
        """Refuse to change the clauses of a version that is or was in force."""
        for version in self:
            if version.state != "draft":
                raise UserError(
                    self.env._(
                        "%(version)s is in force and cannot be changed: create a new "
                        "version.",
                        version=version.display_name,
                    )
                )

    def _overlaps(self, other):
        ends_before = self.date_to and self.date_to < other.date_from
        starts_after = other.date_to and self.date_from > other.date_to
        return not (ends_before or starts_after)

    def _end_previous(self):
        day_before = fields.Date.subtract(self.date_from, days=1)
        for other in self.agreement_id.version_ids - self:
            if (
                other.state == "active"
                and other.date_from < self.date_from
                and (not other.date_to or other.date_to >= self.date_from)
            ):
                other.date_to = day_before

    def _get_period_ratio(self, period_start, period_end):
        """Return the part of a period on which the version is in force, by days.

        :param date period_end: first day after the period
        :rtype: Fraction
        """
        self.ensure_one()
        first = max(period_start, self.date_from)
        last = fields.Date.subtract(period_end, days=1)
        if self.date_to:
            last = min(last, self.date_to)
        days = max((last - first).days + 1, 0)
        return Fraction(days, (period_end - period_start).days)
