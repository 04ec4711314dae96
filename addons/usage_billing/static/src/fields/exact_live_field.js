import { registry } from "@web/core/registry";
import { useDebounced } from "@web/core/utils/timing";

import { ExactField, parseExact } from "@usage_billing/fields/exact_field";

/** An exact number whose consequences show while it is typed. */
export class ExactLiveField extends ExactField {
    static template = "usage_billing.ExactLiveField";

    setup() {
        super.setup();
        this.commit = useDebounced((text) => {
            let value = false;
            try {
                value = parseExact(text);
            } catch {
                return; // half a number: wait for the rest
            }
            if (value !== this.props.record.data[this.props.name]) {
                this.props.record.update({ [this.props.name]: value });
            }
        }, 250);
    }

    onInput(ev) {
        this.commit(ev.target.value);
    }
}

registry.category("fields").add("exact_live", {
    component: ExactLiveField,
    supportedTypes: ["char"],
    extractProps: ({ placeholder }) => ({ placeholder }),
});
