"""What compiled code reads of a request is what Python reads, or nothing."""

import shutil
from importlib import import_module
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_events import blank, bodies, native, plain_events

from api import plain
from api.events import EventReader
from api.limits import MAX_EVENTS
from api.problem import ApiProblem
from metering import jsonform
from metering.copybin import number as number_of
from metering.eventcolumns import EventColumns
from metering.instants import to_microseconds
from metering.values import EventRow, RejectedRow

READER = EventReader(EventRow, RejectedRow)


def text_of(body, span):
    at, size = span.item()
    return bytes(body[at : at + size]).decode()


def items_of(marks, span):
    """Names and texts of dimensions, as received."""
    texts = text_of(marks, span).split("\0")
    return list(zip(texts[:-1:2], texts[1::2], strict=True))


def read(body):
    """What is read of a body, once it is known to be what Python reads of it.

    :return: array of events; None for a body that is left to Python
    """
    found = native.read(body, MAX_EVENTS)
    if found is None:
        return None
    events, marks = found
    rows = READER.read(body, "application/json").rows
    assert len(events) == len(rows) > 0
    for event, row in zip(events, rows, strict=True):
        assert row.__class__ is EventRow
        assert text_of(body, event["id"]) == row.event_id
        assert text_of(body, event["type"]) == row.type
        assert text_of(body, event["subject"]) == row.subject
        assert event["time"] == to_microseconds(row.time)
        assert text_of(body, event["number"]) == number_of(row.value)[0]
        if row.value is None:
            assert event["scale"] == -1
        else:
            assert event["units"] == row.value.scaleb(4)
            assert event["scale"] == -row.value.as_tuple().exponent
        assert items_of(marks, event["dimensions"]) == list(row.dimensions.items())
        properties = dict(row.properties)
        document = text_of(marks, event["document"])
        assert document == (jsonform.encode(properties).decode() if properties else "")
        said = jsonform.document_of(properties)[1].decode()
        assert text_of(marks, event["said"]) == said
        assert (event["line"], row.amount, row.currency) == (row.row_number, None, None)
    compare(columns_of(body), body, events, marks)
    return events


def columns_of(body):
    """EventColumns of a body, None where Python makes rows of it."""
    with patch.object(plain, "MANY", 1):
        found = plain.read_plain(body, EventRow, EventColumns.of_texts)
    return found if isinstance(found, EventColumns) else None


def compare(columns, body, events, marks):
    """Columns must be those of EventColumns, if these can be made."""
    if columns is None:
        return
    nothing = [{}] * len(events)
    assert events["time"].tolist() == columns.times.tolist()
    for name, found in (
        ("id", columns.ids),
        ("type", columns.types),
        ("subject", columns.subjects),
        ("number", columns.numbers.texts),
    ):
        assert [text_of(body, span) for span in events[name]] == list(found)
    if columns.numbers.units is not None:
        assert events["units"].tolist() == columns.numbers.units.tolist()
        assert events["scale"].tolist() == columns.numbers.scales.tolist()
    dimensions = [items_of(marks, span) for span in events["dimensions"]]
    assert dimensions == [list(each.items()) for each in columns.mappings or nothing]
    documents = [text_of(marks, span).encode() for span in events["document"]]
    assert documents == (columns.documents or [b""] * len(events))
    said = [text_of(marks, span) for span in events["said"]]
    assert said == (columns.said or [""] * len(events))
    assert events["line"].tolist() == list(columns.lines)


def careful(body):
    """Read a body that may be left to Python, and must be if Python refuses it."""
    try:
        rows = READER.read(body, "application/json").rows
    except ApiProblem:
        rows = None
    if rows is None or not all(row.__class__ is EventRow for row in rows):
        assert native.read(body, MAX_EVENTS) is None
        return None
    return read(body)


# -- plain requests ----------------------------------------------------------------

_in_any_order = plain_events().flatmap(lambda each: st.permutations(list(each.items())))


@given(bodies(st.lists(_in_any_order, min_size=1, max_size=4)), blank, blank)
def test_a_plain_request_is_read_as_in_python(body, before, behind):
    body = before.encode() + body + behind.encode()
    assert read(body) is not None


MINIMAL = {"id": '"1"', "type": '"t"', "subject": '"s"'} | {
    "time": '"2026-09-15T12:00:00Z"'
}


def request(*events):
    """Body of events whose members are JSON, MINIMAL's where they name none."""
    found = []
    for members in events:
        members = (MINIMAL | members).items()
        pairs = [f'"{name}":{value}' for name, value in members if value is not None]
        found.append("{" + ",".join(pairs) + "}")
    return f'{{"events":[{",".join(found)}]}}'.encode("utf-8", "surrogatepass")


def members_of(count, name="n", text="t"):
    return "{" + ",".join(f'"{name}{i}":"{text}"' for i in range(count)) + "}"


#: A document of so many bytes as properties; its members' own marks are 7.
def document(size):
    return f'{{"n":"{"x" * (size - 8)}"}}'


TAKEN = {
    "id": [
        '"' + "x" * 512 + '"',
        '"' + "é" * 256 + '"',
        '"\x7f"',
        '"/"',
        '" "',
        '"😀"',
    ],
    "time": ['"2026-09-15T12:00:00.000001Z"', '"2024-02-29T23:59:59Z"'],
    "value": ["0", "0.0000", "0.0001", "99999999", "99999999.9999", "12345678.1000"],
    "dimensions": [
        *("{}", '{"b":"1","a":""}', '{"a b":":","!":","}', members_of(32)),
        f'{{"{"x" * 512}":"{"é" * 256}"}}',
    ],
    "properties": [
        *("{}", '{"b":"1","a":"2"}', '{"a":"},{","b":",","c":": "}', members_of(32)),
        *('{"a-":"1","a":"2"}', '{"a#":"1","a":"2","aa":"3"}', '{"é":"1","z":"2"}'),
        document(4096),
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in TAKEN for value in TAKEN[name]]
)
def test_what_is_taken(name, value):
    assert read(request({name: value}, {}, {name: value})) is not None


LEFT = {
    "id": [
        *('""', "1", "null", "[]", '"\\u0061"', '"a\\"', '"a\\u0000"', '"\\ud800"'),
        *('"a\0"', '"a\nb"', '"\ud800"', '"a', "a", None),
        *('"' + "x" * 513 + '"', '"' + "é" * 257 + '"'),
    ],
    "time": [
        f'"{text}"'
        for text in (
            "0000-01-01T00:00:00Z 2026-02-29T00:00:00Z 1900-02-29T00:00:00Z "
            "2026-04-31T00:00:00Z 2026-13-01T00:00:00Z 2026-00-01T00:00:00Z "
            "2026-01-00T00:00:00Z 2026-01-32T00:00:00Z 2026-01-01T24:00:00Z "
            "2026-01-01T24:00:01Z 2026-01-01T00:60:00Z 2026-01-01T23:59:60Z "
            "2026-01-01T00:00:00 2026-01-01T00:00:00z 2026-01-01t00:00:00Z "
            "2026-01-01T00:00:0aZ 2026-01-01T00:00:0:Z 2026-01-01T00:00:00.Z "
            "2026-01-01T00:00:00,5Z 2026-01-01T00:00:00.5 2026-01-01T00:00:00.-5Z "
            "2026-01-01T00:00:00.1234567Z 2026-01-01T00:00:00+00:00 "
            "+026-01-01T00:00:00Z 2026-01-01T00:00:00+00:00Z 20260101T000000Z "
            "2026-01-01T00:00Z Z 2026-W01-1T00:00:00Z 2026-01-01T-1:00:00Z "
            "٢٠٢٦-01-01T00:00:00Z"
        ).split()
    ]
    + ['"2026-01-01 00:00:00Z"', '"2026-01-01T00:00:00 Z"', '""', "0", "null", None],
    "value": [
        *("-1", "-0", "+1", ".5", "1.", "01", "00", "00.5", "1e3", "1E3", "1.5e-3"),
        *("0x1", "1.5.5", "1..5", "1_0", "NaN", "Infinity", "1e400", "true", "null"),
        *("100000000", "123456789.1234", "12345678.12345", "1.00000", "0.00001"),
        *("9999999999999", "99999999999999", "9" * 30, "9" * 5000, "0." + "0" * 90),
        *('"5"', "[1]", "{}", "", "1 2", "٣"),
    ],
    "dimensions": [
        *("null", "[]", "[{}]", '"a"', '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}'),
        *('{"":"x"}', '{"a":"1","a":"2"}', '{"a":"b",}', "{,}", '{"a" "b"}', '{"a"}'),
        *('{"a":"\\n"}', '{"a":"1","\\u0061":"2"}', "{", '{"a":"b"', '{"a":"b"]'),
        *(members_of(33), f'{{"{"x" * 513}":"y"}}', f'{{"y":"{"x" * 513}"}}'),
        f'{{"b":"1",{members_of(20)[1:-1]},"b":"2"}}',
    ],
    "properties": [
        *("null", "[]", '{"a":1}', '{"a":[1]}', '{"a":{"b":"c"}}', '{"":"x"}'),
        *('{"a":""}', '{"a b":"1"}', '{"a!":"1","a":"2"}', '{"a":"1","a":"1"}'),
        *('{"a":"\\t"}', '{"a\\u0000":"b"}', '{"b":"1","c":"2","b":"1"}'),
        *(members_of(33), f'{{"{"x" * 513}":"y"}}', document(4097), document(9000)),
    ],
    "unit": ['"h"'],
    "amount": ["1"],
    "currency": ['"EUR"'],
    "specversion": ['"1.0"'],
    "other": ["{}", "[[[]]]"],
    "": ['""'],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in LEFT for value in LEFT[name]]
)
def test_what_is_left_to_python(name, value):
    for events in ([{name: value}], [{}, {name: value}, {}]):
        assert native.read(request(*events), MAX_EVENTS) is None


@given(st.lists(st.sampled_from(list(LEFT)), min_size=1, max_size=3), st.data())
def test_a_strange_request_is_read_as_in_python_or_left(names, data):
    values = {n: data.draw(st.sampled_from(LEFT[n] + TAKEN.get(n, []))) for n in names}
    careful(request(*data.draw(st.permutations([{}, values]))))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"events":' * 1_000,
        b'{"events":[]}',
        b'{"events":[{}]}',
        b'{"events":[[]]}',
        b'{"events":{}}',
        b'{"event":[1]}',
        b'{"Events":[1]}',
        request({})[11:-2],  # one event
        request({})[10:-1],  # a list
        request({})[:-1] + b',"events":[]}',
        b'{"events":[],' + request({})[1:],
        b'{"other":1,' + request({})[1:],
        request({})[:-2] + b",]}",
        request({}).replace(b"[", b"[,"),
        b"\xef\xbb\xbf" + request({}),
        b"\x0b" + request({}),
        "\u00a0".encode() + request({}),
        request({}) + b"\0",
        request({}) + b"x",
        request({}) + b"}",
        request({}) + b"\0" * 100,
        request({}) + request({}),
        request({}).replace(b'"1"', b'"\xff"'),
        request({}).replace(b'"1"', b'"\xc3"'),
        request({}).replace(b'"1"', b'"\xed\xa0\x80"'),
        request({}).replace(b'"1"', b'"\xc0\x80"'),
        request({}).replace(b'"1"', b'"\xf4\x90\x80\x80"'),
        request({}).replace(b'"id":"1"', b'"id":"1","id":"1"'),
        request({}).replace(b'"id"', b'"\\u0069d"'),
        request({}).replace(b'"id"', b'"ID"'),
        request({}).replace(b",", b";"),
        request({}).replace(b'"', b"'"),
    ],
)
def test_another_form_is_left_to_python(body):
    assert native.read(body, MAX_EVENTS) is None
    careful(body)


RICH = request(
    {"value": "1.50", "dimensions": '{"b":"1","a":""}'},
    {"properties": '{"b":"é","a":"2"}', "value": "0"},
)


def test_a_body_with_one_byte_less_or_another_one():
    assert read(RICH) is not None
    for place in range(len(RICH)):
        before, behind = RICH[:place], RICH[place + 1 :]
        assert native.read(before, MAX_EVENTS) is None
        careful(before + behind)
        careful(before + RICH[place : place + 1] * 2 + behind)
        for other in b'"\\,:{}[] 0.9e-\0\n\x7f\xff':
            careful(before + bytes([other]) + behind)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(RICH)),
            st.integers(0, 9),
            st.sampled_from([each.encode() for each in '",:{}[]\\0.9Z-Té '])
            | st.sampled_from(
                [b'"', b'","', b'":"', b"},{", b"{}", b"null", b"", b"\0"]
            )
            | st.binary(max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_body_that_was_spoilt_is_read_as_in_python_or_left(edits):
    body = RICH
    for place, size, other in edits:
        body = body[:place] + other + body[place + size :]
    careful(body)


def test_a_request_holds_ten_thousand_events_and_not_one_more():
    events = read(request(*[{}] * MAX_EVENTS))
    assert np.array_equal(events["line"], np.arange(1, MAX_EVENTS + 1))
    assert native.read(request(*[{}] * (MAX_EVENTS + 1)), MAX_EVENTS) is None
    assert native.read(request({}, {}), 1) is None
    assert native.read(request({}), 0) is None


def test_what_python_makes_of_plain_bodies_is_columns():
    """So that they are compared with those of compiled code."""
    assert columns_of(RICH) is not None


@pytest.mark.parametrize("library", [None, b"of another machine"])
def test_without_its_library_there_is_no_package(library, tmp_path, monkeypatch):
    """Who imports it goes on without it after an ImportError, and after no other."""
    folder = tmp_path / "spoilt_native"
    folder.mkdir()
    shutil.copy(native.__file__, folder)
    if library:
        (folder / "columns.so").write_bytes(library)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"columns\.so"):
        import_module("spoilt_native")
