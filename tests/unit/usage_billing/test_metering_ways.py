"""A way found by column is the way of the row."""

from bisect import bisect_right
from random import Random

import numpy as np
import pytest

from metering.ways import WAYS_KEPT, Several, Way, Ways

EVER = -(2**62), 2**62


def way(number):
    return Way(number, f"said {number}", None)


def columns(keys):
    return map(list, zip(*keys, strict=True))


def add(ways, keys, found, calendars=None):
    """Let keys without turns hold ways."""
    ways.enter(keys, calendars or [()] * len(keys))
    ways.fill(ways.slots(*columns(keys), 0), found)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_found_is_what_a_dict_finds(seed):
    draw, known, calendars = Random(seed), {}, {}
    ways = Ways(*draw.choice([EVER, (0, 1000)]))
    texts = [f"s{n}" for n in range(draw.choice([1, 3, 300]))] + ["", None]
    kinds = draw.choice([1, 7, 5000])
    several = [()]
    if ways.high == 1000:
        several += [(500,), (1, 999), tuple(range(7, 990, draw.choice([31, 100])))]

    def ask(count):
        keys = [
            (draw.choice("abc"), draw.choice(texts), draw.randrange(kinds))
            for _ in range(count)
        ]
        return keys, [draw.randrange(1000) for _ in range(count)]

    def stretch(key, time):
        return key, bisect_right(calendars.get(key, ()), time)

    for _ in range(4):
        keys, times = ask(draw.choice([1, 20, 500]))
        asked = [stretch(*each) for each in zip(keys, times, strict=True)]
        found = ways.find(*columns(keys), np.array(times)).tolist()
        assert found == [known.get(each, -1) for each in asked]
        is_known = ways.knows(*columns(keys)).tolist()
        assert is_known == [key in calendars for key in keys]
        new = [key for key in dict.fromkeys(keys) if key not in calendars]
        new = new[: len(new) // 2 + 1]
        for key in new:
            calendars[key] = draw.choice(several)
        ways.enter(new, [calendars[key] for key in new])
        slots = ways.slots(*columns(keys), np.array(times)).tolist()
        assert [slot > 0 for slot in slots] == [key in calendars for key in keys]
        places = {}
        for slot, key, time in zip(slots, keys, times, strict=True):
            each = stretch(key, time)
            if slot and each not in known and draw.random() < 0.8:
                known[each] = len(known)
                places[slot] = known[each]
        ways.fill(list(places), list(map(way, places.values())))
        assert len(ways) == len(known)
    if known:
        keys = [key for key, _stretch in known]
        times = [((0, *calendars[key])[stretch]) for key, stretch in known]
        everything = ways.find(*columns(keys), np.array(times)).tolist()
        assert everything == list(known.values())
        assert ways.numbers[everything].tolist() == everything
        assert [ways.said[place] for place in everything] == [
            way(place).said for place in everything
        ]


def test_numbers_too_large_for_a_code_are_unknown():
    ways = Ways(*EVER)
    keys = [("a", "s", 1 << 26), ("a", "s", 0), ("b", "s", 0)]
    ways.enter(keys[:1], [()])
    assert not ways.knows(*columns(keys)).any()
    assert ways.find(*columns(keys), 0).tolist() == [-1, -1, -1]
    ways.enter(keys, [()] * 3)
    assert ways.slots(*columns(keys[:1]), 0).tolist() == [0]
    add(ways, keys[1:], [way(1), way(2)])
    assert len(ways) == 2
    assert ways.find(*columns(keys[1:]), 0).tolist() == [0, 1]
    assert ways.find(*columns(keys), 0).tolist() == [-1, -1, -1]


def test_ways_are_right_for_their_times_and_not_too_many():
    ways = Ways(10, 50)
    assert ways.is_right(10, 49)
    assert not ways.is_right(9, 20)
    assert not ways.is_right(20, 50)
    ways.all *= WAYS_KEPT
    assert ways.is_right(20, 30)
    many = Ways(0, 50_000)
    turns = tuple(range(1, 40_000))
    many.enter([("a", f"s{n}", 0) for n in range(100)], [turns] * 100)
    assert not many.is_right(20, 30)


def test_several_ways_are_told_by_position():
    several = Several([way(5), way(7)])
    assert several.numbers[np.array([1, 0, 1])].tolist() == [7, 5, 7]
    assert several.said == ["said 5", "said 7"]
