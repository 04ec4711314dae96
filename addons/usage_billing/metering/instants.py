"""Instants as numbers, and the local days they are of. Pure; no SQL."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(2000, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
#: End of a span that has none.
OPEN_END = 2**62
#: Every offset from UTC in use since 1970 is a multiple of a quarter of an hour.
SLOT = 900_000_000


def to_microseconds(moment):
    """Microseconds since 2000-01-01 UTC; naive datetimes are UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(microseconds):
    """Naive UTC datetime of a number of microseconds since 2000-01-01."""
    return EPOCH + timedelta(microseconds=microseconds)


def first_of_month(microseconds):
    """First instant of a month in UTC."""
    moment = from_microseconds(microseconds)
    return to_microseconds(datetime(moment.year, moment.month, 1))


class Piece(NamedTuple):
    """A stretch of time within one local day (microseconds)."""

    low: int
    high: int
    day: int


class LocalDays:
    """Days of a time zone. low, high, day: where :meth:`lead` was led to last."""

    def __init__(self, tz):
        self._zone = ZoneInfo(tz)
        self._pieces = {}
        self.low, self.high, self.day = 1, 0, None

    def lead(self, microseconds):
        """Go to the day of an instant."""
        self.low, self.high, self.day = self.piece(microseconds)

    def piece(self, microseconds):
        """:return: Piece; ``day`` counts local days since 2000-01-01"""
        slot = microseconds // SLOT
        piece = self._pieces.get(slot)
        if piece is None:
            piece = self._pieces[slot] = self._make(slot * SLOT)
        return piece

    def _make(self, microseconds):
        moment = from_microseconds(microseconds)
        local = moment.replace(tzinfo=UTC).astimezone(self._zone).date()
        return Piece(
            self._midnight(local),
            self._midnight(local + _DAY),
            (local - EPOCH.date()).days,
        )

    def _midnight(self, day):
        """First instant of a local day."""
        return to_microseconds(
            datetime(day.year, day.month, day.day, tzinfo=self._zone)
        )
