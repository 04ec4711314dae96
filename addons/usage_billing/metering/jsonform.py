"""Events as JSON texts: how the quarantine keeps them."""

import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from .values import EventRow

_quote = json.encoder.encode_basestring
#: JSON of a dict of texts, ordered by name.
encode = msgspec.json.Encoder(order="sorted").encode


def members_of(mapping):
    """Members of a JSON object as texts, in order; missing values are left out.

    >>> members_of({"b": "2", "a": 1, "c": None})
    ['"a": "1"', '"b": "2"']
    """
    # Every event comes by: the same text without an encoder made for each.
    with suppress(TypeError):  # some are no texts, or missing
        return sorted([f"{_quote(k)}: {_quote(v)}" for k, v in mapping.items()])
    texts = {str(k): str(v) for k, v in mapping.items() if v is not None}
    return sorted([f"{_quote(k)}: {_quote(v)}" for k, v in texts.items()])


def document_of(mapping):
    """JSON object of texts in UTF-8, ordered by name, and what it says.

    :param mapping: missing values are left out
    :return: (bytes, bytes), both b"" for nothing; the second is what :func:`said_by`
        says of the same members

    >>> document_of({"b": "2", "a": 1, "c": None})
    (b'{"a": "1", "b": "2"}', b'"a": "1", "b": "2"')
    >>> document_of({"b": "2"})
    (b'{"b":"2"}', b'"b": "2"')
    """
    if not mapping:
        return b"", b""
    # Every event comes by: one call, and a look that nothing was strange.
    with suppress(TypeError, ValueError):
        document = encode(mapping)
        if are_plain(document, len(mapping), 1) and is_in_order(tuple(mapping)):
            return document, said_in(document)
    members = members_of(mapping)
    said = said_by(members, []).encode()
    return f"{{{', '.join(members)}}}".encode() if members else b"", said


def are_plain(documents, members, count, are_bare=False):
    """Whether JSON objects that stand side by side hold texts only, of which none looks
    like the marks between them. (A quotation mark in a text stands behind a backslash.)

    :param bytes documents: from :func:`encode`
    :param int members: of all objects; :param int count: objects that are not empty
    :param are_bare: no text has a colon or a backslash
    """
    return (
        documents.count(b'","') == members - count
        and b':""' not in documents
        and b'",",' not in documents
        and (
            are_bare or documents.count(b'":"') == members and b'":":' not in documents
        )
    )


@lru_cache(1024)
def is_in_order(names):
    """Whether names are in one order by themselves and as written in an object.

    :param names: tuple or frozenset
    """
    return sorted(names) == sorted(names, key=lambda name: f"{_quote(name)}: ")


def said_in(document):
    """What a JSON object says, see :func:`are_plain`, as :func:`said_by` writes it.

    >>> said_in(b'{"a":"1","b":"2"}')
    b'"a": "1", "b": "2"'
    """
    return document[1:-1].replace(b'","', b'", "').replace(b'":"', b'": "')


def said_by(members, others):
    """What members of two mappings say together, however they were split.

    An empty text says nothing: a dimension that is empty is left out.

    :param list members: from :func:`members_of`
    :param list others: from :func:`members_of`, none of them empty
    :return: one text for all splits of the same members

    >>> said_by(['"b": "2"', '"c": ""'], ['"a": "1"'])
    '"a": "1", "b": "2"'
    """
    together = others + members
    together.sort()
    text = ", ".join(together)
    if ': ""' in text:  # perhaps an empty one
        text = ", ".join([text for text in together if not text.endswith(': ""')])
    return text


def event_to_json(row):
    """Canonical JSON of an event, numbers as texts; see :func:`event_from_json`."""
    return json.dumps(
        {
            "id": row.event_id,
            "type": row.type,
            "subject": row.subject,
            "time": row.time and row.time.isoformat(),
            "value": None if row.value is None else str(row.value),
            "amount": None if row.amount is None else str(row.amount),
            "currency": row.currency,
            "dimensions": dict(row.dimensions),
            "properties": dict(row.properties),
        },
        ensure_ascii=False,
    )


def event_from_json(text, row_number=0):
    """Event of a canonical JSON text.

    :raise ValueError: the text is not one
    """
    document = json.loads(text)
    time, value, amount = document["time"], document["value"], document["amount"]
    return EventRow(
        event_id=document["id"],
        type=document["type"],
        subject=document["subject"],
        time=time and datetime.fromisoformat(time),
        value=None if value is None else Decimal(value),
        amount=None if amount is None else Decimal(amount),
        currency=document["currency"],
        dimensions=document["dimensions"],
        properties=document["properties"],
        row_number=row_number,
    )
