from odoo import api, fields, models
from odoo.exceptions import ValidationError

#: between values of one dimension, and between dimensions, as people write them
VALUES, KEYS = "|", ";"


class UsageChargePrice(models.Model):
    """A special price of a charge: for values of the dimensions, or for hours.

    The first one that fits an event's dimensions (in the order of the list) prices
    it; what fits none of them takes the price of the charge itself.
    """

    _name = "usage.charge.price"
    _description = "Usage Special Price"
    _inherit = ["usage.price.mixin"]
    _order = "sequence, id"

    charge_id = fields.Many2one(
        "usage.charge", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="charge_id.company_id", store=True, precompute=True, index=True
    )
    model = fields.Selection(related="charge_id.model")
    sequence = fields.Integer(default=10)
    key = fields.Char(
        required=True,
        compute="_compute_key",
        store=True,
        readonly=False,
        precompute=True,
        help="Stable short name, unique in the charge.",
    )
    name = fields.Char(
        required=True,
        translate=True,
        help="What the customer reads beside the charge, for example Europe.",
    )

    # when it applies
    match = fields.Json(
        help="Values by dimension: all dimensions must fit, one value of each."
    )
    match_text = fields.Char(
        string="For",
        compute="_compute_match_text",
        inverse="_inverse_match_text",
        help="Dimensions and their values, such as: region = eu-1 | eu-2 ; size = "
        "large. Empty: everything the prices above left.",
    )
    group_keys = fields.Char(
        string="One Line per",
        help="Dimensions, separated by commas: each of their values is priced alone.",
    )
    day_type = fields.Selection(
        [
            ("all", "Every day"),
            ("workday", "Monday to Friday"),
            ("weekend", "Saturday and Sunday"),
            ("openday", "Monday to Friday, no public holidays"),
            ("offday", "Weekends and public holidays"),
            ("holiday", "Public holidays"),
        ],
        string="Days",
        default="all",
        required=True,
    )
    holiday_country_id = fields.Many2one(
        "res.country",
        string="Holidays of",
        help="Country whose public holidays count. Empty: that of the company.",
    )
    hour_from = fields.Integer(
        string="From Hour", help="Hour of the day in the customer's zone, 0 to 23."
    )
    hour_to = fields.Integer(
        string="To Hour", help="Excluded. 22 to 6 runs over midnight."
    )
    tier_ids = fields.One2many("usage.charge.tier", "price_id", copy=True)

    _key_unique = models.Constraint(
        "UNIQUE(charge_id, key)",
        "Two special prices of a charge cannot have the same key.",
    )
    _hours_range = models.Constraint(
        "CHECK(COALESCE(hour_from, 0) BETWEEN 0 AND 24"
        " AND COALESCE(hour_to, 0) BETWEEN 0 AND 24)",
        "Hours of the day are between 0 and 24.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("name")
    def _compute_key(self):
        for price in self:
            if not price.key:
                price.key = self.env["usage.charge"]._slug(price.name) or False

    @api.depends("match")
    def _compute_match_text(self):
        for price in self:
            price.match_text = f" {KEYS} ".join(
                f"{key} = " + f" {VALUES} ".join(_listed(values))
                for key, values in (price.match or {}).items()
            )

    def _inverse_match_text(self):
        for price in self:
            price.match = price._parse_match(price.match_text or "")

    def _parse_match(self, text):
        """Values by dimension of what a person wrote.

        :raise ValidationError: a part is not "dimension = value"
        """
        found = {}
        for part in filter(None, (part.strip() for part in text.split(KEYS))):
            key, equals, values = part.partition("=")
            listed = [value.strip() for value in values.split(VALUES) if value.strip()]
            if not equals or not key.strip() or not listed:
                raise ValidationError(
                    self.env._(
                        "“%(part)s” does not say which dimension has which value. "
                        "Write it as region = eu-1.",
                        part=part,
                    )
                )
            found[key.strip()] = listed
        return found or False

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        prices = super().create(vals_list)
        prices.charge_id.version_id._check_editable()
        return prices

    def write(self, vals):
        self.charge_id.version_id._check_editable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_approved(self):
        self.charge_id.version_id._check_editable()

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_match(self):
        """Values by dimension, as pairs of a name and a tuple.

        :rtype: tuple[tuple[str, tuple[str, ...]], ...]
        """
        self.ensure_one()
        return tuple(
            (key, tuple(_listed(values))) for key, values in (self.match or {}).items()
        )


def _listed(values):
    return [str(v) for v in values] if isinstance(values, list) else [str(values)]
