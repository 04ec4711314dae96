# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "Usage Billing",
    "summary": "Turn measured consumption into correct invoices, every cent explained",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "application": True,
    "depends": [
        "account",
        "account_payment",
        "portal",
        "product",
        "sale",
        "uom",
        "queue_job",
    ],
    "data": [
        "security/usage_billing_groups.xml",
        "security/ir.model.access.csv",
        "security/usage_billing_rules.xml",
        "security/usage_portal_rules.xml",
        "data/decimal_precision_data.xml",
        "data/ir_sequence_data.xml",
        "data/mail_activity_type_data.xml",
        "data/queue_job_data.xml",
        "data/ir_cron_data.xml",
        # menus first: the views below hang their own items under these
        "views/usage_billing_menus.xml",
        "views/usage_event_views.xml",
        "views/usage_batch_views.xml",
        "views/usage_quarantine_views.xml",
        "views/usage_subject_views.xml",
        "views/usage_meter_views.xml",
        "views/usage_source_views.xml",
        "wizards/usage_quarantine_ignore_views.xml",
        "views/res_config_settings_views.xml",
        "views/portal_templates.xml",
    ],
    "uninstall_hook": "uninstall_hook",
    "assets": {
        "web.assets_frontend": [
            "usage_billing/static/src/portal/**/*",
        ],
        "web.assets_tests": [
            "usage_billing/static/tests/tours/**/*",
        ],
        "web.assets_backend": [
            "usage_billing/static/src/fields/**/*",
        ],
    },
}
