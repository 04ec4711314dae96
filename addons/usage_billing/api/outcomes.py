"""What a sender can do about an event that was not plainly accepted."""

#: Reason code -> (sentence, what to do).
REASONS = {
    "unknown_subject": (
        "The subject belongs to no subscription.",
        "Nothing: the event is kept and counts once the subject is assigned.",
    ),
    "unknown_meter": (
        "No meter counts events of this type.",
        "Nothing: the event is kept and counts once there is a meter. Check the "
        "type for a misspelling.",
    ),
    "before_start": (
        "The time is before the subscription starts.",
        "Check the time; the event is kept until somebody decides.",
    ),
    "after_end": (
        "The time is after the subscription ended.",
        "Check the time; the event is kept until somebody decides.",
    ),
    "no_period": (
        "The subscription has no billing period at that time.",
        "Nothing: the event is kept and counts once the period is made.",
    ),
    "future": (
        "The time is further in the future than the source allows.",
        "Check the clock of the sender; the event is kept until somebody decides.",
    ),
    "conflict": (
        "The id is taken by an event with another content.",
        "Send a new id for a new event; to correct the first one, amend it.",
    ),
    "currency": (
        "The currency is not the subscription's.",
        "Send the amount in the subscription's currency, under a new id.",
    ),
    "invalid_value": (
        "A value cannot be stored.",
        "Correct the value and send the event under a new id; this one is kept until "
        "somebody decides.",
    ),
    "invalid_time": (
        "The time cannot be read.",
        "Send an RFC 3339 date-time with its zone; the event is kept until somebody "
        "decides.",
    ),
    "missing_field": (
        "A member is missing that the event needs.",
        "Add it and send the event again; this one is kept until somebody decides.",
    ),
    "unknown_unit": (
        "The unit is not known.",
        "Send a unit of the meter; the event is kept until somebody decides.",
    ),
    "unreadable": (
        "The event cannot be read.",
        "Correct the event and send it again; this one is kept as received until "
        "somebody decides.",
    ),
}
_OTHER = ("The event waits for a decision.", "Nothing: the event is kept.")


def describe(index, row, outcome, field=None):
    """What became of one event, for the response.

    :param int index: place in the request, from 0
    :param row: EventRow or RejectedRow
    :param outcome: RowOutcome, None for an accepted event
    :param str field: member that could not be read, if any
    """
    result = {"index": index, "id": row.event_id}
    if outcome is None:
        result["status"] = "accepted"
        return result
    result["status"] = outcome.status
    if outcome.code:
        sentence, action = REASONS.get(outcome.code, _OTHER)
        result["code"] = outcome.code
        result["detail"] = f"{sentence} {outcome.detail}".rstrip()
        result["action"] = action
        if field:
            result["field"] = f"events[{index}].{field}"
    return result
