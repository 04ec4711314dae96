# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""How a payment divides over the VAT rates of an invoice.

Status 212 "encaissée" (XP Z12-012, BR-FR-CDV-14) and flux 10.2/10.4 want the amount
collected per rate, VAT included. A payment knows no rates, so it is divided in
proportion to what each rate weighs in the invoice, VAT included.

Invariants, whatever the rates, amounts and signs:

- the parts of a payment add up to the payment, to the cent;
- payments that together settle the invoice add up, rate by rate, to the invoice's own
  basis and VAT: each payment gets what is due after it less what was due before it;
- a payment taken back (bounced, matched by mistake) takes back exactly its parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from .errors import DocumentError


@dataclass(frozen=True, slots=True)
class TaxShare:
    """What one rate weighs in an invoice (BG-23).

    category, rate: EN 16931 category and percent (None for category O)
    basis, amount: base and VAT in invoice currency, positive on an invoice
    on_payment: VAT falls due when the customer pays (CIBS art. L 212-5, CGI 269-2 c)
    """

    category: str
    rate: Decimal | None
    basis: Decimal
    amount: Decimal
    on_payment: bool = True


@dataclass(frozen=True, slots=True)
class CollectedPart:
    """The part of one payment that belongs to one rate: gross = basis + tax."""

    category: str
    rate: Decimal | None
    basis: Decimal
    tax: Decimal
    on_payment: bool = True

    @property
    def gross(self):
        """Give the amount collected, VAT included (MDT-215 with MEN)."""
        return self.basis + self.tax


@dataclass(frozen=True, slots=True)
class CollectedEvent:
    """Money that came in for an invoice, or went back.

    date: day of the payment, as VAT on payments counts it
    amount: invoice currency, VAT included; negative when money went back
    key: stable for ever, unique in the database
    amount_company: the same in the company's currency, at the ledger's rate
    """

    date: date
    amount: Decimal
    key: str
    currency: str = "EUR"
    amount_company: Decimal | None = None


def split(
    collected: Decimal,
    taxes: Sequence,
    before: Decimal = Decimal(0),
    places: int = 2,
) -> tuple[CollectedPart, ...]:
    """Divide a payment over the rates of its invoice.

    >>> shares = [
    ...     TaxShare("S", Decimal(20), Decimal("100.00"), Decimal("20.00")),
    ...     TaxShare("S", Decimal("5.5"), Decimal("100.00"), Decimal("5.50")),
    ... ]
    >>> [(part.rate, part.basis, part.tax) for part in split(Decimal(100), shares)]
    [(Decimal('20'), Decimal('44.35'), Decimal('8.87')), (Decimal('5.5'), Decimal('44.34'), Decimal('2.44'))]

    :param collected: VAT included, in invoice currency; negative when money went back
    :param taxes: TaxShare or TaxSubtotal, one per rate, as on the invoice
    :param before: what was already collected before this payment
    :param places: decimals of the currency
    :return: one part per rate, in the order given; parts of zero are kept
    :raise DocumentError: the invoice weighs nothing, so there is no proportion
    """  # noqa: E501 - the doctest cannot be broken
    now = _cumulated(before + collected, taxes, places)
    earlier = _cumulated(before, taxes, places)
    return tuple(
        CollectedPart(
            category=tax.category,
            rate=tax.rate,
            basis=new[0] - old[0],
            tax=new[1] - old[1],
            on_payment=getattr(tax, "on_payment", True),
        )
        for tax, new, old in zip(taxes, now, earlier, strict=True)
    )


def largest_remainder(total: Decimal, weights: Sequence[Decimal], places: int = 2):
    """Cut a total in parts proportional to weights, which add up to it exactly.

    The last cents go to the parts that lost most by rounding down; equal losses go to
    the earlier part, and a weight of zero gets nothing.

    >>> largest_remainder(Decimal("0.05"), [Decimal(1), Decimal(1), Decimal(1)])
    [Decimal('0.02'), Decimal('0.02'), Decimal('0.01')]
    """
    whole = sum(weights, Decimal(0))
    if not whole:
        raise DocumentError("collected_without_weight")
    unit = Decimal(1).scaleb(-places)
    exact = [total * weight / whole for weight in weights]
    parts = [value.quantize(unit, rounding=ROUND_FLOOR) for value in exact]
    missing = int((total - sum(parts, Decimal(0))) / unit)
    order = sorted(
        (index for index, weight in enumerate(weights) if weight),
        key=lambda index: (parts[index] - exact[index], index),
    )
    for index in order[:missing]:
        parts[index] += unit
    return parts


def _cumulated(collected, taxes, places):
    """Give (basis, tax) per rate once `collected` has come in, all told."""
    if not collected:
        return [(Decimal(0), Decimal(0)) for _tax in taxes]
    weights = []
    for tax in taxes:
        weights += [tax.basis, tax.amount]
    parts = largest_remainder(collected, weights, places)
    return list(zip(parts[::2], parts[1::2], strict=True))
