# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The XML of a flux 10 report, written by pyfrctc; the one place that knows it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from pyfrctc.ereporting import (
    generate_ereporting_payments,
    generate_ereporting_transactions,
)

from .aggregate import ZERO, DayReceipts, DaySales
from .errors import EreportingError

INITIAL = "IN"
RECTIFYING = "RE"
# G2.19: kind of identifier of a party
SIREN, EU_VAT, NOT_EU, RIDET, TAHITI = "0002", "0223", "0227", "0228", "0229"


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or buyer of 10.1.

    scheme: G2.19; identifier: at most 18 characters
    """

    scheme: str
    identifier: str
    vat: str
    country: str


@dataclass(frozen=True, slots=True)
class VatShare:
    """TG-23: what one VAT category and rate weighs, in invoice currency."""

    category: str
    rate: Decimal
    basis: Decimal
    tax: Decimal
    reason: str = ""
    reason_code: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """TG-8: a sale to, or a purchase from, a business abroad.

    tax_euro: total VAT in euros (TT-52), `shares` are in `currency`
    preceding: (number, issue date or None) of the invoices it corrects
    period: (start, end) of what is billed, or None
    """

    number: str
    issue_date: date
    type_code: str
    process_code: str
    currency: str
    seller: Party
    buyer: Party
    shares: tuple[VatShare, ...]
    tax_euro: Decimal
    due_date: date | None = None
    due: str = ""
    preceding: tuple[tuple[str, date | None], ...] = ()
    delivery_date: date | None = None
    delivery_country: str = ""
    period: tuple[date, date] | None = None

    @property
    def basis(self):
        """Give the total without VAT (TT-51)."""
        return sum((share.basis for share in self.shares), ZERO)


@dataclass(frozen=True, slots=True)
class Header:
    """TB-1: who declares what, through which platform.

    identifier: of this report, unique for the company, at most 50 characters
    issued_at: local French time
    is_rectifying: the report annuls and replaces those sent before for the period
    platform_code: four characters the tax office gave the platform
    is_buyer: purchases are declared as buyer (BY), the rest as seller (SE)
    """

    identifier: str
    name: str
    issued_at: datetime
    is_rectifying: bool
    platform_code: str
    platform_name: str
    siren: str
    company: str
    is_buyer: bool
    start: date
    end: date

    def __post_init__(self):
        if len(self.platform_code) != 4:
            raise EreportingError("platform_code", value=self.platform_code)
        if not (self.siren.isdigit() and len(self.siren) == 9):
            raise EreportingError("company_siren", company=self.company)


def write_transactions(
    header: Header, invoices: tuple[Invoice, ...], sales: tuple[DaySales, ...]
) -> bytes:
    """Write a report of transactions (10.1 and 10.3).

    :raise pyfrctc ValueError: the XSD refuses it
    """
    return generate_ereporting_transactions(
        {
            **_header(header),
            "TT-17": header.start,
            "TT-18": header.end,
            "TG-8": [_invoice(invoice) for invoice in invoices],
            "TG-31": [_sales(block) for block in sales],
        }
    )


def write_payments(header: Header, receipts: tuple[DayReceipts, ...]) -> bytes:
    """Write a report of payments (10.2 and 10.4).

    :raise pyfrctc ValueError: the XSD refuses it
    """
    return generate_ereporting_payments(
        {
            **_header(header),
            "TT-89": header.start,
            "TT-90": header.end,
            "TG-34": [
                {
                    "TT-91": block.invoice,
                    "TT-102": block.issued,
                    "TT-92": block.day,
                    "TG-36": [
                        {"TT-93": text(rate), "TT-94": "EUR", "TT-95": money(amount)}
                        for rate, amount in block.shares
                    ],
                }
                for block in receipts
                if block.invoice
            ],
            "TG-37": [
                {
                    "TT-96": block.day,
                    "TG-39": [
                        {"TT-97": text(rate), "TT-98": "EUR", "TT-99": money(amount)}
                        for rate, amount in block.shares
                    ],
                }
                for block in receipts
                if not block.invoice
            ],
        }
    )


def money(amount):
    """Write an amount with two decimals (G1.14).

    >>> money(Decimal("-7"))
    '-7.00'
    """
    return f"{amount:.2f}"


def text(figure):
    """Write a rate without useless zeros.

    >>> text(Decimal("20.00")), text(Decimal("5.50"))
    ('20', '5.5')
    """
    return f"{figure.normalize():f}"


def _header(header):
    return {
        "TT-1": header.identifier,
        "TT-2": header.name,
        "TT-3": header.issued_at,
        "TT-4": RECTIFYING if header.is_rectifying else INITIAL,
        "TT-7": "0238",
        "TT-8": header.platform_code,
        "TT-9": header.platform_name,
        "TT-10": "WK",
        "TT-12": SIREN,
        "TT-13": header.siren,
        "TT-14": header.company,
        "TT-15": "BY" if header.is_buyer else "SE",
    }


def _invoice(invoice):
    values = {
        "BT-1": invoice.number,
        "BT-2": invoice.issue_date,
        "BT-3": invoice.type_code,
        "BT-5": invoice.currency,
        "BT-8": invoice.due,
        "BT-9": invoice.due_date,
        "BT-23": invoice.process_code,
        "BG-3": [
            {"BT-25": number, "BT-26": issued} for number, issued in invoice.preceding
        ],
        "BG-4": _party(invoice.seller),
        "BG-7": _party(invoice.buyer),
        "BT-72": invoice.delivery_date,
        "BT-109": money(invoice.basis),
        "BT-110": money(invoice.tax_euro),
        "BG-23": [
            {
                "BT-116": money(share.basis),
                "BT-117": money(share.tax),
                "BT-118": share.category,
                "BT-119": text(share.rate),
                "BT-120": share.reason,
                "BT-121": share.reason_code,
            }
            for share in invoice.shares
        ],
    }
    if invoice.delivery_country:
        values["BG-13"] = {"country_code": invoice.delivery_country}
    # G6.25 wants the end after the start, so a single day is not said
    if invoice.period and invoice.period[0] < invoice.period[1]:
        values["BT-73"], values["BT-74"] = invoice.period
    return values


def _party(party):
    return {
        "legal_identifier": party.identifier,
        "legal_identifier_schemeid": party.scheme,
        "vat_identifier": party.vat,
        "country_code": party.country,
    }


def _sales(block):
    return {
        "TT-77": block.day,
        "TT-78": block.currency,
        "TT-80": block.due,
        "TT-81": block.category,
        "TT-82": money(block.basis),
        "TT-83": money(block.tax),
        "TT-85": block.count,
        "TG-32": [
            {
                "TT-86": text(share.rate),
                "TT-87": money(share.basis),
                "TT-88": money(share.tax),
            }
            for share in block.shares
        ],
    }
