# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "Billing Connectors",
    "summary": "Bring usage in from files and systems: mapped, checked, never twice",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing"],
    "data": [
        "security/ir.model.access.csv",
        "security/billing_connectors_rules.xml",
        "data/ir_cron_data.xml",
        # the wizard's action first: the list of deliveries has a button for it
        "wizards/billing_import_wizard_views.xml",
        "views/billing_delivery_views.xml",
        "views/billing_mapping_views.xml",
        "views/billing_connectors_menus.xml",
    ],
    "assets": {
        "web.assets_tests": ["billing_connectors/static/tests/tours/**/*"],
    },
}
