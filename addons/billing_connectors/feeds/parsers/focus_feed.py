# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""FOCUS 1.0 (FinOps Open Cost and Usage Specification) delivered as CSV.
 Facts used, FOCUS 1.0 column definitions: times are UTC, also where no zone is written;
an absent value is null, written as the word ``NULL`` in CSV by several suppliers, or
left empty; ``BilledCost`` is the amount to be invoiced in ``BillingCurrency``;
``ChargeCategory`` is Usage, Purchase, Tax, Credit or Adjustment; ``PricingQuantity`` is
in ``PricingUnit``. The standard names no key for a row and files restate a whole
billing period of a billing account, so identity is the delivery scope + version + row.
 A supplier's tax is not resold as usage: the seller charges its own. Rows of the
category Tax are ignored by rule and counted.
"""

from ..mapping import load_mapping
from ..values import FeedError
from .csv_feed import CsvFeed

REQUIRED = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodStart",
)
FOCUS_MAPPING = {
    "format": "focus",
    "name": "FOCUS 1.0",
    "match": list(REQUIRED),
    "options": {"decimal": "."},
    "time_zone": "UTC",
    "null_words": ["NULL", "null"],
    "source": {"code": "focus", "name": "FOCUS", "delivery_mode": "overwrite"},
    "identity": {
        "mode": "scope",
        "parts": ["BillingPeriodStart", "BillingAccountId"],
    },
    "fields": {
        "type": {"const": "focus.charge"},
        # a charge of the whole account has no sub account
        "subject": {
            "first": [{"column": "SubAccountId"}, {"column": "BillingAccountId"}]
        },
        "customer_name": {"column": "SubAccountName"},
        "time": {"column": "ChargePeriodStart", "formats": ["iso"]},
        "value": {"column": "PricingQuantity", "default": "0"},
        "amount": {"column": "BilledCost"},
        "currency": {"column": "BillingCurrency"},
    },
    "dimensions": {
        "service": {"column": "ServiceName"},
        "sku": {"column": "SkuId"},
        "unit": {"column": "PricingUnit"},
    },
    "properties": {
        "charge_category": {"column": "ChargeCategory"},
        "charge_class": {"column": "ChargeClass"},
        "charge_description": {"column": "ChargeDescription"},
        "charge_period_end": {"column": "ChargePeriodEnd"},
        "provider": {"column": "ProviderName"},
        "region": {"column": "RegionId"},
        "resource": {"column": "ResourceId"},
        "list_cost": {"column": "ListCost"},
    },
    "ignore": [{"name": "tax", "column": "ChargeCategory", "equals": ["Tax"]}],
    "provision": {
        "prices": "pass_through",
        "time_zone": "UTC",
        "plan": {"code": "FOCUS", "name": "Cloud costs passed through"},
        "meters": [
            {
                "code": "focus_cost",
                "name": "Cloud cost",
                "aggregation": "sum",
                "value_source": "amount",
                "dimension_keys": ["service", "sku", "unit"],
            }
        ],
    },
}


class FocusFeed(CsvFeed):
    """A FOCUS file: a CSV feed whose mandatory columns are checked by name."""

    def _header(self):
        header = super()._header()
        present = set(header)
        missing = [name for name in REQUIRED if name not in present]
        if missing:
            raise FeedError(
                "not_focus", file=self.content.name, columns=", ".join(missing)
            )
        return header


def focus_spec():
    """The mapping of FOCUS 1.0, checked."""
    return load_mapping(FOCUS_MAPPING)
