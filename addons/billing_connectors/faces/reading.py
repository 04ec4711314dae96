# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Texts, numbers and times out of what a client sent, exactly or not at all."""

import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from .values import BodyProblem, EventProblems, FieldProblem

MAX_NAME = 255
MAX_TEXT = 4096
MAX_NAMES = 100
MAX_DEPTH = 16
MAX_DIGITS = 38
#: Times that can be billed; a subscription has no periods before or after.
EARLIEST = datetime(1970, 1, 1)
LATEST = datetime(2200, 1, 1)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
_EPOCH = re.compile(r"(\d{1,12})(?:\.(\d{1,18}))?", re.ASCII).fullmatch
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,18}))?"
    r"([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
).fullmatch


def unpack(body, encoding, limit):
    """A body as it was before it was packed.

    :param str encoding: the Content-Encoding header, may be empty
    :param int limit: bytes that the body may have at most
    :raise BodyProblem: ``damaged``, ``too_large``, ``unknown_encoding``
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise BodyProblem("unknown_encoding", encoding)
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        found = packed.decompress(body, limit)
    except zlib.error as error:
        raise BodyProblem("damaged", encoding) from error
    if packed.unconsumed_tail:
        raise BodyProblem("too_large", str(limit))
    # zeros behind it are padding, as gzip itself takes them
    if not packed.eof or packed.unused_data.strip(b"\0"):
        raise BodyProblem("damaged", encoding)
    return found


def load_json(body):
    """Parse a body with exact numbers.

    :param bytes body: as received, unpacked
    :return: dict, list, str, Decimal, int, bool or None
    :raise BodyProblem: ``not_text``, ``not_json``, ``repeated_name``, ``too_deep``
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyProblem("not_text") from error
    try:
        return json.loads(
            text,
            parse_float=_exact,
            parse_int=_exact,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise BodyProblem(
            "not_json", f"line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise BodyProblem("too_deep") from error


def _exact(text):
    try:
        return Decimal(text)
    except InvalidOperation as error:  # an exponent beyond all bounds
        raise BodyProblem("not_json", text[:40]) from error


def _no_constant(text):
    raise BodyProblem("not_json", text)


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BodyProblem("repeated_name", twice)
    return found


def read_all(read, items):
    """Read each of a request's events; one bad one refuses all.

    :param read: function (item, position) -> FaceEvent, raises FieldProblem
    :raise EventProblems: some cannot be used
    """
    events, problems = [], {}
    for position, item in enumerate(items):
        try:
            events.append(read(item, position))
        except FieldProblem as problem:
            problems[position] = [problem]
    if problems:
        raise EventProblems(problems)
    return events


def refuse_unknown(found, known):
    """Refuse names that mean nothing here: a filter or time that is misspelled must not
    be passed over.

    :param found: iterable of names
    :raise FieldProblem: ``unknown``
    """
    for each in found:
        if each not in known:
            raise FieldProblem(each[:MAX_NAME], "unknown", ", ".join(known))


def name(item, field, *, label="", limit=MAX_NAME):
    """A required short text: an id, a code, a subject.

    Whole numbers are taken as texts, as the systems do.

    :raise FieldProblem: ``missing``, ``wrong_type``, ``bad_text``, ``too_long``
    """
    label = label or field
    found = item.get(field)
    if isinstance(found, Decimal) and found == found.to_integral_value():
        found = number_text(found, label)
    if found is None or found == "":
        raise FieldProblem(label, "missing")
    if not isinstance(found, str):
        raise FieldProblem(label, "wrong_type", "a text")
    return check_text(found, label, limit)


def check_text(text, label, limit=MAX_TEXT):
    """Return a text that a database can keep.

    :raise FieldProblem: ``bad_text``, ``too_long``
    """
    if len(text) > limit:
        raise FieldProblem(label, "too_long", str(limit))
    if "\x00" in text or not text.isascii() and _has_surrogate(text):
        raise FieldProblem(label, "bad_text")
    return text


def _has_surrogate(text):
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def number(found, label):
    """An exact number of a Decimal or a text; None stays None.

    :raise FieldProblem: ``bad_number``, ``out_of_range``
    """
    if found is None:
        return None
    if isinstance(found, str):
        text = found.strip()
        if len(text) > 200 or not _NUMBER.fullmatch(text):
            raise FieldProblem(label, "bad_number", found)
        found = Decimal(text)
    if not isinstance(found, Decimal) or isinstance(found, bool):
        raise FieldProblem(label, "bad_number", str(found))
    exponent = found.as_tuple().exponent
    if not found:
        return Decimal(0) if abs(exponent) > MAX_DIGITS else found
    if found.adjusted() >= MAX_DIGITS or exponent < -MAX_DIGITS:
        raise FieldProblem(label, "out_of_range")
    return found


def number_text(found, label):
    """A number written in full, without exponent."""
    return format(number(found, label), "f")


def flat(found, label):
    """An object of properties as texts; inner objects by path ("a.b").

    Lists are kept as JSON. Null says nothing and is left out.

    :raise FieldProblem: ``wrong_type``, ``too_many_names``, ``bad_text``, ``too_long``,
        ``out_of_range``
    """
    texts = {}
    if found is None:
        return texts
    if not isinstance(found, dict):
        raise FieldProblem(label, "wrong_type", "an object")
    _flatten(found, "", label, texts)
    return texts


def _flatten(found, path, label, texts):
    if path.count(".") >= MAX_DEPTH:
        raise FieldProblem(label, "wrong_type", f"nested at most {MAX_DEPTH} deep")
    for key, value in found.items():
        inner = f"{path}.{key}" if path else key
        where = f"{label}.{inner[:60]}"
        if value is None:
            continue
        check_text(inner, where, MAX_NAME)
        if isinstance(value, dict):
            _flatten(value, inner, label, texts)
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, Decimal):
            text = number_text(value, where)
        elif isinstance(value, list):
            text = json.dumps(value, ensure_ascii=False, default=str)
        else:
            text = value
        texts[inner] = check_text(text, where)
        if len(texts) > MAX_NAMES:
            raise FieldProblem(label, "too_many_names", str(MAX_NAMES))


def epoch(found, label):
    """Naive UTC time of seconds since 1970, decimals allowed; None stays None.

    Digits finer than a microsecond are cut, so that an event cannot slip into the next
    period.

    :raise FieldProblem: ``bad_time``
    """
    if found is None or found == "":
        return None
    text = format(found, "f") if isinstance(found, Decimal) else str(found)
    match = len(text) <= 40 and _EPOCH(text.strip())
    if not match:
        raise FieldProblem(label, "bad_time", text)
    seconds, fraction = match.groups()
    micro = int((fraction or "")[:6].ljust(6, "0"))
    try:
        moment = EARLIEST + timedelta(seconds=int(seconds), microseconds=micro)
    except OverflowError as error:
        raise FieldProblem(label, "bad_time", text) from error
    return _billable(moment, label, text)


def rfc3339(found, label):
    """Naive UTC time of a text such as 2026-09-01T12:00:00.5+02:00; None stays None.

    :raise FieldProblem: ``bad_time``, also for a text without a zone
    """
    if found is None or found == "":
        return None
    match = isinstance(found, str) and _RFC3339(found)
    if not match:
        raise FieldProblem(label, "bad_time", str(found))
    day, clock, fraction, zone = match.groups()
    micro = (fraction or "")[:6].ljust(6, "0")
    zone = "+00:00" if zone in "Zz" else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{micro}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FieldProblem(label, "bad_time", found) from error
    return _billable(moment.replace(tzinfo=None), label, found)


def _billable(moment, label, text):
    if not EARLIEST <= moment < LATEST:
        raise FieldProblem(label, "bad_time", text)
    return moment


def write_time(moment, digits=3):
    """Text of a naive UTC time as these systems write it, milliseconds by default."""
    text = moment.isoformat(timespec="microseconds")
    return (text[: len(text) - 6 + digits] if digits else text[:-7]) + "Z"


def seconds(moment):
    """Whole seconds since 1970 of a naive UTC time."""
    return (moment - EARLIEST) // timedelta(seconds=1)
