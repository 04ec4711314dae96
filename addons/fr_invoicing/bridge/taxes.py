# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The TVA of lines and documents, and what the legal mentions depend on."""

from dataclasses import dataclass
from decimal import Decimal

from ..einvoice import flow_kind, mentions, tva
from .kinds import factor, is_deposit_line, is_self_billed
from .lines import billed_lines, exact, line_nature, product_lines


@dataclass(frozen=True)
class LineTax:
    """The TVA of one line: regime and rate, and the tax it comes from.

    regime: code of data/vat_regime.csv or of a profile of the user, "" when the tax
        says its category itself, "unknown" when nothing says why no VAT is charged
    scope: see einvoice.tva.VatRegime
    """

    category: str
    rate: Decimal | None
    vatex: str
    mention: str
    tax: object
    regime: str = ""
    scope: str = ""


def line_taxes(line):
    """Give the taxes of a line apart: the TVA, and those of a fixed amount.

    A fixed tax (eco-contribution) that TVA is charged on is part of the price.

    :return: TVA taxes (one on a good line), fixed taxes
    """
    taxes = line.tax_ids.flatten_taxes_hierarchy()
    fixed = taxes.filtered(lambda tax: tax.amount_type == "fixed")
    return taxes - fixed, fixed


def line_tax(line, memo=None):
    """Give the TVA of a line.

    :param dict memo: filled and read by calls for lines of one move, so that ten
        thousand lines of the same tax are read once; None to read afresh
    :rtype: LineTax
    """
    if memo is None:
        return _read_line_tax(line)
    key = (line.tax_ids._ids, line_nature(line))
    if key not in memo:
        memo[key] = _read_line_tax(line)
    return memo[key]


def _read_line_tax(line):
    move = line.move_id
    tax = line_taxes(line)[0][:1]
    if not tax:
        is_taxed = move.company_id._fr_charges_vat()
        regime = tva.regimes()["franchise" if is_taxed else "no_vat_territory"]
        return LineTax(
            regime.category,
            None if regime.category == "O" else Decimal(0),
            regime.vatex,
            regime.mention,
            tax,
            regime.code,
            regime.scope,
        )
    found = tax._fr_get_situation(
        line_nature(line),
        move.commercial_partner_id,
        place=move.partner_shipping_id or move.partner_id,
        position=move.fiscal_position_id,
    )
    rate = Decimal(0) if found.category in tva.EXEMPT_CATEGORIES else exact(tax.amount)
    rate = None if found.category == "O" else rate
    return LineTax(
        found.category,
        rate,
        found.vatex,
        found.mention,
        tax,
        found.regime,
        found.scope,
    )


def line_report_category(line):
    """Give the category a line is reported under in flux 10 (TLB1, TPS1, TNT1, TMA1).

    :return: the code, "" when the line is not reported
    """
    tax = line_tax(line)
    return flow_kind.transaction_category(tax.category, tax.scope, line_nature(line))


def nature(move):
    """Give the nature of the whole document.

    Deducted deposits do not count: what they paid for stands on the other lines.
    """
    lines = product_lines(move)
    lines = lines.filtered(lambda line: not is_deposit_line(line)) or lines
    return tva.nature(line_nature(line) for line in lines)


def facts(move):
    """Give what the choice of legal mentions depends on.

    :rtype: mentions.Facts
    """
    company = move.company_id._fr_get_legal()
    memo = {}
    found = [line_tax(line, memo).mention for line in billed_lines(move)]
    # settings of the company say nothing about a supplier in whose name it invoices
    is_own = not is_self_billed(move)
    policy = move.commercial_partner_id._fr_get_penalty_policy(company)
    return mentions.Facts(
        buyer=move.commercial_partner_id._fr_get_buyer_kind(),
        nature=nature(move),
        vat_on_debits=is_own and company.fr_vat_on_debits,
        penalty=policy[0] if policy else company.fr_late_penalty,
        has_discount=bool(
            company.fr_discount_terms or move.invoice_payment_term_id.early_discount
        ),
        has_legal_form=is_own and bool(company.fr_legal_form),
        has_registry=is_own and bool(company.fr_registry_city),
        vat_mentions=tuple(dict.fromkeys(key for key in found if key)),
        is_self_billed=not is_own,
        is_factored=bool(factor(move)),
        has_mandate=bool(move.fr_billing_mandate_id),
    )
