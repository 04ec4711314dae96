"""Write usage as CSV that spreadsheet programs open as meant.

UTF-8 with a byte order mark, or Excel reads accents wrong. Where the language writes a
decimal comma the cells are parted by semicolons, as Excel expects there. A text that a
spreadsheet would run as a formula is made inert; numbers stay numbers.
"""

import csv
import datetime
import io
import re
from decimal import Decimal

BYTE_ORDER_MARK = "\ufeff"
# A cell that begins so may be run as a formula (OWASP, "CSV injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write(columns, rows, decimal_sign="."):
    """Build the file.

    :param columns: header texts, already translated
    :param rows: iterables of cells: Decimal, int, date, datetime, str or None
    :param str decimal_sign: "," also parts the cells by ";" instead of ","
    :return: the bytes of the file
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if decimal_sign == "," else ",")
    writer.writerow([inert(column) for column in columns])
    for row in rows:
        writer.writerow([_cell(value, decimal_sign) for value in row])
    return (BYTE_ORDER_MARK + text.getvalue()).encode("utf-8")


def inert(text):
    """Put an apostrophe before a text that a spreadsheet would run.

    >>> inert("=HYPERLINK(A1)"), inert("  @SUM(A1)"), inert("vm-01")
    ("'=HYPERLINK(A1)", "'  @SUM(A1)", 'vm-01')
    """
    if text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS):
        return f"'{text}"
    return text


def number(value, decimal_sign="."):
    """Write a Decimal in full: no exponent, no grouping, no trailing zeros.

    >>> number(Decimal("1E+3")), number(Decimal("0.0450"), ",")
    ('1000', '0,045')
    """
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace(".", decimal_sign)


def file_name(code, first_day):
    """Name of the usage file of one subscription and month, safe on every system.

    >>> file_name("ACME/prod", datetime.date(2026, 10, 1))
    'usage_ACME-prod_2026-10.csv'
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", code).strip("-.") or "usage"
    return f"usage_{safe}_{first_day:%Y-%m}.csv"


def _cell(value, decimal_sign):
    if value is None:
        return ""
    if isinstance(value, bool):
        raise TypeError("a yes or no has no agreed way to be written: pass a text")
    if isinstance(value, Decimal):
        return number(value, decimal_sign)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str):
        return inert(value)
    raise TypeError(f"a usage file holds no {type(value).__name__}")
