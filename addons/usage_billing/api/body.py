"""Bytes of a request: size, compression, JSON. Nothing is believed, all is bounded."""

import zlib
from codecs import BOM_UTF8
from decimal import Decimal, InvalidOperation

import msgspec

from .problem import ApiProblem
from .words import Sentence as _lt

#: Bytes of a request, on the wire and after decompression.
MAX_BODY = 32 * 1024 * 1024
_STEP = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS


class BadNumber(str):
    """A JSON number beyond any number, kept as written."""

    __slots__ = ()


def _number(text):
    try:
        return Decimal(text)
    except InvalidOperation:
        return BadNumber(text)


# Two decoders: calling the type itself is faster than calling a function around it.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_any_number = msgspec.json.Decoder(float_hook=_number).decode


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
        return data.removeprefix(BOM_UTF8)
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
                    raise zlib.error("the data end too early")
            data = member.unused_data
    except zlib.error as error:
        raise ApiProblem(
            400,
            "invalid_gzip",
            _lt("The body is not valid gzip"),
            _lt("The compressed body cannot be read: %(error)s.", error=str(error)),
            field="Content-Encoding",
            action=_lt("Send the whole gzip stream, or leave out Content-Encoding."),
        ) from error
    return b"".join(parts).removeprefix(BOM_UTF8)


def load_json(data):
    """Decode JSON; numbers become int or Decimal, with every digit.

    :raise ValueError: not JSON, with the place
    """
    try:
        return _decode(data)
    except InvalidOperation:
        return _decode_any_number(data)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except MemoryError as error:
        raise ValueError("too large to decode") from error


def read_json(data):
    """The JSON document of a request.

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
        return load_json(data)
    except ValueError as error:
        raise ApiProblem(
            400,
            "invalid_json",
            _lt("The body is not valid JSON"),
            _lt("%(error)s. Nothing of the request was stored.", error=str(error)),
            action=_lt(
                "Send JSON in UTF-8 (RFC 8259), without NaN or Infinity; write very "
                "large numbers as texts."
            ),
        ) from error
