"""Whose a subject is, and in which period, from when to when. Pure; no SQL."""

import json
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter

from .texts import storable


@dataclass(frozen=True, slots=True)
class SubjectSpan:
    """Whose a subject is, from start to end (microseconds, half-open)."""

    subject: str
    source_id: int | None
    subscription_id: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PeriodSpan:
    """A billing period (microseconds, half-open) and the zone its days are of.

    full_days, full_time: length of the calendar period that this is or is a part of, in
        local days and in microseconds; 0 where nobody asks for it
    """

    id: int
    subscription_id: int
    start: int
    end: int
    tz: str
    currency: str
    full_days: int = 0
    full_time: int = 0


class Places:
    """Periods of a subject: (start, end, period), without overlap.

    error: reason code when no event of the subject can pass; text: it in JSON
    """

    __slots__ = ("_owned", "_turns", "entries", "error", "spans", "starts", "text")

    def __init__(self, subject, spans, periods):
        """
        :param list[SubjectSpan] spans: of one subject
        :param periods: subscription id -> list[PeriodSpan], in the order of time
        """
        self.text = json.dumps(subject)
        self.error = None
        if not subject:
            self.error = "missing_field"
        elif not storable(subject):
            self.error = "invalid_value"
        elif not spans:
            self.error = "unknown_subject"
        self.spans = [(span.start, span.end) for span in spans]
        self._owned = [
            (start, end, periods[subscription_id])
            for start, end, subscription_id in _disjoint(spans)
        ]
        entries = []
        for start, end, its_periods in self._owned:
            for period in its_periods:
                low, high = max(start, period.start), min(end, period.end)
                if low < high:
                    entries.append((low, high, period))
        entries.sort(key=itemgetter(0))
        self.entries = entries
        self.starts = [entry[0] for entry in entries]
        self._turns = None, None, ()

    def turns(self, low, high):
        """Instants after one and before another at which a period begins or ends.

        :return: tuple, in order
        """
        if self._turns[:2] != (low, high):
            first = max(bisect_right(self.starts, low) - 1, 0)
            last = bisect_right(self.starts, high)
            turns = {
                instant
                for entry in self.entries[first:last]
                for instant in entry[:2]
                if low < instant < high
            }
            self._turns = low, high, tuple(sorted(turns))
        return self._turns[2]

    def find(self, microseconds):
        """:return: (index of the entry, None), or (None, reason code)"""
        index = bisect_right(self.starts, microseconds) - 1
        if index >= 0 and microseconds < self.entries[index][1]:
            return index, None
        for start, end, periods in self._owned:
            if start <= microseconds < end:
                return None, _reason_outside(periods, microseconds)
        if any(microseconds < start for start, _end in self.spans):
            return None, "before_start"
        return None, "after_end"


def _reason_outside(periods, microseconds):
    """Why an instant is in no period of the subscription that the subject is then.

    Periods reach from the start of a subscription to its end, or beyond the newest
    event that was asked about.
    """
    if not periods:
        return "no_period"
    if microseconds < periods[0].start:
        return "before_start"
    return "after_end" if microseconds >= periods[-1].end else "no_period"


def _disjoint(spans):
    """Cut spans so that one subscription is left at each instant.

    The database keeps mappings of the same source apart; only a mapping of this source
    and one of any source may overlap, and then the former wins.

    :return: list of (start, end, subscription id)
    """
    own = sorted((s for s in spans if s.source_id is not None), key=lambda s: s.start)
    result = [(s.start, s.end, s.subscription_id) for s in own]
    for span in spans:
        if span.source_id is not None:
            continue
        start = span.start
        for other in own:
            if other.end <= start or other.start >= span.end:
                continue
            if start < other.start:
                result.append((start, other.start, span.subscription_id))
            start = max(start, other.end)
        if start < span.end:
            result.append((start, span.end, span.subscription_id))
    return result
