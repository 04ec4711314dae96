# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.exceptions import UserError

from .. import bridge
from ..einvoice import facturx
from ..einvoice.errors import EinvoiceError


class AccountMove(models.Model):
    """A file that no platform took is made again when what it says has changed.

    One that waits for an open address, or that the platform turned away at the door
    (acknowledgement in error), was never issued and goes again under its number. The
    entry is sealed and stays; what may have changed is the customer's electronic
    address, identity or references. Both files are archived.
    """

    _inherit = "account.move"

    def _fr_remake_facturx(self):
        """Make the Factur-X again, if it would say something else than it does.

        :return: whether there is a new file
        :rtype: bool
        :raise UserError: a platform may have the file, or the new one is not valid
        """
        self.ensure_one()
        move = self.sudo()  # the biller may issue, files are not theirs to write
        if not (move.fr_facturx_state == "valid" and move._fr_says_something_else()):
            return False
        move._fr_refuse_handed_over(
            move.fr_flow_ids.filtered(
                lambda flow: flow.direction == "out" and flow.kind == "invoice"
            )
        )
        with self.env.cr.savepoint():
            move._fr_set_outcome("none", [])
            move.flush_recordset(
                ["fr_facturx_state"]
            )  # read by the guard of the archive
            move._fr_get_issued_files()._fr_step_aside()
            move.invalidate_recordset(
                [
                    "invoice_pdf_report_id",
                    "invoice_pdf_report_file",
                    "fr_facturx_xml_file",
                ]
            )
            move._fr_generate_facturx()
            if move.fr_facturx_state != "valid":
                # the former file comes back with the savepoint
                raise UserError(move._fr_get_findings_text())
        move.message_post(
            body=self.env._(
                "The Factur-X was made again before it is transmitted: no platform had "
                "taken the former one, which stays in the archive."
            )
        )
        return True

    def _fr_says_something_else(self):
        """Say whether the document built now differs from the one that was issued."""
        self.ensure_one()
        try:
            builder = bridge.DocumentBuilder(self, self._fr_get_wordings()[self])
            xml = facturx.to_xml(builder.build())
        except EinvoiceError:
            return False
        return xml != self._fr_get_xml_attachment().raw

    def _fr_get_issued_files(self):
        """Give the attachments of the Factur-X: the PDF and its XML."""
        self.ensure_one()
        return self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "=", self.id),
                ("res_field", "in", self._get_fields_to_detach()),
            ]
        )
