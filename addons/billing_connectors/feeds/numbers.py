# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Exact decimal numbers from text.

Rounding never happens while reading. A number is accepted when it is written in full in
at most 38 digits before and 38 after the decimal sign; everything else (NaN, Infinity,
1e400, mixed signs, wrong grouping) is refused, never guessed.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from .values import RowProblem

MAX_DIGITS = 38
# Exact for every product of two accepted numbers; a quotient that does not end within
# 120 significant digits is cut there.
CONTEXT = Context(
    prec=120, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1
)

_PLAIN = re.compile(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?").fullmatch
_PLAIN_COLUMNS = {
    sign: re.compile(
        rf"{number}(?:\n{number})*".replace("SIGN", re.escape(sign))
    ).fullmatch
    for number in (r"[+-]?[0-9]{1,38}(?:SIGN[0-9]{1,38})?",)
    for sign in (".", ",")
}
_SCIENTIFIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_SPACES = " \u00a0\u2009\u202f'\u2019"
_GROUPED = {
    sign: re.compile(
        rf"[+-]?[0-9]{{1,3}}([{re.escape(other + _SPACES)}])[0-9]{{3}}"
        rf"(?:\1[0-9]{{3}})*(?:{re.escape(sign)}[0-9]*)?(?:[eE][+-]?[0-9]{{1,6}})?"
    )
    for sign, other in ((".", ","), (",", "."))
}


def parse_decimal(text: str, sign: str = ".") -> Decimal:
    """Read one number written with ``sign`` as decimal sign.

    Thousands may be set apart by the other sign, a space, a no-break space (also the
    narrow one of French typography) or an apostrophe, in groups of exactly three.

    :raise RowProblem: ``invalid_value`` or ``value_out_of_range``

    >>> parse_decimal("1\u202f234,5", ",")
    Decimal('1234.5')
    >>> parse_decimal("1e-7")
    Decimal('1E-7')
    """
    if sign == "." and _PLAIN(text):
        return Decimal(text)
    clean = text.strip().replace("\u2212", "-")
    grouped = _GROUPED[sign].fullmatch(clean)
    if grouped:
        clean = clean.replace(grouped.group(1), "")
    if sign == ",":
        if "." in clean:
            raise RowProblem("invalid_value", value=text)
        clean = clean.replace(",", ".")
    if len(clean) > 400 or not _SCIENTIFIC.fullmatch(clean):
        raise RowProblem("invalid_value", value=text)
    return check_range(Decimal(clean), text)


def parse_decimals(texts: list[str], sign: str = ".") -> list[Decimal]:
    """Read many numbers as ``parse_decimal`` does, at a fraction of its cost.

    One look at the whole column tells whether all of it is plainly written; if not,
    each value is read on its own.
    """
    joined = "\n".join(texts)
    if _PLAIN_COLUMNS[sign](joined) and joined.count("\n") == len(texts) - 1:
        if sign == ",":
            texts = joined.replace(",", ".").split("\n")
        return list(map(Decimal, texts))
    return [parse_decimal(text, sign) for text in texts]


def check_range(number: Decimal, text: str = "") -> Decimal:
    """Return ``number`` when it fits 38 digits on each side, else raise RowProblem.

    A zero of any exponent is plain zero.
    """
    if not number:
        return Decimal(0) if abs(number.as_tuple().exponent) > MAX_DIGITS else number
    if number.adjusted() >= MAX_DIGITS or number.as_tuple().exponent < -MAX_DIGITS:
        raise RowProblem("value_out_of_range", value=text or str(number))
    return number


def parse_factor(text) -> Fraction:
    """Read a factor of a mapping: ``"1/1073741824"``, ``"0.001"``, ``"3600"``."""
    return Fraction(str(text))


def scale(number: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """Multiply by a fraction, exactly wherever a decimal can hold the result."""
    product = CONTEXT.multiply(number, numerator)
    return product if denominator == 1 else CONTEXT.divide(product, denominator)


def plain(number: Decimal) -> str:
    """Write a number without exponent, as properties and JSON carry it."""
    return format(number, "f")


def detect_sign(values: Iterable[str], delimiter: str) -> str | None:
    """Tell the decimal sign of sample values: ``"."``, ``","``, or None if undecidable.

    A value with both signs, with two of one sign, or with one sign not followed by
    exactly three digits, decides. ``1,234`` alone decides nothing: where only such
    values exist, a semicolon-separated file is taken as French, any other is
    undecidable and has to be declared, because a factor of a thousand is at stake.
    """
    votes = {".": 0, ",": 0}
    open_comma = False
    for value in values:
        text = value.strip()
        dots, commas = text.count("."), text.count(",")
        if dots and commas:
            votes["." if text.rfind(".") > text.rfind(",") else ","] += 1
        elif dots == 1:
            votes["."] += 1 if _decides(text, ".") else 0
        elif commas == 1:
            decided = _decides(text, ",")
            votes[","] += 1 if decided else 0
            open_comma |= not decided
        elif dots > 1:
            votes[","] += 1
        elif commas > 1:
            votes["."] += 1
    if votes["."] != votes[","]:
        return "." if votes["."] > votes[","] else ","
    if votes["."]:
        return None
    if open_comma:
        return "," if delimiter == ";" else None
    return "."


def _decides(text: str, sign: str) -> bool:
    """Whether a single sign must be the decimal one: not 3 digits, or a leading 0."""
    head, _sign, tail = text.partition(sign)
    head = head.lstrip("+-")
    return len(tail) != 3 or not tail.isdigit() or head in ("", "0") or len(head) > 3
