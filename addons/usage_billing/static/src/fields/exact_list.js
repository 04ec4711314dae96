import { patch } from "@web/core/utils/patch";
import { ListRenderer } from "@web/views/list/list_renderer";

/** A column of exact numbers has its heading on the right, as every column of numbers. */
patch(ListRenderer.prototype, {
    isNumericColumn(column) {
        return column.widget === "exact" || super.isNumericColumn(column);
    },
});
