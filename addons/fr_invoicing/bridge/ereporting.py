# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Posted documents -> values of flux 10."""

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal

from ..einvoice import flow_kind, identifiers, tva
from ..ereporting import checks, margin, report, scope
from .lines import exact, line_nature, line_period, product_lines
from .taxes import line_tax

ZERO = Decimal("0.00")
# tax territories with a number scheme of their own (G2.19)
SCHEMES_OF_PLACES = {"NC": report.RIDET, "PF": report.TAHITI}
IDENTIFIER_LENGTH = 18


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a document that bears one rate; amounts as the ledger has them.

    exclusion: why it is not reported, or ""
    held: code of what is to be mended before it can be reported, or ""
    """

    category: str
    vat_category: str
    vatex: str
    mention: str
    due: str
    rate: Decimal
    basis_currency: Decimal
    tax_currency: Decimal
    basis: Decimal
    tax: Decimal
    exclusion: str = ""
    tax_id: int = 0
    held: str = ""


def shares(move, with_margins=False):
    """Cut a document by category, rate and moment when VAT falls due.

    Positive on an invoice, negative on a credit note; the sums are the ledger's.

    :param bool with_margins: of sales under the margin scheme only the margin is
        reported, the rest is a share that is left out (10.3)
    :rtype: list[Share]
    """
    if move.is_purchase_document(include_receipts=True):
        return _purchase_shares(move)
    amounts, key_of_tax = defaultdict(lambda: [ZERO] * 4), {}
    for line in product_lines(move):
        tax = line_tax(line)
        is_service = line_nature(line) == tva.SERVICES
        rate = Decimal(0) if tax.rate is None else tax.rate
        is_on_payment = tax.tax.tax_exigibility == "on_payment"
        nature = tva.SERVICES if is_service else tva.GOODS
        key = (
            flow_kind.transaction_category(tax.category, tax.scope, nature),
            tax.category,
            tax.vatex or "",
            tax.mention or "",
            scope.due_code(is_service, tax.category, is_on_payment),
            rate,
            scope.excluded(tax.scope, tax.category),
            tax.tax.id or 0,
        )
        _add(amounts[key], -exact(line.amount_currency), -exact(line.balance), 0)
        key_of_tax.setdefault(tax.tax.id, key)
    for entry in move.line_ids.filtered("tax_line_id"):
        key = key_of_tax.get(entry.tax_line_id.id)
        if key:
            _add(amounts[key], -exact(entry.amount_currency), -exact(entry.balance), 1)
    found = [Share(*key[:6], *cell, *key[6:]) for key, cell in amounts.items()]
    return _with_margins(move, found) if with_margins else found


def _with_margins(move, found):
    """Put, for each sale under the margin scheme, the margin and the rest.

    The two add up to what the ledger has; the rest takes back the VAT on the margin,
    which no document shows.
    """
    result = []
    for share in found:
        if share.category != flow_kind.MARGIN or share.exclusion:
            result.append(share)
            continue
        costs = [
            line.fr_margin_cost
            for line in product_lines(move)
            if (line_tax(line).tax.id or 0) == share.tax_id
        ]
        if None in costs:
            result.append(replace(share, held="margin_cost"))
            continue
        sign = -1 if share.basis < 0 else 1
        rate = _normal_rate(move)
        basis, tax = margin.split(share.basis, sign * sum(costs, ZERO), rate)
        factor = share.basis_currency / share.basis if share.basis else 1
        kept = replace(
            share,
            rate=rate,
            basis=basis,
            tax=tax,
            basis_currency=(basis * factor).quantize(ZERO),
            tax_currency=(tax * factor).quantize(ZERO),
        )
        rest = replace(
            share,
            exclusion="margin_cost",
            basis=share.basis - kept.basis,
            tax=share.tax - kept.tax,
            basis_currency=share.basis_currency - kept.basis_currency,
            tax_currency=share.tax_currency - kept.tax_currency,
        )
        result += [kept, rest]
    return result


def _normal_rate(move):
    """Give the normal rate where the company sells: the mainland's, or overseas."""
    place = move.company_id.partner_id._fr_get_territory()
    day = move.invoice_date or move.date
    code = "normal_dom" if place and place.rates == "dom" else "normal"
    return next(
        row.rate
        for row in tva.rates()
        if row.code == code and tva.in_force(row.valid_from, row.valid_to, day)
    )


def _purchase_shares(move):
    """Cut a supplier's document: without VAT, as he wrote it (reverse charge)."""
    in_union = move.commercial_partner_id._fr_is_in_european_union()
    amounts = defaultdict(lambda: [ZERO] * 4)
    for line in product_lines(move):
        is_service = line_nature(line) == tva.SERVICES
        taxes = line.tax_ids.flatten_taxes_hierarchy()
        scopes = [found for found in taxes.mapped("tax_scope") if found]
        if scopes:
            is_service = scopes[0] == "service"
        is_reverse_charged = any(
            part.factor_percent < 0 and part.repartition_type == "tax"
            for part in taxes.invoice_repartition_line_ids
        )
        category, exclusion = scope.purchase_category(
            is_service, in_union, is_reverse_charged
        )
        regime = {"K": "intra_goods", "AE": "intra_services"}.get(category)
        key = (
            scope.SERVICES if is_service else scope.GOODS,
            category,
            tva.regimes()[regime].vatex if regime else "",
            tva.regimes()[regime].mention if regime else "",
            "",
            Decimal(0),
            exclusion,
            taxes[:1].id or 0,
        )
        _add(amounts[key], exact(line.amount_currency), exact(line.balance), 0)
    return [Share(*key[:6], *cell, *key[6:]) for key, cell in amounts.items()]


def _add(cell, in_currency, in_company, position):
    """Add a base (position 0) or VAT (1) to basis/tax in currency and in euros."""
    cell[position] += in_currency.quantize(ZERO)
    cell[2 + position] += in_company.quantize(ZERO)


def invoice(move, found, wording=None):
    """Give a document of 10.1 as it is written.

    Credit notes have positive amounts and a type code of their own (UNTDID 1001).

    :param list[Share] found: its reported shares
    :param wording: callable key of mention -> text, for exemptions
    :rtype: report.Invoice
    """
    is_refund = move.move_type in ("out_refund", "in_refund")
    sign = Decimal(-1 if is_refund else 1)
    is_purchase = move.is_purchase_document()
    legal = move.company_id._fr_get_legal()
    ours = report.Party(
        report.SIREN,
        legal.partner_id.fr_siren or "",
        identifiers.clean(legal.vat).upper(),
        move.company_id.country_id.code or legal.country_id.code or "",
    )
    theirs = party(move.commercial_partner_id)
    shares_by_rate = defaultdict(lambda: [ZERO, ZERO])
    for share in found:
        cell = shares_by_rate[
            share.vat_category, share.rate, share.vatex, share.mention
        ]
        cell[0] += sign * share.basis_currency
        cell[1] += sign * share.tax_currency
    natures = {
        tva.SERVICES if share.category == scope.SERVICES else tva.GOODS
        for share in found
        if share.category in (scope.SERVICES, scope.GOODS)
    }
    place = move.partner_shipping_id or move.partner_id
    is_delivered = not is_purchase and tva.GOODS in natures and place.country_id
    return report.Invoice(
        number=checks.number(move.ref or move.name) if is_purchase else move.name or "",
        issue_date=move.invoice_date or move.date,
        type_code=_type_code(move, is_refund),
        process_code=_process_code(move, natures),
        currency=move.currency_id.name,
        seller=theirs if is_purchase else ours,
        buyer=ours if is_purchase else theirs,
        shares=tuple(
            report.VatShare(
                category=key[0],
                rate=key[1],
                basis=cell[0],
                tax=cell[1],
                reason=(wording(key[3]) if wording and key[3] else "")[:1000],
                reason_code=key[2],
            )
            for key, cell in shares_by_rate.items()
        ),
        tax_euro=sign * sum((share.tax for share in found), ZERO),
        due_date=move.invoice_date_due or None,
        due=next((share.due for share in found if share.due), ""),
        preceding=_preceding(move, is_purchase),
        delivery_date=(not is_purchase and move.delivery_date) or None,
        delivery_country=(place.country_id.code or "") if is_delivered else "",
        period=_period(move),
    )


def party(partner):
    """Give a business abroad as G2.19 identifies it.

    European Union: its VAT number. New Caledonia and French Polynesia: their numbers.
    Elsewhere: country and the first sixteen characters of the name.

    :rtype: report.Party
    """
    country = partner.country_id.code or ""
    vat = identifiers.clean(partner.vat).upper()
    if partner._fr_is_in_european_union() and not partner.fr_is_french:
        number = vat if not vat or vat[:2].isalpha() else f"{country}{vat}"
        return report.Party(report.EU_VAT, number[:IDENTIFIER_LENGTH], number, country)
    digits = "".join(filter(str.isdigit, partner.company_registry or ""))
    if country in SCHEMES_OF_PLACES and 9 <= len(digits) <= 10:
        return report.Party(SCHEMES_OF_PLACES[country], digits, vat, country)
    name = "".join(char for char in (partner.name or "").upper() if char.isalnum())
    identifier = f"{country}{name}"[:IDENTIFIER_LENGTH] if country and name else ""
    return report.Party(report.NOT_EU, identifier, vat, country)


def _type_code(move, is_refund):
    """Give BT-3; a global rebate (262) is a credit note where flux 10 is (G1.01)."""
    code = move.fr_type_code or ("381" if is_refund else "380")
    return "381" if code == "262" else code


def _process_code(move, natures):
    """Give BT-23; a frame that flux 10 does not know (G1.02) is the ordinary one."""
    code = move.fr_process_code or ""
    return code if code in checks.FRAMES else tva.process_code(tva.nature(natures))


def _preceding(move, is_purchase):
    """Give number and date of the documents a credit note corrects."""
    if not is_purchase:
        from .references import references

        return tuple(
            (reference.number, reference.issue_date) for reference in references(move)
        )
    origin = move.reversed_entry_id
    if not origin:
        return ()
    return ((checks.number(origin.ref or origin.name), origin.invoice_date or None),)


def _period(move):
    periods = [line_period(line) for line in product_lines(move)]
    starts = [period.start for period in periods if period and period.start]
    ends = [period.end for period in periods if period and period.end]
    return (min(starts), max(ends)) if starts and ends else None
