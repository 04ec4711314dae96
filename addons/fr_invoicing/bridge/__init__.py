# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Posted invoice -> einvoice values. The only package that knows both sides.

Odoo hands out floats: they become Decimal here, once. Amounts of lines and taxes are
those of the ledger (amount_currency), so that document and accounts cannot differ.
"""

from .builder import DocumentBuilder
from .kinds import (
    detect as detect_kind,
)
from .kinds import (
    buyer_partner,
    deposits,
    factor,
    is_credit,
    is_deposit_line,
    is_self_billed,
    needs_origin,
    seller_partner,
)
from .lines import (
    allowance_lines,
    billed_lines,
    exact,
    is_document_level,
    line_label,
    line_nature,
    line_period,
    product_lines,
    unit_code,
)
from .parties import address, buyer, seller
from .payment import is_paid_at_issue, paid_at_issue, payment
from .references import contract_reference, order_reference, prepayments, references
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
    "allowance_lines",
    "billed_lines",
    "buyer",
    "buyer_partner",
    "contract_reference",
    "deposits",
    "detect_kind",
    "exact",
    "factor",
    "facts",
    "is_credit",
    "is_deposit_line",
    "is_document_level",
    "is_paid_at_issue",
    "is_self_billed",
    "line_label",
    "line_nature",
    "line_period",
    "line_report_category",
    "line_tax",
    "line_taxes",
    "nature",
    "needs_origin",
    "order_reference",
    "paid_at_issue",
    "payment",
    "prepayments",
    "product_lines",
    "references",
    "seller",
    "seller_partner",
    "unit_code",
]
