"""Numbers as PostgreSQL sends them, every digit kept."""

from decimal import Decimal, localcontext
from struct import unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import copybin


def decode(field):
    """Read a numeric field back, by the documented format alone."""
    size, count, weight, sign, scale = unpack(">iHhHH", field[:12])
    assert size == len(field) - 4
    digits = unpack(f">{count}H", field[12:])
    assert all(0 <= digit < 10_000 for digit in digits)
    with localcontext(prec=300):  # the default would round to 28 digits
        value = sum(
            Decimal(digit).scaleb(4 * (weight - place))
            for place, digit in enumerate(digits)
        )
        return (-value if sign else value), scale


EXAMPLES = [
    "0", "0.0", "0.00", "-0", "-0.000", "1", "-1", "9999", "10000", "10001", "99999999",
    "100000000", "0.1", "0.0001", "0.00001", "0.00000001", "0.000000001", "-2.50",
    "123.456", "12345.678901", "12345678.12345678", "123456789.123456789",
    "12345678901234567890123456789012345678",
    "0.12345678901234567890123456789012345678",
    "99999999999999999999.999999999999999999", "1E+3", "1.20E+5", "1E-7", "-1E-30",
    "1E+99", "1000.0000", "0.0000000", "120.000", "1E+2",
]  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
@pytest.mark.parametrize("encode", [copybin.numeric, lambda v: copybin.number(v)[1]])
def test_number_keeps_value_and_scale(text, encode):
    value = Decimal(text)
    assert decode(encode(value)) == (value, max(-value.as_tuple().exponent, 0))


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(
        lambda value: (
            -100 <= value.as_tuple().exponent
            and value.adjusted() < 100
            and len(value.as_tuple().digits) + value.as_tuple().exponent <= 100
        )
    )
)
def test_any_number_is_kept(value):
    assert decode(copybin.numeric(value))[0] == value
    canonical, field = copybin.number(value)
    assert decode(field)[0] == value
    assert Decimal(canonical) == value


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(0, 6))
def test_equal_numbers_have_one_canonical_text(value, zeros):
    longer = value.quantize(Decimal(1).scaleb(-6 - zeros))
    assert longer == value
    assert copybin.number(longer)[0] == copybin.number(value)[0]
    assert copybin.number(value.normalize())[0] == copybin.number(value)[0]


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        copybin.number(Decimal(text))


@pytest.mark.parametrize("text", ["1E400", "1E-400", "1E+100", "1E-101"])
def test_absurd_numbers_are_refused(text):
    with pytest.raises(ValueError):
        copybin.number(Decimal(text))


def test_text_with_nul_is_refused():
    with pytest.raises(ValueError):
        copybin.text("a\x00")
    with pytest.raises(ValueError):
        copybin.jsonb('{"a": "\\u0000"}')
    assert copybin.text("é" * 2000)[:4] == (4000).to_bytes(4, "big")
    assert copybin.text(None) == copybin.NULL
