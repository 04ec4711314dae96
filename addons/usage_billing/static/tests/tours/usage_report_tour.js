import { registry } from "@web/core/registry";

/** The report of the back office: hours of a month, by machine. */
registry.category("web_tour.tours").add("usage_report_tour", {
    steps: () => [
        {
            content: "go to the month that was measured",
            trigger: "#report_start",
            run() {
                const input = document.querySelector("#report_start");
                input.value = "2026-10-01";
                input.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            content: "to its end",
            trigger: "#report_end",
            run() {
                const input = document.querySelector("#report_end");
                input.value = "2026-10-31";
                input.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            content: "what was rated stands beside",
            trigger: ".o_usage_report_rated td",
        },
        {
            content: "by hour",
            trigger: "button[data-bucket=hour]",
            run: "click",
        },
        {
            content: "the hour that comes twice is there twice",
            trigger: ".o_usage_report_table th:contains('02:00 CET')",
        },
        {
            content: "go from meter to meter",
            trigger: "#report_meter",
            run() {
                const select = document.querySelector("#report_meter");
                select.value = select.options[select.options.length - 1].value;
                select.dispatchEvent(new Event("change", { bubbles: true }));
                select.value = select.options[0].value;
                select.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            content: "by machine",
            trigger: "#report_group:has(option[value=resource])",
            run() {
                const select = document.querySelector("#report_group");
                select.value = "resource";
                select.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            content: "each machine has its column",
            trigger: ".o_usage_report_table thead th:contains('=vm-2')",
        },
        {
            content: "and the chart is drawn with a text beside",
            trigger: ".o_usage_chart canvas[aria-label]",
        },
    ],
});

/** The same for a customer. */
registry.category("web_tour.tours").add("usage_report_portal_tour", {
    url: "/my/usage",
    steps: () => [
        {
            content: "open the subscription",
            trigger: ".o_usage_table a[href*='/my/usage/']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "its report",
            trigger: "a.o_usage_report",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "choose the month, the hours and the machines",
            trigger: "#report_period",
            run() {
                const period = document.querySelector("#report_period");
                period.value = [...period.options].find((option) =>
                    option.textContent.includes("10/01/2026")
                ).value;
                document.querySelector("#report_bucket").value = "hour";
                document.querySelector("#report_group").value = "resource";
            },
        },
        {
            content: "show",
            trigger: ".o_usage_report_show",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "each machine has its column",
            trigger: ".o_usage_report_table thead th:contains('=vm-2')",
        },
        {
            content: "the invoice stands above",
            trigger: ".o_usage_report_rated td:contains('INV/')",
        },
    ],
});
