# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Coupons and discounts on an amount or over lines."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from .errors import RatingError
from .rounding import ZERO, divide, exact_arithmetic, round_money
from .values import HUNDRED, set_decimals

ORDERS = ("given", "percent_first")


@dataclass(frozen=True, slots=True)
class Coupon:
    """Either percent (0 to 100) of what is left, or a fixed amount of it."""

    percent: Decimal | None = None
    amount: Decimal | None = None

    def __post_init__(self):
        set_decimals(self, "percent", "amount")
        if (self.percent is None) == (self.amount is None):
            raise RatingError("coupon_needs_percent_or_amount")
        if self.percent is not None and self.percent > HUNDRED:
            raise RatingError(
                "percent_out_of_range", name="percent", value=self.percent
            )


def apply_coupons(base, coupons, currency, order="given"):
    """Discount of each coupon, one after another on what is left.

    :param Decimal base: currency units before any coupon
    :param str order: "given", or "percent_first" (then given among each kind)
    :return: rounded discounts in the order of application; none takes more
        than is left
    :raise RatingError: coupon_order
    """
    if order not in ORDERS:
        raise RatingError("coupon_order", order=order)
    if order == "percent_first":
        coupons = sorted(coupons, key=lambda coupon: coupon.percent is None)
    discounts, left = [], max(base, ZERO)
    with exact_arithmetic():
        for coupon in coupons:
            wanted = coupon.amount
            if wanted is None:
                wanted = left * coupon.percent / HUNDRED
            taken = min(round_money(wanted, currency.decimals), left)
            discounts.append(taken)
            left -= taken
    return tuple(discounts)


def spread(discount, lines, currency):
    """A discount over lines in proportion, rounded down, rest on the last.

    :param lines: amounts, rounded
    :return: discount of each line; they add up to the whole discount
    """
    exacts = discount_parts(discount, lines)
    unit = Decimal(1).scaleb(-currency.decimals)
    with exact_arithmetic():
        parts = [exact.quantize(unit, rounding=ROUND_DOWN) for exact in exacts[:-1]]
        return (*parts, discount - sum(parts, ZERO))


def discount_parts(discount, lines):
    """Exact part of a discount for each line, in proportion to the lines."""
    with exact_arithmetic():
        whole = sum(lines, ZERO)
        if not whole:
            raise RatingError("not_positive", name="lines", value=whole)
        return tuple(divide(discount * line, whole) for line in lines)
