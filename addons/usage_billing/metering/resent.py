"""Rows of a source that repeats itself, compared with what is stored column by column.

What is stored with the same content is counted, what is stored with another is held,
and the others are written, all of a chunk at once.
"""

from contextlib import suppress

import numpy as np

from .instants import to_microseconds
from .known import NEW, OTHER, SAME
from .quick import Unfit

#: From so many rows on, one is looked up before they are sent.
LOOKED_AT = 5000


def look_at(append, rows):
    """Look whether the first one of many rows is stored already: then it saves time to
    expect the same of the others.

    :param Append append: of the rows
    :param list rows: as received
    """
    first = rows[0]
    if append.router.resends or len(rows) < LOOKED_AT:
        return
    with suppress(ValueError, ArithmeticError, TypeError, AttributeError):
        moment = to_microseconds(first[3])
        _raw, unique, _key = append.key_of(first[0], moment)
        append.router.resends = bool(append.known.contents([unique]))


def store_new(append, quick, table):
    """Store rows that are new, count those stored before, hold those in conflict.

    :param Append append: of the rows
    :param Quick quick: the rows; those it takes are dealt with, or none
    :param str table: where they go
    :return: number of rows that are dealt with, None when one is not fit, or repeated
        in a way that must be looked at row by row
    """
    try:
        blocks = quick.hold()
    except (Unfit, ValueError, ArithmeticError, TypeError):
        return None
    if not blocks:
        return 0
    outcome = append.outcome
    count, ordinals = quick.count, append.ordinals(quick.rows)
    marks = append.known.marks(
        b"".join([block.uniques for block in blocks]),
        b"".join([block.contents for block in blocks]),
    )
    if marks is None:
        return None
    left = np.flatnonzero(marks == NEW)
    same = [quick.rows[i][9] for i in np.flatnonzero(marks == SAME).tolist()]
    held = [
        outcome.held_event(*quick.led(i), "conflict", "")
        for i in np.flatnonzero(marks == OTHER).tolist()
    ]
    if len(left) < count:
        quick.leave_out(left)
        ordinals = [ordinals[i] for i in left.tolist()]
    if len(left) and append.send(quick, table, ordinals) is None:
        return None
    append.router.resends = len(left) < count
    append.count_stored(count, len(left))
    outcome.count_same(same)
    if held:
        outcome.hold(held)
    return count
