from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..metering.routing import MeterSpec

#: What decides a quantity: a change makes the rollups anew.
DEFINITION = {
    "company_id",
    "event_type",
    "aggregation",
    "value_source",
    "value_property",
    "filter_ids",
    "dimension_keys",
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
        ],
        required=True,
        default="sum",
        tracking=True,
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
        string="Unit", translate=True, help="Shown beside quantities: GB, call, hour."
    )
    uom_id = fields.Many2one("uom.uom", string="Unit of Measure", ondelete="restrict")
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
    )
    @api.depends_context("lang")
    def _compute_description_text(self):
        for meter in self:
            meter.description_text = " ".join(meter._get_sentences())

    def _get_sentences(self):
        """Say in words what the meter does, one sentence a part."""
        self.ensure_one()
        facts = {"type": self.event_type or "…", "property": self.value_property or "…"}
        sentences = [self._get_first_sentence(facts)]
        if self.filter_ids:
            sentences.append(
                self.env._(
                    "Only those with %(conditions)s.",
                    conditions=", ".join(
                        f"{line.key or '…'} = {line.value or '…'}"
                        for line in self.filter_ids
                    ),
                )
            )
        if self.dimension_keys:
            sentences.append(
                self.env._("Counted apart by %(keys)s.", keys=self.dimension_keys)
            )
        if self.rounding_mode:
            modes = {
                "half_up": self.env._(
                    "The quantity is rounded to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
                "up": self.env._(
                    "The quantity is rounded up to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
                "down": self.env._(
                    "The quantity is rounded down to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
            }
            sentences.append(modes[self.rounding_mode])
        return sentences

    def _get_first_sentence(self, facts):
        sentences = {
            "count": self.env._("Counts the events of type “%(type)s”.", **facts),
            ("sum", "value"): self.env._(
                "Adds up the values of the events of type “%(type)s”.", **facts
            ),
            ("sum", "amount"): self.env._(
                "Adds up the amounts of the events of type “%(type)s”.", **facts
            ),
            ("sum", "property"): self.env._(
                "Adds up “%(property)s” of the events of type “%(type)s”.", **facts
            ),
            ("max", "value"): self.env._(
                "Takes the highest value of the events of type “%(type)s”.", **facts
            ),
            ("max", "amount"): self.env._(
                "Takes the highest amount of the events of type “%(type)s”.", **facts
            ),
            ("max", "property"): self.env._(
                "Takes the highest “%(property)s” of the events of type “%(type)s”.",
                **facts,
            ),
            ("min", "value"): self.env._(
                "Takes the lowest value of the events of type “%(type)s”.", **facts
            ),
            ("min", "amount"): self.env._(
                "Takes the lowest amount of the events of type “%(type)s”.", **facts
            ),
            ("min", "property"): self.env._(
                "Takes the lowest “%(property)s” of the events of type “%(type)s”.",
                **facts,
            ),
        }
        if self.aggregation == "count":
            return sentences["count"]
        return sentences.get((self.aggregation, self.value_source), "")

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

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        meters = super().create(vals_list)
        meters._rebuild_rollups()
        return meters

    def write(self, vals):
        """Refuse to redefine a meter that invoices rest on, else count again."""
        changed = self.filtered(lambda meter: meter._is_redefined_by(vals))
        changed._check_not_billed()
        result = super().write(vals)
        changed._rebuild_rollups()
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
        return tuple(
            sorted(
                {key.strip() for key in (self.dimension_keys or "").split(",")} - {""}
            )
        )

    def _get_spec(self):
        """The meter as the event store knows it.

        :rtype: metering.routing.MeterSpec
        """
        self.ensure_one()
        return MeterSpec(
            id=self.id,
            event_type=self.event_type,
            aggregation=self.aggregation,
            value_source=self.value_source,
            value_property=self.value_property or "",
            filters=tuple((line.key, line.value) for line in self.filter_ids),
            dimension_keys=self._get_dimension_keys(),
            rounding=self.rounding_mode or None,
            decimals=self.rounding_decimals,
        )

    def _is_redefined_by(self, vals):
        """Whether these values change what the meter counts."""
        self.ensure_one()
        return any(
            name == "filter_ids"
            or self._fields[name].convert_to_write(self[name], self) != vals[name]
            for name in DEFINITION & vals.keys()
        )

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

    def _rebuild_rollups(self):
        """Count the stored events anew, for periods that are not billed."""
        if not self:
            return
        self.flush_recordset()
        for company, meters in self.grouped("company_id").items():
            store = self.env["usage.batch"].with_company(company)._store()
            store.rebuild_meters(meters)


class UsageMeterFilter(models.Model):
    """One condition of a meter: a dimension, else a property, has this value."""

    _name = "usage.meter.filter"
    _description = "Usage Meter Filter"
    _order = "key, value, id"

    meter_id = fields.Many2one(
        "usage.meter", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="meter_id.company_id",
        store=True,
        precompute=True,
        index=True,
        required=True,
    )
    key = fields.Char(
        string="Dimension or Property", required=True, help="As the source names it."
    )
    value = fields.Char(required=True)

    _key_unique = models.Constraint(
        "UNIQUE(meter_id, key)", "A meter has one condition on each property."
    )
