# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""OpenMeter's questions about a meter: what is asked, and how it is answered."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from .reading import MAX_NAME, check_text, name, refuse_unknown, rfc3339, write_time
from .values import BodyProblem, FieldProblem

BUCKETS = {"HOUR": "hour", "DAY": "day", "MONTH": "month", "TOTAL": "total"}
SUBJECT = "subject"
MAX_LISTED = 100
UNSUPPORTED = ("filterCustomerId", "advancedMeterGroupByFilters")
#: Names of a question; ``clientId`` serves progress only.
NAMES = (
    "subject", "groupBy", "filterGroupBy", "from", "to", "windowSize", "windowTimeZone",
    "clientId", *UNSUPPORTED,
)  # fmt: skip
_NOT_LISTED_BY = ("id", "customerId", "ingestedAtFrom", "ingestedAtTo")
_FILTER = re.compile(r"filterGroupBy\[(.+)\]", re.DOTALL).fullmatch


class Query(NamedTuple):
    """A question about one meter.

    start, end: naive UTC, None for the beginning and for now
    bucket: "hour", "day", "month" or "total"; zone: of days and months
    subjects: asked for, empty for all; group_by: names to keep apart
    filters: {name: texts allowed}
    """

    start: datetime | None
    end: datetime | None
    bucket: str
    zone: str
    subjects: tuple
    group_by: tuple
    filters: dict

    @property
    def keep_subject(self):
        return bool(self.subjects) or SUBJECT in self.group_by

    @property
    def names(self):
        """Groups kept apart, without the subject."""
        return tuple(name for name in self.group_by if name != SUBJECT)


def read_address(arguments):
    """A question out of the parameters of an address, as :func:`read_query` takes it.

    :param arguments: list of (name, texts), such as ``filterGroupBy[region]``
    """
    document, filters = {}, {}
    for field, found in arguments:
        if match := _FILTER(field):
            filters[match.group(1)] = found
        else:
            document[field] = found if field in ("subject", "groupBy") else found[0]
    if filters:
        document["filterGroupBy"] = filters
    return document


def read_query(document):
    """A question, from the body or the parameters of a request.

    :param dict document: names as in OpenMeter's MeterQueryRequest
    :raise FieldProblem: something in it cannot be answered
    """
    if not isinstance(document, dict):
        raise BodyProblem("wrong_shape", "an object")
    refuse_unknown(document, NAMES)
    for field in UNSUPPORTED:
        if document.get(field) not in (None, "", [], {}):
            raise FieldProblem(field, "not_supported", "use subject and filterGroupBy")
    window = document.get("windowSize") or "TOTAL"
    if window not in BUCKETS:
        raise FieldProblem("windowSize", "not_supported", "HOUR, DAY and MONTH are")
    zone = document.get("windowTimeZone") or "UTC"
    if zone not in available_timezones():
        raise FieldProblem("windowTimeZone", "wrong_type", "the name of a time zone")
    filters = document.get("filterGroupBy") or {}
    if not isinstance(filters, dict):
        raise FieldProblem("filterGroupBy", "wrong_type", "an object")
    return Query(
        start=rfc3339(_plus(document.get("from")), "from"),
        end=rfc3339(_plus(document.get("to")), "to"),
        bucket=BUCKETS[window],
        zone=zone,
        subjects=_texts(document.get("subject"), "subject"),
        group_by=_texts(document.get("groupBy"), "groupBy"),
        filters={
            key: _texts(allowed, f"filterGroupBy.{key}")
            for key, allowed in filters.items()
        },
    )


def _texts(found, field):
    """A list of texts, also of one; at most ``MAX_LISTED``."""
    found = [found] if isinstance(found, str) else found or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise FieldProblem(field, "wrong_type", "a list of texts")
    if len(found) > MAX_LISTED:
        raise FieldProblem(field, "too_many_names", str(MAX_LISTED))
    return tuple(check_text(one, field, MAX_NAME) for one in found)


class Listing(NamedTuple):
    """Which events to list; times are naive UTC, None for the default."""

    start: datetime | None
    end: datetime | None
    limit: int
    subject: str | None


def read_listing(parameters):
    """The parameters of a list of events.

    :raise FieldProblem: one cannot be used
    """
    refuse_unknown(
        parameters, ("subject", "from", "to", "limit", "clientId", *_NOT_LISTED_BY)
    )
    for field in _NOT_LISTED_BY:
        if parameters.get(field):
            raise FieldProblem(field, "not_supported", "use subject, from and to")
    limit = parameters.get("limit") or str(MAX_LISTED)
    if limit not in map(str, range(1, MAX_LISTED + 1)):
        raise FieldProblem("limit", "wrong_type", f"1 to {MAX_LISTED}")
    return Listing(
        start=rfc3339(_plus(parameters.get("from")), "from"),
        end=rfc3339(_plus(parameters.get("to")), "to"),
        limit=int(limit),
        # an empty one is nobody's, none at all is everybody's
        subject=name(parameters, "subject") if "subject" in parameters else None,
    )


def _plus(text):
    """A time of an address in which a plus sign became a space."""
    return text.replace(" ", "+") if isinstance(text, str) and "T" in text else text


def write_result(query, start, end, parts):
    """Answer of a meter query.

    :param list[Part] parts: merged
    """
    end_of = end_of_window(query, end)
    found = {
        "from": write_time(start),
        "to": write_time(end),
        "data": [
            {
                "value": part.quantity,
                "windowStart": write_time(part.start),
                "windowEnd": write_time(end_of(part.start)),
                "subject": part.subject,
                "groupBy": part.group,
            }
            for part in parts
        ],
    }
    if query.bucket != "total":
        found["windowSize"] = query.bucket.upper()
    return found


def end_of_window(query, end):
    """Function from the begin of a window (naive UTC) to its end."""
    zone = ZoneInfo(query.zone)

    def end_of(begin):
        if query.bucket == "total":
            return end
        if query.bucket == "hour":
            return begin + timedelta(hours=1)
        local = begin.replace(tzinfo=UTC).astimezone(zone)
        day = local.date()
        if query.bucket == "day":
            day += timedelta(days=1)
        else:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        local = datetime(day.year, day.month, day.day, tzinfo=zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    return end_of
