# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import bridge
from ..einvoice import facturx, validate
from ..einvoice.errors import EinvoiceError
from ..einvoice.findings import FATAL
from ..messages import message

CII, UBL = "fr_cii", "fr_ubl"


class AccountMove(models.Model):
    """The issued document in its other syntaxes, for platforms and customers.

    CII is the XML of the Factur-X itself. UBL is written from it, never from the
    records: whatever changed since, it says what was issued. It passes the official
    UBL rules before anybody gets it, and is made once.
    """

    _inherit = "account.move"

    fr_ubl_xml_file = fields.Binary(
        string="UBL XML", attachment=True, readonly=True, copy=False
    )

    # === Actions === #

    def action_fr_download_pdf(self):
        """Download the Factur-X, several as a ZIP."""
        return self._fr_download("pdf")

    def action_fr_download_cii(self):
        """Download the CII XML, several as a ZIP."""
        return self._fr_download(CII)

    def action_fr_download_ubl(self):
        """Download the UBL XML, several as a ZIP."""
        return self._fr_download(UBL)

    def _fr_download(self, filetype):
        """Give the address of the files, made now where they are not yet.

        :raise UserError: one of the documents is not valid, with what to correct
        """
        moves = self.filtered("fr_is_concerned")
        if not moves or moves.filtered(lambda move: move.state != "posted"):
            raise UserError(
                self.env._(
                    "Electronic documents are made of posted customer invoices and "
                    "credit notes of a French company."
                )
            )
        moves._fr_generate_facturx()
        for move in moves:
            if move._fr_needs_facturx() and move.fr_facturx_state != "valid":
                raise UserError(
                    self.env._(
                        "%(document)s cannot be issued:\n%(findings)s",
                        document=move.name,
                        findings=move._fr_get_findings_text(),
                    )
                )
            if filetype == UBL:
                move._fr_get_ubl()
        ids = ",".join(map(str, moves.ids))
        return {
            "type": "ir.actions.act_url",
            "url": f"/account/download_invoice_documents/{ids}/{filetype}",
            "target": "download",
        }

    # === Files === #

    def _fr_get_cii(self):
        """Give the CII XML of the issued document.

        :rtype: bytes
        :raise UserError: there is none
        """
        self.ensure_one()
        attachment = self._fr_get_xml_attachment()
        if not attachment:
            raise UserError(
                self.env._(
                    "The Factur-X of %(invoice)s is not made yet.", invoice=self.name
                )
            )
        return attachment.raw

    def _fr_get_ubl(self):
        """Give the UBL XML of the issued document, checked, the same each time.

        :rtype: bytes
        :raise UserError: it could not be written, or breaks a rule
        """
        self.ensure_one()
        if attachment := self._fr_get_ubl_attachment():
            return attachment.raw
        try:
            xml = facturx.cii_to_ubl(self._fr_get_cii())
            findings = validate.check({self.name: xml})[self.name]
        except EinvoiceError as error:
            facts = {**error.facts, "number": self.name}
            raise UserError(message(self.env, error.code, facts)) from error
        fatal = [found for found in findings if found.severity == FATAL]
        if fatal:
            raise UserError(
                "\n".join(f"{found.rule}: {found.message}" for found in fatal)
            )
        # a reader of the invoice may have its UBL; only we may write it
        self.env["ir.attachment"].sudo().create(
            {
                "name": self._fr_get_export_name(UBL),
                "raw": xml,
                "mimetype": "application/xml",
                "res_model": self._name,
                "res_id": self.id,
                "res_field": "fr_ubl_xml_file",
            }
        )
        self.invalidate_recordset(["fr_ubl_xml_file"])
        return xml

    def _fr_get_ubl_attachment(self):
        # the caller can read the invoice; the file belongs to the field
        return self.env["ir.attachment"].sudo()._fr_of_field(self, "fr_ubl_xml_file")

    def _fr_get_export_name(self, filetype):
        number = (self.name or "").replace("/", "_")
        return f"{number}_{'cii' if filetype == CII else 'ubl'}.xml"

    # === Odoo's hooks === #

    def _get_invoice_legal_documents(self, filetype, allow_fallback=False):
        """Give the document in one of our syntaxes (route of Odoo's downloads)."""
        if filetype not in (CII, UBL):
            return super()._get_invoice_legal_documents(filetype, allow_fallback)
        self.ensure_one()
        if self.fr_facturx_state != "valid":
            return None
        content = self._fr_get_cii() if filetype == CII else self._fr_get_ubl()
        return {
            "filename": self._fr_get_export_name(filetype),
            "filetype": "xml",
            "content": content,
        }

    def _get_fields_to_detach(self):
        """Detach the UBL with the rest when the invoice goes back to draft."""
        return [*super()._get_fields_to_detach(), "fr_ubl_xml_file"]


class AccountMoveSend(models.AbstractModel):
    """Offers the separate XML files when an invoice is sent."""

    _inherit = "account.move.send"

    @api.model
    def _get_move_constraints(self, move):
        """Let self-billed documents be sent to the supplier like customer invoices."""
        constraints = super()._get_move_constraints(move)
        if move.fr_is_concerned and bridge.is_self_billed(move):
            constraints.pop("not_sale_document", None)
        return constraints

    @api.model
    def _get_all_extra_edis(self):
        return {
            **super()._get_all_extra_edis(),
            CII: {
                "label": self.env._("CII (XML beside the PDF)"),
                "is_applicable": self._fr_is_export_offered,
                "help": self.env._("The XML of the Factur-X as a file of its own."),
            },
            UBL: {
                "label": self.env._("UBL (XML beside the PDF)"),
                "is_applicable": self._fr_is_export_offered,
                "help": self.env._("The same document as UBL 2.1."),
            },
        }

    @api.model
    def _fr_is_export_offered(self, move):
        return move._fr_needs_facturx()

    @api.model
    def _get_default_extra_edis(self, move):
        """Leave ours out unless the customer wants them: the PDF holds the XML."""
        wanted = move.commercial_partner_id.fr_extra_format
        return {
            key
            for key in super()._get_default_extra_edis(move)
            if key not in (CII, UBL) or key == wanted
        }

    @api.model
    def _get_mail_params(self, move, move_data):
        """Add the XML files chosen for this sending."""
        params = super()._get_mail_params(move, move_data)
        if move.fr_facturx_state != "valid":
            return params
        chosen = move_data.get("extra_edis") or {}
        extra = [
            (move._fr_get_export_name(key), get())
            for key, get in ((CII, move._fr_get_cii), (UBL, move._fr_get_ubl))
            if key in chosen
        ]
        return {**params, "attachments": [*params["attachments"], *extra]}


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class AccountMoveSendWizard(models.TransientModel):
    _inherit = "account.move.send.wizard"

    @api.depends("move_id")
    def _compute_extra_edi_checkboxes(self):
        """Offer our formats also where the customer did not ask for them."""
        result = super()._compute_extra_edi_checkboxes()
        edis = self._get_all_extra_edis()
        for wizard in self:
            offered = {
                key: {
                    "checked": False,
                    "label": edis[key]["label"],
                    "help": edis[key]["help"],
                }
                for key in (CII, UBL)
                if edis[key]["is_applicable"](wizard.move_id)
            }
            wizard.extra_edi_checkboxes = {
                **offered,
                **(wizard.extra_edi_checkboxes or {}),
            }
        return result
