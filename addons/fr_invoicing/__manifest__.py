# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "French Invoicing for Usage Billing",
    "summary": "Issue valid French invoices: TVA, legal mentions, Factur-X",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing", "l10n_fr_account", "account_edi_ubl_cii"],
    "external_dependencies": {
        "python": [
            "factur-x",
            "saxonche",
            "weasyprint",
            "python-stdnum",
            "pypdf",
            "qrcode",
        ],
    },
    "data": [
        "security/ir.model.access.csv",
        "security/fr_invoicing_rules.xml",
        "security/seal/ir.model.access.csv",
        "security/fr_seal_rules.xml",
        "data/fr_legal_text_data.xml",
        "data/fr_legal_text_vat_data.xml",
        "data/fr_tax_profile_data.xml",
        "data/ir_cron_data.xml",
        "report/fr_invoice_page_templates.xml",
        # the skeleton of menus first: views hang their items on it
        "views/fr_invoicing_menus.xml",
        "views/fr_legal_text_views.xml",
        "views/fr_tax_profile_views.xml",
        "views/res_partner_views.xml",
        "views/res_config_settings_views.xml",
        "views/account_move_views.xml",
        "wizards/fr_fix_dialog_views.xml",
    ],
    "assets": {
        "web.assets_tests": ["fr_invoicing/static/tests/tours/*.js"],
    },
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
}
