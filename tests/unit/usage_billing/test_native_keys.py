"""Keys that compiled code makes are those of Python, and are found again."""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_events import NOON, event_ids, moments, native, read_of, row

from metering import compiled
from metering.columns import column_function
from metering.compiled import KeyTexts, written
from metering.eventcolumns import EventColumns
from metering.instants import to_microseconds
from metering.keys import scope_of

# -- keys --------------------------------------------------------------------------


def keys_of(mode, read, tolerance=None, scope=None):
    """(what makes events unique, keys), bytes, None when one does not fit."""
    scope, events = scope or scope_of(1, 2), read.events
    if mode == "uuid7":
        tolerance = 1 << 62 if tolerance is None else tolerance
        keys = native.uuid7_keys(read.body, events, scope, tolerance)
        return None if keys is None else (keys.tobytes(), keys.tobytes())
    found = native.identity_keys(read.body, events, scope, mode == "strict")
    return found and (found[1].tobytes(), found[0].tobytes())


def same_keys(mode, rows, tolerance=None):
    """Compare the keys of rows with Python's; which there are."""
    columns_of = column_function(mode, 1, 2, tolerance)
    ids, times = [each.event_id for each in rows], [each.time for each in rows]
    times = np.array([to_microseconds(each) for each in times], np.int64)
    try:
        expected = columns_of(ids, times)[1:]
    except ValueError:
        expected = None
    found = keys_of(mode, read_of(rows), tolerance)
    assert found == expected
    columns = EventColumns.of_rows([each._replace(value=Decimal(1)) for each in rows])
    assert keys_of(mode, written(columns), tolerance) == expected
    return expected


@given(
    st.sampled_from(["strict", "composed"]),
    st.lists(st.tuples(event_ids, moments), min_size=1, max_size=5),
)
def test_keys_of_ids_that_say_nothing_of_a_time(mode, events):
    rows = [row(event_id=each, time=time) for each, time in events]
    before = any(time < datetime(1970, 1, 1) for _id, time in events)
    assert (same_keys(mode, rows) is None) == before


@pytest.mark.parametrize("mode", ["strict", "composed"])
def test_keys_of_ids_of_any_length(mode):
    ids = [("é0123456789" * 50).encode()[-size:].decode("utf-8", "ignore") for size in
           range(1, 513)]  # fmt: skip
    same_keys(mode, [row(event_id=each) for each in ids])


@pytest.mark.parametrize("mode", ["strict", "composed"])
def test_keys_of_times_where_milliseconds_turn(mode):
    for start in (datetime(1970, 1, 1), datetime(2000, 1, 1), NOON):
        for micros in (-1001, -1000, -999, -1, 0, 1, 999, 1000):
            moment = start + timedelta(microseconds=micros)
            found = same_keys(mode, [row(time=moment)])
            assert (found is None) == (moment < datetime(1970, 1, 1))


def uuid7(milliseconds, rest=0x7CC398C4DC0C0C07398F):
    text = f"{milliseconds:012x}{rest:020x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def milliseconds_of(moment):
    return (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1970, 1, 1)),
            st.integers(-2, 2),
            st.integers(7 << 76, (8 << 76) - 1),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([None, 0, 999, 1000, 1001, 2000, 2999]),
)
def test_keys_of_uuids_and_how_far_their_times_may_be_off(events, tolerance):
    rows, fit = [], True
    for moment, off, rest, is_upper in events:
        carried = max(milliseconds_of(moment) + off, 0)
        text = uuid7(carried, rest)
        rows.append(row(event_id=text.upper() if is_upper else text, time=moment))
        ahead = datetime(1970, 1, 1) - moment
        ahead = ahead // timedelta(microseconds=1) + carried * 1000
        fit &= tolerance is None or abs(ahead) <= tolerance
    assert (same_keys("uuid7", rows, tolerance) is not None) == fit


@pytest.mark.parametrize("off", [-1001, -1000, -999, 0, 999, 1000, 1001])
def test_a_uuid_at_the_edge_of_what_is_tolerated(off):
    event = row(
        event_id=uuid7(milliseconds_of(NOON)), time=NOON + timedelta(microseconds=off)
    )
    assert (same_keys("uuid7", [event], 1000) is not None) == (abs(off) <= 1000)


def test_uuids_of_times_before_and_after_those_of_events():
    """The first and the last that can be told, of the first and the last event."""
    for carried in (0, (1 << 48) - 1):
        for moment in (datetime(1, 1, 1), datetime.max):
            event = row(event_id=uuid7(carried), time=moment)
            assert same_keys("uuid7", [event], None) is not None
            assert same_keys("uuid7", [event], 10**6) is None


USUAL = uuid7(milliseconds_of(NOON))


@pytest.mark.parametrize(
    "strange",
    [
        *("x", USUAL[:-1], USUAL + "0", USUAL.replace("-", ""), f"{{{USUAL[2:-2]}}}"),
        *(USUAL[:14] + version + USUAL[15:] for version in "04689afF"),
        *(USUAL[:place] + "g" + USUAL[place + 1 :] for place in (0, 13, 14, 35)),
        *(USUAL[:place] + "0" + USUAL[place + 1 :] for place in (8, 13, 18, 23)),
        *(USUAL[:place] + "-" + USUAL[place + 1 :] for place in (0, 12, 24, 35)),
        *(USUAL[:place] + "@" + USUAL[place + 1 :] for place in (0, 35)),
        *(USUAL[:-1] + mark for mark in ":/`G é٣"),
        USUAL[:34] + "é",
    ],
)
def test_ids_that_are_no_uuids_of_version_7(strange):
    assert same_keys("uuid7", [row(event_id=USUAL)]) is not None
    assert same_keys("uuid7", [row(event_id=strange)]) is None
    assert same_keys("uuid7", [row(event_id=USUAL), row(event_id=strange)]) is None


def test_scopes_are_hashed_as_they_are():
    read = read_of([row(), row(event_id="x" * 500)])
    for size in (1, 20, 127, 128, 129, 512):
        found = keys_of("strict", read, scope=b"s" * size)
        assert found != keys_of("strict", read, scope=b"s" * (size - 1) + b"t")
    assert keys_of("strict", read, scope=b"s" * 513) is None
    read = read_of([row(event_id=USUAL)])
    assert keys_of("uuid7", read, scope=b"s" * 512)
    assert keys_of("uuid7", read, scope=b"s" * 513) is None


def test_the_keys_of_the_add_on_are_these():
    read = read_of([row(event_id=USUAL)])
    for mode in ("strict", "composed", "uuid7"):
        found = compiled.key_function(mode, 1, 2)(read)
        assert tuple(each.tobytes() for each in found) == keys_of(mode, read)


# -- where they are found ----------------------------------------------------------

_keys = st.lists(
    st.tuples(
        st.text("ab", min_size=1, max_size=3),
        st.text("ab", min_size=1, max_size=3),
        st.dictionaries(st.sampled_from("abc"), st.text("ab", max_size=2)),
    ),
    min_size=1,
    max_size=60,
)


def rows_of(keys):
    return [
        row(type=kind, subject=subject, dimensions=dimensions)
        for kind, subject, dimensions in keys
    ]


@given(_keys, _keys)
def test_keys_are_found_again_and_no_others(known, asked):
    """Whatever is told to be known: the order of dimensions counts."""
    table, places = KeyTexts(), {}

    def key(each):
        return each[0], each[1], tuple(each[2].items())

    for each in known:
        places.setdefault(key(each), 3 * len(places))
    read = read_of(rows_of(known))
    found, hashes = table.find(read)
    assert set(found.tolist()) == {-1}
    at = [places[key(each)] for each in known]
    table.add(read, range(len(known)), hashes, at)
    assert table.find(read)[0].tolist() == at
    found, _hashes = table.find(read_of(rows_of(asked)))
    assert found.tolist() == [places.get(key(each), -1) for each in asked]


def key_bytes(read, place):
    [parts] = read.parts([place])
    return b"".join(parts), tuple(map(len, parts))


def test_a_table_that_is_full_but_for_one_bucket():
    """All keys meet in one bucket, and the last of them is found before it begins."""
    dimensions = {"a": "b"}
    rows = [row(type=f"t{number}", dimensions=dimensions) for number in range(400)]
    read = read_of(rows)
    seed, nothing = 12345, np.zeros(1, native.ENTRY)
    arguments = read.body, read.events, read.marks, seed
    _places, hashes = native.find(*arguments, np.zeros(8, np.int32), nothing, nothing)
    together = np.flatnonzero(hashes & np.uint64(7) == 5)
    known, other = together[:7].tolist(), together[7]
    entries, keys, buckets = np.zeros(7, native.ENTRY), b"", np.zeros(8, np.int32)
    for place, number in enumerate(known):
        key, sizes = key_bytes(read, number)
        entries[place] = (hashes[number], 100 + place, len(keys), *sizes, 0)
        buckets[(5 + place) % 8] = place + 1
        keys += key
    keys = np.frombuffer(keys, np.uint8)
    expected = np.full(400, -1)
    expected[known] = range(100, 107)
    places, again = native.find(*arguments, buckets, entries, keys)
    assert places.tolist() == expected.tolist() and places[other] == -1
    assert hashes.tolist() == again.tolist()
    # hashes that agree are not enough: others' bytes, or the same ones cut elsewhere
    whole, (kind, subject, rest) = key_bytes(read, other)
    assert subject == 1 and rest == 4
    for key, sizes, place in (
        (whole, (kind, 1, 4), 7),
        (b"x" + whole[1:], (kind, 1, 4), -1),
        (whole[:kind] + b"x" + whole[kind + 1 :], (kind, 1, 4), -1),
        (whole[:-2] + b"x\0", (kind, 1, 4), -1),
        (whole, (kind - 1, 2, 4), -1),
        (whole, (kind, 0, 5), -1),
        (whole, (kind, 2, 4), -1),
        (whole, (kind + 1, 1, 3), -1),
        (whole[:-4], (kind, 1, 0), -1),
    ):
        entries[:] = (hashes[other], 7, 0, *sizes, 0)
        key = np.frombuffer(key, np.uint8)
        assert native.find(*arguments, buckets, entries, key)[0][other] == place


@pytest.mark.parametrize("other", [b"aaaaaaa!aaaaaaa!", b"aaaaaaa!aaaacaa!"])
def test_nobody_can_make_keys_that_meet(other):
    """Two words can differ so that the lower half of a product forgets it, whatever it
    began with: with twelve such pairs, 4,096 keys had 200 hashes.
    """

    def subject(number):
        pairs = [b"a" * 16, other]
        return b"".join(pairs[number >> place & 1] for place in range(12)).decode()

    read = read_of([row(subject=subject(number)) for number in range(1 << 12)])
    for _ in range(3):
        hashes = native.find(
            *(read.body, read.events, read.marks, secrets.randbits(64)),
            *(np.zeros(2, np.int32), np.zeros(1, native.ENTRY), np.zeros(1)),
        )[1]
        assert len(set(hashes.tolist())) > 4_000
