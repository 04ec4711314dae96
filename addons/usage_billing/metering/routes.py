"""What events have in common that say the same beside their own facts. Pure; no SQL.

All that does not depend on the single event is decided once: in the :class:`Kind` for
its type and dimensions, in the :class:`Route` for these and its subject, and in the
:class:`Segment` for one period of the subject.
"""

import json

from .keys import payload_hasher
from .texts import digest

#: Reasons why no event of a route can pass; the first one there is is told.
_ERRORS = ("missing_field", "invalid_value", "unknown_meter", "unknown_subject")


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
        self.head = digest(f"[{kind.text}, {places.text}]")
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
