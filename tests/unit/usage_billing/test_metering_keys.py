"""Keys of an event: the same for a re-send, different for anything else."""

from datetime import datetime
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.instants import to_microseconds
from metering.keys import (
    IdTimeError,
    identity_function,
    key_function,
    payload_hash,
    route_hash,
    ulid_time,
    uuid7_time,
)

identity = identity_function(1, 2)


def test_identity_is_the_same_in_every_process_and_version():
    # Worked out once and kept: a change here would accept every old event again.
    assert identity("evt-000000042")[1].hex() == "f9d5b9f7303030303432c51176c3c9ab"
    assert identity("é")[1].hex() == "6972bacc00000000c3a967cf85664b3e"
    assert payload_hash("cpu|1").hex() == "95e48db00bed8294"


def test_identity_depends_on_company_source_and_id():
    ids = {
        identity_function(company, source)(event_id)[1]
        for company, source, event_id in product(
            (1, 11), (1, 11), ("a", "a1", "1", "01", "001", "a01", "1a", " a", "A")
        )
    }
    assert len(ids) == 36


def test_ids_that_count_up_stand_side_by_side():
    keys = [identity(f"evt-{number:07d}")[1] for number in range(2_000)]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_random_ids_do_not_collide():
    assert len({identity(str(uuid4()))[1] for _ in range(5_000)}) == 5_000


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_ids_have_two_identities(one, other):
    try:
        same = identity(one)[1] == identity(other)[1]
    except ValueError:
        return  # cannot be stored: a NUL or half a surrogate pair
    assert same == (one == other)


def test_digits_of_other_scripts_and_long_numbers_are_ids_too():
    assert identity("evt-１２")[1] != identity("evt-12")[1]
    assert identity("9" * 400)[1] != identity("9" * 401)[1]


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800"])
def test_an_id_that_cannot_be_stored_is_refused(bad):
    with pytest.raises(ValueError):
        identity(bad)


def test_event_keys_are_in_time_order():
    moments = [
        datetime(1970, 1, 1),
        datetime(1999, 12, 31, 23, 59, 59),
        datetime(2000, 1, 1),
        datetime(2026, 10, 25, 1, 2, 3, 456),
        datetime(9999, 12, 31),
    ]
    for mode in ("strict", "composed"):
        key_of = key_function(mode, 1, 2)
        keys = [key_of("x", to_microseconds(moment))[2] for moment in moments]
        assert keys == sorted(keys)
        assert {len(key) for key in keys} == {16}


def test_what_is_unique_depends_on_the_mode():
    noon, later = (to_microseconds(datetime(2026, 1, 1, hour)) for hour in (12, 13))
    strict, composed = key_function("strict", 1, 2), key_function("composed", 1, 2)
    assert strict("x", noon)[1] == strict("x", later)[1] == identity("x")[1]
    assert composed("x", noon)[1] == composed("x", noon)[2]
    assert composed("x", noon)[1] != composed("x", later)[1]


def test_keys_of_times_before_1970_are_refused():
    with pytest.raises(ArithmeticError):
        key_function("strict", 1, 2)("x", to_microseconds(datetime(1, 1, 1)))


#: RFC 9562, appendix A.6: 22 February 2022, 19:22:22 UTC
UUID7 = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
UUID7_TIME = datetime(2022, 2, 22, 19, 22, 22)
MINUTE = 60_000_000


def test_the_time_of_a_uuid7_is_the_time_of_its_key():
    key_of = key_function("uuid7", 1, 2, tolerance=MINUTE)
    moment = to_microseconds(UUID7_TIME)
    raw, unique, key = key_of(UUID7, moment)
    assert raw == UUID7.encode()
    assert unique == key
    assert key[:6].hex() == "017f22e279b0"
    # the same id at another time is the same event, as far as the bound allows
    assert key_of(UUID7, moment + MINUTE)[1] == unique
    assert key_of(UUID7, moment - MINUTE)[1] == unique
    for off in (MINUTE + 1, -MINUTE - 1):
        with pytest.raises(IdTimeError):
            key_of(UUID7, moment + off)
    assert key_function("uuid7", 1, 3)(UUID7, moment)[1] != unique


@pytest.mark.parametrize(
    "bad",
    [
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",  # version 4
        "017f22e2-79b0-7cc3-98c4",
        "evt-42",
        "é",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
    ],
)
def test_ids_without_a_time_are_refused(bad):
    with pytest.raises(IdTimeError):
        uuid7_time(bad)


def test_the_time_of_a_ulid():
    # ulid/spec: 01ARZ3NDEK... was made at 1469922850259 ms
    assert int.from_bytes(ulid_time("01ARZ3NDEKTSV4RRFFQ69G5FAV")) == 1469922850259
    assert ulid_time("01arz3ndektsv4rrffq69g5fav") == ulid_time(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    )
    for bad in (
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",  # more than 48 bits
        "0IARZ3NDEKTSV4RRFFQ69G5FAV",
        "0_ARZ3NDEKTSV4RRFFQ69G5FAV",
    ):
        with pytest.raises(IdTimeError):
            ulid_time(bad)


@given(st.lists(st.text(max_size=4), min_size=4, max_size=4))
def test_two_routes_have_two_hashes(texts):
    try:
        one = route_hash((1, 2, 3, 4, 5, "u", None, *texts[:2]))
        other = route_hash((1, 2, 3, 4, 5, "u", None, *texts[2:]))
    except UnicodeEncodeError:
        return
    assert (one == other) == (texts[:2] == texts[2:])
