"""What JSON allows and nobody can keep, and what is no JSON, said with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.body import decompress, read_json
from api.events import EventReader
from api.jsontext import BadJson, decode, fault
from api.problem import ApiProblem
from metering.compiled import read_events
from metering.eventcolumns import EventColumns
from metering.values import EventRow, RejectedRow, UnitRow

READER = EventReader(EventRow, RejectedRow, ("region",), UnitRow)
QUICK = EventReader(
    EventRow, RejectedRow, ("region",), UnitRow, EventColumns.of_texts, read_events
)
EVENT = '{"id": "%s", "type": "t", "subject": "s", "time": "2026-09-15T12:00:00Z", %s}'


def read(text, kind="application/json"):
    return READER.read(text.encode(), kind)


def listed(*events):
    return '{"events": [' + ", ".join(events) + "]}"


@pytest.mark.parametrize(
    ("member", "field"),
    [
        ('"value": 1, "value": 1000', "value"),
        ('"value": 1, "value": 1', "value"),
        ('"value": 1, "id": "b"', "id"),
        ('"value" : 1, "value"\n:\t2', "value"),
        ('"value": 1, "v\\u0061lue": 2', "value"),
        ('"dimensions": {"region": "a", "region": "b"}', "dimensions.region"),
        ('"properties": {"a": "x", "a": "y:\\":"}', "properties.a"),
        ('"properties": {"a": [{"b": 1, "b": 2}]}', "properties.a[0].b"),
    ],
)
def test_a_name_that_stands_twice_is_refused_and_stops_no_other(member, field):
    text = listed(EVENT % ("a", '"value": 7'), EVENT % ("a2", member))
    reading = read(text)
    first, second = reading.rows
    assert (first.event_id, first.value) == ("a", 7)
    assert type(second) is RejectedRow
    assert (second.reason, reading.fields) == ("unreadable", {2: field})
    assert f"{field}: stands twice" in second.detail
    # kept as it was written, with both
    name = field.rpartition(".")[2]
    assert second.raw.count(f'"{name}"') == 2
    lines = read(text[12:-2].replace("}, {", "}\n{"), "application/x-ndjson")
    if "\n:" not in member:
        assert lines.fields == {2: field}
    with pytest.raises(ApiProblem) as caught:
        read(EVENT % ("a", member))
    assert (caught.value.status, caught.value.field) == (422, field)
    cloud = '{"specversion": "1.0", "source": "x", ' + (EVENT % ("a", member))[1:]
    assert type(read(f"[{cloud}]").rows[0]) is RejectedRow


def test_the_list_of_events_stands_once():
    event = EVENT % ("a", '"value": 7')
    with pytest.raises(ApiProblem) as caught:
        read(f'{{"events": [{event}], "events": [{event}]}}')
    assert (caught.value.status, caught.value.field) == (400, "events")
    with pytest.raises(ApiProblem) as caught:
        read_json(b'{"events": [{"id": "a", "id": "b"}], "reason": "x"}')
    assert caught.value.code == "ambiguous_json"
    assert caught.value.field == "events[0].id"


@pytest.mark.parametrize(
    ("member", "field"),
    [
        ('"value": 1, "subject": "a\\u0000"', None),
        ('"dimensions": {"region": "\\u0000"}', "dimensions.region"),
        ('"properties": {"\\u0000x": "1"}', "properties.\\u0000x"),
        ('"properties": {"a": ["b\\u0000"]}', "properties.a[0]"),
    ],
)
def test_a_character_that_cannot_be_stored_is_named(member, field):
    text = EVENT % ("a", member)
    if field is None:
        field, text = "subject", text.replace('"subject": "s", ', "")
    [row] = read(listed(text)).rows
    assert row.reason == "invalid_value"
    assert row.detail.startswith(f"{field}: has a NUL character")


def test_what_only_looks_suspicious_is_taken():
    for member in (
        '"value": 1, "properties": {"url": "http://a:80/\\"x\\":1"}',
        '"value": 1, "dimensions": {}, "properties": null',
        '"properties": {"a": {"value": 1, "b": {"value": 2}}, "value": "3"}',
        '"value": null, "properties": {"text": "\\\\u0000 is NUL"}',
    ):
        [row] = read(listed(EVENT % ("a:1", member))).rows
        assert row.event_id == "a:1", member


_names = st.sampled_from(["a", "b", 'c":', "d e", "é", "\\"])


class Pairs(list):
    """Members of an object, as written."""


def write(document, blank):
    if isinstance(document, Pairs):
        members = (
            f"{json.dumps(name)}{blank}:{blank}{write(value, blank)}"
            for name, value in document
        )
        return "{" + f",{blank}".join(members) + "}"
    if isinstance(document, list):
        return "[" + ",".join(write(value, blank) for value in document) + "]"
    return json.dumps(document)


def repeats(document):
    if isinstance(document, Pairs):
        names = [name for name, _value in document]
        return len(set(names)) < len(names) or any(repeats(v) for _n, v in document)
    return isinstance(document, list) and any(map(repeats, document))


_documents = st.recursive(
    st.sampled_from([1, 2.5, None, True, "x", 'y":', ": ", "a\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(_names, inner), max_size=3).map(Pairs)
    ),
    max_leaves=8,
)


@given(_documents, st.sampled_from(["", " ", "\n\t"]))
def test_every_name_that_stands_twice_is_found_and_nothing_else(document, blank):
    data = write(document, blank).encode()
    found, is_strange = decode(data)
    assert bool(is_strange and fault(found)) == repeats(document)
    if not repeats(document):
        assert json.loads(data) == json.loads(json.dumps(found, default=float))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1', "line 1, column 8: it ends too early"),
        (b'{"a":\n  NaN}', "line 2, column 3: NaN and Infinity are no numbers"),
        ('{"é": 1,}'.encode(), "line 1, column 9: there is a comma too many"),
        (b"{'a': 1}", "column 2: names stand between double quotes"),
        (b"{\"a\": 'x'}", "column 7: texts stand between double quotes"),
        (b'{"a": "\xff"}', "column 8: this is not UTF-8"),
        (b'{"a" 1}', "column 6: a colon is missing"),
        (b'{"a": 1 "b": 2}', "column 9: a comma is missing"),
        (b'{"a": 01}', "this is not how JSON writes a number"),
        (b'{"a": .5}', "this is not how JSON writes a number"),
        (b'{"a": True}', "write true, false or null"),
        (b"// x", "JSON has no comments"),
        (b"[1] x", "something follows the end"),
        (b'{"a": "x\ny"}', "a control character must be escaped"),
        (b'{"a": "\\q"}', "no escape sequence"),
        (b'{"a": "\\ud800"}', "column 8: half a character"),
        (b'["\\ud83d\\ude00", "\\ude00"]', "column 19: half a character"),
        (b'["\\ud83d\\ude00"', "it ends too early"),
        (b"[" + b"1" * 5000 + b",]", "column 5003: there is a comma too many"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_wrong_with_json_is_said_with_its_place(data, said):
    with pytest.raises(BadJson) as caught:
        decode(data)
    assert said in caught.value.args[0]


@pytest.mark.parametrize("digits", [4300, 4301, 5000, 300_000])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("reader", [READER, QUICK], ids=["rows", "quick"])
def test_a_number_of_thousands_of_digits_stops_no_other(digits, sign, reader):
    number = sign + "9" * digits
    text = f'"properties": {{"a\\\\\\"": "{number[:8000]}", "b": "[{number[:8000]},"}}'
    events = [EVENT % (f"a{n}", '"value": 7') for n in range(30)]
    events += [EVENT % ("t", text), EVENT % ("b", f'"value": {number}')]
    data = EVENT % ("b", f'"data": {{"value": {number}}}')
    clouds = ['{"specversion": "1.0", "source": "x", ' + e[1:] for e in [*events, data]]
    clouds.pop(-2)
    for kind, field, body in (
        ("application/json", "value", listed(*events)),
        ("application/x-ndjson", "value", "\n".join(events)),
        ("application/cloudevents-batch+json", "data.value", f"[{', '.join(clouds)}]"),
    ):
        *good, texts, bad = reader.read(body.encode(), kind).rows
        assert [row.__class__ for row in good] == [EventRow] * 30
        if field == "value":
            said = number[:8000]
            assert texts.properties == {'a\\"': said, "b": f"[{said},"}
        assert type(bad) is RejectedRow and bad.reason == "invalid_value"
        assert bad.detail == f"{field}: has more than 100 digits on one side"
        assert f" {number}" in bad.raw.replace(":", ": ")
    for text, field in ((events[-1], "value"), (clouds[-1], "data.value")):
        with pytest.raises(ApiProblem) as caught:
            read(text)
        assert (caught.value.status, caught.value.field) == (422, field)


def test_what_is_deep_and_strange_is_an_event_that_cannot_be_read():
    for depth in range(100, 1100, 50):
        deep = '{"a":' * depth + '"\\u0000"' + "}" * depth
        event = EVENT % ("a", f'"properties": {{"deep": {deep}}}')
        try:
            [row] = read(listed(event)).rows
        except ApiProblem as problem:
            assert problem.code == "invalid_json"
        else:
            assert type(row) is RejectedRow


def test_a_broken_line_is_told_by_its_number_in_the_body():
    good = EVENT % ("a", '"value": 1')
    reading = read(f"{good}\n\n{{'id': 1}}\n", "application/x-ndjson")
    assert reading.rows[0].event_id == "a"
    assert reading.sentences[2].startswith("line 3, column 2: ")


def test_what_is_wrong_with_gzip_is_said():
    for data, said in (
        (b"hello", "it is not gzip"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "it ends too early"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff", "damaged"),
    ):
        with pytest.raises(ApiProblem) as caught:
            decompress(data, "gzip")
        assert said in caught.value.detail
