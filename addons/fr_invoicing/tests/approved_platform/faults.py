# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What may go wrong, and the clock it goes wrong by."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: what a fault does to a request
DELAY = "delay"  # answers after `seconds`
STATUS = "status"  # answers `status` instead of doing it
DROP = "drop"  # hangs up instead of doing it
LOST = "lost"  # does it, then hangs up
FAIL_AFTER = "fail_after"  # does it, then answers 500
GARBAGE = "garbage"  # does it, then answers a page of a proxy
CALL = "call"  # does it, calls `hook`, then answers (or not: see hook)
DOUBLE = "double"  # does it twice
KINDS = (DELAY, STATUS, DROP, LOST, FAIL_AFTER, GARBAGE, CALL, DOUBLE)


class Clock:
    """The platform's own time: the machine's, moved forward at will."""

    def __init__(self):
        self.offset = timedelta()

    def now(self):
        """Give the present as naive UTC."""
        return datetime.now(UTC).replace(tzinfo=None) + self.offset

    def advance(self, **amount):
        """Move on: days=3, hours=5, seconds=30."""
        self.offset += timedelta(**amount)


@dataclass
class Fault:
    """One thing that goes wrong the next `times` times an operation is asked for."""

    kind: str
    operation: str = "createFlow"
    times: int = 1
    status: int = 500
    seconds: float = 0
    retry_after: int = 0
    hook: object = None


class Faults:
    """The faults to come, an outage and a limit of requests."""

    def __init__(self, clock):
        self.clock = clock
        self.waiting = []
        self.down_until = None
        self.is_unreachable = False
        self.limit, self.window_s = 0, 60
        self._seen = []
        self._lock = threading.Lock()

    def add(self, kind, **options):
        """Make the next requests go wrong; see Fault."""
        if kind not in KINDS:
            raise ValueError(kind)
        self.waiting.append(Fault(kind, **options))

    def outage(self, unreachable=False, **length):
        """Be down for a time of the platform's clock: days=3.

        :param bool unreachable: hang up; else answer 503
        """
        self.down_until = self.clock.now() + timedelta(**length)
        self.is_unreachable = unreachable

    def is_down(self):
        """Say whether the outage lasts."""
        return bool(self.down_until) and self.clock.now() < self.down_until

    def take(self, operation):
        """Give the fault that hits this request, if any, and count it."""
        with self._lock:
            for fault in self.waiting:
                if fault.operation in (operation, "*") and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def is_limited(self):
        """Say whether this request is one too many in the window."""
        if not self.limit:
            return False
        with self._lock:
            now = time.monotonic()
            self._seen = [at for at in self._seen if now - at < self.window_s]
            self._seen.append(now)
            return len(self._seen) > self.limit
