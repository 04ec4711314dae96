# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import SUPERUSER_ID, http
from odoo.http import request

# a call tells of one flow: a few hundred bytes
MAX_BODY = 64 * 1024


class PlatformCall(http.Controller):
    @http.route(
        "/fr_invoicing/platform/<string:token>",
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        max_content_length=MAX_BODY,
    )
    def news(self, token, **_arguments):
        """Be told by an approved platform that there is news; its signature is checked.

        Who may call is known by the address and the signature, not by a session.
        """
        if request.env is None:
            return request.make_response("", status=503)
        call = request.httprequest
        status = request.env(user=SUPERUSER_ID)["fr.platform"]._take_call(
            token,
            call.get_data(),
            call.headers.get("Afnor-Signature-Timestamp", ""),
            call.headers.get("Afnor-Signature", ""),
        )
        return request.make_response("", status=status)
