"""The sentence of each refusal of the core."""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

MESSAGES = {
    "amount_not_exact": _lt("%(value)s is not an exact amount."),
    "base_unknown": _lt("%(base)s is not a base that can be shared."),
    "cap_not_positive": _lt("A cap of %(amount)s is below zero: enter a positive one."),
    "cap_unknown": _lt("A cap holds per period or for life, not per %(per)s."),
    "carve_without_share": _lt(
        "A rule is carved out of a share but does not say of whose share: choose the "
        "partner whose share pays for it."
    ),
    "decimals_out_of_range": _lt(
        "A currency has at most 6 decimals, not %(decimals)s."
    ),
    "deduction_unknown": _lt("%(kind)s is not a kind of deduction."),
    "fixed_needs_settlement": _lt(
        "A fixed amount is due once per statement: choose the rounding once per "
        "statement for this version."
    ),
    "granularity_unknown": _lt("%(granularity)s is not a granularity of rounding."),
    "kind_unknown": _lt("%(kind)s is not a kind of rule."),
    "match_on_remaining": _lt(
        "A rule for some products only cannot be taken on what remains of the whole "
        "statement: take it on the base, or round line by line."
    ),
    "on_unknown": _lt("A rule is taken on the base, the rest or a share, not %(on)s."),
    "parts_off_grid": _lt("The parts add up to %(total)s, which cannot be paid."),
    "prorate_wrong": _lt("Only a fixed amount can be prorated, between 0 and 1."),
    "rule_key_twice": _lt("Two rules have the same identity."),
    "tier_bounds": _lt("The tier limits %(bounds)s must be positive and rising."),
    "tier_mode_unknown": _lt("%(mode)s is not a way to apply tiers."),
    "tiers_missing": _lt("A rule by tier needs tiers, the last one without a limit."),
    "value_negative": _lt("The value %(value)s of a rule is below zero."),
    "weights_all_zero": _lt("All weights of a step are zero: nothing can be shared."),
}


def sentence(env, error):
    """Return the sentence of a :class:`SplitError` in the language of the user."""
    template = env._(MESSAGES[error.code])
    return template % error.facts
