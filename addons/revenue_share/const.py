"""Selections used by several files."""

BASES = [
    ("net", "Net amount (excluding VAT)"),
    ("gross", "Gross amount (including VAT)"),
    ("margin", "Margin (net less cost, never below zero)"),
]
GRANULARITIES = [
    ("settlement", "Once per statement"),
    ("line", "Line by line"),
]
RULE_KINDS = [
    ("percent", "Percentage"),
    ("fixed", "Fixed amount per statement"),
    ("weight", "Weighted part"),
    ("per_unit", "Amount per unit"),
    ("tiered_percent", "Percentage by tier"),
    ("tiered_unit", "Amount per unit by tier"),
]
# Who sells to the customer decides the documents and the ledger entries.
CAPACITIES = [
    ("principal", "Principal: we sell in our own name"),
    ("opaque", "Commission agent: we sell in our name for the partner"),
    ("agent", "Agent: we sell in the partner's name"),
]
CYCLES = [("month", "Monthly"), ("quarter", "Quarterly"), ("year", "Yearly")]
CYCLE_MONTHS = {"month": 1, "quarter": 3, "year": 12}

USER_GROUPS = (
    "usage_billing.group_usage_billing_user,usage_billing.group_usage_billing_auditor"
)
