import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { insertThousandsSep } from "@web/core/utils/numbers";
import { useInputField } from "@web/views/fields/input_field_hook";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { Component } from "@odoo/owl";

/**
 * Write an exact number the user's way: decimal sign and digit grouping of the language.
 * The number travels as text, so no digit is lost to a JavaScript float.
 *
 * @param {string|false} value digits with a decimal point
 * @returns {string}
 */
export function formatExact(value) {
    if (value === false || value === undefined || value === null || value === "") {
        return "";
    }
    const [, sign, whole, decimals] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value) || [];
    if (whole === undefined) {
        return value;
    }
    const { decimalPoint, thousandsSep, grouping } = localization;
    const grouped = insertThousandsSep(whole, thousandsSep, grouping);
    return sign + grouped + (decimals ? decimalPoint + decimals : "");
}

/**
 * Read a number typed the user's way.
 *
 * @param {string} text
 * @returns {string|false} digits with a decimal point, false when empty
 */
export function parseExact(text) {
    const { decimalPoint, thousandsSep } = localization;
    let value = text.replace(/[\s\u00a0\u202f]/g, "");
    if (!value) {
        return false;
    }
    if (thousandsSep && thousandsSep !== decimalPoint) {
        value = value.replaceAll(thousandsSep, "");
    }
    if (decimalPoint !== ".") {
        value = value.replace(decimalPoint, ".");
    }
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(value)) {
        throw new Error(`"${text}" is not a correct number`);
    }
    return value.replace(/^\+/, "").replace(/^(-?)\./, "$10.").replace(/\.$/, "");
}

export class ExactField extends Component {
    static template = "usage_billing.ExactField";
    static props = { ...standardFieldProps, placeholder: { type: String, optional: true } };

    setup() {
        useInputField({
            getValue: () => this.formattedValue,
            parse: (text) => parseExact(text),
        });
    }

    get formattedValue() {
        return formatExact(this.props.record.data[this.props.name]);
    }
}

registry.category("fields").add("exact", {
    component: ExactField,
    displayName: _t("Exact number"),
    supportedTypes: ["char"],
    extractProps: ({ placeholder }) => ({ placeholder }),
});
