# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Gaps in the numbers of documents.

Invoices bear a unique number from a chronological and continuous sequence, and several
sequences are allowed when the activity justifies it (CGI ann. II art. 242 nonies A I
7°, CIBS L 216-41; BOI-TVA-DECLA-30-20-20-10 § 50 and following).
"""

import re
from dataclasses import dataclass

_TAIL = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that no document has: first and last included."""

    first: int
    last: int

    @property
    def count(self):
        """How many numbers are missing."""
        return self.last - self.first + 1


def split(number):
    """Cut a number into its prefix, its counter and the digits of the counter.

    >>> split("INV/2026/00042")
    ('INV/2026/', 42, 5)

    :return: (prefix, counter, width), or None when it has no counter
    :rtype: tuple | None
    """
    match = _TAIL.match(number or "")
    if not match:
        return None
    prefix, counter, suffix = match.groups()
    return prefix + suffix, int(counter), len(counter)


def gaps(counters, start=None):
    """Give the holes between counters, in order.

    :param counters: integers in any order, doubles allowed
    :param start: first number the sequence should have; None: the first one there is
    :rtype: list[Gap]

    >>> gaps([1, 2, 5, 9])
    [Gap(first=3, last=4), Gap(first=6, last=8)]
    """
    found = []
    expected = start
    for counter in sorted(set(counters)):
        if expected is not None and counter > expected:
            found.append(Gap(expected, counter - 1))
        if expected is None or counter >= expected:
            expected = counter + 1
    return found
