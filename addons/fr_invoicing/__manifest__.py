# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "French Invoicing for Usage Billing",
    "summary": "Issue valid French invoices: TVA, legal mentions, Factur-X",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing", "l10n_fr_account", "account_edi_ubl_cii"],
    "data": [],
}
