# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Posted invoice -> einvoice values. The only package that knows both sides.

Odoo hands out floats: they become Decimal here, once. Amounts of lines and taxes are
those of the ledger (amount_currency), so that document and accounts cannot differ.
"""

from .builder import DocumentBuilder
from .lines import (
    exact,
    line_label,
    line_nature,
    line_period,
    product_lines,
    unit_code,
)
from .parties import address, buyer, seller
from .payment import payment
from .references import order_reference, references
from .taxes import (
    LineTax,
    facts,
    line_report_category,
    line_tax,
    line_taxes,
    nature,
)

__all__ = [
    "DocumentBuilder",
    "LineTax",
    "address",
    "buyer",
    "exact",
    "facts",
    "line_label",
    "line_nature",
    "line_period",
    "line_report_category",
    "line_tax",
    "line_taxes",
    "nature",
    "order_reference",
    "payment",
    "product_lines",
    "references",
    "seller",
    "unit_code",
]
