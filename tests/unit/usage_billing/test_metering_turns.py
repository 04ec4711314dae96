"""How many turns are behind an instant, by column as one by one."""

from bisect import bisect_right
from random import Random

import numpy as np
import pytest

from metering.turns import Turns

LOW, HIGH = 1_000, 2_000


@pytest.mark.parametrize("seed", range(30))
def test_stretches_are_those_that_a_bisection_finds(seed):
    draw, turns, known = Random(seed), Turns(LOW, HIGH), {0: ()}
    for _ in range(3):
        calendars = [
            tuple(sorted(draw.sample(range(LOW + 1, HIGH), draw.choice([0, 1, 2, 30]))))
            for _ in range(draw.choice([0, 1, 40]))
        ]
        calendars += draw.choices(list(known.values()), k=3)
        numbers = turns.add(calendars)
        assert all(
            known.setdefault(number, calendar) == calendar
            for number, calendar in zip(numbers, calendars, strict=True)
        )
        at = draw.choices(list(known), k=200)
        times = [draw.choice([LOW, HIGH - 1, *known[each]]) for each in at]
        times = [max(LOW, each - draw.choice([0, 0, 1])) for each in times]
        found = turns.stretches(np.array(at), np.array(times)) + np.zeros(200, int)
        assert found.tolist() == [
            bisect_right(known[each], time)
            for each, time in zip(at, times, strict=True)
        ]
        low, high = sorted(times[:2])
        instants = {turn for calendar in known.values() for turn in calendar}
        is_any = any(low < turn <= high for turn in instants)
        assert turns.are_between(low, high) == is_any
        if not is_any:
            ends = [turns.stretches(np.array(at), each) for each in (low, high)]
            assert np.array_equal(*ends)


def test_a_calendar_too_many_has_no_number():
    turns = Turns(-(2**62), 2**62)
    assert turns.add([(), (5,), ()]) == [0, None, 0]
    assert turns.stretches(np.array([0, 0]), np.array([1, 9])) == 0
