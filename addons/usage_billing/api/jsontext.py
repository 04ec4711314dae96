"""JSON as others write it: every digit kept, and what is wrong with it said in words.

A decoder takes the last of two members of one name and says nothing. RFC 8259, section
4, calls the outcome unpredictable, and money rests on it; so such an object is found
and kept as it was written (:class:`Repeated`). Looking for it costs little: where no
name stands twice there are as many colons behind names as there are names.
"""

import json
import re
from decimal import Decimal, InvalidOperation

import msgspec

from .words import Sentence as _lt

_BLANK = b" \n\r\t"
_NUL = b"\\u0000"
_PLACE = re.compile(r"\(byte (\d+)\)").search
#: Python makes no int of more digits than a setting says, and that is never less.
_LONG_NUMBERS = re.compile(rb"[-+.0-9eE]{640,}").finditer
_HALF_PAIR = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]",
    re.DOTALL,
).search
#: What the decoder says, by a part of it, and what we say.
_FAULTS = {
    "keys must be strings": _lt("names stand between double quotes"),
    "trailing comma": _lt("there is a comma too many"),
    "expected ':'": _lt("a colon is missing after the name"),
    "expected ','": _lt("a comma is missing"),
    "trailing characters": _lt("something follows the end of the document"),
    "escape": _lt("this is no escape sequence of JSON"),
    "surrogate": _lt("half a character stands here (\\ud800 to \\udfff)"),
    "invalid number": _lt("this is not how JSON writes a number"),
}
#: The same where it only says that a character is wrong, by what stands there.
_STANDS = {
    re.compile(rb"-?(NaN|Inf)"): _lt("NaN and Infinity are no numbers in JSON"),
    re.compile(rb"'"): _lt("texts stand between double quotes"),
    re.compile(rb"True|False|None"): _lt("write true, false or null"),
    re.compile(rb"[\x00-\x1f]"): _lt("a control character must be escaped, as \\n"),
    re.compile(rb"[-+.\d]"): _lt("this is not how JSON writes a number"),
    re.compile(rb"/|#"): _lt("JSON has no comments"),
}
HAS_NUL = _lt("has a NUL character (\\u0000), which cannot be stored: leave it out")
_SOMETHING = _lt("no JSON value begins like this")


class BadNumber(str):
    """A JSON number beyond any number, kept as written."""

    __slots__ = ()


class BadJson(ValueError):
    """It is no JSON; the argument is a Sentence, with the place."""


class Repeated(dict):
    """A JSON object in which a name stands twice.

    pairs: all its members, as written; name: the first that comes again
    """

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs
        seen = set()
        self.name = next(n for n, _v in pairs if n in seen or seen.add(n))


def _number(text):
    try:
        return Decimal(text)
    except InvalidOperation:
        return BadNumber(text)


# Two decoders: calling the type itself is faster than calling a function around it.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_any_number = msgspec.json.Decoder(float_hook=_number).decode


def decode(data, line=1):
    """Decode JSON; numbers become int or Decimal, with every digit.

    :param int line: number of the first line, where the data are a part of something
    :return: the document, and whether something in it needs a close look: see
        :func:`fault`
    :raise BadJson: it is none
    """
    try:
        document = _decode_numbers(data)
        if not may_repeat(data, _count_names(document)):
            return document, _NUL in data
        found = []
        closely = _decode_closely(data, found)
        return (closely, True) if found else (document, _NUL in data)
    except UnicodeDecodeError as error:
        raise BadJson(_say_not_utf8(data, line)) from error
    except RecursionError as error:
        raise BadJson(_lt("it is nested too deeply")) from error
    except MemoryError as error:
        raise BadJson(_lt("it is too large to be read")) from error
    except BadJson:
        raise
    except ValueError as error:
        raise BadJson(_say_malformed(data, str(error), line)) from error


def _decode_numbers(data):
    try:
        return _decode_short(data)
    except ValueError as error:
        if "out of range" not in str(error):
            raise
    try:
        return _decode_short(_with_decimals(data))
    except ValueError:
        # no JSON further on: the decoder has to count in what was sent
        return _decode_short(_with_decimals(data, 2))


def _decode_short(data):
    try:
        return _decode(data)
    except InvalidOperation:
        return _decode_any_number(data)


def _with_decimals(data, cut=0):
    """The same JSON, with an exponent behind whole numbers that are too long for int.

    :param int cut: last digits to leave out
    """
    parts, end, in_text = [], 0, False
    for number in _LONG_NUMBERS(data):
        before = data[end : number.start()]
        quotes = before.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        in_text ^= quotes % 2 == 1
        found, end = number[0], number.end()
        if not in_text and found.removeprefix(b"-").isdigit():
            found = found[: len(found) - cut] + b"e0"
        parts += before, found
    return b"".join([*parts, data[end:]])


def may_repeat(data, names):
    """Whether a name may stand twice in an object; False is certain.

    Every name that is written is followed by a colon, blanks or not. A text may look
    like that too, so True is no more than a reason to look.

    :param bytes data: valid JSON
    :param int names: members of all objects, as decoded
    """
    return data.translate(None, _BLANK).count(b'":') != names


def fault(document, path=""):
    """What must not be in a document although it is JSON: the first of it.

    :return: (reason code, field, sentence), None for nothing
    """
    try:
        return _fault(document, path)
    except RecursionError:
        return "unreadable", path, _lt("it is nested too deeply")


def _fault(document, path):
    kind = document.__class__
    if kind is Repeated:
        return (
            "unreadable",
            _join(path, document.name),
            _lt("stands twice in one object, and only one can count: send it once"),
        )
    if kind is str:
        return ("invalid_value", path, HAS_NUL) if "\0" in document else None
    if kind is dict:
        for name, value in document.items():
            where = _join(path, name)
            if found := _fault(name, where.replace("\0", "\\u0000")):
                return found
            if value.__class__ in _LOOKED_INTO and (found := _fault(value, where)):
                return found
    elif kind is list:
        for number, value in enumerate(document):
            if found := _fault(value, f"{path}[{number}]"):
                return found
    return None


_LOOKED_INTO = (str, dict, list, Repeated)


def as_written(document, encode):
    """JSON text of a document that may have objects with a name twice.

    :param encode: function of a value without such objects -> bytes
    """
    try:
        return _as_written(document, encode)
    except RecursionError:
        return encode(document).decode()


def _as_written(document, encode):
    if document.__class__ is Repeated:
        members = (
            f"{encode(name).decode()}:{_as_written(value, encode)}"
            for name, value in document.pairs
        )
        return "{" + ",".join(members) + "}"
    if document.__class__ is dict:
        members = (
            f"{encode(name).decode()}:{_as_written(value, encode)}"
            for name, value in document.items()
        )
        return "{" + ",".join(members) + "}"
    if document.__class__ is list:
        return "[" + ",".join(_as_written(value, encode) for value in document) + "]"
    return encode(document).decode()


def _join(path, name):
    name = name[:100]
    return f"{path}.{name}" if path else name


def _count_names(document):
    """Members of all objects in a document."""
    if document.__class__ is dict:
        names, values = len(document), document.values()
    elif document.__class__ is list:
        names, values = 0, document
    else:
        return 0
    for value in values:
        kind = value.__class__
        if kind is dict or kind is list:
            names += _count_names(value)
    return names


def _decode_closely(data, found):
    """The same document, with the objects that have a name twice told apart.

    :param list found: filled with these
    """

    def take(pairs):
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        found.append(repeated := Repeated(pairs))
        return repeated

    return json.loads(
        data,
        parse_float=_number,
        parse_int=lambda text: int(text) if len(text) < 20 else _number(text),
        object_pairs_hook=take,
    )


# -- what is wrong -------------------------------------------------------------------


def _say_not_utf8(data, line):
    """The decoder counts from the beginning of the text that the byte is in."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _at(data, error.start, _lt("this is not UTF-8"), line)
    return _lt("it is not UTF-8")


def _say_malformed(data, said, line):
    if ("truncated" in said or "surrogate" in said) and (half := _HALF_PAIR(data)):
        return _at(data, half.start(), _FAULTS["surrogate"], line)
    if "truncated" in said:
        return _at(data, len(data), _lt("it ends too early"), line)
    place = _PLACE(said)
    if not place:
        return _lt("it cannot be read")
    byte = int(place[1])
    for part, sentence in _FAULTS.items():
        if part in said:
            return _at(data, byte, sentence, line)
    for pattern, sentence in _STANDS.items():
        if pattern.match(data, byte):
            return _at(data, byte, sentence, line)
    return _at(data, byte, _SOMETHING, line)


def _at(data, byte, what, line):
    """A sentence with its place, lines and columns counted from 1."""
    before = data[:byte]
    line += before.count(b"\n")
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return _lt(
        "line %(line)s, column %(column)s: %(what)s",
        line=line,
        column=column,
        what=what,
    )
