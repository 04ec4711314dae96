"""What compiled code makes of events is what Python makes of them, byte for byte."""

import tracemalloc
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from copy_rows import facts_of
from hypothesis import given
from hypothesis import strategies as st
from native_events import NOON, characters, event_ids, moments, native, read_of, row

from metering.blocks import Block, Facts, order_of
from metering.columns import even
from metering.compiled import WayTexts, written
from metering.copybin import number as number_of
from metering.eventcolumns import EventColumns
from metering.instants import to_microseconds
from metering.jsonform import members_of, said_by

# -- what is hashed ----------------------------------------------------------------

_names = st.text("abcz~é", min_size=1, max_size=3)
_mappings = st.dictionaries(
    _names, st.text(characters, min_size=1, max_size=5), max_size=4
)
_dimensions = st.dictionaries(
    st.one_of(_names, st.text("ab\" \\,:'", min_size=1, max_size=3)),
    st.text('ab", :\\{}é', min_size=1, max_size=5),
    max_size=4,
)
_values = st.none() | st.decimals(0, 9999, places=3) | st.just(Decimal("0.00"))


def way_of(number, dimensions):
    """A way as in paving: see ``Kind`` and ``Route``."""
    head, members = f"head {number}", members_of(dimensions)
    said = f"{head}{', '.join(members)}|"
    return SimpleNamespace(head=head, said=said, members=members)


@given(
    st.lists(st.tuples(_mappings, _values, moments, st.integers(0, 2)), min_size=1,
             max_size=6),
    st.lists(_dimensions, min_size=3, max_size=3),
)  # fmt: skip
def test_what_is_hashed_is_what_is_hashed_in_python(events, dimensions):
    rows = [
        row(number, properties=properties, value=value, time=time)
        for number, (properties, value, time, _way) in enumerate(events, 1)
    ]
    ways = SimpleNamespace(all=[way_of(*each) for each in enumerate(dimensions[:1])])
    texts, at = WayTexts(ways), np.array([each[-1] for each in events])
    texts.contents(read_of(rows[:1]), np.zeros(1, np.int64))
    ways.all += [way_of(*each) for each in enumerate(dimensions[1:], 1)]  # it follows
    expected = []
    for each, way in zip(rows, map(ways.all.__getitem__, at.tolist()), strict=True):
        said = way.said
        if each.properties:
            said = f"{way.head}{said_by(members_of(each.properties), way.members)}|"
        text, time = number_of(each.value)[0], to_microseconds(each.time)
        expected.append(f"{said}{time}|{text}||".encode())
    assert texts.contents(read_of(rows), at) == expected


def hashed(properties, dimensions, read=None):
    """What is hashed of properties and dimensions."""
    rows = [row(properties=properties, value=Decimal(1))]
    texts = WayTexts(SimpleNamespace(all=[way_of(0, dimensions)]))
    read = read(rows) if read else read_of(rows)
    [found] = texts.contents(read, np.zeros(1, np.int64))
    text = found.decode().removeprefix("head 0").removesuffix("||")
    assert text.endswith(f"|{to_microseconds(NOON)}|1")
    return text.split("|")[0]


def test_dimensions_stand_before_between_and_behind_properties():
    properties = {"d": "4", "b": "2"}
    for dimensions in ({"a": "1"}, {"c": "3"}, {"e": "5"}, {"a": "1", "e": "5"}):
        members = sorted((properties | dimensions).items())
        said = ", ".join(f'"{name}": "{text}"' for name, text in members)
        assert hashed(properties, dimensions) == said
    same = ['"a": "1"', '"a": "1"', '"b": ","', '"b": "-"']
    assert hashed({"a": "1", "b": "-"}, {"b": ",", "a": "1"}) == ", ".join(same)
    assert hashed({"a": "1"}, {}) == '"a": "1"'
    assert hashed({}, {"a": "1"}) == '"a": "1"'
    assert hashed({}, {}) == ""


def test_texts_with_escapes_of_rows_from_elsewhere():
    """Files bring them: requests with a backslash are not read by compiled code."""

    def read(rows):
        return written(EventColumns.of_rows(rows))

    properties = {'a"b': '"', "c": "\\", "d": '\\"', "f": "\n"}
    for dimensions in ({}, {"b": '"'}, {'a"a': "\\"}, {"e": '", "'}, {"z": ""}):
        dimensions = {name: text for name, text in dimensions.items() if text}
        said = said_by(members_of(properties), members_of(dimensions))
        assert hashed(properties, dimensions, read) == said


def test_there_must_be_room_enough():
    read = read_of([row(properties={"a": "x" * 100})] * 9)
    texts = WayTexts(SimpleNamespace(all=[way_of(0, {"b": "y" * 1000})]))
    texts._follow()
    texts._sizes[:] = 500
    with pytest.raises(ValueError):
        texts.contents(read, np.zeros(9, np.int64))


def test_a_huge_way_wants_no_room_for_the_events_of_others():
    """A worker's address space is bounded: one such event must not fill it for all."""
    huge = {f"{number:02}" + "😀" * 510: "😀" * 512 for number in range(32)}
    ways = SimpleNamespace(all=[way_of(0, {"a": "1"}), way_of(1, huge)])
    texts, read = WayTexts(ways), read_of([row()] * 1000)
    for with_huge in (0, 1):
        at = np.zeros(1000, np.int64)
        at[:with_huge] = 1
        tracemalloc.start()
        found = texts.contents(read, at)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4e6  # bytes; the text of the huge one has 130,000
        assert found[0].startswith(ways.all[with_huge].said.encode())
        assert found[-1].startswith(b'head 0"a": "1"|')


# -- rows of COPY ------------------------------------------------------------------

#: Python encodes properties with marks of JSON one by one, and with spaces.
_bare = st.dictionaries(_names, st.text("abé -;😀", min_size=1, max_size=5), max_size=4)
_some_rows = st.lists(
    st.tuples(event_ids, _values, _bare, moments, st.binary(min_size=16, max_size=16)),
    min_size=1,
    max_size=8,
)


@given(
    _some_rows,
    st.sampled_from([(), ("value",), ("properties",), ("value", "properties")]),
    st.booleans(),
    st.booleans(),
)
def test_rows_of_copy_are_those_of_python(events, always, is_even, from_file):
    """Whether all events have a value, properties, an id of one length, or some."""
    rows = []
    for number, (event_id, value, properties, time, _key) in enumerate(events, 1):
        if "value" in always:
            value = value or Decimal("12345678.9")
        if "properties" in always:
            properties = properties or {"é": "1"}
        event_id = f"{number:08d}" if is_even else event_id
        members = {"event_id": event_id, "value": value, "properties": properties}
        rows.append(row(number, time=time, **members))
    columns = EventColumns.of_rows(rows)
    block = Block()
    block.keys = b"".join(each[-1] for each in events)
    block.contents = np.arange(len(rows), dtype=">i8").tobytes()
    block.times, block.lines = columns.times, columns.lines
    block.slots = np.arange(7, 7 + len(rows), dtype=np.int32) << 20
    block.raw_ids = even([each.event_id.encode() for each in rows])
    block.values, block.documents = columns.numbers.fields, columns.documents
    ordinals = np.arange(len(rows)) + (1 << 40)
    expected = Facts(len(rows) + 1).encode(block, ordinals)
    are_short = columns.numbers.units is not None
    read = written(columns) if from_file and are_short else read_of(rows)
    keys, order = np.frombuffer(block.keys, np.uint8), order_of(block.keys)
    found = native.rows(
        *(read.body, read.events, read.marks, order, keys, block.contents, ordinals),
        block.slots,
    )
    if are_short:
        assert found == expected
    assert facts_of(found) == facts_of(expected)
