# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What would make the tax office refuse one operation.

Such an operation is held with its reasons and left out, so that it does not keep the
others of its period from being reported in time; repaired, it comes with the next
report of the period. The rules are those of annex 7 v1.8 of the external
specifications, as the flux 10 Schematron has them.
"""

import re

from .scope import RATES

CREDIT_TYPES = frozenset({"261", "381", "396", "502", "503"})
CORRECTIVE_TYPES = frozenset({"384", "471", "472", "473"})
# G1.02
FRAMES = frozenset("B1 S1 M1 B2 S2 M2 B4 S4 M4 S5 S6 B7 S7".split())
NUMBER = re.compile(r"[A-Za-z0-9+_/\-]([A-Za-z0-9 +_/\-]*[A-Za-z0-9+_/\-])?")
NUMBER_LENGTH = 35


def number(text):
    """Write an invoice number as G1.05 allows it, for numbers that others gave.

    Forbidden characters become "-", repeated blanks one, and what is too long keeps its
    end, which is what tells two numbers apart.

    >>> number("F.2026 n°7")
    'F-2026 n-7'
    """
    text = re.sub(r"[^A-Za-z0-9 +_/\-]", "-", " ".join((text or "").split()))
    return text[-NUMBER_LENGTH:].strip()


def check_invoice(invoice):
    """Give what is wrong with an invoice of 10.1.

    :param report.Invoice invoice: as it would be written
    :return: codes of reasons, in a fixed order
    :rtype: list[str]
    """
    found = []
    if not NUMBER.fullmatch(invoice.number) or len(invoice.number) > NUMBER_LENGTH:
        found.append("number")
    for side, party in (("seller", invoice.seller), ("buyer", invoice.buyer)):
        if not party.identifier:
            found.append(f"{side}_identifier")
        elif party.scheme in ("0002", "0223") and not party.vat:
            found.append(f"{side}_vat")
        if not re.fullmatch(r"[A-Z]{2}", party.country):
            found.append(f"{side}_country")
    is_credit = invoice.type_code in CREDIT_TYPES
    is_corrective = invoice.type_code in CORRECTIVE_TYPES
    references = invoice.preceding
    if (is_credit and not references) or (is_corrective and len(references) != 1):
        found.append("reference")
    elif (is_credit or is_corrective) and not all(day for _name, day in references):
        found.append("reference_date")
    for share in invoice.shares:
        if share.rate not in RATES:
            found.append("rate")
        if share.category == "E" and not (share.reason and share.reason_code):
            found.append("exemption")
    return list(dict.fromkeys(found))
