# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the faces have in common: key, body, and errors in each client's words."""

import base64
import binascii
import functools
import logging

import msgspec
import psycopg2
from psycopg2.pool import PoolError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from odoo import SUPERUSER_ID, api, http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.usage_billing.api import problem as problems
from odoo.addons.usage_billing.controllers.api import respond_options

from ..faces.reading import unpack
from ..faces.values import BodyProblem, EventProblems, FieldProblem

_logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder(decimal_format="number").encode
#: what a client sends that cannot be read
UNREADABLE = (BodyProblem, EventProblems, FieldProblem)


def route(face, path, method, limit=2 << 20, **facts):
    """A route of a face.

    :param face: module of ``faces`` that writes the errors
    :param path: one path or several
    :param int limit: bytes of a body, also after unpacking
    :param facts: for the face's ``write_problem``
    """

    def decorate(endpoint):
        @http.route(
            path,
            type="http",
            auth="none",
            methods=[method],
            csrf=False,
            save_session=False,
            readonly=method == "GET",  # without a login, Odoo takes all for readers
            max_content_length=limit,
        )
        @functools.wraps(endpoint)
        def run(self, **parameters):
            if request.httprequest.method == "OPTIONS":
                return respond_options()
            if request.env is None:  # the database is away
                return refuse(face, problems.unavailable(5), facts)
            env = api.Environment(request.env.cr, SUPERUSER_ID, {"lang": "en_US"})
            request.env = env.transaction.default_env = env
            try:
                return endpoint(self, **parameters)
            except (*UNREADABLE, problems.ApiProblem, HTTPException) as error:
                return refuse(face, error, facts)
            except (psycopg2.OperationalError, PoolError) as error:
                # collisions that lasted, a database that went away, too many at once
                _logger.warning("%s: nothing stored, %s", path, error)
                return refuse(face, problems.unavailable(), facts)
            except UserError as error:
                refused = problems.ApiProblem(422, "refused", "Refused", error.args[0])
                return refuse(face, refused, facts)
            except Exception:
                # the client must be able to read that it failed, whatever it was
                _logger.exception("%s failed", path)
                failed = problems.ApiProblem(
                    500, "internal_error", "Failure", "The request failed; see the log."
                )
                return refuse(face, failed, facts)

        return run

    return decorate


def refuse(face, error, facts):
    """The answer that a face's client understands."""
    facts = {**facts, "path": request.httprequest.path}
    headers = {}
    if isinstance(error, UNREADABLE):
        status, body = face.write_problem(error, **facts)
    else:
        if isinstance(error, RequestEntityTooLarge):
            error = problems.ApiProblem(
                413,
                "too_large",
                "Too large",
                "The body is larger than this route takes.",
            )
        elif isinstance(error, HTTPException):
            error = problems.ApiProblem(
                error.code or 500, "refused", error.name, error.description or ""
            )
        status, headers = error.status, dict(error.headers)
        if status == 429:  # Lago's client reads these, Retry-After is everybody's
            headers["X-RateLimit-Remaining"] = "0"
            headers["X-RateLimit-Reset"] = headers.get("Retry-After", "1")
        body = face.write_refusal(status, error.code, str(error.detail), **facts)
    return answer(body, status, headers)


def answer(body, status=200, headers=None):
    """A JSON answer, decimals as numbers with every digit; no body for 204."""
    return http.Response(
        b"" if status == 204 else _encode(body),
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json",
    )


def facts_of_key(scope):
    """Facts of the request's key, counted against its limit.

    The key is a bearer token, or the user name of basic authentication.

    :rtype: KeyFacts
    :raise ApiProblem: 401, 403, 429
    """
    return request.env["usage.api.key"]._check(token(), scope)


def token():
    """The token as sent, empty without one."""
    kind, _space, rest = request.httprequest.headers.get("Authorization", "").partition(
        " "
    )
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def form():
    """(name, text) pairs of a form body, in their order.

    :raise ApiProblem: 411, a form of unknown length may have been cut at the limit
    """
    message = request.httprequest
    if message.content_length is None:
        raise problems.ApiProblem(
            411, "length_required", "Length required", "Send a Content-Length."
        )
    return message.form.items(multi=True)


def body():
    """The body as it was before it was packed.

    :rtype: bytes
    :raise BodyProblem: it is cut, damaged or too large once unpacked
    :raise RequestEntityTooLarge: it is too large as sent
    """
    message = request.httprequest
    limit = message.max_content_length
    try:
        found = message.get_data(cache=False)
    except OSError as error:  # the connection ended
        raise BodyProblem("damaged", "incomplete") from error
    # Without a length, a body is cut at the limit and not refused: what is that long
    # may be the beginning of something longer.
    if message.content_length is None and len(found) >= limit:
        raise RequestEntityTooLarge
    return unpack(found, message.headers.get("Content-Encoding", ""), limit)
