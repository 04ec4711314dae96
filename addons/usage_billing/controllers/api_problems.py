"""Why a request is refused, for the documentation: where ``type`` of a problem leads.

Reasons of single events are in ``api_reasons``; some of them are codes of problems too.
"""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

_KEY = _lt(
    "Send “Authorization: Bearer <key>” with a key in force; keys are made in "
    "Usage Billing, Configuration, API Keys."
)
#: Code -> (statuses, sentence, what the sender can do).
PROBLEMS = {
    "ambiguous_json": (
        (400,),
        _lt("The body says something that cannot be kept"),
        _lt("Correct it and send the request again; nothing was stored."),
    ),
    "archived_source": ((401,), _lt("The source of the API key is archived."), _KEY),
    "body_too_large": (
        (413,),
        _lt("The request is too large"),
        _lt("Send the events in several requests of up to 10,000 events."),
    ),
    "empty_body": (
        (400,),
        _lt("The request has no body"),
        _lt("Send the events in the body."),
    ),
    "expired_key": ((401,), _lt("The API key has expired."), _KEY),
    "idempotency_key_reused": (
        (422,),
        _lt("The key belongs to another order"),
        _lt("Send a new order with a new key."),
    ),
    "incomplete_body": (
        (400,),
        _lt("The body is incomplete"),
        _lt("Send the request again."),
    ),
    "internal_error": (
        (500,),
        _lt("Something went wrong here"),
        _lt("Send the request again later; tell the operator if it stays."),
    ),
    "invalid_gzip": (
        (400,),
        _lt("The body is not valid gzip"),
        _lt("Send the whole gzip stream, or leave out Content-Encoding."),
    ),
    "invalid_json": (
        (400,),
        _lt("The body is not valid JSON"),
        _lt("Send JSON in UTF-8 (RFC 8259), without NaN or Infinity."),
    ),
    "invalid_key": ((401,), _lt("The API key is unknown or revoked."), _KEY),
    "invalid_parameter": (
        (400,),
        _lt("A parameter is not valid"),
        _lt("Correct the parameter and send the request again."),
    ),
    "invalid_quote": (
        (422,),
        _lt("The quote cannot be read"),
        _lt("Correct the request and send it again; a quote stores nothing."),
    ),
    "method_not_allowed": (
        (405,),
        _lt("The method is not allowed"),
        _lt("Use one of the methods that the header Allow names."),
    ),
    "missing_key": ((401,), _lt("No API key was sent."), _KEY),
    "missing_reason": (
        (422,),
        _lt("The reason is missing"),
        _lt("Say why; it is kept with the correction."),
    ),
    "missing_scope": (
        (403,),
        _lt("The API key may not do this"),
        _lt("Use a key with this scope, or have it added to the key."),
    ),
    "no_price": (
        (422,),
        _lt("The plan has no prices"),
        _lt("Ask for a day on which the plan has a version in force."),
    ),
    "not_found": (
        (404,),
        _lt("Not found"),
        _lt("Check the address, and that the key may read what it names."),
    ),
    "rate_limited": (
        (429,),
        _lt("Too many requests"),
        _lt(
            "Wait as long as Retry-After says, then send again; put several events "
            "into one request."
        ),
    ),
    "refused": (
        (422,),
        _lt("Not possible"),
        _lt("Change the request as the detail says, and send it again."),
    ),
    "too_many_events": (
        (413,),
        _lt("Too many events in one request"),
        _lt("Send the events in several requests; nothing was stored."),
    ),
    "unavailable": (
        (503,),
        _lt("Not available at the moment"),
        _lt(
            "Send the same request again after Retry-After; events that were stored "
            "already count as duplicates."
        ),
    ),
    "unsupported_charset": (
        (415,),
        _lt("The character set is not supported"),
        _lt("Send UTF-8."),
    ),
    "unsupported_encoding": (
        (415,),
        _lt("The content encoding is not supported"),
        _lt("Send the body as gzip or without compression."),
    ),
    "unsupported_media_type": (
        (415,),
        _lt("The content type is not supported"),
        _lt("Send one of the types that the header Accept-Post names."),
    ),
    "wrong_shape": (
        (400, 422),
        _lt("The body has another shape"),
        _lt("See the examples of this operation in the documentation."),
    ),
}


def problems_in(lang):
    """Rows (code, statuses, sentence, what to do) in a language.

    :param str lang: such as "fr_FR"
    """
    return [
        (
            code,
            ", ".join(map(str, statuses)),
            sentence._translate(lang),
            action._translate(lang),
        )
        for code, (statuses, sentence, action) in PROBLEMS.items()
    ]
