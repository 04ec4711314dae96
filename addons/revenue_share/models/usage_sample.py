# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, models

from odoo.addons.usage_billing.sample import story

RESELLER_PERCENT = "15"
CONTENT_PERCENT = "4"
CONTENT_FEE = "60"


class UsageSample(models.Model):
    """What the sample company agreed with its reseller and its content partner."""

    _inherit = "usage.sample"

    def _load_agreements(self, company):
        """The reseller gets a part of what its customers buy, for as long as they buy.

        The content partner gets a part of all API calls and a fixed fee a month.
        """
        result = super()._load_agreements(company)
        reseller = self._get(company, "partner.reseller")
        customers = {facts.customer for facts in story.SUBSCRIPTIONS if facts.reseller}
        self._load_agreement(
            company,
            "agreement.reseller",
            {
                "name": f"{reseller.name} – {RESELLER_PERCENT} %",
                "applies_to": "attributed",
                "show_customers": True,
                "attribution_ids": [
                    Command.create(
                        {
                            "customer_id": self._get(company, f"partner.{key}").id,
                            "date_from": story.START,
                        }
                    )
                    for key in sorted(customers)
                ],
            },
            [{"partner_id": reseller.id, "kind": "percent", "value": RESELLER_PERCENT}],
            granularity="line",
        )
        content = self._get(company, "partner.content")
        calls = self._get(company, "product.api")
        self._load_agreement(
            company,
            "agreement.content",
            {
                "name": f"{content.name} – {CONTENT_PERCENT} % + {CONTENT_FEE} EUR",
                "applies_to": "all",
            },
            [
                {
                    "partner_id": content.id,
                    "kind": "percent",
                    "value": CONTENT_PERCENT,
                    "product_ids": [Command.set(calls.ids)],
                },
                {
                    "partner_id": content.id,
                    "sequence": 20,
                    "kind": "fixed",
                    "value": CONTENT_FEE,
                },
            ],
            granularity="settlement",
        )
        return result

    def _load_agreement(self, company, key, vals, rules, granularity):
        agreement = self._ensure(
            company,
            key,
            "revenue.share.agreement",
            {
                "company_id": company.id,
                "version_ids": [
                    Command.create(
                        {
                            "date_from": story.START,
                            "granularity": granularity,
                            "rule_ids": [Command.create(rule) for rule in rules],
                        }
                    )
                ],
                **vals,
            },
        )
        agreement.version_ids.filtered(
            lambda version: version.state == "draft"
        ).action_activate()
        if agreement.state == "draft":
            agreement.action_activate()
        return agreement
