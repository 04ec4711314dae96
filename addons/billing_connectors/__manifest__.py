# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "Billing Connectors",
    "summary": "Bring usage in from files and systems: mapped, checked, never twice",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing"],
    "data": [],
}
