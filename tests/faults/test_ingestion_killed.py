"""Usage that was acknowledged is there once, whatever was killed when.

Reliability promises R1 (exactly once) and R2 (nothing lost), faults A01, A06, A07.
Senders post batches through every door without a pause, and repeat a request until it
is acknowledged, as clients do; some give up instead. Meanwhile server, workers and
PostgreSQL (durable, fsync on) are killed at random moments. ``RELEVE_LONG=1`` plays 24
rounds instead of 3, ``RELEVE_SEED`` repeats the moments of a run.
"""

import http.client
import itertools
import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from .doors import DOORS, Event, send
from .platform import SUBJECTS

LONG = os.environ.get("RELEVE_LONG") == "1"
SEED = int(os.environ.get("RELEVE_SEED") or time.time())
PREFIX = "killed"
BATCH = 40
GIVE_UP = 0.2  # of the senders' failed requests


class Sender(threading.Thread):
    """One client: sends batch after batch until told to stop.

    tried, acknowledged: {id as stored: value}; interrupted: requests without an answer
    """

    def __init__(self, platform, door, number, seed):
        super().__init__(name=f"{door.name}-{number}", daemon=True)
        self.platform, self.door = platform, door
        self.random = random.Random(f"{seed}/{self.name}")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.tried, self.acknowledged = {}, {}
        self.interrupted = 0
        self.size = min(BATCH, door.most)
        self.ended = threading.Event()
        self.problem = None

    def run(self):
        for number in itertools.count():
            if self.ended.is_set():
                return
            events = [
                Event(
                    f"{PREFIX}-{self.name}-{number}-{position}",
                    self.random.choice(SUBJECTS),
                    self.random.randrange(1000),
                    self.now - timedelta(minutes=self.random.randrange(90 * 1440)),
                )
                for position in range(self.size)
            ]
            values = {self.door.stored_id(event.id): event.value for event in events}
            self.tried |= values
            if self._send(events):
                self.acknowledged |= values

    def _send(self, events):
        """Send until acknowledged; False when the client gave up."""
        token = self.platform.tokens[self.door.source]
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                status, body = send(self.platform.served.port, token, self.door, events)
            except (OSError, http.client.HTTPException):
                status = None
            if status in (200, 202, 204):
                return True
            if status is not None and status < 500:
                self.problem = f"{status}: {body[:500]}"
                return False
            self.interrupted += 1
            if self.random.random() < GIVE_UP:
                return False
            time.sleep(0.1)
        self.problem = "no acknowledgement within 90 s"
        return False

    def end(self):
        self.ended.set()
        self.join(120)
        assert not self.is_alive()
        assert self.problem is None, f"{self.name} {self.problem}"


def check_sent_equals_stored(platform, senders):
    for source in {sender.door.source for sender in senders}:
        mine = [sender for sender in senders if sender.door.source == source]
        tried = {k: v for sender in mine for k, v in sender.tried.items()}
        acknowledged = {k: v for sender in mine for k, v in sender.acknowledged.items()}
        stored = platform.stored(source, PREFIX)
        twice = {key: values for key, values in stored.items() if len(values) > 1}
        assert not twice, f"stored twice: {twice}"
        lost = acknowledged.keys() - stored.keys()
        assert not lost, f"{len(lost)} acknowledged events lost, such as {min(lost)}"
        for key, values in stored.items():
            assert values == [tried[key]]
        assert not platform.held(source, PREFIX)
    platform.check_rollups()


def test_killed_at_random_moments_nothing_is_lost_or_doubled(platform):
    moments = random.Random(SEED)
    faults = [platform.kill_server, platform.kill_worker, platform.kill_postgres]
    rounds = 3
    if LONG:
        faults.append(platform.kill_backend)
        rounds = 24
    print(f"seed {SEED}, {rounds} rounds")
    senders = [Sender(platform, door, 0, SEED) for door in DOORS]
    for sender in senders:
        sender.start()
    for fault in itertools.islice(itertools.cycle(faults), rounds):
        time.sleep(moments.uniform(0.2, 1.5))
        fault(moments)
        done = [len(sender.acknowledged) for sender in senders]
        wait_for_progress(platform, senders, done)
    for sender in senders:
        sender.end()
    platform.revive()
    check_sent_equals_stored(platform, senders)
    # the kills did hit requests, and the senders did get through
    assert sum(sender.interrupted for sender in senders) >= rounds // 2
    assert all(len(sender.acknowledged) > 0 for sender in senders)


def test_the_checks_see_what_is_lost_or_wrong(platform):
    """Without them the test above would prove nothing."""
    sender = Sender(platform, DOORS[0], "check", SEED)
    sender.acknowledged = {"never-stored": 1}
    with pytest.raises(AssertionError, match="acknowledged events lost"):
        check_sent_equals_stored(platform, [sender])
    ((period, meter, dimset),) = platform.query(
        "SELECT period_id, meter_id, dimset_id FROM usage_store_rollup"
        " WHERE bucket = '-infinity' ORDER BY 1, 2, 3 LIMIT 1"
    )
    for change in ("+ 1", "- 1"):
        platform.query(
            f"UPDATE usage_store_sum SET value_sum = value_sum {change}"
            f" WHERE (period_id, meter_id, dimset_id) = ({period}, {meter}, {dimset})"
            " AND bucket = '-infinity'"
        )
        if change == "+ 1":
            with pytest.raises(AssertionError):
                platform.check_rollups()


def wait_for_progress(platform, senders, done):
    """Every sender gets two more batches acknowledged after a fault."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        platform.revive()
        if all(
            len(sender.acknowledged) > before + sender.size or sender.problem
            for sender, before in zip(senders, done, strict=True)
        ):
            return
        time.sleep(0.05)
    raise AssertionError("no progress 90 s after a fault")
