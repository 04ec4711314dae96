# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Refusals of the rating core: a code and the facts, never a sentence."""

#: every code the package raises, with the facts it carries; `messages.py` of
#: the add-on owes a sentence to each (a test compares the two)
CODES = {
    "beyond_last_tier": ("quantity", "limit"),
    "coupon_needs_percent_or_amount": (),
    "coupon_order": ("order",),
    "currency_decimals": ("decimals",),
    "duplicate_component": ("key",),
    "event_amount_missing": (),
    "event_values_missing": (),
    "maximum_below_minimum": ("maximum", "minimum"),
    "maximum_below_minimum_per_event": ("maximum", "minimum"),
    "negative_parameter": ("name", "value"),
    "negative_quantity": ("quantity", "model"),
    "not_a_number": ("name", "value"),
    "not_positive": ("name", "value"),
    "no_holidays": ("country",),
    "override_not_applicable": ("name", "model"),
    "percent_out_of_range": ("name", "value"),
    "percentile_out_of_range": ("value",),
    "period_backwards": ("start", "end"),
    "period_dates_backwards": ("start", "end"),
    "proration_method": ("method",),
    "quantity_not_priced": ("name",),
    "reading_outside_period": ("at",),
    "quantity_not_additive": ("aggregation",),
    "rounding_mode": ("mode",),
    "share_out_of_range": ("part", "whole"),
    "step_not_applicable": ("step", "model"),
    "tier_bounds_not_rising": ("tier", "up_to"),
    "tier_last_not_open": ("up_to",),
    "tier_open_not_last": ("tier",),
    "tiers_missing": (),
    "unknown_aggregation": ("aggregation",),
    "unknown_interval": ("interval",),
    "unknown_model": ("model",),
    "unknown_parameter": ("model", "name"),
    "unknown_time_zone": ("zone",),
    "time_without_zone": ("at",),
    "usage_mismatch": ("model", "expects"),
}


class RatingError(Exception):
    """The core refuses to rate; the caller holds the customer and shows why.

    code: one of CODES, stable, mapped to a sentence by the add-on
    facts: what the sentence needs, plain values
    """

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self):
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}({facts})"
