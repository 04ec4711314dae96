"""What became of the events of a request."""

from .limits import MAX_DIGITS

#: Reason -> member of the event that it is about, where the reason alone says it.
_FIELDS = {
    "after_end": "time",
    "archived": "time",
    "before_start": "time",
    "conflict": "id",
    "currency": "currency",
    "future": "time",
    "id_time": "id",
    "late": "time",
    "no_period": "time",
    "unknown_meter": "type",
    "unknown_subject": "subject",
    "unknown_unit": "unit",
}
_DATA = frozenset({"value", "amount", "currency"})
_MEMBERS = _DATA | {"id", "type", "subject", "time", "unit"}


def describe(
    index, row, outcome, reasons, field=None, said=None, is_cloud=False, place=None
):
    """What became of one event, for the response.

    :param int index: place in the request, from 0
    :param row: EventRow or RejectedRow
    :param outcome: RowOutcome, None for an accepted event
    :param reasons: reason code -> (sentence, what to do); "" for any other code
    :param str field: member that could not be read, if any
    :param str said: what is wrong with it, in the language of the caller, if anything
    :param bool is_cloud: the request has CloudEvents only
    :param str place: what stands before the member, by default ``events[index].``
    """
    result = {"index": index, "id": row.event_id}
    if outcome is None:
        result["status"] = "accepted"
        return result
    result["status"] = outcome.status
    if outcome.code:
        sentence, action = reasons.get(outcome.code) or reasons[""]
        result["code"] = outcome.code
        result["detail"] = f"{sentence} {said or ''}".rstrip()
        result["action"] = action
        if place is None:
            place = f"events[{index}]."
        field = field or field_of(row, outcome.code, outcome.detail or "", is_cloud)
        if field or place:
            result["field"] = f"{place}{field}".rstrip(".")
    return result


def field_of(row, code, detail, is_cloud=False):
    """Member of an event that the store holds it for, "" when it is no single one.

    The store notes what is missing by its name, and what is wrong as "name: what".

    >>> from types import SimpleNamespace
    >>> field_of(SimpleNamespace(dimensions={}), "missing_field", "user")
    'properties.user'
    """
    name = _FIELDS.get(code, "")
    if code == "missing_field":
        name = detail.partition(", ")[0]
    elif code == "invalid_value":
        name = detail.partition(": ")[0] if ": " in detail else _too_long(row)
    if name in _MEMBERS:
        return f"data.{name}" if is_cloud and name in _DATA else name
    if not name:
        return ""
    if is_cloud:
        return f"data.{name}"
    known = getattr(row, "dimensions", None) or ()
    return f"{'dimensions' if name in known else 'properties'}.{name}"


def _too_long(row):
    """The number with too many digits behind the point."""
    for name in ("value", "amount"):
        number = getattr(row, name, None)
        if number is not None and -number.as_tuple().exponent > MAX_DIGITS:
            return name
    return ""
