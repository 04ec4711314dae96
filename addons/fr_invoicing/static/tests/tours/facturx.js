import { registry } from "@web/core/registry";

/** From a posted invoice to its checked Factur-X, as an accountant sees it. */
registry.category("web_tour.tours").add("fr_invoicing_facturx", {
    steps: () => [
        {
            content: "The Factur-X is not made yet",
            trigger: "button[name='action_fr_facturx']",
            run: "click",
        },
        {
            content: "It passed every rule",
            trigger: ".o_notification:contains(passed every rule)",
        },
        {
            content: "The button is gone: a valid file is never made twice",
            trigger: ".o_form_view:not(:has(button[name='action_fr_facturx']))",
        },
        {
            content: "Open its page",
            trigger: "a[name='fr_facturx']",
            run: "click",
        },
        {
            content: "The state is shown",
            trigger: "div[name='fr_facturx_state'] .badge:contains(Valid)",
        },
    ],
});
