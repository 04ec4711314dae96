"""Rows of binary COPY, taken apart. For tests."""

from struct import unpack_from

#: Which of the fields of a month's row is the value.
_VALUE = 7


def fields_of(rows):
    """Rows of COPY as tuples of their fields."""
    found, place = [], 0
    while place < len(rows):
        (count,), fields = unpack_from(">h", rows, place), []
        place += 2
        for _ in range(count):
            (size,) = unpack_from(">i", rows, place)
            place += 4
            fields.append(None if size < 0 else rows[place : place + size])
            place += max(size, 0)
        found.append(tuple(fields))
    return found


def facts_of(rows):
    """The same of a month, values as the server keeps them."""
    return [
        (*each[:_VALUE], stored(each[_VALUE]), *each[_VALUE + 1 :])
        for each in fields_of(rows)
    ]


def stored(field):
    """(sign, weight, scale, digits) of a number: no zeros at either end."""
    if field is None:
        return None
    count, weight, sign, scale = unpack_from(">hhHH", field)
    digits = list(unpack_from(f">{count}H", field, 8))
    while digits and not digits[0]:
        digits.pop(0)
        weight -= 1
    while digits and not digits[-1]:
        digits.pop()
    return (sign, weight, scale, digits) if digits else (0, 0, scale, [])
