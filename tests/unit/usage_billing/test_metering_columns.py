"""Events as columns are the events as rows."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from struct import unpack_from

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.blocks import numbers
from metering.eventcolumns import EventColumns, Parts, Unfit, documents_of, times_of
from metering.instants import LocalDays, to_microseconds
from metering.jsonform import document_of
from metering.rollups import Additions
from metering.sums import days_of, of_rows, together
from metering.values import EventRow

moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))


@given(st.lists(moments, min_size=1, max_size=9), st.sampled_from([None, *range(7)]))
def test_times_are_those_of_python(found, digits):
    texts = [moment.isoformat() for moment in found]
    if digits is not None:
        texts = [
            f"{moment:%H:%M:%S}" + f".{moment:%f}"[: digits + 1 if digits else 0]
            for moment in found
        ]
        days = [moment.date().isoformat() for moment in found]
        texts = [f"{day}T{text}" for day, text in zip(days, texts, strict=True)]
    expected = [to_microseconds(datetime.fromisoformat(text)) for text in texts]
    assert times_of([f"{text}Z" for text in texts]).tolist() == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:0aZ",
        "2026-01-01T00:00:0:Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "20260101T000000Z",
        "Z",
        "",
    ],
)
def test_what_is_no_time_is_refused(text):
    for texts in ([text], ["2026-01-01T00:00:00Z", text]):
        with pytest.raises((ValueError, IndexError)):
            times_of(texts)


texts = st.text(max_size=6, alphabet="abé ,:{}\"\\'\n\x00")


@given(st.lists(st.dictionaries(texts, texts, max_size=3), min_size=1, max_size=6))
def test_documents_are_those_of_single_rows(mappings):
    found = {text for each in mappings for text in (*each, *each.values())}
    are_bare = not any(set(text) & set(':\\"\n\x00') for text in found)
    try:
        documents, said = documents_of(mappings, are_bare)
    except Unfit:
        return
    for mapping, document, text in zip(mappings, documents, said, strict=True):
        single, told = document_of(mapping)
        assert document == single
        assert text == told.decode()


def test_texts_that_look_like_the_marks_between_objects_go_the_other_way():
    for mapping in ({"a": "},{"}, {"a": ","}, {":": "1"}, {"a": ""}):
        with pytest.raises(Unfit):
            documents_of([{"b": "1"}, mapping])


def row(number, **values):
    return EventRow(
        **{
            "event_id": f"e{number}",
            "type": "cpu",
            "subject": "a",
            "time": datetime(2026, 10, 1) + timedelta(microseconds=number),
            "value": Decimal(number).scaleb(-2),
            "row_number": number,
            "dimensions": {},
            "properties": {},
            **values,
        }
    )


def test_columns_are_a_sequence_of_rows():
    rows = [
        row(1),
        row(2, value=None),
        row(3, properties={"a": "1"}),
        row(4, dimensions={"b": "2"}),
        row(5, value=Decimal("-1E+3")),
    ]
    columns = EventColumns.of_rows(rows)
    single = [EventColumns.of_rows([each]) for each in rows]
    for found in (columns, EventColumns.join(single)):
        assert len(found) == 5
        assert list(found) == rows
        assert [found[place] for place in (0, 3, -1)] == [rows[0], rows[3], rows[-1]]
        assert found[1:3] == rows[1:3]
        assert list(found.part(2, 4)) == rows[2:4]
        with pytest.raises(IndexError):
            found[5]
    for strange in ({"amount": Decimal(1)}, {"currency": "EUR"}, {"event_id": ""}):
        with pytest.raises(Unfit):
            EventColumns.of_rows([row(1), row(2, **strange)])


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(1, 6),
    st.integers(6, 12),
)
def test_parts_are_the_same_rows_in_blocks(sizes, small, large):
    def cut(count):
        for low in range(0, count, large):
            yield low, min(low + large, count)

    rows = [row(number) for number in range(1, sum(sizes) + 1)]
    columns = [
        EventColumns.of_rows(rows[low:high])
        for low, high in pairwise(accumulate(sizes, initial=0))
    ]
    parts = Parts(columns, small, cut)
    assert list(parts) == rows and len(parts) == len(rows)
    for low, high, part in parts.blocks:
        assert list(part) == rows[low:high] and 0 < len(part) <= large
    if min(sizes) >= small and max(sizes) <= large:  # nothing to join, nothing to cut
        found = [part for _low, _high, part in parts.blocks]
        assert all(a is b for a, b in zip(found, columns, strict=True))


def test_small_parts_are_joined():
    columns = [EventColumns.of_rows([row(number)]) for number in range(1, 8)]
    parts = Parts(columns, 3, lambda count: [(0, count)])
    assert [len(part) for _low, _high, part in parts.blocks] == [3, 3, 1]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 3),
            st.decimals(0, 99_999_999, places=4),
            st.integers(0, 10**6),
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 30),
)
def test_sums_are_those_of_single_rows(rows, cut):
    keys = [(1, 2, 3, 4, True), (1, 2, 5, 4, False), (1, 2, 6, 4, True)]
    parts, expected = [], {}
    for part in filter(None, (rows[:cut], rows[cut:])):
        which, days, values, times = map(list, zip(*part, strict=True))
        found = numbers(values)
        parts.append(
            of_rows(
                keys,
                *map(np.array, (which, days)),
                found.units,
                found.scales,
                np.array(times),
            )
        )
    for number, day, value, time in rows:
        subscription, *key, needs = keys[number]
        expected.setdefault((*key, day), []).append((value if needs else None, time))
    additions = Additions()
    for part in parts:
        additions.take(part)
    assert len(additions) == sum(map(len, parts))
    additions.pack()
    assert len(additions) == len(together(parts)) == len(expected)
    additions._fold()
    for key, (
        _subscription,
        count,
        total,
        low,
        high,
        first,
        last,
    ) in additions.sums.items():
        values, times = zip(*expected.pop(key), strict=True)
        assert (count, first, last) == (len(times), min(times), max(times))
        if values[0] is None:
            assert (total, low, high) == (None, None, None)
        else:
            assert (total, low, high) == (sum(values), min(values), max(values))
    assert not expected


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_days_are_those_of_single_instants(seconds):
    zone = LocalDays("Europe/Paris")
    times = np.array(seconds) * 1_000_000
    assert days_of(zone, times).tolist() == [
        zone.piece(time).day for time in times.tolist()
    ]


@given(st.lists(st.tuples(*[st.integers(1, 3)] * 4), min_size=1, unique=True))
def test_rows_of_copy_are_in_the_order_of_their_keys(rows):
    """And it is told whether a key has two days."""
    keys = list(dict.fromkeys(row[:3] for row in rows))
    numbers = [keys.index(row[:3]) for row in rows]
    one = np.ones(len(rows), np.int64)
    days = np.array([row[3] for row in rows])
    part = of_rows(
        [(7, *key, False) for key in keys], np.array(numbers), days, one, one, one
    )
    encoded, is_once = part.encode(5)
    assert is_once == (len(keys) == len(rows))
    width = len(encoded) // len(rows)
    found = [
        unpack_from(">i4xi4xi4xi", encoded, place + 6)
        for place in range(0, len(encoded), width)
    ]
    assert [row[:3] for row in found] == sorted(row[:3] for row in rows)
    assert sorted(found) == sorted(rows)


def test_rows_of_copy_hold_the_sums():
    """As far as the server's own reading of them goes: see the tests of the store."""
    found = numbers([Decimal("1.5"), Decimal(2)])
    keys = [(1, 2, 3, 4, True), (1, 2, 5, 4, False)]
    part = of_rows(
        keys, np.array([0, 1]), np.array([9, 9]), found.units, found.scales,
        np.array([7, 8]),
    )  # fmt: skip
    encoded, is_once = part.encode(77)
    assert is_once
    assert encoded.startswith(b"\0\x0c\0\0\0\4\0\0\0\2\0\0\0\4\0\0\0\3\0\0\0\4\0\0\0\4")
    assert json.dumps(part.figures()) == (
        '[["15e-1", null], ["15e-1", null], ["15e-1", null]]'
    )
