"""A few events of one request, in one statement.

A request of one event costs what its statements cost to send one after the other. When
all about its rows is known from earlier appends of the source, one call of
``usage_store_put`` (see :mod:`.planned`) does what :mod:`.append` does in ten: it looks
whether what the process knows still holds, stores rows and identities, adds them up and
writes the batch. Whatever is out of the ordinary ends the attempt, nothing is kept of
it, and the request goes the other way, which says what is wrong with which row.
"""

import json
from datetime import timedelta
from typing import NamedTuple

from . import append, schema
from .instants import EPOCH, OPEN_END, from_microseconds, to_microseconds
from .jsonform import document_of
from .keys import key_function, route_hash
from .prepare import gather, naive, prepare, route_keys
from .rollups import Additions
from .values import RejectedRow

#: What makes a route, behind its company and source, see :func:`.keys.route_hash`.
_ROUTE = (
    "subscription_id", "period_id", "dimset_id", "kind", "currency", "type", "subject",
)  # fmt: skip


class Call(NamedTuple):
    """Arguments of ``usage_store_put`` about rows: SQL with its parameters.

    slots: whose routes have no number yet, as the function gives them
    """

    sql: str
    parameters: tuple
    slots: list


def call(router, batch, rows, leader=None):
    """What to call the function with.

    :param Router router: of earlier appends of the source; it need not hold any more,
        the function looks
    :param BatchSpec batch: without a number yet
    :param list rows: EventRow and RejectedRow
    :param Leader leader: completes the router, which holds then; without, nothing is
        asked of the database
    :return: Call, or None when a row is out of the ordinary
    """
    if router.resends or router.archived_until is None:
        return None
    if append.is_full(router):  # the other way forgets them
        return None
    if any(row.__class__ is RejectedRow or row[3] is None for row in rows):
        return None
    rows, newest = naive(rows)
    if not _widen(router, batch, rows):
        return None
    if leader is None:
        keys = route_keys(rows, router.dimension_numbers)
        missing = router.missing(keys)
        if missing and not router.build_known(missing):
            return None
        routes = list(map(router.routes.__getitem__, keys))
    else:
        routes = leader.routes(rows, newest)
    key_of = key_function(
        batch.mode, batch.company_id, batch.source_id, batch.id_tolerance
    )
    prepared = prepare(rows, routes, key_of)
    if prepared.failures or prepared.repeated:
        return None
    entries = prepared.entries
    if not {schema.month_of_key(entry[0]) for entry in entries} <= router.months:
        return None
    order = range(len(rows))
    if len(rows) > 1:  # two appends that meet must not wait for each other in a circle
        order = sorted(order, key=prepared.uniques.__getitem__)
    slots = dict.fromkeys(entry[3] for entry in entries if entry[3].number is None)
    slots = {slot: -number for number, slot in enumerate(slots, 1)}
    sums = _sums(rows, prepared)
    if sums is None:
        return None
    events, parameters = _events(batch, rows, prepared, order, slots)
    return Call(f"{events}, {sums}", parameters, list(slots))


def number(router, slots, numbers):
    """Keep the numbers that routes were given.

    :param list slots: of the Call; numbers: parallel, or None for none
    """
    if slots:
        for slot, given in zip(slots, numbers, strict=True):
            slot.number = given
        router.unnumbered = [slot for slot in router.unnumbered if slot.number is None]


def _widen(router, batch, rows):
    """Let the router lead to all that the batch may hold.

    :return: whether the batch may hold these rows
    """
    latest, oldest = batch.latest, batch.oldest
    latest = OPEN_END if latest is None else to_microseconds(latest)
    oldest = -OPEN_END if oldest is None else to_microseconds(oldest)
    router.latest = max(router.latest, latest)
    return all(oldest <= to_microseconds(row[3]) <= latest for row in rows)


def _events(batch, rows, prepared, order, slots):
    """Arguments about the events.

    :param order: indexes of the rows
    :param dict slots: without a number -> what stands for it
    :return: (SQL, parameters)
    """
    chosen = [(rows[index], prepared.entries[index]) for index in order]
    identities = "NULL"
    if batch.mode == "strict":
        identities = _array(prepared.uniques[index].hex() for index in order)
    arrays = [
        _array(entry[0].hex() for _row, entry in chosen),
        _array(f'"{row[3]}"' for row, _entry in chosen),
        _array(int.from_bytes(entry[2], signed=True) for _row, entry in chosen),
        _array(index + 1 for index in order),
        _array(slots.get(entry[3], entry[3].number) for _row, entry in chosen),
        "%s",
        _array(entry[4] for _row, entry in chosen),
        "%s",
        _array(_number(row[4]) for row, _entry in chosen),
        _array(_number(row[5]) for row, _entry in chosen),
        "%s",
    ]
    documents = [document_of(row[8])[0].decode() or None for row, _entry in chosen]
    parameters = _wanted(slots), [row[0] for row, _entry in chosen], documents
    return f"{identities}, {', '.join(arrays)}", parameters


def _wanted(slots):
    """Routes that may be new, as JSON; None for none."""
    if not slots:
        return None
    return json.dumps(
        [
            {
                "hash": route_hash(slot.key),
                **dict(zip(_ROUTE, slot.key[2:], strict=True)),
            }
            for slot in slots
        ]
    )


def _sums(rows, prepared):
    """Arguments about the sums, in key order; None when one is of several days."""
    days = Additions()
    times = [entry[1] for entry in prepared.entries]
    days.add_all(gather(prepared, {}), rows, times)
    sums = days.of_one_day()
    if sums is None:
        return None
    columns = list(zip(*sums, strict=True)) or [()] * 11
    buckets = map(_bucket, columns.pop(4))
    subscriptions, periods, meters, dimsets, counts, *figures, first, last = columns
    return ", ".join(
        (
            *map(_array, (subscriptions, periods, meters, dimsets)),
            _array(buckets),
            _array(counts),
            *(_array(map(_number, figure)) for figure in figures),
            _array(map(_moment, first)),
            _array(map(_moment, last)),
        )
    )


def _array(items):
    """Literal of an array of what needs no quotation marks."""
    return f"'{{{','.join(map(str, items))}}}'"


def _number(value):
    return "NULL" if value is None else value


def _bucket(day):
    return EPOCH.date() + timedelta(days=day)


def _moment(microseconds):
    return f'"{from_microseconds(microseconds)}"'
