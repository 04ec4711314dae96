# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models
from odoo.exceptions import UserError

PROTECTED_FIELDS = ("invoice_pdf_report_file", "fr_facturx_xml_file")
CONTENT = {"raw", "datas", "db_datas", "store_fname", "res_id", "res_model"}


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _fr_of_field(self, record, name):
        """Give the attachment behind a binary field, with its bytes as they are.

        :param record: one record
        :param str name: of the field
        :return: one attachment, or none
        """
        record.ensure_one()
        return self.search(
            [
                ("res_model", "=", record._name),
                ("res_id", "=", record.id),
                ("res_field", "=", name),
            ],
            limit=1,
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_fr_facturx(self):
        self._fr_check_facturx()

    def write(self, vals):
        if CONTENT & vals.keys():
            self._fr_check_facturx()
        return super().write(vals)

    def _fr_check_facturx(self):
        """Refuse to change the file of an issued invoice (CGI 289 V: integrity)."""
        candidates = self.filtered(
            lambda attachment: (
                attachment.res_model == "account.move"
                and attachment.res_field in PROTECTED_FIELDS
            )
        )
        if not candidates:
            return
        moves = (
            self.env["account.move"]
            .sudo()
            .browse(set(candidates.mapped("res_id")))
            .exists()
        )
        issued = moves.filtered(
            lambda move: move.state == "posted" and move.fr_facturx_state == "valid"
        )
        issued -= self._fr_get_destroyed(issued)
        if issued:
            raise UserError(
                self.env._(
                    "The Factur-X of %(invoice)s is the invoice your customer "
                    "received: it cannot be changed or deleted. Make a credit note "
                    "instead.",
                    invoice=issued[:1].name,
                )
            )

    def _fr_get_destroyed(self, moves):
        """Give those of these invoices whose archived files were destroyed.

        Destroyed on purpose after their retention (fr_archive_destruction.py): the copy
        on the invoice goes with them.
        """
        destroyed = (
            self.env["fr.archive.entry"]
            .sudo()  # whether they are destroyed, no more
            .search(
                [
                    ("model", "=", "account.move"),
                    ("res_id", "in", moves.ids),
                    ("kind", "in", ("pdf", "xml")),
                    ("destroyed_at", "!=", False),
                ]
            )
        )
        return moves.browse(destroyed.mapped("res_id"))
