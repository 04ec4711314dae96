"""What every face refuses and what it keeps to the last digit."""

import gzip
import zlib
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import reading
from faces.form import nest
from faces.values import BodyProblem, FieldProblem

DECIMALS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**37), max_value=10**37
).filter(lambda number: number.as_tuple().exponent >= -38)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": -Infinity}', "not_json"),
        (b'{"a": 1e99999999999999999999}', "not_json"),
        (b'{"a": 1, "a": 2}', "repeated_name"),
        (b'{"a": "\xff"}', "not_text"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    ],
)
def test_a_body_that_cannot_be_read_exactly_is_refused(body, code):
    with pytest.raises(BodyProblem) as caught:
        reading.load_json(body)
    assert caught.value.code == code


@given(DECIMALS)
def test_numbers_keep_every_digit(number):
    found = reading.load_json(f'{{"a": {number}}}'.encode())
    assert reading.number(found["a"], "a") == number
    assert Decimal(reading.flat(found, "data")["a"]) == number


@pytest.mark.parametrize("text", ["1e400", "1" * 39, "1e-39", "-1e38"])
def test_numbers_beyond_38_digits_are_refused(text):
    with pytest.raises(FieldProblem) as caught:
        reading.number(Decimal(text), "value")
    assert caught.value.code == "out_of_range"
    with pytest.raises(FieldProblem):
        reading.number(text, "value")


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "Infinity", "0x10", "1_000", "１２", "1,5", "--1"]
)
def test_texts_that_are_no_number_are_refused(text):
    with pytest.raises(FieldProblem) as caught:
        reading.number(text, "value")
    assert caught.value.code == "bad_number"


@pytest.mark.parametrize("found", [True, [], {}])
def test_values_that_are_no_number_are_refused(found):
    with pytest.raises(FieldProblem):
        reading.number(found, "value")


def test_numbers_are_written_in_full():
    assert reading.number_text(Decimal("1e-7"), "a") == "0.0000001"
    assert reading.number_text(Decimal("1e3"), "a") == "1000"


@pytest.mark.parametrize(
    ("found", "moment"),
    [
        (Decimal(1761955200), datetime(2025, 11, 1)),
        ("1761955200", datetime(2025, 11, 1)),
        ("1761955200.1234567", datetime(2025, 11, 1, 0, 0, 0, 123456)),
        (Decimal("1761955199.9999999"), datetime(2025, 10, 31, 23, 59, 59, 999999)),
        (None, None),
    ],
)
def test_seconds_become_times_and_are_never_rounded_up(found, moment):
    assert reading.epoch(found, "timestamp") == moment


@pytest.mark.parametrize(
    "found", ["-1", "1e9", "99999999999", "2026-01-01", "9" * 60, True, [1]]
)
def test_seconds_that_are_no_billable_time_are_refused(found):
    with pytest.raises(FieldProblem) as caught:
        reading.epoch(found, "timestamp")
    assert caught.value.code == "bad_time"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-01T00:00:00Z", datetime(2026, 9, 1)),
        ("2026-09-01t02:00:00+02:00", datetime(2026, 9, 1)),
        ("2026-08-31T23:59:59.9999999Z", datetime(2026, 8, 31, 23, 59, 59, 999999)),
        ("2026-09-01 00:00:00-10:00", datetime(2026, 9, 1, 10)),
    ],
)
def test_rfc3339_times_are_moved_to_utc(text, moment):
    assert reading.rfc3339(text, "time") == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-01T00:00:00",
        "2026-09-01T00:00:00+25:00",
        "2026-09-01T00:00:00 Europe/Paris",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2026-02-30T00:00:00Z",
        "yesterday",
        12,
    ],
)
def test_times_without_zone_or_out_of_range_are_refused(text):
    with pytest.raises(FieldProblem) as caught:
        reading.rfc3339(text, "time")
    assert caught.value.code == "bad_time"


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-09-01T12:00:00Z"),
        (3, "2026-09-01T12:00:00.012Z"),
        (6, "2026-09-01T12:00:00.012345Z"),
    ],
)
def test_times_are_written_with_the_digits_a_client_expects(digits, text):
    assert reading.write_time(datetime(2026, 9, 1, 12, 0, 0, 12345), digits) == text


def test_properties_become_texts_by_path():
    found = reading.load_json(
        b'{"gb": 1.50, "region": "fr", "on": true, "none": null,'
        b' "http": {"code": 200, "path": {"root": "a"}}, "tags": ["a", 1]}'
    )
    assert reading.flat(found, "data") == {
        "gb": "1.50",
        "region": "fr",
        "on": "true",
        "http.code": "200",
        "http.path.root": "a",
        "tags": '["a", "1"]',
    }


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], "wrong_type"),
        ({"a": "x\x00y"}, "bad_text"),
        ({"a": "\ud800"}, "bad_text"),
        ({"a\x00": "x"}, "bad_text"),
        ({"a": "x" * 5000}, "too_long"),
        ({"a" * 300: "x"}, "too_long"),
        ({f"d{number}": "x" for number in range(10_000)}, "too_many_names"),
        ({"a": ["x" * 5000]}, "too_long"),
        ({"a": Decimal("1e400")}, "out_of_range"),
    ],
)
def test_properties_that_a_database_cannot_keep_are_refused(found, code):
    with pytest.raises(FieldProblem) as caught:
        reading.flat(found, "data")
    assert caught.value.code == code


def test_deep_properties_are_refused():
    found = "x"
    for _level in range(40):
        found = {"a": found}
    with pytest.raises(FieldProblem):
        reading.flat(found, "data")


@given(st.text(max_size=300))
def test_a_name_is_taken_as_it_is_or_refused(text):
    try:
        found = reading.name({"code": text}, "code")
    except FieldProblem:
        assert not text or "\x00" in text or len(text) > 255
    else:
        assert found == text
        assert found.encode()


def test_forms_nest_by_brackets():
    pairs = [
        ("event_name", "calls"),
        ("payload[value]", "25"),
        ("payload[stripe_customer_id]", "c 1"),
    ]
    assert nest(pairs) == {
        "event_name": "calls",
        "payload": {"value": "25", "stripe_customer_id": "c 1"},
    }


@pytest.mark.parametrize(
    "names", [("a", "a"), ("a", "a[b]"), ("a[b", "c"), ("",), ("[a]",), ("a" * 2000,)]
)
def test_forms_that_say_two_things_are_refused(names):
    with pytest.raises(BodyProblem):
        nest([(name, "1") for name in names])


@given(st.binary())
def test_packed_bodies_come_back_whole(body):
    assert reading.unpack(gzip.compress(body), "gzip", len(body) + 1) == body
    assert reading.unpack(zlib.compress(body), "Deflate", len(body) + 1) == body
    padded = gzip.compress(body) + bytes(512)
    assert reading.unpack(padded, "gzip", len(body) + 1) == body
    assert reading.unpack(body, "", 0) == body


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (gzip.compress(b"x" * 1000)[:-9], "gzip", "damaged"),
        (gzip.compress(b"x") + b"more", "gzip", "damaged"),
        (gzip.compress(b"x") + b"\0more", "gzip", "damaged"),
        (b"", "gzip", "damaged"),
        (b"not packed", "gzip", "damaged"),
        (gzip.compress(b"x" * 5000), "gzip", "too_large"),
        (b"x", "br", "unknown_encoding"),
    ],
)
def test_packed_bodies_that_cannot_be_trusted_are_refused(body, encoding, code):
    with pytest.raises(BodyProblem) as caught:
        reading.unpack(body, encoding, 4096)
    assert caught.value.code == code
