"""Which subscription, period and meters an event belongs to. Pure; no SQL.

An append asks the :class:`Catalogue` for what it needs, chunk by chunk, and builds one
:class:`.routes.Route` for each distinct (type, subject, dimensions): a file of a
million rows has a few hundred of them.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Protocol

from .instants import OPEN_END, LocalDays, first_of_month, from_microseconds
from .jsonform import members_of
from .meters import MeterSpec
from .places import PeriodSpan, Places, SubjectSpan
from .routes import Kind, Route, Segment, Slot
from .texts import canonical, clean, storable
from .ways import Ways

#: As long as a month lasts at most.
_LONG_MONTH = 31 * 86_400_000_000


class Catalogue(Protocol):
    """What an append asks for. Implemented by ``metering_catalogue``."""

    def meters(self) -> Iterable[MeterSpec]:
        """Meters in use in the company."""

    def subjects(self, names: Iterable[str]) -> Iterable[SubjectSpan]:
        """Mappings of these subjects, of every source and every date."""

    def periods(
        self, subscription_ids: Iterable[int], until: datetime
    ) -> Iterable[PeriodSpan]:
        """Periods of these subscriptions, made when missing up to ``until``."""


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
    text_size: characters of the dimensions of all routes that were built
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
            low, high = first_of_month(low), first_of_month(high)
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
        late = set()
        if self._until is None:
            self._until = until
        elif until > self._until:
            self._until = until
            late = {
                subscription
                for subscription, periods in self._periods.items()
                if subscription not in self._over
                and (not periods or periods[-1].end <= until)
            }
        if wanted or late:
            self._read_periods(wanted | late)

    def _read_periods(self, subscriptions):
        """Read the periods of subscriptions; what leads to other ones is forgotten."""
        found = {subscription: [] for subscription in subscriptions}
        for period in self.catalogue.periods(
            sorted(found), from_microseconds(self._until)
        ):
            found[period.subscription_id].append(period)
        has_changed = False
        for subscription, periods in found.items():
            periods.sort(key=lambda period: period.start)
            if periods and periods[-1].end <= self._until:
                self._over.add(subscription)  # there will be none, unless it changes
            has_changed |= self._periods.get(subscription, periods) != periods
        self._periods.update(found)
        if has_changed:
            self.routes.clear()
            self._places.clear()
            self.forget_ways()

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
        self.text_size += len(kind.said)
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
        self.routes, self.text_size = {}, 0
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
        self._over = set()

    def _read_dimensions(self):
        """(dimensions, canonical text, members) of each number of dimension items."""
        for items in islice(self.dimension_numbers, len(self._dimensions), None):
            dimensions = clean(items)
            self._dimensions.append(
                (dimensions, canonical(dimensions), members_of(dimensions))
            )
