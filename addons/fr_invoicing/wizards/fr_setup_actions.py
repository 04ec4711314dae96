# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_bank import sanitize_account_number


class FrSetup(models.TransientModel):
    """The buttons of the page."""

    _inherit = "fr.setup"

    @api.model
    def action_open(self):
        """Open the page for the current company."""
        return self.create({"company_id": self.env.company.id})._stay()

    def _stay(self):
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "fr_invoicing.fr_setup_action"
            ),
            "res_id": self.id,
        }

    def action_take_vat(self):
        """Write the TVA number that belongs to the SIREN."""
        self.ensure_one()
        if self.proposed_vat:
            self.vat = self.proposed_vat
        return self._stay()

    def action_add_bank(self):
        """Add the IBAN to the company and to the invoices."""
        self.ensure_one()
        self._check_right()
        number = sanitize_account_number(self.new_iban or "")
        banks = self.env["res.partner.bank"].sudo()  # the page writes nothing else
        if banks.retrieve_acc_type(number) != "iban":
            raise UserError(
                self.env._(
                    "“%(value)s” is not a valid IBAN. Check it on the bank's document.",
                    value=self.new_iban or "",
                )
            )
        partner = self.company_id.sudo().partner_id
        known = banks.with_context(active_test=False).search(
            [
                ("partner_id", "=", partner.id),
                ("sanitized_acc_number", "=", number),
            ]
        )
        if known:
            known.active = True
        else:
            banks.create(
                {
                    "acc_number": self.new_iban,
                    "partner_id": partner.id,
                    "company_id": self.company_id.id,
                    "allow_out_payment": True,
                }
            )
        self.new_iban = False
        self.invalidate_recordset()
        return self._stay()

    def action_apply_taxes(self):
        """Load the French chart when there is none, then taxes and positions."""
        self.ensure_one()
        self._check_right()
        company = self.company_id.sudo()  # as the chart's own set-up does
        if not company.chart_template:
            if not self.territory_name:
                raise UserError(self.env._("Choose the country of the company first."))
            self.env["account.chart.template"].sudo().try_loading(
                "fr", company, install_demo=False
            )
        self.env["account.tax"].sudo()._fr_assign_profiles(company)
        company._fr_ensure_territories()
        return self._stay()

    def action_check_customers(self):
        """Look for what would block invoices."""
        self.ensure_one()
        return self.env["fr.blocker"].action_open_report()

    def action_open_platform(self):
        """Open the approved platforms."""
        return self._open_model("fr.platform")

    def action_open_seal(self):
        """Open the signing keys."""
        return self._open_model("fr.seal.key")

    def _open_model(self, model):
        if model not in self.env:
            raise UserError(self.env._("This part is not installed."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env["ir.model"]._get(model).name,
            "res_model": model,
            "views": [[False, "list"], [False, "form"]],
        }

    def action_open_rates(self):
        """Open the reference rates."""
        return self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_penalty_rate_action"
        )

    def action_open_company(self):
        """Open the whole form of the company (logo, layout)."""
        self.ensure_one()
        return self.company_id._get_records_action()
