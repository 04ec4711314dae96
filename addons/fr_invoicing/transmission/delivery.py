# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""States of a document in the outbox, and when to try again.

    waiting --> sending --> sent --> accepted
       ^          |  \\         \\--> rejected
       |          |   \\--> rejected
       +----------+        (unreachable, later: nothing was handed over)
       |
       +--> held (a person must act) --> waiting | cancelled
       +--> cancelled

A document stays `sending` while nobody knows whether the platform has it: after a crash
between the call and its answer, a broken connection, an error 5xx. From there the next
step is always a question ("do you have this tracking id?"), never a second sending.
"""

from datetime import timedelta

WAITING, SENDING, SENT = "waiting", "sending", "sent"
ACCEPTED, REJECTED = "accepted", "rejected"
HELD, CANCELLED = "held", "cancelled"
# of what comes in
RECEIVED, PROCESSED, FAILED = "received", "processed", "failed"

MOVES = {
    WAITING: {SENDING, HELD, CANCELLED, REJECTED},
    SENDING: {WAITING, SENT, ACCEPTED, REJECTED, HELD},
    SENT: {ACCEPTED, REJECTED},
    HELD: {WAITING, CANCELLED, SENT},
    ACCEPTED: {REJECTED},
    REJECTED: set(),
    CANCELLED: set(),
    RECEIVED: {PROCESSED, FAILED},
    FAILED: {PROCESSED, RECEIVED},
    PROCESSED: set(),
}

FIRST_WAIT_S = 60
LONGEST_WAIT_S = 4 * 3600
# a platform may take a while to show what it took: ask again before sending again
SETTLING_S = 120


def may_move(old, new):
    """Say whether a document may go from one state to the other.

    >>> may_move("sent", "waiting"), may_move("sending", "waiting")
    (False, True)
    """
    return new in MOVES[old]


def wait_s(attempts, asked_s=0, spread=0):
    """Give the seconds to wait after some failures in a row, doubling up to 4 hours.

    >>> [wait_s(attempts) for attempts in (1, 2, 3, 20)]
    [60, 120, 240, 14400]

    :param int attempts: failures so far, at least 1
    :param int asked_s: what the platform asked for (Retry-After)
    :param spread: 0 to 1, so that many documents do not come back at once
    """
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempts - 1, 20))
    return max(asked_s, int(wait * (1 + 0.2 * spread)))


def next_try(now, attempts, asked_s=0, spread=0):
    """Give the moment of the next attempt."""
    return now + timedelta(seconds=wait_s(attempts, asked_s, spread))


def adopt(found):
    """Choose among the flows a platform has under one tracking id.

    A second sending that was turned away as a duplicate does not hide the first one.

    :param list[RemoteFlow] found: any order
    :rtype: RemoteFlow | None
    """
    originals = [flow for flow in found if not flow.is_duplicate]
    ranked = sorted(
        originals or found,
        key=lambda flow: (
            {"Ok": 0, "Pending": 1}.get(flow.acknowledgement, 2),
            str(flow.submitted_at or ""),
        ),
    )
    return ranked[0] if ranked else None
