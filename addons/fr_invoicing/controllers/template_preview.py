# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import http
from odoo.http import request

from ..einvoice import pdf
from ..einvoice.errors import EinvoiceError
from ..messages import message


class TemplatePreview(http.Controller):
    """The sample page of an invoice template, as PDF."""

    @http.route(
        "/fr_invoicing/template/<int:template_id>/<string:lang>",
        type="http",
        auth="user",
        readonly=True,
    )
    def template(self, template_id, lang):
        """Show the template as it is now, to whoever may read it."""
        template = request.env["fr.invoice.template"].browse(template_id)
        return self._show(template, lang)

    @http.route(
        "/fr_invoicing/template/version/<int:version_id>/<string:lang>",
        type="http",
        auth="user",
        readonly=True,
    )
    def version(self, version_id, lang):
        """Show a version as it was printed."""
        version = request.env["fr.invoice.template.version"].browse(version_id)
        return self._show(version, lang)

    def _show(self, source, lang):
        """Draw the sample page.

        :param source: template or version
        :param str lang: "fr" or "en"
        """
        if not source.exists() or lang not in ("fr", "en"):
            return request.not_found()
        source.check_access("read")
        is_french = lang == "fr"
        pages = request.env["fr.invoice.page"]
        try:
            html = pages._render_sample(
                source.company_id, source._get_look(is_french), is_french, screen=False
            )
            content = pdf.render_page(html, fonts=pages._get_fonts())
        except EinvoiceError as error:
            text = message(request.env, error.code, error.facts)
            return request.make_response(text, status=422)
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "application/pdf"),
                ("Content-Disposition", 'inline; filename="template.pdf"'),
            ],
        )
