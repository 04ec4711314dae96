import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";

let clicks = 0;
let opened = "";

/** From the list of invoices to the ZIP of an inspection, and how many clicks it takes. */
registry.category("web_tour.tours").add("fr_invoicing_inspection", {
    steps: () => [
        {
            content: "The list of invoices",
            trigger: ".o_list_view .o_data_row",
            run: () => {
                document.addEventListener("click", () => (clicks += 1), true);
                // the test fetches the ZIP itself once the browser is gone
                browser.open = (url) => (opened = url);
            },
        },
        {
            content: "Choose an invoice",
            trigger: ".o_data_row:first .o_list_record_selector input",
            run: "click",
        },
        {
            content: "Open the actions",
            trigger: ".o_control_panel .o_cp_action_menus button:has(.fa-cog)",
            run: "click",
        },
        {
            content: "Export for an inspection",
            trigger: ".o-dropdown-item:contains(Export for an Inspection)",
            run: "click",
        },
        {
            content: "One document is handed over",
            trigger: ".modal div[name='document_count']:contains(1)",
        },
        {
            content: "The ZIP is on its way, after at most five clicks",
            trigger: ".modal footer button[name='action_export']",
            run: async ({ click }) => {
                await click();
                if (!clicks || clicks > 5) {
                    throw new Error(`an inspection took ${clicks} clicks`);
                }
            },
        },
        {
            content: "The dialog has done its work",
            trigger: "body:not(:has(.modal))",
            run: () => {
                if (!opened.startsWith("/fr_invoicing/inspection/")) {
                    throw new Error(`the export opened ${opened || "nothing"}`);
                }
            },
        },
    ],
});
