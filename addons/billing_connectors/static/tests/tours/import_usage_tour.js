import { registry } from "@web/core/registry";
import { inputFiles } from "@web/../tests/utils";

const USAGE = [
    "id,project,time,metric,quantity,region",
    "t1,alpha,2026-09-01T10:00:00Z,cpu,1.5,eu",
    "t2,alpha,2026-09-02T10:00:00Z,cpu,2.5,eu",
    "t3,nobody,2026-09-02T10:00:00Z,cpu,1,eu",
    "t4,alpha,not a time,cpu,1,eu",
    "",
].join("\n");

function upload() {
    return {
        content: "Choose the usage file",
        trigger: ".modal .o_field_widget[name=attachment_id] .o_select_file_button",
        async run() {
            const file = new File([USAGE], "usage.csv", { type: "text/csv" });
            await inputFiles(".modal .o_field_widget[name=attachment_id] input.o_input_file", [file]);
        },
    };
}

registry.category("web_tour.tours").add("billing_connectors_import_usage", {
    steps: () => [
        {
            content: "Open the import",
            trigger: ".o_list_button_add, button:contains('Import Usage')",
            run: "click",
        },
        upload(),
        {
            content: "The file is there",
            trigger: ".modal .o_field_widget[name=attachment_id] .o_clear_file_button",
        },
        {
            content: "Read it",
            trigger: ".modal button[name=action_read]",
            run: "click",
        },
        {
            content: "The first rows show the customer they belong to",
            trigger: ".modal .o_data_row:contains('alpha'):contains('Fictive Alpha')",
        },
        {
            content: "A row of nobody is told apart",
            trigger: ".modal .o_data_row:contains('nobody'):contains('Unknown')",
        },
        {
            content: "Try it without writing",
            trigger: ".modal button[name=action_test]",
            run: "click",
        },
        {
            content: "Two rows are new",
            trigger: ".modal .o_field_widget[name=new_count]:contains('2')",
        },
        {
            content: "One cannot be read",
            trigger: ".modal .o_field_widget[name=invalid_count]:contains('1')",
        },
        {
            content: "Import",
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            content: "The delivery shows what became of each row",
            trigger: ".o_form_view .o_field_widget[name=rows_read]:contains('4')",
        },
        {
            trigger: ".o_form_view .o_group .o_field_widget[name=accepted_count]:contains('2')",
        },
        {
            content: "Look at the held rows",
            trigger: "button[name=action_view_quarantine]",
            run: "click",
        },
        {
            content: "They are grouped by reason",
            trigger: ".o_list_view .o_group_name:contains('Unknown subject')",
        },
    ],
});
