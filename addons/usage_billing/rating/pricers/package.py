# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Package: whole packages of units, a started one counts or is given away."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from ..errors import RatingError
from ..rounding import whole_units
from ..values import Part, check_positive, set_decimals
from ._quantity import not_negative


@dataclass(frozen=True, slots=True)
class Package:
    """package_size: billed units in one package
    package_price: currency units per package
    rounding: up bills a started package, down only full ones
    """

    model: ClassVar[str] = "package"
    reads: ClassVar[str] = "quantity"

    package_size: Decimal
    package_price: Decimal
    rounding: str = "up"

    def __post_init__(self):
        set_decimals(self, "package_size", "package_price")
        check_positive(self, "package_size")
        if self.rounding not in ("up", "down"):
            raise RatingError("rounding_mode", mode=self.rounding)

    def price(self, usage, share):
        quantity = not_negative(usage.quantity, self.model)
        packages = whole_units(quantity, self.package_size, self.rounding)
        exact = packages * self.package_price
        return (
            Part("package", "usage", "package", exact, packages, self.package_price),
        )
