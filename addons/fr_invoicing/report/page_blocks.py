# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Blocks of the page around the table: facts, parties, totals, payment, mentions.

Functions of the document and the words alone: texts out, nothing computed.
"""

from math import ceil

from babel import Locale

from ..einvoice.page import epc
from ..einvoice.page.formats import grouped
from ..einvoice.page.labels import category, title

FOOTER_LINE = 150  # characters of the footer that fit on a line
LONG_NAME = 90
ZERO_RATED = ("AE", "E", "G", "K", "O", "Z")


def parties(document, builder, format_, look):
    """Give the parties to print, two or three a row: role, name, rows, identifiers.

    On a self-billed invoice the buyer issues for the supplier; with a reseller's brand
    at the head, the legal seller is called so.
    """
    words = format_.words
    if document.is_self_billed:
        roles = (words["supplier"], words["issuer"])
    elif look.brand_name:
        roles = (words["legal_seller"], words["buyer"])
    else:
        roles = (words["seller"], words["buyer"])
    found = [
        {"role": roles[0], "kind": "seller", "party": document.seller},
        {"role": roles[1], "kind": "buyer", "party": document.buyer},
    ]
    if document.delivery:
        found.append(
            {"role": words["delivery"], "kind": "other", "party": document.delivery}
        )
    if document.payee:
        found.append({"role": words["payee"], "kind": "other", "party": document.payee})
    names = _countries(document, builder)
    items = [
        {
            **item,
            "name": item["party"].name,
            "is_long": len(item["party"].name) > LONG_NAME,
            "rows": [
                *([item["party"].trading_name] if item["party"].trading_name else []),
                *_address(item["party"].address, names),
            ],
            "ids": _identifiers(item["party"], words),
        }
        for item in found
    ]
    width = 3 if len(items) == 3 else 2
    return [items[start : start + width] for start in range(0, len(items), width)]


def _address(address, countries):
    rows = [*address.lines, f"{address.postcode} {address.city}".strip()]
    if country := countries.get(address.country_code):
        rows.append(country)
    return [row for row in rows if row]


def _identifiers(party, words):
    found = []
    if party.siren:
        found.append((words["siren"], party.siren))
    if party.siret:
        found.append((words["siret"], party.siret))
    if party.vat:
        found.append((words["vat"], party.vat))
    return found


def _countries(document, builder):
    """Give the names of the countries, none when all is in the seller's own."""
    locale = Locale("fr" if builder.is_french else "en")
    codes = {
        party.address.country_code
        for party in (document.seller, document.buyer, document.delivery)
        if party
    }
    if codes <= {document.seller.address.country_code}:
        return {}
    return {code: locale.territories.get(code, code) for code in codes if code}


def issuer(document):
    """Give who sends the document: the seller, or the buyer who bills itself.

    :rtype: Party
    """
    return document.buyer if document.is_self_billed else document.seller


def running(document, builder, format_):
    """Give the texts at the head of the pages after the first."""
    name = title(document, builder.is_french)
    other = document.seller if document.is_self_billed else document.buyer
    parts = [f"{name} {document.number}", other.name]
    return " · ".join(_short(part, 60) for part in parts), _short(
        issuer(document).name, 40
    )


def _short(text, length):
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def facts(document, builder, format_):
    """Give the strip of dates and references as (label, value)."""
    words = format_.words
    rows = [(words["issue_date"], format_.day(document.issue_date))]
    if document.due_date and not document.is_credit:
        key = "last_due" if document.instalments else "due_date"
        rows.append((words[key], format_.day(document.due_date)))
    if document.paid_on:
        rows.append((words["paid_on"], format_.day(document.paid_on)))
    if document.period:
        rows.append((words["period"], format_.period(document.period)))
    elif document.delivery_date and document.delivery_date != document.issue_date:
        is_service = builder.facts.nature == "services"
        label = words["delivered_services" if is_service else "delivered_goods"]
        rows.append((label, format_.day(document.delivery_date)))
    public = document.is_public_buyer
    for key, value in (
        ("commitment" if public else "order", document.order_reference),
        ("service_code" if public else "buyer_reference", document.buyer_reference),
        ("market" if public else "contract", document.contract_reference),
        ("sales_order", document.sales_order),
    ):
        if value:
            rows.append((words[key], value))
    settled = {item.reference.number for item in document.prepayments}
    for reference in document.preceding:
        if reference.number in settled:
            continue  # in the table of deposits
        value = reference.number
        if reference.issue_date:
            value += f" {words['of']} {format_.day(reference.issue_date)}"
        rows.append((words["corrects"], value))
    return rows


def due(document, format_):
    """Give the figure of the head: (label, amount)."""
    words = format_.words
    if document.is_credit:
        label = words["credit"]
    elif document.due_total < 0:
        label = words["owed"]
    else:
        label = words["due"]
    return label, format_.currency(document.due_total)


def taxes(document, format_):
    """Give the VAT table, one row per category and rate."""
    return [
        {
            "rate": (
                category(tax.category, format_.is_french)
                if tax.category in ZERO_RATED
                else format_.rate(tax.rate)
            ),
            "base": format_.money(tax.basis),
            "amount": format_.money(tax.amount),
            "reason": tax.exemption_text,
        }
        for tax in document.taxes
    ]


def totals(document, format_):
    """Give the totals as (label, amount, style)."""
    words = format_.words
    rows = []
    if document.allowances:
        rows.append((words["line_total"], format_.money(document.line_total), ""))
        for item in document.allowances:
            label = item.reason or words["charge" if item.is_charge else "allowance"]
            rows.append((label, format_.money(item.signed), ""))
    rows += [
        (words["untaxed"], format_.money(document.untaxed_total), ""),
        (words["total_tax"], format_.money(document.tax_total), ""),
        (words["total"], format_.money(document.grand_total), "sum"),
    ]
    if document.prepaid:
        rows.append((words["prepaid"], format_.money(-document.prepaid), ""))
    if document.rounding is not None:
        rows.append((words["rounding"], format_.money(document.rounding), ""))
    rows.append((*due(document, format_), "due"))
    if document.tax_amount_accounting is not None:
        amount = format_.currency(document.tax_amount_accounting, "EUR")
        rows.append((words["tax_in_euro"], amount, "small"))
    return rows


def deposits(document, format_):
    """Give the table of the deposits a final invoice settles, {} for none."""
    if not document.prepayments:
        return {}
    words = format_.words
    is_deducted = all(item.is_deducted for item in document.prepayments)
    return {
        "title": words["deposits" if is_deducted else "deposits_paid"],
        "rows": [
            {
                "number": item.reference.number,
                "date": (
                    format_.day(item.reference.issue_date)
                    if item.reference.issue_date
                    else ""
                ),
                "untaxed": format_.money(item.untaxed),
                "tax": format_.money(item.tax),
                "total": format_.money(item.untaxed + item.tax),
            }
            for item in document.prepayments
        ],
    }


def payment(document, format_):
    """Give the payment block: {"title", "text", "rows": [(label, value)]}."""
    words, means = format_.words, document.payment
    if document.is_credit:
        return {}
    if document.prepaid and not document.due_total:
        rows = []
        if document.paid_on:
            rows.append((words["paid_on"], format_.day(document.paid_on)))
        return {"title": words["payment"], "text": words["paid"], "rows": rows}
    rows = []
    if means and means.is_direct_debit:
        rows += _dates(document, format_, "collected_on")
        for key, value in (
            ("debited", grouped(means.debited_account)),
            ("mandate", means.mandate),
            ("creditor", means.creditor_id),
        ):
            if value:
                rows.append((words[key], value))
        return {"title": words["direct_debit"], "text": "", "rows": rows}
    rows += _dates(document, format_, "due_date")
    if means and means.account:
        label = words["iban" if means.means_code == "58" else "account"]
        rows.append((label, grouped(means.account)))
        if means.bic:
            rows.append((words["bic"], means.bic))
        if means.account_name:
            rows.append((words["holder"], means.account_name))
    if document.remittance:
        rows.append((words["remittance"], document.remittance))
    title = words["transfer" if means and means.account else "payment"]
    return {"title": title, "text": document.payment_terms, "rows": rows}


def _dates(document, format_, key):
    """Give the day to pay, or the day and amount of each instalment."""
    if document.instalments:
        return [
            (f"{format_.words['pay_on']} {format_.day(day)}", format_.currency(amount))
            for day, amount in document.instalments
        ]
    if document.due_date:
        return [(format_.words[key], format_.day(document.due_date))]
    return []


def qr(document, format_):
    """Give text and text alternative of the EPC QR code, ("", "") for none."""
    text = epc.payload(document)
    if not text:
        return "", ""
    return text, format_.words["qr_title"] % {
        "amount": format_.currency(document.due_total),
        "iban": grouped(document.payment.account),
        "reference": document.remittance or document.number,
    }


def terms(document, builder, look):
    """Give the texts between payment and mentions: of the invoice, of the template.

    Our conditions of sale have no place where we are the buyer.
    """
    own = "" if document.is_self_billed else look.terms
    return [text for text in (builder.terms, own) if text]


def mentions(document, builder, format_, is_issued):
    """Give the legal mentions that the footer and the tax table do not show.

    :rtype: list[list[str]]
    """
    shown = {tax.exemption_text for tax in document.taxes}
    found = [
        text
        for mention, text in builder.mentions
        if mention.code not in ("REG", "ABL") and text not in shown
    ]
    if is_issued:
        found.append(format_.words["electronic"])
    return _two_columns(found)


def _two_columns(texts):
    """Cut texts in two columns of about the same length."""
    total = sum(map(len, texts))
    columns, length = ([], []), 0
    for text in texts:
        columns[length >= total / 2].append(text)
        length += len(text)
    return [column for column in columns if column]


def footer(document, builder, format_):
    """Give the legal seller's identity, printed on every page."""
    seller = document.seller
    parts = [
        text for mention, text in builder.mentions if mention.code in ("REG", "ABL")
    ]
    if not any(seller.name in part for part in parts):
        parts.insert(0, seller.name)
    if seller.siret:
        parts.append(f"SIRET {seller.siret}")
    if seller.vat:
        parts.append(f"{format_.words['vat']} {seller.vat}")
    if seller.phone:
        parts.append(seller.phone.replace(" ", "\N{NO-BREAK SPACE}"))
    if seller.email:
        parts.append(seller.email)
    return " · ".join(parts)


def footer_height(text):
    """Give the bottom margin a footer needs, in mm."""
    return 17 + 3 * min(ceil(len(text) / FOOTER_LINE), 12)
