"""Requests about which nothing is out of the ordinary, decoded and checked in one go.

Whatever is strange is left to others, which say what is wrong.
"""

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from . import jsontext
from .limits import (
    MAX_DIMENSION,
    MAX_DIMENSIONS,
    MAX_EVENTS,
    MAX_NAME,
    MAX_PROPERTIES,
    MAX_PROPERTY,
)
from .members import EMPTY, is_modest, rfc_3339

#: From so many events on, columns of them are quicker than rows.
MANY = 20
_from_iso = datetime.fromisoformat
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Key = Annotated[str, Meta(max_length=MAX_NAME)]


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event of our own as nearly all are: decoded and checked in one go."""

    id: _Name
    type: _Name
    subject: _Name
    time: str
    value: msgspec.Raw | UnsetType = UNSET
    dimensions: (
        Annotated[
            dict[_Key, Annotated[str, Meta(max_length=MAX_DIMENSION)]],
            Meta(max_length=MAX_DIMENSIONS),
        ]
        | None
        | UnsetType
    ) = UNSET
    properties: (
        Annotated[
            dict[_Key, Annotated[str, Meta(max_length=MAX_PROPERTY)]],
            Meta(max_length=MAX_PROPERTIES),
        ]
        | None
        | UnsetType
    ) = UNSET


class _PlainRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    events: Annotated[list[_Plain], Meta(max_length=MAX_EVENTS)]


_decode_plain = msgspec.json.Decoder(_PlainRequest).decode


def read_plain(body, event_row, columns=None):
    """The events of a request when nothing in it is out of the ordinary, else None.

    :param bytes body: JSON
    :param event_row, columns: see :class:`.events.EventReader`
    :return: sequence of rows
    """
    try:
        events = _decode_plain(body).events
        rows = _in_columns(events, body, columns)
        if rows is None:
            rows, names = _few(events, event_row)
            is_bare = _is_bare(body, names, 2 * len(events))
            if not is_bare and not _is_clear(body, names):
                return None
    except (ValueError, ArithmeticError, IndexError, RecursionError, MemoryError):
        return None
    return rows


def _in_columns(events, body, make):
    """
    :return: columns of many plain events, None when one is out of the ordinary
    """
    if make is None or len(events) < MANY:
        return None
    columns, names = _columns_of(events)
    is_bare = _is_bare(body, names, 2 * len(events))
    if not is_bare and not _is_clear(body, names):
        return None
    with suppress(ValueError, ArithmeticError, IndexError):
        rows = make(*columns, is_bare)
        if rows.numbers.units is None:  # some are long
            _check_numbers(rows.values)
        return rows
    return None


def _few(events, event_row):
    """
    :return: rows of plain events, and the number of members of the request
    :raise ValueError, ArithmeticError, IndexError: one is out of the ordinary
    """
    make, rows, names = partial(tuple.__new__, event_row), [], 0
    for number, event in enumerate(events, 1):
        text, value = event.time, event.value
        moment = _from_iso(text[:-1])
        if value is UNSET:
            value = None
        else:
            value, names = Decimal(str(value, "ascii")), names + 1
        found = rfc_3339(text)
        if not (
            found and found[1] == "Z" and (value is None or is_modest(value.adjusted()))
        ):
            raise ValueError(text)
        dimensions, properties = event.dimensions, event.properties
        if dimensions is not UNSET:
            names += 1 + len(dimensions or ())
        if properties is not UNSET:
            names += 1 + len(properties or ())
        rows.append(
            make(
                (
                    event.id, event.type, event.subject, moment, value, None, None,
                    dimensions or EMPTY, properties or EMPTY, number,
                )
            )
        )  # fmt: skip
    return rows, 1 + names + 4 * len(rows)


def _columns_of(events):
    """Columns of plain events, and the number of members of the request.

    :return: (ids, types, subjects, times, values, dimensions, properties), number
    """
    values = [event.value for event in events]
    names, missing = 5 * len(events), values.count(UNSET)
    if missing:
        values = [None if value is UNSET else value for value in values]
    mappings, named = _mappings([event.dimensions for event in events])
    properties, filled = _mappings([event.properties for event in events])
    columns = (
        [event.id for event in events],
        [event.type for event in events],
        [event.subject for event in events],
        [event.time for event in events],
        values,
        mappings,
        properties,
    )
    return columns, 1 + names - missing + named + filled


def _check_numbers(values):
    """
    :param list values: bytes of JSON numbers, None for none
    :raise ValueError: one is larger or smaller than any number of the store
    """
    for value in values:
        if value and not is_modest(Decimal(str(value, "ascii")).adjusted()):
            raise ValueError(value)


def _mappings(found):
    """
    :param list found: dicts, None and UNSET
    :return: list of dicts, None when there is none; number of members, their own names
        counted
    """
    if found.count(UNSET) == len(found):
        return None, 0
    names = sum(1 for each in found if each is not UNSET)
    if not any(found):
        return None, names
    found = [each or EMPTY for each in found]
    return found, names + sum(map(len, found))


def _is_bare(body, names, colons):
    """Whether no text of a body has a colon or a backslash, but for the times, and no
    name stands twice. Nearly always that is so.

    :param int names: members of all objects; :param int colons: in times
    """
    return b"\\" not in body and body.count(b":") == names + colons


def _is_clear(body, names):
    """Whether no name stands twice and no text has a NUL, without a doubt, of a body
    that is not bare.

    :param int names: members of all objects
    """
    return b"\\u0000" not in body and not jsontext.may_repeat(body, names)
