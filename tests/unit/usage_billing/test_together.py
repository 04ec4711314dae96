"""Requests that wait are done together, each gets its own result, and errors stay."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest

from together import Together

WAIT = 10


class Work:
    """Doubles numbers; the first go waits until ``release``; refuses what is bad."""

    def __init__(self, bad=()):
        self.groups = []
        self.bad = bad
        self.begun, self.release = Event(), Event()

    def __call__(self, items):
        self.groups.append(list(items))
        if len(self.groups) == 1:
            self.begun.set()
            assert self.release.wait(WAIT)
        if set(items) & set(self.bad):
            raise ValueError("bad")
        return [item * 2 for item in items]


def run(work, numbers, most=100):
    """The first number goes alone, the others wait for it; outcomes in order."""
    together = Together(most)
    with ThreadPoolExecutor(len(numbers)) as pool:
        futures = [pool.submit(together.do, "key", numbers[0], 1, work)]
        assert work.begun.wait(WAIT)
        for count, number in enumerate(numbers[1:], 1):
            futures.append(pool.submit(together.do, "key", number, 1, work))
            _until(lambda count=count: len(together._queues["key"]) == count)
        work.release.set()
        outcomes = [future.exception(WAIT) or future.result(WAIT) for future in futures]
    assert not together._queues  # nothing is left behind, whatever happened
    return outcomes


def _until(condition):
    pause = Event()
    for _attempt in range(WAIT * 1000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it never came")


def test_those_who_wait_are_taken_along():
    work = Work()
    assert run(work, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert work.groups == [[1], [2, 3, 4]]


def test_no_go_takes_more_than_it_may():
    work = Work()
    assert run(work, [1, 2, 3, 4], most=2) == [2, 4, 6, 8]
    assert work.groups == [[1], [2, 3], [4]]


def test_a_group_that_fails_goes_alone():
    assert run(Work(bad=[3]), [1, 2, 3, 4]) == [2, None, None, None]


def test_the_error_of_one_alone_is_its_own():
    first, second = run(Work(bad=[1]), [1, 2])
    assert isinstance(first, ValueError)
    assert second == 4


def test_another_key_does_not_wait():
    together, work = Together(100), Work()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(together.do, "one", 1, 1, work)
        assert work.begun.wait(WAIT)
        assert together.do("other", 2, 1, work) == 4
        work.release.set()
        assert slow.result(WAIT) == 2


def test_alone_again_after_an_error():
    together = Together(100)
    with pytest.raises(ZeroDivisionError):
        together.do("key", 0, 1, lambda items: [1 // item for item in items])
    assert together.do("key", 1, 1, lambda items: items) == 1


def test_those_who_were_there_are_waited_for():
    """Senders that wait for each answer come back one after the other."""
    together, work = Together(100), Work()
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(together.do, "key", 1, 1, work)]
        assert work.begun.wait(WAIT)
        first += [pool.submit(together.do, "key", number, 1, work) for number in (2, 3)]
        _until(lambda: len(together._queues["key"]) == 2)
        work.release.set()
        assert sorted(future.result(WAIT) for future in first) == [2, 4, 6]
        together.patience = WAIT
        again = [pool.submit(together.do, "key", 4, 1, work)]
        _until(lambda: "key" in together._queues)
        assert work.groups == [[1], [2, 3]]  # it does not begin alone
        again += [pool.submit(together.do, "key", 5, 1, work)]
        assert sorted(future.result(WAIT) for future in again) == [8, 10]
    assert [sorted(group) for group in work.groups] == [[1], [2, 3], [4, 5]]


def test_who_does_not_come_back_is_waited_for_once():
    together, work = Together(100, patience=0.05), Work()
    work.release.set()
    with ThreadPoolExecutor(2) as pool:
        together._seen["key"] = (2, monotonic() + WAIT)
        assert pool.submit(together.do, "key", 1, 1, work).result(WAIT) == 2
    assert together._seen["key"][0] == 1
    together.patience = WAIT  # one who waited for nobody would stay that long
    begun = monotonic()
    assert together.do("key", 2, 1, work) == 4
    assert monotonic() - begun < WAIT / 2


def test_what_was_long_ago_is_forgotten():
    together, work = Together(100, patience=WAIT), Work()
    work.release.set()
    together._seen["key"] = (5, monotonic() - 1)
    begun = monotonic()
    assert together.do("key", 1, 1, work) == 2
    assert monotonic() - begun < WAIT / 2


def test_a_full_go_does_not_wait():
    together, work = Together(2, patience=WAIT), Work()
    work.release.set()
    together._seen["key"] = (5, monotonic() + WAIT)
    begun = monotonic()
    assert together.do("key", 1, 2, work) == 2
    assert monotonic() - begun < WAIT / 2
