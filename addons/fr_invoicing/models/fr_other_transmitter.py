# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""No invoice leaves twice: what Odoo's own transmitters do, and ours, exclude."""

from odoo import api, models

from ..einvoice import mentions
from ..transmission import delivery
from .fr_einvoice_flow import LIVE

# proxy types of Odoo's own approved platform (l10n_fr_pdp of later releases)
STATE_PLATFORMS = ("pdp", "l10n_fr_pdp")
PEPPOL_BUSY = ("to_send", "processing", "done")


class ResCompany(models.Model):
    _inherit = "res.company"

    def _fr_get_other_platform(self):
        """Name another add-on that transmits this company's French invoices.

        :return: "" when there is none
        :rtype: str
        """
        self.ensure_one()
        if "account_edi_proxy_client.user" not in self.env:
            return ""
        users = self.env["account_edi_proxy_client.user"].sudo()  # any of the company
        known = users._fields["proxy_type"].get_values(self.env)
        kinds = [kind for kind in STATE_PLATFORMS if kind in known]
        if kinds and users.search_count(
            [("company_id", "=", self.id), ("proxy_type", "in", kinds)], limit=1
        ):
            return self.env._("Odoo's approved platform")
        return ""


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_get_other_transmitter(self):
        """Name the other way this invoice leaves, or left, by.

        :return: "" when there is none
        :rtype: str
        """
        self.ensure_one()
        if other := self.company_id._fr_get_other_platform():
            return other
        if (
            "peppol_move_state" in self._fields
            and self.peppol_move_state in PEPPOL_BUSY
        ):
            return "Peppol"
        return ""

    def _fr_has_one_original(self):
        """Say whether the customer gets our Factur-X and no file of Odoo's."""
        self.ensure_one()
        return (
            self._fr_needs_facturx()
            and not self.ubl_cii_xml_id
            and self.commercial_partner_id._fr_get_buyer_kind() == mentions.BUSINESS
        )

    def _fr_is_in_transmission(self):
        """Say whether our platform has this invoice, or will."""
        self.ensure_one()
        return self.fr_transmission_state in (*LIVE, delivery.HELD)


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _is_applicable_to_move(self, method, move, **move_data):
        """Offer Peppol for no invoice that goes by the approved platform.

        Nor to a French business, which gets our file: Odoo would look it up first, and
        write the answer on a partner the biller may not change.
        """
        if method == "peppol" and (
            move._fr_is_in_transmission()
            or move._fr_has_one_original()
            or (move._fr_get_platform() and move._fr_is_for_platform())
        ):
            return False
        return super()._is_applicable_to_move(method, move, **move_data)

    @api.model
    def _get_alerts(self, moves, moves_data):
        """Say how an invoice leaves, where someone may look for Peppol."""
        alerts = super()._get_alerts(moves, moves_data)
        ours = moves.filtered(
            lambda move: move._fr_get_platform() and move._fr_is_for_platform()
        )
        if ours:
            alerts["fr_invoicing_platform"] = {
                "level": "info",
                "message": self.env._(
                    "%(count)s of these invoices go to the customer by the approved "
                    "platform %(platform)s. A mail is a copy.",
                    count=len(ours),
                    platform=ours[0]._fr_get_platform().name,
                ),
            }
            for key in (
                "account_peppol_what_is_peppol",
                "account_peppol_demo_test_mode",
            ):
                if len(ours) == len(moves):
                    alerts.pop(key, None)
        return alerts

    @api.model
    def _hook_if_success(self, moves_data, from_cron=False):
        """Transmit what a person sends, where the platform waits for that."""
        result = super()._hook_if_success(moves_data, from_cron=from_cron)
        for move in moves_data:
            if move.fr_facturx_state == "valid":
                move._fr_transmit()
        return result
