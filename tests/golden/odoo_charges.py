# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Values of a charge in Odoo from the fields of the case README."""

from odoo_story import ZERO
from rating_case import model_of

#: names of the price models in the product
MODELS = {"event_priced": "pass_through"}


def charge_vals(fields, model=None):
    """Price model and steps of a charge.

    :param str model: in place of that of the fields, for levels
    """
    model = model or model_of(fields)
    vals = {"model": MODELS.get(model, model)} | price_vals(model, fields)
    vals |= convert_vals(fields.object("convert", None))
    unit = fields.object("pricing_unit", None)
    if unit is not None:
        vals["pricing_unit"] = unit.text("code")
        vals["pricing_unit_rate"] = unit.number("conversion_rate")
    for name in (
        "included_units",
        "discount_percent",
        "minimum_amount",
        "maximum_amount",
    ):
        number = fields.number(name, None)
        if number is not None:
            vals[name] = number
    return vals


def price_vals(model, fields):
    """Parameters of a price model; the same for a charge and a special price."""
    return PRICES[model](fields)


def convert_vals(fields):
    if fields is None:
        return {}
    return {
        "convert_divisor": fields.number("divide_by"),
        "convert_rounding": fields.text("rounding", "none"),
        "convert_decimals": fields.integer("decimals", 0),
    }


def package_vals(fields):
    return {
        "package_size": fields.number("package_size"),
        "package_price": fields.number("package_price"),
        "package_rounding": fields.text("rounding", "up"),
    }


def percentage_vals(fields):
    vals = {"rate_percent": fields.number("rate_percent")}
    for name in (
        "fixed_fee_per_event",
        "min_per_event",
        "max_per_event",
        "included_amount",
    ):
        vals[name] = fields.number(name, None)
    vals["included_events"] = fields.integer("included_events", None)
    return {name: value for name, value in vals.items() if value is not None}


def tiers_of(read):
    """Reader of the tiers of a charge, each by a reader of its own."""

    def vals(fields):
        tiers = enumerate(fields.objects("tiers"))
        return {"tier_ids": [(0, 0, {"sequence": n} | read(tier)) for n, tier in tiers]}

    return vals


def tier_vals(tier):
    return {
        "up_to": tier.number("up_to"),
        "unit_price": tier.number("unit_price"),
        "flat_fee": tier.number("flat_fee", ZERO),
        "tier_cap": tier.number("tier_cap", None),
    }


def percent_tier_vals(tier):
    return {
        "up_to": tier.number("up_to"),
        "rate_percent": tier.number("rate_percent"),
        "flat_fee": tier.number("flat_fee", ZERO),
        "tier_cap": tier.number("tier_cap", None),
    }


def block_vals(tier):
    return {
        "block_size": tier.number("block_size"),
        "max_blocks": tier.number("max_blocks"),
        "block_price": tier.number("block_price"),
    }


PRICES = {
    "per_unit": lambda fields: {"unit_price": fields.number("unit_price")},
    "package": package_vals,
    "graduated": tiers_of(tier_vals),
    "graduated_level": tiers_of(tier_vals),
    "volume": tiers_of(tier_vals),
    "graduated_blocks": tiers_of(block_vals),
    "volume_blocks": tiers_of(block_vals),
    "percentage": percentage_vals,
    "graduated_percentage": tiers_of(percent_tier_vals),
    "event_priced": lambda fields: {},
    "cost_plus": lambda fields: {"multiplier": fields.number("multiplier")},
    "stairstep": lambda fields: {},  # its tiers need meters, see odoo_prices
}
