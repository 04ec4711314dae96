# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Times from text to naive UTC.

Formats are words of a closed list: ``iso`` (date, date-time, any number of fractional
digits, with or without zone), ``epoch_s``, ``epoch_ms``, or a pattern made of YYYY, MM,
M, DD, D, HH, H, mm, ss, hh, A and literal text such as ``MM/DD/YYYY``. Fractions finer
than a microsecond are cut, never rounded up, so that a row cannot slip into the next
period.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .values import MappingError, RowProblem

EARLIEST = datetime(1970, 1, 1)
LATEST = datetime(2200, 1, 1)
_MEMO_SIZE = 50_000

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?"
    r"\s?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2}|UTC)?)?",
    re.ASCII,
).fullmatch
_TOKENS = (
    ("YYYY", r"(?P<year>\d{4})"),
    ("MM", r"(?P<month>\d{2})"),
    ("M", r"(?P<month>\d{1,2})"),
    ("DD", r"(?P<day>\d{2})"),
    ("D", r"(?P<day>\d{1,2})"),
    ("HH", r"(?P<hour>\d{2})"),
    ("hh", r"(?P<hour12>\d{1,2})"),
    ("H", r"(?P<hour>\d{1,2})"),
    ("mm", r"(?P<minute>\d{2})"),
    ("ss", r"(?P<second>\d{2}(?:[.,]\d{1,12})?)"),
    ("A", r"(?P<half>[AaPp][Mm])"),
)


def zone(name: str) -> ZoneInfo:
    """Return the named time zone, or refuse the mapping."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MappingError("unknown_time_zone", zone=name) from error


def time_reader(
    formats: tuple[str, ...], time_zone: str
) -> Callable[[list[str]], list[datetime]]:
    """Build the function from texts to naive UTC for a list of accepted formats.

    Values repeat in usage files, so results are remembered in a bounded table.

    :param formats: tried in order
    :param time_zone: zone of times that carry none
    :return: function that raises RowProblem ``invalid_time`` at the first bad text
    """
    readers = [_format_reader(word) for word in formats]
    tz = zone(time_zone)
    is_utc = time_zone in ("UTC", "Etc/UTC")
    memo: dict[str, datetime] = {}

    def read_one(text: str) -> datetime:
        for reader in readers:
            found = reader(text.strip())
            if found is not None:
                return _to_utc(found, tz, is_utc, text)
        raise RowProblem("invalid_time", value=text)

    def read(texts: list[str]) -> list[datetime]:
        if len(memo) > _MEMO_SIZE:
            memo.clear()
        for text in set(texts).difference(memo):
            memo[text] = read_one(text)
        return [memo[text] for text in texts]

    return read


def _to_utc(moment: datetime, tz: ZoneInfo, is_utc: bool, text: str) -> datetime:
    """Move to naive UTC; a local time skipped by a clock change does not exist.

    Of a local time that happens twice the first one is meant.
    """
    try:
        if moment.tzinfo is UTC:
            moment = moment.replace(tzinfo=None)
        elif moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        elif not is_utc:
            local = moment.replace(tzinfo=tz)
            moment = local.astimezone(UTC)
            if moment.astimezone(tz).replace(tzinfo=None) != local.replace(tzinfo=None):
                raise RowProblem("invalid_time", value=text)
            moment = moment.replace(tzinfo=None)
    except OverflowError as error:
        raise RowProblem("invalid_time", value=text) from error
    if not EARLIEST <= moment < LATEST:
        raise RowProblem("invalid_time", value=text)
    return moment


def _format_reader(word: str) -> Callable[[str], datetime | None]:
    if word == "iso":
        return _read_iso
    if word in ("epoch_s", "epoch_ms"):
        return _epoch_reader(1 if word == "epoch_s" else 1000)
    return _pattern_reader(word)


def _read_iso(text: str) -> datetime | None:
    # the two usual spellings, which the standard library reads fast and exactly
    if text.isascii() and text[:4].isdigit() and text[4:8:3] == "--":
        if len(text) == 19 and text[10] in "T ":
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                return None
        if len(text) == 20 and text[19] == "Z" and text[10] in "T ":
            try:
                return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
            except ValueError:
                return None
    match = _ISO(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int(fraction[:6].ljust(6, "0")) if fraction else 0,
        )
    except ValueError:
        return None
    if not offset:
        return moment
    if offset in ("Z", "UTC"):
        return moment.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
    if hours > 18 or minutes > 59:
        return None
    shift = timedelta(hours=hours, minutes=minutes)
    try:
        moment = moment + shift if offset[0] == "-" else moment - shift
    except OverflowError:
        return None
    return moment.replace(tzinfo=UTC)


def _epoch_reader(per_second: int) -> Callable[[str], datetime | None]:
    number = re.compile(r"\d{1,16}(?:\.\d{1,12})?", re.ASCII).fullmatch

    def read(text: str) -> datetime | None:
        if not number(text):
            return None
        micro = int(Decimal(text) * 1_000_000 / per_second)
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro)
        except OverflowError:
            return None

    return read


def _pattern_reader(pattern: str) -> Callable[[str], datetime | None]:
    match = re.compile(_pattern_regex(pattern), re.ASCII).fullmatch

    def read(text: str) -> datetime | None:
        found = match(text)
        if not found:
            return None
        parts = found.groupdict()
        second, _dot, fraction = (
            (parts.get("second") or "0").replace(",", ".").partition(".")
        )
        hour = int(parts.get("hour") or parts.get("hour12") or 0)
        if parts.get("half"):
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if parts["half"].lower() == "pm" else 0)
        try:
            return datetime(
                int(parts["year"]),
                int(parts["month"]),
                int(parts["day"]),
                hour,
                int(parts.get("minute") or 0),
                int(second),
                int(fraction[:6].ljust(6, "0")) if fraction else 0,
            )
        except ValueError:
            return None

    return read


def _pattern_regex(pattern: str) -> str:
    """Translate a pattern of date words into a regular expression, or refuse it."""
    regex, position = "", 0
    while position < len(pattern):
        for token, part in _TOKENS:
            if pattern.startswith(token, position):
                regex += part
                position += len(token)
                break
        else:
            if pattern[position].isalpha() and pattern[position] != "T":
                raise MappingError("unknown_date_format", format=pattern)
            regex += re.escape(pattern[position])
            position += 1
    try:
        groups = re.compile(regex).groupindex
    except re.error as error:  # the same word twice
        raise MappingError("unknown_date_format", format=pattern) from error
    if not {"year", "month", "day"} <= set(groups):
        raise MappingError("unknown_date_format", format=pattern)
    return regex
