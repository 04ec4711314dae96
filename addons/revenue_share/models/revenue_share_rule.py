from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.usage_billing.fields_exact import Exact, to_text

from ..const import RULE_KINDS


class RevenueShareRule(models.Model):
    """What one partner gets, in one step of an agreement version.

    Rules of the same priority form one step; steps run in rising priority. The
    clauses mean what ``splitting`` computes; the form shows them in words.
    """

    _name = "revenue.share.rule"
    _description = "Revenue Share Rule"
    _order = "version_id, priority, sequence, id"
    _rec_name = "description"
    _check_company_auto = True

    version_id = fields.Many2one(
        "revenue.share.agreement.version",
        required=True,
        ondelete="cascade",
        index=True,
        check_company=True,
    )
    agreement_id = fields.Many2one(
        related="version_id.agreement_id", store=True, index=True, readonly=True
    )
    company_id = fields.Many2one(
        related="version_id.company_id", store=True, index=True, readonly=True
    )
    currency_id = fields.Many2one(related="agreement_id.currency_id")
    sequence = fields.Integer(
        default=10,
        help="Order inside a step. On equal remainders the earlier rule gets the cent.",
    )
    priority = fields.Integer(
        string="Step",
        default=10,
        required=True,
        help="Rules with the same step number are computed together; a higher number "
        "comes later.",
    )
    partner_id = fields.Many2one(
        "res.partner", required=True, ondelete="restrict", index=True
    )
    description = fields.Char(compute="_compute_description")

    # amount
    kind = fields.Selection(RULE_KINDS, string="Type", required=True, default="percent")
    value = Exact(
        help="Percentage, weight, or amount in the currency of the agreement, as the "
        "type says.",
    )
    prorate = fields.Boolean(
        string="Prorate by days",
        default=True,
        help="A fixed amount of a version that is not in force for the whole period "
        "counts for its calendar days only.",
    )
    tier_ids = fields.One2many("revenue.share.tier", "rule_id", string="Tiers")
    tier_mode = fields.Selection(
        [
            ("graduated", "Each slice at its own rate"),
            ("volume", "The whole at the rate reached"),
        ],
        default="graduated",
        required=True,
    )
    tier_basis = fields.Selection(
        [("amount", "Shared amount"), ("quantity", "Quantity")],
        string="Tiers by",
        default="amount",
        required=True,
    )
    tier_bound = fields.Selection(
        [
            ("upper_inclusive", "Limit belongs to the tier"),
            ("upper_exclusive", "Limit belongs to the next tier"),
        ],
        string="On the limit",
        default="upper_inclusive",
        required=True,
    )
    tier_reset = fields.Selection(
        [("period", "Each period"), ("year", "Each year")],
        string="Tiers start again",
        default="period",
        required=True,
    )

    # what it is taken on
    on = fields.Selection(
        [
            ("base", "The shared base"),
            ("remaining", "What earlier steps left"),
            ("share", "The share of another partner"),
        ],
        string="Taken on",
        default="base",
        required=True,
    )
    on_partner_id = fields.Many2one(
        "res.partner", string="Share of", ondelete="restrict"
    )
    deduct = fields.Boolean(
        string="Carved out",
        help="The other partner pays for it and keeps the rest of the share. Without "
        "this it comes on top, at our expense.",
    )
    product_ids = fields.Many2many(
        "product.product", string="Products", check_company=True
    )
    categ_ids = fields.Many2many(
        "product.category",
        string="Product categories",
        help="Lines of these categories and of those below them.",
    )

    # limits
    limited_to_available = fields.Boolean(
        string="At most what is left",
        help="Takes at most what earlier rules left; the missing part is reported.",
    )
    cap_amount = Exact(
        string="Cap", help="The most this rule gives; the excess stays with us."
    )
    cap_per = fields.Selection(
        [("period", "Per period"), ("lifetime", "For the life of the version")],
        string="Cap holds",
        default="period",
        required=True,
    )

    @api.depends("kind", "value", "partner_id", "on", "on_partner_id", "product_ids")
    @api.depends_context("lang")
    def _compute_description(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for rule in self:
            rule.description = rule._get_words(labels)

    @api.constrains("on", "on_partner_id", "partner_id")
    def _check_on_partner(self):
        for rule in self.filtered(lambda rule: rule.on == "share"):
            if not rule.on_partner_id or rule.on_partner_id == rule.partner_id:
                raise ValidationError(
                    self.env._(
                        "A rule of %(partner)s is taken on a share but does not name "
                        "another partner: choose whose share it is.",
                        partner=rule.partner_id.display_name,
                    )
                )

    @api.constrains("kind", "tier_reset", "on")
    def _check_yearly_tiers(self):
        for rule in self:
            if (
                rule.kind in ("tiered_percent", "tiered_unit")
                and rule.tier_reset == "year"
                and rule.on != "base"
            ):
                raise ValidationError(
                    self.env._(
                        "Tiers that run over the year count the shared base: the rule "
                        "of %(partner)s cannot take them on the rest or on a share.",
                        partner=rule.partner_id.display_name,
                    )
                )

    @api.constrains("partner_id")
    def _check_partner(self):
        for rule in self:
            if rule.partner_id != rule.partner_id.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "%(partner)s is a contact of %(company)s: a share goes to the "
                        "company itself.",
                        partner=rule.partner_id.display_name,
                        company=rule.partner_id.commercial_partner_id.display_name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.version_id._check_editable()
        return rules

    def write(self, vals):
        self.version_id._check_editable()
        return super().write(vals)

    def unlink(self):
        self.version_id._check_editable()
        return super().unlink()

    def _get_words(self, labels=None):
        """Return the rule in a few words, for lists and for the partner.

        :param dict labels: translated kinds, to read them once for many rules
        """
        self.ensure_one()
        labels = labels or dict(self._fields["kind"]._description_selection(self.env))
        value = to_text(self.value) if self.value is not None else ""
        if self.kind == "percent":
            words = self.env._("%(percent)s %%", percent=value)
        elif self.kind in ("fixed", "per_unit"):
            words = (
                f"{labels[self.kind]}: {value} {self.currency_id.name or ''}".strip()
            )
        elif self.kind == "weight":
            words = f"{labels[self.kind]}: {value}"
        else:
            words = labels[self.kind]
        if self.on == "remaining":
            words = self.env._("%(rule)s of the rest", rule=words)
        elif self.on == "share":
            words = self.env._("%(rule)s of a share", rule=words)
        return words
