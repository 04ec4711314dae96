# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, http
from odoo.exceptions import AccessError
from odoo.http import request


class Inspection(http.Controller):
    @http.route(
        "/fr_invoicing/inspection/<int:export_id>",
        type="http",
        auth="user",
        methods=["GET"],
        readonly=True,
    )
    def download(self, export_id, **_kwargs):
        """Stream the bundle a person asked for with the wizard; only theirs."""
        export = request.env["fr.archive.export"].browse(export_id).exists()
        if not export or export.create_uid != request.env.user:
            return request.not_found()
        try:
            request.env["fr.archive.entry"].check_access("read")
        except AccessError:
            return request.not_found()
        registry, uid = request.env.registry, request.env.uid
        context = dict(request.env.context)

        def pieces():
            # the request's cursor is closed when the server reads this
            with registry.cursor(readonly=True) as cr:
                env = api.Environment(cr, uid, context)
                yield from env["fr.archive.export"].browse(export_id)._iter_zip()

        return request.make_response(
            pieces(),
            headers=[
                ("Content-Type", "application/zip"),
                (
                    "Content-Disposition",
                    http.content_disposition(export._get_file_name()),
                ),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
