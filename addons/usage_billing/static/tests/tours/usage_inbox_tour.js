import { registry } from "@web/core/registry";

/** An unknown customer in the feed: open the inbox, accept, and it is settled. */
registry.category("web_tour.tours").add("usage_inbox_tour", {
    steps: () => [
        {
            content: "first click: the inbox shows what waits, by cause",
            trigger: "button[data-menu-xmlid='usage_billing.menu_usage_billing_usage']",
            run: "click",
        },
        {
            content: "open it",
            trigger: "a[data-menu-xmlid='usage_billing.menu_usage_billing_inbox']",
            run: "click",
        },
        {
            content: "the stranger is there with its rows, its amount and a suggestion",
            trigger:
                ".o_data_row:contains('garden_site'):contains('3'):contains('3.00 EUR'):contains('Garden') button[name=action_accept]",
            run: "click",
        },
        {
            content: "all rows became usage",
            trigger: ".o_notification:contains('3 of 3 rows became usage')",
        },
        {
            content: "another one nobody guesses: settle it",
            trigger: ".o_data_row:contains('xyzzy') button[name=action_fix]",
            run: "click",
        },
        {
            content: "say whose it is",
            trigger: ".modal .o_field_widget[name=subscription_id] input",
            run: "edit Garden",
        },
        {
            content: "choose it",
            trigger: ".o-autocomplete--dropdown-item:contains('Garden')",
            run: "click",
        },
        {
            content: "what it would come to is shown before",
            trigger: ".modal .o_usage_stake:contains('5.00 EUR')",
        },
        {
            content: "apply",
            trigger: ".modal button[name=action_apply]",
            run: "click",
        },
        {
            content: "nothing waits any more",
            trigger: ".o_view_nocontent_smiling_face",
        },
    ],
});
