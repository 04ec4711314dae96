import { loadBundle } from "@web/core/assets";
import { registry } from "@web/core/registry";
import { Component, onMounted, onWillStart, onWillUnmount, useRef } from "@odoo/owl";

const { luxon } = window;

// Okabe-Ito colours: told apart by colour-blind readers too.
const COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A"];

/**
 * Stacked bars of usage by local day. The figures and their texts come from the server,
 * the same as in the table beside it: nothing is computed here.
 */
export class UsageChart extends Component {
    static template = "usage_billing.UsageChart";
    static props = {
        labels: { type: Array, element: String },
        titles: { type: Array, element: String },
        series: {
            type: Array,
            element: {
                type: Object,
                shape: {
                    name: String,
                    values: { type: Array, element: String },
                    texts: { type: Array, element: String },
                },
            },
        },
        unit: String,
        title: String,
    };

    setup() {
        this.canvas = useRef("canvas");
        this.chart = null;
        onWillStart(() => loadBundle("web.chartjs_lib"));
        onMounted(() => {
            this.chart = new window.Chart(this.canvas.el, this.config);
        });
        onWillUnmount(() => this.chart?.destroy());
    }

    get config() {
        const { labels, titles, series, unit } = this.props;
        return {
            type: "bar",
            data: {
                labels,
                datasets: series.map(({ name, values }, index) => ({
                    label: name,
                    data: values.map(Number),
                    backgroundColor: COLORS[index % COLORS.length],
                })),
            },
            options: {
                locale: luxon.Settings.defaultLocale,
                animation: false,
                responsive: true,
                maintainAspectRatio: false,
                interaction: { mode: "index", intersect: false },
                scales: {
                    x: { stacked: true, grid: { display: false } },
                    y: {
                        stacked: true,
                        beginAtZero: true,
                        title: { display: Boolean(unit), text: unit },
                    },
                },
                plugins: {
                    legend: {
                        display: series.length > 1,
                        position: "bottom",
                        labels: { boxWidth: 12 },
                    },
                    tooltip: {
                        callbacks: {
                            title: ([item]) => titles[item.dataIndex],
                            label: (item) =>
                                `${item.dataset.label}: ${
                                    series[item.datasetIndex].texts[item.dataIndex]
                                }`,
                        },
                    },
                },
            },
        };
    }
}

registry.category("public_components").add("usage_billing.UsageChart", UsageChart);
