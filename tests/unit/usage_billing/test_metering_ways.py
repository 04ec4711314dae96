"""A way found by column is the way of the row."""

from random import Random

import numpy as np
import pytest

from metering.ways import WAYS_KEPT, Several, Way, Ways

EVER = -(2**62), 2**62


def way(number):
    return Way(number, f"said {number}", None)


def columns(keys):
    return map(list, zip(*keys, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_found_is_what_a_dict_finds(seed):
    draw, ways, known = Random(seed), Ways(*EVER), {}
    texts = [f"s{n}" for n in range(draw.choice([1, 3, 300]))] + ["", None]
    kinds = draw.choice([1, 7, 5000])

    def keys(count):
        return [
            (draw.choice("abc"), draw.choice(texts), draw.randrange(kinds))
            for _ in range(count)
        ]

    for _ in range(4):
        asked = keys(draw.choice([1, 20, 500]))
        found = ways.find(*columns(asked)).tolist()
        assert found == [known.get(key, -1) for key in asked]
        new = [key for key in dict.fromkeys(asked) if key not in known]
        new = new[: len(new) // 2 + 1]
        if new:
            for key in new:
                known[key] = len(known)
            ways.add(new, [way(known[key]) for key in new], *EVER)
        assert len(ways) == len(known)
    everything = ways.find(*columns(known)).tolist()
    assert everything == list(known.values())
    assert ways.numbers[everything].tolist() == everything
    assert [ways.said[place] for place in everything] == [
        way(place).said for place in everything
    ]


def test_numbers_too_large_for_a_code_are_unknown():
    ways = Ways(*EVER)
    keys = [("a", "s", 1 << 26), ("a", "s", 0), ("b", "s", 0)]
    ways.add(keys[:1], [way(0)], *EVER)
    assert not len(ways)
    assert ways.find(*columns(keys)).tolist() == [-1, -1, -1]
    ways.add(keys, [way(0), way(1), way(2)], *EVER)
    assert len(ways) == 2
    assert ways.find(*columns(keys[1:])).tolist() == [0, 1]
    assert ways.find(*columns(keys)).tolist() == [-1, -1, -1]


def test_ways_are_right_for_the_times_that_all_of_them_are_right_for():
    ways = Ways(*EVER)
    ways.add([("a", "s", 0)], [way(1)], 10, 90)
    ways.add([("a", "t", 0)], [way(2)], 0, 50)
    assert (ways.low, ways.high) == (10, 50)
    assert ways.is_right(10, 49)
    assert not ways.is_right(9, 20)
    assert not ways.is_right(20, 50)
    ways.all *= WAYS_KEPT
    assert not ways.is_right(20, 30)


def test_several_ways_are_told_by_position():
    several = Several([way(5), way(7)])
    assert several.numbers[np.array([1, 0, 1])].tolist() == [7, 5, 7]
    assert several.said == ["said 5", "said 7"]
