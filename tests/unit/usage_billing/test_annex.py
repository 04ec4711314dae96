"""The usage file opens as meant in a spreadsheet, and runs nothing."""

import csv
import datetime
import io
from decimal import Decimal

import pytest

from annex import usage_csv

PARIS = datetime.timezone(datetime.timedelta(hours=2))


def _read(content, delimiter):
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_french_file_uses_semicolons_and_decimal_commas():
    content = usage_csv.write(
        ["Jour", "Quantité"],
        [[datetime.date(2026, 10, 1), Decimal("1234.5000")]],
        decimal_sign=",",
    )
    assert content.startswith(b"\xef\xbb\xbf")
    assert _read(content, ";") == [["Jour", "Quantité"], ["2026-10-01", "1234,5"]]


def test_english_file_uses_commas_and_decimal_points():
    content = usage_csv.write(["Day", "Quantity"], [["a", Decimal("0.045")]])
    assert _read(content, ",") == [["Day", "Quantity"], ["a", "0.045"]]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+33 1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\n=1",
        "＝1+1",
        "\u00a0=1",
    ],
)
def test_text_that_looks_like_a_formula_is_made_inert(text):
    content = usage_csv.write(["c"], [[text]], decimal_sign=",")
    [[_], [cell]] = _read(content, ";")
    assert cell == f"'{text}"


def test_header_is_guarded_too():
    [[header]] = _read(usage_csv.write(["=1"], []), ",")
    assert header == "'=1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("-12.50"), "-12.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "0"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (7, "7"),
        (None, ""),
        (
            datetime.datetime(2026, 10, 25, 2, 30, tzinfo=PARIS),
            "2026-10-25 02:30:00+02:00",
        ),
    ],
)
def test_cell_is_written_exactly(value, text):
    [_, row] = _read(usage_csv.write(["c", "d"], [[value, "x"]]), ",")
    assert row == [text, "x"]


@pytest.mark.parametrize("value", [0.1, True, b"x"])
def test_cell_of_no_agreed_form_is_refused(value):
    with pytest.raises(TypeError):
        usage_csv.write(["c"], [[value]])


def test_text_with_delimiter_quote_and_line_end_survives():
    text = 'a;b"c\nd'
    [_, [cell]] = _read(usage_csv.write(["c"], [[text]], decimal_sign=","), ";")
    assert cell == text


@pytest.mark.parametrize("code", ["ACME", "../../etc/passwd", 'a"b\r\nX: y', "é"])
def test_file_name_is_safe(code):
    name = usage_csv.file_name(code, datetime.date(2026, 10, 1))
    assert name.startswith("usage_") and name.endswith("_2026-10.csv")
    assert not set(name) & set('/\\"\r\n ')
