# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""One way, and one only, to write a fact as bytes, and to hash them."""

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal


def canonical(value):
    """Write a payload as canonical JSON: UTF-8, sorted keys, no blanks, no floats.

    >>> canonical({"b": Decimal("1.50"), "a": date(2026, 11, 2)})
    b'{"a":"2026-11-02","b":"1.5"}'

    :raise TypeError: a float or an unknown type, which have no exact form
    :rtype: bytes
    """
    return json.dumps(
        _plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()


def sha256(content):
    """Give the SHA-256 of bytes in hexadecimal.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def number(value):
    """Write a Decimal in full, without exponent or trailing zeros.

    >>> number(Decimal("1E+3")), number(Decimal("-0.00")), number(Decimal("12.340"))
    ('1000', '0', '12.34')
    """
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _plain(value):
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of a payload are texts")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"a payload holds no {type(value).__name__}")
