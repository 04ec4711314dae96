# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from odoo import http
from odoo.exceptions import UserError
from odoo.http import DEFAULT_MAX_CONTENT_LENGTH, request

from ..const import UPLOAD_MARGIN
from ..models.billing_delivery import IMPORTER


def _most(_controller):
    """Bytes of a request that may come: files of those who import may be large."""
    if not request.env.user.has_group(IMPORTER):
        return DEFAULT_MAX_CONTENT_LENGTH
    return request.env["billing.import.wizard"]._get_upload_limit() + UPLOAD_MARGIN


class UsageUpload(http.Controller):
    """Usage files from the browser, on their way to the import."""

    @http.route(
        "/billing/usage_file",
        type="http",
        auth="user",
        methods=["POST"],
        max_content_length=_most,
    )
    def usage_file(self, ufile, **_kw):
        """Keep a file for the import that the user prepares, in constant memory.

        The form parser writes what comes to a temporary file on disk, this copies it
        into the filestore.

        :return: JSON: ``id`` and ``name``, or ``error``, a sentence
        """
        try:
            kept = request.env["billing.import.wizard"]._keep_upload(
                ufile.stream, ufile.filename
            )
            answer = {"id": kept.id, "name": kept.name}
        except UserError as error:
            answer = {"error": str(error)}
        return request.make_response(
            json.dumps(answer), headers=[("Content-Type", "application/json")]
        )
