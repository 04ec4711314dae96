"""Why an event was not plainly accepted, in words; the codes are the quarantine's."""

import functools

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

#: Reason code -> (sentence, what the sender can do).
REASONS = {
    "unknown_subject": (
        _lt("The subject belongs to no subscription."),
        _lt("Nothing: the event is kept and counts once the subject is assigned."),
    ),
    "unknown_meter": (
        _lt("No meter counts events of this type."),
        _lt(
            "Nothing: the event is kept and counts once there is a meter. Check "
            "the type for a misspelling."
        ),
    ),
    "before_start": (
        _lt("The time is before the subscription starts."),
        _lt("Check the time; the event is kept until somebody decides."),
    ),
    "after_end": (
        _lt("The time is after the subscription ended."),
        _lt("Check the time; the event is kept until somebody decides."),
    ),
    "no_period": (
        _lt("The subscription has no billing period at that time."),
        _lt("Nothing: the event is kept and counts once the period is made."),
    ),
    "future": (
        _lt("The time is further in the future than the source allows."),
        _lt("Check the clock of the sender; the event is kept until somebody decides."),
    ),
    "late": (
        _lt("The time is older than the source allows."),
        _lt("Nothing: the event is kept until somebody decides."),
    ),
    "archived": (
        _lt("The month of the event is in the archive."),
        _lt("Nothing: the event is kept and counts once the month is brought back."),
    ),
    "id_time": (
        _lt("The time in the id is missing, or too far from the time of the event."),
        _lt(
            "Make ids as the source declares (UUID version 7 or ULID) at the time of "
            "the event; this one is kept until somebody decides."
        ),
    ),
    "conflict": (
        _lt("The id is taken by an event with another content."),
        _lt("Send a new id for a new event; to correct the first one, amend it."),
    ),
    "currency": (
        _lt("The currency is not the subscription's."),
        _lt(
            "Send the event again with the same id and the amount in the "
            "subscription's currency; this one is kept until somebody decides."
        ),
    ),
    "invalid_value": (
        _lt("A value cannot be stored."),
        _lt(
            "Correct the value and send the event again with the same id; this one is "
            "kept until somebody decides."
        ),
    ),
    "invalid_time": (
        _lt("The time cannot be read."),
        _lt(
            "Send an RFC 3339 date-time with its zone; the event is kept until "
            "somebody decides."
        ),
    ),
    "missing_field": (
        _lt("A member is missing that the event needs."),
        _lt(
            "Add it and send the event again; this one is kept until somebody decides."
        ),
    ),
    "unknown_unit": (
        _lt("The unit is not known."),
        _lt("Send a unit of the meter; the event is kept until somebody decides."),
    ),
    "unreadable": (
        _lt("The event cannot be read."),
        _lt(
            "Correct the event and send it again; this one is kept as received "
            "until somebody decides."
        ),
    ),
}
_OTHER = (_lt("The event waits for a decision."), _lt("Nothing: the event is kept."))


@functools.lru_cache(maxsize=16)
def reasons_in(lang):
    """Code -> (sentence, what to do) in a language; "" for any other code.

    :param str lang: such as "fr_FR"
    """
    return {
        code: tuple(text._translate(lang) for text in texts)
        for code, texts in {**REASONS, "": _OTHER}.items()
    }
