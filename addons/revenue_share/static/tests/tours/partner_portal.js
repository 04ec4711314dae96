import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("revenue_share_partner", {
    url: "/my",
    steps: () => [
        {
            content: "Open the statements from the portal home",
            trigger: "a[href='/my/revenue-share/statements']:has(.badge, *)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Open the statement",
            trigger: ".o_revenue_share_statements tbody tr a",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The amount due is shown",
            trigger: ".o_revenue_share_totals td[data-key='due']:contains(133.36)",
        },
        {
            content: "The lines are shown with their share",
            trigger: ".o_revenue_share_lines tbody tr:contains(123.46)",
        },
        {
            content: "Accept the statement",
            trigger: ".o_revenue_share_accept",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is accepted",
            trigger: ".o_revenue_share_statement .badge.text-bg-success",
        },
    ],
});
