"""What every route of the native API shares: key, problems, JSON, documentation.

Another add-on adds a route like this::

    class QuoteApi(http.Controller):
        @api_route(
            Operation("POST", "/usage/v1/quotes", "createQuote", _lt("Quote a basket"),
                      tag="quotes", scope="quote", body={...}, responses={...})
        )
        def create_quote(self, call):
            basket = call.read_json()
            return 200, {"total": Decimal("12.50")}

The function gets an :class:`ApiCall` and the parameters of the path, and returns
(status, document), (status, document, headers) or a response of its own. Numbers of
type Decimal are written as texts, so that no digit is lost. It raises ``ApiProblem``
for what the caller did wrong.
"""

import logging
import re
from dataclasses import replace
from functools import partial

import msgspec
import psycopg2
import werkzeug.exceptions

from odoo import SUPERUSER_ID, api, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import Response, request

from ..api import body, operations, problem
from ..api import query as queries
from ..api.problem import ApiProblem
from ..api.words import Sentence as _lt
from ..models.usage_ingest import COLLISIONS
from ..row_words import in_language

_logger = logging.getLogger(__name__)

JSON = "application/json"
_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="hex").encode
_path_parameter = re.compile(r"{(\w+)}")
_bearer = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
#: Text parameters may hold a slash: event ids often do.
_CONVERTER = "path"


class ApiCall:
    """One request to the API, after its key was accepted.

    key: models.usage_api_key.KeyFacts, None for addresses without key
    env: superuser's environment in the key's company; the function keeps to the key
    query: query parameters, each as text
    lang: language for texts, by Accept-Language among the installed ones, else English
    """

    def __init__(self, scope):
        self.http = request.httprequest
        self.query = self.http.args
        for name, values in self.query.lists():
            queries.check_text(name[:100], name + values[0])
            if len(values) > 1:
                raise problem.invalid_parameter(
                    name[:100],
                    _lt("The parameter stands %(count)s times.", count=len(values)),
                    _lt("Send it once; several names are separated by commas."),
                )
        self.key = None
        self.lang = _language(self.query.get("lang"))
        env = api.Environment(request.env.cr, SUPERUSER_ID, {})
        if scope:
            self.key = env["usage.api.key"]._check(bearer_token(self.http), scope)
            env = env(
                context={
                    "allowed_company_ids": [self.key.company_id],
                    "lang": self.lang,
                    "tz": "UTC",
                    "tracking_disable": True,
                }
            )
        self.env = env
        request.env = env
        env.transaction.default_env = env

    def find(self, model, number):
        """The record with this number in the key's company, else an empty one.

        :param str number: as it stands in the path
        :raise ApiProblem: it is no number
        """
        return self.env[model].search(
            [
                ("id", "=", queries.read_int({"number": number}, "number", low=1)),
                ("company_id", "=", self.key.company_id),
            ]
        )

    def read_body(self):
        """Bytes of the body, decompressed; bounded by ``api.body.MAX_BODY``.

        :raise ApiProblem: too large, broken off, or of an unknown encoding
        """
        length = self.http.content_length
        if length is not None and length > body.MAX_BODY:
            raise body.too_large()
        try:
            data = self.http.get_data(cache=False)
        except werkzeug.exceptions.RequestEntityTooLarge as error:
            raise body.too_large() from error
        except (werkzeug.exceptions.ClientDisconnected, OSError) as error:
            raise ApiProblem(
                400,
                "incomplete_body",
                _lt("The body is incomplete"),
                _lt("The connection ended before the whole body arrived."),
                field="Content-Length",
                action=_lt("Send the request again."),
                headers={"Connection": "close"},
            ) from error
        # Without a length, a body is cut at the limit and not refused: what is that
        # long may be the beginning of something longer.
        if len(data) > body.MAX_BODY or length is None and len(data) == body.MAX_BODY:
            raise body.too_large()
        return body.decompress(data, self.http.headers.get("Content-Encoding", ""))

    def read_json(self):
        """JSON document of the body; numbers are int or Decimal, with every digit.

        :raise ApiProblem: there is none
        """
        return body.read_json(self.read_body())

    def refuse_unknown_parameters(self, *known):
        """A misspelt or empty parameter must not widen what is read.

        To Odoo, an empty reference is that of every customer who has none.

        :raise ApiProblem: 400
        """
        for name, value in self.query.items():
            if name not in known:
                raise problem.invalid_parameter(
                    name[:100],
                    _lt("There is no such parameter here."),
                    _lt("Known ones: %(names)s.", names=", ".join(known) or "–"),
                )
            if not value and name != "group_by":  # by nothing is an answer
                raise problem.invalid_parameter(
                    name,
                    _lt("The parameter is empty."),
                    _lt("Say which one is meant, or leave the parameter out."),
                )


def _language(wanted=None):
    """Installed language that the caller reads, "en_US" if none."""
    accepted = request.httprequest.headers.get("Accept-Language", "")
    if not wanted and (not accepted or accepted == "*"):
        return "en_US"
    installed = [code for code, _name in _installed_languages()]
    for tag in [wanted] if wanted else _accepted_languages():
        tag = tag.replace("-", "_").lower()
        for code in installed:
            if code.lower() == tag or code.split("_")[0].lower() == tag.split("_")[0]:
                return code
    return "en_US"


def _installed_languages():
    env = api.Environment(request.env.cr, SUPERUSER_ID, {})
    return env["res.lang"].get_installed()


def _accepted_languages():
    """Language tags of the request, best first."""
    return [tag for tag, _quality in request.httprequest.accept_languages]


def bearer_token(httprequest):
    """Token of the Authorization header, "" when there is none."""
    match = _bearer.fullmatch(httprequest.headers.get("Authorization", ""))
    return match[1] if match else ""


def api_route(operation, **routing):
    """Publish a function as an operation of the API; see the module.

    :param operation: api.operations.Operation
    :param routing: further options of ``http.route``
    """
    names = _path_parameter.findall(operation.path)
    path = _path_parameter.sub(rf"<{_CONVERTER}:\1>", operation.path)

    def decorate(function):
        module = function.__module__.split(".")
        operations.register(
            replace(operation, module=module[2] if module[0] == "odoo" else module[0])
        )

        def endpoint(self, **arguments):
            if request.httprequest.method == "OPTIONS":
                return respond_options()
            # Query parameters are among the arguments; the call reads them itself.
            return answer(
                function,
                self,
                operation.scope,
                {name: arguments[name] for name in names},
            )

        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(endpoint, name, getattr(function, name))
        return http.route(
            path,
            type="http",
            auth="none",
            methods=[operation.method],
            csrf=False,
            save_session=False,
            readonly=operation.method == "GET",
            max_content_length=body.MAX_BODY,
            **routing,
        )(endpoint)

    return decorate


def respond_options():
    """Response that names the methods of an address and does nothing.

    Odoo adds OPTIONS to the methods of every route and calls its function: what is
    sent to be stored would be, by a method that promises to be safe (RFC 9110, 9.2.1).
    """
    methods = {"OPTIONS"}
    if request.env is not None:  # the database is there
        routes = request.env["ir.http"].routing_map().bind("")
        methods.update(routes.allowed_methods(request.httprequest.path))
    return Response(status=204, headers={"Allow": ", ".join(sorted(methods))})


def answer(function, controller, scope, arguments):
    """Call a function of the API and write what it returns or raises."""
    if request.env is None:
        # Odoo found no database: it is away. The sender must come again; the 404 of
        # an add-on that is not loaded server-wide would tell it to give up.
        return respond_problem(problem.unavailable(5))
    try:
        for name, value in arguments.items():
            queries.check_text(name, value)
        call = ApiCall(scope)
        response = respond(function(controller, call, **arguments))
        call.env.flush_all()
        return response
    except ApiProblem as error:
        found = error
    except (*COLLISIONS, werkzeug.exceptions.HTTPException):
        raise  # Odoo tries again, or knows what to do
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is JSON
        found = _problem_of(error)
    request.env.cr.rollback()  # what failed must not be half kept
    return respond_problem(found)


def respond(result):
    """Response of what a function returned."""
    if isinstance(result, (Response, werkzeug.wrappers.Response)):
        return result
    status, document, *rest = result
    headers = dict(rest[0]) if rest else {}
    headers.setdefault("Cache-Control", "no-store")
    return Response(
        _encode(document), status=status, headers=headers, content_type=JSON
    )


def respond_problem(error):
    """Response of a problem (RFC 9457), in the language that the caller reads."""
    lang = _language_of_problems()
    return Response(
        _encode(error.body(partial(in_language, lang))),
        status=error.status,
        headers={
            "Cache-Control": "no-store",
            "Content-Language": lang.partition("_")[0],
            "Vary": "Accept-Language",
            **error.headers,
        },
        content_type=problem.MEDIA_TYPE,
    )


def _language_of_problems():
    """A problem is told whatever happens, in English when nothing else can be known."""
    if request.env is None:
        return "en_US"
    try:
        return _language()
    except psycopg2.Error:
        return "en_US"


def _problem_of(error):
    """The problem that an exception is to the caller."""
    if isinstance(error, (MissingError, AccessError)):
        return problem.not_found(_lt("The record does not exist, or not for this key."))
    if isinstance(error, UserError):
        action = _lt("Change the request as the detail says, and send it again.")
        return ApiProblem(
            422, "refused", _lt("Not possible"), error.args[0], action=action
        )
    _logger.error("Request to the API failed", exc_info=error)
    if isinstance(error, psycopg2.OperationalError):
        return problem.unavailable(5)
    return ApiProblem(
        500,
        "internal_error",
        _lt("Something went wrong here"),
        _lt("The request could not be handled; the failure was logged."),
        action=_lt("Send the request again later; tell the operator if it stays."),
    )


__all__ = [
    "ApiCall",
    "answer",
    "api_route",
    "respond",
    "respond_options",
    "respond_problem",
]
