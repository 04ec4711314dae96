from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..fields_exact import Exact


class UsageChargeTier(models.Model):
    """One tier of a charge, or of one of its special prices.

    Its upper bound belongs to it, empty means no bound. Which columns count depends on
    the price model (``usage_price_mixin.TIER_COLUMNS``).
    """

    _name = "usage.charge.tier"
    _description = "Usage Charge Tier"
    _order = "sequence, id"

    charge_id = fields.Many2one(
        "usage.charge", index="btree_not_null", ondelete="cascade"
    )
    price_id = fields.Many2one(
        "usage.charge.price",
        string="Special Price",
        index="btree_not_null",
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        precompute=True,
        index=True,
    )
    model = fields.Char(compute="_compute_model")
    sequence = fields.Integer(default=10)
    up_to = Exact(help="Last unit of the tier, included. Empty for the last tier.")
    unit_price = Exact(help="Price of each unit inside the tier.")
    flat_fee = Exact(help="Due once when the tier is entered.")
    tier_cap = Exact(help="The amount of this tier never passes this figure.")
    rate_percent = Exact(
        string="Percentage", help="Of the amount that falls into the tier."
    )
    block_size = Exact(help="Units in one block; a started block counts whole.")
    max_blocks = Exact(help="Blocks the tier holds. Empty: no limit.")
    block_price = Exact(help="Price of one block.")
    limit_ids = fields.One2many(
        "usage.charge.tier.limit",
        "tier_id",
        copy=True,
        string="Limits of Other Meters",
        help="The step is left as soon as one of these meters passes its limit.",
    )

    _one_owner = models.Constraint(
        "CHECK((charge_id IS NULL) != (price_id IS NULL))",
        "A tier belongs to one charge or to one special price.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("charge_id.company_id", "price_id.company_id")
    def _compute_company_id(self):
        for tier in self:
            tier.company_id = (tier.charge_id or tier.price_id).company_id

    @api.depends("charge_id.model", "price_id.charge_id.model")
    def _compute_model(self):
        for tier in self:
            tier.model = (tier.charge_id or tier.price_id.charge_id).model

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        tiers = super().create(vals_list)
        tiers._get_versions()._check_editable()
        return tiers

    def write(self, vals):
        self._get_versions()._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self._get_versions()._check_editable()

    def _get_versions(self):
        """Versions whose prices these tiers are."""
        return self.charge_id.version_id | self.price_id.charge_id.version_id


class UsageChargeTierLimit(models.Model):
    """How much of another meter a step of a stairstep price holds."""

    _name = "usage.charge.tier.limit"
    _description = "Usage Charge Tier Limit"
    _order = "meter_id, id"

    tier_id = fields.Many2one(
        "usage.charge.tier", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="tier_id.company_id", store=True, precompute=True, index=True
    )
    meter_id = fields.Many2one(
        "usage.meter", required=True, index=True, ondelete="restrict"
    )
    up_to = Exact(string="Up to (included)", help="Highest quantity. Empty: no limit.")

    _meter_unique = models.Constraint(
        "UNIQUE(tier_id, meter_id)", "A step has one limit for each meter."
    )

    @api.constrains("meter_id")
    def _check_limit_companies(self):
        for limit in self:
            if limit.meter_id.company_id != limit.company_id:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s belongs to another company.",
                        meter=limit.meter_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        limits = super().create(vals_list)
        limits.tier_id._get_versions()._check_editable()
        return limits

    def write(self, vals):
        self.tier_id._get_versions()._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self.tier_id._get_versions()._check_editable()
