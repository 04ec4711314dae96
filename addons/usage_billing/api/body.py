"""Bytes of a request: size, compression, JSON. Nothing is believed, all is bounded."""

import zlib
from codecs import BOM_UTF8

from .jsontext import BadJson, decode, fault
from .problem import ApiProblem
from .words import Sentence
from .words import Sentence as _lt

#: Bytes of a request, on the wire and after decompression.
MAX_BODY = 32 * 1024 * 1024
_STEP = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


def too_large(limit=MAX_BODY):
    """The problem of a body that is too large.

    The rest of it is not read, so the connection cannot be used any more.
    """
    return ApiProblem(
        413,
        "body_too_large",
        _lt("The request is too large"),
        _lt(
            "A request holds at most %(most)s bytes, before and after decompression.",
            most=limit,
        ),
        action=_lt("Send the events in several requests of up to 10,000 events."),
        headers={"Connection": "close"},
    )


def decompress(data, encoding, limit=MAX_BODY):
    """Undo the content encoding of a body, never beyond the limit.

    The mark that some systems put before UTF-8 is left out.

    :param bytes data: as received
    :param str encoding: value of Content-Encoding, "" for none
    :raise ApiProblem: an unknown encoding, broken data, more than ``limit`` bytes
    """
    encoding = (encoding or "identity").strip().lower()
    if encoding == "identity":
        return _opened(data)
    if encoding not in ("gzip", "x-gzip"):
        raise ApiProblem(
            415,
            "unsupported_encoding",
            _lt("The content encoding is not supported"),
            _lt(
                "Content-Encoding “%(encoding)s” is not supported.",
                encoding=encoding[:50],
            ),
            field="Content-Encoding",
            action=_lt("Send the body as gzip or without compression."),
            headers={"Accept-Encoding": "gzip, identity"},
        )
    parts, size = [], 0
    try:
        while data:  # a gzip file may have several members, one after the other
            member = zlib.decompressobj(_GZIP)
            while not member.eof:
                part = member.decompress(data, _STEP)
                data = member.unconsumed_tail
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                parts.append(part)
                if not part and not data and not member.eof:
                    raise zlib.error(_lt("it ends too early"))
            data = member.unused_data.lstrip(b"\0")  # padding, as gzip takes it
    except zlib.error as error:
        raise ApiProblem(
            400,
            "invalid_gzip",
            _lt("The body is not valid gzip"),
            _lt("The compressed body cannot be read: %(error)s.", error=_say(error)),
            field="Content-Encoding",
            action=_lt("Send the whole gzip stream, or leave out Content-Encoding."),
        ) from error
    return _opened(b"".join(parts))


def _opened(data):
    """A body that should be text, without the mark before UTF-8.

    :raise ApiProblem: it is still compressed; each line of it would be held as rubbish
    """
    if not data.startswith(_GZIP_MAGIC):
        return data.removeprefix(BOM_UTF8)
    raise ApiProblem(
        400,
        "invalid_gzip",
        _lt("The body is not valid gzip"),
        _lt("The body is compressed with gzip once more than Content-Encoding says."),
        field="Content-Encoding",
        action=_lt("Compress it once, and send “Content-Encoding: gzip” with it."),
    )


def _say(error):
    """What is wrong with compressed data; zlib's own words are English and terse."""
    (said,) = error.args
    if isinstance(said, Sentence):
        return said
    if "incorrect header" in said:
        return _lt("it is not gzip")
    return _lt("it was damaged on its way")


def read_json(data):
    """The JSON document of a request that is read as a whole.

    :raise ApiProblem: 400, with what is wrong and where
    """
    document, is_strange = load_json(data)
    if is_strange and (found := fault(document)):
        raise faulty(*found)
    return document


def load_json(data):
    """The JSON document of a request, and whether it needs a close look.

    :return: see :func:`.jsontext.decode`
    :raise ApiProblem: 400, with what is wrong and where
    """
    if not data.strip():
        raise ApiProblem(
            400,
            "empty_body",
            _lt("The request has no body"),
            _lt("A JSON document was expected, nothing was sent."),
            action=_lt("Send the events in the body."),
        )
    try:
        return decode(data)
    except BadJson as error:
        raise ApiProblem(
            400,
            "invalid_json",
            _lt("The body is not valid JSON"),
            _lt("%(error)s. Nothing of the request was stored.", error=error.args[0]),
            action=_lt("Send JSON in UTF-8 (RFC 8259), without NaN or Infinity."),
        ) from error


def faulty(_code, name, sentence):
    """The problem of a document that is JSON and must not be believed."""
    return ApiProblem(
        400,
        "ambiguous_json",
        _lt("The body says something that cannot be kept"),
        _lt("%(field)s: %(sentence)s.", field=name, sentence=sentence),
        field=name,
        action=_lt("Correct it and send the request again; nothing was stored."),
    )
