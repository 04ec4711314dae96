"""Fifty senders at once, on two servers of one database: one event stays one event.

Faults B03 and B04. One server has processes, the other threads, as two hosts might.
"""

import threading
from datetime import UTC, datetime

import pytest

from tests.serving import Served

from .doors import DOORS, Event, send

SENDERS = 50
DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


@pytest.fixture(scope="module")
def ports(platform):
    """Ports of both servers."""
    second = Served(platform.odoo, platform.database, platform.folder / "second")
    try:
        second.start().wait()
        yield [platform.served.port, second.port]
    finally:
        second.stop()


def at_once(platform, ports, door, events):
    """Post each event by a thread of its own, all at the same moment.

    :return: statuses, in the order of the events
    """
    statuses = [None] * len(events)
    start = threading.Barrier(len(events))

    def post(number):
        start.wait()
        port = ports[number % len(ports)]
        token = platform.tokens[door.source]
        statuses[number], _body = send(port, token, door, [events[number]])

    threads = [
        threading.Thread(target=post, args=(number,)) for number in range(len(events))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@DOOR
def test_fifty_posts_of_one_event_are_one_row(platform, ports, door):
    event = Event(f"same-{door.name}", "s0", 7, datetime.now(UTC))
    statuses = at_once(platform, ports, door, [event] * SENDERS)
    assert set(statuses) <= {200, 202, 204}
    assert platform.stored(door.source, "same-") == {door.stored_id(event.id): [7]}
    assert not platform.held(door.source, "same-")


@DOOR
def test_fifty_contents_of_one_id_are_one_row_and_conflicts(platform, ports, door):
    now = datetime.now(UTC)
    events = [Event(f"other-{door.name}", "s1", n, now) for n in range(SENDERS)]
    statuses = at_once(platform, ports, door, events)
    winners = [n for n, status in enumerate(statuses) if status < 300]
    assert len(winners) == 1
    assert set(statuses) - {statuses[winners[0]]} == {door.conflict}
    stored_id = door.stored_id(events[0].id)
    assert platform.stored(door.source, "other-") == {stored_id: winners}
    held = platform.held(door.source, "other-")
    assert held == [(stored_id, "conflict")] * (SENDERS - 1)


@pytest.mark.parametrize("name", ["lago", "openmeter"])
def test_fifty_posts_of_one_event_without_a_time_are_one_row(platform, ports, name):
    """The first one decides when it happened."""
    (door,) = (door for door in DOORS if door.name == name)
    event = Event(f"timeless-{name}", "s2", 3, None)
    statuses = at_once(platform, ports, door, [event] * SENDERS)
    assert set(statuses) <= {200, 204}
    assert platform.stored(door.source, "timeless-") == {door.stored_id(event.id): [3]}
    assert not platform.held(door.source, "timeless-")


def test_the_rollups_equal_the_events_afterwards(platform, ports):
    platform.check_rollups()
