# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What is read from one invoice line: figures, names, period, unit."""

from datetime import timedelta
from decimal import Decimal

from ..const import NATURES
from ..einvoice import tva
from ..einvoice.document import Period

PRODUCT = "product"


def exact(value):
    """Turn what Odoo hands out into a Decimal.

    >>> exact(0.1)
    Decimal('0.1')
    """
    return value if isinstance(value, Decimal) else Decimal(str(value or 0))


def billed_lines(move):
    """Give every line with an amount, in the order shown.

    What is read of them is read for all the documents of the caller at once.
    """
    lines = move.invoice_line_ids
    return (
        lines.filtered(lambda line: line.display_type == PRODUCT)
        .sorted(lambda line: (line.sequence, line.id))
        .with_prefetch(lines._prefetch_ids)
    )


def is_document_level(line):
    """Say whether a line is an allowance or charge of the whole document (BG-20/21).

    Lines of the product of global discounts of Odoo's sales, and of products ticked so.
    """
    product = line.product_id
    if not product:
        return False
    discount = optional(line.company_id, "sale_discount_product_id")
    return product.fr_is_document_level or bool(discount and product == discount)


def product_lines(move):
    """Give the lines that become positions of the document (BG-25), in order.

    Document level allowances and charges are not among them, unless nothing else is
    invoiced: a document has at least one position.
    """
    lines = billed_lines(move)
    kept = lines.filtered(
        lambda line: not is_document_level(line) or not line.amount_currency
    )
    return kept.with_prefetch(lines._prefetch_ids) if kept else lines


def allowance_lines(move):
    """Give the lines that become document level allowances and charges, in order."""
    lines = billed_lines(move)
    return (lines - product_lines(move)).with_prefetch(lines._prefetch_ids)


def line_nature(line):
    """Say whether a line is goods or services.

    By its product, else by the scope of its tax, else by the company's setting.
    """
    if line.product_id:
        return NATURES.get(line.product_id.type, tva.SERVICES)
    scope = line.tax_ids[:1].tax_scope
    return NATURES.get(scope) or line.company_id.fr_default_nature


def line_period(line):
    """Give the service period of a line (BG-26), or None.

    usage_period_end is the first day not billed; the document wants the last billed.
    """
    start = optional(line, "usage_period_start")
    end = optional(line, "usage_period_end")
    if not (start or end):
        return None
    return Period(start or None, end - timedelta(days=1) if end else None)


def unit_code(line, memo=None):
    """Give the unit of measure (BT-130, UN/ECE recommendation 20); C62 is one.

    :param dict memo: filled and read by calls for lines of one move: Odoo asks the
        database for the code of a unit each time
    """
    meter = optional(line, "usage_rated_line_id") and line.usage_rated_line_id.meter_id
    if meter and meter.unit_code:
        return meter.unit_code
    if not line.product_uom_id:
        return "C62"
    memo, unit = {} if memo is None else memo, line.product_uom_id
    if unit not in memo:
        memo[unit] = line.env["account.edi.common"]._get_uom_unece_code(unit)
    return memo[unit]


def name_and_description(line):
    """Give the first row of a line's text (BT-153) and the rest (BT-154)."""
    rows = [row.strip() for row in (line.name or "").splitlines() if row.strip()]
    name = (
        rows[0] if rows else line.product_id.display_name or line.account_id.name or "-"
    )
    return name, "\n".join(rows[1:])


def line_label(line):
    """Give the first row of a line's text, to name it in a message."""
    return name_and_description(line)[0]


def optional(record, name):
    """Give a field that another version of usage_billing may not have."""
    return record[name] if name in record._fields else False
