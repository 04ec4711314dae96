import { registry } from "@web/core/registry";

/** A French company from nothing to ready, on one page. */
registry.category("web_tour.tours").add("fr_invoicing_setup", {
    steps: () => [
        {
            content: "A wrong SIRET is said at once",
            trigger: "div[name='company_registry'] input",
            run: "edit 10000000900018 && press Tab",
        },
        {
            content: "The block says so",
            trigger: "div[name='identity_todo']:contains(neither a SIREN nor a SIRET)",
        },
        {
            content: "The right one",
            trigger: "div[name='company_registry'] input",
            run: "edit 10000000900017 && press Tab",
        },
        {
            content: "Its SIREN is read",
            trigger: "div[name='siren']:contains(100000009)",
        },
        {
            content: "Legal form",
            trigger: "div[name='fr_legal_form'] input",
            run: "edit SAS && press Tab",
        },
        {
            content: "Capital",
            trigger: "div[name='fr_share_capital'] input",
            run: "edit 50000 && press Tab",
        },
        {
            content: "Trade register",
            trigger: "div[name='fr_registry_city'] input",
            run: "edit Lyon && press Tab",
        },
        {
            content: "Identity is done",
            trigger: "div[name='identity_state'] .badge:contains(Done)",
        },
        {
            content: "The mention follows",
            trigger: "div[name='mentions_preview']:contains(SAS)",
        },
        {
            content: "The number of the SIREN is proposed",
            trigger: "button[name='action_take_vat']:contains(FR88100000009)",
            run: "click",
        },
        {
            content: "TVA is done",
            trigger: "div[name='vat_state'] .badge:contains(Done)",
        },
        {
            content: "IBAN",
            trigger: "div[name='new_iban'] input",
            run: "edit FR7630006000011234567890189 && press Tab",
        },
        {
            content: "Add it",
            trigger: "button[name='action_add_bank']",
            run: "click",
        },
        {
            content: "The bank is done",
            trigger: "div[name='bank_state'] .badge:contains(Done)",
        },
        {
            content: "Taxes",
            trigger: "button[name='action_apply_taxes']",
            run: "click",
        },
        {
            content: "Ready",
            trigger: ".alert-success:contains(can issue valid French invoices)",
        },
        {
            content: "What is left on customers and products",
            trigger: "button[name='action_check_customers']",
            run: "click",
        },
        {
            content: "The customer without SIREN is named",
            trigger: ".o_data_row:contains(Client sans SIREN)",
        },
    ],
});
