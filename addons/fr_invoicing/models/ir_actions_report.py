# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
from collections import OrderedDict

from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """Print the issued Factur-X, and drafts on the same page template.

        Odoo's template needs a patched wkhtmltopdf for its header and footer; ours does
        not, and what is printed must be what was sent.
        """
        if not res_ids or not self._is_invoice_report(report_ref):
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        moves = self.env["account.move"].browse(res_ids)
        ours = moves.filtered(lambda move: move._fr_has_page())
        if not ours:
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        others = moves - ours
        streams = (
            super()._render_qweb_pdf_prepare_streams(report_ref, data, others.ids)
            if others
            else {}
        )
        for move in ours:
            content = move._fr_get_printable_pdf()
            streams[move.id] = {"stream": io.BytesIO(content), "attachment": None}
        return OrderedDict((move.id, streams[move.id]) for move in moves)

    def _render_qweb_html(self, report_ref, docids, data=None):
        """Show the same page in the portal and in the print preview."""
        moves = self.env["account.move"]
        if docids and self._is_invoice_report(report_ref):
            ids = [docids] if isinstance(docids, int) else list(docids)
            moves = moves.browse(ids)
        if len(moves) != 1 or not moves._fr_has_page():
            return super()._render_qweb_html(report_ref, docids, data)
        return moves._fr_get_page_html(), "html"
