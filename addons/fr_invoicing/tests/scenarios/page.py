# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Reads the page of the PDF and looks for what the XML says."""

import io
import re
import unicodedata

from pypdf import PdfReader

CREDIT_NOTES = ("261", "262", "381", "396", "502", "503")


def text(pdf):
    """Give the whole text of the pages without any blank."""
    reader = PdfReader(io.BytesIO(pdf))
    return squeeze("".join(page.extract_text() for page in reader.pages))


def squeeze(value):
    """Drop blanks of all kinds and soft hyphens: lines break anywhere on a page.

    >>> squeeze("1 200,00\\u202f€")
    '1200,00€'
    """
    return re.sub(r"[\s\u00a0\u202f\u2009\u00ad]", "", value)


def pattern(value):
    """Give the pattern of a text on the page.

    No font has all signs: a letter may stand as an empty square, a symbol may be left
    out (PDF/A forbids to draw what the font lacks).
    """
    parts = []
    for sign in squeeze(value):
        if sign.isascii() or "LATIN" in unicodedata.name(sign, ""):
            parts.append(re.escape(sign))
        elif sign.isalpha():
            parts.append(f"[{sign}\u25a1]")
        else:
            parts.append(f"(?:{re.escape(sign)}|\u25a1)?")
    return "".join(parts)


def shown(amount, language, places=2):
    """Give the ways an amount may be written, without blanks.

    >>> shown(Decimal("-1234.5"), "fr")
    ['-1234,50', '−1234,50']
    """
    figure = f"{abs(amount):,.{places}f}"
    if language == "fr":
        figure = figure.replace(",", "").replace(".", ",")
    if amount >= 0:
        return [figure]
    return [f"-{figure}", f"\u2212{figure}"]


def check(pdf, invoice, language, places=2, with_names=True):
    """Say what of the XML is not on the page.

    :param bytes pdf: the file
    :param Cii invoice: its XML
    :param str language: "fr" or "en", how amounts are written
    :param bool with_names: lines must stand there under the name of the XML; measured
        usage is told apart into service, tier and period
    :rtype: list[str]
    """
    content = text(pdf)
    problems = []

    def need(what, *texts):
        if not any(re.search(pattern(one), content) for one in texts if one):
            problems.append(f"not on the page: {what} {texts}")

    need("BT-1", invoice.one("BT-1"))
    amounts = {term: invoice.money(term) for term in ("BT-109", "BT-112", "BT-115")}
    amounts["BT-110"] = invoice.tax_total(invoice.one("BT-5")) or 0
    for change in invoice.changes():
        need("BG-20/21", *shown(change.amount, language, places))
    for term in ("BT-113", "BT-114"):
        if value := invoice.money(term):
            # shown with either sign: what is deducted may stand as a negative figure
            need(term, *shown(abs(value), language, places))
    for term, value in amounts.items():
        need(term, *shown(value, language, places))
    if invoice.one("BT-5") != "EUR":
        need("BT-111", *shown(invoice.tax_total("EUR"), language))
    for tax in invoice.taxes():
        need("BT-116", *shown(tax.basis, language, places))
        if tax.reason:
            need("BT-120", tax.reason)
    _check_lines(invoice, need, language, places, with_names)
    terms = ["BT-27", "BT-44", "BT-30", "BT-31", "BT-48", "BT-25", "BT-13"]
    if invoice.money("BT-115") > 0 and invoice.one("BT-3") not in CREDIT_NOTES:
        terms.append("BT-84")  # where to pay what is left
    for term in terms:
        for value in invoice.all(term):
            need(term, value)
    for code, note in invoice.notes():
        if code in ("PMT", "PMD", "AAB", "TXD", "REG", "ABL"):
            need(f"note {code}", note)
    return problems


def _check_lines(invoice, need, language, places, with_names):
    for line in invoice.lines():
        need(f"BT-131 of line {line.key}", *shown(line.net, language, places))
        if with_names:
            need(f"BT-153 of line {line.key}", line.name)
