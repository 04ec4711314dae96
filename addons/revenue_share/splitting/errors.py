"""Refusals of the core: a code and the facts, never a sentence."""


class SplitError(ValueError):
    """A value or a combination that the core refuses.

    :param str code: one of :data:`CODES`; ``messages.py`` has its sentence
    :param facts: what a reader needs to repair it
    """

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self):
        facts = ", ".join(f"{key}={value}" for key, value in self.facts.items())
        return f"{self.code}({facts})"


CODES = (
    "amount_not_exact",
    "base_unknown",
    "cap_not_positive",
    "cap_unknown",
    "carve_without_share",
    "decimals_out_of_range",
    "deduction_unknown",
    "fixed_needs_settlement",
    "granularity_unknown",
    "kind_unknown",
    "match_on_remaining",
    "on_unknown",
    "parts_off_grid",
    "prorate_wrong",
    "rule_key_twice",
    "tier_bounds",
    "tier_mode_unknown",
    "tiers_missing",
    "value_negative",
    "weights_all_zero",
)
