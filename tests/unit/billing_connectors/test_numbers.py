# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.numbers import check_range, detect_sign, parse_decimal, plain
from feeds.values import RowProblem


@pytest.mark.parametrize(
    ("text", "sign", "expected"),
    [
        ("1.5", ".", "1.5"),
        ("1,5", ",", "1.5"),
        (" 12 ", ".", "12"),
        ("-0.00000000603", ".", "-0.00000000603"),
        ("1e-7", ".", "0.0000001"),
        ("6.71E-8", ".", "0.0000000671"),
        ("5.64902E-05", ".", "0.0000564902"),
        ("1,234.5", ".", "1234.5"),
        ("1.234,5", ",", "1234.5"),
        ("1.234.567", ",", "1234567"),
        ("1 234,5", ",", "1234.5"),
        ("1\u00a0234\u00a0567,25", ",", "1234567.25"),
        ("1\u202f234,5", ",", "1234.5"),
        ("1'234.5", ".", "1234.5"),
        ("\u22125,0", ",", "-5.0"),
        (".5", ".", "0.5"),
        ("0.1234567890123456789", ".", "0.1234567890123456789"),
        ("12345678901234567890", ".", "12345678901234567890"),
        ("9" * 38, ".", "9" * 38),
        ("0." + "9" * 38, ".", "0." + "9" * 38),
        ("0.028999999999999998", ".", "0.028999999999999998"),
    ],
)
def test_number_is_read_exactly(text, sign, expected):
    assert parse_decimal(text, sign) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("NaN", "."),
        ("sNaN", "."),
        ("Infinity", "."),
        ("-inf", "."),
        ("", "."),
        ("abc", "."),
        ("1_000", "."),
        ("0x10", "."),
        ("١٢", "."),
        ("12€", "."),
        ("(12)", "."),
        ("1,5", "."),  # neither a group of three nor the file's decimal sign
        ("1.5", ","),
        ("1,23,456", "."),
        ("1 234.567 890", "."),
        ("1.2.3", "."),
        ("--1", "."),
        ("1e", "."),
        ("1 2", "."),
    ],
)
def test_what_is_not_one_number_is_refused(text, sign):
    with pytest.raises(RowProblem) as caught:
        parse_decimal(text, sign)
    assert caught.value.code == "invalid_value"


@pytest.mark.parametrize("text", ["1e400", "9" * 39, "1e38", "0." + "1" * 39, "1e-39"])
def test_number_beyond_38_digits_a_side_is_refused(text):
    with pytest.raises(RowProblem) as caught:
        parse_decimal(text)
    assert caught.value.code == "value_out_of_range"


def test_zero_of_any_exponent_is_zero():
    assert plain(parse_decimal("0e999999")) == "0"
    assert check_range(Decimal("0E-11")) == 0


@given(
    st.decimals(
        min_value=Decimal("-1e20"),
        max_value=Decimal("1e20"),
        allow_nan=False,
        allow_infinity=False,
        places=9,
    ),
    st.sampled_from([".", ","]),
    st.sampled_from(["", " ", "\u00a0", "\u202f", "'", "other"]),
)
def test_a_number_written_with_any_grouping_reads_back(number, sign, group):
    other = "," if sign == "." else "."
    text = f"{number:,.9f}".replace(",", "#").replace(".", sign)
    text = text.replace("#", other if group == "other" else group)
    assert parse_decimal(text, sign) == number


@given(st.text(max_size=60), st.sampled_from([".", ","]))
def test_any_text_is_a_finite_number_or_a_row_problem(text, sign):
    try:
        number = parse_decimal(text, sign)
    except RowProblem as problem:
        assert problem.code in ("invalid_value", "value_out_of_range")
    else:
        assert number.is_finite()
        assert Decimal(plain(number)) == number
        assert number.adjusted() < 38


@pytest.mark.parametrize(
    ("values", "delimiter", "expected"),
    [
        (["1.5", "2"], ",", "."),
        (["1,5", "2"], ";", ","),
        (["1.234,50"], ";", ","),
        (["1,234.50"], ",", "."),
        (["1,234"], ";", ","),
        (["1,234"], ",", None),
        (["1,234", "0,5"], ",", ","),
        (["0,123"], ",", ","),
        (["1,234,567"], ",", "."),
        (["12.345"], ";", "."),
        (["1,5", "1.5"], ";", None),
        (["1", "2"], ";", "."),
        ([], ",", "."),
    ],
)
def test_decimal_sign_is_detected_or_left_open(values, delimiter, expected):
    assert detect_sign(values, delimiter) == expected
