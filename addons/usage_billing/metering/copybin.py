"""Encoding for COPY ... (FORMAT binary).

PostgreSQL documentation, "COPY", section Binary Format: header, then for each row a
16-bit count of fields and each field as a 32-bit length and its bytes, then -1. Field
bytes are the ``send`` format of the type; for ``numeric``
src/backend/utils/adt/numeric.c (numeric_send): digit count, weight, sign, display
scale, then digits to base 10000.
"""

from struct import Struct, pack

HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

#: Digits accepted on either side of the decimal point.
MAX_DIGITS = 100

_length = Struct(">i").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_LENGTHS = [_length(n) for n in range(1024)]

#: A fact up to the bytes of its event's id, and a row of the registry, as whole rows.
fact_head = Struct(">hi16siqi8siqiiiii").pack
identity_row = Struct(">hi16si8siq").pack
#: Amount and properties of a fact that has neither.
NOTHING_OPTIONAL = NULL * 2

_ZERO = _length(8) + pack(">HhHH", 0, 0, 0, 0)


def length(size):
    """The length that stands before a field's bytes."""
    return _LENGTHS[size] if size < 1024 else _length(size)


def int4(value):
    """An integer or NULL."""
    return NULL if value is None else _int4(4, value)


def int8(value):
    """A bigint, or a timestamp in microseconds since 2000-01-01, or NULL."""
    return NULL if value is None else _int8(8, value)


def data(value):
    """Bytes of a bytea or uuid, or of an encoded text."""
    return length(len(value)) + value


def text(value):
    """A text or NULL.

    :raise ValueError: the text holds a NUL or an unpaired surrogate, which PostgreSQL
        cannot store
    """
    if value is None:
        return NULL
    if "\x00" in value:
        raise ValueError("NUL character")
    return data(value.encode())


def jsonb(value):
    """A JSON document given as text, or NULL (version byte 1 first)."""
    if value is None:
        return NULL
    if "\\u0000" in value:
        raise ValueError("NUL character")
    return data(b"\x01" + value.encode())


def numeric(value):
    """A Decimal or NULL, every digit kept.

    :raise ValueError: not finite, or more than MAX_DIGITS digits on a side of the point
    """
    if value is None:
        return NULL
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number")
    if exponent < -MAX_DIGITS or len(digits) + exponent > MAX_DIGITS:
        raise ValueError(f"more than {MAX_DIGITS} digits beside the decimal point")
    if not any(digits):
        return (
            _ZERO if exponent >= 0 else _length(8) + pack(">HhHH", 0, 0, 0, -exponent)
        )
    scale = max(-exponent, 0)
    # Align the decimal point with a boundary of four digits, then cut into groups.
    shift = exponent % 4
    number = int("".join(map(str, digits))) * 10**shift
    weight = (exponent - shift) // 4
    groups = []
    while number:
        number, group = divmod(number, 10_000)
        if group or groups:
            groups.append(group)
        else:
            weight += 1
    groups.reverse()
    size = len(groups)
    return pack(
        f">iHhHH{size}H",
        8 + 2 * size,
        size,
        weight + size - 1,
        0x4000 if sign else 0,
        scale,
        *groups,
    )


_WHOLE = {str(number): number.to_bytes(2, "big") for number in range(10_000)}
#: Up to four digits after the point, filled up with zeros; "" gives nothing.
_QUAD = {"": b""} | {
    f"{number:0{size}d}": (number * 10 ** (4 - size)).to_bytes(2, "big")
    for size in range(1, 5)
    for number in range(10**size)
}
#: Beginning of a positive number by bytes of its whole part, of all its digits, and
#: scale.
_HEADS = {
    (whole, size, scale): pack(">iHhHH", 8 + size, size // 2, whole // 2 - 1, 0, scale)
    for whole in (2, 4)
    for scale in range(9)
    for size in (whole + (scale + 3) // 4 * 2,)
}
#: By digits after the point, at most four: everything before them, by the whole part.
_FRONTS = [
    {text: _HEADS[2, 4 if scale else 2, scale] + raw for text, raw in _WHOLE.items()}
    for scale in range(5)
]


def number(value):
    """Canonical text and encoded field of a Decimal or None.

    The text is the same for 1.0 and 1.00; the field keeps the scale as given.

    :raise ValueError: see :func:`numeric`
    """
    if value is None:
        return "", NULL
    token = str(value)
    whole, point, fraction = token.partition(".")
    try:
        # Up to eight digits, which is nearly every number: two looks.
        encoded = _FRONTS[len(fraction)][whole] + _QUAD[fraction]
    except LookupError:
        token, point, encoded = _long_number(value, token)
    if point and token[-1] == "0":
        token = token.rstrip("0").rstrip(".")
    return ("0" if token == "-0" else token), encoded


def _long_number(value, token):
    """Token in digits, its point if any, and encoded field."""
    whole, point, fraction = token.partition(".")
    try:
        # Up to eight digits beside the point.
        digits = (
            _WHOLE[whole] if len(whole) < 5 else _WHOLE[whole[:-4]] + _QUAD[whole[-4:]]
        )
        size = len(digits)
        scale = len(fraction)
        digits += (
            _QUAD[fraction] if scale < 5 else _QUAD[fraction[:4]] + _QUAD[fraction[4:]]
        )
        return token, point, _HEADS[size, len(digits), scale] + digits
    except KeyError:
        token = format(value, "f")
        return token, "." in token, numeric(value)
