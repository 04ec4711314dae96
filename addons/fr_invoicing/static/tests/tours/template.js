import { registry } from "@web/core/registry";

/** Options of an invoice template, with the page beside them. */
registry.category("web_tour.tours").add("fr_invoicing_template", {
    steps: () => [
        {
            content: "The sample page is there",
            trigger: "div[name='preview'] :iframe .items",
        },
        {
            content: "Another name at the head",
            trigger: "div[name='brand_name'] input",
            run: "edit Marque Exemple",
        },
        {
            content: "Lines by site",
            trigger: "div[name='grouping'] input",
            run: "click",
        },
        {
            content: "Choose the site",
            trigger: ".o_select_menu_item:contains(Site)",
            run: "click",
        },
        {
            content: "The page follows before anything is saved",
            trigger: "div[name='preview'] :iframe .brand .name:contains(Marque Exemple)",
        },
        {
            content: "Groups have their totals",
            trigger: "div[name='preview'] :iframe .items tr.group",
        },
        {
            content: "Save",
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "Saved",
            trigger: ".o_form_saved",
        },
    ],
});
