import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { KeepLast } from "@web/core/utils/concurrency";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { UsageChart } from "../portal/usage_chart";

import { Component, onWillStart, useState } from "@odoo/owl";

/** Which fields of the page go to the server, and into the address of the file. */
const OPTIONS = ["meter_id", "start", "end", "bucket", "group", "subscription_id", "partner_id"];

/**
 * Usage by hour, day or month, per machine, data centre or service. Every figure and its
 * text come from the server: nothing is computed here.
 */
export class UsageReport extends Component {
    static template = "usage_billing.UsageReport";
    static components = { Layout, RecordSelector, UsageChart };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.state = useState({
            meters: [],
            options: {
                meter_id: 0,
                start: "",
                end: "",
                bucket: "day",
                group: "",
                subscription_id: false,
                partner_id: false,
                ...this.props.action.params?.options,
            },
            page: null,
            isLoading: false,
            version: 0,
        });
        onWillStart(() => this.start());
    }

    get display() {
        return { controlPanel: {} };
    }

    get buckets() {
        return [
            { key: "hour", name: _t("Hour") },
            { key: "day", name: _t("Day") },
            { key: "month", name: _t("Month") },
        ];
    }

    get fileUrl() {
        const { options } = this.state;
        const parts = OPTIONS.filter((name) => options[name]).map(
            (name) => `${name}=${encodeURIComponent(options[name])}`
        );
        return `/usage/report.csv?${parts.join("&")}`;
    }

    async start() {
        const choices = await this.orm.call("usage.report", "get_choices", []);
        const { options } = this.state;
        this.state.meters = choices.meters;
        options.meter_id = options.meter_id || choices.meters[0]?.id || 0;
        options.start = options.start || choices.start;
        options.end = options.end || choices.last_day;
        if (options.meter_id) {
            await this.load();
        }
    }

    async load() {
        this.state.isLoading = true;
        try {
            const page = await this.keepLast.add(
                this.orm.call("usage.report", "get_page", [{ ...this.state.options }])
            );
            this.state.page = page;
            this.state.version++;
        } finally {
            this.state.isLoading = false;
        }
    }

    async set(name, value) {
        const { options } = this.state;
        options[name] = value;
        if (name === "meter_id") {
            options.meter_id = parseInt(value); // templates know no parseInt
            options.group = "";
        }
        if (options.start && options.end) {
            await this.load();
        }
    }

    /** The month before or after the first day shown. */
    async move(step) {
        const first = luxon.DateTime.fromISO(this.state.options.start).startOf("month");
        const start = first.plus({ months: step });
        this.state.options.start = start.toISODate();
        this.state.options.end = start.endOf("month").toISODate();
        await this.load();
    }
}

registry.category("actions").add("usage_billing.usage_report", UsageReport);
