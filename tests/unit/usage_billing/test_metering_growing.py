"""An array that grows is the array of all that came."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metering.growing import grown


@given(st.lists(st.lists(st.integers(-9, 9), max_size=9)))
def test_it_holds_all_in_order(parts):
    array, seen = np.empty(0, np.int64), []
    for part in parts:
        array = grown(array, part)
        seen.append((array, array.tolist()))
    assert array.tolist() == [number for part in parts for number in part]
    # those that came before are as they were
    assert all(earlier.tolist() == held for earlier, held in seen)


def test_what_is_there_is_copied_seldom():
    array, rooms = np.empty(0, np.int64), set()
    for number in range(1000):
        array = grown(array, [number])
        rooms.add(array.ctypes.data)
    assert len(rooms) < 12


def test_what_is_written_stays():
    array = grown(np.full(1, -1, np.int32), np.arange(5))
    array[2] = 7
    assert grown(array, [8]).tolist() == [-1, 0, 7, 2, 3, 4, 8]
