import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..fields_exact import Exact
from ..pricebook import check_charge

CHARGE_MODELS = [
    ("flat", "Recurring fee"),
    ("one_time", "One-time fee"),
    ("instalments", "Price in instalments"),
    ("per_unit", "Price per unit"),
    ("package", "Price per package"),
    ("graduated", "Tiers, each at its own price"),
    ("volume", "Volume: the tier reached prices everything"),
    ("stairstep", "Steps: one price for the step reached"),
    ("graduated_blocks", "Tiers of blocks, each at its own price"),
    ("volume_blocks", "Blocks: the tier reached prices everything"),
    ("graduated_level", "Seats or storage: tiers of a level that lasts"),
    ("percentage", "Percentage of each event"),
    ("graduated_percentage", "Percentage by tiers of the amount"),
    ("cost_plus", "Cost plus a margin"),
    ("pass_through", "Amount of the events"),
    ("commitment", "Commitment: at least this much is spent"),
]
UNMETERED_MODELS = ("flat", "one_time", "instalments", "commitment")

#: models whose amount may be asked for before the period
ADVANCE_MODELS = ("flat", "one_time", "instalments")


class UsageCharge(models.Model):
    """One priced component of a plan version: a price model and its meter.

    The order of the steps is the core's: unit conversion, included units, price,
    discount, maximum, minimum. What the fields mean for each model is written in
    ``rating``; this record only stores them.
    """

    _name = "usage.charge"
    _description = "Usage Charge"
    _inherit = ["usage.price.mixin"]
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
    tier_ids = fields.One2many("usage.charge.tier", "charge_id", copy=True)
    price_ids = fields.One2many(
        "usage.charge.price", "charge_id", copy=True, string="Special Prices"
    )
    instalment_count = fields.Integer(
        string="Instalments", help="Number of payments, one with each period."
    )
    first_instalment = Exact(
        help="Amount of the first payment. Empty: all payments are equal to the cent."
    )
    pricing_unit = fields.Char(
        string="Prices Are in",
        help="A unit of your own, such as credits or tokens. Empty: prices are in the "
        "currency of the plan.",
    )
    pricing_unit_rate = Exact(
        string="Value of One",
        help="What one of these units is worth in the currency of the plan.",
    )
    tier_meter_id = fields.Many2one(
        "usage.meter",
        string="Tier Chosen by",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="Meter whose quantity chooses the tier, where it is not the quantity that "
        "is priced: for example all seats, while those there for a part are prorated.",
    )
    level_share_property = fields.Char(
        string="Prorated Quantity",
        help="Property of the events that says how much of a change counts in its "
        "period, for sources that prorate themselves. Empty: by days.",
    )
    window = fields.Selection(
        [("hour", "Each hour"), ("day", "Each day"), ("month", "Each calendar month")],
        string="Price Alone",
        help="Each hour, day or month is priced on its own and the amounts are added. "
        "Empty: the period as a whole.",
    )
    window_commitment = Exact(
        string="Commitment of Each",
        help="At least this much is due for each hour, day or month.",
    )
    window_overage_factor = Exact(
        string="Above It, Times",
        help="What is above the commitment costs so many times the price.",
    )
    window_true_up = fields.Boolean(
        string="Due Even When Unused",
        default=True,
        help="An hour, day or month below the commitment owes all of it; otherwise "
        "only what was used.",
    )
    accumulate = fields.Selection(
        [
            ("period", "The billing period"),
            ("year", "The contract year"),
            ("contract", "The whole contract"),
        ],
        string="Tiers Count over",
        required=True,
        default="period",
        help="Quantities that fill the tiers, and the maximum and minimum. Over a year "
        "or the contract, each invoice bills what its period adds.",
    )
    commitment_scope = fields.Char(
        string="Amounts That Count",
        help="Keys of the charges, separated by commas, whose amounts count towards "
        "the commitment. Empty: all of the version.",
    )
    commitment_basis = fields.Selection(
        [("rounded", "As invoiced"), ("exact", "Before rounding")],
        string="Compared with",
        required=True,
        default="rounded",
    )

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
    convert_decimals = fields.Integer(
        string="Decimals", help="Of the rounded quantity."
    )
    included_units = Exact(help="Units free of charge in each period.")
    rollover_limit = Exact(
        string="Unused Units Kept",
        help="Free units that were not used serve the next period, up to this many. "
        "Empty: they are lost.",
    )
    bundle_key = fields.Char(
        string="Shared Allowance",
        help="Charges with the same word share the free units of the first of them.",
    )
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
        help="A fee, and a minimum, count only for the part subscribed of an "
        "incomplete period.",
    )
    prorate_included = fields.Boolean(
        string="Prorate Free Units",
        help="An incomplete period has only its part of the free units.",
    )
    proration_method = fields.Selection(
        [
            ("days", "Days of the period"),
            ("fixed30", "Months of 30 days"),
            ("seconds", "To the second"),
        ],
        string="Parts Are Counted in",
        required=True,
        default="days",
    )
    trial_days = fields.Integer(help="Free days from the start of the subscription.")
    starts_after_months = fields.Integer(
        string="Starts after Months",
        help="Months of the subscription before this charge begins; with charges that "
        "follow one another a price rises or falls in steps.",
    )
    lasts_months = fields.Integer(help="0: to the end of the subscription.")
    date_from = fields.Date(string="Counts from", help="First day. Empty: always.")
    date_to = fields.Date(string="Counts to", help="Last day. Empty: for ever.")
    group_keys = fields.Char(
        string="One Line per",
        help="Dimensions, separated by commas: each of their values is priced alone.",
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
                charge.key = self._slug(charge.name) or False

    @api.model
    def _slug(self, name):
        """A key made of a name: lower case letters, figures and dashes."""
        return re.sub(r"[^a-z0-9]+", "-", (name or "").lower()).strip("-")

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
            if charge.timing == "advance" and charge.model not in ADVANCE_MODELS:
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
