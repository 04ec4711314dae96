# Part of Relevé. See LICENSE file for full copyright and licensing details.
{
    "name": "Revenue Share",
    "summary": "Share billed revenue with partners and resellers, to the cent",
    "version": "19.0.1.0.0",
    "category": "Accounting/Usage Billing",
    "author": "Relevé",
    "license": "AGPL-3",
    "depends": ["usage_billing"],
    "external_dependencies": {"python": ["weasyprint"]},
    "data": [
        "security/revenue_share_groups.xml",
        "security/ir.model.access.csv",
        "security/revenue_share_rules.xml",
        "data/ir_sequence_data.xml",
        "data/ir_cron_data.xml",
        "report/statement_document.xml",
        "views/revenue_share_agreement_views.xml",
        "views/revenue_share_item_views.xml",
        "views/revenue_share_statement_views.xml",
        "views/account_move_views.xml",
        "views/res_partner_views.xml",
        "views/portal_templates.xml",
        "views/revenue_share_menus.xml",
    ],
    "assets": {
        "web.assets_tests": ["revenue_share/static/tests/tours/*.js"],
    },
}
