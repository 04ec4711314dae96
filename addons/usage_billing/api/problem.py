"""Errors of the API: problem details for HTTP APIs (RFC 9457)."""

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

    def body(self):
        """The members of the problem document, those without value left out.

        >>> ApiProblem(404, "not_found", "Not found", "No meter “x”.").body()["type"]
        '/usage/v1/docs#not_found'
        """
        members = {
            "type": f"{DOCUMENTATION}#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "field": self.field,
            "action": self.action,
            **self.members,
        }
        return {name: value for name, value in members.items() if value is not None}


def unauthorized(detail, code="invalid_key"):
    """The key is missing, unknown, expired or revoked."""
    return ApiProblem(
        401,
        code,
        "The API key is not accepted",
        detail,
        field="Authorization",
        action="Send “Authorization: Bearer <key>” with a key in force; keys are made "
        "in Usage Billing, Configuration, API Keys.",
        headers={"WWW-Authenticate": 'Bearer realm="usage"'},
    )


def forbidden(scope):
    """The key is good, but not for this."""
    return ApiProblem(
        403,
        "missing_scope",
        "The API key may not do this",
        f"The key lacks the scope “{scope}”.",
        field="Authorization",
        action="Use a key with this scope, or have it added to the key.",
    )


def too_many_requests(retry_after_s):
    """The key's allowance is used up.

    :param int retry_after_s: seconds until the next request may pass, at least 1
    """
    return ApiProblem(
        429,
        "rate_limited",
        "Too many requests",
        f"The key's rate limit is used up for {retry_after_s} s.",
        action="Wait as long as Retry-After says, then send again; put several events "
        "into one request.",
        headers={"Retry-After": str(retry_after_s)},
    )


def unavailable(retry_after_s=1):
    """The store could not take the request now; nothing of it was kept."""
    return ApiProblem(
        503,
        "unavailable",
        "Not available at the moment",
        "The request could not be stored now; nothing of it was kept.",
        action="Send the same request again after Retry-After; events that were stored "
        "already count as duplicates.",
        headers={"Retry-After": str(retry_after_s)},
    )


def not_found(detail):
    """What the address names does not exist, or not for this key."""
    return ApiProblem(404, "not_found", "Not found", detail)


def invalid_parameter(name, detail, action=None):
    """A query parameter cannot be read."""
    return ApiProblem(
        400, "invalid_parameter", "A parameter is not valid", detail, name, action
    )
