"""Where periods turn, found for whole columns of instants at once. Pure; no SQL.

    low         turn          turn     high
     |  stretch 0 | stretch 1  | stretch 2 |

Between two turns of its periods, all events of a subject are of one period. Subjects
whose periods turn at the same instants share a calendar.
"""

from itertools import chain

import numpy as np


class Turns:
    """Turns of calendars within a span of time.

    low, high: of the span (microseconds, half-open)

    Calendar 0 has no turn. The turns of all calendars stand in one array, in order:
    what the number of a calendar and an instant make together finds its place there.
    """

    def __init__(self, low, high):
        self.low, self.high = low, high
        self._bits = (high - low).bit_length()
        self._numbers, self._starts = {(): 0}, np.zeros(1, np.int64)
        self._codes = np.empty(0, np.int64)
        self._instants = np.empty(0, np.int64)

    def add(self, calendars):
        """Number calendars, new ones and others.

        :param calendars: iterable of tuples of instants within the span, without its
            beginning, in order
        :return: list of numbers, None for a calendar too many
        """
        found, numbers, new = [], self._numbers, []
        for turns in calendars:
            number = numbers.get(turns)
            if number is None and not len(numbers) << self._bits >> 63:
                number = numbers[turns] = len(numbers)
                new.append((number, turns))
            found.append(number)
        if new:
            sizes = np.array([len(turns) for _number, turns in new])
            starts = np.cumsum(sizes) - sizes + len(self._codes)
            self._starts = np.concatenate((self._starts, starts))
            turns = np.array(list(chain.from_iterable(turns for _n, turns in new)))
            numbers = np.repeat(np.array([number for number, _turns in new]), sizes)
            codes = (numbers << self._bits) + (turns - self.low)
            self._codes = np.concatenate((self._codes, codes))
            self._instants = np.union1d(self._instants, turns)
        return found

    def are_between(self, low, high):
        """Whether a period turns after an instant and up to a later one."""
        first, last = np.searchsorted(self._instants, (low, high), "right")
        return bool(first < last)

    def stretches(self, numbers, times):
        """Stretches of instants: how many turns of their calendars are behind them.

        :param numbers: array of numbers of calendars
        :param times: array of instants of the span, parallel; or one, when nothing
            turns between them
        :return: array, or 0 for all of them
        """
        if not len(self._codes):
            return 0
        if isinstance(times, int):
            return self._count(np.arange(len(self._starts)), times)[numbers]
        return self._count(numbers, times)

    def _count(self, numbers, times):
        codes = (numbers << self._bits) + (times - self.low)
        return np.searchsorted(self._codes, codes, "right") - self._starts[numbers]
