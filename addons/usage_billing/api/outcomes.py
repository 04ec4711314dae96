"""What became of the events of a request."""


def describe(index, row, outcome, reasons, field=None, said=None):
    """What became of one event, for the response.

    :param int index: place in the request, from 0
    :param row: EventRow or RejectedRow
    :param outcome: RowOutcome, None for an accepted event
    :param reasons: reason code -> (sentence, what to do); "" for any other code
    :param str field: member that could not be read, if any
    :param str said: what is wrong with it, in the language of the caller, if anything
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
        if field:
            result["field"] = f"events[{index}].{field}"
    return result
