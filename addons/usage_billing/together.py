"""Requests that wait at the same time are done in one go. Pure; threads only.

Two transactions that add to the same sums wait for each other anyway. So while one of a
key is at work, further ones queue, and the first of them takes all that wait with it:
one transaction, one commit and one update of each sum for all of them.

Senders that wait for each answer come back a moment after it, one after the other; the
first of them would always go alone. So who could begin waits for as many as were there
a moment ago, for some milliseconds at most. One sender alone never waits.
"""

from collections import deque
from threading import Condition, Event
from time import monotonic

#: Seconds for which it is remembered how many came at the same time.
REMEMBERED = 1.0
#: Keys for which it is remembered.
KEYS_KEPT = 1000


class _Ticket:
    """One who waits: what is wanted, its weight, and what became of it.

    leads: nobody did it yet, it is this one's turn; result: None when it must go alone
    """

    __slots__ = ("item", "leads", "result", "turn", "weight")

    def __init__(self, item, weight):
        self.item = item
        self.weight = weight
        self.leads = False
        self.result = None
        self.turn = Event()


class Together:
    """Queues by key.

    :param int most: sum of the weights that one go takes at most
    :param float patience: seconds that a go waits at most for those it expects
    """

    def __init__(self, most, patience=0.0):
        self.most = most
        self.patience = patience
        self._lock = Condition()
        self._queues = {}
        self._seen = {}

    def do(self, key, item, weight, work):
        """Have an item done, by this thread or by one that takes it along.

        :param key: items of one key are done one after the other or together
        :param work: function list of items -> list of their results, none of them None
        :return: result of the item; None when it was taken along and the work failed:
            nothing was done, and it should be tried alone
        :raise Exception: of the work, to the one whose item was done alone
        """
        ticket = _Ticket(item, weight)
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                self._queues[key] = deque()
            else:
                queue.append(ticket)
                self._lock.notify_all()
        if queue is not None:
            ticket.turn.wait()
            if not ticket.leads:
                return ticket.result
        return self._lead(key, ticket, work)

    def _lead(self, key, ticket, work):
        """Do an item and those that wait."""
        group = [ticket]
        try:
            group += self._taken_along(key, ticket.weight)
            results = work([one.item for one in group])
            for one, result in zip(group, results, strict=True):
                one.result = result
        except Exception:
            if len(group) == 1:
                raise
        finally:
            self._hand_over(key, len(group))
            for one in group[1:]:
                one.turn.set()
        return ticket.result

    def _taken_along(self, key, weight):
        """Those who wait, in their order, as many as fit."""
        taken = []
        with self._lock:
            queue = self._queues[key]
            expected = self._expected(key)

            def is_complete():
                waiting = sum(one.weight for one in queue)
                return len(queue) + 1 >= expected or weight + waiting >= self.most

            self._lock.wait_for(is_complete, self.patience)
            while queue and weight + queue[0].weight <= self.most:
                taken.append(queue.popleft())
                weight += taken[-1].weight
        return taken

    def _expected(self, key):
        """How many there were a moment ago; with the lock."""
        count, until = self._seen.get(key, (1, 0.0))
        return count if monotonic() < until else 1

    def _hand_over(self, key, done):
        """The next one's turn; without one, the key is free.

        :param int done: how many were done together
        """
        with self._lock:
            queue = self._queues[key]
            if len(self._seen) >= KEYS_KEPT:
                self._seen.clear()
            self._seen[key] = done + len(queue), monotonic() + REMEMBERED
            if queue:
                following = queue.popleft()
                following.leads = True
                following.turn.set()
            else:
                del self._queues[key]
