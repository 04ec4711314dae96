# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How a component stands on an invoice line: at most 4 and 6 decimals."""

from decimal import Decimal

import pytest

from rating import present


@pytest.mark.parametrize(
    ("quantity", "unit_price", "amount", "shown"),
    [
        # as it is
        ("12", "4.5", "54.00", ("12", "4.5", 1, True)),
        ("0", "4.5", "0.00", ("0", "4.5", 1, True)),
        # 0.0000004 per call is 0.0004 per 1,000 calls
        ("1234567", "0.0000004", "0.49", ("1234.567", "0.0004", 1000, True)),
        # per million
        ("5000000", "0.0000000015", "0.01", ("5", "0.0015", 10**6, True)),
        # a quantity with nine decimals, rounded: 1234.5679 x 0.05 = 61.73
        ("1234.567890123", "0.05", "61.73", ("1234.5679", "0.05", 1, False)),
        # nothing fits: 0.000012 would be 0 at four decimals
        ("0.000012", "500", "0.01", ("1", "0.01", 1, False)),
        # a tier that got the cent of its neighbour
        ("3", "0.335", "1.00", ("1", "1.00", 1, False)),
        # a credit keeps its price positive (BR-27)
        ("-3", "2", "-6.00", ("-3", "2", 1, True)),
        ("2", "-3", "-6.00", ("-2", "3", 1, True)),
        # amounts without quantity: discounts, minimum
        (None, None, "-13.50", ("-1", "13.50", 1, False)),
        (None, None, "20.00", ("1", "20.00", 1, False)),
    ],
)
def test_quantity_times_price(quantity, unit_price, amount, shown):
    got = present(
        None if quantity is None else Decimal(quantity),
        None if unit_price is None else Decimal(unit_price),
        Decimal(amount),
        2,
    )
    quantity, price, scale, exact = shown
    assert (got.quantity, got.price) == (Decimal(quantity), Decimal(price))
    assert (got.scale, got.exact) == (scale, exact)


def test_no_exponent_is_ever_shown():
    got = present(Decimal("1E+3"), Decimal("1E+2"), Decimal("100000"), 0)
    assert (str(got.quantity), str(got.price)) == ("1000", "100")
