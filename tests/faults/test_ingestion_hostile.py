"""Whatever is sent, the answer is quick and clear, and what is stored stays right.

Faults C06, C09, C27, D04, E07, E12, E16, E20: numbers beyond all bounds, texts that no
database keeps, times outside the calendar, bodies that are cut, packed or endless.
"""

import http.client
import socket
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from . import hostile
from .doors import DOORS, get, post

#: Seconds that an answer may take, on a machine that has other work too.
PATIENCE = 15
GROWTH = 300 << 20
DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


@pytest.fixture(scope="module")
def now():
    return datetime.now(UTC).replace(microsecond=0)


def headers(platform, door, **more):
    token = platform.tokens[door.source]
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": door.content_type,
        **more,
    }


def ask(platform, door, body, **more):
    """Post a body; the answer must come soon, and not be a failure of the server."""
    started = time.monotonic()
    status, answer = post(
        platform.served.port,
        door.path,
        body,
        headers(platform, door) | more,
        timeout=PATIENCE,
    )
    assert time.monotonic() - started < PATIENCE
    return status, answer


@DOOR
@pytest.mark.parametrize("field", hostile.CASES)
def test_hostile_fields_are_refused_or_kept_as_they_are(platform, door, field, now):
    broken, taken, refused = {}, set(), set()
    prefix = f"hostile-{door.name}-{field}-"
    for name, value in hostile.CASES[field].items():
        body = hostile.request(door, prefix + name, field, value, now)
        status, answer = ask(platform, door, body)
        if status >= 500:
            broken[name] = status, answer[:300]
        (taken if status < 300 else refused).add(door.stored_id(prefix + name))
    assert not broken
    kept = set(platform.stored(door.source, prefix))
    kept |= {event_id for event_id, _reason in platform.held(door.source, prefix)}
    assert not kept & refused
    if field != "id":
        assert taken <= kept


@pytest.mark.parametrize("field", hostile.CASES)
def test_a_hostile_event_among_many_takes_nothing_from_the_others(platform, field, now):
    """From twenty events on requests are read another way."""
    door = DOORS[0]
    for number, (name, value) in enumerate(hostile.CASES[field].items()):
        prefix = f"among-{field}-{number}-"
        good = [
            hostile.request(door, f"{prefix}{place}", "value", place + 0.5, now)
            for place in range(30)
        ]
        bad = hostile.request(door, f"{prefix}bad", field, value, now)
        body = b'{"events": [%s]}' % b", ".join([*good[:17], bad, *good[17:]])
        status, answer = ask(platform, door, body)
        assert status < 500, (name, answer[:300])
        stored = platform.stored(door.source, prefix)
        if status >= 400:
            assert not stored, name
            assert not platform.held(door.source, prefix), name
            continue
        of_bad = stored.pop(f"{prefix}bad", None)
        assert stored == {
            f"{prefix}{place}": [Decimal(place) + Decimal("0.5")] for place in range(30)
        }, name
        if of_bad and field == "value":
            assert of_bad == [Decimal(str(value))], name


@DOOR
def test_hostile_addresses_are_answered(platform, door):
    broken = {}
    key = headers(platform, door)
    for address in hostile.READS[door.name]:
        for word in hostile.WORDS:
            status, answer = get(platform.served.port, address.format(word), key)
            if status >= 500:
                broken[address, word[:40]] = status, answer[:200]
    assert not broken


@DOOR
def test_numbers_of_38_digits_keep_every_digit(platform, door, now):
    for name in ("38 digits", "38 digits each side"):
        text = hostile.CASES["value"][name]
        event_id = f"digits-{door.name}-{name}"
        body = hostile.request(door, event_id, "value", text, now)
        status, _answer = ask(platform, door, body)
        assert status in (200, 202, 204)
        ((stored,),) = platform.query(
            "SELECT value FROM usage_store_event"
            f" WHERE event_id = '{door.stored_id(event_id)}'"
        )
        assert Decimal(stored) == Decimal(text)


@DOOR
def test_sql_in_names_is_a_name(platform, door, now):
    body = hostile.request(door, f"sql-{door.name}", "extra", {hostile.SQL: "x"}, now)
    status, _answer = ask(platform, door, body)
    assert status in (200, 202, 204)
    ((properties,),) = platform.query(
        "SELECT properties::text FROM usage_store_event"
        f" WHERE event_id = '{door.stored_id(f'sql-{door.name}')}'"
    )
    assert hostile.SQL in properties


@DOOR
@pytest.mark.parametrize("name", hostile.BODIES)
def test_bodies_that_are_no_request_are_refused(platform, door, name):
    body, more = hostile.BODIES[name]
    before = platform.served.memory()
    status, _answer = ask(platform, door, body, **more)
    assert 400 <= status < 500
    assert platform.served.memory() - before < GROWTH


@DOOR
def test_a_body_of_1_gb_is_refused_before_it_is_sent(platform, door):
    started = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", platform.served.port, timeout=PATIENCE
    )
    connection.putrequest("POST", door.path)
    for name, value in headers(platform, door).items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders(b'{"events": [')
    assert connection.getresponse().status == 413
    connection.close()
    assert time.monotonic() - started < PATIENCE


@DOOR
def test_an_endless_body_is_refused_on_the_way(platform, door):
    """In chunks, without saying how long it will be."""
    before = platform.served.memory()
    sent = 0
    with socket.create_connection(
        ("127.0.0.1", platform.served.port), PATIENCE
    ) as stream:
        lines = [f"POST {door.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{key}: {value}" for key, value in headers(platform, door).items()]
        lines += ["Transfer-Encoding: chunked", "", ""]
        stream.sendall("\r\n".join(lines).encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        stream.setblocking(False)
        answer = rest = b""
        end = time.monotonic() + 4 * PATIENCE
        while not answer and sent < 1 << 30 and time.monotonic() < end:
            try:
                answer = stream.recv(4096)
            except BlockingIOError:
                pass
            except ConnectionError:
                break
            try:
                rest = rest or chunk
                number = stream.send(rest)
                sent, rest = sent + number, rest[number:]
            except BlockingIOError:
                time.sleep(0.001)
            except ConnectionError:
                break
    # 411: a form must say its length
    assert answer.partition(b"\r\n")[0].split()[1] in (b"413", b"411")
    assert sent < 200 << 20
    assert platform.served.memory() - before < GROWTH


@DOOR
def test_a_body_that_never_comes_holds_nobody_up(platform, door):
    """A client that says it will send more, and does not."""
    with socket.create_connection(
        ("127.0.0.1", platform.served.port), PATIENCE
    ) as stream:
        lines = [f"POST {door.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{key}: {value}" for key, value in headers(platform, door).items()]
        lines += ["Content-Length: 100", "", '{"events": [']
        stream.sendall("\r\n".join(lines).encode())
        stream.shutdown(socket.SHUT_WR)
        answer = stream.recv(4096)
    status = answer.partition(b"\r\n")[0]
    assert not status or b" 4" in status, status


def test_afterwards_everything_still_answers_and_adds_up(platform, now):
    for door in DOORS:
        body = hostile.request(door, f"after-{door.name}", "value", 1, now)
        status, _answer = ask(platform, door, body)
        assert status in (200, 202, 204)
    platform.check_rollups()
