from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from .. import bridge, messages, price_terms, pricebook
from ..fields_exact import Exact
from ..rating import RatingError
from ..rating.overrides import Override, changed_by
from .usage_rated_line import LIVE_STATES

TERMS = (
    "price",
    "included_units",
    "discount_percent",
    "minimum_amount",
    "maximum_amount",
)


class UsageOverride(models.Model):
    """An exception to the price list for a customer, a group or a product, dated.

    Approved like a version and frozen from then on; it can only be ended. Which of
    several wins is the rule of ``rating.overrides``: customer before group before
    everybody, charge before product before plan before anything, then the latest.
    Like a version, it counts for the periods whose first day it is in force on.
    """

    _name = "usage.override"
    _description = "Usage Price Exception"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_from desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    state = fields.Selection(
        [("draft", "Draft"), ("approved", "Approved"), ("ended", "Ended")],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )

    # for whom
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="This customer and its contacts.",
    )
    category_id = fields.Many2one(
        "res.partner.category",
        string="Customer Group",
        index="btree_not_null",
        ondelete="restrict",
        help="Every customer with this tag.",
    )

    # for what
    plan_id = fields.Many2one(
        "usage.plan",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Empty: on every plan.",
    )
    charge_key = fields.Char(
        help="Key of one charge, the same in every version of the plan. Empty: every "
        "charge, or those of the product."
    )
    charge_id = fields.Many2one(
        "usage.charge",
        compute="_compute_charge_id",
        inverse="_inverse_charge_id",
        domain="[('plan_id', '=?', plan_id), ('version_state', '!=', 'retired')]",
    )
    product_id = fields.Many2one(
        "product.product",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Every charge that is invoiced with this product.",
    )

    # when
    date_from = fields.Date(
        required=True,
        default=fields.Date.context_today,
        tracking=True,
        help="Periods that begin on this day or later.",
    )
    date_to = fields.Date(
        string="Until",
        tracking=True,
        help="First day that does not have the exception any more. Empty: for good.",
    )

    # what it changes
    price = Exact(
        string="Own Price",
        help="In place of the one price of the charge: unit price, fee, price of a "
        "package, percentage. Tiers are below.",
    )
    discount_percent = Exact(string="Discount %", help="Off the list price.")
    included_units = Exact(help="Units free of charge in each period.")
    minimum_amount = Exact(help="At least this much for a closed period.")
    maximum_amount = Exact(help="No more than this for a period.")
    tier_ids = fields.One2many(
        "usage.override.tier", "override_id", string="Own Tiers", copy=True
    )
    replaces_special = fields.Boolean(
        string="Instead of Special Prices",
        help="Where a charge has special prices, by region or by hour: ticked, the own "
        "price or tiers count everywhere; else they take the place of the general "
        "price only.",
    )
    terms_text = fields.Char(string="In Words", compute="_compute_terms_text")
    note = fields.Text(
        string="Reason", help="Why this exception exists. It stands in the change log."
    )
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    approved_at = fields.Datetime(readonly=True, copy=False)

    _someone = models.Constraint(
        "CHECK(partner_id IS NOT NULL OR category_id IS NOT NULL"
        " OR product_id IS NOT NULL)",
        "Say for whom the exception is: a customer, a group, or everybody for a "
        "product.",
    )
    _one_who = models.Constraint(
        "CHECK(partner_id IS NULL OR category_id IS NULL)",
        "An exception is for a customer or for a group, not both.",
    )
    _dates_order = models.Constraint(
        "CHECK(date_to IS NULL OR date_to >= date_from)",
        "The exception would end before it begins.",
    )
    _in_force = models.Index("(company_id, date_from) WHERE state != 'draft'")

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("charge_key", "plan_id")
    def _compute_charge_id(self):
        for override in self:
            charges = override.plan_id.version_ids.sorted("number").charge_ids
            override.charge_id = charges.filtered(
                lambda charge, override=override: charge.key == override.charge_key
            )[-1:]

    @api.onchange("charge_id")
    def _inverse_charge_id(self):
        for override in self:
            override.charge_key = override.charge_id.key
            override.plan_id = override.charge_id.plan_id or override.plan_id

    @api.depends(*TERMS, "tier_ids", "replaces_special")
    @api.depends_context("lang")
    def _compute_terms_text(self):
        for override in self:
            said = [
                f"{price_terms.label(self.env, override._fields[name])} "
                f"{messages.number(self.env, override[name])}"
                for name in TERMS
                if override[name] is not None
            ]
            if override.tier_ids:
                said.append(
                    self.env._("%(count)s own tiers", count=len(override.tier_ids))
                )
            if "replaces_special" in override._get_terms():
                said.append(self.env._("instead of special prices"))
            override.terms_text = ", ".join(said)

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("charge_key", "plan_id", "product_id")
    def _check_target(self):
        for override in self:
            if override.charge_key and not override.plan_id:
                raise ValidationError(
                    self.env._(
                        "%(override)s names a charge: choose its plan too.",
                        override=override.name,
                    )
                )

    # ------------------------------------------------------------------
    # write / unlink
    # ------------------------------------------------------------------
    def write(self, vals):
        frozen = vals.keys() - {"state", "date_to", "message_main_attachment_id"}
        stored = {name for name in frozen if self._fields[name].store}
        if stored - {"approved_by_id", "approved_at"} or (
            "date_to" in vals and not self.env.context.get("usage_ending")
        ):
            self._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self._check_editable()

    def _check_editable(self):
        for override in self.filtered(lambda override: override.state != "draft"):
            raise UserError(
                self.env._(
                    "%(override)s is approved and cannot change. End it and make "
                    "another one.",
                    override=override.name,
                )
            )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_approve(self):
        """Agree to the exception; it counts from its first day on."""
        Version = self.env["usage.plan.version"]
        Version._check_approver()
        for override in self.filtered(lambda override: override.state == "draft"):
            override._check_ready()
            override.write(
                {
                    "state": "approved",
                    "approved_by_id": self.env.user.id,
                    "approved_at": fields.Datetime.now(),
                }
            )
            override._log("override")
        return True

    def action_end(self):
        """The exception ends today; periods that began before keep it."""
        self.env["usage.plan.version"]._check_approver()
        today = fields.Date.context_today(self)
        for override in self.filtered(lambda override: override.state == "approved"):
            override.with_context(usage_ending=True).write(
                {"state": "ended", "date_to": max(today, override.date_from)}
            )
            override._log("override_end")
        return True

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _check_ready(self):
        """Refuse an exception without reason or terms, or that cannot be rated."""
        self.ensure_one()
        if not (self.note or "").strip():
            raise UserError(
                self.env._(
                    "Say why %(override)s exists: fill in its reason.",
                    override=self.name,
                )
            )
        terms = self._get_terms()
        if not terms:
            raise UserError(
                self.env._(
                    "%(override)s changes nothing: give it a price, a discount or "
                    "another term.",
                    override=self.name,
                )
            )
        if self.company_id.usage_second_person and not self.env.user._is_superuser():
            if self.env.user in self.create_uid | self.write_uid:
                raise UserError(
                    self.env._(
                        "%(override)s was prepared by you. Prices are approved by a "
                        "second person: ask another approver.",
                        override=self.name,
                    )
                )
        for charge in self._get_reached_charges():
            try:
                changed_by(pricebook.charge_of(charge), terms)
            except RatingError as error:
                raise ValidationError(
                    self.env._(
                        "%(override)s does not fit charge %(charge)s: %(reason)s",
                        override=self.name,
                        charge=charge.name,
                        reason=messages.sentence(self.env, error),
                    )
                ) from error

    def _get_reached_charges(self):
        """Charges in force that the exception would change."""
        domain = Domain("company_id", "=", self.company_id.id) & Domain(
            "version_id.state", "in", ("scheduled", "active")
        )
        if self.plan_id:
            domain &= Domain("plan_id", "=", self.plan_id.id)
        if self.charge_key:
            domain &= Domain("key", "=", self.charge_key)
        if self.product_id:
            domain &= Domain("product_id", "=", self.product_id.id)
        return self.env["usage.charge"].search(domain)

    def _get_terms(self):
        """What it changes, as the core wants it.

        :rtype: dict
        """
        self.ensure_one()
        terms = {name: self[name] for name in TERMS if self[name] is not None}
        if self.tier_ids:
            terms["tiers"] = bridge.tiers_of(self.tier_ids)
        if self.replaces_special and terms.keys() & {"price", "tiers"}:
            terms["replaces_special"] = True
        return terms

    def _get_what(self):
        if self.charge_key:
            return "charge"
        if self.product_id:
            return "product"
        return "plan" if self.plan_id else "anything"

    def _to_value(self, version):
        """The exception as the core knows it, for the charges of one version.

        :rtype: rating.overrides.Override | None
        """
        self.ensure_one()
        if self.plan_id and self.plan_id != version.plan_id:
            return None
        keys = None
        if self.charge_key:
            keys = {self.charge_key}
        if self.product_id:
            own = {
                charge.key
                for charge in version.charge_ids
                if charge.product_id == self.product_id
            }
            keys = own if keys is None else own & keys
        if keys is not None and not keys:
            return None
        who = "customer" if self.partner_id else "group"
        return Override(
            id=self.id,
            who=who if self.partner_id or self.category_id else "everybody",
            what=self._get_what(),
            since=self.date_from,
            terms=self._get_terms(),
            keys=None if keys is None else frozenset(keys),
        )

    @api.model
    def _for_periods(self, pairs, billed_ids=()):
        """Exceptions in force for many periods, in two queries.

        Who is in a group is not dated. So a period that was billed keeps the groups'
        exceptions it was billed with: a tag given or taken later changes no past
        amount.

        :param pairs: [(``usage.period``, its ``usage.plan.version``)]
        :param billed_ids: ids of those periods that were billed already
        :return: {period id: tuple of core values}, periods without any left out
        :rtype: dict[int, tuple[rating.overrides.Override, ...]]
        """
        if not pairs:
            return {}
        first = min(period.local_start for period, _version in pairs)
        last = max(period.local_start for period, _version in pairs)
        companies = {period.company_id.id for period, _version in pairs}
        records = self.sudo().search(  # whoever may see a price may see why
            Domain("company_id", "in", list(companies))
            & Domain("state", "!=", "draft")
            & Domain("date_from", "<=", last)
            & (Domain("date_to", "=", False) | Domain("date_to", ">", first))
        )
        if not records:
            return {}
        found = {}
        counted = self._counted_in(billed_ids) if records.category_id else {}
        for period, version in pairs:
            values = [
                record._to_value(version)
                for record in records
                if record._reaches(
                    period.subscription_id, period.local_start, counted.get(period.id)
                )
            ]
            values = tuple(value for value in values if value is not None)
            if values:
                found[period.id] = values
        return found

    @api.model
    def _counted_in(self, period_ids):
        """The exceptions that gave prices to what was billed of these periods.

        :rtype: dict[int, set[int]]
        """
        if not period_ids:
            return {}
        groups = self.env["usage.rated.line"]._read_group(
            [("period_id", "in", list(period_ids)), ("state", "in", LIVE_STATES)],
            ["period_id"],
            ["override_id:array_agg"],
        )
        return {period.id: set(found) - {None} for period, found in groups}

    def _reaches(self, subscription, day, counted=None):
        """Whether the exception is in force for this subscription on this day.

        :param set counted: ids that count for a period that was billed, None otherwise
        """
        return self._reaches_partner(
            subscription.partner_id, subscription.company_id, day, counted
        )

    def _reaches_partner(self, partner, company, day, counted=None):
        """Whether the exception is in force for this customer on this day."""
        self.ensure_one()
        if self.company_id != company:
            return False
        if self.date_from > day or (self.date_to and self.date_to <= day):
            return False
        partner = partner.sudo()  # tags and parent decide, whoever asks
        if self.partner_id:
            return self.partner_id in partner | partner.commercial_partner_id
        if self.category_id and counted is not None:
            return self.id in counted
        if self.category_id:
            return self.category_id in (
                partner.category_id | partner.commercial_partner_id.category_id
            )
        return True

    def _log(self, kind):
        """Write the change log: one row for each term of the exception."""
        who = self.partner_id.display_name or self.category_id.display_name or ""
        base = {
            "date": fields.Datetime.now(),
            "user_id": self.env.user.id,
            "kind": kind,
        }
        vals_list = []
        for override in self:
            vals_list.append(
                base
                | {
                    "company_id": override.company_id.id,
                    "author_id": override.create_uid.id,
                    "reason": override.note,
                    "plan_id": override.plan_id.id,
                    "effective_date": override.date_from
                    if kind == "override"
                    else override.date_to,
                    "charge_key": override.charge_key,
                    "charge_name": override.charge_id.name or override.name,
                    "product_id": override.product_id.id,
                    "term": "override",
                    "override_id": override.id,
                    "term_name": f"{override.name} ({who})" if who else override.name,
                    "old_value": "–" if kind == "override" else override.terms_text,
                    "new_value": override.terms_text if kind == "override" else "–",
                }
            )
        # sudo: the log is written by approvals, nobody has the right to
        self.env["usage.price.change"].sudo().create(vals_list)


class UsageOverrideTier(models.Model):
    """One tier of an exception, as on a charge."""

    _name = "usage.override.tier"
    _description = "Usage Price Exception Tier"
    _order = "sequence, id"

    override_id = fields.Many2one(
        "usage.override", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="override_id.company_id", store=True, index=True
    )
    sequence = fields.Integer(default=10)
    up_to = Exact(help="Last unit of the tier, included. Empty for the last tier.")
    unit_price = Exact(help="Price of each unit inside the tier.")
    flat_fee = Exact(help="Due once when the tier is entered.")
    tier_cap = Exact(help="The amount of this tier never passes this figure.")

    @api.model_create_multi
    def create(self, vals_list):
        tiers = super().create(vals_list)
        tiers.override_id._check_editable()
        return tiers

    def write(self, vals):
        self.override_id._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self.override_id._check_editable()
