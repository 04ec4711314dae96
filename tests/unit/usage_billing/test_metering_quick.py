"""The quick way says byte for byte what the careful way says, or says nothing."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from struct import Struct
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.jsonform import document_of, members_of, said_by
from metering.keys import column_function, key_function
from metering.meters import MeterSpec
from metering.prepare import gather, prepare, route_keys
from metering.quick import BLOCK, Feed, Quick, Unfit
from metering.routing import (
    OPEN_END,
    PeriodSpan,
    Router,
    SubjectSpan,
    storable,
    to_microseconds,
)
from metering.values import EventRow

START, END = datetime(2026, 10, 1), datetime(2026, 11, 1)
_head = Struct(">hi16siqi8siqiiiii").pack


class Catalogue:
    """Meters of "cpu" and "calls"; one customer, one period."""

    def meters(self):
        return [
            MeterSpec(1, "cpu", "sum", dimension_keys=("region",)),
            MeterSpec(2, "calls", "count"),
            MeterSpec(3, "items", "unique_count", unique_property="item"),
        ]

    def subjects(self, names):
        return [
            SubjectSpan(name, None, 7, -OPEN_END, OPEN_END)
            for name in names
            if name == "a"
        ]

    def periods(self, subscription_ids, until):
        return [
            PeriodSpan(9, each, to_microseconds(START), to_microseconds(END), tz, "EUR")
            for each, tz in zip(subscription_ids, ["Europe/Paris"], strict=True)
        ]


def routed(rows):
    """Routes of rows, each of their slots numbered."""
    router = Router(Catalogue(), 1, 2)
    router.set_out(OPEN_END)
    keys = route_keys(rows, router.dimension_numbers)
    router.load(keys, to_microseconds(END))
    router.dimensions(keys)
    for key in router.missing(keys):
        router.build(key, lambda text: len(text))
    return router, [router.routes[key] for key in keys]


def number(router):
    for position, slot in enumerate(router.unnumbered):
        slot.number = slot.number or position + 100


def row(position, **values):
    moment = START + timedelta(minutes=7 * position + 1)
    milliseconds = round((moment - datetime(1970, 1, 1)).total_seconds() * 1000)
    event_id = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | position * 7919)
    return EventRow(
        **{
            "event_id": str(event_id),
            "type": "cpu",
            "subject": "a",
            "time": moment,
            "value": Decimal(position),
            "row_number": position + 1,
            **values,
        }
    )


def both(rows, mode="strict"):
    """What both ways send: (rows of the registry, rows of the month)."""
    router, routes = routed(rows)
    quick = Quick(rows, routes, column_function(mode, 1, 2, 0))
    number(router)
    ordinals = range(51, 51 + len(rows))
    identities, facts = b"".join(quick.identities()), list(quick.facts(ordinals))
    prepared = prepare(rows, routes, key_function(mode, 1, 2, 0))
    number(router)
    assert not prepared.failures
    careful = [
        _head(
            10, 16, key, 8, moment, 8, content, 8, ordinal, 4, slot.number, 4, line,
            len(raw),
        ) + raw + value + rest
        for ordinal, (key, moment, content, slot, line, raw, value, rest) in zip(
            ordinals, prepared.entries, strict=True
        )
    ]  # fmt: skip
    expected = [
        b"".join(sorted(careful[low : low + BLOCK]))
        for low in range(0, len(rows), BLOCK)
    ]
    assert facts == expected
    assert identities == b"".join(
        Struct(">hi16si8siq").pack(3, 16, unique, 8, entry[2], 8, entry[1])
        for unique, entry in zip(prepared.uniques, prepared.entries, strict=True)
    )
    sent = [unique for block in quick._blocks() for unique in block.uniques]
    assert sent == prepared.uniques

    def by_day(gathered):
        found = {}
        for segment, day, indexes in gathered:
            found.setdefault((segment, day), []).extend(indexes)
        return found

    assert by_day(quick.gather()) == by_day(gather(prepared, {}))
    return facts


texts = st.text(max_size=8).filter(storable)
mappings = st.dictionaries(
    st.text(min_size=1, max_size=4, alphabet="abz\"\\é,:' ").filter(storable),
    st.one_of(texts, st.just(""), st.text(max_size=6, alphabet='",:\\{}')),
    max_size=4,
)
values = st.one_of(
    st.decimals(-(10**20), 10**20, places=5),
    st.sampled_from(
        ["0", "-0", "0.10", "1E+3", "7", "9999.9999", "10000", "-12.50"]
    ).map(Decimal),
    st.integers(0, 10**9).map(lambda whole: Decimal(whole).scaleb(-3)),
)


@given(
    st.lists(st.tuples(values, mappings, mappings), min_size=1, max_size=12),
    st.sampled_from(["strict", "composed", "uuid7"]),
)
def test_both_ways_send_the_same_bytes(contents, mode):
    rows = [
        row(position, value=value, properties=properties, dimensions=dimensions)
        for position, (value, properties, dimensions) in enumerate(contents)
    ]
    try:
        both(rows, mode)
    except (Unfit, ValueError):
        assert not all(is_ordinary(each.properties) for each in rows)


def is_ordinary(properties):
    """Whether no text looks like one of JSON's own marks, and no name like another."""
    texts = {*properties, *properties.values()}
    return "" not in texts and not any(set(text) & set('",:\\ \0') for text in texts)


def test_many_blocks_and_days():
    rows = [
        row(0, event_id=f"e{position}", time=START + timedelta(seconds=position * 700))
        for position in range(2 * BLOCK + 5)
    ]
    assert len(both(rows)) == 3


@pytest.mark.parametrize(
    "strange",
    [
        {"event_id": ""},
        {"event_id": "a\x00"},
        {"event_id": "\ud800"},
        {"time": datetime(2026, 11, 2)},
        {"time": datetime(1, 1, 1)},
        {"time": None},
        {"value": None},
        {"value": Decimal("NaN")},
        {"value": Decimal("1E+400")},
        {"subject": "b"},
        {"type": "disk"},
        {"type": "items"},
        {"currency": "EUR"},
        {"amount": Decimal(1)},
        {"properties": {"a": "\x00"}},
        {"properties": {"a": "\ud800"}},
        {"properties": {"a": "x" * 5000}},
        {"properties": {"a": 1}},
        {"properties": {"a": None}},
        {"properties": {"a": ""}},
        {"properties": {"a": ",", "b": "1"}},
        {"properties": {":": "1"}},
        {"properties": {"a": "1", "a b": "2"}},
        {"properties": MappingProxyType({"a": "1"})},
    ],
)
def test_one_strange_row_ends_the_attempt(strange):
    rows = [row(0), row(1, event_id="twice"), row(2, **strange)]
    router, routes = routed(rows)
    # what COPY reads raises what was raised; the append takes all of it for "unfit"
    with pytest.raises((Unfit, ValueError, ArithmeticError)):
        quick = Quick(rows, routes, column_function("strict", 1, 2))
        number(router)
        list(quick.facts(range(3)))


@pytest.mark.parametrize(
    "ids",
    [
        ("017f22e2-79b0-4cc3-98c4-dc0c0c07398f",),  # version 4
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398",),
        ("017f22e279b07cc398c4dc0c0c07398f",),  # the careful way takes it
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398g",),
        ("0-17f22e2-79b0-7cc3-98c4dc0c0c07398f",),
        # together as long as two of them
        (
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "f017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        ),
    ],
)
def test_ids_that_are_no_plain_uuid7_are_left_to_the_careful_way(ids):
    with pytest.raises(ValueError):
        column_function("uuid7", 1, 2)(ids, [0] * len(ids))


def test_a_uuid7_too_far_from_its_event_is_left_to_the_careful_way():
    moment = to_microseconds(datetime(2022, 2, 22, 19, 22, 22))
    columns = column_function("uuid7", 1, 2, 1_000_000)
    ids = ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f",)
    key = key_function("uuid7", 1, 2, 1_000_000)
    assert [each[0] for each in columns(ids, [moment])] == list(key(ids[0], moment))
    for away in (-2_000_000, 2_000_000):
        with pytest.raises(ValueError):
            columns(ids, [moment + away])


@given(mappings)
def test_a_document_says_what_its_members_say(mapping):
    document, said = document_of(mapping)
    assert said.decode() == said_by(members_of(mapping), [])
    assert (json.loads(document) if document else {}) == mapping


def test_a_feed_tells_what_went_wrong():
    def blocks():
        yield b"one"
        raise Unfit

    feed = Feed(blocks())
    assert feed.read(1).startswith(b"PGCOPY")
    assert feed.read(1) == b"one"
    with pytest.raises(Unfit):
        feed.read(1)
    assert isinstance(feed.error, Unfit)
