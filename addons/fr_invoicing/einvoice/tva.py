# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""French VAT as dated data: rates in force, regimes and their EN 16931 codes.

The tables are the CSV files of `data/`, each row with its dates and its source. TVA
itself is computed by Odoo; here is only what it means on an electronic invoice.
"""

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data")

# BT-8 as CII writes it (UNTDID 2475): XP Z12-012
ON_INVOICE = "5"
ON_DELIVERY = "29"
ON_PAYMENT = "72"

GOODS = "goods"
SERVICES = "services"
MIXED = "mixed"
# BT-23, first letter (BR-FR-08)
PROCESS_LETTERS = {GOODS: "B", SERVICES: "S", MIXED: "M"}

# BR-FR-15 accepts Z too, the zero rate, which French law does not have
CATEGORIES = frozenset({"S", "E", "AE", "K", "G", "O"})

# scope of a regime, see VatRegime
SCOPE_OUT = "out"
SCOPE_MARGIN = "margin"
SCOPE_FOREIGN = "foreign"

# services located abroad: the company chooses between G and O (see docs)
SERVICES_ABROAD = frozenset({"export_services", "overseas_services"})

# categories whose rate is zero and which need a reason (EN 16931 BR-E-10 and sisters)
EXEMPT_CATEGORIES = frozenset({"E", "AE", "K", "G", "O"})


@dataclass(frozen=True, slots=True)
class VatRate:
    """A rate in force between two dates (both included, None is open)."""

    code: str
    rate: Decimal
    territory: str
    valid_from: date | None
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class VatRegime:
    """Why a line bears this VAT: category, VATEX code, key of the mention.

    scope: "" ordinary; SCOPE_OUT not reported to the state (exempt under CGI 261 to
        261 E, outside VAT); SCOPE_MARGIN margin scheme; SCOPE_FOREIGN VAT of another
        member state (OSS), which no French electronic invoice may carry
    """

    code: str
    category: str
    vatex: str
    mention: str
    source: str
    scope: str = ""
    valid_from: date | None = None
    valid_to: date | None = None


def in_force(valid_from, valid_to, day):
    """Say whether a dated row applies on a day (both ends included)."""
    return (not valid_from or valid_from <= day) and (not valid_to or day <= valid_to)


@cache
def rates():
    """Give every known rate.

    :rtype: tuple[VatRate]
    """
    return tuple(
        VatRate(
            code=row["code"],
            rate=Decimal(row["rate"]),
            territory=row["territory"],
            valid_from=_day(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
            source=row["source"],
        )
        for row in _rows("vat_rate.csv")
    )


@cache
def regimes():
    """Give the regimes by code.

    :rtype: dict[str, VatRegime]
    """
    return {
        row["code"]: VatRegime(
            code=row["code"],
            category=row["category"],
            vatex=row["vatex"],
            mention=row["mention"],
            source=row["source"],
            scope=row["scope"],
            valid_from=_day(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
        )
        for row in _rows("vat_regime.csv")
    }


def is_rate_in_force(rate, day):
    """Say whether France knows this rate on this day.

    >>> is_rate_in_force(Decimal("19.6"), date(2013, 6, 1))
    True
    >>> is_rate_in_force(Decimal("19.6"), date(2026, 11, 1))
    False
    """
    return any(
        row.rate == rate and in_force(row.valid_from, row.valid_to, day)
        for row in rates()
    )


def nature(natures):
    """Give the nature of a document from those of its lines.

    >>> nature([SERVICES, GOODS])
    'mixed'

    :param natures: GOODS or SERVICES, one per line
    :return: GOODS, SERVICES or MIXED; SERVICES when there is no line
    """
    found = set(natures)
    if found == {GOODS, SERVICES}:
        return MIXED
    return found.pop() if found else SERVICES


def process_code(document_nature, is_final_after_deposit=False):
    """Give BT-23: letter of the nature, then the frame (1, or 4 after deposit)."""
    return PROCESS_LETTERS[document_nature] + ("4" if is_final_after_deposit else "1")


def vat_point_code(document_nature, on_debits=False, is_deposit=False):
    """Give BT-8, when VAT falls due (CGI 269-2): by nature and by option.

    Goods: on delivery; services: on payment, or on the invoice for a seller that opted
    for debits; deposits: on payment, for goods too since 2023. The document has one
    code: goods beside services get none, and the reader applies the common law.

    >>> vat_point_code(SERVICES), vat_point_code(SERVICES, on_debits=True)
    ('72', '5')

    :param document_nature: GOODS, SERVICES or MIXED
    :param bool on_debits: the seller opted to pay VAT on services when invoicing
    :param bool is_deposit: the document asks for a deposit
    :return: ON_PAYMENT, ON_INVOICE, ON_DELIVERY or ""
    """
    if document_nature == SERVICES:
        return ON_INVOICE if on_debits else ON_PAYMENT
    if is_deposit:
        return ON_PAYMENT
    return ON_DELIVERY if document_nature == GOODS else ""


def _rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _day(text):
    return date.fromisoformat(text) if text else None
