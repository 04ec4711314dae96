# Part of Relevé. See LICENSE file for full copyright and licensing details.
import werkzeug.exceptions

from odoo import models
from odoo.http import request

from odoo.addons.usage_billing.api import problem as problems

from ..faces import lago, openmeter, stripe

#: Address -> face that its clients understand.
FACES = {
    "/api/v1/": lago,
    "/usage/openmeter/": openmeter,
    "/usage/stripe/": stripe,
}


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _usage_refusal(cls, path, exception):
        """What a face does not have is said as its client reads it.

        The clients expect JSON: from a page they make "invalid response" or a 500 of
        their own, which hides what is wrong.
        """
        face = _face_of(path)
        if face and isinstance(
            exception,
            werkzeug.exceptions.NotFound | werkzeug.exceptions.MethodNotAllowed,
        ):
            return _refuse(face, exception)
        return super()._usage_refusal(path, exception)


def _face_of(path):
    """Face that an address belongs to, None for any other address."""
    for prefix, face in FACES.items():
        if path.startswith(prefix):
            return face
    return None


def _refuse(face, exception):
    """A call that the other system has and this server has not."""
    from ..controllers.door import refuse  # not before the models

    status = exception.code
    message = request.httprequest
    found = problems.ApiProblem(
        status,
        "not_supported" if status == 404 else "method_not_allowed",
        "Not supported",
        f"{message.method} {message.path[:200]} is not supported by this server.",
    )
    if status == 405:
        found.headers["Allow"] = ", ".join(sorted(exception.valid_methods or ()))
    return refuse(face, found, {})
