# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, rate
from rating.pricers import Package


@pytest.mark.parametrize(
    ("quantity", "rounding", "packages", "amount"),
    [
        ("121", "up", "13", "1300.00"),
        ("120", "up", "12", "1200.00"),
        ("0", "up", "0", "0.00"),
        ("0.001", "up", "1", "100.00"),
        ("121", "down", "12", "1200.00"),
        ("9.999", "down", "0", "0.00"),
    ],
)
def test_whole_packages_of_ten(check, quantity, rounding, packages, amount):
    price = Package("10", "100", rounding)
    check(price, quantity, {"package": (packages, amount)})


def test_included_units_come_before_the_packages(check):
    price = Package("10", "100")
    check(price, "121", {"package": ("12", "1200.00")}, included_units="10")


def test_a_third_of_a_package_is_still_one_package(check):
    # 1 / 3 has no end in decimals; the started package must not be lost
    check(Package("3", "1"), "3.0000000001", {"package": ("2", "2.00")})


def test_an_empty_package_is_refused(refuses):
    refuses("not_positive", Package, "0", "1")


def test_an_unknown_rounding_is_refused(refuses):
    refuses("rounding_mode", Package, "1", "1", "sideways")


def test_negative_usage_is_refused(refuses):
    charge = Charge("c", Package("10", "1"))
    refuses("negative_quantity", rate, charge, "-1", Currency("EUR"))
