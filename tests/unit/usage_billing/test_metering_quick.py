"""The quick way says byte for byte what the careful way says, or says nothing."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from struct import Struct, unpack_from
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pytest
from copy_rows import facts_of, fields_of, stored
from hypothesis import given
from hypothesis import strategies as st

from metering.blocks import numbers
from metering.columns import column_function
from metering.copybin import number as number_of
from metering.eventcolumns import EventColumns, Parts
from metering.instants import OPEN_END, to_microseconds
from metering.jsonform import document_of, members_of, said_by
from metering.keys import key_function
from metering.meters import MeterSpec
from metering.places import PeriodSpan, SubjectSpan
from metering.prepare import gather, prepare, route_keys
from metering.quick import BLOCK, Feed, Quick, Unfit, cut
from metering.rollups import Additions
from metering.routing import Router
from metering.texts import storable
from metering.values import EventRow, RejectedRow

START, END = datetime(2026, 10, 1), datetime(2026, 11, 1)
_head = Struct(">hi16siqi8siqiiiii").pack


class Catalogue:
    """Meters of "cpu" and "calls"; a customer with one period, and customers whose
    periods turn every week and every day.
    """

    def meters(self):
        return [
            MeterSpec(1, "cpu", "sum", dimension_keys=("region",)),
            MeterSpec(2, "calls", "count"),
            MeterSpec(3, "items", "unique_count", unique_property="item"),
        ]

    def subjects(self, names):
        return [
            SubjectSpan(name, None, SUBSCRIPTIONS[name], -OPEN_END, OPEN_END)
            for name in names
            if name in SUBSCRIPTIONS
        ]

    def periods(self, subscription_ids, until):
        found = []
        for each in subscription_ids:
            tz, days = CALENDARS[each]
            low = START if days == 31 else START - timedelta(days=3)
            while low < END:
                turn = low + timedelta(days=days)
                if low > START + timedelta(days=12):  # an offset from UTC that changes
                    turn = turn.replace(hour=1)
                span = map(to_microseconds, (low, turn))
                number = 100 * each + len(found)
                found.append(PeriodSpan(number, each, *span, tz, "EUR"))
                low = turn
        return found


#: Subjects with their subscriptions, and those with their time zones and days a period.
SUBSCRIPTIONS = {"a": 7, "weekly": 8, "daily": 9}
CALENDARS = {7: ("Europe/Paris", 31), 8: ("Europe/Paris", 7), 9: ("Asia/Tokyo", 1)}


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


def quick_of(rows, router, routes, columns_of, given=False):
    """A chunk whose routes are numbered."""
    for each, route in zip(rows, routes, strict=True):
        if each.time and not route.move(to_microseconds(each.time)):
            route.segment.slot_of(None)
    number(router)
    if given:
        return Quick(rows, router, columns_of, routes)
    return Quick(rows, router, columns_of)


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
    columns_of = column_function(mode, 1, 2, 0)
    given = quick_of(rows, router, routes, columns_of, given=True)
    given = b"".join(given.facts(range(51, 51 + len(rows))))
    quick = quick_of(rows, router, routes, columns_of)
    ordinals = range(51, 51 + len(rows))
    identities = b"".join(quick.identities())
    facts = list(quick.facts(ordinals))
    assert b"".join(facts) == given
    assert by_columns(rows, router, columns_of) in (None, facts_of(given))
    apart = by_columns(rows, router, columns_of, small=1)
    assert apart is None or sorted(apart) == sorted(facts_of(given))
    facts = list(map(facts_of, facts))
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
        facts_of(b"".join(sorted(careful[low:high]))) for low, high in cut(len(rows))
    ]
    assert facts == expected
    careful = [
        Struct(">hi16si8siq").pack(3, 16, unique, 8, entry[2], 8, entry[1])
        for unique, entry in zip(prepared.uniques, prepared.entries, strict=True)
    ]
    assert identities == b"".join(
        each for low, high in cut(len(rows)) for each in sorted(careful[low:high])
    )

    def by_day(gathered):
        found = {}
        for segment, day, indexes in gathered:
            found.setdefault((segment, day), []).extend(indexes)
        return found

    gathered = gather(prepared, {})
    assert by_day(quick.gather()) == by_day(gathered)
    if sums := quick.sums():
        added, expected = Additions(), Additions()
        added.take(sums)
        added._fold()
        times = [entry[1] for entry in prepared.entries]
        for segment, day, indexes in gathered:
            expected.add(
                segment, day, [rows[i] for i in indexes], [times[i] for i in indexes]
            )
        assert added.sums == expected.sums
    return facts


def by_columns(rows, router, columns_of, small=None):
    """The rows of the month that are sent of the same events as columns; None when
    they do not go that way.

    :param small: see Parts; None to join all of them
    """
    half = len(rows) // 2
    try:
        parts = [
            EventColumns.of_rows(part) for part in (rows[:half], rows[half:]) if part
        ]
        columns = Parts(parts, small or len(rows), cut)
        assert list(columns) == rows
        quick = Quick(columns, router, columns_of)
        quick.find()
        return facts_of(b"".join(quick.facts(range(51, 51 + len(rows)))))
    except Unfit:
        return None


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


@given(
    st.lists(
        st.one_of(
            st.decimals(0, 10**9, places=3),
            st.integers(0, 10**13).map(lambda whole: Decimal(whole).scaleb(-4)),
            st.integers(0, 10**9).map(Decimal),
            st.sampled_from(["0", "0.000", "99999999.9999", "1.50"]).map(Decimal),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_numbers_at_once_are_the_numbers_one_by_one(column):
    texts, fields, *_units = numbers(column)
    fields = [each if isinstance(each, bytes) else each.tobytes() for each in fields]
    single = [number_of(each) for each in column]
    assert list(texts) == [text for text, _field in single]
    assert [stored(each[4:]) for each in fields] == [
        stored(field[4:]) for _text, field in single
    ]
    assert all(unpack_from(">i", each)[0] == len(each) - 4 for each in fields)


@pytest.mark.parametrize(
    "strange", ["-1", "NaN", "1E+3", "1E-9", "100000000", "1.00000", "0.12345678901"]
)
def test_a_number_out_of_the_ordinary_is_encoded_by_itself(strange):
    column = (Decimal("1.5"), Decimal(strange))
    if strange == "NaN":
        with pytest.raises(ValueError):
            numbers(column)
        return
    texts, fields, *units = numbers(column)
    assert units == [None, None]
    assert list(zip(texts, fields, strict=True)) == list(map(number_of, column))


@pytest.mark.parametrize("count", [1, 5, BLOCK, 2 * BLOCK, 2 * BLOCK + 1, 9 * BLOCK])
def test_blocks_hold_every_row_once(count):
    cuts = list(cut(count))
    assert [low for low, _high in cuts] == [0] + [high for _low, high in cuts[:-1]]
    assert cuts[-1][1] == count
    assert all(0 < high - low <= BLOCK for low, high in cuts)
    assert (len(cuts) > 2) == (count > 2 * BLOCK)


@given(
    st.lists(st.tuples(values, mappings, st.booleans()), min_size=1, max_size=12),
    st.sampled_from(["strict", "composed", "uuid7"]),
    st.booleans(),
)
def test_what_is_left_of_a_chunk_is_sent_as_if_it_were_all(contents, mode, is_given):
    rows = [
        row(position, value=value, properties=properties)
        for position, (value, properties, _is_left) in enumerate(contents)
    ]
    router, routes = routed(rows)
    columns_of = column_function(mode, 1, 2, 0)
    quick = quick_of(rows, router, routes, columns_of, given=is_given)
    try:
        quick.hold()
    except (Unfit, ValueError, ArithmeticError):
        return
    if quick.count < len(rows):
        return
    left = [place for place, content in enumerate(contents) if content[2]]
    assert [quick.led(place)[0] for place in left] == [rows[place] for place in left]
    assert all(quick.led(place)[1] is routes[place] for place in left)
    quick.leave_out(np.array(left, int))
    ordinals = [place + 51 for place in left]
    sent = b"".join(quick.identities()), b"".join(quick.facts(ordinals))
    assert quick.count == len(left)
    if not left:
        assert sent == (b"", b"")
        return
    kept, where = [rows[place] for place in left], [routes[place] for place in left]
    other = quick_of(kept, router, where, columns_of, given=is_given)
    assert sent[0] == b"".join(other.identities())
    assert sorted(facts_of(sent[1])) == sorted(
        facts_of(b"".join(other.facts(ordinals)))
    )
    assert quick.rows == kept
    assert quick.times == other.times
    assert quick.gather() == other.gather()


@pytest.mark.parametrize("seed", range(6))
def test_chunks_in_which_periods_turn(seed):
    draw = Random(seed)
    step = draw.choice([timedelta(minutes=1), timedelta(hours=3), timedelta(hours=11)])
    rows = [
        row(
            0,
            event_id=f"e{position}",
            time=START + timedelta(seconds=1) + (position * step) % (END - START) // 2,
            subject=draw.choice(list(SUBSCRIPTIONS)),
            type=draw.choice(["cpu", "calls"]),
            value=Decimal(draw.randrange(10**6)).scaleb(-3),
            dimensions=draw.choice([{}, {"region": "fr"}]),
        )
        for position in range(draw.choice([40, 900, 2 * BLOCK + 7]))
    ]
    if draw.random() < 0.5:
        draw.shuffle(rows)
    assert both(rows)
    router, routes = routed(rows)
    columns_of = column_function("strict", 1, 2, 0)
    quick_of(rows, router, routes, columns_of)
    parts = Parts([EventColumns.of_rows(rows)], 1, cut)
    ahead = Quick(parts, router, columns_of)
    ahead.find()  # whatever turns, all go by column
    assert len(list(ahead.facts(range(len(rows))))) and ahead.count == len(rows)


def test_many_blocks_and_days():
    rows = [
        row(0, event_id=f"e{position}", time=START + timedelta(seconds=position * 400))
        for position in range(2 * BLOCK + 5)
    ]
    assert len(both(rows)) > 3


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
    columns_of = column_function("strict", 1, 2)
    with pytest.raises((Unfit, ValueError, ArithmeticError)):
        list(quick_of(rows, router, routes, columns_of, given=True).facts(range(3)))
    ahead = quick_of(rows, router, routes, columns_of)
    assert not list(ahead.facts(range(3)))
    assert not ahead.count


@pytest.mark.parametrize("mode", ["strict", "composed"])
def test_what_stands_before_a_strange_row_is_sent(mode):
    rows = [row(0, event_id=f"e{position}") for position in range(3 * BLOCK)]
    rows[2 * BLOCK] = RejectedRow(1, "unreadable", "", "{")
    router, routes = routed(rows[:1])
    ahead = quick_of(rows, router, routes * len(rows), column_function(mode, 1, 2))
    if mode == "strict":
        sent = fields_of(b"".join(ahead.identities()))
        assert len(sent) == ahead.count
    facts = fields_of(b"".join(ahead.facts(range(len(rows)))))
    assert BLOCK <= ahead.count == len(facts) <= 2 * BLOCK
    early = Quick(rows, router, ahead.columns_of, span=(0, 1))
    assert not list(early.facts(range(len(rows))))


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
        column_function("uuid7", 1, 2)(ids, np.zeros(len(ids), int))


def test_a_uuid7_too_far_from_its_event_is_left_to_the_careful_way():
    moment = to_microseconds(datetime(2022, 2, 22, 19, 22, 22))
    columns = column_function("uuid7", 1, 2, 1_000_000)
    ids = ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f",)
    key = key_function("uuid7", 1, 2, 1_000_000)
    raw_ids, unique, found = columns(ids, np.array([moment]))
    assert (raw_ids.tobytes(), unique, found) == key(ids[0], moment)
    for away in (-2_000_000, 2_000_000):
        with pytest.raises(ValueError):
            columns(ids, np.array([moment + away]))


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
