from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import messages, recounting
from ..fields_exact import Exact
from ..metering.meters import MeterSpec
from .usage_meter_filter import BY_METER

#: What decides a quantity: a change makes the rollups anew.
DEFINITION = {
    "company_id",
    "event_type",
    "aggregation",
    "value_source",
    "value_property",
    "filter_ids",
    "dimension_keys",
    "percentile",
    "unique_property",
    "unique_within",
    "carries_over",
    "weighting",
    "level_base",
    "unit_divisor",
    "rounding_mode",
    "rounding_decimals",
}
#: Of these, what changes the rollups; the rest is applied when they are read.
COUNTED = DEFINITION - {
    "percentile",
    "carries_over",
    "weighting",
    "level_base",
    "unit_divisor",
    "rounding_mode",
    "rounding_decimals",
}


class UsageMeter(models.Model):
    """How events become a quantity.

    A meter selects events by their type and its filters and adds them up. A new meter
    counts what is stored already: its rollups are made from the events.
    """

    _name = "usage.meter"
    _description = "Usage Meter"
    _inherit = ["mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True, tracking=True)
    code = fields.Char(
        required=True, copy=False, tracking=True, help="Unique in the company."
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    active = fields.Boolean(default=True, tracking=True)

    # which events
    event_type = fields.Char(
        required=True,
        index=True,
        tracking=True,
        help="Events of exactly this type are counted.",
    )
    filter_ids = fields.One2many("usage.meter.filter", "meter_id", copy=True)

    # how they add up
    aggregation = fields.Selection(
        [
            ("sum", "Sum"),
            ("count", "Number of events"),
            ("max", "Highest value"),
            ("min", "Lowest value"),
            ("average", "Average value"),
            ("latest", "Latest value"),
            ("unique_count", "Number of different items"),
            ("weighted_sum", "Average level over time"),
            ("percentile", "Percentile"),
        ],
        required=True,
        default="sum",
        tracking=True,
        help="Average level over time: each event adds to a level, or takes from it, "
        "and the level counts for as long as it lasts (seats, stored gigabytes). "
        "Percentile: the value that so many percent of the samples do not exceed (95 "
        "for bandwidth).",
    )
    percentile = Exact(
        default="95",
        tracking=True,
        help="Percent of the samples, above 0 and at most 100. With 20 samples and 95, "
        "the highest is left out (nearest rank).",
    )
    unique_property = fields.Char(
        string="Item",
        tracking=True,
        help="Property or dimension that names the item: user, machine, project.",
    )
    unique_within = fields.Char(
        string="Within",
        tracking=True,
        help="Properties or dimensions, separated by commas: the same item in two "
        "groups counts twice. The quantity is not kept apart by them.",
    )
    carries_over = fields.Boolean(
        string="Level Goes On",
        default=True,
        tracking=True,
        help="What was reached at the end of a period is there at the start of the "
        "next. Otherwise each period begins at zero.",
    )
    weighting = fields.Selection(
        [("time", "By the second"), ("day", "By the day")],
        default="time",
        required=True,
        tracking=True,
        help="By the day: a unit counts from the local day it is added, included; a "
        "unit removed does not count on that day.",
    )
    level_base = fields.Selection(
        [("whole", "The whole period"), ("part", "The part itself")],
        string="A Cut Period Is Measured Against",
        default="whole",
        required=True,
        tracking=True,
        help="For a subscription that begins or ends within a period. Ten seats for "
        "half a month are five against the whole month, ten against the part.",
    )
    value_source = fields.Selection(
        [
            ("value", "Value of the event"),
            ("amount", "Amount of the event"),
            ("property", "A property"),
        ],
        required=True,
        default="value",
        tracking=True,
        help="Amount of the event: what the supplier charged for it, for charges that "
        "are passed through.",
    )
    value_property = fields.Char(
        string="Property", tracking=True, help="Name of the property with the number."
    )
    dimension_keys = fields.Char(
        string="Kept Apart by",
        tracking=True,
        help="Dimensions, separated by commas, whose values are counted apart and can "
        "be priced and shown apart. All others are added up.",
    )
    customer_keys = fields.Char(
        string="Details for Customers",
        tracking=True,
        help="Properties and dimensions of the events, separated by commas, that "
        "customers may read in the portal besides those kept apart. Anything else, "
        "such as what a supplier charges, stays with you.",
    )
    rounding_mode = fields.Selection(
        [("half_up", "To the nearest"), ("up", "Up"), ("down", "Down")],
        string="Round the Quantity",
        tracking=True,
    )
    rounding_decimals = fields.Integer(
        string="Decimals",
        tracking=True,
        help="Digits kept after the decimal point; -2 rounds to hundreds.",
    )

    # unit
    unit_label = fields.Char(
        string="Unit",
        translate=True,
        help="Shown beside quantities: GB, call, hour. In the singular: words get the "
        "plural of the reader's language by themselves.",
    )
    uom_id = fields.Many2one("uom.uom", string="Unit of Measure", ondelete="restrict")
    unit_divisor = Exact(
        string="Divide by",
        tracking=True,
        help="How many units of the source make one unit here: 1073741824 for bytes "
        "that are billed as gibibytes. Empty for the same unit. Applied to the total, "
        "before it is rounded.",
    )
    unit_code = fields.Char(
        required=True,
        default="C62",
        help="Code of UN/ECE Recommendation 20 for electronic invoices; C62 is “one”.",
    )

    description_text = fields.Char(
        string="In Words", compute="_compute_description_text"
    )

    _code_unique = models.Constraint(
        "UNIQUE(company_id, code)",
        "Another meter of this company already has this code.",
    )
    _rounding_decimals_range = models.Constraint(
        "CHECK(rounding_decimals BETWEEN -12 AND 12)",
        "Round to between -12 and 12 decimals.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends(
        "event_type",
        "aggregation",
        "value_source",
        "value_property",
        "dimension_keys",
        "filter_ids.key",
        "filter_ids.value",
        "rounding_mode",
        "rounding_decimals",
        "percentile",
        "unique_property",
        "unique_within",
        "carries_over",
        "weighting",
        "level_base",
        "unit_divisor",
        "unit_label",
    )
    @api.depends_context("lang")
    def _compute_description_text(self):
        for meter in self:
            meter.description_text = " ".join(meter._get_sentences())

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("value_source", "value_property")
    def _check_value_property(self):
        for meter in self:
            if meter.value_source == "property" and not meter.value_property:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s reads a property: name it.", meter=meter.name
                    )
                )

    @api.constrains("aggregation", "percentile", "unique_property", "unit_divisor")
    def _check_parameters(self):
        for meter in self:
            if meter.aggregation == "percentile" and not (
                meter.percentile and 0 < meter.percentile <= 100
            ):
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s takes a percentile: give a number above 0 and "
                        "at most 100.",
                        meter=meter.name,
                    )
                )
            if meter.aggregation == "unique_count" and not meter.unique_property:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s counts different items: name the property "
                        "that tells them apart.",
                        meter=meter.name,
                    )
                )
            if meter.unit_divisor is not None and meter.unit_divisor <= 0:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s divides by %(divisor)s: give a number above "
                        "zero, or leave it empty.",
                        meter=meter.name,
                        divisor=messages.number(self.env, meter.unit_divisor),
                    )
                )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        meters = super(UsageMeter, self._with_filters()).create(vals_list)
        meters = meters.with_env(self.env)
        meters.flush_recordset()
        for new in meters.grouped("company_id").values():
            recounting.count_new(new)
        return meters

    def write(self, vals):
        """Refuse to redefine a meter that invoices rest on, else count again.

        Nothing is counted for an archived meter, so one that comes back is counted
        again, and one that prices rest on stays.
        """
        self.filtered(
            lambda meter: meter._is_redefined_by(vals, DEFINITION)
        )._check_not_billed()
        if not vals.get("active", True):
            self.filtered("active")._check_not_priced()
        recounted = self.filtered(
            lambda meter: (
                meter._is_redefined_by(vals, COUNTED)
                or (vals.get("active") and not meter.active)
            )
        )
        result = super(UsageMeter, self._with_filters()).write(vals)
        recounted._rebuild_rollups()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for meter in self:
            if self.env["usage.event"].search_count(
                [
                    ("company_id", "=", meter.company_id.id),
                    ("type", "=", meter.event_type),
                ],
                limit=1,
            ):
                raise UserError(
                    self.env._(
                        "Meter %(meter)s has counted events and cannot be deleted. "
                        "Archive it instead.",
                        meter=meter.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_events(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Events of %(meter)s", meter=self.name),
            "res_model": "usage.event",
            "view_mode": "list,pivot,form",
            "domain": [
                ("company_id", "=", self.company_id.id),
                ("type", "=", self.event_type),
            ],
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_dimension_keys(self):
        """Dimensions kept apart, as a tuple of names."""
        self.ensure_one()
        return _names(self.dimension_keys)

    def _get_spec(self):
        """The meter as the event store knows it.

        :rtype: metering.meters.MeterSpec
        """
        self.ensure_one()
        return MeterSpec(
            id=self.id,
            event_type=self.event_type,
            aggregation=self.aggregation,
            value_source=self.value_source,
            value_property=self.value_property or "",
            filters=tuple(
                (line.key, line.value) for line in self.filter_ids if line.key
            ),
            dimension_keys=self._get_dimension_keys(),
            rounding=self.rounding_mode or None,
            decimals=self.rounding_decimals,
            divide_by=self.unit_divisor,
            **self._get_parameters(),
        )

    def _get_parameters(self):
        """Parameters of the aggregation, of MeterSpec; others keep their defaults."""
        if self.aggregation == "percentile":
            return {"percentile": self.percentile}
        if self.aggregation == "unique_count":
            return {
                "unique_property": self.unique_property,
                "group_by": _names(self.unique_within),
            }
        if self.aggregation == "weighted_sum":
            return {
                "carries_over": self.carries_over,
                "weighting": self.weighting,
                "of_whole": self.level_base == "whole",
            }
        return {}

    def _is_redefined_by(self, vals, names):
        """Whether these values change one of the named fields."""
        self.ensure_one()
        return any(
            name == "filter_ids"
            or self._to_compare(name, self[name]) != self._to_compare(name, vals[name])
            for name in names & vals.keys()
        )

    def _to_compare(self, name, value):
        return self._fields[name].convert_to_cache(value, self, validate=False) or None

    def _check_not_billed(self):
        billed = (
            self.env["usage.rated.line"]
            .sudo()
            ._read_group(
                [("meter_id", "in", self.ids), ("state", "in", ("approved", "posted"))],
                ["meter_id"],
            )
        )
        for [meter] in billed:
            raise UserError(
                self.env._(
                    "Invoices rest on meter %(meter)s: what it counts cannot change. "
                    "Make a new meter and a new version of the plan.",
                    meter=meter.name,
                )
            )

    def _check_not_priced(self):
        """Refuse to archive meters that a plan bills: nothing would be counted."""
        charges = self.env["usage.charge"].sudo()  # of all plans, seen or not
        for name in ("meter_id", "tier_meter_id", "tier_ids.limit_ids.meter_id"):
            found = charges.search(
                [
                    (name, "in", self.ids),
                    ("version_id.state", "in", ("approved", "scheduled", "active")),
                ]
            )
            for charge in found:
                plan = charge.version_id.plan_id
                if not plan.active and not plan.subscription_ids.filtered_domain(
                    [("state", "=", "active")]
                ):
                    continue
                raise UserError(
                    self.env._(
                        "%(version)s bills by meter %(meter)s: archived, it would "
                        "count nothing. Put a version without this meter in force, or "
                        "archive the plan, first.",
                        version=charge.version_id.display_name,
                        meter=(charge.mapped(name) & self)[:1].name,
                    )
                )

    def _with_filters(self):
        """The same records, telling their filters that they count by themselves."""
        return self.with_context(usage_meter_counts=BY_METER)

    def _rebuild_rollups(self):
        """Count the stored events anew, those of billed periods too."""
        if not self:
            return
        self.flush_recordset()
        for company, meters in self.grouped("company_id").items():
            store = self.env["usage.batch"].with_company(company)._store()
            with recounting.again_after_commit(meters):
                store.rebuild_meters(meters)


def _names(text):
    """Names of a text with commas, each once, in order."""
    return tuple(sorted({name.strip() for name in (text or "").split(",")} - {""}))
