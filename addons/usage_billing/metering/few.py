"""A few events of one request, in one statement.

A request of one event costs what its statements cost to send one after the other. When
all about its rows is known from earlier appends of the source, one call of
``usage_store_few`` (see :mod:`.planned`) does what :mod:`.append` does in ten: it looks
whether what the process knows still holds, stores rows and identities, adds them up and
writes the batch. Whatever is out of the ordinary ends the attempt, nothing is kept of
it, and the request goes the other way, which says what is wrong with which row.
"""

from datetime import timedelta
from decimal import localcontext
from typing import NamedTuple

from . import schema
from .jsonform import document_of
from .keys import key_function
from .prepare import gather, naive, prepare, route_keys
from .rollups import Additions
from .routing import EPOCH, EXACT, OPEN_END, from_microseconds, to_microseconds
from .values import RejectedRow


class Call(NamedTuple):
    """Arguments of ``usage_store_few`` about rows: SQL with its parameters."""

    sql: str
    parameters: tuple


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
    if any(row.__class__ is RejectedRow or row[3] is None for row in rows):
        return None
    rows, newest = naive(rows)
    if not _widen(router, batch, rows):
        return None
    if leader is None:
        keys = route_keys(rows, router.dimension_numbers)
        routes = list(map(router.routes.get, keys))
        if None in routes:
            return None
    else:
        routes = leader.routes(rows, newest)
    key_of = key_function(
        batch.mode, batch.company_id, batch.source_id, batch.id_tolerance
    )
    prepared = prepare(rows, routes, key_of)
    if prepared.failures or prepared.repeated:
        return None
    if leader is not None:
        leader.number()
    entries = prepared.entries
    if not all(
        entry[3].number is not None and schema.month_of_key(entry[0]) in router.months
        for entry in entries
    ):
        return None
    order = range(len(rows))
    if len(rows) > 1:  # two appends that meet must not wait for each other in a circle
        order = sorted(order, key=lambda index: entries[index][0])
    events, parameters = _events(batch, rows, prepared, order)
    return Call(f"{events}, {_sums(rows, prepared)}", parameters)


def _widen(router, batch, rows):
    """Let the router lead to all that the batch may hold.

    :return: whether the batch may hold these rows
    """
    latest, oldest = batch.latest, batch.oldest
    latest = OPEN_END if latest is None else to_microseconds(latest)
    oldest = -OPEN_END if oldest is None else to_microseconds(oldest)
    router.latest = max(router.latest, latest)
    return all(oldest <= to_microseconds(row[3]) <= latest for row in rows)


def _events(batch, rows, prepared, order):
    """Arguments about the events.

    :param order: indexes of the rows
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
        _array(entry[3].number for _row, entry in chosen),
        _array(entry[4] for _row, entry in chosen),
        "%s",
        _array(_number(row[4]) for row, _entry in chosen),
        _array(_number(row[5]) for row, _entry in chosen),
        "%s",
    ]
    documents = [document_of(row[8])[0].decode() or None for row, _entry in chosen]
    parameters = [row[0] for row, _entry in chosen], documents
    return f"{identities}, {', '.join(arrays)}", parameters


def _sums(rows, prepared):
    """Arguments about the sums: of days and of whole periods, in key order."""
    days = Additions()
    with localcontext(EXACT):
        times = [entry[1] for entry in prepared.entries]
        for segment, day, indexes in gather(prepared, {}):
            days.add(
                segment,
                day,
                [rows[index] for index in indexes],
                [times[index] for index in indexes],
            )
        sums = days.with_periods()
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
    return "-infinity" if day is None else EPOCH.date() + timedelta(days=day)


def _moment(microseconds):
    return f'"{from_microseconds(microseconds)}"'
