import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..bridge import check_charge
from ..fields_exact import Exact

CHARGE_MODELS = [
    ("flat", "Flat fee"),
    ("per_unit", "Per unit"),
    ("graduated", "Graduated tiers"),
    ("package", "Package"),
    ("pass_through", "Amount of the events"),
]
TIERED_MODELS = ("graduated",)
UNMETERED_MODELS = ("flat",)


class UsageCharge(models.Model):
    """One priced component of a plan version: a price model and its meter.

    The order of the steps is the core's: unit conversion, included units, price,
    discount, maximum, minimum. What the fields mean for each model is written in
    ``rating``; this record only stores them.
    """

    _name = "usage.charge"
    _description = "Usage Charge"
    _order = "sequence, id"
    _check_company_auto = True

    # what
    version_id = fields.Many2one(
        "usage.plan.version",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    version_state = fields.Selection(related="version_id.state")
    plan_id = fields.Many2one(related="version_id.plan_id", store=True, index=True)
    company_id = fields.Many2one(
        related="version_id.company_id", store=True, index=True
    )
    currency_id = fields.Many2one(related="version_id.currency_id", store=True)
    name = fields.Char(
        required=True, translate=True, help="What the customer reads on the invoice."
    )
    key = fields.Char(
        required=True,
        compute="_compute_key",
        store=True,
        readonly=False,
        precompute=True,
        help="Stable short name, unique in the version.",
    )
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one(
        "product.product",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        domain="[('sale_ok', '=', True)]",
        help="Its income account and customer taxes are those of the invoice line.",
    )
    model = fields.Selection(
        CHARGE_MODELS, string="Price Model", required=True, default="per_unit"
    )
    meter_id = fields.Many2one(
        "usage.meter",
        index=True,
        check_company=True,
        ondelete="restrict",
        help="What is counted. Empty for a flat fee.",
    )
    unit_label = fields.Char(
        translate=True,
        compute="_compute_unit_label",
        store=True,
        readonly=False,
        help="Unit the customer reads, for example GB or API call.",
    )

    # price
    unit_price = Exact(
        help="Price of one unit, or the fee itself for a flat fee, with as many "
        "decimals as you need.",
    )
    package_size = Exact(help="Units in one package.")
    package_price = Exact(help="Price of one package.")
    package_rounding = fields.Selection(
        [("up", "Started packages count"), ("down", "Only full packages count")],
        default="up",
    )
    tier_ids = fields.One2many("usage.charge.tier", "charge_id", copy=True)

    # steps around the price
    convert_divisor = Exact(
        help="The metered quantity is divided by this before anything else, for "
        "example 1000 to price thousands."
    )
    convert_rounding = fields.Selection(
        [
            ("none", "Exact"),
            ("up", "Rounded up"),
            ("down", "Rounded down"),
            ("half_up", "To the nearest"),
        ],
        default="none",
    )
    included_units = Exact(help="Units free of charge in each period.")
    discount_percent = Exact(help="Percentage taken off the price.")
    minimum_amount = Exact(help="At least this much is billed for a closed period.")
    maximum_amount = Exact(help="No more than this is billed for a period.")

    # when and how
    timing = fields.Selection(
        [("arrears", "After the period"), ("advance", "Before the period")],
        required=True,
        default="arrears",
        help="A flat fee may be billed when the period begins. Usage is always "
        "billed after it.",
    )
    prorate = fields.Boolean(
        default=True,
        help="A flat fee counts only the days subscribed of an incomplete period.",
    )
    group_by_dimensions = fields.Boolean(
        help="One rated line for each combination of the meter's dimensions, each "
        "priced on its own."
    )
    bill_zero = fields.Boolean(
        default=True,
        help="A flat fee of a tier is due even when nothing was used.",
    )

    _key_unique = models.Constraint(
        "UNIQUE(version_id, key)", "Two charges of a version cannot have the same key."
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("name")
    def _compute_key(self):
        for charge in self:
            if not charge.key:
                slug = re.sub(r"[^a-z0-9]+", "-", (charge.name or "").lower())
                charge.key = slug.strip("-") or False

    @api.depends("meter_id")
    def _compute_unit_label(self):
        for charge in self:
            if not charge.unit_label:
                charge.unit_label = charge.meter_id.unit_label

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("model", "meter_id", "timing")
    def _check_meter(self):
        for charge in self:
            if charge.model in UNMETERED_MODELS and charge.meter_id:
                raise ValidationError(
                    self.env._(
                        "Charge %(charge)s is a flat fee and cannot have a meter. "
                        "Remove the meter or choose another price model.",
                        charge=charge.name,
                    )
                )
            if charge.model not in UNMETERED_MODELS and not charge.meter_id:
                raise ValidationError(
                    self.env._(
                        "Charge %(charge)s needs a meter: its price model counts "
                        "usage. Choose the meter.",
                        charge=charge.name,
                    )
                )
            if (
                charge.model == "pass_through"
                and charge.meter_id.value_source != "amount"
            ):
                raise ValidationError(
                    self.env._(
                        "Charge %(charge)s bills the amounts of the events, but "
                        "meter %(meter)s counts something else. Choose a meter of "
                        "amounts.",
                        charge=charge.name,
                        meter=charge.meter_id.name,
                    )
                )
            if charge.timing == "advance" and charge.model not in UNMETERED_MODELS:
                raise ValidationError(
                    self.env._(
                        "Charge %(charge)s counts usage, which is only known after "
                        "the period: bill it after the period.",
                        charge=charge.name,
                    )
                )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        charges = super().create(vals_list)
        charges.version_id._check_editable()
        return charges

    def write(self, vals):
        if self._touches_price(vals):
            self.version_id._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self.version_id._check_editable()

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_check(self):
        """Say at once whether the core accepts the charge as it is written."""
        for charge in self:
            check_charge(charge)
        return True


class UsageChargeTier(models.Model):
    """One tier of a charge; its upper bound belongs to it, empty means no bound."""

    _name = "usage.charge.tier"
    _description = "Usage Charge Tier"
    _order = "sequence, id"

    charge_id = fields.Many2one(
        "usage.charge", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="charge_id.company_id", store=True, index=True)
    sequence = fields.Integer(default=10)
    up_to = Exact(help="Last unit of the tier, included. Empty for the last tier.")
    unit_price = Exact(help="Price of each unit inside the tier.")
    flat_fee = Exact(help="Due once when the tier is entered.")
    tier_cap = Exact(help="The amount of this tier never passes this figure.")

    @api.model_create_multi
    def create(self, vals_list):
        tiers = super().create(vals_list)
        tiers.charge_id.version_id._check_editable()
        return tiers

    def write(self, vals):
        self.charge_id.version_id._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self.charge_id.version_id._check_editable()
