"""Events, and the same as compiled code reads them. For the tests of ``native/``."""

import json
from datetime import datetime

import pytest
from hypothesis import strategies as st

from metering.compiled import ReadEvents
from metering.values import EventRow

native = pytest.importorskip(
    "releve_native",
    reason="releve_native is not installed: see native/",
    exc_type=ImportError,
)
NOON = datetime(2026, 9, 15, 12)


def row(number=1, **members):
    """An event as Python keeps it."""
    return EventRow(
        **{
            "event_id": f"e{number}",
            "type": "t",
            "subject": "s",
            "time": NOON,
            "value": None,
            "dimensions": {},
            "properties": {},
            "row_number": number,
            **members,
        }
    )


def request(rows):
    """Body of a request of these events."""
    events = []
    for each in rows:
        event = {
            "id": each.event_id,
            "type": each.type,
            "subject": each.subject,
            "time": each.time.isoformat() + "Z",
            "dimensions": each.dimensions,
            "properties": each.properties,
        }
        text = json.dumps(event, ensure_ascii=False)
        value = "" if each.value is None else f', "value": {each.value:f}'
        events.append(f"{text[:-1]}{value}}}")
    return f'{{"events": [{", ".join(events)}]}}'.encode()


def read_of(rows):
    """The same as compiled code reads them."""
    body = request(rows)
    found = native.read(body, len(rows))
    assert found is not None
    return ReadEvents(body, *found, lambda: rows)


#: What may stand in a text without a backslash before it.
characters = st.characters(min_codepoint=32, exclude_categories=["Cs"]).filter(
    lambda mark: mark not in '"\\'
)
event_ids = st.one_of(
    st.text(characters, min_size=1, max_size=10),
    st.text(characters, min_size=100, max_size=128),
    st.integers(1, 512).map(lambda size: ("0123456789" * 52)[-size:]),
    st.integers(1, 128).map(lambda size: "😀" * size),
    st.integers(1, 255).map(lambda size: "é" * size + "-"),
)
moments = st.one_of(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
    st.datetimes(datetime(1969, 12, 31, 23, 59, 59), datetime(1970, 1, 1, 0, 0, 1)),
    st.datetimes(datetime(1999, 12, 31, 23, 59, 59), datetime(2000, 1, 1, 0, 0, 1)),
    st.datetimes(),
)


# -- bodies of plain requests --------------------------------------------------------

_texts = st.text(characters, min_size=1, max_size=9)
_names = _texts.filter(lambda name: not set(name) & set(" !"))
blank = st.sampled_from(["", "", "", " ", "\n", "\r\n\t "])


def decimal(units, scale):
    whole, fraction = divmod(units, 10**scale)
    return f"{whole}.{fraction:0{scale}d}" if scale else str(whole)


_numbers = st.one_of(
    st.sampled_from(["0", "0.0", "0.0000", "10", "1.50", "100.10", "99999999.9999"]),
    st.builds(decimal, st.integers(0, 99_999_999), st.integers(0, 4)),
)


def written(moment, digits):
    """A time with so many digits behind the point."""
    fraction = f".{moment.microsecond:06d}"[: digits + 1] if digits else ""
    return f"{moment.isoformat(timespec='seconds')[:19]}{fraction}Z"


_edges = st.one_of(
    st.datetimes(),
    st.datetimes(datetime(1, 1, 1), datetime(1, 3, 2)),
    st.sampled_from(
        [
            datetime(1, 1, 1),
            datetime(1900, 2, 28, 23, 59, 59, 999999),
            datetime(1900, 3, 1),
            datetime(1970, 1, 1),
            datetime(1999, 12, 31, 23, 59, 59, 999999),
            datetime(2000, 2, 29, 12),
            datetime(2100, 3, 1),
            datetime(2400, 2, 29),
            datetime(9999, 12, 31, 23, 59, 59, 999999),
        ]
    ),
)
_times = st.builds(written, _edges, st.integers(0, 6))


def quoted(text):
    return f'"{text}"'


@st.composite
def spaced(draw, members, around=("{", "}")):
    """Texts with commas between, and room anywhere."""
    members = [f"{draw(blank)}{each}{draw(blank)}" for each in members]
    return f"{around[0]}{draw(blank)}{','.join(members)}{around[1]}"


@st.composite
def objects(draw, names, texts):
    members = draw(st.dictionaries(names, texts, max_size=4))
    members = [f'"{n}"{draw(blank)}:{draw(blank)}"{t}"' for n, t in members.items()]
    return draw(spaced(members))


@st.composite
def plain_events(draw):
    """Members of an event: name -> JSON."""
    members = {name: quoted(draw(_texts)) for name in ("id", "type", "subject")}
    members["time"] = quoted(draw(_times))
    for name, value in (
        ("value", _numbers),
        ("dimensions", objects(_texts, _texts | st.just(""))),
        ("properties", objects(_names, _texts)),
    ):
        if draw(st.booleans()):
            members[name] = draw(value)
    return members


@st.composite
def bodies(draw, events):
    """
    :param events: lists of lists of (name, JSON)
    """
    found = []
    for members in draw(events):
        pairs = [f'"{n}"{draw(blank)}:{draw(blank)}{value}' for n, value in members]
        found.append(draw(spaced(pairs)))
    found = draw(spaced(found, "[]"))
    return draw(spaced([f'"events"{draw(blank)}:{draw(blank)}{found}'])).encode()
