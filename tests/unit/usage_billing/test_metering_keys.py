"""Keys of an event: the same for a re-send, different for anything else."""

from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.keys import event_key, identity_function, payload_hash
from metering.routing import to_microseconds

identity = identity_function(1, 2)


def test_identity_is_the_same_in_every_process_and_version():
    # Worked out once and kept: a change here would accept every old event again.
    assert identity("evt-000000042")[1].hex() == "f9d5b9f7303030303432c51176c3c9ab"
    assert identity("é")[1].hex() == "6972bacc00000000c3a967cf85664b3e"
    assert payload_hash("cpu|1").hex() == "802504284f75ab9f"


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
    from datetime import datetime

    moments = [
        datetime(1970, 1, 1),
        datetime(1999, 12, 31, 23, 59, 59),
        datetime(2000, 1, 1),
        datetime(2026, 10, 25, 1, 2, 3, 456),
        datetime(9999, 12, 31),
    ]
    keys = [event_key(to_microseconds(moment), b"\xff" * 16) for moment in moments]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {16}
