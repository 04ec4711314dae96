"""Errors of the API: problem details for HTTP APIs (RFC 9457)."""

from .words import Sentence as _lt

#: RFC 9457, section 3: the media type of the body.
MEDIA_TYPE = "application/problem+json"

#: Where problems are explained; the code is the fragment.
DOCUMENTATION = "/usage/v1/docs"


class ApiProblem(Exception):
    """A request that cannot be answered as asked.

    status: HTTP status code
    code: stable short name, for programs ("invalid_json")
    title: the kind of problem, the same for every occurrence
    detail: what is wrong with this very request, with the value where it helps
    field: where in the request, such as ``events[3].time``; None when nowhere
    action: what the sender can do about it
    headers: further response headers, such as ``Retry-After``
    members: further members of the body, beside the standard ones
    """

    def __init__(
        self,
        status,
        code,
        title,
        detail,
        field=None,
        action=None,
        headers=None,
        members=None,
    ):
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.field = field
        self.action = action
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def body(self, translate=str):
        """The members of the problem document, those without value left out.

        :param translate: function text -> text in the language of the caller, str
            without. RFC 9457, section 3.1.3, lets a title differ by language only.

        >>> ApiProblem(404, "not_found", "Not found", "No meter “x”.").body()["type"]
        '/usage/v1/docs#not_found'
        """
        members = {
            "type": f"{DOCUMENTATION}#{self.code}",
            "title": translate(self.title),
            "status": self.status,
            "detail": translate(self.detail),
            "code": self.code,
            "field": self.field,
            "action": self.action and translate(self.action),
            **self.members,
        }
        return {name: value for name, value in members.items() if value is not None}


def unauthorized(detail, code="invalid_key"):
    """The key is missing, unknown, expired or revoked."""
    return ApiProblem(
        401,
        code,
        _lt("The API key is not accepted"),
        detail,
        field="Authorization",
        action=_lt(
            "Send “Authorization: Bearer <key>” with a key in force; keys are made in "
            "Usage Billing, Configuration, API Keys."
        ),
        headers={"WWW-Authenticate": 'Bearer realm="usage"'},
    )


def forbidden(scope):
    """The key is good, but not for this."""
    return ApiProblem(
        403,
        "missing_scope",
        _lt("The API key may not do this"),
        _lt("The key lacks the scope “%(scope)s”.", scope=scope),
        field="Authorization",
        action=_lt("Use a key with this scope, or have it added to the key."),
    )


def too_many_requests(retry_after_s):
    """The key's allowance is used up.

    :param int retry_after_s: seconds until the next request may pass, at least 1
    """
    return ApiProblem(
        429,
        "rate_limited",
        _lt("Too many requests"),
        _lt("The key's rate limit is used up for %(wait)s s.", wait=retry_after_s),
        action=_lt(
            "Wait as long as Retry-After says, then send again; put several events "
            "into one request."
        ),
        headers={"Retry-After": str(retry_after_s)},
    )


def unavailable(retry_after_s=1):
    """The store could not take the request now; nothing of it was kept."""
    return ApiProblem(
        503,
        "unavailable",
        _lt("Not available at the moment"),
        _lt("The request could not be stored now; nothing of it was kept."),
        action=_lt(
            "Send the same request again after Retry-After; events that were stored "
            "already count as duplicates."
        ),
        headers={"Retry-After": str(retry_after_s)},
    )


def unsupported_type(kind, accepted):
    """The body is of a media type that the operation does not take."""
    return ApiProblem(
        415,
        "unsupported_media_type",
        _lt("The content type is not supported"),
        _lt("Content-Type “%(kind)s” is not supported here.", kind=kind[:100]),
        field="Content-Type",
        action=_lt("Use one of: %(kinds)s.", kinds=", ".join(accepted)),
        headers={"Accept-Post": ", ".join(accepted)},
    )


def not_found(detail, action=None, field=None):
    """What the address names does not exist, or not for this key.

    :param str field: the query parameter that names it, if one does
    """
    if action is None and field:
        action = _lt("Check the parameter, and that the key may read what it names.")
    elif action is None:
        action = _lt("Check the address, and that the key may read what it names.")
    return ApiProblem(404, "not_found", _lt("Not found"), detail, field, action)


def invalid_parameter(name, detail, action=None):
    """A query parameter cannot be read."""
    if action is None:
        action = _lt("Correct the parameter and send the request again.")
    title = _lt("A parameter is not valid")
    return ApiProblem(400, "invalid_parameter", title, detail, name, action)
