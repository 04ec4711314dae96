# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Life-cycle statuses and reasons of XP Z12-012 (lists BR-FR-CDV-CL-06 and -09).

`data/status.csv`: phase 305 transmission (said by platforms), 23 processing (said by
seller or buyer); compulsory to the state: 200, 213, 210, 212. rank orders statuses of
the same instant; after one that ends the life no compulsory status may follow.
`data/reason.csv`: with which statuses a reason may go; none: public buyers only.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data")

PROCESSING = "23"
FILED, SENT, RECEIVED, AVAILABLE = "200", "201", "202", "203"
TAKEN, APPROVED, PARTLY, DISPUTED, SUSPENDED = "204", "205", "206", "207", "208"
COMPLETED, REFUSED, PAYMENT_SENT, COLLECTED = "209", "210", "211", "212"
REJECTED, CANCELLED, ROUTING, INADMISSIBLE = "213", "220", "221", "501"

# BR-FR-CDV-15
NEEDS_REASON = frozenset({PARTLY, DISPUTED, SUSPENDED, REFUSED, REJECTED, INADMISSIBLE})
# what a buyer may answer to a supplier's invoice, in the order of the buttons
ANSWERS = (TAKEN, APPROVED, PARTLY, DISPUTED, SUSPENDED, REFUSED, PAYMENT_SENT)


@dataclass(frozen=True, slots=True)
class Status:
    """One status of the list."""

    code: str
    phase: str
    is_compulsory: bool
    rank: int
    ends: bool
    by: str
    french: str
    english: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of the list, and the statuses it may go with."""

    code: str
    statuses: frozenset
    french: str
    english: str


@cache
def statuses():
    """Give the statuses by code.

    :rtype: dict[str, Status]
    """
    return {
        row["code"]: Status(
            code=row["code"],
            phase=row["phase"],
            is_compulsory=row["compulsory"] == "1",
            rank=int(row["rank"]),
            ends=row["ends"] == "1",
            by=row["by"],
            french=row["french"],
            english=row["english"],
        )
        for row in _rows("status.csv")
    }


@cache
def reasons():
    """Give the reasons by code.

    :rtype: dict[str, Reason]
    """
    return {
        row["code"]: Reason(
            code=row["code"],
            statuses=frozenset(row["statuses"].split()),
            french=row["french"],
            english=row["english"],
        )
        for row in _rows("reason.csv")
    }


def label(code, is_french=True):
    """Give the name of a status; a code of a later list is its own name.

    >>> label("212"), label("999")
    ('Encaissée', '999')
    """
    found = statuses().get(code)
    if not found:
        return code
    return found.french if is_french else found.english


def reason_label(code, is_french=True):
    """Give the words of a reason, the code itself when unknown."""
    found = reasons().get(code)
    if not found:
        return code or ""
    return found.french if is_french else found.english


def reasons_for(code):
    """Give the reasons a status may carry, in the order of the list.

    :rtype: list[Reason]
    """
    return [reason for reason in reasons().values() if code in reason.statuses]


def current(history):
    """Give the code that stands after statuses that came in any order.

    A status that ends the life (refused, rejected, cancelled) stands whatever else
    says; what seller or buyer say stands before what platforms say on the way, as the
    clocks of all of them differ; else the latest; of the same second, the furthest in
    the list.

    >>> from datetime import datetime
    >>> day = datetime(2026, 11, 2)
    >>> current([("205", day), ("203", datetime(2026, 11, 1)), ("204", day)])
    '205'

    :param history: pairs (code, naive UTC moment the issuer gave)
    :return: "" when there is none
    :rtype: str
    """
    if not history:
        return ""
    known = statuses()

    def weight(item):
        found = known.get(item[0])
        return (
            bool(found and found.ends),
            bool(found and found.phase == PROCESSING),
            item[1],
            found.rank if found else 0,
        )

    return max(history, key=weight)[0]


def may_follow(code, history):
    """Say whether a status of ours may still be said (no compulsory one after 210).

    >>> may_follow("212", ["200", "210"]), may_follow("212", ["200", "207"])
    (False, True)
    """
    known = statuses()
    has_ended = any(known[old].ends for old in history if old in known)
    return not (has_ended and known[code].is_compulsory)


def _rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
