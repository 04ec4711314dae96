# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The TVA of lines and documents, and what the legal mentions depend on."""

from dataclasses import dataclass
from decimal import Decimal

from ..einvoice import mentions, tva
from .lines import exact, line_nature, product_lines


@dataclass(frozen=True)
class LineTax:
    """The TVA of one line: regime and rate, and the tax it comes from."""

    category: str
    rate: Decimal | None
    vatex: str
    mention: str
    tax: object


def line_tax(line):
    """Give the TVA of a line.

    :rtype: LineTax
    """
    tax = line.tax_ids.flatten_taxes_hierarchy()[:1]
    if not tax:
        regime = tva.regimes()["franchise"]
        return LineTax(regime.category, Decimal(0), regime.vatex, regime.mention, tax)
    category, vatex, mention = tax._fr_get_regime(
        line_nature(line), line.move_id.commercial_partner_id
    )
    rate = None if category == "O" else exact(tax.amount)
    return LineTax(category, rate, vatex, mention, tax)


def nature(move):
    """Give the nature of the whole document."""
    return tva.nature(line_nature(line) for line in product_lines(move))


def facts(move):
    """Give what the choice of legal mentions depends on.

    :rtype: mentions.Facts
    """
    company = move.company_id
    found = [line_tax(line).mention for line in product_lines(move)]
    return mentions.Facts(
        buyer=move.commercial_partner_id._fr_get_buyer_kind(),
        nature=nature(move),
        vat_on_debits=company.fr_vat_on_debits,
        penalty=company.fr_late_penalty,
        has_discount=bool(
            company.fr_discount_terms or move.invoice_payment_term_id.early_discount
        ),
        has_legal_form=bool(company.fr_legal_form),
        has_registry=bool(company.fr_registry_city),
        vat_mentions=tuple(dict.fromkeys(key for key in found if key)),
    )
