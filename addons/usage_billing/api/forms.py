"""Forms of requests: media types, and what is wrong with a whole one."""

import re
from urllib.parse import unquote

from .body import read_json
from .limits import MAX_EVENTS
from .members import encode
from .problem import ApiProblem
from .words import Sentence as _lt

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ACCEPTED = (JSON, STRUCTURED, BATCH, *NDJSON)
_quoted = re.compile(r'"(.*)"').fullmatch


def media_type(content_type):
    """Media type of a header, after a look at its charset."""
    kind, _semicolon, parameters = (content_type or "").partition(";")
    for parameter in parameters.split(";"):
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip(
            '"'
        ).lower() not in (
            "utf-8",
            "utf8",
            "us-ascii",
        ):
            raise ApiProblem(
                415,
                "unsupported_charset",
                _lt("The character set is not supported"),
                _lt("Charset “%(name)s” is not supported.", name=value.strip()[:50]),
                field="Content-Type",
                action=_lt("Send UTF-8."),
            )
    return kind.strip().lower()


def is_binary(kind, headers):
    """Whether a CloudEvent stands in the headers.

    A content type of CloudEvents decides, whatever else a broker adds as headers
    (HTTP binding of CloudEvents 1.0, section 3).
    """
    return kind not in (STRUCTURED, BATCH) and headers.get("ce-specversion") is not None


def is_cloud(content_type, headers):
    """Whether a request says that it has CloudEvents and nothing else."""
    kind = media_type(content_type)
    return kind in (STRUCTURED, BATCH) or is_binary(kind, headers)


def binary(body, kind, headers):
    """The CloudEvent of a request in binary mode: attributes are headers."""
    document = {
        name: _attribute(name, headers[f"ce-{name}"])
        for name in ("specversion", "id", "source", "type", "subject", "time")
        if headers.get(f"ce-{name}") is not None
    }
    if body.strip():
        if kind and kind != JSON and not kind.endswith("+json"):
            raise ApiProblem(
                415,
                "unsupported_media_type",
                _lt("The content type is not supported"),
                _lt(
                    "The data of a CloudEvent must be JSON, not “%(kind)s”.",
                    kind=kind[:100],
                ),
                field="Content-Type",
                action=_lt("Send the data as application/json."),
                headers={"Accept-Post": ", ".join(ACCEPTED)},
            )
        document["data"] = read_json(body)
    return document


def _attribute(name, value):
    """What a header says of a CloudEvent (HTTP binding 1.0.2, section 3.1.3.2).

    First the double quotes go that some senders set, then the percent signs. Bytes that
    are no text are not guessed at: two ids would become one.

    :raise ApiProblem: 422
    """
    if quoted := _quoted(value):
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiProblem(
            422,
            "unreadable",
            _lt("The event cannot be read"),
            _lt(
                "%(field)s: %(sentence)s.",
                field=f"ce-{name}",
                sentence=_lt("it is not UTF-8"),
            ),
            field=f"ce-{name}",
            action=_lt("Correct the event and send it again; nothing was stored."),
        ) from error


def write_lines(documents):
    """Events that were decoded, as JSON lines with every digit.

    :param list documents: JSON values, from :func:`.body.read_json`
    :rtype: bytes
    """
    return b"\n".join(map(encode, documents))


def wrong_shape(detail):
    return ApiProblem(
        400,
        "wrong_shape",
        _lt("The body has another shape"),
        detail,
        action=_lt("See the examples of this operation in the documentation."),
    )


def check_count(count):
    if count > MAX_EVENTS:
        raise ApiProblem(
            413,
            "too_many_events",
            _lt("Too many events in one request"),
            _lt(
                "%(count)s events were sent; a request holds at most %(most)s.",
                count=count,
                most=MAX_EVENTS,
            ),
            field="events",
            action=_lt("Send the events in several requests; nothing was stored."),
        )
