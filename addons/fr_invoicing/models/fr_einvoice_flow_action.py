# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.exceptions import UserError

from ..transmission import delivery


class FrEinvoiceFlowAction(models.Model):
    """What a person does with a transmitted document: retry, cancel, look at it."""

    _inherit = "fr.einvoice.flow"

    def action_retry(self):
        """Try again what a person repaired: to be sent, or to be read."""
        self._check_may_act()
        flows = self.sudo()  # nobody writes flows but these methods
        for flow in flows:
            if flow.state == delivery.HELD:
                flow._release()
            elif flow.state == delivery.FAILED:
                flow._set_state(delivery.RECEIVED)
            elif flow.state in (delivery.WAITING, delivery.SENDING):
                flow.next_attempt_at = False
            elif flow.state == delivery.REJECTED and flow.kind == "invoice":
                flow.move_id._fr_remake_facturx()
                flow.move_id._fr_transmit()
            else:
                raise UserError(
                    self.env._("There is nothing to try again for %s.", flow.filename)
                )
        flows.platform_id.retry_at = False
        self.env["fr.platform"]._trigger()
        return True

    def _release(self):
        """Let a held document go on, as a new file where what it says has changed.

        A file that waits at a closed address is of no use: made again, it bears the
        address chosen since.
        """
        self.ensure_one()
        move = self.move_id
        is_directory = (self.error_code or "").startswith("directory_")
        if self.kind == "invoice" and is_directory and move._fr_says_something_else():
            self._set_state(delivery.CANCELLED)
            move._fr_remake_facturx()
            move._fr_transmit()
            return
        self._set_state(delivery.WAITING, next_attempt_at=False)

    def action_cancel(self):
        """Take a document out of the outbox before it leaves."""
        self._check_may_act()
        for flow in self.sudo():  # nobody writes flows but these methods
            if not delivery.may_move(flow.state, delivery.CANCELLED):
                raise UserError(
                    self.env._(
                        "%(flow)s may have left: it cannot be cancelled. Make a credit "
                        "note instead.",
                        flow=flow.filename,
                    )
                )
            flow._set_state(delivery.CANCELLED)
        return True

    def action_confirm_sent(self):
        """Say that the platform has it (answer lost, platform cannot be asked)."""
        self._check_may_act()
        for flow in self.sudo().filtered(  # nobody writes flows but these methods
            lambda flow: flow.error_code == "uncertain"
        ):
            flow._set_state(delivery.SENT, handed_over_at=fields.Datetime.now())
        return True

    def action_open_invoice(self):
        """Open the invoice or bill."""
        self.ensure_one()
        return self.move_id._get_records_action(name=self.move_id.display_name)

    def action_download(self):
        """Download the file as it was transmitted."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/content"
            f"?download=true&filename_field=filename",
            "target": "download",
        }

    def _check_may_act(self):
        """Let those who bill act on the documents they see."""
        self.check_access("read")
        if not self.env.user.has_group("account.group_account_invoice"):
            raise UserError(self.env._("Only those who issue invoices may do this."))
