# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sums of consumers' sales (10.3) and of payments (10.2, 10.4).

Sums only: amounts come rounded from the ledger, so the report closes to it. Summing
rows that the database has summed already gives the same, so one function serves both.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Sale:
    """Part of consumers' sales at one rate.

    day: issue date of the document
    basis: without VAT, in `currency`; negative on a credit note
    tax: VAT in euros
    """

    day: date
    currency: str
    category: str
    due: str
    rate: Decimal
    basis: Decimal
    tax: Decimal

    @property
    def group(self):
        """Give what one Transactions block is about."""
        return self.day, self.currency, self.category, self.due


@dataclass(frozen=True, slots=True)
class RateShare:
    """TG-32: what one rate weighs."""

    rate: Decimal
    basis: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class DaySales:
    """TG-31: sales of one day, currency, category and moment when VAT falls due."""

    day: date
    currency: str
    category: str
    due: str
    count: int
    shares: tuple[RateShare, ...]

    @property
    def basis(self):
        """Give TT-82, without VAT, in the currency."""
        return sum((share.basis for share in self.shares), ZERO)

    @property
    def tax(self):
        """Give TT-83, VAT in euros."""
        return sum((share.tax for share in self.shares), ZERO)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Part of a payment at one rate.

    invoice, issued: number and date of the invoice for 10.2; "" and None for 10.4
    amount: VAT included, in euros; negative when money went back
    """

    day: date
    rate: Decimal
    amount: Decimal
    invoice: str = ""
    issued: date | None = None


@dataclass(frozen=True, slots=True)
class DayReceipts:
    """TG-34 (with an invoice) or TG-37: amounts collected on one day, by rate."""

    day: date
    shares: tuple[tuple[Decimal, Decimal], ...]
    invoice: str = ""
    issued: date | None = None

    @property
    def amount(self):
        """Give what was collected that day, VAT included, in euros."""
        return sum((amount for _rate, amount in self.shares), ZERO)


def day_sales(sales: Iterable[Sale], counts: Mapping) -> tuple[DaySales, ...]:
    """Sum consumers' sales by day, currency, category and rate.

    :param sales: rows, summed already or not, in any order
    :param counts: Sale.group -> number of documents (TT-85)
    """
    groups = defaultdict(lambda: defaultdict(lambda: [ZERO, ZERO]))
    for sale in sales:
        cell = groups[sale.group][sale.rate]
        cell[0] += sale.basis
        cell[1] += sale.tax
    return tuple(
        DaySales(
            *group,
            count=counts.get(group, 0),
            shares=tuple(
                RateShare(rate, *rates[rate]) for rate in sorted(rates, reverse=True)
            ),
        )
        for group, rates in sorted(groups.items())
    )


def day_receipts(receipts: Iterable[Receipt]) -> tuple[DayReceipts, ...]:
    """Sum payments by invoice (10.2) or none (10.4), day and rate.

    A rate whose payments of the day cancel out is not said: nothing was collected.
    """
    groups = defaultdict(lambda: defaultdict(lambda: ZERO))
    for receipt in receipts:
        group = (receipt.invoice, receipt.issued, receipt.day)
        groups[group][receipt.rate] += receipt.amount
    found = []
    for (invoice, issued, day), rates in sorted(
        groups.items(), key=lambda item: (item[0][2], item[0][0])
    ):
        shares = tuple(
            (rate, rates[rate]) for rate in sorted(rates, reverse=True) if rates[rate]
        )
        if shares:
            found.append(DayReceipts(day, shares, invoice, issued))
    return tuple(found)
