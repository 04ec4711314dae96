# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sales under the margin scheme, as 10.3 tells them (category TMA1).

The base of the VAT is the margin, not the price (CGI 266-1 e travel agencies, 268
buildings, 297 A second-hand goods, art and antiques), and what is reported by rate is
the base and the VAT (CGI 290 II, annex II art. 242 nonies M): so the amounts of TMA1
are the margin without VAT and the VAT on it. The document shows neither (CGI 297 E).

    price 1 200 = bought for 1 000 + margin 200 VAT included
    reported: 166.67 at 20 %, VAT 33.33

Without a margin nothing is due: a loss on one sale lessens no other (CGI 297 A, sale by
sale).
"""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def split(price: Decimal, cost: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    """Give the base and the VAT of a sale under the margin scheme.

    >>> split(Decimal(1200), Decimal(1000), Decimal(20))
    (Decimal('166.67'), Decimal('33.33'))
    >>> split(Decimal(-1200), Decimal(-1000), Decimal(20))
    (Decimal('-166.67'), Decimal('-33.33'))
    >>> split(Decimal(900), Decimal(1000), Decimal(20))
    (Decimal('0.00'), Decimal('0.00'))

    :param price: all that the customer pays, in euros; negative on a credit note
    :param cost: what was paid for what is sold, VAT included, of the sign of the price
    :param rate: percent of the place of the sale
    """
    sign = -1 if price < 0 else 1
    margin = sign * (price - cost)
    if margin <= 0:
        return ZERO, ZERO
    tax = (margin * rate / (100 + rate)).quantize(CENT, ROUND_HALF_UP)
    return sign * (margin - tax), sign * tax
