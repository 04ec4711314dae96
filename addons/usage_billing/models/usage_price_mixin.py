from odoo import fields, models

from ..fields_exact import Exact

#: price models with tiers, and the columns of a tier each of them reads
TIER_COLUMNS = {
    "graduated": ("up_to", "unit_price", "flat_fee", "tier_cap"),
    "volume": ("up_to", "unit_price", "flat_fee", "tier_cap"),
    "graduated_level": ("up_to", "unit_price", "flat_fee"),
    "graduated_percentage": ("up_to", "rate_percent", "flat_fee", "tier_cap"),
    "graduated_blocks": ("block_size", "max_blocks", "block_price"),
    "volume_blocks": ("block_size", "max_blocks", "block_price"),
    "stairstep": ("up_to", "flat_fee"),
}
TIERED_MODELS = tuple(TIER_COLUMNS)


class UsagePriceMixin(models.AbstractModel):
    """Parameters of a price model: those of a charge and of its special prices.

    Which of them a price model reads is decided in ``bridge_prices``; the others are
    not shown and not used.
    """

    _name = "usage.price.mixin"
    _description = "Usage Price"

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
    rate_percent = Exact(
        string="Percentage", help="Of the value of each event, for example 1.5."
    )
    fixed_fee_per_event = Exact(
        string="Fee per Event", help="Added for each event that is not free."
    )
    min_per_event = Exact(
        string="At Least per Event", help="An event never costs less than this."
    )
    max_per_event = Exact(
        string="At Most per Event", help="An event never costs more than this."
    )
    included_events = Exact(
        string="Free Events",
        help="The first events of the period are free. Where a free amount is given "
        "as well, whichever runs out first ends both.",
    )
    included_amount = Exact(
        string="Free Amount",
        help="The first events are free until their values reach this amount; the "
        "event that crosses it pays on the rest.",
    )
    multiplier = Exact(
        help="The metered cost is sold at so many times itself: 1.2 adds 20 percent."
    )
