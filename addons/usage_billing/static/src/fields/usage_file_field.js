import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { Component, onWillUnmount, useRef, useState } from "@odoo/owl";

/**
 * A file of any size on its way to a form: sent as it is, not as text within a call,
 * so that neither the browser nor the server holds it in memory. What is wrong is said
 * below the button, before the file leaves or as soon as the server says so.
 */
export class UsageFileField extends Component {
    static template = "usage_billing.UsageFileField";
    static props = {
        ...standardFieldProps,
        accept: { type: String, optional: true },
    };
    static defaultProps = { accept: ".csv,.tsv,.txt,.gz" };

    setup() {
        this.state = useState({ percent: null, problem: "", isOver: false });
        this.input = useRef("input");
        onWillUnmount(() => this.request?.abort());
    }

    get fileName() {
        const value = this.props.record.data[this.props.name];
        return value && (value.display_name || this.props.record.data.file_name);
    }

    choose() {
        this.input.el.click();
    }

    onChange(ev) {
        const [file] = ev.target.files;
        if (file) {
            this.send(file);
        }
        ev.target.value = "";
    }

    onDrop(ev) {
        this.state.isOver = false;
        const [file] = ev.dataTransfer.files;
        if (file && !this.props.readonly && this.state.percent === null) {
            this.send(file);
        }
    }

    clear() {
        this.state.problem = "";
        return this.props.record.update({ [this.props.name]: false, file_name: false });
    }

    cancel() {
        this.request.abort();
    }

    send(file) {
        const { upload_limit: limit, upload_text: text } = this.props.record.data;
        this.state.problem = "";
        if (limit && file.size > limit) {
            const problem = _t("%(name)s is too large: nothing was sent.", {
                name: file.name,
            });
            this.state.problem = `${problem} ${text}`;
            return;
        }
        const body = new FormData();
        body.append("csrf_token", odoo.csrf_token);
        body.append("ufile", file);
        const request = new XMLHttpRequest();
        this.request = request;
        this.state.percent = 0;
        request.open("POST", `/usage/upload/${this.props.record.resModel}`);
        request.upload.onprogress = (ev) => {
            this.state.percent = Math.floor((100 * ev.loaded) / ev.total);
        };
        request.onload = () => this.onAnswer(request, file);
        request.onerror = () => this.fail(file, "");
        request.onabort = () => {
            this.state.percent = null;
        };
        request.send(body);
    }

    async onAnswer(request, file) {
        let answer = {};
        try {
            answer = JSON.parse(request.responseText);
        } catch {
            // a page of whoever stands before Odoo
        }
        if (request.status !== 200 || !(answer.id || answer.error)) {
            return this.fail(file, request.status);
        }
        this.state.percent = null;
        if (answer.error) {
            this.state.problem = answer.error;
            return;
        }
        await this.props.record.update({
            [this.props.name]: { id: answer.id, display_name: answer.name },
            file_name: file.name,
        });
    }

    fail(file, status) {
        this.state.percent = null;
        if (status === 413) {
            this.state.problem = _t(
                "%(name)s is larger than the server takes (413). Nothing was kept. Cut it into several files, or ask your administrator to allow more.",
                { name: file.name }
            );
        } else {
            this.state.problem = _t(
                "%(name)s did not arrive (%(status)s). Nothing was kept: choose it again.",
                { name: file.name, status: status || _t("the connection was lost") }
            );
        }
    }
}

registry.category("fields").add("usage_file", {
    component: UsageFileField,
    displayName: _t("Usage File"),
    supportedTypes: ["many2one"],
    extractProps: ({ options }) => ({ accept: options.accept }),
    fieldDependencies: [
        { name: "upload_limit", type: "float" },
        { name: "upload_text", type: "char" },
        { name: "file_name", type: "char" },
    ],
});
