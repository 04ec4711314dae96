import { registry } from "@web/core/registry";

/** A wrong price for last month is put right: the clicks are counted by the test. */
registry.category("web_tour.tours").add("usage_price_correction_tour", {
    steps: () => [
        {
            content: "correct a price (1)",
            trigger: ".o_form_view button[name='action_correct']",
            run: "click",
        },
        {
            content: "the draft says that it corrects; open the fee (2)",
            trigger:
                ".o_form_view:has(.alert-warning:contains('corrects')) .o_data_row:contains('Fee') td[name='name']",
            run: "click",
        },
        {
            content: "the right price is typed",
            trigger: ".modal div[name='unit_price'] input",
            run: "edit 12 && press Tab",
        },
        {
            content: "save the charge (3)",
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "say why",
            trigger: "body:not(:has(.modal)) div[name='note'] textarea",
            run: "edit The fee was mistyped && press Tab",
        },
        {
            content: "see the impact (4)",
            trigger: "button[name='action_simulate']",
            run: "click",
        },
        {
            content: "who pays what, before anybody approves",
            trigger: ".o_usage_impact:contains('+2.00')",
        },
        {
            content: "credit and invoice again (5)",
            trigger: "div[name='correction_policy'] input[data-value='rebill']",
            run: "click",
        },
        {
            content: "approve (6)",
            trigger: "button[name='action_approve']",
            run: "click",
        },
        {
            content: "the correction is billed",
            trigger: "div[name='correction_run_id']:contains('RUN'), div[name='correction_run_id'] a",
        },
    ],
});

/** From an invoice line to its single events: the clicks are counted by the test. */
registry.category("web_tour.tours").add("usage_why_tour", {
    steps: () => [
        {
            content: "the usage of the invoice (1)",
            trigger: ".o_form_view .nav-link[name='usage']",
            run: "click",
        },
        {
            content: "the events of a line (2)",
            trigger:
                ".tab-pane.active .o_data_row:contains('tier 1') button[name='action_view_usage_events']",
            run: "click",
        },
        {
            content: "its single events",
            trigger: ".o_list_view .o_data_row td[name='event_id']",
        },
    ],
});

/** The calculator answers while one types. */
registry.category("web_tour.tours").add("usage_calculator_tour", {
    steps: () => [
        {
            content: "open the tiers",
            trigger: ".o_form_view .o_data_row:contains('Calls') td[name='name']",
            run: "click",
        },
        {
            content: "the calculator",
            trigger: ".modal .nav-link[name='calculator']",
            run: "click",
        },
        {
            content: "a quantity is typed",
            trigger: ".modal div[name='calculator_quantity'] input",
            run: "edit 150",
        },
        {
            content: "the amount and its steps",
            trigger: ".modal .o_usage_calculator:contains('125.00 EUR'):contains('Tier 2')",
        },
        {
            content: "leave the charge as it is",
            trigger: ".modal .o_form_button_cancel",
            run: "click",
        },
        {
            content: "back on the version",
            trigger: "body:not(:has(.modal)) .o_form_view",
        },
    ],
});
