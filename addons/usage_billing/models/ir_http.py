import werkzeug.exceptions

from odoo import models
from odoo.http import request

from ..api import body
from ..api.problem import ApiProblem
from ..api.words import Sentence as _lt

PREFIX = "/usage/v1/"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _match(cls, path_info):
        try:
            return super()._match(path_info)
        except werkzeug.exceptions.MethodNotAllowed as error:
            response = cls._usage_refusal(path_info, error)
            if response is not None:
                error.error_response = response
            raise

    @classmethod
    def _handle_error(cls, exception):
        """What the framework refuses under the API's address is a problem too.

        A body that is too large, an address or a method that does not exist: none of
        them reaches a route, and a program that expects JSON would get a page.
        """
        response = cls._usage_refusal(request.httprequest.path, exception)
        return super()._handle_error(exception) if response is None else response

    @classmethod
    def _usage_refusal(cls, path, exception):
        """Response to what the framework refuses, None for a page of its own.

        Extension point: another add-on says it for addresses of its own.
        """
        found = _problem(exception) if path.startswith(PREFIX) else None
        return found and _respond(found)


def _respond(found):
    from ..controllers.api import respond_problem  # not before the models

    return respond_problem(found)


def _problem(exception):
    """The problem that an exception of the framework is, None for any other."""
    if isinstance(exception, werkzeug.exceptions.RequestEntityTooLarge):
        return body.too_large()
    if isinstance(exception, werkzeug.exceptions.NotFound):
        return ApiProblem(
            404,
            "not_found",
            _lt("Not found"),
            _lt("There is no such address in the API."),
            action=_lt("See /usage/v1/docs for what there is."),
        )
    if isinstance(exception, werkzeug.exceptions.MethodNotAllowed):
        methods = ", ".join(sorted(exception.valid_methods or ()))
        return ApiProblem(
            405,
            "method_not_allowed",
            _lt("The method is not allowed"),
            _lt("This address does not take this method."),
            action=_lt("Use one of: %(kinds)s.", kinds=methods) if methods else None,
            headers={"Allow": methods},
        )
    return None
