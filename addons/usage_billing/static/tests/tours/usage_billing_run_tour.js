import { registry } from "@web/core/registry";

/** The billing manager's way: compute, review, approve, post, invoice, events. */
registry.category("web_tour.tours").add("usage_billing_run_tour", {
    url: "/odoo/action-usage_billing.usage_billing_run_action",
    steps: () => [
        {
            content: "open the run",
            trigger: ".o_data_row td[name='name']",
            run: "click",
        },
        {
            content: "compute it",
            trigger: ".o_form_view button[name='action_compute']:contains('Compute')",
            run: "click",
        },
        {
            content: "one subscription is held, the other rated",
            trigger: ".o_data_row:has(.badge:contains('Held'))",
        },
        {
            content: "the amount to bill is shown",
            trigger: "div[name='total_text']:contains('67.50')",
        },
        {
            content: "see why",
            trigger: ".nav-link[name='held']",
            run: "click",
        },
        {
            content: "the reason is a sentence",
            trigger: ".tab-pane.active td[name='reason']:contains('negative')",
        },
        {
            content: "approve the others",
            trigger: "button[name='action_approve']",
            run: "click",
        },
        {
            content: "post",
            trigger: "button[name='action_post']",
            run: "click",
        },
        {
            content: "yes, post",
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "to the invoice",
            trigger: ".o_statusbar_buttons button[name='action_view_invoices']",
            run: "click",
        },
        {
            content: "its usage",
            trigger: ".o_form_view .nav-link[name='usage']",
            run: "click",
        },
        {
            content: "the line of the second tier with its exact amount",
            trigger:
                ".tab-pane.active .o_data_row:contains('tier 2') td[name='usage_exact_amount']:contains('45')",
        },
        {
            content: "its events, one click from the line",
            trigger:
                ".tab-pane.active .o_data_row:contains('tier 2') button[name='action_view_usage_events']",
            run: "click",
        },
        {
            content: "two events",
            trigger: ".o_list_view .o_data_row:nth-child(2) td[name='event_id']",
        },
        {
            content: "back to the invoice",
            trigger: ".o_back_button a",
            run: "click",
        },
        {
            content: "explain the line",
            trigger: ".o_form_view .nav-link[name='usage']",
            run: "click",
        },
        {
            content: "open the explanation",
            trigger:
                ".tab-pane.active .o_data_row:contains('tier 2') button[name='action_view_usage_rated_line']",
            run: "click",
        },
        {
            content: "why this amount",
            trigger: ".nav-link[name='why']",
            run: "click",
        },
        {
            content: "the equation ends with the rounding",
            trigger: ".o_usage_explanation td:contains('Rounding')",
        },
    ],
});
