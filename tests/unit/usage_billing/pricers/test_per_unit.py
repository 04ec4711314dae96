# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, rate
from rating.pricers import PerUnit


@pytest.mark.parametrize(
    ("unit_price", "quantity", "amount"),
    [
        ("100", "10", "1000.00"),
        ("0.067", "55", "3.69"),  # 3.685 rounds up
        ("0.0000004", "1234567", "0.49"),  # 0.4938268
        ("0.5", "123.456", "61.73"),  # 61.728
        ("10", "0", "0.00"),
        ("0.005", "-1", "-0.01"),  # away from zero, as the invoice would be
    ],
)
def test_every_unit_at_one_price(check, unit_price, quantity, amount):
    check(PerUnit(unit_price), quantity, {"usage": (quantity, amount)})


def test_yen_have_no_cents(check):
    yen = Currency("JPY", 0)
    check(PerUnit("10.5"), "51", {"usage": ("51", "536")}, currency=yen)  # 535.5


def test_dinars_have_three_decimals(check):
    dinar = Currency("TND", 3)
    check(PerUnit("0.0005"), "1", {"usage": ("1", "0.001")}, currency=dinar)


def test_a_float_price_is_refused(refuses):
    refuses("not_a_number", PerUnit, 0.1)


def test_a_float_quantity_is_refused(refuses):
    refuses("not_a_number", rate, Charge("c", PerUnit("1")), 0.1, Currency("EUR"))


def test_a_negative_price_is_refused(refuses):
    refuses("negative_parameter", PerUnit, "-1")
