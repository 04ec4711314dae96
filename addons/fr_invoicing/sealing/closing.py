# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Closing totals of sealed sales and payments, by day, month and financial year.

CGI art. 286 I 3° bis and BOI-TVA-DECLA-30-10-30: cumulative figures of the period and a
perpetual total that nothing resets. A closing covers a run of links, not of dates: what
was sealed since the closing before. So a closed figure never moves, and an invoice
dated in the past is counted on the day it was recorded.
"""

from dataclasses import dataclass, fields
from decimal import Decimal

PERIODS = ("day", "month", "year")
MONEY_JOURNALS = ("bank", "cash", "credit")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums in the company's currency; credit notes and refunds count negative.

    documents: number of documents sealed (amendments are no new documents)
    untaxed, tax, total: of these documents
    collected: paid on documents less what was taken back
    consumer: the part of it paid by customers who are not taxable
    """

    documents: int = 0
    untaxed: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    collected: Decimal = ZERO
    consumer: Decimal = ZERO

    def __add__(self, other):
        return Totals(
            *(a + b for a, b in zip(_values(self), _values(other), strict=True))
        )

    def __sub__(self, other):
        return Totals(
            *(a - b for a, b in zip(_values(self), _values(other), strict=True))
        )

    def as_dict(self):
        return dict(zip(NAMES, _values(self), strict=True))


NAMES = tuple(field.name for field in fields(Totals))
NOTHING = Totals()


def _values(totals):
    return [getattr(totals, name) for name in NAMES]


def totals_of(kind, revision, payload):
    """Give what one sealed fact adds to a closing.

    :param str kind: of the link
    :param int revision: only the first seal of a document counts
    :param dict payload: as sealed (see content.py and the seal of payments)
    :rtype: Totals
    """
    if kind == "entry" and revision == 1:
        values = payload["fields"]
        return Totals(
            documents=1,
            untaxed=Decimal(values.get("amount_untaxed_signed", 0)),
            tax=Decimal(values.get("amount_tax_signed", 0)),
            total=Decimal(values.get("amount_total_signed", 0)),
        )
    if kind == "payment" and payload["counterpart"]["journal_type"] in MONEY_JOURNALS:
        amount = Decimal(payload["partial"]["amount"])
        if payload["sale"] in ("out_refund", "in_invoice"):
            amount = -amount
        if payload["event"] == "released":
            amount = -amount
        return Totals(
            collected=amount, consumer=amount if payload["consumer"] else ZERO
        )
    return NOTHING
