import { registry } from "@web/core/registry";

/** The customer's way: amount so far, days, events, then the same from the invoice. */
registry.category("web_tour.tours").add("usage_portal_customer_tour", {
    url: "/my",
    steps: () => [
        {
            content: "home shows the amount so far",
            trigger: "a[href='/my/usage']:has(.o_usage_amount)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "open the production subscription",
            trigger: "a:contains('Studio Imaginaire – production')",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "choose the month that was measured",
            trigger: "#usage_period",
            run() {
                const select = document.querySelector("#usage_period");
                const option = [...select.options].find((item) =>
                    item.textContent.includes("10/01/2026")
                );
                select.value = option.value;
            },
        },
        {
            content: "choose a meter",
            trigger: "#usage_view",
            run() {
                const select = document.querySelector("#usage_view");
                select.value = "egress_gb";
            },
        },
        {
            content: "show it",
            trigger: ".o_usage_show",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "the chart is drawn and has a text alternative",
            trigger: ".o_usage_chart canvas[role='img'][aria-label]",
        },
        {
            content: "the table has the days; open the events of one",
            trigger: ".o_usage_days tr:contains('10/14/2026') .o_usage_events",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "single events are there; go to the invoices",
            trigger: ".o_usage_event_table td:contains('studio-prod/front-01')",
            run() {
                window.location = "/my/invoices";
            },
            expectUnloadPage: true,
        },
        {
            content: "open the invoice",
            trigger: ".o_portal_my_doc_table a[href*='/my/invoices/']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "first click: a line of its usage",
            trigger: "#invoice_usage .o_usage_line:contains('Outgoing traffic')",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "second click: a day",
            trigger: ".o_usage_days tr:contains('10/14/2026') .o_usage_events",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "and there are the single events",
            trigger: ".o_usage_event_table td:contains('studio-prod/front-01')",
        },
    ],
});
