"""Ways of rows that have none yet, made for all of them at once. Pure; no SQL."""

import numpy as np

from .eventcolumns import Unfit
from .ways import Way


def unpaved(ways, routes, keys, span, instants):
    """What rows lack whose ways are unknown. Slots are made for their keys.

    :param Ways ways: right for the whole span
    :param dict routes: of all the keys
    :param list keys: of the rows
    :param span: times between which those of the rows are, both included
    :param instants: function that tells the times themselves: array
    :return: (slots of the rows, {slot: Segment} of those that can hold a way and do
        not); rows of other slots must be looked at one by one
    """
    new = list(dict.fromkeys(keys))
    known = ways.knows(*zip(*new, strict=True)).tolist()
    new = [
        key
        for key, is_known in zip(new, known, strict=True)
        if not (is_known or routes[key].error or routes[key].kind.is_strict)
    ]
    ways.enter(new, [routes[key].places.turns(ways.low, ways.high) for key in new])
    low, high = span
    times = instants() if ways.turns.are_between(low, high) else low
    slots = ways.slots(*zip(*keys, strict=True), times)
    found, first = np.unique(slots, return_index=True)
    is_empty = (found > 0) & (ways.held_in(found) < 0)
    segments = {}
    for slot, place in zip(
        found[is_empty].tolist(), first[is_empty].tolist(), strict=True
    ):
        route = routes[keys[place]]
        if not route.move(low if times is low else int(times[place])):
            segments[slot] = route.segment
    return slots, segments


def pave(ways, segments):
    """Let slots hold the ways of segments.

    :param dict segments: by slot
    :raise Unfit: a segment has no number yet
    """
    ways.fill(list(segments), list(map(way_of, segments.values())))


def way_of(segment):
    """Way of rows of a segment.

    :rtype: Way
    :raise Unfit: it has no number yet, or its rows must be looked at one by one
    """
    if segment.way is not None:
        return segment.way
    if segment.is_strict:
        raise Unfit
    slot = segment.slot or segment.slot_of(None)
    if slot.number is None:
        raise Unfit
    route = segment.route
    segment.way = Way(
        slot.number,
        route.head + route.kind.said,
        segment,
        route.head,
        route.kind.members,
        route.router.sums_of(segment),
        segment.days,
    )
    return segment.way
