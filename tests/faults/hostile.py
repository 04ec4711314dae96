"""Requests made to break something, for every door.

A case is a name and what it puts into an otherwise good event. Raw literals are put
into the JSON as they stand, because ``json`` refuses to write most of them.
"""

import gzip
import json
from urllib.parse import quote

SQL = "x'); DROP TABLE usage_store_identity; --"
MANY = {f"d{number}": "v" for number in range(10_000)}
DIGITS = "12345678901234567890123456789012345678"


class Raw(str):
    """A JSON literal, written as it is."""


def escaped(code):
    return Raw(f'"a\\u{code:04x}b"')


#: field -> hostile values. "extra" is one more property, by name.
CASES = {
    "value": {
        "1e400": Raw("1e400"),
        "1e-400": Raw("1e-400"),
        "huge exponent": Raw("1e999999999999"),
        "negative huge exponent": Raw("-1e-999999999999"),
        "NaN": Raw("NaN"),
        "Infinity": Raw("-Infinity"),
        "million digits": Raw("9" * 1_000_000),
        "38 digits": Raw(DIGITS),
        "38 digits each side": Raw(f"{DIGITS}.{DIGITS}"),
        "true": Raw("true"),
        "object": Raw("{}"),
        "list": Raw("[[]]"),
        "words": "lots",
        "full-width": "１２",
        "nan text": "NaN",
        "1e400 text": "1e400",
        "negative zero": Raw("-0"),
    },
    "id": {
        "NUL": escaped(0),
        "half a pair": escaped(0xD800),
        "1 MB": "i" * 1_000_000,
        "number": Raw("12"),
        "object": Raw('{"a": 1}'),
        "line ends": "a\r\nX-Injected: 1",
        "sql": SQL,
        "path": "../../etc/passwd",
        "percent": "%s %d %(name)s {0.__class__}",
    },
    "subject": {
        "NUL": escaped(0),
        "half a pair": escaped(0xDFFF),
        "1 MB": "s" * 1_000_000,
        "2,800 letters": "".join(chr(0x4E00 + n * 7 % 20_000) for n in range(2_800)),
        "sql": SQL,
        "percent": "%s",
    },
    "type": {
        "NUL": escaped(0),
        "half a pair": escaped(0xDC00),
        "1 MB": "t" * 1_000_000,
        "sql": SQL,
        "list": Raw("[]"),
    },
    "time": {
        "year 1": "0001-01-01T00:00:00Z",
        "before year 1": "0001-01-01T00:00:00+14:00",
        "year 9999": "9999-12-31T23:59:59Z",
        "after year 9999": "9999-12-31T23:59:59-14:00",
        "unknown zone": "2026-09-01T00:00:00 Mars/Phobos",
        "zone beyond a day": "2026-09-01T00:00:00+99:99",
        "no such day": "2026-02-30T00:00:00Z",
        "leap second": "2026-06-30T23:59:60Z",
        "words": "yesterday",
        "negative": Raw("-99999999999"),
        "enormous": Raw("99999999999999999999999999"),
        "fraction": Raw("1e-300"),
        "list": Raw("[1]"),
    },
    "extra": {
        "NUL value": {"k": escaped(0)},
        "NUL name": {"k\x00k": "v"},
        "half a pair": {"k": escaped(0xD834)},
        "10,000 names": MANY,
        "5 MB": {"k": "x" * 5_000_000},
        "long name": {"k" * 100_000: "v"},
        "sql": {SQL: SQL, "region": SQL},
        "prototype": {"__proto__": "x", "constructor": "y", "id": "z", "": "empty"},
        "deep": {"k": Raw('{"a":' * 500 + "1" + "}" * 500)},
        "dimension of 1 MB": {"region": "r" * 1_000_000},
        "1e400 inside": {"k": Raw("1e400")},
    },
}

#: whole bodies that are no request: name -> (bytes, further headers)
BODIES = {
    "empty": (b"", {}),
    "no JSON": (b"{", {}),
    "no UTF-8": (b'{"a": "\xff\xfe"}', {}),
    "UTF-16": ('{"events": []}'.encode("utf-16"), {}),
    "a number": (b"1", {}),
    "null": (b"null", {}),
    "deep": (b"[" * 200_000 + b"]" * 200_000, {}),
    "deep objects": (b'{"a":' * 200_000, {}),
    "100,001 events": (b'{"events": [' + b"{}," * 100_000 + b"{}]}", {}),
    "millions of lists": (b"[" + b"[]," * 3_000_000 + b"[]]", {}),
    "truncated gzip": (
        gzip.compress(b'{"events": []}' * 1000)[:-20],
        {"Content-Encoding": "gzip"},
    ),
    "no gzip": (b"plainly not", {"Content-Encoding": "gzip"}),
    "unknown encoding": (b"x", {"Content-Encoding": "br"}),
    "gzip of 200 MB": (
        gzip.compress(bytes(200 << 20), compresslevel=1),
        {"Content-Encoding": "gzip"},
    ),
}


#: texts in addresses, percent-encoded
WORDS = (
    "%00",
    "a%00b",
    "%FF",
    "%ED%A0%80",
    "%27%29%3B%20DROP%20TABLE%20usage_store_identity%3B%20--",
    "..%2F..%2Fetc%2Fpasswd",
    "%25s",
    "x" * 5000,
    "99999999999999999999999999",
    "-1",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00%2B14:00",
)
#: addresses that are read, by door: {} is one of WORDS
READS = {
    "native": (
        "/usage/v1/events/{}",
        "/usage/v1/events?id={}",
        "/usage/v1/events?from={}",
        "/usage/v1/events?subject={}",
        "/usage/v1/events?cursor={}",
        "/usage/v1/events?limit={}",
        "/usage/v1/usage?meter={}",
        "/usage/v1/usage?meter=calls&customer={}",
        "/usage/v1/usage?meter=calls&group_by={}",
        "/usage/v1/meters/{}",
        "/usage/v1/batches/{}",
    ),
    "lago": ("/api/v1/events/{}",),
    "openmeter": (
        "/usage/openmeter/api/v1/events?subject={}",
        "/usage/openmeter/api/v1/events?from={}",
        "/usage/openmeter/api/v1/events?limit={}",
        "/usage/openmeter/api/v1/meters/{}",
        "/usage/openmeter/api/v1/meters/{}/query",
        "/usage/openmeter/api/v1/meters/calls/query?subject={}",
        "/usage/openmeter/api/v1/meters/calls/query?groupBy={}",
        "/usage/openmeter/api/v1/meters/calls/query?from={}",
        "/usage/openmeter/api/v1/meters/calls/query?windowTimeZone={}",
    ),
    "stripe": (
        "/usage/stripe/v1/billing/meters/{}",
        "/usage/stripe/v1/billing/meters/calls/event_summaries"
        "?customer={}&start_time=0&end_time=1",
        "/usage/stripe/v1/billing/meters/calls/event_summaries"
        "?customer=s0&start_time=0&end_time={}",
        "/usage/stripe/v1/billing/meters/calls/event_summaries"
        "?customer=s0&start_time=0&end_time=1&starting_after={}",
    ),
}


def literal(value):
    """JSON of a value, raw literals as they stand."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        inner = (f"{json.dumps(key)}: {literal(item)}" for key, item in value.items())
        return "{" + ", ".join(inner) + "}"
    return json.dumps(value)


def unquoted(value):
    """The text of a value, as a form carries it."""
    text = str(value)
    if isinstance(value, Raw) and text.startswith('"'):
        return json.loads(text)
    return text


def request(door, event_id, field, value, now):
    """Body of a request with one event, good but for one field."""
    facts = {
        "id": event_id,
        "type": "calls",
        "subject": "s0",
        "value": 1,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "extra": {},
        field: value,
    }
    return _WRITERS[door.name](facts, field, now)


def _native(facts, _field, _now):
    event = {key: facts[key] for key in ("id", "type", "subject", "time", "value")}
    extra = dict(facts["extra"])
    dimensions = {key: extra.pop(key) for key in ("region",) if key in extra}
    return literal(event | {"properties": extra, "dimensions": dimensions}).encode()


def _lago(facts, field, now):
    event = {
        "transaction_id": facts["id"],
        "external_subscription_id": facts["subject"],
        "code": facts["type"],
        "timestamp": facts["time"] if field == "time" else int(now.timestamp()),
        "properties": {"value": facts["value"]} | facts["extra"],
    }
    return literal({"events": Raw(f"[{literal(event)}]")}).encode()


def _openmeter(facts, _field, _now):
    event = {
        "id": facts["id"],
        "source": "gw",
        "specversion": "1.0",
        "type": facts["type"],
        "subject": facts["subject"],
        "time": facts["time"],
        "data": {"value": facts["value"]} | facts["extra"],
    }
    return f"[{literal(event)}]".encode()


def _stripe(facts, field, now):
    pairs = {
        "identifier": facts["id"],
        "event_name": facts["type"],
        "payload[stripe_customer_id]": facts["subject"],
        "payload[value]": facts["value"],
        "timestamp": facts["time"] if field == "time" else int(now.timestamp()),
    } | {f"payload[{key}]": value for key, value in facts["extra"].items()}
    return "&".join(
        f"{quote(key)}={quote(unquoted(value), errors='surrogatepass')}"
        for key, value in pairs.items()
    ).encode()


_WRITERS = {
    "native": _native,
    "lago": _lago,
    "openmeter": _openmeter,
    "stripe": _stripe,
}
