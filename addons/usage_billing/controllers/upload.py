# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from odoo import http
from odoo.exceptions import UserError
from odoo.http import DEFAULT_MAX_CONTENT_LENGTH, request

from ..models.usage_upload import UPLOAD

#: bytes of a request beside its file
MARGIN = 1 << 20


def _most(_controller):
    """Bytes of a request that may come: files of those who may give them are large."""
    form = _form(request.httprequest.path.rpartition("/")[2])
    if form is None or not form._may_upload():
        return DEFAULT_MAX_CONTENT_LENGTH
    return form._get_upload_limit() + MARGIN


def _form(name):
    """The model of a form that takes files, None when it is none."""
    model = request.env.get(name)
    if model is None or model._abstract:
        return None
    return model if isinstance(model, request.env.registry[UPLOAD]) else None


class UsageUpload(http.Controller):
    """Usage files from the browser, on their way to the form of a record."""

    @http.route(
        "/usage/upload/<string:model>",
        type="http",
        auth="user",
        methods=["POST"],
        max_content_length=_most,
    )
    def usage_file(self, model, ufile, **_kw):
        """Keep a file for the record that the user prepares, in constant memory.

        The form parser writes what comes to a temporary file on disk, this copies it
        into the filestore.

        :return: JSON: ``id`` and ``name``, or ``error``, a sentence
        """
        form = _form(model)
        if form is None:
            raise request.not_found()
        try:
            kept = form._keep_upload(ufile.stream, ufile.filename)
            answer = {"id": kept.id, "name": kept.name}
        except UserError as error:
            answer = {"error": str(error)}
        return request.make_response(
            json.dumps(answer), headers=[("Content-Type", "application/json")]
        )
