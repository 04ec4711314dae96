"""Requests become rows: every form, every digit, nothing lost."""

import gzip
import json
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from api import plain, query
from api.body import decompress, read_json
from api.events import EventReader
from api.jsontext import decode
from api.limits import MAX_EVENTS
from api.members import join_id
from api.problem import ApiProblem
from metering.compiled import read_events
from metering.eventcolumns import EventColumns
from metering.values import EventRow, RejectedRow, UnitRow

READER = EventReader(EventRow, RejectedRow, ["region"])
QUICK = EventReader(
    EventRow, RejectedRow, ["region"], None, EventColumns.of_texts, read_events
)
MINIMAL = {"id": "1", "type": "t", "subject": "s", "time": "2026-09-15T12:00:00Z"}


def read(document, kind="application/json"):
    return READER.read(json.dumps(document).encode(), kind).rows


def only(**members):
    [row] = read([MINIMAL | members])
    return row


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=20) | st.integers(
    -(10**60), 10**60
).map(Decimal)


@given(numbers)
def test_numbers_keep_every_digit_as_number_and_as_text(number):
    text = format(number, "f")
    as_number = json.dumps([MINIMAL]).replace("}", f', "value": {text}}}')
    [row] = READER.read(as_number.encode(), "application/json").rows
    assert row.value == number and str(row.value).lower() != "nan"
    assert only(value=text).value == number
    assert only(properties={"n": text}).properties["n"] == text


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
def test_times_are_the_same_instant_in_utc(moment, zone):
    aware = moment.replace(tzinfo=UTC)
    assert only(time=aware.astimezone(zone).isoformat()).time == moment
    assert only(time=moment.isoformat() + "Z").time == moment


@given(
    st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=20),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        ),
        max_size=5,
    )
)
def test_whatever_is_sent_each_event_is_one_row(documents):
    rows = read({"events": documents})
    assert [row.row_number for row in rows] == list(range(1, len(documents) + 1))
    assert all(row.__class__ in (EventRow, RejectedRow) for row in rows)


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            "application/json",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "application/x-ndjson",
            "text/plain",
            "",
            ";;",
            "application/json;charset=x",
        ]
    ),
)
def test_any_bytes_are_rows_or_a_problem(body, kind):
    try:
        READER.read(body, kind)
    except ApiProblem as error:
        assert error.status in (400, 413, 415, 422) and error.detail


@pytest.mark.parametrize(
    "members, reason",
    [
        ({"time": "2026-09-15"}, "invalid_time"),
        ({"time": "2026-09-15T12:00:00"}, "invalid_time"),
        ({"time": "2026-09-15T12:00:00+02:00Z"}, "invalid_time"),
        ({"time": "2026-02-30T12:00:00Z"}, "invalid_time"),
        ({"time": "2026-09-15T24:30:00Z"}, "invalid_time"),
        ({"time": "0001-01-01T00:00:00+01:00"}, "invalid_time"),
        ({"time": "9999-12-31T23:59:59-01:00"}, "invalid_time"),
        ({"time": 1757937600}, "invalid_time"),
        ({"time": None}, "missing_field"),
        ({"id": None}, "missing_field"),
        ({"subject": ""}, "missing_field"),
        ({"subject": 4}, "invalid_value"),
        ({"id": "x" * 513}, "invalid_value"),
        ({"value": "NaN"}, "invalid_value"),
        ({"value": "1_000"}, "invalid_value"),
        ({"value": "１２"}, "invalid_value"),
        ({"value": "0x10"}, "invalid_value"),
        ({"value": " 1"}, "invalid_value"),
        ({"value": "1e400"}, "invalid_value"),
        ({"value": "1e-400"}, "invalid_value"),
        ({"value": "1e999999"}, "invalid_value"),
        ({"value": False}, "invalid_value"),
        ({"amount": []}, "invalid_value"),
        ({"currency": "€"}, "invalid_value"),
        ({"dimensions": {str(n): "x" for n in range(33)}}, "invalid_value"),
        ({"dimensions": ["x"]}, "invalid_value"),
        ({"properties": {"x": "y" * 8193}}, "invalid_value"),
        ({"properties": {"x" * 513: "y"}}, "invalid_value"),
        ({"properties": {"x": 10**300}}, "invalid_value"),
        ({"valeu": 1}, "unreadable"),
    ],
)
def test_what_cannot_be_read_says_why(members, reason):
    row = only(**members)
    assert (row.__class__, row.reason) == (RejectedRow, reason)
    assert row.detail.startswith(next(iter(members)))
    assert json.loads(row.raw) == json.loads(json.dumps(MINIMAL | members))


NOON = datetime(2026, 9, 15, 12)


@pytest.mark.parametrize(
    "text, time",
    [
        ("2026-09-15T12:00:00Z", NOON),
        ("2026-09-15t12:00:00z", NOON),
        ("2026-09-15 12:00:00Z", NOON),  # RFC 3339, section 5.6, its last note
        ("2026-09-15T14:00:00+02:00", NOON),
        ("2026-09-15T12:00:00-00:00", NOON),
        ("2026-09-15 07:00:00.50-05:00", NOON + timedelta(milliseconds=500)),
        ("2026-09-15T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
        ("2026-09-15_12:00:00Z", None),
        ("2026-09-15\xa012:00:00Z", None),
        ("2026-W38-2T12:00:00Z", None),
        ("2026-W38-2T14:00:00+02:00", None),
        ("2026-258T12:00:00Z", None),
        ("20260915T120000Z", None),
        ("2026-09-15T12:00Z", None),
        ("2026-09-15 12:00", None),
        ("2026-09-15T12:00:00,5Z", None),
        ("2026-09-15T12:00:00,5+00:00", None),
        ("2026-09-15T12:00:00.+00:00", None),
        ("2026-09-15T12:00:00+02", None),
        ("2026-09-15T12:00:00+0200", None),
        ("2026-09-15T12:00:00+02:00:30", None),
        ("2026-09-15T12:00:00+02:00:30.5", None),
        ("2026-09-15T12:00:00Z\n", None),
        ("２026-09-15T12:00:00Z", None),
    ],
)
@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("kind", ["json", "x-ndjson", "cloudevents-batch+json"])
def test_times_are_those_of_rfc_3339_and_no_others(text, time, count, kind):
    events = [MINIMAL] * count + [MINIMAL | {"time": text}]
    if "cloud" in kind:
        events = [{"specversion": "1.0", "source": "x"} | event for event in events]
    body = json.dumps(events, ensure_ascii=False)
    if kind == "x-ndjson":
        body = body[1:-1].replace("}, {", "}\n{")
    if kind == "json":
        body = f'{{"events": {body}}}'
    for reader in (READER, QUICK):
        *others, row = reader.read(body.encode(), f"application/{kind}").rows
        assert [other.time for other in others] == [NOON] * count
        if time:
            assert row.time == time
        else:
            assert row.reason == "invalid_time"
            assert "as in RFC 3339, such as 2026-09-15T12:00:00Z" in row.detail


@pytest.mark.parametrize(
    "sent",
    [
        "2026-09-15T14:00:00+02:00",
        "2026-09-15T14:00:00 02:00",  # a plus that nobody escaped
        "2026-09-15 14:00:00 02:00",
        "2026-09-15 12:00:00Z",
    ],
)
def test_times_in_addresses_are_the_same(sent):
    assert query.read_time({"from": sent}, "from") == NOON
    with pytest.raises(ApiProblem) as caught:
        query.read_time({"from": sent.replace(":00:00", ":00")}, "from")
    assert (caught.value.code, caught.value.field) == ("invalid_parameter", "from")


def test_numbers_beyond_decimal_stop_no_other_event():
    body = json.dumps({"events": [MINIMAL, MINIMAL]})
    body = body.replace("}", ', "value": 1e9999999999999999999}', 1)
    first, second = READER.read(body.encode(), "application/json").rows
    assert (first.reason, second.event_id) == ("invalid_value", "1")
    assert "1e9999999999999999999" in first.raw


def test_cloudevent_data_is_sorted_into_dimensions_and_properties():
    event = MINIMAL | {
        "specversion": "1.0",
        "source": "/a b%",
        "traceparent": "00-1",
        "data": {
            "value": 2,
            "region": "fr",
            "host": "vm",
            "count": 3,
            "on": True,
            "none": None,
            "list": [1, 2],
            "dimensions": {"tier": "gold"},
        },
    }
    [row] = read([event], "application/cloudevents-batch+json")
    assert row.event_id == "/a%20b%25 1"
    assert row.dimensions == {"region": "fr", "tier": "gold"}
    assert row.properties == {
        "host": "vm",
        "count": "3",
        "on": "true",
        "list": "[1,2]",
    }
    assert (row.value, row.amount) == (Decimal(2), None)
    [row] = read([event | {"data": "7.50"}], "application/cloudevents-batch+json")
    assert row.value == Decimal("7.50")


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_sources_and_ids_share_an_event_id(source, number, other, another):
    same = join_id(source, number) == join_id(other, another)
    assert same == ((source, number) == (other, another))


@given(st.binary(max_size=1000), st.integers(1, 3))
@example(BOM_UTF8, 1)
def test_gzip_is_undone_within_the_limit(data, members):
    packed = gzip.compress(data) * members
    assume(not data.startswith(b"\x1f\x8b"))  # compressed twice: refused
    assert decompress(packed, "gzip") == (data * members).removeprefix(BOM_UTF8)
    if len(data):
        with pytest.raises(ApiProblem) as caught:
            decompress(packed, "gzip", len(data) * members - 1)
        assert caught.value.status == 413
    padded = packed + bytes(512)  # as tapes and block devices leave it
    assert decompress(padded, "gzip") == decompress(packed, "gzip")
    with pytest.raises(ApiProblem):
        decompress(packed[:-1], "gzip")
    with pytest.raises(ApiProblem):
        decompress(padded + b"x", "gzip")


def test_deeply_nested_and_invalid_json_is_a_value_error():
    for data in (b"[" * 100_000, b"\xff", b"", b"[1", b"{'a': 1}", b"[Infinity]"):
        with pytest.raises(ValueError):
            decode(data)


_plain = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["1", "", "é" * 512, "x" * 513, 7, None]),
        "type": st.sampled_from(["t", "", "t" * 600]),
        "subject": st.sampled_from(["s", " "]),
        "time": st.sampled_from(
            [
                "2026-09-15T12:00:00Z",
                "2026-09-15T12:00:00.123456789Z",
                "2026-09-15T12:00:00z",
                "2026-09-15T12:00:00+02:00",
                "2026-09-15T12:00:00",
                "2026-09-15T12:00:00+02:00Z",
                "2026-09-15 12:00:00Z",
                "20260915T120000Z",
                "2026-09-15",
                "",
            ]
        ),
    },
    optional={
        "value": st.sampled_from([1, 1.50, "2", "NaN", None, True, 10**201, {}]),
        "dimensions": st.sampled_from(
            [{}, None, {"region": "fr"}, {"a": 1}, {"a": None}, {"a": "x" * 600}, []]
        ),
        "properties": st.sampled_from(
            [
                *({}, {"p": "1"}, {"p": "x" * 8193}, {"n" * 513: "1"}, {"p": [1]}),
                *({"p": "a:b"}, {"p": ","}, {",": "},{"}, {"p": ""}, {":": "\\"}),
            ]
        ),
        "currency": st.just("EUR"),
        "unit": st.just("GB"),
        "other": st.just(1),
    },
)


def _columns(body):
    """A plain request as columns, from so many events on; None for any other."""
    return plain.read_plain(body, EventRow, EventColumns.of_texts)


@given(st.lists(_plain, max_size=3))
def test_a_plain_request_is_read_as_any_other(documents):
    """One request in one go, or event by event: the same rows."""
    body = json.dumps({"events": documents}).encode()
    rows = plain.read_plain(body, EventRow)
    careful = READER.read_events(read_json(body)["events"])
    if rows is not None:
        assert rows == careful.rows
        assert list(map(repr, rows)) == list(map(repr, careful.rows))
    assert READER.read(body, "application/json").rows == careful.rows
    with patch.object(plain, "MANY", 1):  # the same as columns
        many = _columns(body)
    assert many is None or list(map(repr, many)) == list(map(repr, careful.rows))
    assert documents == [] or (many is None) >= (rows is None)


def test_nearly_every_request_is_plain():
    documents = [
        MINIMAL | {"value": 1.5, "properties": {"host": "a"}},
        MINIMAL | {"value": 3, "dimensions": {"region": "fr"}},
        MINIMAL,
    ]
    body = json.dumps({"events": documents}).encode()
    assert isinstance(plain.read_plain(body, EventRow), list)
    assert isinstance(_columns(body), list)  # there are few
    with patch.object(plain, "MANY", 3):
        found = _columns(body)
    assert isinstance(found, EventColumns)
    assert list(found) == plain.read_plain(body, EventRow)
    empty = [{**each, "properties": {}, "dimensions": None} for each in documents]
    with patch.object(plain, "MANY", 3):
        body = json.dumps({"events": empty}).encode()
        found = _columns(body)
    assert isinstance(found, EventColumns)
    assert list(found) == plain.read_plain(body, EventRow)
    many = json.dumps({"events": [MINIMAL] * 10_001}).encode()
    with pytest.raises(ApiProblem) as caught:
        READER.read(many, "application/json")
    assert caught.value.code == "too_many_events"


@pytest.mark.parametrize("extra", [{}, {"unit": "h"}])
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/x-ndjson",
        "application/cloudevents-batch+json",
    ],
)
def test_a_request_holds_ten_thousand_events_and_not_one_more(kind, extra):
    event = MINIMAL | {} if kind.endswith("batch+json") else MINIMAL | extra
    if kind.endswith("batch+json"):
        event |= {"specversion": "1.0", "source": "/gateway"}
    text = json.dumps(event).encode()
    reader = EventReader(EventRow, RejectedRow, unit_row=UnitRow)

    def send(count):
        if kind == "application/x-ndjson":
            return reader.read(b"\n".join([text] * count), kind).rows
        return reader.read(b"[" + b",".join([text] * count) + b"]", kind).rows

    assert MAX_EVENTS == 10_000
    assert len(send(10_000)) == 10_000
    with pytest.raises(ApiProblem) as caught:
        send(10_001)
    assert (caught.value.status, caught.value.code) == (413, "too_many_events")


def test_the_usual_form_holds_ten_thousand_events_too():
    text = json.dumps(MINIMAL)
    for count in (10_000, 10_001):
        body = f'{{"events": [{",".join([text] * count)}]}}'.encode()
        if count == MAX_EVENTS:
            assert len(READER.read(body, "application/json").rows) == count
            continue
        with pytest.raises(ApiProblem):
            READER.read(body, "application/json")


def cloud_id(text):
    """The stored id of a CloudEvent in binary mode whose id is this header."""
    members = MINIMAL | {"specversion": "1.0", "source": "/g", "id": text}
    headers = {f"ce-{name}": value for name, value in members.items()}
    [row] = READER.read(b'{"value": 1}', "application/json", headers).rows
    return row.event_id


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ('"a b"', "a b"),
        (r'"a\"b\\c"', r'a"b\c'),
        ('"%22a%22"', '"a"'),
        ('a"b', 'a"b'),
        ('"', '"'),
        ("%2520", "%20"),
    ],
)
def test_headers_of_cloudevents_are_unquoted_once(sent, meant):
    assert cloud_id(sent) == f"/g {meant}"


@pytest.mark.parametrize("sent", ["x%FF", "x%FE", "%ED%A0%80"])
def test_headers_that_are_no_text_are_refused_and_never_alike(sent):
    with pytest.raises(ApiProblem) as caught:
        cloud_id(sent)
    assert (caught.value.status, caught.value.field) == (422, "ce-id")
