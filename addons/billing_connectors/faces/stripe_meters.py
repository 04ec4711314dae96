# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Stripe's billing meters and event summaries: reading back what was sent."""

from datetime import timedelta
from typing import NamedTuple

from .reading import MAX_NAME, epoch, name, refuse_unknown, seconds
from .stripe import CUSTOMER, VALUE
from .values import FieldProblem

PAGE, MAX_PAGE = 10, 100
FORMULAS = {"sum": "sum", "count": "count", "latest": "last"}
WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
#: Names of a list of event summaries.
SUMMARIES = (
    "customer", "start_time", "end_time", "value_grouping_window", "limit",
    "starting_after", "ending_before", "expand",
)  # fmt: skip
#: Names of a list of meters.
METERS = ("limit", "status", "starting_after", "ending_before", "expand")
STATUSES = ("active", "inactive")


class SummaryQuery(NamedTuple):
    """A question for summaries of one customer; times are naive UTC, half-open.

    bucket: "hour", "day" or "total"; after: begin of the last window of the page before
    """

    customer: str
    start: object
    end: object
    bucket: str
    limit: int
    after: object


class MeterQuery(NamedTuple):
    """A question for a page of meters.

    status: "active", "inactive" or "" for both; after, before: id of the meter that
        the page begins behind, or ends in front of; "" for none
    """

    status: str
    limit: int
    after: str
    before: str


def read_meter_query(parameters):
    """The parameters of a list of meters.

    :raise FieldProblem: one cannot be used
    """
    _check_names(parameters, METERS)
    status = parameters.get("status") or ""
    if status not in ("", *STATUSES):
        raise FieldProblem("status", "wrong_type", "active or inactive")
    after, before = (
        parameters.get(field) or "" for field in ("starting_after", "ending_before")
    )
    if after and before:
        raise FieldProblem("ending_before", "not_supported", "one of both")
    return MeterQuery(status, _read_limit(parameters), after, before)


def turn_to(query, codes):
    """The page of a list of meters, for :func:`write_list`.

    :param MeterQuery query: asked for
    :param list[str] codes: of all meters, in their order
    :return: codes of the page, and whether there are more in its direction
    :raise FieldProblem: the page is to begin at a meter that is not there
    """
    for field, code in (
        ("starting_after", query.after),
        ("ending_before", query.before),
    ):
        if code and code not in codes:
            raise FieldProblem(field, "wrong_type", "a meter of this list")
    if query.before:
        rest = codes[: codes.index(query.before)]
        return rest[-query.limit :], len(rest) > query.limit
    rest = codes[codes.index(query.after) + 1 :] if query.after else codes
    return rest[: query.limit], len(rest) > query.limit


def _check_names(parameters, known):
    refuse_unknown([each.partition("[")[0] for each in parameters], known)


def _read_limit(parameters):
    limit = parameters.get("limit") or str(PAGE)
    if limit not in map(str, range(1, MAX_PAGE + 1)):
        raise FieldProblem("limit", "wrong_type", f"1 to {MAX_PAGE}")
    return int(limit)


def read_summary_query(parameters):
    """The parameters of a list of event summaries.

    :raise FieldProblem: one is missing or cannot be used
    """
    _check_names(parameters, SUMMARIES)
    if parameters.get("ending_before"):
        raise FieldProblem("ending_before", "not_supported", "use starting_after")
    times = {}
    for field in ("start_time", "end_time"):
        times[field] = epoch(parameters.get(field), field)
        if times[field] is None:
            raise FieldProblem(field, "missing")
    if times["start_time"] >= times["end_time"]:
        raise FieldProblem("end_time", "wrong_type", "later than start_time")
    window = parameters.get("value_grouping_window") or "total"
    if window not in (*WINDOWS, "total"):
        raise FieldProblem("value_grouping_window", "wrong_type", "hour or day")
    after = parameters.get("starting_after")
    return SummaryQuery(
        customer=name(parameters, "customer", limit=MAX_NAME),
        start=times["start_time"],
        end=times["end_time"],
        bucket=window,
        limit=_read_limit(parameters),
        after=epoch(after.rpartition("_")[2], "starting_after") if after else None,
    )


def write_meter(code, title, event_type, aggregation, value_name, moments, is_active):
    """A meter as Stripe describes it; its code is its id.

    :param tuple moments: created and updated, naive UTC
    """
    return {
        "id": code,
        "object": "billing.meter",
        "created": seconds(moments[0]),
        "customer_mapping": {"event_payload_key": CUSTOMER, "type": "by_id"},
        "default_aggregation": {"formula": FORMULAS.get(aggregation, aggregation)},
        "display_name": title,
        "event_name": event_type,
        "event_time_window": None,
        "livemode": True,
        "status": STATUSES[not is_active],
        "status_transitions": {
            "deactivated_at": None if is_active else seconds(moments[1])
        },
        "updated": seconds(moments[1]),
        "value_settings": {"event_payload_key": value_name or VALUE},
    }


def write_summaries(code, query, parts, path):
    """A page of summaries, newest first.

    :param list[Part] parts: merged, by time
    """
    parts = [part for part in parts if query.after is None or part.start < query.after][
        ::-1
    ]
    return write_list(
        [
            {
                "id": f"{code}_{seconds(part.start)}",
                "object": "billing.meter_event_summary",
                "aggregated_value": part.quantity,
                "start_time": seconds(part.start),
                "end_time": seconds(_end(query, part.start)),
                "livemode": True,
                "meter": code,
            }
            for part in parts[: query.limit]
        ],
        path,
        has_more=len(parts) > query.limit,
    )


def _end(query, start):
    if query.bucket == "total":
        return query.end
    return start + WINDOWS[query.bucket]


def write_list(found, path, has_more=False):
    return {"object": "list", "url": path, "has_more": has_more, "data": found}
