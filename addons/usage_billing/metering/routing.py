"""Which subscription, period and meters an event belongs to. Pure; no SQL.

An append asks the :class:`Catalogue` for what it needs, chunk by chunk, and builds one
:class:`Route` for each distinct (type, subject, dimensions). All that does not depend
on the single event is decided there once: a file of a million rows has a few hundred
routes.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from operator import itemgetter
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from .jsonform import members_of
from .keys import payload_hasher
from .meters import EXACT as EXACT
from .meters import MeterSpec
from .ways import Ways

EPOCH = datetime(2000, 1, 1)
#: Reasons why no event of a route can pass; the first one there is is told.
_ERRORS = ("missing_field", "invalid_value", "unknown_meter", "unknown_subject")
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
#: End of a span that has none.
OPEN_END = 2**62
#: Every offset from UTC in use since 1970 is a multiple of a quarter of an hour.
SLOT = 900_000_000
#: As long as a month lasts at most.
_LONG_MONTH = 31 * 86_400_000_000


def to_microseconds(moment):
    """Microseconds since 2000-01-01 UTC; naive datetimes are UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(microseconds):
    """Naive UTC datetime of a number of microseconds since 2000-01-01."""
    return EPOCH + timedelta(microseconds=microseconds)


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


class Catalogue(Protocol):
    """What an append asks for. Implemented over the ORM by ``metering_bridge``."""

    def meters(self) -> Iterable[MeterSpec]:
        """Meters in use in the company."""

    def subjects(self, names: Iterable[str]) -> Iterable[SubjectSpan]:
        """Mappings of these subjects, of every source and every date."""

    def periods(
        self, subscription_ids: Iterable[int], until: datetime
    ) -> Iterable[PeriodSpan]:
        """Periods of these subscriptions, made when missing up to ``until``."""


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


class Slot:
    """What all events of a segment with one currency say beside their own facts.

    key: see :func:`.keys.route_hash`; number: of the route, None until the store tells
    """

    __slots__ = ("key", "number", "segment")

    def __init__(self, segment, key):
        self.segment = segment
        self.key = key
        self.number = None


class Segment:
    """Events of one route within one period: everything they share.

    meters: (meter, id of the projected dimension set, filters left for properties)
    needs_value: an event without a value cannot be counted
    is_strict: events must be looked at one by one before they are accepted
    days: local days of the subscription; day, rows: where the last event went
    slot: of events without a currency, None until there is one; slots: of the others
    way: what is sent of such events, see :mod:`.quick`
    """

    __slots__ = (
        "currency",
        "day",
        "days",
        "end",
        "is_strict",
        "meters",
        "needs_value",
        "period_id",
        "route",
        "rows",
        "slot",
        "slots",
        "start",
        "subscription_id",
        "way",
    )

    def __init__(self, route, start, end, period, days):
        self.route = route
        self.start = start
        self.end = end
        self.period_id = period.id
        self.subscription_id = period.subscription_id
        self.currency = period.currency
        self.days = days
        kind = route.kind
        self.meters = kind.meters
        self.needs_value = kind.needs_value
        self.is_strict = kind.is_strict
        self.day = self.rows = None
        self.slot = None
        self.slots = None
        self.way = None

    def turn(self, day, gathered):
        """Let the rows that follow belong to another day.

        :param list gathered: completed by (segment, day, row indexes)
        :return: list for the indexes of those rows
        """
        rows = self.rows = []
        self.day = day
        gathered.append((self, day, rows))
        return rows

    def slot_of(self, currency):
        """The slot of events in this currency, or in none."""
        if currency is None:
            if self.slot is None:
                self.slot = self.route.router.open_slot(self, None)
            return self.slot
        if self.slots is None:
            self.slots = {}
        slot = self.slots.get(currency)
        if slot is None:
            slot = self.slots[currency] = self.route.router.open_slot(self, currency)
        return slot


class Kind:
    """What routes of one type and one set of dimensions share.

    error: reason code when no event of the kind can pass
    text: the type in JSON; members: dimensions, see :func:`.jsonform.members_of`
    dimset_id, meters: of the dimensions, and what counts the events, see
        :class:`Segment`
    counted: meters as (id, id of dimension set, whether it needs a value), None when
        it depends on the event which of them count it, or what of it
    needs_value, is_strict: see :class:`Segment`
    """

    __slots__ = (
        "counted",
        "dimset_id",
        "error",
        "is_strict",
        "members",
        "meters",
        "needs_value",
        "said",
        "text",
    )

    def __init__(self, etype, members, error):
        self.text = json.dumps(etype)
        self.members = members
        self.said = ", ".join(members) + "|"
        self.error = error
        self.dimset_id = 0
        self.count_by(())

    def count_by(self, meters):
        """Let these meters count: (meter, id of dimension set, filters left)."""
        self.meters = meters
        self.counted = None
        if not any(
            left or meter.needs_value and meter.value_source != "value"
            for meter, _dimset, left in meters
        ):
            self.counted = [
                (meter.id, dimset_id, meter.needs_value)
                for meter, dimset_id, _left in meters
            ]
        reading = [
            (meter, left) for meter, _dimset, left in meters if meter.needs_value
        ]
        self.needs_value = any(
            meter.value_source == "value" and not left for meter, left in reading
        )
        self.is_strict = any(
            meter.value_source != "value" or left for meter, left in reading
        ) or any(meter.unique_property for meter, _dimset, _left in meters)


class Route:
    """Way of all events of one (type, subject, dimensions).

    error: reason code when no event can pass
    kind: what it shares with the routes of other subjects
    places: where events of the subject may go, shared with its other routes
    head: beginning of the hashed text of the payload; ``kind.members`` follow
    low, high: where the last event was led to; ``segment`` is right for times inside
    """

    __slots__ = (
        "error",
        "hasher",
        "head",
        "high",
        "key",
        "kind",
        "low",
        "places",
        "router",
        "segment",
        "segments",
    )

    def __init__(self, router, key, kind, places):
        self.router = router
        self.key = key
        self.kind = kind
        self.places = places
        self.error = None
        if kind.error or places.error:
            self.error = min(
                filter(None, (kind.error, places.error)), key=_ERRORS.index
            )
        self.head = _digest(f"[{kind.text}, {places.text}]")
        self.hasher = None
        self.segments = {}
        self.low, self.high = 1, 0
        self.segment = None

    def spans(self, low, high):
        """Lead to the segment of an instant.

        :return: whether a later instant is in it, too
        """
        if not self.low <= low < self.high and self.move(low):
            return False
        return high < self.high

    def begin(self):
        """Payload hash of what events without properties share, to be completed."""
        if self.hasher is None:
            self.hasher = payload_hasher(self.head + self.kind.said)
        return self.hasher.copy()

    def forget(self):
        """Be nowhere: the next event must be led."""
        self.low, self.high = 1, 0
        self.segment = None

    def move(self, microseconds):
        """Lead to the segment of an instant.

        :return: None, or the reason code why there is none
        """
        if self.error:
            return self.error
        router = self.router
        if microseconds > router.latest:
            return "future"
        if microseconds < router.oldest:
            return "archived" if microseconds < router.archived else "late"
        index, reason = self.places.find(microseconds)
        if reason:
            return reason
        segment = self.segments.get(index)
        if segment is None:
            segment = self.segments[index] = router.open_segment(self, index)
        self.low = max(segment.start, router.oldest)
        self.high = min(segment.end, router.latest + 1)
        self.segment = segment
        return None


class Places:
    """Periods of a subject: (start, end, period), without overlap.

    error: reason code when no event of the subject can pass; text: it in JSON
    """

    __slots__ = ("_turns", "entries", "error", "spans", "starts", "text")

    def __init__(self, subject, spans, periods):
        """
        :param list[SubjectSpan] spans: of one subject
        :param periods: subscription id -> list[PeriodSpan]
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
        entries = []
        for start, end, subscription_id in _disjoint(spans):
            for period in periods[subscription_id]:
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
        if any(start <= microseconds < end for start, end in self.spans):
            return None, "no_period"
        if any(microseconds < start for start, _end in self.spans):
            return None, "before_start"
        return None, "after_end"


class Router:
    """Builds and keeps the routes of one source, for one append or for several.

    :param Catalogue catalogue: where meters, subjects and periods come from
    :param int company_id: company of the source
    :param int source_id: source of the batch; a mapping of that source wins over a
        mapping of any source

    latest: events after it are in the future (microseconds)
    dimension_numbers: items of a mapping of dimensions -> number
    dimsets: canonical text of a dimension set -> its id, filled by the store
    months: months whose tables are known to exist, filled by the store
    archived_until: end of the months that left the store, filled by the store; None
        before
    source: what the caller must know of the source, filled by it; None before
    resends: the source repeated events lately, so look before writing
    unnumbered: slots whose route has no number yet
    ways: what is sent of the events of routes, by their keys, see :mod:`.ways`
    sum_keys: whose the sums are that events of ways add to, see :class:`.sums.Sums`; a
        list that only grows, until another one takes its place, and that of all routes
    kind: of the rows: usage, or amendments of it
    """

    def __init__(self, catalogue, company_id, source_id):
        self.catalogue = catalogue
        self.company_id = company_id
        self.source_id = source_id
        self.latest = OPEN_END
        self.oldest = self.archived = -OPEN_END
        self.months = set()
        self.archived_until = self.source = None
        self.resends = False
        self.kind = "u"
        self._days = {}
        self.forget()

    def set_out(self, latest, oldest=-OPEN_END, archived=-OPEN_END):
        """Begin an append. Places found earlier stay.

        :param int latest: events after it are in the future
        :param int oldest: events before it are late
        :param int archived: events before it belong to months that left the store
        """
        oldest = max(oldest, archived)
        if latest < self.latest or oldest > self.oldest:
            for route in self.routes.values():
                route.forget()
        self.latest, self.oldest, self.archived = latest, oldest, archived

    def ways_of(self, low, high):
        """Known ways of events between two instants; others are forgotten.

        :return: Ways, None when the events may not all pass
        """
        if not self.oldest <= low <= high <= self.latest:
            return None
        if not self.ways.is_right(low, high):
            low, high = _first_of_month(low), _first_of_month(high)
            self.ways = Ways(low - _LONG_MONTH, high + _LONG_MONTH)
        return self.ways

    def forget_ways(self):
        """Know no ways."""
        self.ways = Ways(0, 0)

    def sums_of(self, segment):
        """Numbers of the sums that events of a segment add to.

        :return: list of positions in ``sum_keys``; None when it depends on the event
        """
        counted = segment.route.kind.counted
        if counted is None:
            return None
        found, keys, numbers = [], self.sum_keys, self._sum_numbers
        whose = segment.subscription_id, segment.period_id
        for meter in counted:
            key = whose + meter
            number = numbers.setdefault(key, len(keys))
            if number == len(keys):
                keys.append(key)
            found.append(number)
        return found

    def missing(self, keys):
        """Keys without a route, each once, in a stable order."""
        routes = self.routes
        return [key for key in dict.fromkeys(keys) if key not in routes]

    def build_known(self, keys):
        """Make routes of keys, if nothing needs to be asked for.

        :return: whether they are made
        """
        if not all(key[1] in self._spans for key in keys):
            return False
        if not self.dimensions(keys).keys() <= self.dimsets.keys():
            return False
        for key in keys:
            self.build(key, self.dimsets.__getitem__)
        return True

    def forget_routes(self, keys):
        """Forget routes that were made without a look at their subjects."""
        for key in keys:
            del self.routes[key]
            self._places.pop(key[1], None)

    def dimensions(self, keys):
        """Dimension sets that routes of these keys name: full ones and projections."""
        wanted = {}
        self._read_dimensions()
        for etype, number in dict.fromkeys((key[0], key[2]) for key in keys):
            dimensions, text, _members = self._dimensions[number]
            if not storable(*dimensions, *dimensions.values()):
                continue
            wanted[text] = dimensions
            for meter in self._by_type.get(etype, ()):
                projected = meter.project(dimensions)
                wanted[canonical(projected)] = projected
        return wanted

    def load(self, keys, until):
        """Read the subjects and periods that these keys need.

        :param until: newest event time of the chunk (microseconds): periods are made up
            to there
        """
        names = {key[1] for key in keys} - self._spans.keys()
        if names:
            found = {name: [] for name in names}
            for span in self.catalogue.subjects(names):
                if span.source_id in (None, self.source_id):
                    found[span.subject].append(span)
            self._spans.update(found)
        wanted = {
            span.subscription_id for name in names for span in self._spans[name]
        } - self._periods.keys()
        if self._until is None:
            self._until = until
        elif until > self._until:
            self._until = until
            late = [
                subscription
                for subscription, periods in self._periods.items()
                if not periods or periods[-1].end <= until
            ]
            if late:
                wanted.update(late)
                self.routes.clear()
                self._places.clear()
                self.forget_ways()
        if wanted:
            self._periods.update({subscription: [] for subscription in wanted})
            for period in self.catalogue.periods(
                sorted(wanted), from_microseconds(self._until)
            ):
                self._periods[period.subscription_id].append(period)
            for subscription in wanted:
                self._periods[subscription].sort(key=lambda period: period.start)

    def build(self, key, dimset_id):
        """Make the route of a key.

        :param dimset_id: function canonical text -> id of a dimension set
        """
        etype, subject, number = key
        kind = self._kinds.get((etype, number))
        if kind is None:
            kind = self._kinds[etype, number] = self._make_kind(
                etype, number, dimset_id
            )
        places = self._places.get(subject)
        if places is None:
            spans = self._spans.get(subject, ())
            places = self._places[subject] = Places(subject, spans, self._periods)
        route = self.routes[key] = Route(self, key, kind, places)
        return route

    def _make_kind(self, etype, number, dimset_id):
        dimensions, text, members = self._dimensions[number]
        error = None
        if not etype:
            error = "missing_field"
        elif not storable(etype, *dimensions, *dimensions.values()):
            error = "invalid_value"
        elif etype not in self._by_type:
            error = "unknown_meter"
        kind = Kind(etype, members, error)
        if not error:
            kind.dimset_id = dimset_id(text)
            kind.count_by(
                [
                    (meter, dimset_id(canonical(meter.project(dimensions))), left)
                    for meter in self._by_type[etype]
                    if (left := meter.split_filters(dimensions)) is not None
                ]
            )
        return kind

    def open_segment(self, route, index):
        """The segment of a route in one of its places."""
        low, high, period = route.places.entries[index]
        days = self._days.get(period.tz)
        if days is None:
            days = self._days[period.tz] = LocalDays(period.tz)
        return Segment(route, low, high, period, days)

    def open_slot(self, segment, currency):
        """The slot of a segment's events in a currency."""
        etype, subject, _number = segment.route.key
        slot = Slot(
            segment,
            (
                self.company_id,
                self.source_id,
                segment.subscription_id,
                segment.period_id,
                segment.route.kind.dimset_id,
                self.kind,
                currency,
                etype,
                subject,
            ),
        )
        self.unnumbered.append(slot)
        return slot

    def forget(self):
        """Know nothing but the meters, read anew; between chunks only."""
        self._by_type = {}
        for meter in self.catalogue.meters():
            self._by_type.setdefault(meter.event_type, []).append(meter)
        self.routes = {}
        self.sum_keys, self._sum_numbers = [], {}
        self.forget_ways()
        self.unnumbered = []
        self.dimension_numbers = {}
        self.dimsets = {}
        self._dimensions = []
        self._spans = {}
        self._periods = {}
        self._places = {}
        self._kinds = {}
        self._until = None

    def _read_dimensions(self):
        """(dimensions, canonical text, members) of each number of dimension items."""
        for items in islice(self.dimension_numbers, len(self._dimensions), None):
            dimensions = clean(items)
            self._dimensions.append(
                (dimensions, canonical(dimensions), members_of(dimensions))
            )


def _first_of_month(microseconds):
    """First instant of a month in UTC."""
    moment = from_microseconds(microseconds)
    return to_microseconds(datetime(moment.year, moment.month, 1))


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


def clean(items):
    """Dimension items -> dict sorted by name, without missing values."""
    return {
        str(key): str(value)
        for key, value in sorted(items)
        if value is not None and value != ""
    }


def canonical(dimensions):
    """The one writing of a dimension set, by which it is found again."""
    return json.dumps(dimensions, sort_keys=True, ensure_ascii=False)


def _digest(text):
    """Short text that stands for a long one in a payload hash."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def storable(*texts):
    """Whether PostgreSQL can hold these texts: no NUL, no unpaired surrogate."""
    try:
        return all(b"\x00" not in text.encode() for text in texts)
    except UnicodeEncodeError:
        return False
