# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "Revenue Share",
    "summary": "Share billed revenue with partners and resellers, to the cent",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing"],
    "data": [],
}
